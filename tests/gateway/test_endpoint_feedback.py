"""Feedback through the doors of a running endpoint: the client's, the administrator's and the command line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from administered import Administered, administered
from plain_client import Answer
from running_endpoint import RunningEndpoint
from several_workers import one_to_each

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider

CORRECTION = "Rather: grüße!\nAnd more."


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text="Yes.")})) as running:
        yield running


def toml_for(provider: ThreadedProvider, more: str = "") -> str:
    return f"""
[local]
enabled = false
[providers.sim]
base_url = "{provider.base_url}"
[routes.default]
incumbent = "sim/m"
[routes.private]
incumbent = "sim/m"
keep_bodies = false
{more}
"""


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory, provider: ThreadedProvider) -> Iterator[Administered]:
    with administered(tmp_path_factory.mktemp("feedback"), toml_for(provider)) as running:
        yield running


@pytest.fixture
def endpoint(admin: Administered) -> RunningEndpoint:
    return admin.endpoint


def say(endpoint: RunningEndpoint, call: str, key: str | None = None, **body: Any) -> Answer:
    with endpoint.connect(key) as client:
        return client.post(f"/v1/calls/{call}/feedback", body)


def ask(endpoint: RunningEndpoint, model: str = "default") -> str:
    with endpoint.connect() as client:
        return client.chat(model).call


def command(endpoint: RunningEndpoint, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "freehold", *words],
        cwd=endpoint.folder,
        env=endpoint.environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_client_says_what_it_thinks_right_after_the_answer(endpoint: RunningEndpoint) -> None:
    call = ask(endpoint)
    answer = say(endpoint, call, value=False, name="thumbs", correction=CORRECTION)
    assert answer.status == 200
    told = answer.json()
    assert (told["call"], told["name"], told["kind"], told["number"]) == (call, "thumbs", "flag", 0.0)
    assert say(endpoint, call, value=True, name="thumbs").json()["number"] == 1.0
    assert [(one.name, one.number) for one in endpoint.recorded(call).feedback] == [("thumbs", 1.0)]


def test_the_answer_of_the_responses_api_names_its_call_too(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        answer = client.post("/v1/responses", {"model": "default", "input": "Hello"})
    told = say(endpoint, answer.json()["id"], value=0.5).json()
    assert (told["call"], told["kind"], told["number"]) == (answer.call, "number", 0.5)


def test_a_stream_can_be_judged_as_soon_as_it_is_over(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        stream = client.stream("default")
        stream.rest()
    assert say(endpoint, stream.call, value=1).status == 200


def test_nobody_else_learns_that_there_is_such_a_call(endpoint: RunningEndpoint) -> None:
    call, other = ask(endpoint), endpoint.make_key("other")
    theirs, none = say(endpoint, call, other, value=True), say(endpoint, "call_" + "0" * 32, value=True)
    assert (theirs.status, none.status) == (404, 404)
    assert theirs.error["message"].replace(call, "") == none.error["message"].replace("call_" + "0" * 32, "")
    assert say(endpoint, call, "fh-wrong", value=True).status == 401
    assert endpoint.recorded(call).feedback == ()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("{call}/feedback", b'{"value": 2}', 400),
        ("{call}/feedback", b'{"value": ""}', 400),
        ("{call}/feedback", b'{"value": " ", "correction": ""}', 400),
        ("{call}/feedback", b"{", 400),
        ("{call}/feedback", b'{"value": true, "correction": "' + b"x" * 600_000 + b'"}', 400),
        ("{call}/feedback", b'{"value": true, "correction": "' + b"x" * 1_400_000 + b'"}', 413),
        ("{call}/feedback/more", b'{"value": true}', 404),
        ("{call}", b'{"value": true}', 404),
        ("/feedback", b'{"value": true}', 404),
        ("%00/feedback", b'{"value": true}', 404),
        ("%C3%A4/feedback", b'{"value": true}', 404),
        ("x" * 5000 + "/feedback", b'{"value": true}', 404),
    ],
)
def test_what_is_no_feedback_gets_an_error(
    endpoint: RunningEndpoint, path: str, body: bytes, status: int
) -> None:
    call = ask(endpoint)
    with endpoint.connect() as client:
        answer = client.post("/v1/calls/" + path.format(call=call), body)
    assert answer.status == status
    assert answer.error["message"]
    assert endpoint.recorded(call).feedback == ()
    with endpoint.connect() as client:
        assert client.get(f"/v1/calls/{call}/feedback").status == 405


@pytest.mark.parametrize("letter", ["x", "\u4e2d", "\U0001f600"])
def test_a_correction_may_be_as_long_in_any_script(endpoint: RunningEndpoint, letter: str) -> None:
    """Clients in Python and PHP write what is not ASCII as `\\u4e2d`."""
    call, correction = ask(endpoint), letter * 100_000
    with endpoint.connect() as client:
        body = json.dumps({"value": letter * 10_000, "correction": correction}).encode()
        assert client.post(f"/v1/calls/{call}/feedback", body).status == 200
    (kept,) = endpoint.recorded(call).feedback
    assert kept.correction == correction


def test_where_bodies_are_not_kept_words_are_not_either(endpoint: RunningEndpoint) -> None:
    call = ask(endpoint, "private")
    refused = say(endpoint, call, value="leaves no trace")
    assert (refused.status, "not kept" in refused.error["message"]) == (400, True)
    assert say(endpoint, call, value=True).status == 200


def test_it_is_shown_and_exported(endpoint: RunningEndpoint, tmp_path: Path) -> None:
    call = ask(endpoint)
    say(endpoint, call, value="too short", name="why", correction=CORRECTION)
    say(endpoint, call, value=0.75, name="stars")
    shown = command(endpoint, "calls", "show", call)
    for words in (
        "feedback\n",
        "  why, by ",
        "      too short",
        "      Rather: grüße!",
        "  stars: 0.75, by ",
    ):
        assert words in shown
    said = msgspec.json.decode(command(endpoint, "calls", "show", call, "--json"))["feedback"]
    assert [(one["name"], one["number"], one["text"], one["correction"]) for one in said] == [
        ("why", None, "too short", CORRECTION),
        ("stars", 0.75, None, None),
    ]
    lines = [msgspec.json.decode(line) for line in command(endpoint, "calls", "export").splitlines()]
    found = next(one for one in lines if one["id"] == call)["feedback"]
    assert [(one["name"], one["number"], one["text"]) for one in found] == [
        ("why", None, None),
        ("stars", 0.75, None),
    ]
    with_words = command(endpoint, "calls", "export", "--bodies", "--format", "csv")
    row = next(one for one in csv.DictReader(io.StringIO(with_words)) if one["id"] == call)
    assert msgspec.json.decode(row["feedback"])[0]["correction"] == CORRECTION
    command(endpoint, "calls", "export", "--format", "parquet", "--to", str(tmp_path), "--bodies")
    import pyarrow.dataset as ds  # noqa: PLC0415 - slow to load, and for this test alone

    rows = {one["id"]: one["feedback"] for one in ds.dataset(tmp_path).to_table().to_pylist()}
    assert [(one["name"], one["number"], one["correction"]) for one in rows[call]] == [
        ("why", None, CORRECTION),
        ("stars", 0.75, None),
    ]


def test_an_administrator_reads_and_gives_it_and_that_is_on_record(admin: Administered) -> None:
    call = ask(admin.endpoint)
    say(admin.endpoint, call, value=True, correction=CORRECTION)
    path = f"/calls/{call}/feedback"
    assert admin.ask("GET", path, "viewer").status_code == 403
    assert admin.ask("POST", path, "viewer", json={"value": True}).status_code == 403
    (said,) = admin.get(path, "operator")["feedback"]
    assert (said["number"], said["correction"]) == (1.0, CORRECTION)
    entry = admin.get("/audit", limit=1)["entries"][0]
    assert (entry["act"], entry["subject"], entry["detail"]) == ("bodies.read", call, {"what": "feedback"})
    assert admin.get(f"/calls/{call}", "viewer")["feedback"][0]["correction"] is None
    assert admin.get(f"/calls/{call}/bodies", "operator")["feedback"][0]["correction"] == CORRECTION
    given = admin.post(path, "operator", value=0.2)
    assert (given["by"], given["number"]) == ("admin:the operator", 0.2)
    entry = admin.get("/audit", limit=1)["entries"][0]
    assert (entry["act"], entry["subject"]) == ("feedback.give", call)
    assert len(admin.get(path)["feedback"]) == 2
    assert admin.ask("POST", path, json={"value": 3}).status_code == 400
    assert admin.ask("POST", "/calls/call_none/feedback", json={"value": True}).status_code == 404
    assert admin.ask("GET", "/calls/call_none/feedback").status_code == 404


def test_what_was_taken_survives_a_kill(tmp_path: Path, provider: ThreadedProvider) -> None:
    endpoint = RunningEndpoint(tmp_path, toml_for(provider))
    with endpoint:
        call = ask(endpoint)
        assert say(endpoint, call, value=True).status == 200
        endpoint.kill()
        endpoint.start()
        assert [one.number for one in endpoint.ledger.feedback_of(call)] == [1.0]
        assert say(endpoint, call, value=False).status == 200
        assert [one.number for one in endpoint.ledger.feedback_of(call)] == [0.0]


def test_it_may_be_given_to_another_worker(tmp_path: Path, provider: ThreadedProvider) -> None:
    toml = toml_for(provider, "[server]\nworkers = 2\n")
    with RunningEndpoint(tmp_path, toml) as endpoint, one_to_each(endpoint) as clients:
        one, other = clients.values()
        for number in range(3):
            call = one.chat("default").call
            answer = other.post(f"/v1/calls/{call}/feedback", {"value": number / 2})
            assert answer.status == 200, answer.body
            assert [said.number for said in endpoint.ledger.feedback_of(call)] == [number / 2]
