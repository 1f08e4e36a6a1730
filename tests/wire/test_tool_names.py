"""Names of tools that a dialect refuses: changed on the way out, the client's own on the way in."""

from __future__ import annotations

import re

import any_request
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.core.parts import Message, Part, ToolCall, ToolResult
from freehold.core.request import ChatRequest, Tool, ToolChoice
from freehold.wire.dialect import DialectName
from freehold.wire.dialects import NAMES
from freehold.wire.tool_names import RULES, fit_tool_names

TAKEN: dict[DialectName, str] = {
    "openai-chat": r"[a-zA-Z0-9_-]{1,64}",
    "openai-responses": r"[a-zA-Z0-9_-]{1,64}",
    "anthropic-messages": r"[a-zA-Z0-9_-]{1,128}",
    "gemini": r"[a-zA-Z_][a-zA-Z0-9_.-]{0,63}",
    "bedrock-converse": r"[a-zA-Z0-9_-]{1,64}",
    "cohere": r"[a-zA-Z_][a-zA-Z0-9_]{0,63}",
}
dialects = st.sampled_from(NAMES)
names = st.text(max_size=200) | st.text("a.-_ /1", max_size=6) | st.from_regex(r"\A[a-z.]{60,140}\Z")


def asking(offered: list[str], called: list[str], chosen: list[str]) -> ChatRequest:
    said: list[Part] = [ToolCall(id=str(at), name=name) for at, name in enumerate(called)]
    came: list[Part] = [ToolResult(call_id=str(at), name=name) for at, name in enumerate(called)]
    return ChatRequest(
        model="m",
        messages=[Message(role="assistant", parts=said), Message(role="tool", parts=came)],
        tools=[Tool(name=name) for name in offered],
        tool_choice=ToolChoice(mode="auto", names=tuple(chosen)),
    )


def names_of(request: ChatRequest) -> list[str]:
    """All names, each as often as it stands there."""
    found = [tool.name for tool in request.tools if isinstance(tool, Tool)]
    found += request.tool_choice.names if request.tool_choice else ()
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall | ToolResult) and part.name is not None:
                found.append(part.name)
    return found


@given(dialects, st.lists(names, max_size=5), st.lists(names, max_size=5), st.lists(names, max_size=2))
@example("cohere", ["a.b", "a-b", "a b", "a_b"], ["a.b"], ["a-b"])
@example("openai-chat", ["x" * 65, "x" * 66, ""], ["\ud800"], ["x" * 65])
def test_every_name_fits_differs_and_comes_back(
    dialect: DialectName, offered: list[str], called: list[str], chosen: list[str]
) -> None:
    request = asking(offered, called, chosen)
    sent, back = fit_tool_names(request, dialect)
    before, after = names_of(request), names_of(sent)
    assert all(re.fullmatch(TAKEN[dialect], name) for name in after)
    assert len(set(after)) == len(set(before))
    assert [back.get(name, name) for name in after] == before
    assert all(
        now == name for now, name in zip(after, before, strict=True) if re.fullmatch(TAKEN[dialect], name)
    )
    assert names_of(request) == before


@given(dialects, st.lists(names, min_size=1, max_size=5, unique=True))
def test_a_name_is_always_changed_alike(dialect: DialectName, offered: list[str]) -> None:
    forth, _ = fit_tool_names(asking(offered, [], []), dialect)
    back, _ = fit_tool_names(asking(offered[::-1], offered, []), dialect)
    assert sorted(names_of(forth)) == sorted(set(names_of(back)))
    alone = names_of(fit_tool_names(asking(offered[:1], [], []), dialect)[0])
    assert alone[0] in names_of(forth)


@given(dialects, any_request.requests())
def test_nothing_else_is_changed(dialect: DialectName, request: ChatRequest) -> None:
    request.dialect = ""
    sent, back = fit_tool_names(request, dialect)
    again, _ = fit_tool_names(sent, dialect)
    assert again is sent
    for tool in sent.tools:
        if isinstance(tool, Tool):
            tool.name = back.get(tool.name, tool.name)
    if sent.tool_choice is not None:
        sent.tool_choice.names = tuple(back.get(name, name) for name in sent.tool_choice.names)
    for message in sent.messages:
        for part in message.parts:
            if isinstance(part, ToolCall | ToolResult) and part.name is not None:
                part.name = back.get(part.name, part.name)
    assert sent == request


def test_a_changed_name_never_takes_another_s_place() -> None:
    (first,) = names_of(fit_tool_names(asking(["a.b"], [], []), "cohere")[0])
    sent, back = fit_tool_names(asking(["a.b", first], [], []), "cohere")
    one, other = names_of(sent)
    assert other == first
    assert one != first
    assert back == {one: "a.b"}


@pytest.mark.parametrize("dialect", NAMES)
def test_a_client_s_own_dialect_judges_its_names(dialect: DialectName) -> None:
    request = asking(["not allowed"], [], [])
    request.dialect = dialect
    assert fit_tool_names(request, dialect) == (request, {})
    assert set(RULES) == set(NAMES)
