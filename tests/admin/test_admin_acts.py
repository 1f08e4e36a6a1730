"""What is done through the admin API is done: it shows on the command line, on the endpoint, and in the audit log."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from administered import Administered, administered
from running_endpoint import RunningEndpoint, until

from freehold.access.audit import AuditLog
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider

SECRET = "sk-planted-0123456789abcdef"


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text="Grüße.")})) as running:
        yield running


@pytest.fixture(scope="module")
def toml(provider: ThreadedProvider) -> str:
    return f"""
[local]
enabled = false
[ledger]
flush_ms = 10
[health]
enabled = true
[providers.sim]
base_url = "{provider.base_url}"
api_key = "file:key"
headers = {{ x-team = "blue", x-cookie = "planted-cookie" }}
models = ["one"]
[providers.gone]
base_url = "http://127.0.0.1:9/v1"
[routes.chat]
incumbent = "sim/one"
[routes.broken]
incumbent = "gone/one"
[limits.all]
on = "organisation"
per = "day"
requests = 1000
[models."sim/one"]
input = 1
output = 2.5
"""


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory, toml: str) -> Iterator[Administered]:
    folder = tmp_path_factory.mktemp("acts")
    (folder / "key").write_text(SECRET)
    (folder / "key").chmod(0o600)
    with administered(folder, toml) as admin:
        yield admin


def call(admin: Administered, token: str | None = None, model: str = "chat") -> tuple[int, str]:
    """The status of a call, and its id."""
    with admin.endpoint.connect(token) as client:
        answer = client.chat(model)
    return answer.status, dict(answer.headers).get("x-freehold-call", "")


def last_act(admin: Administered) -> dict[str, Any]:
    entries: list[dict[str, Any]] = admin.get("/audit", limit=2)["entries"]
    # That the endpoint was started is written aside, and late when it is busy.
    return next(one for one in entries if one["act"] != "endpoint.start")


def test_a_key_is_made_shown_once_used_and_taken_back(admin: Administered) -> None:
    made = admin.post("/keys", "operator", name="laptop", routes=["chat"], expires="30d", team="red")
    assert made["key"].startswith("fh-")
    assert last_act(admin)["act"] == "keys.create"
    assert last_act(admin)["actor"].endswith(":the operator")
    assert last_act(admin)["subject"] == made["id"]
    assert call(admin, made["key"])[0] == 200
    shown = admin.get(f"/keys/{made['id']}")
    assert shown == {name: value for name, value in made.items() if name != "key"}
    assert made["key"] not in admin.ask("GET", "/keys").text
    again = admin.ask("POST", "/keys", json={"name": "laptop"})
    assert (again.status_code, again.json()["param"]) == (400, "name")
    revoked = admin.post(f"/keys/{made['id']}/revoke", "operator")
    assert revoked["state"] == "revoked"
    assert until(lambda: call(admin, made["key"])[0] == 401, 3)
    assert "laptop" not in [key["name"] for key in admin.get("/keys")["keys"]]
    assert "laptop" in [key["name"] for key in admin.get("/keys", all=True)["keys"]]


def test_keys_come_in_pages(admin: Administered) -> None:
    for number in range(5):
        admin.post("/keys", name=f"page {number}")
    found, after = [], None
    while True:
        page = admin.get("/keys", limit=2, **({} if after is None else {"after": after}))
        assert len(page["keys"]) <= 2
        found += [key["name"] for key in page["keys"]]
        after = page["next"]
        if after is None:
            break
    assert found == [key["name"] for key in admin.get("/keys")["keys"]]
    assert len(found) >= 6


def test_an_administrators_key_made_here_is_good_at_once_and_refused_when_taken_back(
    admin: Administered,
) -> None:
    made = admin.post("/admin-keys", name="bob", role="viewer")
    headers = {"authorization": f"Bearer {made['key']}"}
    assert admin.ask("GET", "/me", None, headers=headers).json()["name"] == "bob"
    admin.post(f"/admin-keys/{made['id']}/revoke")
    assert admin.ask("GET", "/me", None, headers=headers).status_code == 401
    mine = admin.get("/me")["id"]
    refused = admin.ask("POST", f"/admin-keys/{mine}/revoke")
    assert (refused.status_code, "take itself back" in refused.json()["detail"]) == (400, True)


def test_calls_are_listed_in_pages_shown_and_exported_as_the_command_line_does(admin: Administered) -> None:
    ids = [call(admin)[1] for _ in range(5)]
    for one in ids:
        admin.endpoint.recorded(one)
    page = admin.get("/calls", route="chat", limit=2)
    assert [one["id"] for one in page["calls"]] == [ids[4], ids[3]]
    page = admin.get("/calls", route="chat", limit=2, after=page["next"])
    assert [one["id"] for one in page["calls"]] == [ids[2], ids[1]]
    shown = admin.get(f"/calls/{ids[0]}")
    assert (shown["model"], shown["outcome"], shown["attempts"][0]["reason"]) == (
        "one",
        "answered",
        "incumbent",
    )
    assert "Grüße" not in str(shown)
    bodies = admin.get(f"/calls/{ids[0]}/bodies", "operator")
    assert "Grüße." in bodies["answer_body"]
    raw = admin.ask("GET", f"/calls/{ids[0]}/answer", "operator")
    assert raw.content.decode() == bodies["answer_body"]
    exported = [msgspec.json.decode(line) for line in admin.ask("GET", "/exports/calls").content.splitlines()]
    assert [one["id"] for one in exported if one["route"] == "chat"][-5:] == ids
    assert exported[-1] == admin.get(f"/calls/{exported[-1]['id']}")
    with_bodies = admin.ask("GET", "/exports/bodies", "operator", params={"since": "1h"}).content.splitlines()
    assert len(with_bodies) == len(exported)
    assert admin.get("/calls", key="up", outcome="failed")["calls"] == []
    assert admin.ask("GET", "/calls", params={"key": "nobody"}).status_code == 404
    assert admin.ask("GET", "/calls/call_ffffffffffff").status_code == 404


def test_who_reads_what_was_said_is_written_down(admin: Administered) -> None:
    made = call(admin)[1]
    admin.endpoint.recorded(made)
    admin.get(f"/calls/{made}")
    before = admin.get("/audit")["entries"][0]["number"]
    for what in ("bodies", "request", "answer"):
        assert admin.ask("GET", f"/calls/{made}/{what}", "operator").status_code == 200
    assert admin.ask("GET", f"/calls/{made}/answer", "viewer").status_code == 403
    assert admin.ask("GET", "/calls/call_ffffffffffff/answer", "operator").status_code == 404
    assert admin.ask("GET", "/exports/bodies", "operator", params={"route": "chat", "since": "1h"}).content
    told = [one for one in admin.get("/audit")["entries"] if one["number"] > before][::-1]
    assert [(one["act"], one["subject"], one["detail"]) for one in told] == [
        ("bodies.read", made, {"what": "both"}),
        ("bodies.read", made, {"what": "request"}),
        ("bodies.read", made, {"what": "answer"}),
        ("bodies.export", "", {"route": "chat", "since": "1h"}),
    ]
    assert all(one["actor"].startswith("admin:") for one in told)
    assert admin.get("/audit/verify")["good"]


def test_calls_can_be_followed(admin: Administered) -> None:
    last = admin.get("/recorded")["last"]
    made = call(admin)[1]
    admin.endpoint.recorded(made)
    found = admin.get("/recorded", behind=last)
    assert [one["id"] for one in found["calls"]] == [made]
    assert admin.get("/recorded", behind=found["last"])["calls"] == []


def test_spending_adds_up_to_the_calls(admin: Administered) -> None:
    admin.endpoint.recorded(call(admin)[1])
    (chat,) = [one for one in admin.get("/spend")["spend"] if one["name"] == "chat"]
    calls = admin.get("/calls", limit=1000, route="chat")["calls"]
    assert chat["calls"] == len(calls)
    assert Decimal(chat["cost"]) == sum(Decimal(one["cost"]) for one in calls)
    by_key = admin.get("/spend", by="key")["spend"]
    assert "up" in {one["key_name"] for one in by_key}
    assert admin.get("/spend/forecast")["forecast"][0]["limit"] is None


def _a_moment_later(read: Callable[[], Any]) -> Any:
    time.sleep(0.5)
    return read()


def test_limits_stand_as_calls_have_used_them(admin: Administered) -> None:
    def used() -> Any:
        return admin.get("/limits")["limits"][0]["used"]

    before = used()
    while before != (before := _a_moment_later(used)):
        pass  # calls of others before are still being told
    call(admin)
    assert until(lambda: used() == before + 1, 5)
    assert admin.post("/limits/all/release", "operator", who="nobody") == {"released": []}
    unknown = admin.ask("POST", "/limits/none/release", json={})
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "No limit is called `none`.")


def test_routes_models_providers_and_prices_are_those_of_the_configuration(admin: Administered) -> None:
    assert [one["route"] for one in admin.get("/routes")["routes"]] == ["chat", "broken"]
    assert admin.get("/routes/chat")["incumbent"]["model"] == "sim/one"
    sim = admin.get("/providers")["providers"][0]
    assert (sim["provider"], sim["key_from"]) == ("sim", "file:key")
    price = admin.get("/prices", model="sim/one")["prices"][0]["price"]
    assert price["dollars_per_million_tokens"][0]["output"] == "2.5"
    assert "sim/one" in [one["model"] for one in admin.get("/models")["models"]]
    assert admin.ask("GET", "/prices", params={"model": "nobody/one"}).status_code == 404


def test_the_configuration_is_shown_without_secrets(admin: Administered) -> None:
    text = admin.ask("GET", "/configuration", "viewer").text
    assert SECRET not in text
    assert "planted-cookie" not in text
    shown = msgspec.json.decode(text)
    assert shown["settings"]["providers"]["sim"]["api_key"] == "from file:key"
    assert shown["settings"]["providers"]["sim"]["headers"] == {"x-team": "blue", "x-cookie": "***"}
    for path in ("/providers", "/health", "/configuration/check", "/audit", "/routes", "/exports/audit"):
        assert SECRET not in admin.ask("GET", path).text


def test_a_configuration_is_checked_without_anything_being_changed_or_asked(
    admin: Administered, provider: ThreadedProvider
) -> None:
    good = admin.post("/configuration/check", "operator", text='[routes.x]\nincumbent = "local/smollm2-135m"')
    assert good["good"], good
    bad = admin.post("/configuration/check", "operator", text="[providers.sim]\nbase_ur = 1")
    assert not bad["good"]
    assert "base_url" in str(bad["findings"])
    broken = admin.post("/configuration/check", "operator", text="[")
    assert "This is not TOML" in broken["findings"][0]["message"]
    asked = len(provider.requests)
    stolen = f'[providers.thief]\nbase_url = "{provider.base_url}"\napi_key = "file:key"'
    assert admin.post("/configuration/check", "operator", text=stolen)["answers"] == []
    assert len(provider.requests) == asked
    live = admin.post("/configuration/check-live", "operator")
    assert {one["provider"]: one["models"] is not None for one in live["answers"]} == {
        "sim": True,
        "gone": False,
    }


def test_health_says_what_is_left_alone(admin: Administered) -> None:
    def is_left_alone() -> Any:
        assert call(admin, model="broken")[0] == 502
        found = admin.get("/health")
        return found if found["open_breakers"] else None

    health = until(is_left_alone)
    assert health["ready"]
    assert {one["name"] for one in health["open_breakers"]} == {"gone"}
    assert {one["quota"] for one in health["quotas"]} == {"sim", "gone"}
    assert health["ledger"]["state"] == "ok"
    assert health["limits"]["away"] is None


def test_batches_and_files_of_every_key_are_seen_and_ended(admin: Administered) -> None:
    line = {
        "custom_id": "1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "chat", "messages": [{"role": "user", "content": "Hi"}]},
    }
    sdk = admin.endpoint.sdk()
    file = sdk.files.create(file=("lines.jsonl", msgspec.json.encode(line)), purpose="batch")
    batch = sdk.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    until(lambda: admin.get(f"/batches/{batch.id}")["status"] == "completed", 10)
    shown = admin.get("/batches")["batches"][0]
    assert (shown["id"], shown["succeeded"], shown["input_file"]) == (batch.id, 1, file.id)
    ended = admin.ask("POST", f"/batches/{batch.id}/cancel")
    assert (ended.status_code, "cannot be cancelled" in ended.json()["detail"]) == (400, True)
    names = {one["id"]: one["name"] for one in admin.get("/files")["files"]}
    assert names[file.id] == "lines.jsonl"
    assert admin.ask("DELETE", f"/files/{file.id}", "operator").status_code == 204
    assert last_act(admin)["act"] == "files.delete"
    assert admin.ask("GET", f"/files/{file.id}").status_code == 404


def test_a_changed_configuration_is_written_down_with_its_hash_before_and_after(
    admin: Administered, toml: str
) -> None:
    before = admin.get("/configuration")
    assert admin.endpoint.health["configuration"] == before["configuration"]
    listen = '\n[admin]\nlisten = "127.0.0.1:0"\n'
    admin.endpoint.configure(f'{toml}[routes.added]\nincumbent = "sim/two"\n{listen}')
    admin.post("/configuration/reload", "operator")
    assert until(lambda: "added" in [one["route"] for one in admin.get("/routes")["routes"]])
    found = until(
        lambda: [one for one in admin.get("/audit")["entries"] if one["act"] == "configuration.change"]
    )
    after = admin.get("/configuration")
    assert admin.endpoint.health["configuration"] == after["configuration"] != before["configuration"]
    assert found[0]["actor"] == "reload"
    assert found[0]["detail"] == {
        "before": before["configuration"],
        "configuration": after["configuration"],
        "digest": after["digest"],
        "changed": ["routes.added"],
    }
    assert "configuration.reload" in [one["act"] for one in admin.get("/audit")["entries"]]
    admin.endpoint.configure(f"{toml}{listen}[")
    assert until(lambda: admin.get("/configuration")["problem"])
    assert admin.get("/configuration")["digest"] == after["digest"]
    assert admin.get("/configuration/check")["good"] is False
    admin.endpoint.configure(f"{toml}{listen}")
    assert until(lambda: admin.get("/configuration")["digest"] == before["digest"])
    assert until(lambda: last_act(admin)["detail"].get("before") == after["configuration"])


def test_the_audit_log_is_listed_verified_and_exported(admin: Administered) -> None:
    verdict = admin.get("/audit/verify")
    assert verdict["good"]
    admin.post("/keys", name="one more")
    later = admin.get("/audit/verify", head=verdict["head"])
    assert (later["good"], later["entries"]) == (True, verdict["entries"] + 1)
    assert admin.get("/audit/verify", head="0" * 63 + "1")["good"] is False
    exported = [msgspec.json.decode(line) for line in admin.ask("GET", "/exports/audit").content.splitlines()]
    newest = admin.get("/audit", limit=2)
    assert newest["entries"] == exported[:-3:-1]
    assert admin.get("/audit", limit=1, before=newest["next"])["entries"] == [exported[-3]]
    here = AuditLog(admin.endpoint.data / "access.db")
    assert here.verify().head == later["head"]
    assert exported[0]["actor"] == "test"
    assert "endpoint.start" in [one["act"] for one in exported]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?limt=3", "There is no parameter `limt`."),
        ("?limit=3&limit=4", "The parameter `limit` is given twice."),
        ("?limit=0", "A parameter is not what it has to be"),
        ("?limit=x", "A parameter is not what it has to be"),
        ("?since=yesteryear", "`yesteryear` is not a moment."),
        ("?after=1.x", "`1.x` is not a cursor."),
        ("?after=9223372036854775808.1", "`9223372036854775808.1` is not a cursor."),
        ("?%ff=%ff", "The parameters behind `?` cannot be read."),
    ],
)
def test_what_cannot_be_meant_is_an_error(admin: Administered, query: str, told: str) -> None:
    answer = admin.ask("GET", f"/calls{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(told)


def test_bodies_are_bounded_and_read_strictly(admin: Administered) -> None:
    huge = admin.ask("POST", "/keys", content=b"x" * 1_100_000, headers={"content-type": "application/json"})
    assert huge.status_code == 413
    assert admin.ask("POST", "/keys", content=b"name=x").status_code == 415
    assert (
        admin.ask("POST", "/keys", content=b"{", headers={"content-type": "application/json"}).status_code
        == 400
    )
    for path, wanted in (("/keys", {}), ("/admin-keys", {"role": "viewer"})):
        endless = admin.ask("POST", path, json={"name": "x", "expires": "9999y", **wanted})
        assert (endless.status_code, endless.json()["detail"]) == (400, "`9999y` is too long.")
    unknown = admin.ask("POST", "/keys", json={"name": "x", "rout": ["chat"]})
    assert (unknown.status_code, "rout" in unknown.json()["detail"]) == (400, True)
    assert admin.ask("GET", "/keys", json={"a": 1}).status_code == 400


def test_whoever_guesses_keys_is_slowed_down(tmp_path: Path) -> None:
    with administered(tmp_path, "[local]\nenabled = false\n", admin="wrong_keys = 5") as admin:
        wrong = {"authorization": "Bearer fha-" + "x" * 43}
        answers = [admin.ask("GET", "/me", None, headers=wrong).status_code for _ in range(30)]
        assert answers[:5] == [401] * 5
        assert answers.count(429) >= 20
        for _ in range(5):  # nobody can shut administrators out who come from the same address
            assert admin.ask("GET", "/me", None, headers=wrong).status_code in (401, 429)
            assert admin.ask("GET", "/me", "owner").status_code == 200
        assert until(lambda: admin.ask("GET", "/me", None, headers=wrong).status_code == 401, 3)


def test_it_is_off_until_it_is_asked_for_and_on_the_endpoints_port_only_when_that_is(tmp_path: Path) -> None:
    with administered(tmp_path, "[local]\nenabled = false\n", admin="on_data_port = true") as admin:
        here = httpx.get(f"{admin.endpoint.url}/admin/v1/version", headers=admin.headers("viewer"))
        assert (here.status_code, list(here.json())) == (200, ["version"])
        assert httpx.get(f"{admin.endpoint.url}/admin/v1/version").status_code == 401
        assert httpx.get(f"{admin.endpoint.url}/admin/v1/nothing").status_code == 401
        assert httpx.get(f"{admin.endpoint.url}/v1/models").status_code == 401


def test_an_address_that_is_taken_is_told_with_the_setting_to_change(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        toml = f'[local]\nenabled = false\n[admin]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"'
        endpoint = RunningEndpoint(tmp_path, toml)
        with pytest.raises(AssertionError, match="exit status 1"):
            endpoint.start()
        assert "Address already in use" in endpoint.log
        assert "`listen` in `[admin]`" in endpoint.log


def test_it_is_not_on_the_endpoints_port_unless_asked(admin: Administered) -> None:
    found = httpx.get(f"{admin.endpoint.url}/admin/v1/version", headers=admin.headers("owner"))
    assert found.status_code == 404
