"""How far estimates of tokens are off, on recorded requests whose usage is known."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import Exchange, exchanges, needs_recordings

from freehold.core.errors import BadRequest
from freehold.core.parts import Foreign, Media, Message, Text
from freehold.core.request import ChatRequest, HostedTool, Tool
from freehold.wire.dialect import DialectName, NotAnAnswer
from freehold.wire.dialects import dialect_of
from freehold.wire.token_estimate import estimated_tokens, tokens_in

PLAIN = ("openai", "azure-openai", "mistral", "openrouter", "zai")
"""Providers of models that are shown little more than what the client sent."""
ENDS: dict[str, DialectName] = {"/chat/completions": "openai-chat", "/responses": "openai-responses"}


def _asked(text: str, *tools: Tool) -> ChatRequest:
    return ChatRequest(model="m", messages=[Message(role="user", parts=[Text(text=text)])], tools=list(tools))


def test_more_of_anything_is_more_tokens() -> None:
    few = estimated_tokens(_asked("one two"))
    assert estimated_tokens(_asked("one two three")) > few
    tool = Tool(name="f", schema=b'{"type":"object","properties":{"a":{"type":"string"}}}')
    assert estimated_tokens(_asked("one two", tool)) > few
    picture = Media(kind="image", data="AAAA", mime_type="image/png")
    assert estimated_tokens(ChatRequest(model="m", messages=[Message(role="user", parts=[picture])])) > 500


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("The quick brown fox jumps over the lazy dog.", 9, 11),
        ("1234567890", 4, 4),
        ("東京は日本の首都です", 8, 12),
    ],
)
def test_texts_whose_tokens_are_known(text: str, least: float, most: float) -> None:
    assert least <= tokens_in(text) <= most


@settings(max_examples=100)
@given(st.text(max_size=200), st.text(max_size=200))
def test_texts_one_after_the_other(one: str, other: str) -> None:
    assert 0 <= tokens_in(one) <= 3 * len(one)
    assert tokens_in(f"{one} {other}") <= tokens_in(one) + tokens_in(other) + 1


def _known() -> Iterator[tuple[bool, float]]:
    """Whether there are tools, and how far off the estimate is, of each recorded request that is all text."""

    def wanted(one: Exchange) -> bool:
        return one.status == 200 and not one.streamed and one.provider in PLAIN

    for one in exchanges(wanted):
        name = next((name for end, name in ENDS.items() if one.path.endswith(end)), None)
        if name is None:
            continue
        try:
            request = dialect_of(name).decode_request(one.request)
            tokens = dialect_of(name).decode_answer(one.response).usage.input_tokens
        except (BadRequest, NotAnAnswer):
            continue
        hidden = "previous_response_id" in request.extra or any(
            isinstance(tool, HostedTool) for tool in request.tools
        )
        media = any(
            isinstance(part, Media | Foreign) for message in request.messages for part in message.parts
        )
        if tokens is not None and tokens >= 20 and not hidden and not media:
            yield bool(request.tools), abs(estimated_tokens(request) / tokens - 1)


@needs_recordings
def test_the_error_on_recorded_requests(show: Callable[[str], None]) -> None:
    found = list(_known())
    for tools, bound in ((False, 0.15), (True, 0.25)):
        errors = sorted(error for has, error in found if has is tools)
        median, most = statistics.median(errors), errors[len(errors) * 8 // 10]
        kind = "with tools" if tools else "without tools"
        show(f"estimate of tokens, {kind}: n={len(errors)}, median error {median:.0%}, 80% within {most:.0%}")
        assert len(errors) > 50
        assert median <= bound
