"""What is kept of comparisons is shown over HTTP as on the command line, and calls notice nothing of it."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from administered import Administered, administered
from kept_comparisons import CHEAP, CHECK, CLOSE, INCUMBENT, PROMPT, keep_comparison
from running_endpoint import until

from freehold.compare.terms import Comparison, named

TOML = """
[local]
enabled = false
[providers.gone]
base_url = "http://127.0.0.1:9/v1"
[routes.support]
incumbent = "gone/one"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def comparison(folder: Path) -> Comparison:
    return keep_comparison(folder)


@pytest.fixture(scope="module")
def admin(folder: Path, comparison: Comparison) -> Iterator[Administered]:
    with administered(folder, TOML) as admin:
        yield admin


def printed(admin: Administered, *words: str) -> bytes:
    command, environment = [sys.executable, "-m", "freehold", *words], admin.endpoint.environment
    done = subprocess.run(
        command, cwd=admin.endpoint.folder, env=environment, capture_output=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def commanded(admin: Administered, *words: str) -> list[Any]:
    return [msgspec.json.decode(line) for line in printed(admin, *words, "--json").splitlines()]


def acts(admin: Administered) -> list[tuple[str, str]]:
    return [(one["act"], one["subject"]) for one in admin.get("/audit", limit=1000)["entries"]]


def test_suites_are_listed_and_shown_as_the_command_line_does(admin: Administered) -> None:
    page = admin.get("/suites", "viewer")
    assert page == {"suites": commanded(admin, "suite", "list"), "next": None}
    (suite,) = page["suites"]
    shown = admin.get(f"/suites/{suite['name']}", "viewer")
    assert shown == admin.get(f"/suites/{suite['id']}", "viewer")
    (told,) = commanded(admin, "suite", "show", suite["id"])
    assert told.pop("cases_shown")
    assert shown == told
    assert sum(shown["classes"].values()) == shown["cases"] == 80
    assert "handbook" not in str(shown), "what is asked takes an operator"


def test_who_exports_cases_is_written_down(admin: Administered) -> None:
    suite = admin.get("/suites")["suites"][0]["id"]
    before = acts(admin)
    assert admin.ask("GET", f"/suites/{suite}/cases", "viewer").status_code == 403
    assert admin.ask("GET", "/suites/none/cases", "operator").status_code == 404
    assert acts(admin) == before
    exported = admin.ask("GET", f"/suites/{suite}/cases", "operator")
    assert exported.headers["content-type"] == "application/jsonl"
    assert exported.content == printed(admin, "suite", "export", suite)
    assert len(exported.text.splitlines()) == 81
    assert acts(admin)[0] == ("suites.export", suite)


def test_comparisons_are_listed_and_shown_as_the_command_line_does(
    admin: Administered, comparison: Comparison
) -> None:
    (listed,) = admin.get("/comparisons", "viewer")["comparisons"]
    assert (listed["id"], listed["route"], listed["incumbent"]) == (comparison.id, "support", INCUMBENT)
    assert listed["state"] == "done"
    (told,) = commanded(admin, "compare", "show", comparison.id)
    shown = admin.get(f"/comparisons/{comparison.id}", "viewer")
    assert told["terms"]["prompt"]["text"] == PROMPT.text
    assert shown["terms"]["prompt"] == {"name": PROMPT.name, "text": ""}
    shown["terms"]["prompt"] = told["terms"]["prompt"]
    assert shown == told
    decided = {one["candidate"]: one["decision"] for one in shown["verdicts"] if not one["task_class"]}
    assert listed["decisions"] == decided
    assert decided.keys() == {named(CLOSE, PROMPT), named(CHEAP, PROMPT)}
    assert decided[named(CHEAP, PROMPT)] == "does not replace"
    beginning = comparison.id.removeprefix("comparison_")[:12]
    assert admin.get(f"/comparisons/{beginning}")["comparison"] == comparison.id
    assert admin.ask("GET", "/comparisons/none").status_code == 404
    assert admin.ask("GET", "/comparisons/%00").status_code == 404


def test_a_report_is_a_page_of_nobodys_and_who_reads_it_is_written_down(
    admin: Administered, comparison: Comparison
) -> None:
    path = f"/comparisons/{comparison.id}/report"
    before = acts(admin)
    assert admin.ask("GET", path, "viewer").status_code == 403
    assert admin.ask("GET", "/comparisons/none/report", "operator").status_code == 404
    assert acts(admin) == before
    answer = admin.ask("GET", path, "operator")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["content-security-policy"] == "sandbox allow-scripts"
    assert answer.text.startswith("<!doctype html>")
    assert comparison.id in answer.text
    assert "handbook" in answer.text
    assert acts(admin)[0] == ("comparisons.read", comparison.id)


def test_a_check_is_shown_with_what_it_found(admin: Administered) -> None:
    assert admin.get("/judge-checks", "viewer") == {
        "checks": commanded(admin, "judge", "list"),
        "next": None,
    }
    (told,) = commanded(admin, "judge", "show", CHECK.id)
    assert admin.get(f"/judge-checks/{CHECK.id}", "viewer") == told
    # Of 40, one in four is not good to the judge, and every other one is good to people.
    assert told["findings"]["agreement"]["value"] == 0.75
    (wider,) = commanded(admin, "judge", "show", CHECK.id, "--alpha", "0.01")
    assert admin.get(f"/judge-checks/{CHECK.id}", alpha=0.01) == wider != told
    assert admin.ask("GET", f"/judge-checks/{CHECK.id}", params={"alpha": 0.9}).status_code == 400
    assert admin.ask("GET", "/judge-checks/none").status_code == 404


def test_lists_come_in_pages(admin: Administered) -> None:
    for name, path in (("suites", "/suites"), ("comparisons", "/comparisons"), ("checks", "/judge-checks")):
        page = admin.get(path, limit=1)
        assert len(page[name]) == 1
        last = page[name][0].get("id") or page[name][0]["check"]
        behind = admin.get(path, limit=1, after=last)
        assert (behind[name], behind["next"]) == ([], None)
        assert admin.ask("GET", path, params={"after": "nothing"}).status_code == 400


def errands(endpoint: int) -> list[Path]:
    """Processes that were sent on one by the endpoint, in `/proc`."""
    told = [path.read_text().split() for path in Path(f"/proc/{endpoint}/task").glob("*/children")]
    found = [Path("/proc", one) for children in told for one in children]
    return [one for one in found if b"freehold.app.errand" in (one / "cmdline").read_bytes()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_endpoint_itself_draws_nothing(admin: Administered, comparison: Comparison) -> None:
    """Reports are made elsewhere: it answers meanwhile, needs no memory for it, and gives no key of a provider away."""
    endpoint, seen, done = admin.endpoint.pid, set[str](), threading.Event()
    took: list[float] = []

    def ask() -> None:
        assert admin.ask("GET", f"/comparisons/{comparison.id}/report").status_code == 200
        done.set()

    asking = threading.Thread(target=ask)
    began = time.monotonic()
    asking.start()
    while not done.wait(0.05) and asking.is_alive():
        asked = time.monotonic()
        assert admin.ask("GET", "/version").status_code == 200
        took.append(time.monotonic() - asked)
        for one in errands(endpoint):
            seen |= {line.partition(b"=")[0].decode() for line in (one / "environ").read_bytes().split(b"\0")}
    asking.join()
    assert done.is_set()
    assert "PATH" in seen, "nothing was seen of it"
    assert seen <= {"", "HOME", "LANG", "PATH", "PYTHONPATH", "TMPDIR", "TZ"}
    assert statistics.median(took) < (time.monotonic() - began) / 4
    mapped = Path(f"/proc/{endpoint}/maps").read_text()
    assert "numpy" not in mapped
    assert "vl_convert" not in mapped
    assert errands(endpoint) == []


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_endpoint_ends_although_a_report_is_being_made(
    admin: Administered, comparison: Comparison
) -> None:
    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            admin.ask("GET", f"/comparisons/{comparison.id}/report")

    asking = threading.Thread(target=ask)
    asking.start()
    (errand,) = until(lambda: errands(admin.endpoint.pid))
    began = time.monotonic()
    admin.endpoint.stop()  # expects exit status 0 and no stack trace
    assert time.monotonic() - began < 12
    asking.join()
    assert not errand.exists()
    admin.endpoint.start()
