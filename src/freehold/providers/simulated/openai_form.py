"""What is common to all of OpenAI's API: keys, errors, the list of models."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.providers.simulated.dialect import Refusal
from freehold.providers.simulated.faults import ErrorEvent, Refused
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.reply import Reply, whole

JSON = "application/json"

_USUAL = {
    400: ("The request is malformed.", "invalid_request_error", None),
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: ("The key is not allowed to do this.", "invalid_request_error", "permission_denied"),
    404: ("There is no such thing here.", "invalid_request_error", "not_found"),
    405: ("This method is not allowed here.", "invalid_request_error", "method_not_allowed"),
    408: ("The request took too long.", "invalid_request_error", "request_timeout"),
    413: ("The request is too large.", "invalid_request_error", "request_too_large"),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request.", "server_error", None),
    503: ("The engine is currently overloaded, please try again later.", "server_error", "overloaded"),
}


def key_of(request: ReceivedRequest) -> str | None:
    """The bearer token."""
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def error(answer: Refused) -> Reply:
    """An error answer."""
    usual = _USUAL.get(answer.status) or _USUAL[500 if answer.status >= 500 else 400]
    if answer.body is None:
        body = _error_object(
            answer.message or usual[0], answer.type or usual[1], answer.param, answer.code or usual[2]
        )
    else:
        body = answer.body.encode()
    reply = whole(answer.status, JSON, body)
    if answer.retry_after is not None:
        reply.headers.append(("retry-after", answer.retry_after))
    reply.headers.extend(answer.headers.items())
    return reply


def error_body(fault: ErrorEvent) -> bytes:
    """An error as a body that comes with status 200."""
    return _error_object(fault.message, fault.type, None, fault.code)


def _error_object(message: str, kind: str, param: str | None, code: str | None) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def unknown_model(model: str) -> Refused:
    """For a model that the script does not name."""
    return Refused(
        status=404,
        message=f"The model `{model[:200]}` does not exist or you do not have access to it.",
        code="model_not_found",
        param="model",
    )


def wrong(message: str, param: str | None = None) -> Refusal:
    """A request that breaks the rules of the dialect."""
    return Refusal(Refused(status=400, message=message, param=param))


def model_list(names: Iterable[str]) -> bytes:
    """The answer of `GET /v1/models`."""
    data = [
        {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "simulated"} for name in names
    ]
    return msgspec.json.encode({"object": "list", "data": data})
