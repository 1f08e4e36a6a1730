"""One trouble under load: before it, while it lasts, and until all is well again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import msgspec

from benchmarks.outages.asking import Seen, ask
from benchmarks.outages.stage import BUDGET, Stage
from benchmarks.outages.troubles import Trouble

BEFORE_S = 3.0
AFTER_S = 2.0
WELL_S = 60.0
"""After which it is said that it does not get well again."""
RATE = 40.0


class Outcome(msgspec.Struct):
    """What came of it."""

    server: str
    what: str
    calls: int
    well: int
    """Of them, answered, or refused for a limit."""
    statuses: dict[int, int]
    p99_before_ms: float
    p99_ms: float
    """While it lasted, and until all was well."""
    slowest_ms: float
    overspend: float
    """US dollars billed beyond the tight budget."""
    billed: float
    budget: float
    by_share: int
    """Answers that said that limits went by shares."""
    absences: int
    """How often a replica went by its share."""
    spooled: int
    """The most calls that waited on the disks."""
    lost: int
    """Calls that a client knows of and the ledger does not."""
    doubled: int
    catch_up_s: float | None
    """From its end until all was well; None: it did not come to that."""


async def play(stage: Stage, trouble: Trouble, number: int, seconds: float) -> Outcome:
    """Play it. Nobody may be unwell before."""
    tight = f"tight-{number}"
    seen: list[Seen] = []
    over = asyncio.Event()
    absences = _sum(await asyncio.to_thread(stage.figures), "freehold_limits_absences_total")
    urls = [one.url for one in stage.replicas]
    clients = asyncio.create_task(ask(urls, stage.key, ["wide", tight], rate=RATE, end=over, seen=seen))
    most = _Most()
    watching = asyncio.create_task(_watch(stage, most))
    await asyncio.sleep(BEFORE_S)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.to_thread(trouble.begin, stage)
    await asyncio.sleep(max(0.0, began + seconds - loop.time()))
    await asyncio.to_thread(trouble.end, stage)
    ended = loop.time()
    catch_up = await _until_well(stage, ended)
    await asyncio.sleep(AFTER_S)
    over.set()
    await clients
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await _until_well(stage, loop.time())
    recorded = await _recorded(stage, seen)
    bill = stage.bill(tight)
    meant = [one for one in seen if began <= one.at <= ended + (catch_up or WELL_S)]
    return Outcome(
        server=trouble.server,
        what=trouble.what,
        calls=len(meant),
        well=sum(one.well for one in meant),
        statuses=dict(sorted(Counter(one.status for one in meant).items())),
        p99_before_ms=_percentile([one for one in seen if one.at < began], 0.99),
        p99_ms=_percentile(meant, 0.99),
        slowest_ms=_percentile(meant, 1.0),
        overspend=max(0, bill - BUDGET) / 10**9,
        billed=bill / 10**9,
        budget=BUDGET / 10**9,
        by_share=sum(one.by_share for one in meant),
        absences=int(
            _sum(await asyncio.to_thread(stage.figures), "freehold_limits_absences_total") - absences
        ),
        spooled=most.spooled,
        lost=sum(one.call not in recorded for one in seen if one.call),
        doubled=sum(count > 1 for count in recorded.values()),
        catch_up_s=catch_up,
    )


class _Most(msgspec.Struct):
    spooled: int = 0


async def _watch(stage: Stage, most: _Most) -> None:
    while True:
        figures = await asyncio.to_thread(stage.figures)
        most.spooled = max(most.spooled, int(_sum(figures, "freehold_ledger_spooled")))
        await asyncio.sleep(0.2)


async def _until_well(stage: Stage, since: float) -> float | None:
    loop = asyncio.get_running_loop()
    while loop.time() < since + WELL_S:
        if await asyncio.to_thread(lambda: stage.well):
            return loop.time() - since
        await asyncio.sleep(0.1)
    return None


async def _recorded(stage: Stage, seen: list[Seen]) -> dict[str, int]:
    """How often each call is in the ledger, once the last ones had the time to get there."""
    end = time.monotonic() + 5.0
    while True:
        recorded = await asyncio.to_thread(stage.recorded)
        if all(one.call in recorded for one in seen if one.call) or time.monotonic() > end:
            return recorded
        await asyncio.sleep(0.2)


def _sum(figures: list[dict[str, float]], name: str) -> float:
    return sum(one.get(name, 0.0) for one in figures)


def _percentile(seen: list[Seen], share: float) -> float:
    """Of those that were let in, in milliseconds: a refusal is quick."""
    times = sorted(one.seconds for one in seen if one.status not in (402, 429))
    return 0.0 if not times else times[min(len(times) - 1, int(share * len(times)))] * 1000
