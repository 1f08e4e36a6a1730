"""Words, system messages, turns, and how the next word is chosen."""

from __future__ import annotations

from benchmarks.parity.features.numbers import answering
from benchmarks.parity.probes import Follow, Probe
from benchmarks.parity.wishes import Turn, Wish, said

_HELLO = said("Grüezi 你好 👋\n\n\tHow are you?  ")
_DEVELOPER = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "How are you?"},
]

TEXT = [
    Probe(
        feature="text", name="words", asks=(Wish(turns=_HELLO),), behaves=answering("Ça va 👍,\n\n  merci.\n")
    ),
    Probe(
        feature="text",
        name="no bound on the answer",
        asks=(Wish(turns=_HELLO, limit=None),),
        inbound=("openai-chat", "openai-responses", "gemini"),
    ),
    Probe(feature="text", name="temperature", asks=(Wish(turns=_HELLO, temperature=0.3),)),
    Probe(
        feature="text",
        name="high temperature",
        asks=(Wish(turns=_HELLO, temperature=1.5),),
        inbound=("openai-chat", "openai-responses", "gemini"),
    ),
    Probe(feature="text", name="top_p", asks=(Wish(turns=_HELLO, top_p=0.8),)),
    Probe(
        feature="text",
        name="top_k",
        asks=(Wish(turns=_HELLO, top_k=40),),
        inbound=("anthropic-messages", "gemini"),
    ),
    Probe(
        feature="text",
        name="penalties",
        asks=(Wish(turns=_HELLO, presence_penalty=0.5, frequency_penalty=-0.5),),
        inbound=("openai-chat", "gemini"),
    ),
]

SYSTEM = [
    Probe(feature="system", name="one", asks=(Wish(system=("Be brief.",), turns=_HELLO),)),
    Probe(
        feature="system",
        name="several",
        asks=(Wish(system=("Be brief.", "Answer in verse."), turns=_HELLO),),
    ),
    Probe(
        feature="system",
        name="in the middle",
        asks=(
            Wish(
                system=("Be brief.",),
                turns=(
                    Turn("user", ("Hello.",)),
                    Turn("assistant", ("Good day.",)),
                    Turn("system", ("From now on answer in verse.",)),
                    Turn("user", ("How are you?",)),
                ),
            ),
        ),
        inbound=("openai-chat", "openai-responses"),
    ),
    Probe(
        feature="system",
        name="developer",
        asks=(
            Wish(own={"openai-chat": {"messages": _DEVELOPER}, "openai-responses": {"input": _DEVELOPER}}),
        ),
        inbound=("openai-chat", "openai-responses"),
    ),
]

_THREE = (
    Turn("user", ("My name is Ada.",)),
    Turn("assistant", ("Good day, Ada.",)),
    Turn("user", ("What is my name?",)),
)

MULTI_TURN = [
    Probe(feature="multi-turn", name="three turns", asks=(Wish(system=("Be brief.",), turns=_THREE),)),
    Probe(
        feature="multi-turn",
        name="answered and asked again",
        asks=(Wish(turns=said("My name is Ada.")), Follow(text="What is my name?")),
        behaves=answering("Good day, Ada."),
    ),
    Probe(
        feature="multi-turn",
        name="two turns of one role",
        asks=(Wish(turns=(Turn("user", ("My name is Ada.",)), Turn("user", ("What is my name?",)))),),
        inbound=("openai-chat", "openai-responses", "gemini"),
    ),
    Probe(
        feature="multi-turn",
        name="the model speaks first",
        asks=(Wish(turns=(Turn("assistant", ("Good day. Who are you?",)), Turn("user", ("I am Ada.",)))),),
        inbound=("openai-chat", "openai-responses", "gemini"),
    ),
    Probe(
        feature="multi-turn",
        name="the model's beginning is given",
        asks=(Wish(turns=(Turn("user", ("Count to three.",)), Turn("assistant", ("One, two,",)))),),
        inbound=("openai-chat", "anthropic-messages", "gemini"),
    ),
    Probe(
        feature="multi-turn",
        name="gone on from by id",
        asks=(
            Wish(turns=said("My name is Ada."), own={"openai-responses": {"store": True}}),
            Follow(text="What is my name?", by_name=True),
        ),
        behaves=answering("Good day, Ada."),
        inbound=("openai-responses",),
    ),
]

PROBES = [*TEXT, *SYSTEM, *MULTI_TURN]
