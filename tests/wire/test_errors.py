"""Errors in OpenAI's form, as OpenAI's own SDK understands them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from freehold.core import errors as tree
from freehold.core.errors import (
    BadRequest,
    BodyTooLarge,
    BudgetExhausted,
    ClientError,
    ClientGone,
    DeadlinePassed,
    Forbidden,
    FreeholdError,
    HeadersTooLarge,
    LimitReached,
    LossRefused,
    MethodNotAllowed,
    NotFound,
    NotInForm,
    Overloaded,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
    RateLimited,
    RequestTimeout,
    SettingsError,
    Stopping,
    StoreError,
    ThreadUnsupported,
    Unauthorized,
    UnknownModel,
    UnknownResponse,
    UnsupportedMediaType,
)
from freehold.wire.openai_errors import encode_error, encode_error_event, status_of

LEAK = b"org-4711 sk-s3cret"


def refused(
    status: int, body: bytes = b'{"error":{"message":"theirs","type":"t","code":"c"}}'
) -> ProviderRefused:
    return ProviderRefused("`acme` said no.", provider="acme", status=status, body=body)


def raised_by_sdk(error: FreeholdError) -> openai.APIStatusError:
    """What a program that uses the SDK gets to see."""

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            status_of(error), content=encode_error(error), headers={"content-type": "application/json"}
        )

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as transport,
        OpenAI(api_key="k", base_url="http://f/v1", http_client=transport, max_retries=0) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    return caught.value


LIMIT: dict[str, Any] = {
    "limit": "team-a",
    "measure": "money",
    "bound": "5",
    "used": "4.5",
    "until": None,
    "retry_after": 3.0,
}
OURS: list[tuple[FreeholdError, int, str, type[openai.APIStatusError]]] = [
    (BadRequest("no", param="stream"), 400, "invalid_request_error", openai.BadRequestError),
    (LossRefused(("seed",), "acme"), 400, "invalid_request_error", openai.BadRequestError),
    (ThreadUnsupported("no", param="thread"), 400, "invalid_request_error", openai.BadRequestError),
    (UnknownResponse("no"), 400, "invalid_request_error", openai.BadRequestError),
    (Unauthorized("no"), 401, "authentication_error", openai.AuthenticationError),
    (Forbidden("no"), 403, "permission_error", openai.PermissionDeniedError),
    (NotFound("no"), 404, "not_found_error", openai.NotFoundError),
    (UnknownModel("no", param="model"), 404, "not_found_error", openai.NotFoundError),
    (MethodNotAllowed("no"), 405, "invalid_request_error", openai.APIStatusError),
    (RequestTimeout("no"), 408, "invalid_request_error", openai.APIStatusError),
    (BodyTooLarge("no"), 413, "invalid_request_error", openai.APIStatusError),
    (UnsupportedMediaType("no"), 415, "invalid_request_error", openai.APIStatusError),
    (HeadersTooLarge("no"), 431, "invalid_request_error", openai.APIStatusError),
    (ClientGone("no"), 499, "invalid_request_error", openai.APIStatusError),
    (BudgetExhausted("no", **LIMIT), 402, "insufficient_quota", openai.APIStatusError),
    (RateLimited("no", **LIMIT), 429, "rate_limit_error", openai.RateLimitError),
    (DeadlinePassed("r", 5.0), 504, "api_error", openai.InternalServerError),
    (Overloaded("no"), 503, "api_error", openai.InternalServerError),
    (Stopping("no"), 503, "api_error", openai.InternalServerError),
    (ProviderUnreachable("no", provider="acme"), 502, "api_error", openai.InternalServerError),
    (ProviderBroken("no", provider="acme"), 502, "api_error", openai.InternalServerError),
    (NotInForm("no", provider="acme"), 502, "api_error", openai.InternalServerError),
    (ProviderTimeout("no", provider="acme", phase="total"), 504, "api_error", openai.InternalServerError),
    (SettingsError("no"), 500, "api_error", openai.InternalServerError),
    (StoreError("no"), 500, "api_error", openai.InternalServerError),
    (FreeholdError("no"), 500, "api_error", openai.InternalServerError),
]


@pytest.mark.parametrize(("error", "status", "kind", "raised"), OURS, ids=lambda value: type(value).__name__)
def test_our_errors_are_the_sdks(
    error: FreeholdError, status: int, kind: str, raised: type[openai.APIStatusError]
) -> None:
    assert status_of(error) == status
    caught = raised_by_sdk(error)
    assert type(caught) is raised
    assert caught.status_code == status
    assert (caught.type, caught.code) == (kind, error.code)
    assert caught.param == (error.param if isinstance(error, ClientError) else None)
    assert error.message in json.loads(encode_error(error))["error"]["message"]


def _below(kind: type[FreeholdError]) -> Iterator[type[FreeholdError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def test_the_whole_tree_is_covered() -> None:
    covered = {type(error) for error, *_ in OURS} | {
        ClientError,
        LimitReached,
        ProviderError,
        ProviderRefused,
    }
    assert {kind for kind in _below(FreeholdError) if kind.__module__ == tree.__name__} <= covered


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, 400),
        (404, 404),
        (408, 408),
        (409, 409),
        (413, 413),
        (422, 422),
        (429, 429),
        (401, 502),
        (402, 502),
        (403, 502),
        (500, 502),
        (501, 502),
        (502, 502),
        (503, 503),
        (504, 504),
        (520, 502),
        (529, 529),
        (204, 502),
        (302, 502),
        (999, 502),
    ],
)
def test_the_status_that_a_client_is_told(status: int, told: int) -> None:
    assert status_of(refused(status)) == told
    assert raised_by_sdk(refused(status)).status_code == told


def test_a_providers_own_error_is_passed_on_when_the_request_was_at_fault() -> None:
    body = b'{ "error" : {"message":"theirs","type":"t","code":"c","param":"messages","x":[1.0]} , "id":1}'
    assert encode_error(refused(400, body)) == body
    caught = raised_by_sdk(refused(400, body))
    assert type(caught) is openai.BadRequestError
    assert (caught.type, caught.code, caught.param) == ("t", "c", "messages")
    assert type(raised_by_sdk(refused(429))) is openai.RateLimitError


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>no</html>",
        b'{"error":"no"}',
        b'{"error":null}',
        b'{"error":["no"]}',
        b'{"detail":"no"}',
        b'{"error":{"message":"\xff"}}',
        b'{"error":{"message":"no"}',
        b"[" * 100_000,
    ],
)
def test_ours_stands_in_for_what_is_no_error_object(body: bytes) -> None:
    caught = raised_by_sdk(refused(422, body))
    assert type(caught) is openai.UnprocessableEntityError
    assert caught.code == "provider_refused"
    assert json.loads(encode_error(refused(422, body)))["error"]["message"] == "`acme` said no."


@pytest.mark.parametrize("status", [401, 402, 403, 500, 503, 529, 302])
def test_what_a_provider_says_of_our_account_is_not_told(status: int) -> None:
    body = b'{"error":{"message":"%b","code":"%b","type":"%b"}}' % (LEAK, LEAK, LEAK)
    error = refused(status, body)
    for said in (encode_error(error), encode_error_event(error), str(error).encode(), repr(error).encode()):
        for word in LEAK.split():
            assert word not in said


def test_hints_are_for_those_who_can_follow_them() -> None:
    hint = "Do this."
    for told in (BadRequest("no", hint=hint), Overloaded("no", hint=hint)):
        assert json.loads(encode_error(told))["error"]["message"] == "no Do this."
    for kept in (SettingsError("no", hint=hint), StoreError("no", hint=hint)):
        assert json.loads(encode_error(kept))["error"]["message"] == "no"


def test_a_long_message_is_cut() -> None:
    assert len(encode_error(BadRequest("x" * 1_000_000))) < 3000


@pytest.mark.parametrize(
    "error",
    [
        ProviderBroken("it\nbroke\r\n", provider="acme"),
        refused(400, b'{\r\n"error"\r:\n{"message":"a\\nb"}}'),
    ],
)
def test_an_error_in_a_stream_is_one_event(error: FreeholdError) -> None:
    event = encode_error_event(error)
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert b"\n" not in event[:-2]
    assert b"\r" not in event
    assert json.loads(event[6:]) == json.loads(encode_error(error))


def test_the_sdk_raises_for_an_error_in_a_stream() -> None:
    chunk = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'
    error = ProviderBroken("`acme` broke off.", provider="acme")

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(
            200, content=chunk + encode_error_event(error), headers={"content-type": "text/event-stream"}
        )

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as transport,
        OpenAI(api_key="k", base_url="http://f/v1", http_client=transport, max_retries=0) as client,
    ):
        stream = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        assert next(stream).id == "c"
        with pytest.raises(openai.APIError, match="`acme` broke off") as caught:
            next(stream)
        assert caught.value.code == "provider_broken"
