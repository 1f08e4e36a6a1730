"""From a suite's scorers, as they are written, to judges; and which judges are not to judge."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from freehold.compare.case import ScorerSettings
from freehold.compare.judges import pairwise, rubric
from freehold.compare.judges.asking import Ask
from freehold.compare.judges.pairwise import PairwiseJudge
from freehold.compare.judges.prompt import hash_of
from freehold.compare.judges.rubric import RubricJudge
from freehold.compare.judges.settings import RubricSettings, judge_model, read_settings
from freehold.core.errors import BadRequest

Judge = RubricJudge | PairwiseJudge


def judge_of(scorer: ScorerSettings, ask: Ask) -> Judge:
    """The judge, ready to be asked. Raises BadRequest: its settings are wrong, or this is no judge."""
    settings = read_settings(scorer)
    if isinstance(settings, RubricSettings):
        return RubricJudge(settings, ask)
    return PairwiseJudge(settings, ask)


def judge_hash(scorer: ScorerSettings) -> str:
    """The hash that this judge has, under which its scores and checks are kept. Raises BadRequest."""
    settings = read_settings(scorer)
    if isinstance(settings, RubricSettings):
        return hash_of(settings, "rubric", rubric.VERSION)
    return hash_of(settings, "pairwise", pairwise.VERSION)


def check_neutrality(
    scorers: Iterable[ScorerSettings], compared: Collection[str], allowed: Collection[str] = ()
) -> tuple[str, ...]:
    """One sentence for the verdict and the report for each judge that is served by the provider of one of the
    `compared` models, `provider/name`, and is `allowed` by its name. Raises BadRequest: it is not.
    """
    told = []
    for scorer in scorers:
        judge = judge_model(scorer)
        if judge is None:
            continue
        near = sorted(model for model in compared if _provider(model) == _provider(judge))
        if not near:
            continue
        whom = " and ".join(f"`{model}`" for model in near)
        if judge not in allowed:
            raise BadRequest(
                f"The judge `{judge}` is served by the provider of {whom}, which it would judge.",
                hint=f"Take a judge of another provider, or allow this one: `--allow-judge {judge}`.",
                param="judge",
            )
        told.append(
            f"The judge `{judge}` is served by the provider of {whom}, which it judged: it was allowed by name."
        )
    return tuple(told)


def _provider(model: str) -> str:
    return model.partition("/")[0]
