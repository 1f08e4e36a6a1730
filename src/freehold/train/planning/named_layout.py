"""A layout as people write it: `dp=64,tp=8,pp=16,zero=1`."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.train.planning.architecture import Architecture
from freehold.train.planning.constants import MOST_INTERLEAVED
from freehold.train.planning.layout import Layout, Recompute, Zero


class NamedLayout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In the field's letters. What is not told is 1, and ZeRO-1."""

    dp: int = 1
    tp: int = 1
    cp: int = 1
    pp: int = 1
    ep: int = 1
    zero: Zero = 1
    micro: int = 1
    interleaved: int | None = None
    recompute: Recompute = "none"

    def as_layout(self, model: Architecture) -> Layout:
        """The layout for this model. Raises BadRequest where the model cannot be split so."""
        self._check(model)
        usual = max(1, min(MOST_INTERLEAVED, model.layers // self.pp)) if self.pp > 1 else 1
        return Layout(
            data=self.dp,
            tensor=self.tp,
            context=self.cp,
            pipeline=self.pp,
            expert=self.ep,
            zero=self.zero,
            micro=self.micro,
            interleaved=self.interleaved or usual,
            recompute=self.recompute,
        )

    def _check(self, model: Architecture) -> None:
        sizes = (self.dp, self.tp, self.cp, self.pp, self.ep, self.micro, self.interleaved or 1)
        if min(sizes) < 1 or max(sizes) > 10_000_000:
            raise BadRequest("Sizes of a layout are whole numbers from 1.", hint="As `dp=64,tp=8,pp=16`.")
        for letters, size, most, what in (
            ("tp", self.tp, model.heads, "heads"),
            ("pp", self.pp * (self.interleaved or 1), model.layers, "layers"),
            ("ep", self.ep, 1 if model.experts is None else model.experts.count, "experts"),
            ("ep", self.ep, self.dp * self.tp * self.cp, "devices in dp, tp and cp"),
        ):
            if size > most:
                raise BadRequest(
                    f"`{letters}={size}` is more than the model's {most:,} {what}.",
                    hint="Take a smaller one; without `--layout` the fastest is looked for.",
                )


def read_layout(text: str) -> NamedLayout:
    """What was written. Raises BadRequest."""
    values: dict[str, object] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise BadRequest(f"`{part[:50]}` is no part of a layout.", hint="As `dp=64,tp=8,pp=16,zero=1`.")
        values[name] = int(value) if value.isascii() and value.isdigit() and len(value) < 12 else value
    try:
        return msgspec.convert(values, NamedLayout)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"`{text[:100]}` is no layout: {error}",
            hint="As `dp=64,tp=8,pp=16,cp=1,ep=1,zero=1,micro=1,recompute=light`.",
        ) from None
