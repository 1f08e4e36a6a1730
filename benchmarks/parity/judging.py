"""What became of each cell: the same, the same but for declared losses, refused, or different in silence."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from msgspec import Struct

from benchmarks.parity.answers import comparable
from benchmarks.parity.clients import Failure
from benchmarks.parity.differences import Difference, differences
from benchmarks.parity.explained import KINDS, REFUSALS, STATUSES, UNSEEN, Refusal, excused, explaining
from benchmarks.parity.features.errors import REASON
from benchmarks.parity.running import Done, Job, mark_of

Verdict = Literal["same", "declared", "refused", "silent"]
_ORDER: tuple[Verdict, ...] = ("same", "declared", "refused", "silent")


class Finding(Struct):
    """What became of one probe in one cell."""

    job: Job
    verdict: Verdict
    losses: tuple[str, ...] = ()
    """Declared and showing."""
    idle: tuple[str, ...] = ()
    """Declared without any difference to be seen."""
    untold: tuple[str, ...] = ()
    """Why differences are none of the translation's making."""
    silent: tuple[str, ...] = ()
    """Differences that nothing explains."""
    reason: str | None = None
    """Of a refusal."""


class Cell(Struct):
    """One feature in one pair of dialects, whole or streamed."""

    feature: str
    inbound: str
    outbound: str
    mode: str
    findings: list[Finding]

    @property
    def verdict(self) -> Verdict | None:
        """The worst of its probes; refused only when all of them are. None: nothing was tried."""
        found = {one.verdict for one in self.findings}
        if "silent" in found:
            return "silent"
        if found == {"refused"}:
            return "refused"
        if not found:
            return None
        return "same" if found == {"same"} else "declared"

    def collected(self, name: str) -> tuple[str, ...]:
        """All values of a field of the findings, each once."""
        return tuple(dict.fromkeys(value for one in self.findings for value in getattr(one, name)))


def judge(done: Iterable[Done]) -> list[Finding]:
    """Each run through Freehold against the direct one."""
    done = list(done)
    direct = {_key(one.job): one for one in done if one.job.outbound is None}
    return [_finding(direct[_key(one.job)], one) for one in done if one.job.outbound is not None]


def cells(findings: Iterable[Finding]) -> list[Cell]:
    """Findings gathered by cell."""
    found: dict[tuple[str, str, str, str], Cell] = {}
    for one in findings:
        job = one.job
        key = (job.probe.feature, job.inbound, job.outbound or "", job.mode)
        found.setdefault(key, Cell(*key, [])).findings.append(one)
    return list(found.values())


def _key(job: Job) -> tuple[object, ...]:
    return job.probe.feature, job.probe.name, job.probe.switched, job.inbound, job.mode


def _finding(direct: Done, through: Done) -> Finding:
    job = through.job
    if not through.said:
        return Finding(job, "silent", silent=("nothing was asked",))
    if job.probe.error:
        problems = tuple(_wrong_failure(direct, through))
        return Finding(job, "silent" if problems else "same", silent=problems)
    refused, failed = _failure(direct), _failure(through)
    if failed is not None:
        return _refusal(job, refused, failed, through)
    if through.recorded != len(through.said):
        return Finding(
            job, "silent", silent=(f"{len(through.said)} calls, {through.recorded} in the ledger",)
        )
    found = [Difference("accepted", None, True)] if refused is not None else list(_found(direct, through))
    return _weighed(job, found, through.losses)


def _weighed(job: Job, found: list[Difference], losses: tuple[str, ...]) -> Finding:
    showing: dict[str, None] = {}
    untold: dict[str, None] = {}
    silent: dict[str, None] = {}
    for one in found:
        explained = explaining(one, losses)
        showing.update(dict.fromkeys(explained))
        if explained:
            continue
        excuse = excused(one, inbound=job.inbound, outbound=job.outbound or "", probe=job.probe.name)
        if excuse is None:
            silent[str(one)] = None
        elif not excuse.quiet:
            untold[excuse.why] = None
    idle = tuple(loss for loss in losses if loss not in showing and loss not in UNSEEN)
    declared = tuple(loss for loss in losses if loss not in idle)
    verdict: Verdict = "silent" if silent else "declared" if losses else "same"
    return Finding(job, verdict, declared, idle, tuple(untold), tuple(silent))


