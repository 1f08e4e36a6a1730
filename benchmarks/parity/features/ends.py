"""The form of the answer, why it ends, what it cost, and what is asked of it beside."""

from __future__ import annotations

from typing import Any

from benchmarks.parity.features.numbers import answering
from benchmarks.parity.features.tools import WEATHER
from benchmarks.parity.probes import Probe
from benchmarks.parity.wishes import Form, Wish, said
from freehold.providers.simulated.script import UsageNumbers

_ASKED = said("Where is it? Answer in JSON.")
_PLACE = Form(
    "place",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "lake": {"type": ["string", "null"]}},
        "required": ["city", "lake"],
        "additionalProperties": False,
    },
)
_NESTED = Form(
    "places",
    {
        "type": "object",
        "$defs": {
            "place": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "kind": {"type": "string", "enum": ["town", "village"]},
                },
                "required": ["city", "kind"],
                "additionalProperties": False,
            }
        },
        "properties": {"places": {"type": "array", "items": {"$ref": "#/$defs/place"}}},
        "required": ["places"],
        "additionalProperties": False,
    },
)

STRUCTURED = [
    Probe(
        feature="structured output",
        name="schema",
        asks=(Wish(turns=_ASKED, form=_PLACE),),
        behaves=answering('{"city": "Zürich", "lake": null}'),
    ),
    Probe(
        feature="structured output",
        name="nested schema",
        asks=(Wish(turns=_ASKED, form=_NESTED),),
        behaves=answering('{"places": [{"city": "Zürich", "kind": "town"}]}'),
    ),
    Probe(
        feature="structured output",
        name="any JSON",
        asks=(Wish(turns=_ASKED, json=True),),
        behaves=answering('{"city": "Zürich"}'),
        inbound=("openai-chat", "openai-responses", "gemini"),
    ),
    Probe(
        feature="structured output",
        name="schema beside tools",
        asks=(Wish(turns=_ASKED, form=_PLACE, tools=(WEATHER,)),),
        behaves=answering('{"city": "Zürich", "lake": null}'),
    ),
]


def _end(name: str, wish: Wish | None = None, text: str = "It rains in Zürich.", **more: Any) -> Probe:
    behaves = answering(text, **more)
    return Probe(feature="stop reasons", name=name, asks=(wish or Wish(turns=_ASKED),), behaves=behaves)


STOPS = [
    _end("stop"),
    _end("length", Wish(turns=_ASKED, limit=20), " ".join(["word"] * 40)),
    Probe(
        feature="stop reasons",
        name="stop sequence",
        asks=(Wish(turns=_ASKED, stop=("END", "FIN")),),
        behaves=answering("One two END three."),
        inbound=("openai-chat", "anthropic-messages", "gemini"),
    ),
    *(
        _end(reason.replace("_", " "), finish_reason=reason)
        for reason in ("content_filter", "pause", "context")
    ),
    _end("refusal", refusal="I would rather not."),
]


def _used(name: str, usage: Any) -> Probe:
    return Probe(feature="usage", name=name, asks=(Wish(turns=_ASKED),), behaves=answering(usage=usage))


USAGE = [
    _used("plain", UsageNumbers(120, 30, 0, 0, 0)),
    _used("read from a cache", UsageNumbers(120, 30, 100, 0, 0)),
    _used("written to a cache", UsageNumbers(120, 30, 10, 60, 0)),
    _used("reasoning", UsageNumbers(120, 30, 0, 0, 20)),
    _used("missing", "missing"),
]

_CHOSEN = "n/logprobs/seed"
BESIDE = [
    Probe(feature=_CHOSEN, name="n", asks=(Wish(turns=_ASKED, n=2),)),
    Probe(feature=_CHOSEN, name="logprobs", asks=(Wish(turns=_ASKED, logprobs=3),)),
    Probe(feature=_CHOSEN, name="seed", asks=(Wish(turns=_ASKED, seed=7),)),
]

REST = [*STOPS, *USAGE, *BESIDE]
