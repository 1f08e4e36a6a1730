"""The events of Cohere's streams, as far as they are read."""

from __future__ import annotations

import msgspec

_ABSENT = msgspec.Raw()


class _Content(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    type: str | None = None


class _ContentMessage(msgspec.Struct):
    content: _Content


class _ContentMessageDelta(msgspec.Struct):
    message: _ContentMessage


class _Plan(msgspec.Struct, gc=False):
    tool_plan: str = ""


class _PlanDelta(msgspec.Struct):
    message: _Plan


class _BegunFunction(msgspec.Struct, gc=False):
    name: str
    arguments: str | None = None


class _BegunCall(msgspec.Struct):
    id: str
    function: _BegunFunction


class _BegunCallMessage(msgspec.Struct):
    tool_calls: _BegunCall


class _BegunCallDelta(msgspec.Struct):
    message: _BegunCallMessage


class _Function(msgspec.Struct, gc=False):
    arguments: str | None = None


class _Call(msgspec.Struct):
    function: _Function


class _CallMessage(msgspec.Struct):
    tool_calls: _Call


class _CallDelta(msgspec.Struct):
    message: _CallMessage


class _CitationMessage(msgspec.Struct):
    citations: msgspec.Raw


class _CitationDelta(msgspec.Struct):
    message: _CitationMessage


class _Ending(msgspec.Struct):
    finish_reason: str | None = None
    usage: msgspec.Raw = _ABSENT
    error: str | None = None


class MessageStart(msgspec.Struct, tag_field="type", tag="message-start"):
    """The answer begins."""

    id: str | None = None


class ContentStart(msgspec.Struct, tag_field="type", tag="content-start"):
    """A text or reasoning begins."""

    delta: _ContentMessageDelta


class ContentDelta(msgspec.Struct, tag_field="type", tag="content-delta"):
    """More of it."""

    delta: _ContentMessageDelta
    logprobs: msgspec.Raw = _ABSENT


class ContentEnd(msgspec.Struct, tag_field="type", tag="content-end"):
    """Its words are over."""


class ToolPlanDelta(msgspec.Struct, tag_field="type", tag="tool-plan-delta"):
    """More of what the model plans to call."""

    delta: _PlanDelta


class ToolCallStart(msgspec.Struct, tag_field="type", tag="tool-call-start"):
    """A call begins."""

    delta: _BegunCallDelta


class ToolCallDelta(msgspec.Struct, tag_field="type", tag="tool-call-delta"):
    """More of its arguments."""

    delta: _CallDelta


class ToolCallEnd(msgspec.Struct, tag_field="type", tag="tool-call-end"):
    """The call is complete."""


class CitationStart(msgspec.Struct, tag_field="type", tag="citation-start"):
    """A citation, whole."""

    delta: _CitationDelta


class CitationEnd(msgspec.Struct, tag_field="type", tag="citation-end"):
    """Nothing more about it."""


class Debug(msgspec.Struct, tag_field="type", tag="debug"):
    """The prompt as the model saw it, for those who asked."""


class MessageEnd(msgspec.Struct, tag_field="type", tag="message-end"):
    """The answer is complete, or failed."""

    delta: _Ending


StreamEvent = (
    MessageStart
    | ContentStart
    | ContentDelta
    | ContentEnd
    | ToolPlanDelta
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | CitationStart
    | CitationEnd
    | Debug
    | MessageEnd
)

_KNOWN = frozenset(
    str(one.__struct_config__.tag) for one in StreamEvent.__args__ if one.__struct_config__.tag is not None
)


class Untyped(msgspec.Struct):
    """Whatever else comes."""

    type: str | None = None
    message: str | None = None

    @property
    def known(self) -> bool:
        """Whether it says it is an event that is read, and so is one that is broken."""
        return self.type in _KNOWN


decode_event = msgspec.json.Decoder(StreamEvent).decode
decode_untyped = msgspec.json.Decoder(Untyped).decode
