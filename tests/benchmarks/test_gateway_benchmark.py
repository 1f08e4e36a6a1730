"""The benchmark must not believe a gateway that answers wrongly, twice, or from nowhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import msgspec
import pytest

from benchmarks.gateway.figures import GOALS, Headline, headline, summarize
from benchmarks.gateway.loads import Load
from benchmarks.gateway.machine import Machine
from benchmarks.gateway.report import PAGE
from benchmarks.gateway.results import QUICK, Kind, Results, Slot, Soak, Started, load_results
from benchmarks.gateway.traffic import MARK, STREAMED_ANSWER, WHOLE_ANSWER, Target
from benchmarks.gateway.verify import Verdict, check_answers

Change = tuple[bytes, bytes]
NO_CHANGE: Change = (b"", b"")


class _Server(ThreadingHTTPServer):
    request_queue_size = 64


@contextmanager
def serving(change: Change = NO_CHANGE, *, same_id: bool = False) -> Iterator[Target]:
    """A provider that answers as the mock does, but for `change`."""
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"]))
            allowed = self.headers["authorization"] == "Bearer good"
            answer = STREAMED_ANSWER if b'"stream":true' in asked else WHOLE_ANSWER
            number = 0 if same_id else next(numbers)
            body = answer.replace(MARK, b"mock%08x" % number).replace(*change) if allowed else b"{}"
            self.send_response(200 if allowed else 401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Target(f"http://127.0.0.1:{server.server_port}/v1/chat/completions", "good")
        finally:
            server.shutdown()
            thread.join()


def test_right_answers_are_believed() -> None:
    with serving() as target:
        verdict = check_answers(target, calls=20)
    assert verdict == Verdict(answers=20, wrong=0, verbatim=20, distinct=20, refused_key=True)
    assert verdict.right


def test_answers_written_anew_are_right_but_not_verbatim() -> None:
    with serving((b'"system_fingerprint":"fp_mock"', b'"system_fingerprint": "fp_mock"')) as target:
        verdict = check_answers(target, calls=20)
    assert verdict.right
    assert verdict.verbatim == 0


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ((b" token42", b""), 10),  # of the streams
        ((b"The quick", b"A quick"), 10),  # of the whole answers
        ((b'"completion_tokens":130', b'"completion_tokens":131'), 20),
        ((b"{", b""), 20),
    ],
)
def test_other_words_counts_and_forms_are_wrong(change: Change, wrong: int) -> None:
    with serving(change) as target:
        verdict = check_answers(target, calls=20)
    assert verdict.wrong == wrong
    assert not verdict.right


def test_the_same_answer_again_is_not_right() -> None:
    with serving(same_id=True) as target:
        verdict = check_answers(target, calls=20)
    assert verdict.wrong == 0
    assert not verdict.right


# Figures


def slot(gateway: str, kind: Kind, clients: int, rate: float, p50_us: float, *, of: str = "") -> Slot:
    load = Load(requests=1000, duration_us=1e6, p50_us=p50_us, p99_us=p50_us * 10, errors=0, bad=0)
    return Slot(
        gateway=gateway,
        kind=kind,
        clients=clients,
        rate=rate,
        of=of,
        load=load,
        cpu_us=100.0,
        cpu_percent=99.0,
        reached=1000,
        connections=0,
        resident_mb=80.0,
        foreign_percent=1.0,
    )


def results_of(*slots: Slot, soak: Soak | None = None) -> Results:
    verdict = Verdict(answers=2, wrong=0, verbatim=2, distinct=2, refused_key=True)
    names = list(dict.fromkeys(one.gateway for one in slots))
    return Results(
        date="2026-01-01",
        quick=True,
        plan=QUICK,
        machine=Machine("a processor", 2, 4, "6.1", "a system", "3.11"),
        tools={},
        started=[Started(name, name.title(), 1.0, 60.0, verdict) for name in names],
        slots=list(slots),
        soak=soak,
    )


def a_run() -> list[Slot]:
    slots = []
    for name, rate, p50_us in (
        ("direct", 60_000.0, 20.0),
        ("nginx", 40_000.0, 80.0),
        ("freehold", 8_000.0, 220.0),
    ):
        for clients, part in ((1, 0.3), (32, 0.9), (128, 1.0)):
            slots += [
                slot(name, "whole", clients, rate * part * round_, p50_us) for round_ in (0.5, 1.0, 1.1)
            ]
        slots.append(slot(name, "streamed", 32, rate / 4, p50_us))
    slots.append(slot("direct", "paced", 0, 4_000, 50, of="freehold"))
    slots.append(slot("freehold", "paced", 0, 4_000, 250))
    return slots


def test_figures_are_medians_differences_and_ratios_of_one_run() -> None:
    soak = Soak([(50_000, 80.0), (550_000, 83.0)], kept_calls=550_000, made_calls=550_000, dropped=0)
    found = headline(results_of(*a_run(), soak=soak))
    assert found.rps_clients == 128
    assert found.rps_per_core == 8_000
    assert found.chunks_per_s_per_core == 200_000
    assert found.ratio_nginx == 0.2
    assert found.ratio_litellm is None
    assert found.added_p50_ms == pytest.approx(0.2)
    assert found.added_p99_ms == pytest.approx(2.0)
    assert (found.rss_mb, found.rss_growth_mb) == (83.0, 3.0)
    assert (found.soak_requests, found.ledger_calls_missing) == (500_000, 0)
    assert found.honest


def test_calls_that_the_ledger_lost_are_told() -> None:
    soak = Soak([(50_000, 80.0), (60_000, 80.0)], kept_calls=59_990, made_calls=60_000, dropped=10)
    assert headline(results_of(*a_run(), soak=soak)).ledger_calls_missing == 10


@pytest.mark.parametrize(
    "change",
    [
        {"reached": 999},  # an answer that no provider gave
        {"reached": 1000 + 66},  # more than what 64 clients can have cut off
        {"load": Load(1000, 1e6, 1.0, 1.0, errors=0, bad=1)},
        {"load": Load(1000, 1e6, 1.0, 1.0, errors=1, bad=0)},
    ],
)
def test_one_request_that_is_not_accounted_for_makes_the_run_untrustworthy(change: dict[str, object]) -> None:
    slots = a_run()
    assert headline(results_of(*slots)).honest
    slots[-1] = msgspec.structs.replace(slots[-1], **change)
    assert not headline(results_of(*slots)).honest


def test_every_goal_is_a_figure_and_can_be_missed() -> None:
    for goal in GOALS:
        assert goal.figure in Headline.__struct_fields__
        limit = goal.at_least if goal.at_least is not None else goal.at_most
        assert limit is not None
        assert goal.is_met(limit)
        assert not goal.is_met(limit * (0.99 if goal.at_least is not None else 1.01))


def test_results_are_kept_and_read_again(tmp_path: Path) -> None:
    results = results_of(*a_run())
    results.save(tmp_path / "results.json")
    assert summarize(load_results(tmp_path / "results.json")) == summarize(results)


def test_the_page_has_a_place_for_the_figures() -> None:
    page = PAGE.read_text()
    assert page.count("<!-- figures of the last full run") == 1
    assert page.count("<!-- end of the figures -->") == 1
