"""Requests in the internal form with anything in them, for what must hold for all requests."""

from __future__ import annotations

import base64
from typing import Literal

import msgspec
from hypothesis import strategies as st

from freehold.core.parts import (
    CacheMark,
    Citation,
    Foreign,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    State,
    Text,
    ToolCall,
    ToolResult,
)
from freehold.core.request import (
    ChatRequest,
    HostedTool,
    ReasoningWish,
    ResponseFormat,
    Tool,
    ToolChoice,
)

Role = Literal["system", "developer", "user", "assistant", "tool"]
Mode = Literal["auto", "none", "required", "named"]

_words = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
_names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
_caches = st.none() | st.builds(CacheMark, ttl=st.sampled_from((None, "5m", "1h")))
_extras = st.dictionaries(_names, st.just(msgspec.Raw(b"1")), max_size=1)
_data = st.binary(min_size=1, max_size=4).map(lambda raw: base64.b64encode(raw).decode())
_states = st.none() | st.builds(
    State,
    data=_data,
    kind=st.sampled_from(("signature", "encrypted", "redacted")),
    origin=st.sampled_from((None, "here", "elsewhere")),
)
_schemas = st.none() | st.sampled_from(
    (b'{"type":"object"}', b'{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}')
)

texts = st.builds(
    Text,
    text=_words,
    citations=st.lists(st.builds(Citation, title=st.none() | _words), max_size=1),
    cache=_caches,
    state=_states,
    extra=_extras,
)


@st.composite
def media(draw: st.DrawFn) -> Media:
    """Media with exactly one source."""
    source = draw(st.sampled_from(("data", "url", "file_id", "text")))
    values = {
        "data": _data,
        "url": st.sampled_from(
            ("https://example.com/a.png", "s3://some-bucket/a.pdf", "data:image/png;base64,QUJD")
        ),
        "file_id": _names,
        "text": _words,
    }
    return Media(
        kind=draw(st.sampled_from(("image", "audio", "video", "document"))),
        mime_type=draw(
            st.sampled_from(
                (None, "image/png", "image/tiff", "audio/wav", "video/mp4", "application/pdf", "text/plain")
            )
        ),
        name=draw(st.none() | _words),
        detail=draw(st.sampled_from((None, "low", "auto"))),
        cache=draw(_caches),
        state=draw(_states),
        extra=draw(_extras),
        **{source: draw(values[source])},
    )


_foreign = st.builds(Foreign, dialect=st.just("openai-responses"), kind=_names, raw=st.just(b"{}"))
_calls = st.builds(
    ToolCall,
    id=_words,
    name=_words,
    arguments=st.sampled_from(("", "{}", '{"a": 1}', "[1]", "{not json", "null", '"text"')),
    custom=st.booleans(),
    cache=_caches,
    state=_states,
    extra=_extras,
)
_results = st.builds(
    ToolResult,
    call_id=_words,
    content=st.lists(texts | media() | _foreign, max_size=2),
    structured=st.booleans(),
    failed=st.sampled_from((None, True, False)),
    cache=_caches,
    extra=_extras,
)
_reasoning = st.builds(
    Reasoning, text=_words, summary=st.lists(_words, max_size=1), state=_states, extra=_extras
)
_refusals = st.builds(Refusal, text=_words, extra=_extras)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A message whose parts go with its role."""
    role: Role = draw(st.sampled_from(("system", "developer", "user", "assistant", "tool")))
    parts: st.SearchStrategy[Part] = texts | media() | _foreign
    if role in ("system", "developer"):
        parts = texts
    elif role == "assistant":
        parts = texts | media() | _foreign | _calls | _reasoning | _refusals
    elif role == "tool":
        parts = _results
    return Message(
        role=role,
        parts=draw(st.lists(parts, max_size=3)),
        name=draw(st.none() | _names),
        extra=draw(_extras),
    )


_tools = st.builds(
    Tool,
    name=_names,
    description=st.none() | _words,
    schema=_schemas,
    strict=st.sampled_from((None, True, False)),
    custom=st.booleans(),
    cache=_caches,
    extra=_extras,
)
_hosted = st.builds(HostedTool, dialect=st.just("openai-responses"), kind=_names, raw=st.just(b"{}"))


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """A whole request."""
    tools = draw(st.lists(_tools | _hosted, max_size=2))
    names = tuple(tool.name for tool in tools if isinstance(tool, Tool))
    choice = None
    if draw(st.booleans()):
        mode: Mode = draw(
            st.sampled_from(("auto", "none", "required", "named") if names else ("auto", "none"))
        )
        chosen = names[:1] if mode == "named" else draw(st.sampled_from(((), names)))
        choice = ToolChoice(mode=mode, names=chosen)
    wish = st.builds(
        ReasoningWish,
        effort=st.sampled_from((None, "none", "minimal", "low", "high", "xhigh")),
        budget=st.sampled_from((None, 0, -1, 100, 5000)),
        mode=st.sampled_from((None, "enabled", "disabled", "adaptive")),
        shown=st.sampled_from((None, True, False)),
        summary=st.sampled_from((None, "auto", "detailed")),
        extra=_extras,
    )
    form = st.builds(
        ResponseFormat,
        kind=st.sampled_from(("text", "json", "schema")),
        name=st.none() | _names,
        schema=_schemas,
        extra=_extras,
    )
    return ChatRequest(
        model="route",
        messages=draw(st.lists(messages(), max_size=6)),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=draw(st.sampled_from((None, True, False))),
        response_format=draw(st.none() | form),
        reasoning=draw(st.none() | wish),
        max_tokens=draw(st.sampled_from((None, 1, 2000))),
        temperature=draw(st.sampled_from((None, 0.0, 1.0, 2.0))),
        top_p=draw(st.sampled_from((None, 0.0, 0.5, 1.0))),
        top_k=draw(st.sampled_from((None, 5))),
        stop=draw(st.lists(_words, max_size=2)),
        seed=draw(st.sampled_from((None, 7))),
        n=draw(st.sampled_from((None, 1, 2))),
        logprobs=draw(st.sampled_from((None, True))),
        metadata=draw(st.sampled_from((None, b'{"a":"b"}', b'{"a":{}}', b'{"a":"\\u00e9"}'))),
        service_tier=draw(st.sampled_from((None, "auto", "flex", "scale"))),
        user=draw(st.none() | _words),
        cache=draw(_caches),
        stream=draw(st.booleans()),
        dialect="openai-chat",
        extra=draw(_extras),
    )
