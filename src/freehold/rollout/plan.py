"""The plan of a rollout: its stages, as people write them: `shadow:500,canary:1%,5%,25%,cutover`."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean

Kind = Literal["shadow", "canary", "cutover"]
"""
shadow   the candidate gets copies of calls that others answer
canary   it answers a share of the conversations
cutover  it answers all of them
"""
DEFAULT = "shadow:500,canary:1%,5%,25%,cutover"
MOST_COPIES = 1_000_000
_MOST_STAGES = 20
_SHARE = re.compile(r"(?:canary:)?(\d{1,2}(?:\.\d{1,4})?)%")
_WHOLE = re.compile(r"(?:canary:)?100(?:\.0+)?%")
_BARE = re.compile(r"(?:canary:)?(\d{1,2}(?:\.\d{1,4})?)")
_SHADOW = re.compile(r"shadow:(\d{1,9})")
_HINT = f"A plan looks like `{DEFAULT}`; `shadow` and the shares may be left out."


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stage of a plan."""

    kind: Kind
    share: float = 0.0
    """The share of the conversations that the candidate answers, 0 … 1."""
    copies: int = 0
    """Calls that are copied, in shadow."""

    @property
    def name(self) -> str:
        """As it is written in a plan, and named in `promote --from`: `shadow`, `5%`, `cutover`."""
        return _percent(self.share) if self.kind == "canary" else self.kind


class Plan(msgspec.Struct, frozen=True):
    """Stages in their order; the last one is `cutover`."""

    stages: tuple[Stage, ...]

    @property
    def text(self) -> str:
        """As people write it."""
        written, before = [], None
        for stage in self.stages:
            word = f"shadow:{stage.copies}" if stage.kind == "shadow" else stage.name
            first = stage.kind == "canary" and before != "canary"
            written.append(f"canary:{word}" if first else word)
            before = stage.kind
        return ",".join(written)


def parse_plan(text: str) -> Plan:
    """The plan that a text says. Raises BadRequest, which names the stage that is wrong."""
    words = [word.strip().lower() for word in text.split(",")]
    if len(words) > _MOST_STAGES:
        raise BadRequest(
            f"A plan has at most {_MOST_STAGES} stages, and this one {len(words)}.", param="plan"
        )
    stages = [_stage(word) for word in words]
    for before, stage in pairwise(stages):
        _check_order(before, stage)
    if stages[-1].kind != "cutover":
        raise BadRequest(
            f"The plan ends with `{stages[-1].name}`, and the last stage is `cutover`.",
            hint=_HINT,
            param="plan",
        )
    return Plan(tuple(stages))


def _stage(word: str) -> Stage:
    if word == "cutover":
        return Stage("cutover", share=1.0)
    if (found := _SHADOW.fullmatch(word)) is not None:
        copies = int(found[1])
        if not 1 <= copies <= MOST_COPIES:
            raise BadRequest(
                f"`{word}` copies {copies:,} calls, and it may be 1 to {MOST_COPIES:,}.", param="plan"
            )
        return Stage("shadow", copies=copies)
    if (found := _SHARE.fullmatch(word)) is not None:
        share = float(Decimal(found[1]) / 100)
        if share <= 0.0:
            raise BadRequest(f"`{word}` lets the candidate answer nothing.", hint=_HINT, param="plan")
        return Stage("canary", share=share)
    if _WHOLE.fullmatch(word) is not None:
        raise BadRequest(f"`{word}` is everybody, and that is called `cutover`.", hint=_HINT, param="plan")
    if (found := _BARE.fullmatch(word)) is not None:
        raise BadRequest(
            f"`{word}` does not say that it is a share.",
            hint=f"Write it: `canary:{found[1]}%`.",
            param="plan",
        )
    if word == "shadow":
        raise BadRequest(
            "`shadow` does not say how many calls are copied.", hint="Write it: `shadow:500`.", param="plan"
        )
    raise BadRequest(
        f"`{word[:100]}` is no stage of a plan.",
        hint=did_you_mean(word[:100], ("shadow:500", "canary:1%", "cutover")) or _HINT,
        param="plan",
    )


_RANK = {"shadow": 0, "canary": 1, "cutover": 2}


def _check_order(before: Stage, stage: Stage) -> None:
    if before.kind == stage.kind == "canary":
        if stage.share <= before.share:
            raise BadRequest(
                f"The stages are out of order: `{stage.name}` follows `{before.name}`.",
                hint="Each share is larger than the one before it.",
                param="plan",
            )
    elif _RANK[stage.kind] <= _RANK[before.kind]:
        raise BadRequest(
            f"The stages are out of order: `{stage.name}` follows `{before.name}`.", hint=_HINT, param="plan"
        )


def _percent(share: float) -> str:
    return f"{(Decimal(repr(share)) * 100).normalize():f}%"
