"""How much a model behind Converse is to think: each family is asked in words of its own."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ReasoningWish
from freehold.wire.bedrock.families import Family

Fields = dict[str, object]

LEAST_BUDGET = 1024
"""Claude takes no less."""
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
_THREE = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_CLAUDE = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}


class Thinking(msgspec.Struct, kw_only=True):
    """What is asked for, and what follows from it."""

    fields: Fields = {}
    """For `additionalModelRequestFields`."""
    budget: int | None = None
    """Tokens that the bound on the answer has to leave room for."""
    claude: bool = False
    """Claude thinks: that rules out some ways of sampling, and forced calls."""
    nova_high: bool = False
    """Nova thinks at its most: that rules out sampling and the bound on the answer."""


def thinking(wish: ReasoningWish | None, family: Family, max_tokens: int | None, losses: Losses) -> Thinking:
    """The wish in the family's words; what of it cannot be said is a loss."""
    if wish is None:
        return Thinking()
    for name in wish.extra:
        losses.add("field", name)
    if wish.shown is not None or wish.summary is not None:
        _shown(wish, family, losses)
    off = wish.mode == "disabled" or wish.effort == "none" or wish.budget == 0
    if family.reasoning == "budget":
        return Thinking() if off else _with_budget(wish, max_tokens, losses)
    if family.reasoning == "adaptive":
        return _adaptive(wish, family, max_tokens, off, losses)
    if family.reasoning == "unknown":
        return _as_said(wish, max_tokens, losses)
    if family.reasoning in ("nova", "effort", "config"):
        return _with_effort(wish, family, off, losses)
    if not off:
        give_up(wish, losses)
    return Thinking()


def give_up(wish: ReasoningWish | None, losses: Losses) -> None:
    """Nothing of the wish is sent."""
    if wish is None:
        return
    if wish.effort is not None or wish.mode is not None:
        losses.add("reasoning.effort")
    if wish.budget is not None:
        losses.add("reasoning.budget")


def _shown(wish: ReasoningWish, family: Family, losses: Losses) -> None:
    # Claude until 4.6 shows its thinking always, and no family takes the kind of a summary.
    hides = wish.shown is False and wish.summary is None and family.reasoning == "adaptive"
    if wish.summary in ("concise", "detailed"):
        losses.add("reasoning.shown")
    elif wish.shown is False and not hides:
        losses.suspect("reasoning.shown")


def _with_budget(wish: ReasoningWish, max_tokens: int | None, losses: Losses) -> Thinking:
    if wish.budget is not None and wish.budget > 0:
        wanted, loss = wish.budget, "reasoning.budget"
    else:
        wanted, loss = _BUDGETS.get(wish.effort or "medium", _BUDGETS["medium"]), "reasoning.effort"
        if wish.effort is not None and wish.effort not in _BUDGETS:
            losses.add(loss)
    budget = max(wanted, LEAST_BUDGET)
    if max_tokens is not None and budget >= max_tokens:
        budget = max_tokens - 1
    if budget < LEAST_BUDGET:
        give_up(wish, losses)
        return Thinking()
    if budget != wanted:
        losses.add(loss)
    return Thinking(
        fields={"thinking": {"type": "enabled", "budget_tokens": budget}}, budget=budget, claude=True
    )


def _adaptive(
    wish: ReasoningWish, family: Family, max_tokens: int | None, off: bool, losses: Losses
) -> Thinking:
    if off:
        return Thinking(fields={"thinking": {"type": "disabled"}})
    if wish.budget is not None and wish.budget > 0:
        if family.takes_budget and wish.effort is None:
            return _with_budget(wish, max_tokens, losses)
        losses.add("reasoning.budget")
    effort = wish.effort
    if effort is None and wish.budget is not None and wish.budget > 0:
        effort = _effort_for(wish.budget)
    form: Fields = {"type": "adaptive"}
    if family.claude is not None and family.claude >= (4, 7) and (wish.shown or wish.summary is not None):
        form["display"] = "summarized"
    elif wish.shown is False:
        form["display"] = "omitted"
    fields: Fields = {"thinking": form}
    if effort is not None:
        said = _CLAUDE.get(effort)
        if said == "xhigh" and family.takes_budget:
            said = "high"
        if said != effort:
            losses.add("reasoning.effort")
        if said is not None:
            fields["output_config"] = {"effort": said}
    return Thinking(fields=fields, claude=True)


def _effort_for(budget: int) -> str:
    return next((effort for effort in ("low", "medium", "high") if budget <= _BUDGETS[effort]), "high")


def _as_said(wish: ReasoningWish, max_tokens: int | None, losses: Losses) -> Thinking:
    """The model is not known. Who speaks of thinking in Claude's words most likely knows which it is."""
    if wish.mode == "adaptive":
        fields: Fields = {"thinking": {"type": "adaptive"}}
        if wish.effort is not None:
            fields["output_config"] = {"effort": wish.effort}
        return Thinking(fields=fields, claude=True)
    if wish.mode == "enabled" and wish.budget:
        return _with_budget(wish, max_tokens, losses)
    if wish.mode != "disabled" and wish.effort != "none" and wish.budget != 0:
        give_up(wish, losses)
    return Thinking()


def _with_effort(wish: ReasoningWish, family: Family, off: bool, losses: Losses) -> Thinking:
    if off:
        if family.reasoning != "nova":
            # These think always; Nova only when asked.
            losses.add("reasoning.effort")
        return Thinking()
    if wish.budget is not None and wish.budget > 0:
        losses.add("reasoning.budget")
    effort = wish.effort or ("medium" if not wish.budget or wish.budget < 0 else _effort_for(wish.budget))
    said = _THREE.get(effort, "medium")
    if wish.effort is not None and said != wish.effort:
        losses.add("reasoning.effort")
    if family.reasoning == "nova":
        form = {"type": "enabled", "maxReasoningEffort": said}
        return Thinking(fields={"reasoningConfig": form}, nova_high=said == "high")
    name = "reasoning_effort" if family.reasoning == "effort" else "reasoning_config"
    return Thinking(fields={name: said})
