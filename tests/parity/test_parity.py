"""Every cell of docs/parity.md: nothing may differ in silence, nothing may be left out, and the page must be true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks.parity.__main__ import examine
from benchmarks.parity.clients import Said
from benchmarks.parity.differences import differences
from benchmarks.parity.explained import EXCUSES, REFUSALS, explaining
from benchmarks.parity.features import FEATURES, PROBES
from benchmarks.parity.judging import Cell, Finding, cells, judge
from benchmarks.parity.probes import INBOUND, OUTBOUND
from benchmarks.parity.report import counts, render
from benchmarks.parity.running import Done, Job

DOCUMENT = Path(__file__).parents[2] / "docs" / "parity.md"
EVERYTHING = len(FEATURES) * len(INBOUND) * len(OUTBOUND) * 2


@pytest.fixture(scope="module")
def examined() -> tuple[list[Finding], list[Cell]]:
    return examine()


def test_nothing_differs_in_silence_and_nothing_is_left_out(
    examined: tuple[list[Finding], list[Cell]], show: Callable[[str], None]
) -> None:
    findings, table = examined
    silent = [
        f"{one.job.inbound} -> {one.job.outbound}, {one.job.probe.feature}/{one.job.probe.name}, "
        f"{one.job.mode}: {difference}"
        for one in findings
        for difference in one.silent
    ]
    assert not silent
    found = counts(table, EVERYTHING)
    assert found["cells"] == EVERYTHING
    assert (found["silent"], found["empty"]) == (0, 0)
    show(f"parity: {found}")


def test_the_page_says_what_is_so(examined: tuple[list[Finding], list[Cell]]) -> None:
    findings, table = examined
    assert render(findings, table, counts(table, EVERYTHING)) == DOCUMENT.read_text(), (
        "make it anew: `make parity`"
    )


def test_what_is_excused_happens(examined: tuple[list[Finding], list[Cell]]) -> None:
    findings, _ = examined
    told = {why for one in findings for why in one.untold}
    assert [one.why for one in EXCUSES if not one.quiet and one.why not in told] == []
    reasons = {one.reason for one in findings if one.verdict == "refused"}
    assert [one.reason for one in REFUSALS if one.reason not in reasons] == []


# The judge itself, on runs that never were.

PROBE = next(one for one in PROBES if one.name == "temperature")
DIRECT = Job(0, PROBE, "openai-chat", None, "whole")
THROUGH = Job(1, PROBE, "openai-chat", "cohere", "whole")
ASKED = {"turns": [{"role": "user", "parts": [{"text": "hi"}]}], "sampling": {"temperature": 0.3}}
ANSWER = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ho"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def _done(job: Job) -> Done:
    return Done(job, [Said(dumped=ANSWER)], [ASKED], [200], [b"{}"], recorded=1)


def _verdict(through: Done) -> Finding:
    (finding,) = judge([_done(DIRECT), through])
    return finding


def test_what_is_the_same_is_the_same() -> None:
    assert _verdict(_done(THROUGH)).verdict == "same"
    other_id = [Said(dumped={**ANSWER, "id": "chatcmpl-2", "model": "other"})]
    assert _verdict(replace(_done(THROUGH), said=other_id)).verdict == "same"


def test_a_difference_needs_a_loss_that_fits() -> None:
    less = [{**ASKED, "sampling": {}}]
    lost = replace(_done(THROUGH), understood=less)
    assert _verdict(lost).silent == ("request.sampling.temperature: 0.3 -> null",)
    assert _verdict(replace(lost, losses=("seed",))).verdict == "silent"
    finding = _verdict(replace(lost, losses=("seed", "temperature")))
    assert (finding.verdict, finding.losses, finding.idle) == ("declared", ("temperature",), ("seed",))


def test_an_answer_that_differs_is_seen() -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ha"}}
    assert (
        _verdict(replace(_done(THROUGH), said=[Said(dumped={**ANSWER, "choices": [choice]})])).verdict
        == "silent"
    )
    more = {**ANSWER, "usage": {**ANSWER["usage"], "prompt_tokens": 4}}  # type: ignore[dict-item]
    assert _verdict(replace(_done(THROUGH), said=[Said(dumped=more)])).verdict == "silent"


def test_a_call_that_is_not_on_record_is_seen() -> None:
    assert _verdict(replace(_done(THROUGH), recorded=0)).verdict == "silent"


def test_a_feature_is_as_bad_as_its_worst_probe() -> None:
    bad = Finding(THROUGH, "silent", silent=("x",))
    good, lost, refused = (Finding(THROUGH, verdict) for verdict in ("same", "declared", "refused"))
    for findings, verdict in (
        ([good, good], "same"),
        ([good, lost], "declared"),
        ([good, refused], "declared"),
        ([refused, refused], "refused"),
        ([good, lost, bad], "silent"),
    ):
        (cell,) = cells(findings)
        assert cell.verdict == verdict


def test_parts_are_told_by_what_they_are() -> None:
    parts = [{"reasoning": "hm"}, {"call": 1, "name": "f"}]
    (found,) = differences("request", {"turns": [{"parts": parts}]}, {"turns": [{"parts": parts[1:]}]})
    assert (found.place, found.lost) == ("request.turns[].parts[reasoning]", True)
    assert explaining(found, ("n", "reasoning.state")) == ("reasoning.state",)
