"""Errors and lists of models."""

from __future__ import annotations

import msgspec
import pytest
from anthropic.pagination import SyncPage
from anthropic.types import ErrorResponse, ModelInfo

from freehold.core.errors import BadRequest, ThreadUnsupported
from freehold.wire.anthropic.dialect import DIALECT
from freehold.wire.anthropic.models import encode_model, encode_models, read_model_ids
from freehold.wire.dialect import NotAnAnswer, WireError
from freehold.wire.errors import wire_error_of


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_types_by_status(status: int, kind: str) -> None:
    body = DIALECT.encode_error(WireError(status=status, message="No.", kind="insufficient_quota"))
    if status != 413:  # the SDK's types leave this word out
        assert ErrorResponse.model_validate_json(body).error.message == "No."
    assert msgspec.json.decode(body)["error"]["type"] == kind
    again = DIALECT.decode_error(status, body)
    assert (again.status, again.kind, again.message) == (status, kind, "No.")


def test_a_word_of_the_dialect_is_kept() -> None:
    body = DIALECT.encode_error(WireError(status=503, message="Busy.", kind="api_error"))
    assert msgspec.json.decode(body)["error"]["type"] == "api_error"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "HTTP 502"),
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b'{"message":"No credit"}', "No credit"),
        (b'{"error":"plain"}', "plain"),
        (b'{"error":{"message":null}}', "HTTP 502"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_whatever_comes_instead_of_an_error(body: bytes, message: str) -> None:
    assert DIALECT.decode_error(502, body).message == message


def test_models() -> None:
    assert ModelInfo.model_validate_json(encode_model("copilot")).id == "copilot"
    names = [f"m{number}" for number in range(5)]
    page = SyncPage[ModelInfo].model_validate_json(encode_models(names, limit=2))
    assert ([model.id for model in page.data], page.has_more, page.last_id) == (["m0", "m1"], True, "m1")
    page = SyncPage[ModelInfo].model_validate_json(encode_models(names, limit=3, after_id="m1"))
    assert ([model.id for model in page.data], page.has_more) == (["m2", "m3", "m4"], False)
    page = SyncPage[ModelInfo].model_validate_json(encode_models(names, limit=2, before_id="m3"))
    assert ([model.id for model in page.data], page.has_more, page.first_id) == (["m1", "m2"], True, "m1")
    assert msgspec.json.decode(encode_models([]))["data"] == []
    assert read_model_ids(encode_models(names, limit=2)) == (["m0", "m1"], "m1")
    assert read_model_ids(encode_models(names)) == (names, None)


def test_pages_that_do_not_exist() -> None:
    for arguments in (
        {"limit": 0},
        {"after_id": "x"},
        {"before_id": "x"},
        {"after_id": "a", "before_id": "a"},
    ):
        with pytest.raises(BadRequest):
            encode_models(["a"], **arguments)
    with pytest.raises(NotAnAnswer):
        read_model_ids(b"[]")


def test_a_thread_is_refused_in_the_words_that_the_sdk_goes_on_from() -> None:
    """Its tool runner then sends the conversation whole; anything else would lose what was said before."""
    body = {"model": "m", "max_tokens": 9, "messages": [], "thread": {"type": "create"}}
    with pytest.raises(ThreadUnsupported) as caught:
        DIALECT.decode_request(msgspec.json.encode(body))
    error = wire_error_of(caught.value)
    told = msgspec.json.decode(DIALECT.encode_error(error))["error"]
    assert (error.status, told["type"]) == (400, "invalid_request_error")
    assert told["details"] == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    assert DIALECT.decode_request(msgspec.json.encode({**body, "thread": None})).extra == {}
