"""The OpenAPI document, made from the declarations that are served."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from freehold import __version__
from freehold.admin.office import Office
from freehold.admin.operation import Answer, Asked, Operation
from freehold.admin.replies import PROBLEM, Problem

_WORDS = {
    400: "The request cannot be understood.",
    401: "No administrator's key, or none that is good.",
    403: "The key's role is not enough.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many wrong keys came from this address.",
    503: "It cannot be done now: a database is away, or too much is asked at once.",
}


def _nothing(_office: Office, _asked: Asked) -> Answer:
    return None


DOCUMENT = Operation(
    method="GET", path="/openapi.json", least="viewer", act=_nothing, summary="This document"
)


@cache
def document() -> bytes:
    """The document as JSON. OpenAPI 3.1."""
    from freehold.admin.operations import OPERATIONS, ROOT  # noqa: PLC0415 - they name this module's operation

    types: list[Any] = [Problem]
    for operation in OPERATIONS:
        types += [one for one in (operation.answer, operation.query, operation.body) if one is not None]
    types = list(dict.fromkeys(types))
    references, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(types, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in (DOCUMENT, *OPERATIONS):
        described = _operation(operation, by_type, schemas)
        paths.setdefault(ROOT + operation.path, {})[operation.method.lower()] = described
    for kind in {operation.query for operation in (DOCUMENT, *OPERATIONS)}:
        schemas.pop(kind.__name__, None)  # they stand where they are used, as parameters
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Freehold's admin API",
                "version": __version__,
                "description": "Everything that the command line can do, for those who hold an administrator's key.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "security": [{"administrator": []}],
            "paths": paths,
            "components": {
                "securitySchemes": {
                    "administrator": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "`freehold admin-keys create NAME --role …` makes a key, `fha-…`.",
                    }
                },
                "schemas": schemas,
            },
        },
        order="deterministic",
    )


def _operation(operation: Operation, by_type: dict[Any, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _id_of(operation),
        "summary": operation.summary,
        "tags": [operation.path.split("/")[1]],
        "x-least-role": operation.least,
        "responses": _responses(operation, by_type),
    }
    parameters = [
        {
            "name": place,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 300, "pattern": "^[^/]+$"},
        }
        for place in operation.places
    ]
    if operation.query.__struct_fields__:
        query = schemas[operation.query.__name__]
        for name, schema in query["properties"].items():
            schema = dict(schema)  # noqa: PLW2901 - the description goes up, where OpenAPI has it
            parameter = {"name": name, "in": "query", "required": name in query.get("required", ())}
            if "description" in schema:
                parameter["description"] = schema.pop("description")
            parameters.append({**parameter, "schema": schema})
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {"application/json": {"schema": by_type[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _responses(operation: Operation, by_type: dict[Any, Any]) -> dict[str, Any]:
    problem = {PROBLEM: {"schema": by_type[Problem]}}
    statuses = [400, 401, 403, 429, 503]
    if (
        operation.places
        or "key" in operation.query.__struct_fields__
        or "model" in operation.query.__struct_fields__
    ):
        statuses.append(404)
    if operation.body is not None:
        statuses += [408, 413, 415]
    good: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        good["content"] = {operation.media: {"schema": by_type[operation.answer]}}
    elif operation is DOCUMENT:
        good["content"] = {operation.media: {"schema": {"type": "object"}}}
    elif operation.status != 204:
        good["content"] = {operation.media: {}}
    said = {str(status): {"description": _WORDS[status], "content": problem} for status in sorted(statuses)}
    return {str(operation.status): good, **said}


def _id_of(operation: Operation) -> str:
    words = [
        word.strip("{}") for word in operation.path.replace(".", "_").replace("-", "_").split("/") if word
    ]
    return "_".join([operation.method.lower(), *words])
