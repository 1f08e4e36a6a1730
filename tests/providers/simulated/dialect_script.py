"""What the SDKs of all dialects are tried on."""

from __future__ import annotations

from typing import Any

from freehold.providers.simulated import (
    Behaviour,
    Citation,
    ErrorEvent,
    Malformed,
    Reasoning,
    Refused,
    Script,
    ToolCall,
    UsageNumbers,
)

CALLS = (ToolCall("add", '{"a": 1}'), ToolCall("add", '{"a": 2}', id="call_own"))
THOUGHT = Reasoning(text="Let me see.", required=True)
SCRIPT = Script(
    seed=3,
    key="sk-right",
    models={
        "plain": Behaviour(text="one two three"),
        "thinks": Behaviour(text="one two", reasoning=THOUGHT),
        "sums": Behaviour(text="one two", reasoning=Reasoning(summary=("First part.", "Second part."))),
        "silent": Behaviour(text="one two", reasoning=Reasoning()),
        "hides": Behaviour(text="one two", reasoning=Reasoning(text="secret", state="redacted")),
        "calls": Behaviour(text="Wait.", reasoning=THOUGHT, tool_calls=CALLS),
        "cites": Behaviour(
            text="It rains. Yes.",
            citations=(Citation(url="https://a.example", title="A", quote="rain", end=9),),
        ),
        "declines": Behaviour(refusal="I will not."),
        "counts": Behaviour(
            text="a b",
            usage=UsageNumbers(
                input_tokens=100,
                output_tokens=20,
                cache_read_tokens=60,
                cache_write_tokens=30,
                reasoning_tokens=7,
            ),
        ),
        "busy": Behaviour(faults=(Refused(status=429, retry_after="7"),)),
        "breaks": Behaviour(faults=(ErrorEvent(after=3),)),
        "garbled": Behaviour(faults=(Malformed(after=2),)),
    },
)
ALIKE = [name for name in SCRIPT.models if name not in ("busy", "breaks", "garbled")]
HELLO: Any = [{"role": "user", "content": "hello"}]
