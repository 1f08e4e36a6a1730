"""How much to think: `thinkingConfig`, in levels or in tokens."""

from __future__ import annotations

import re

from freehold.core.losses import Losses
from freehold.core.request import ReasoningWish
from freehold.wire.gemini.fields import Camel, Json, spread

_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
_NEAREST_LEVELS = {"none": "MINIMAL", "xhigh": "HIGH", "max": "HIGH"}
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""As Gemini's own endpoint for OpenAI's dialect reads `reasoning_effort`."""
_NEAREST_BUDGETS = {"xhigh": 24576, "max": 24576}
_IN_TOKENS = re.compile(r"gemini-2\.5|gemini-robotics-er-1|gemini-(flash|flash-lite|pro)-2\.5")
_NEVER_THINKS = re.compile(r"gemini-1|gemini-2\.0|gemini-(?:exp|pro-vision)|gemma-[123]")
_CANNOT_STOP = re.compile(r"gemini-2\.5-pro")
_LEAST_OF_PRO = 128
_MOST = 24576
_MOST_OF_PRO = 32768


def wish_in(config: Camel) -> ReasoningWish:
    """A `thinkingConfig`."""
    level = config.take_enum("thinkingLevel")
    return ReasoningWish(
        effort=level.lower() if level else None,
        budget=config.take_whole("thinkingBudget"),
        shown=config.take("includeThoughts", bool),
        extra=config.rest(),
    )


def wish_out(wish: ReasoningWish, model: str, losses: Losses, *, own: bool) -> Json:
    """The `thinkingConfig` that comes nearest to the wish on this model; empty: none is sent."""
    if own:
        return _as_it_came(wish)
    for name in wish.extra:
        losses.add("field", name)
    if wish.summary in ("concise", "detailed"):
        losses.add("reasoning.shown")
    config: Json = {}
    if _NEVER_THINKS.search(model):
        _never(wish, losses)
        return config
    if _IN_TOKENS.search(model):
        _in_tokens(config, wish, model, losses)
    else:
        _in_levels(config, wish, losses)
    off = wish.mode == "disabled" or wish.effort == "none" or wish.budget == 0
    shown = wish.shown
    if shown is None and not off and (wish.summary or wish.mode in ("enabled", "adaptive")):
        shown = True
    if shown is not None:
        config["includeThoughts"] = shown
    return config


def _as_it_came(wish: ReasoningWish) -> Json:
    config: Json = {}
    if wish.effort is not None:
        config["thinkingLevel"] = wish.effort.upper()
    if wish.budget is not None:
        config["thinkingBudget"] = wish.budget
    if wish.shown is not None:
        config["includeThoughts"] = wish.shown
    spread(config, wish.extra)
    return config


def _never(wish: ReasoningWish, losses: Losses) -> None:
    if wish.effort not in (None, "none"):
        losses.add("reasoning.effort")
    if wish.budget not in (None, 0):
        losses.add("reasoning.budget")


def _in_tokens(config: Json, wish: ReasoningWish, model: str, losses: Losses) -> None:
    pro = _CANNOT_STOP.search(model) is not None
    effort = "none" if wish.mode == "disabled" else wish.effort
    if wish.budget is not None and effort != "none":
        budget = wish.budget
        most = _MOST_OF_PRO if pro else _MOST
        if budget > most or (pro and 0 <= budget < _LEAST_OF_PRO):
            losses.add("reasoning.budget")
            budget = most if budget > most else _LEAST_OF_PRO
        config["thinkingBudget"] = budget
        if wish.effort is not None:
            losses.add("reasoning.effort")
    elif effort is not None:
        if effort not in _BUDGETS or (pro and effort == "none"):
            losses.add("reasoning.effort")
        found = _BUDGETS.get(effort, _NEAREST_BUDGETS.get(effort))
        if found is not None:
            config["thinkingBudget"] = max(found, _LEAST_OF_PRO) if pro else found
    elif wish.mode == "adaptive":
        config["thinkingBudget"] = -1


def _in_levels(config: Json, wish: ReasoningWish, losses: Losses) -> None:
    effort = "none" if wish.mode == "disabled" or wish.budget == 0 else wish.effort
    if effort is not None:
        level = _LEVELS.get(effort)
        if level is None:
            losses.add("reasoning.effort")
            level = _NEAREST_LEVELS.get(effort)
        if level is not None:
            config["thinkingLevel"] = level
        if wish.budget:
            losses.add("reasoning.budget")
    elif wish.budget is not None:
        # Newer models take a budget too, but not beside a level.
        config["thinkingBudget"] = wish.budget
