"""Tools: how they are offered, called, and answered."""

from __future__ import annotations

from typing import Any

from benchmarks.parity.features.files import PICTURE
from benchmarks.parity.features.numbers import answering
from benchmarks.parity.probes import Follow, Probe
from benchmarks.parity.wishes import Call, Picture, Result, Tool, Turn, Wish, said
from freehold.providers.simulated import ToolCall

_ASKED = said("What is the weather in Zürich?")
WEATHER = Tool(
    "get_weather",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Name of the city"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "The weather of a city.",
)
_RICH = Tool(
    "book_flight",
    {
        "type": "object",
        "$defs": {
            "place": {"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}$"}}}
        },
        "properties": {
            "from": {"$ref": "#/$defs/place"},
            "to": {"$ref": "#/$defs/place"},
            "class": {"type": "string", "enum": ["economy", "business"], "default": "economy"},
            "date": {"type": "string", "format": "date"},
            "bags": {"type": "integer", "minimum": 0, "maximum": 3},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "passengers": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
        "required": ["from", "to", "date"],
    },
    "Books a flight.",
)
_CLOCK = Tool("get_time", {"type": "object", "properties": {}}, "The time.")
_CALL = ToolCall("get_weather", '{"city": "Zürich"}')
_STRICT = Tool(WEATHER.name, WEATHER.schema, WEATHER.description, strict=True)
_BOTH = (WEATHER, _CLOCK)
_CUSTOM: dict[str, dict[str, Any]] = {
    "openai-chat": {"tools": [{"type": "custom", "custom": {"name": "run_sql", "description": "Runs SQL."}}]},
    "openai-responses": {"tools": [{"type": "custom", "name": "run_sql", "description": "Runs SQL."}]},
}


def _tools(name: str, wish: Wish, **more: object) -> Probe:
    fields = {"behaves": answering(None, tool_calls=(_CALL,)), **more}
    return Probe(feature="tools", name=name, asks=(wish,), **fields)  # type: ignore[arg-type]


TOOLS = [
    _tools("offered and called", Wish(turns=_ASKED, tools=_BOTH)),
    _tools("offered, not called", Wish(turns=_ASKED, tools=_BOTH), behaves=answering("It rains.")),
    _tools("rich schema", Wish(turns=_ASKED, tools=(_RICH,)), behaves=answering("Gladly.")),
    _tools(
        "text before the call",
        Wish(turns=_ASKED, tools=_BOTH),
        behaves=answering("Let me see.", tool_calls=(_CALL,)),
    ),
    _tools(
        "call without arguments",
        Wish(turns=_ASKED, tools=_BOTH),
        behaves=answering(None, tool_calls=(ToolCall("get_time", ""),)),
    ),
    _tools("auto", Wish(turns=_ASKED, tools=_BOTH, choice="auto")),
    _tools("required", Wish(turns=_ASKED, tools=_BOTH, choice="required")),
    _tools("one by name", Wish(turns=_ASKED, tools=_BOTH, choice="get_weather")),
    _tools("none", Wish(turns=_ASKED, tools=_BOTH, choice="none"), behaves=answering("I may not look.")),
    _tools(
        "strict",
        Wish(turns=_ASKED, tools=(_STRICT,)),
        inbound=("openai-chat", "openai-responses", "anthropic-messages"),
    ),
    _tools(
        "invalid arguments",
        Wish(turns=_ASKED, tools=_BOTH),
        behaves=answering(None, tool_calls=(ToolCall("get_weather", '{"city": "Zür'),)),
        inbound=("openai-chat", "openai-responses"),
    ),
    _tools(
        "free text",
        Wish(turns=_ASKED, own=_CUSTOM),
        behaves=answering("I may not look."),
        inbound=("openai-chat", "openai-responses"),
    ),
]

_THREE_CALLS = (
    _CALL,
    ToolCall("get_weather", '{"city": "Bern", "days": [1, 2], "deep": {"a": null, "b": 0.5}}', pieces=7),
    ToolCall("get_time", "{}"),
)

PARALLEL = [
    Probe(
        feature="parallel tools",
        name="three at once",
        asks=(Wish(turns=_ASKED, tools=_BOTH),),
        behaves=answering(None, tool_calls=_THREE_CALLS),
    ),
    Probe(
        feature="parallel tools",
        name="text and three calls",
        asks=(Wish(turns=_ASKED, tools=_BOTH),),
        behaves=answering("Let me look.", tool_calls=_THREE_CALLS),
    ),
    Probe(
        feature="parallel tools",
        name="one at a time, please",
        asks=(Wish(turns=_ASKED, tools=_BOTH, parallel=False),),
        behaves=answering(None, tool_calls=(_CALL,)),
        inbound=("openai-chat", "openai-responses", "anthropic-messages"),
    ),
    Probe(
        feature="parallel tools",
        name="called and answered",
        asks=(Wish(turns=_ASKED, tools=_BOTH), Follow()),
        behaves=(answering(None, tool_calls=_THREE_CALLS), answering("It rains in both.")),
    ),
]


def _result(name: str, *results: Result, **more: object) -> Probe:
    calls = tuple(
        Call(f"call_{n}", "get_weather", f'{{"city": "{city}"}}') for n, city in ((1, "Zürich"), (2, "Bern"))
    )
    wish = Wish(
        turns=(*_ASKED, Turn("assistant", calls[: len(results)]), Turn("user", results)),
        tools=_BOTH,
    )
    return Probe(feature="tool result", name=name, asks=(wish,), **more)  # type: ignore[arg-type]


TOOL_RESULT = [
    _result("words", Result("call_1", "get_weather", "It rains.")),
    _result("an object", Result("call_1", "get_weather", '{"sky": "grey", "degrees": 7}')),
    _result("nothing", Result("call_1", "get_weather", "")),
    _result("two", Result("call_1", "get_weather", "Rain."), Result("call_2", "get_weather", "Snow.")),
    _result(
        "two in another order",
        Result("call_2", "get_weather", "Snow."),
        Result("call_1", "get_weather", "Rain."),
    ),
    _result(
        "failed",
        Result("call_1", "get_weather", "No such city.", failed=True),
        inbound=("anthropic-messages", "gemini"),
    ),
    _result(
        "with a picture",
        Result("call_1", "get_weather", "The radar:", picture=Picture(data=PICTURE)),
        inbound=("openai-responses", "anthropic-messages", "gemini"),
    ),
    Probe(
        feature="tool result",
        name="called and answered",
        asks=(Wish(turns=_ASKED, tools=_BOTH), Follow()),
        behaves=(answering("Let me see.", tool_calls=(_CALL,)), answering("21 degrees.")),
    ),
    Probe(
        feature="tool result",
        name="of a call that is no JSON",
        asks=(
            Wish(
                turns=(
                    *_ASKED,
                    Turn("assistant", (Call("call_1", "get_weather", '{"city": "Zür'),)),
                    Turn("user", (Result("call_1", "get_weather", "No such city."),)),
                ),
                tools=_BOTH,
            ),
        ),
        inbound=("openai-chat", "openai-responses"),
    ),
]

PROBES = [*TOOLS, *PARALLEL, *TOOL_RESULT]
