"""Who may do what: every operation, with every role, with none, and with a key of the endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from administered import Administered, administered

from freehold.access.roles import ROLES, Role, may
from freehold.admin.operation import Operation
from freehold.admin.operations import OPERATIONS

VIEWER = {
    "GET /openapi.json", "GET /me", "GET /keys", "GET /keys/{key}", "GET /calls", "GET /calls/{call}", "GET /recorded",
    "GET /exports/calls", "GET /losses", "GET /gaps", "GET /spend", "GET /spend/forecast", "GET /limits", "GET /routes",
    "GET /routes/{route}", "GET /models", "GET /providers", "GET /prices", "GET /configuration",
    "GET /configuration/check", "GET /health", "GET /local-models", "GET /version", "GET /batches",
    "GET /batches/{batch}", "GET /files", "GET /files/{file}", "GET /audit", "GET /audit/verify", "GET /exports/audit",
    "GET /suites", "GET /suites/{suite}", "GET /comparisons", "GET /comparisons/{comparison}", "GET /judge-checks",
    "GET /judge-checks/{check}", "GET /independence", "GET /calls/{call}/decision", "GET /rollouts",
    "GET /rollouts/{rollout}",
}  # fmt: skip
OPERATOR = {
    "POST /keys", "POST /keys/{key}/revoke", "GET /calls/{call}/bodies", "GET /calls/{call}/request",
    "GET /calls/{call}/answer", "GET /calls/{call}/feedback", "POST /calls/{call}/feedback",
    "GET /exports/bodies", "POST /limits/{limit}/release", "POST /configuration/check",
    "POST /configuration/check-live", "POST /configuration/reload", "POST /batches/{batch}/cancel",
    "DELETE /files/{file}", "GET /suites/{suite}/cases", "GET /comparisons/{comparison}/report",
    "POST /rollouts", "POST /rollouts/{rollout}/pause", "POST /rollouts/{rollout}/resume",
    "POST /rollouts/{rollout}/promote", "POST /rollouts/{rollout}/abort",
}  # fmt: skip
OWNER = {"GET /admin-keys", "POST /admin-keys", "GET /admin-keys/{key}", "POST /admin-keys/{key}/revoke"}
"""The whole table, written down a second time: a role that changes by accident is noticed."""

NAMES = {one.name: one for one in OPERATIONS}


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    toml = "[local]\nenabled = false\n"
    with administered(tmp_path_factory.mktemp("roles"), toml, admin="wrong_keys = 100000") as admin:
        yield admin


def test_the_table_is_complete_and_says_what_is_declared() -> None:
    expected = {
        **dict.fromkeys(VIEWER, "viewer"),
        **dict.fromkeys(OPERATOR, "operator"),
        **dict.fromkeys(OWNER, "owner"),
    }
    declared: dict[str, Role] = {one.name: one.least for one in OPERATIONS} | {"GET /openapi.json": "viewer"}
    assert declared == expected


@pytest.mark.parametrize("name", sorted(VIEWER | OPERATOR | OWNER))
def test_an_operation_answers_those_roles_that_may_and_nobody_else(admin: Administered, name: str) -> None:
    method, path = name.split()
    for place in ("key", "call", "limit", "route", "batch", "file", "suite", "comparison", "check"):
        path = path.replace(f"{{{place}}}", "nothing-of-this-name")
    least: Role = "owner" if name in OWNER else "operator" if name in OPERATOR else "viewer"
    body = _body(NAMES.get(name))
    assert admin.ask(method, path, None, json=body).status_code == 401
    of_the_endpoint = {"authorization": f"Bearer {admin.endpoint.key}"}
    assert admin.ask(method, path, None, json=body, headers=of_the_endpoint).status_code == 401
    for role in ROLES:
        answer = admin.ask(method, path, role, json=body)
        if not may(role, least):
            assert answer.status_code == 403
            assert answer.json()["detail"] == f"This takes the role `{least}`, and the key has `{role}`."
        else:
            assert answer.status_code in (200, 201, 202, 400, 404), answer.text
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "", "/nothing", "/keys/", "/keys/a/b", "/openapi"])
def test_whoever_has_no_key_is_not_told_which_paths_there_are(admin: Administered, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT", "OPTIONS", "TRACE"):
        assert admin.ask(method, path, None).status_code == 401
    assert admin.ask("GET", path, "owner").status_code == 404


def test_another_method_than_declared_is_refused_with_those_that_are(admin: Administered) -> None:
    answer = admin.ask("PUT", "/keys", "owner")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_a_key_of_an_administrator_is_good_for_no_call(admin: Administered) -> None:
    for role in ROLES:
        with admin.endpoint.connect(admin.tokens[role]) as client:
            assert client.get("/v1/models").status == 401
            assert client.chat("anything").status == 401


def test_no_other_site_may_read_an_answer(admin: Administered) -> None:
    asked = {"origin": "https://example.com", "access-control-request-method": "GET"}
    for answer in (
        admin.ask("OPTIONS", "/keys", "owner", headers=asked),
        admin.ask("GET", "/keys", headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def _body(operation: Operation | None) -> object:
    if operation is None or operation.body is None:
        return None
    bodies: dict[str, object] = {
        "POST /keys": {"name": ""},
        "POST /admin-keys": {"name": "", "role": "viewer"},
        "POST /calls/{call}/feedback": {"value": True},
        "POST /configuration/check": {"text": ""},
        "POST /limits/{limit}/release": {},
        "POST /rollouts": {"route": "nothing-of-this-name", "to": "nobody/nothing"},
        "POST /rollouts/{rollout}/promote": {"from": "5%"},
    }
    return bodies[operation.name]
