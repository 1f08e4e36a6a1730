"""What a candidate is asked in place of the incumbent, and what may not be asked twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from freehold.core.parts import State
from freehold.rollout.shadow import copies
from freehold.rollout.shadow.copies import NotCopied, copy_of
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)
from freehold.wire.sealing import seal

ASKED = {"role": "user", "content": "hi"}


def chat(**fields: Any) -> Request:
    return read_chat_request(msgspec.json.encode({"model": "r", "messages": [ASKED], **fields}))


def messages(**fields: Any) -> Request:
    body = {"model": "r", "max_tokens": 9, "messages": [ASKED], **fields}
    return read_messages_request(msgspec.json.encode(body))


def responses(**fields: Any) -> Request:
    return read_responses_request(msgspec.json.encode({"model": "r", "input": "hi", **fields}))


def gemini(**fields: Any) -> Request:
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **fields}
    return read_gemini_request(msgspec.json.encode(body), "r", stream=False)


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (
            chat(n=3, store=True, metadata={"a": "b"}, temperature=1, user="u"),
            {"model": "new/m", "messages": [ASKED], "temperature": 1, "user": "u"},
        ),
        (
            messages(metadata={"user_id": "u"}),
            {"model": "new/m", "max_tokens": 9, "messages": [ASKED], "metadata": {"user_id": "u"}},
        ),
        (
            responses(metadata={"a": "b"}, background=False),
            {"model": "new/m", "input": "hi", "store": False},
        ),
        (gemini(), {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    ],
)
def test_candidate_is_asked_the_same_in_the_same_dialect(request_: Request, fields: dict[str, Any]) -> None:
    copy = copy_of(request_, "new/m")
    assert msgspec.json.decode(copy.body) == fields
    assert (copy.request.model, copy.request.dialect) == ("new/m", request_.dialect)
    assert msgspec.json.decode(msgspec.json.encode(copy.asked.body)).get("messages") == [ASKED]


def test_what_the_client_asked_for_is_not_changed() -> None:
    request = chat(n=3)
    copy_of(request, "new/m")
    assert request.model == "r"
    assert bytes(request.fields["n"]) == b"3"


def test_headers_that_mean_something_go_along() -> None:
    request = messages()
    request.headers = {"anthropic-beta": "some-feature"}
    request.strict = True
    assert copy_of(request, "new/m").request.headers == {"anthropic-beta": "some-feature"}
    assert copy_of(request, "new/m").request.strict


SEALED = seal(State(data="x", kind="encrypted", origin="old", model="m"))


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (chat(web_search_options={"search_context_size": "low"}), copies.HOSTED),
        (chat(plugins=[{"id": "web"}]), copies.HOSTED),
        (messages(mcp_servers=[{"type": "url", "url": "https://a.example", "name": "a"}]), copies.HOSTED),
        (messages(container="container_1"), copies.HOSTED),
        (messages(tools=[{"type": "web_search_20250305", "name": "web_search"}]), copies.HOSTED),
        (
            responses(tools=[{"type": "mcp", "server_label": "a", "server_url": "https://a.example"}]),
            copies.HOSTED,
        ),
        (responses(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]), copies.HOSTED),
        (responses(previous_response_id="resp_1"), copies.STATE),
        (responses(conversation="conv_1"), copies.STATE),
        (responses(prompt={"id": "pmpt_1"}), copies.STATE),
        (responses(background=True), copies.BACKGROUND),
        (gemini(tools=[{"googleSearch": {}}]), copies.HOSTED),
        (gemini(tools=[{"codeExecution": {}}]), copies.HOSTED),
        (gemini(cachedContent="cachedContents/1"), copies.STATE),
        (
            responses(
                input=[
                    {"type": "reasoning", "summary": [], "encrypted_content": SEALED},
                    {"role": "user", "content": "hi"},
                ]
            ),
            copies.STATE,
        ),
        (
            messages(
                messages=[
                    ASKED,
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "thinking", "thinking": "so", "signature": "abc"},
                            {"type": "text", "text": "a"},
                        ],
                    },
                    ASKED,
                ]
            ),
            copies.STATE,
        ),
        (
            chat(messages=[{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]),
            copies.FILES,
        ),
        (chat(messages=[ASKED, {"role": "assistant", "content": "go on"}]), copies.UNFIT),
        (chat(messages=[{"role": "nobody"}]), copies.UNREADABLE),
    ],
)
def test_what_would_happen_twice_or_nobody_else_can_read_is_not_copied(request_: Request, why: str) -> None:
    with pytest.raises(NotCopied, match=why):
        copy_of(request_, "new/m")


def test_functions_that_the_client_runs_are_only_declared() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert b'"tools"' in copy_of(chat(tools=tools), "new/m").body


def test_a_continued_answer_is_not_copied_even_when_its_conversation_is_in_it() -> None:
    request = responses()
    request.continues = "resp_1"
    with pytest.raises(NotCopied, match=copies.STATE):
        copy_of(request, "new/m")
