"""What is common to OpenAI's dialects: errors, tools, schemas, models, embeddings."""

from __future__ import annotations

import re
import sys
from array import array
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from freehold.providers.simulated.asking import Ask, Offered
from freehold.providers.simulated.dialect import (
    JSON,
    Dull,
    Embedding,
    Object,
    Place,
    count_at,
    encode,
    object_at,
    text_at,
    wrong,
)
from freehold.providers.simulated.faults import ErrorEvent, Refused
from freehold.providers.simulated.reply import Reply, whole
from freehold.providers.simulated.schemas import loose_object
from freehold.providers.simulated.turns import Turn

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
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


class OpenAIForm(Dull):
    """What both dialects share."""

    def error(self, error: Refused) -> Reply:
        """An error answer in OpenAI's form."""
        usual = _USUAL.get(error.status) or _USUAL[500 if error.status >= 500 else 400]
        if error.body is None:
            body = error_object(
                error.message or usual[0], error.type or usual[1], error.param, error.code or usual[2]
            )
        else:
            body = error.body.encode()
        reply = whole(error.status, JSON, body)
        if error.retry_after is not None:
            reply.headers.append(("retry-after", error.retry_after))
        reply.headers.extend(error.headers.items())
        return reply

    def error_body(self, error: ErrorEvent) -> bytes:
        """An error as the body of an answer with status 200."""
        return error_object(error.message, error.type or "server_error", None, error.code)

    def models(self, names: Iterable[str], one: str | None) -> bytes:
        """The answer of `GET /v1/models` and of `GET /v1/models/{model}`."""
        if one is not None:
            return encode(_model(one))
        return encode({"object": "list", "data": [_model(name) for name in names]})

    def embedding(self, body: Object, place: Place) -> Embedding:
        """What `POST /v1/embeddings` asks for. Raises Refusal."""
        given = body.get("input")
        form = body.get("encoding_format") or "float"
        dimensions = count_at(body, "dimensions")
        if form not in ("float", "base64") or (dimensions or 1) > 8192:
            raise wrong("`encoding_format` or `dimensions` is not allowed.", "encoding_format")
        texts: list[str] = []
        if isinstance(given, str):
            texts = [given]
        elif isinstance(given, list) and given and all(isinstance(one, int) for one in given):
            texts = [" ".join(map(str, given))]
        elif isinstance(given, list) and all(isinstance(one, str | list) for one in given):
            texts = [one if isinstance(one, str) else " ".join(map(str, one)) for one in given]
        if not texts:
            raise wrong("`input` is empty or not text.", "input")
        return Embedding(text_at(body, "model"), texts, dimensions, form)

    def vectors(
        self, wanted: Embedding, vectors: list[array[float]], tokens: int | None, turn: Turn
    ) -> bytes:
        """The vectors, as numbers or as base64 of 32-bit floats."""
        data = [
            {"object": "embedding", "index": index, "embedding": packed(vector, wanted.form)}
            for index, vector in enumerate(vectors)
        ]
        answer: Object = {"object": "list", "data": data, "model": wanted.model}
        if tokens is not None:
            answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
        return encode(answer)


def error_object(message: str, kind: str, param: str | None, code: str | None) -> bytes:
    """An error in OpenAI's form."""
    return encode({"error": {"message": message, "type": kind, "param": param, "code": code}})


def packed(vector: array[float], form: str) -> str | list[float]:
    """A vector as numbers or as base64."""
    if form != "base64":
        return vector.tolist()
    if sys.byteorder == "big":
        vector.byteswap()
    return b64encode(vector.tobytes()).decode()


def read_tool(ask: Ask, function: Object, where: str) -> None:
    """Takes one function that the model may call."""
    name = text_at(function, "name", where)
    check_name(name, f"{where}name")
    schema = function.get("parameters")
    if schema is not None and (not isinstance(schema, dict) or schema.get("type", "object") != "object"):
        raise wrong(f"Invalid schema for function '{name}': schema must be of type 'object'.", where)
    if function.get("strict") is True:
        check_strict(schema or {}, f"function '{name}'", where)
    ask.tools.append(Offered(name, function.get("description") or "", schema))


def check_name(name: str, where: str) -> None:
    """Raises Refusal for a name that is not allowed."""
    if not _NAME.fullmatch(name):
        raise wrong(f"Invalid '{where}': does not match pattern '^[a-zA-Z0-9_-]{{1,64}}$'.", where)


def check_strict(schema: Any, what: str, where: str) -> None:
    """Raises Refusal for a schema that strict mode does not allow."""
    if (path := loose_object(schema, all_required=True)) is not None:
        raise wrong(
            f"Invalid schema for {what}: In context={path}, 'additionalProperties' is required to be supplied "
            "and to be false, and 'required' must name every key in properties.",
            where,
        )


def read_choice(ask: Ask, choice: Any, where: str) -> None:
    """Takes `tool_choice`: a word, or an object that names a tool or several."""
    if choice is None:
        return
    if not ask.tools and not ask.hosted and choice != "none":
        raise wrong(f"'{where}' is only allowed when 'tools' are specified.", where)
    if choice in ("auto", "none", "required"):
        ask.choice = choice
        return
    if not isinstance(choice, dict):
        raise wrong(f"Invalid value for '{where}'.", where)
    listed = choice.get("allowed_tools", choice)
    names = [listed] if choice.get("type") != "allowed_tools" else listed.get("tools") or []
    ask.choice = "required" if choice.get("type") != "allowed_tools" else listed.get("mode", "auto")
    for one in names:
        if one.get("type") not in ("function", "custom"):
            continue
        name = text_at(one if "name" in one else object_at(one, one["type"]), "name", f"{where}.")
        if not any(tool.name == name for tool in ask.tools):
            raise wrong(f"Tool choice '{name}' not found in 'tools' parameter.", where)
        ask.allowed.append(name)


def read_format(ask: Ask, wanted: Object, schema: Object, where: str) -> None:
    """Takes the form that the answer has to have; `schema` is where name, schema and strict stand."""
    match wanted.get("type"):
        case None | "text":
            return
        case "json_object":
            ask.json = True
            if not any("json" in told.text().lower() for told in ask.turns):
                raise wrong(
                    f"'messages' must contain the word 'json' in some form, to use '{where}' of type 'json_object'.",
                    where,
                )
        case "json_schema":
            check_name(text_at(schema, "name", f"{where}."), f"{where}.name")
            ask.schema = object_at(schema, "schema", f"{where}.")
            if schema.get("strict") is True:
                check_strict(ask.schema, f"{where} '{schema['name']}'", where)
        case kind:
            raise wrong(f"Invalid value: '{kind}'.", f"{where}.type")


def _model(name: str) -> Object:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "simulated"}
