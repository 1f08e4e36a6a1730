"""How much the model is to think: OpenAI's effort, and the other forms that servers know."""

from __future__ import annotations

import msgspec

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.request import ReasoningWish
from freehold.wire.openai_chat.names import Written
from freehold.wire.reading import Object, Unreadable, is_object

_BUDGETS = ((2048, "low"), (8192, "medium"))
"""Up to how many tokens an effort stands for a budget; more is `high`."""
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


def wish_of(request: Object) -> tuple[ReasoningWish | None, Fields]:
    """What any of the fields says, taken out of the request; and the template's other arguments."""
    wish = ReasoningWish(effort=request.take("reasoning_effort", str))
    _read_object(request, wish)
    _read_thinking(request, wish)
    template = _read_template(request, wish)
    return (None if wish == ReasoningWish() else wish), template


def _read_object(request: Object, wish: ReasoningWish) -> None:
    """OpenRouter's `reasoning`."""
    held = request.take_object("reasoning")
    if held is not None:
        wish.effort = held.take("effort", str) or wish.effort
        wish.budget = held.take("max_tokens", int)
        enabled = held.take("enabled", bool)
        if enabled is not None:
            wish.mode = "enabled" if enabled else "disabled"
        excluded = held.take("exclude", bool)
        wish.shown = None if excluded is None else not excluded
        wish.summary = held.take("summary", str)
        wish.extra = held.rest()
    included = request.take("include_reasoning", bool)
    if included is not None and wish.shown is None:
        wish.shown = included


def _read_thinking(request: Object, wish: ReasoningWish) -> None:
    """`thinking: {type}` of Z.ai, DeepSeek and Moonshot, with Anthropic's budget."""
    held = request.take_object("thinking")
    if held is None:
        return
    kind = held.take("type", str)
    if kind in ("enabled", "disabled", "adaptive"):
        wish.mode = kind  # type: ignore[assignment]
    budget = held.take("budget_tokens", int)
    wish.budget = wish.budget if budget is None else budget
    wish.extra = {**wish.extra, **held.rest()}


def _read_template(request: Object, wish: ReasoningWish) -> Fields:
    """`enable_thinking`, at the top (Qwen's own API) or among the template's arguments (vLLM, SGLang)."""
    budget = request.take("thinking_budget", int)
    wish.budget = wish.budget if budget is None else budget
    enabled = request.take("enable_thinking", bool)
    leftover: Fields = {}
    raw = request.take_raw("chat_template_kwargs")
    if raw is not None and is_object(raw):
        held = Object(raw, "chat_template_kwargs")
        for name in ("enable_thinking", "thinking"):
            flag = held.take(name, bool)
            enabled = enabled if flag is None else flag
        leftover = held.rest()
    elif raw is not None:
        raise Unreadable("chat_template_kwargs", "is not an object")
    if enabled is not None and wish.mode is None:
        wish.mode = "enabled" if enabled else "disabled"
    return leftover


def written_wish(wish: ReasoningWish, form: str, losses: Losses, *, same_dialect: bool) -> Written:
    """The wish as fields of a request, in the form that the provider knows: see `Quirks.reasoning_wish`."""
    if form != "object":
        if wish.shown is not None and not (wish.shown and form != "effort"):
            losses.suspect("reasoning.shown")
        if wish.summary in ("concise", "detailed"):
            losses.add("reasoning.shown")
        elif wish.summary is not None:
            losses.suspect("reasoning.shown")
    extra: Fields = {}
    if same_dialect and form in ("object", "thinking"):
        extra = wish.extra
    else:
        for name in wish.extra:
            losses.add("field", name)
    if form == "object":
        return _object(wish, extra, losses, same_dialect=same_dialect)
    if form == "thinking":
        return _thinking(wish, extra, losses, same_dialect=same_dialect)
    if form == "template":
        return _template(wish, losses)
    if form == "effort":
        return _effort(wish, losses, same_dialect=same_dialect)
    if is_on(wish) is not None:
        losses.add("reasoning.budget" if wish.budget is not None else "reasoning.effort")
    return {}


def is_on(wish: ReasoningWish) -> bool | None:
    """Whether thinking is asked for; None when it is left to the model."""
    if wish.mode == "disabled" or wish.effort == "none" or wish.budget == 0:
        return False
    if wish.mode == "enabled" or wish.effort is not None or (wish.budget is not None and wish.budget > 0):
        return True
    return None


def _effort(wish: ReasoningWish, losses: Losses, *, same_dialect: bool) -> Written:
    effort = wish.effort
    if effort is None:
        if is_on(wish) is False:
            effort = "none"
        elif wish.budget is not None and wish.budget > 0:
            effort = next((name for most, name in _BUDGETS if wish.budget <= most), "high")
    if wish.budget is not None and wish.budget > 0:
        losses.add("reasoning.budget")
    if effort is not None and effort not in _EFFORTS and not same_dialect:
        losses.add("reasoning.effort")
        effort = "xhigh"
    return {} if effort is None else {"reasoning_effort": effort}


def _object(wish: ReasoningWish, extra: Fields, losses: Losses, *, same_dialect: bool) -> Written:
    held: Written = {}
    if wish.mode in ("enabled", "disabled"):
        held["enabled"] = wish.mode == "enabled"
    if wish.budget is not None and wish.budget > 0:
        held["max_tokens"] = wish.budget
        if wish.effort is not None and not same_dialect:
            losses.add("reasoning.effort")  # only one of the two may be given
    elif wish.budget == 0:
        held["enabled"] = False
    if wish.effort is not None and ("max_tokens" not in held or same_dialect):
        held["effort"] = wish.effort
    if wish.shown is not None:
        held["exclude"] = not wish.shown
    if wish.summary is not None:
        held["summary"] = wish.summary
    held.update(extra)
    return {"reasoning": held} if held else {}


def _thinking(wish: ReasoningWish, extra: Fields, losses: Losses, *, same_dialect: bool) -> Written:
    written: Written = {}
    on = is_on(wish)
    if on is not None:
        written["thinking"] = {"type": "enabled" if on else "disabled", **extra}
    elif extra:
        written["thinking"] = dict(extra)
    if wish.budget is not None and wish.budget > 0:
        losses.add("reasoning.budget")
    if wish.effort is not None and wish.effort != "none":
        if same_dialect:
            written["reasoning_effort"] = wish.effort
        else:
            losses.add("reasoning.effort")
    return written


def _template(wish: ReasoningWish, losses: Losses) -> Written:
    on = is_on(wish)
    if wish.budget is not None and wish.budget > 0:
        losses.add("reasoning.budget")
    if wish.effort is not None and wish.effort != "none":
        losses.add("reasoning.effort")
    return (
        {}
        if on is None
        else {"chat_template_kwargs": {"enable_thinking": msgspec.Raw(b"true" if on else b"false")}}
    )
