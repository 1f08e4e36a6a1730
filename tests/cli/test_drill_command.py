"""`freehold drill`, from the words of the command to the report and the exit status, on calls of a real endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from running_endpoint import RunningEndpoint, until
from shell import Done, Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider
from freehold.rollout.drills.keeping import kept

TOML = """
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.acme]
base_url = "ACME"
[providers.beta]
base_url = "BETA"
dialects = ["anthropic-messages"]
[providers.unused]
base_url = "http://127.0.0.1:9/v1"
[models."acme/m"]
input = 1
output = 10
[models."beta/b"]
input = 0.5
output = 5
[routes.chat]
incumbent = "acme/m"
fallbacks = ["beta/b"]
deadline = "6s"
continue_streams = true
[routes.alone]
incumbent = "acme/m"
[routes.elsewhere]
incumbent = "beta/b"
[providers.acme-second]
base_url = "ACME"
[pools.both]
providers = ["acme", "acme-second"]
[routes.pooled]
incumbent = "both/m"
"""
CHAT = 24
"""Calls of the route that can be asked again."""
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "form",
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    },
}


class World:
    """A folder in which calls are on record, and the providers that answered them."""

    def __init__(self, folder: Path, acme: ThreadedProvider, beta: ThreadedProvider) -> None:
        self.folder = folder
        self.shell = Shell(folder)
        self.acme = acme
        self.beta = beta
        self.ledger = LedgerReader(folder / ".freehold" / "ledger.db")

    def drill(self, *words: str, status: int = 0) -> dict[str, Any]:
        """The report of a drill that ends with `status`."""
        done = self.shell("drill", *words, "--json")
        assert done.returncode == status, (done.returncode, done.stderr, done.stdout[:500])
        report: dict[str, Any] = msgspec.json.decode(done.stdout)
        return report

    def refused(self, *words: str) -> Done:
        """A drill that is not even begun: nothing is asked, nothing is written."""
        before = (len(self.acme.requests), len(self.beta.requests), self.ledger.last_seq())
        done = self.shell("drill", *words)
        assert done.returncode == 1, done.stdout
        assert (len(self.acme.requests), len(self.beta.requests), self.ledger.last_seq()) == before
        assert not done.stdout
        return done


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("drill")
    named = Script(models={"m": Behaviour(calls_itself="m-2026-11")})
    with SimulatedProvider.in_thread(named) as acme, SimulatedProvider.in_thread() as beta:
        toml = TOML.replace("ACME", acme.base_url).replace("BETA", beta.base_url)
        with RunningEndpoint(folder, toml) as endpoint:
            _record(endpoint)
            until(lambda: len(endpoint.ledger.calls(limit=200)) >= CHAT + 1 + 36)
        yield World(folder, acme, beta)


def _record(endpoint: RunningEndpoint) -> None:
    with endpoint.connect() as client:
        for number in range(CHAT // 6):
            said = [{"role": "user", "content": f"Question {number}: what became of the refund?"}]
            chat: dict[str, Any] = {"model": "chat", "messages": said}
            for path, body in (
                ("/v1/chat/completions", chat),
                ("/v1/chat/completions", chat | {"stream": True, "tools": [WEATHER]}),
                ("/v1/chat/completions", chat | {"response_format": FORM}),
                ("/v1/messages", chat | {"max_tokens": 200, "stream": True}),
                ("/v1/responses", {"model": "chat", "input": said, "stream": True}),
                (
                    "/v1beta/models/chat:streamGenerateContent?alt=sse",
                    {"contents": [{"role": "user", "parts": [{"text": f"Question {number}"}]}]},
                ),
            ):
                answer = client.post(path, body)
                assert answer.status == 200, answer.body
        hosted = {"model": "chat", "max_tokens": 50, "messages": said, "tools": [SEARCH]}
        assert client.post("/v1/messages", hosted).status == 200
        for number in range(12):
            said = [{"role": "user", "content": f"Hello {number}"}]
            for model in ("alone", "pooled", "acme/m"):
                body = {"model": model, "messages": said}
                assert client.post("/v1/chat/completions", body).status == 200


def rows(report: dict[str, Any], **equal: str) -> list[dict[str, Any]]:
    return [
        row
        for row in report["rows"]
        if not row["task"] and all(row[name] == value for name, value in equal.items())
    ]


def test_a_route_with_a_fallback_survives_every_dialect_and_nobody_real_is_asked(world: World) -> None:
    before = (len(world.acme.requests), len(world.beta.requests), world.ledger.last_seq())
    words = [
        word
        for name in ("refused", "keys", "storm-told", "failing", "cut", "malformed", "removed")
        for word in ("--fault", name)
    ]
    report = world.drill("--lose", "acme", "--on", "chat", "--simulated", *words)
    assert report["conclusion"] == "survived"
    assert report["least"] == 1.0
    for row in rows(report):
        assert (row["calls"], row["survived"], row["verdicts"]) == (CHAT, CHAT, {"answered": CHAT})
        assert row["models"] == {"beta/b": CHAT}
        assert 0.85 < row["low"] < 0.9
        assert Decimal(row["extra_cost"]) < 0
    assert [row["fault"] for row in rows(report)] == [*words[1::2], "sequence"]
    assert sum(row["joined"] for row in rows(report, fault="cut")) > 0
    assert {row["task"] for row in report["rows"]} == {"", "tools", "structured", "text"}
    after = (len(world.acme.requests), len(world.beta.requests), world.ledger.last_seq())
    assert after == before
    newest = next(kept(world.shell.folder / ".freehold"))
    assert (newest.id, newest.survivors, newest.least) == (report["id"], "simulated", 1.0)


def test_silence_is_survived_within_the_deadline_of_the_route(world: World) -> None:
    report = world.drill("--lose", "acme", "--on", "chat", "--simulated", "--fault", "silent")
    (row,) = rows(report)
    assert row["survived"] == CHAT
    assert report["routes"][0]["deadline_s"] == 6.0
    assert report["routes"][0]["deadline_is"] == "the route's"
    assert 0.5 < row["p99_s"] < 6.0


def test_a_deadline_is_written_as_in_the_configuration(world: World) -> None:
    words = ("--lose", "acme", "--on", "chat", "--simulated", "--fault", "refused", "--require", "90%")
    report = world.drill(*words, "--deadline", "5500ms")
    assert report["require"] == 0.9
    assert (report["routes"][0]["deadline_s"], report["routes"][0]["deadline_is"]) == (5.5, "asked for")


def test_a_route_without_a_fallback_does_not_survive(world: World) -> None:
    report = world.drill(
        "--lose", "acme", "--simulated", "--fault", "refused", "--fault", "swapped", status=1
    )
    assert report["conclusion"] == "not survived"
    (row,) = rows(report, fault="refused", route="alone")
    assert (row["survived"], row["verdicts"], row["low"]) == (0, {"refused": 12}, 0.0)
    assert row["p50_s"] is None
    (row,) = rows(report, fault="swapped", route="alone")
    assert row["survived"] == 12
    assert any("`alone`, connection refused: 0 of 12" in reason for reason in report["reasons"])


def test_a_pool_survives_the_loss_of_one_of_its_providers_and_not_of_all(world: World) -> None:
    words = ("--on", "pooled", "--simulated", "--fault", "refused", "--fault", "storm")
    report = world.drill("--lose", "acme", *words)
    assert report["providers"] == ["acme"]
    assert {row["survived"] for row in rows(report)} == {12}
    assert rows(report)[0]["models"] == {"acme-second/m": 12}
    report = world.drill("--lose", "both", *words, status=1)
    assert report["providers"] == ["acme", "acme-second"]
    assert {row["survived"] for row in rows(report)} == {0}


def test_models_that_were_called_by_their_own_names_are_lost(world: World) -> None:
    report = world.drill("--lose", "acme", "--simulated", "--fault", "keys", status=1)
    (row,) = rows(report, route="acme/m")
    assert (row["calls"], row["survived"]) == (12, 0)


def test_survivors_are_really_asked_and_that_is_on_record_as_copies(world: World) -> None:
    asked, before = len(world.acme.requests), world.ledger.last_seq()
    report = world.drill("--lose", "acme", "--on", "chat", "--fault", "refused", "--calls", "10")
    assert report["survivors"] == "real"
    assert Decimal(report["spent"]) > 0
    assert len(world.acme.requests) == asked
    found = world.ledger.recorded_after(before)
    assert len(found) == 10
    recorded = {entry.call.id for entry in world.ledger.calls(Filter(operation="chat"), limit=200)}
    for entry in found:
        call = entry.call
        assert (call.operation, call.key_id) == ("mirror", report["id"])
        assert call.mirrors in recorded
        assert {attempt.provider for attempt in call.attempts} == {"beta"}
        assert call.request_body is None
    assert sum((entry.cost.amount or Decimal(0) for entry in found), Decimal(0)) == Decimal(report["spent"])
    again = world.drill("--lose", "acme", "--on", "chat", "--fault", "refused", "--simulated")
    assert again["routes"][0]["found"] == report["routes"][0]["found"]  # copies are no traffic


def test_a_budget_ends_the_asking(world: World) -> None:
    report = world.drill(
        "--lose", "acme", "--on", "chat", "--fault", "refused", "--budget", "0.0000001", "--concurrency", "1",
        status=3,
    )  # fmt: skip
    assert report["conclusion"] == "not enough evidence"
    assert report["unasked"] == 19  # of 20, and the first one is paid for
    assert "budget" in report["reasons"][0]


def test_calls_with_side_effects_are_counted_and_not_repeated(world: World) -> None:
    report = world.drill("--lose", "acme", "--on", "chat", "--simulated", "--fault", "refused")
    (route,) = report["routes"]
    assert route["asked"] == CHAT
    assert route["left_out"] == {"use a tool that their provider runs, which would act a second time": 1}
    (hosted,) = [one for one in report["state"] if one["kind"] == "tools that the provider runs"]
    assert (hosted["where"], hosted["count"], hosted["of"]) == ("lost", 1, CHAT + 1)


def test_a_silent_change_of_the_model_is_noticed_and_a_doubled_price_is_foreseen(world: World) -> None:
    report = world.drill(
        "--lose", "acme", "--on", "chat", "--simulated", "--fault", "swapped", "--fault", "dearer"
    )
    assert [(one["model"], one["noticed"]) for one in report["notices"]] == [("acme/m", True)]
    doubling = report["doubling"]
    alone = world.drill("--lose", "acme", "--fault", "dearer")
    assert alone["doubling"] == doubling
    assert alone["rows"] == []
    spent = sum(
        (entry.cost.amount or Decimal(0))
        for entry in world.ledger.calls(Filter(provider="acme", operation="chat"), limit=200)
    )
    assert Decimal(doubling["month"]) == pytest.approx(spent)
    assert Decimal(doubling["doubled"]) == 2 * Decimal(doubling["month"])
    instead = [one for row in doubling["rows"] for one in row["instead"]]
    assert {one["model"] for one in instead} == {"beta/b"}
    assert all(one["decision"] is None for one in instead)


def test_a_model_of_embeddings_is_not_named_as_a_cheaper_one(world: World) -> None:
    text = (world.folder / "freehold.toml").read_text().replace("enabled = false", "enabled = true")
    other = world.folder / "embedded.toml"
    other.write_text(text)
    report = world.drill("--lose", "acme", "--fault", "dearer", "--config", str(other))
    instead = {one["model"] for row in report["doubling"]["rows"] for one in row["instead"]}
    assert instead == {"beta/b", "local/smollm2-135m"}


def test_too_little_traffic_is_not_enough_evidence(world: World) -> None:
    words = ("--lose", "acme", "--on", "chat", "--simulated", "--fault", "refused", "--least", "500")
    report = world.drill(*words, status=3)
    assert report["conclusion"] == "not enough evidence"
    assert report["reasons"] == [f"`chat`: {CHAT} of its calls can be asked again, and 500 are needed."]
    nobody = world.drill("--lose", "unused", "--simulated", status=3)
    assert nobody["rows"] == []
    assert nobody["reasons"] == ["No route asks `unused`, and nobody called its models by their names."]


def test_a_ledger_that_is_not_there_is_not_enough_evidence(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (tmp_path / "freehold.toml").write_text(
        TOML.replace("ACME", "http://127.0.0.1:9/v1").replace("BETA", "http://127.0.0.1:9/v1")
    )
    done = shell("drill", "--lose", "acme", "--simulated", "--json")
    assert done.returncode == 3, done.stderr
    shown = shell("drill", "--lose", "acme", "--simulated").stdout
    assert [line for line in shown.splitlines() if line != line.rstrip()] == []
    assert not (tmp_path / ".freehold").exists()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("--lose", "acm"), "No provider is called `acm`.", "Did you mean `acme`?"),
        (
            ("--lose", "zzz"),
            "No provider is called `zzz`.",
            "There are `acme`, `beta`, `unused`, `acme-second`, `both`.",
        ),
        (("--lose", "acme", "--fault", "refusd"), "No fault is called `refusd`.", "Did you mean `refused`?"),
        (("--lose", "acme", "--on", "chatt"), "No route or model is called `chatt`.", "Did you mean `chat`?"),
        (("--lose", "acme", "--on", "elsewhere"), "`elsewhere` does not ask `acme`.", "It asks `beta/b`."),
        (("--lose", "acme", "--on", "pooled"), "Nobody knows what `acme-second/m` costs", "`--budget none`"),
        (("--lose", "acme", "--budget", "free"), "`free` is no budget.", "such as `0.50`, or `none`"),
        (
            ("--lose", "acme", "--on", "chat", "--html", "no/where.html"),
            "`no/where.html` cannot be written.",
            "`--html`",
        ),
    ],
)
def test_bad_input_is_told_and_nothing_is_asked(
    world: World, words: tuple[str, ...], message: str, hint: str
) -> None:
    said = world.refused(*words).stderr
    assert message in said
    assert hint in said


def test_the_report_is_readable_and_a_page_that_loads_nothing(world: World) -> None:
    page = world.shell.folder / "report.html"
    done = world.shell(
        "drill",
        "--lose",
        "acme",
        "--simulated",
        "--fault",
        "refused",
        "--fault",
        "dearer",
        "--html",
        str(page),
    )
    assert done.returncode == 1
    assert done.stdout.startswith(
        "acme: not survived. At the least 0.00 % of calls survived; 99.90 % was required."
    )
    assert re.search(r"connection refused +chat .* 24 +100 %", done.stdout)
    assert "nobody compared beta/b with acme/m" in done.stdout
    text = page.read_text()
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    assert "<script" not in text
    assert not re.search(r"(src|href)=", text)
    assert "connection refused" in text
    assert "not survived" in text


def test_the_faults_are_listed(world: World) -> None:
    listed = world.shell("drill", "--lose", "acme", "--fault", "?").stdout
    assert "storm-told" in listed
    assert "429 with Retry-After" in listed
    assert len(listed.splitlines()) == 14
