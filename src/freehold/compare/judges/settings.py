"""How judges are set, in a suite's scorers."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freehold.compare.case import ScorerSettings
from freehold.compare.mistakes import setting_told
from freehold.compare.task_settings import grader_of
from freehold.core.errors import BadRequest

JudgeKind = Literal["rubric-judge", "pairwise-judge"]
RUBRIC: Final = "rubric-judge"
PAIRWISE: Final = "pairwise-judge"
KINDS: Final[tuple[JudgeKind, ...]] = (RUBRIC, PAIRWISE)
MOST_LEVELS = 101

_Model = Annotated[str, Meta(pattern=r"^[^/\s]+/\S+$")]


class JudgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What both kinds of judges have in common."""

    model: _Model
    """Of the catalog: `provider/name`."""
    rubric: str = ""
    """What makes an answer good. Empty: what Freehold says of helpful, right and complete answers."""
    reference: bool = True
    """Show the judge the case's target as an answer that is known to be right."""
    repeats: Annotated[int, Meta(ge=1, le=25)] = 1
    """How often each thing is judged: the verdict is the mean."""
    temperature: Annotated[float, Meta(ge=0, le=2)] | UnsetType | None = UNSET
    """None: not said. When it is not set: 0 for one judgement, not said for several."""
    max_tokens: Annotated[int, Meta(ge=16)] = 1024
    """Of one reply; a budget reckons with as many."""


class RubricSettings(JudgeSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A judge that gives one answer a score."""

    low: int = 1
    """The score of an answer that is worth nothing, which becomes 0."""
    high: int = 5
    """The score of an answer that could not be better, which becomes 1."""

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec tells as a mistake in the settings."""
        if not 1 <= self.high - self.low < MOST_LEVELS:
            raise ValueError(f"`high` has to be above `low`, with {MOST_LEVELS} levels at most")


class PairwiseSettings(JudgeSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A judge that says which of two answers is better."""


AnySettings = RubricSettings | PairwiseSettings


def read_settings(scorer: ScorerSettings) -> AnySettings:
    """The settings of a judge. Raises BadRequest: something is wrong with them, or it is no judge."""
    kinds: dict[str, type[AnySettings]] = {RUBRIC: RubricSettings, PAIRWISE: PairwiseSettings}
    if scorer.kind not in kinds:
        raise BadRequest(
            f"`{scorer.kind}` is no judge.", hint=f"There are {' and '.join(f'`{kind}`' for kind in KINDS)}."
        )
    try:
        return msgspec.json.decode(scorer.settings, type=kinds[scorer.kind])
    except msgspec.DecodeError as error:
        names = ", ".join(f"`{name}`" for name in kinds[scorer.kind].__struct_fields__)
        raise BadRequest(
            f"The settings of `{scorer.kind}` are not understood: {setting_told(error, kinds[scorer.kind])}",
            hint=f"There are {names}; `model` has to be there.",
            param="settings",
        ) from None


def judge_model(scorer: ScorerSettings) -> str | None:
    """The model that judges; None: this scorer asks no model. Raises BadRequest."""
    return read_settings(scorer).model if scorer.kind in KINDS else grader_of(scorer)


def kind_of(settings: AnySettings) -> JudgeKind:
    """The word for it in a suite."""
    return RUBRIC if isinstance(settings, RubricSettings) else PAIRWISE
