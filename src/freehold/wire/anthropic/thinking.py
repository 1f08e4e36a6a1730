"""How much to think: efforts and budgets, whichever the model takes."""

from __future__ import annotations

from typing import NamedTuple

from freehold.core.fields import Fields
from freehold.core.request import ChatRequest, ReasoningWish
from freehold.wire.anthropic.outgoing import Outgoing

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 20480, "max": 23552}
"""Effort -> tokens. The largest leaves room for an answer within the least bound on output of any model that thinks."""
_EFFORTS = (("low", 4096), ("medium", 12288), ("high", 18432))
"""Effort <- fewer tokens than these; more is `xhigh`."""
_ORDER = ("low", "medium", "high", "xhigh", "max")
_LEAST = 1024
"""Tokens: the provider refuses a smaller budget."""


class Thinking(NamedTuple):
    """What is sent."""

    field: object | None = None
    """The request's `thinking`."""
    effort: str | None = None
    """Of `output_config`."""
    budget: int = 0
    """Tokens that the bound on the answer has to leave room for."""
    on: bool = False
    demands_state: bool = False
    """With a budget, the bound on the answer must exceed it, and calls under way must follow signed reasoning."""


def encode_thinking(request: ChatRequest, out: Outgoing) -> Thinking:  # noqa: PLR0911 - one for each kind
    """The wish in the form that the model takes."""
    wish = request.reasoning
    if wish is None:
        return Thinking()
    quirks = out.recipient.quirks
    if "reasoning" in quirks.unsupported or quirks.reasoning_wish == "none":
        out.losses.add("reasoning.effort")
        return Thinking()
    extra = out.own(wish.extra)
    if "thinking" in extra:
        return Thinking(extra["thinking"], _effort(wish.effort, out))
    if wish.mode == "disabled" or wish.budget == 0 or wish.effort == "none":
        field = None if out.abilities.thinking == "none" else {"type": "disabled"}
        return Thinking(field, _effort(wish.effort, out) if wish.effort != "none" else None)
    if wish.mode is None and (out.same or (wish.effort is None and wish.budget is None)):
        _lose_shown(wish, out)
        return Thinking(None, _effort(wish.effort, out))
    if out.abilities.thinking == "none":
        out.losses.add("reasoning.effort")
        return Thinking()
    choice = request.tool_choice
    if not out.same and choice is not None and choice.mode in ("required", "named") and request.tools:
        # The provider refuses to think when a call is forced; a client relies on the call.
        out.losses.add("reasoning.effort")
        return Thinking(None, _effort(wish.effort, out) if out.abilities.effort else None)
    form = "budget" if quirks.reasoning_wish == "thinking" else out.abilities.thinking
    given = wish.budget is not None and wish.budget > 0
    if form == "budget" or (form == "either" and given):
        return _with_budget(wish, out, extra)
    return _adaptive(wish, out, extra)


def _with_budget(wish: ReasoningWish, out: Outgoing, extra: Fields) -> Thinking:
    budget, effort = wish.budget or -1, None
    if out.abilities.effort:
        effort = _effort(wish.effort, out)
    elif wish.effort is not None or budget < 0:
        out.losses.add("reasoning.effort")
    if budget < 0:
        budget = BUDGETS.get(wish.effort or "medium", BUDGETS["medium"])
    if budget < _LEAST and not out.same:
        out.losses.add("reasoning.budget")
        budget = _LEAST
    field = {"type": "enabled", "budget_tokens": budget, **_display(wish, out, default=True), **extra}
    return Thinking(field, effort, budget, on=True, demands_state=True)


def _adaptive(wish: ReasoningWish, out: Outgoing, extra: Fields) -> Thinking:
    effort = _effort(wish.effort, out)
    if wish.budget is not None and wish.budget > 0:
        out.losses.add("reasoning.budget")
        if wish.effort is None:
            budget = wish.budget
            nearest = next((name for name, bound in _EFFORTS if budget < bound), "xhigh")
            effort = _nearest(nearest, out)
    field = {"type": "adaptive", **_display(wish, out, default=False), **extra}
    room = 0 if out.same else BUDGETS.get(effort or "high", 0)
    return Thinking(field, effort, room, on=True)


def _effort(wanted: str | None, out: Outgoing) -> str | None:
    """The nearest effort that the model knows."""
    if wanted is None:
        return None
    if not out.abilities.effort:
        out.losses.add("reasoning.effort")
        return None
    found = _nearest(wanted, out)
    if found != wanted:
        out.losses.add("reasoning.effort")
    return found


def _nearest(wanted: str, out: Outgoing) -> str | None:
    known = out.abilities.efforts
    if wanted == "minimal":
        return known[0]
    if wanted not in _ORDER:
        return wanted if out.same else None
    lower = _ORDER[: _ORDER.index(wanted) + 1]
    return next((effort for effort in reversed(lower) if effort in known), known[0])


def _display(wish: ReasoningWish, out: Outgoing, *, default: bool) -> dict[str, object]:
    """Whether reasoning is shown; `default`: whether the model shows it when nobody says anything."""
    if wish.summary in ("concise", "detailed"):
        out.losses.add("reasoning.shown")
    shown = wish.shown if wish.shown is not None else True if wish.summary is not None else None
    if shown is None or (shown and default and not out.same):
        return {}
    return {"display": "summarized" if shown else "omitted"}


def _lose_shown(wish: ReasoningWish, out: Outgoing) -> None:
    if wish.summary in ("concise", "detailed"):
        out.losses.add("reasoning.shown")
    elif wish.shown is not None or wish.summary is not None:
        out.losses.suspect("reasoning.shown")
