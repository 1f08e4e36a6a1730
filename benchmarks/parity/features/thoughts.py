"""Reasoning: how much of it is asked for, how it is shown, and how it comes back."""

from __future__ import annotations

from typing import Any

from benchmarks.parity.features.numbers import MARK, answering
from benchmarks.parity.features.tools import WEATHER
from benchmarks.parity.probes import Follow, Probe
from benchmarks.parity.wishes import Wish, said
from freehold.providers.simulated import ToolCall
from freehold.providers.simulated.script import Reasoning, UsageNumbers

_ASKED = said("What is the weather in Zürich?")
_NUMBERS = UsageNumbers(input_tokens=120, output_tokens=30, cache_read_tokens=0, reasoning_tokens=12)
_SHOWN = Reasoning(text="They want the weather. I should look.")
_CALL = (ToolCall("get_weather", f'{{"city": "{MARK}"}}'),)


def _thinking(name: str, wish: Wish, reasoning: Reasoning | None = _SHOWN, **more: Any) -> Probe:
    behaves = answering("It rains.", reasoning=reasoning, usage=_NUMBERS if reasoning else answering().usage)
    return Probe(feature="reasoning", name=name, asks=(wish,), behaves=behaves, **more)


REASONING = [
    _thinking("shown", Wish(turns=_ASKED, thoughts=True)),
    _thinking(
        "in two sections",
        Wish(turns=_ASKED, thoughts=True),
        Reasoning(summary=("They want the weather.", "I should look.")),
    ),
    _thinking("state alone", Wish(turns=_ASKED, thoughts=True), Reasoning()),
    _thinking("hidden", Wish(turns=_ASKED, thoughts=True), Reasoning(state="redacted")),
    *(
        _thinking(f"effort {effort}", Wish(turns=_ASKED, effort=effort), None)
        for effort in ("low", "medium", "high")
    ),
    _thinking(
        "effort minimal",
        Wish(turns=_ASKED, effort="minimal"),
        None,
        inbound=("openai-chat", "openai-responses", "gemini"),
    ),
    _thinking(
        "effort xhigh", Wish(turns=_ASKED, effort="xhigh"), None, inbound=("openai-chat", "openai-responses")
    ),
    _thinking("effort max", Wish(turns=_ASKED, effort="max"), None, inbound=("anthropic-messages",)),
    _thinking("off", Wish(turns=_ASKED, effort="none"), None),
    _thinking(
        "at most so many tokens",
        Wish(turns=_ASKED, budget=1500, thoughts=True),
        inbound=("anthropic-messages", "gemini"),
    ),
]

STATEFUL = ("openai-responses", "anthropic-messages", "gemini", "bedrock-converse")
"""Dialects whose providers make state and want it back."""


def _replay(feature: str, **more: Any) -> list[Probe]:
    wish = Wish(turns=_ASKED, tools=(WEATHER,), thoughts=True)
    usage = _NUMBERS
    signed = Reasoning(text=_SHOWN.text, required=True)
    hidden = Reasoning(state="redacted", required=True)
    alone = Reasoning(required=True)
    sections = Reasoning(summary=("They want the weather.", "I should look."), required=True)
    end = answering("21 degrees.")

    def probe(name: str, reasoning: Reasoning, follow: Follow, text: str | None, *, calls: bool) -> Probe:
        first = answering(text, reasoning=reasoning, tool_calls=_CALL if calls else (), usage=usage)
        return Probe(feature=feature, name=name, asks=(wish, follow), behaves=(first, end), **more)

    return [
        probe("with a call", signed, Follow(), None, calls=True),
        probe("with words and a call", signed, Follow(), "Let me look.", calls=True),
        probe("with words", signed, Follow(text="And tomorrow?"), f"It rains in {MARK}.", calls=False),
        probe("in sections", sections, Follow(), None, calls=True),
        probe("hidden, with a call", hidden, Follow(), None, calls=True),
        probe("state alone, with a call", alone, Follow(), None, calls=True),
    ]


PROBES = [
    *REASONING,
    *_replay("reasoning replay"),
    *_replay("reasoning replay after a switch", switched="dialect"),
    *(
        one
        for one in _replay("reasoning replay after a switch", switched="account")
        if one.name in ("with a call", "with words")
    ),
]