def _failure(done: Done) -> Failure | None:
    return next((said.failure for said in done.said if said.failure is not None), None)


def _refusal(job: Job, direct: Failure | None, failure: Failure, through: Done) -> Finding:
    told = f"{failure.kind}: {failure.message}"
    if direct is not None and direct.kind == failure.kind and direct.status == failure.status:
        return Finding(job, "refused", reason="the client's own dialect has no such thing")
    listed = next((one for one in REFUSALS if _fits(one, job, failure)), None)
    if listed is not None:
        return Finding(job, "refused", reason=listed.reason)
    statuses = ", ".join(map(str, through.statuses)) or "nothing"
    return Finding(job, "silent", silent=(f"refused: {told[:200]} (the provider answered {statuses})",))


def _fits(one: Refusal, job: Job, failure: Failure) -> bool:
    return (
        one.probe == job.probe.name
        and job.outbound in one.outbound
        and (not one.inbound or job.inbound in one.inbound)
        and one.switched == job.probe.switched
        and one.says in failure.message
    )


def _found(direct: Done, through: Done) -> Iterator[Difference]:
    if len(direct.understood) != len(through.understood):
        yield Difference("requests", len(direct.understood), len(through.understood))
    # Where an earlier answer came from elsewhere, it is another one.
    first = -1 if direct.job.probe.switched is not None else 0
    for one, other in zip(direct.understood[first:], through.understood[first:], strict=False):
        yield from differences("request", _unmarked(direct.job, one), _unmarked(through.job, other))
    told = json.dumps(through.understood, ensure_ascii=False)
    bodies = b"\n".join(through.bodies).decode("utf-8", "replace")
    # Of a document that goes along as a file, its bytes are what must be there.
    for words in direct.job.probe.keeps:
        encoded = base64.b64encode(words.encode()).decode()
        if words not in told and words not in bodies and encoded not in bodies:
            yield Difference("words", words, None)
    inbound = direct.job.inbound
    for said, other_said in zip(direct.said[first:], through.said[first:], strict=True):
        one, other = comparable(inbound, said), comparable(inbound, other_said)
        yield from differences("answer", _unmarked(direct.job, one), _unmarked(through.job, other))


def _unmarked(job: Job, value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False).replace(mark_of(job.number), "Mark"))


def _wrong_failure(direct: Done, through: Done) -> Iterator[str]:
    """How the exception differs from the one that the provider itself would cause."""
    wanted, found = _failure(direct), _failure(through)
    probe = through.job.probe
    if found is None:
        yield "it looks like an answer"
        return
    if probe.broken:
        return
    assert wanted is not None, probe.name
    if probe.ours is None and REASON not in found.message:
        if (wanted.status, found.status) not in STATUSES:
            yield f"the reason is lost: {found.message[:120]}"
    elif not found.message:
        yield "no reason is given"
    if found.status != wanted.status and (wanted.status, found.status) not in STATUSES:
        yield f"status {wanted.status} -> {found.status}"
    elif (
        found.status == wanted.status and found.kind != wanted.kind and (wanted.kind, found.kind) not in KINDS
    ):
        yield f"{wanted.kind} -> {found.kind}"
    if found.retry_after != wanted.retry_after:
        yield f"retry after {wanted.retry_after} -> {found.retry_after}"


def short(losses: Iterable[str]) -> str:
    """Names of losses for people."""
    return ", ".join(f"`{re.sub(r'[^A-Za-z0-9_.-]', '_', loss)}`" for loss in losses)
