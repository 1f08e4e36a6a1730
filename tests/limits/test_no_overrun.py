"""A budget for a hundred calls, and a thousand that want it at once, over several processes: the provider's own bill
never passes it. The complaints this answers: spend of 99.10 on a budget of 30 (BerriAI/litellm#26672), budgets of
sessions and of new users overrun by races (#34732, #40095), budgets that are not kept at all (maximhq/bifrost#5673).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from books import run_valkey  # noqa: F401 - a fixture
from many_calls import GAVE_UP, GONE, NANO, Outcomes, bill_of, call_many
from running_endpoint import RunningEndpoint, until
from valkey_server import ValkeyServer

from freehold.core.clock import SystemClock
from freehold.limits.batch import Books, Standing
from freehold.limits.filed import FiledBooks
from freehold.limits.shared import ServerClock, SharedBooks
from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Lorem,
    Script,
    SimulatedProvider,
    ThreadedProvider,
    Uniform,
)

ANSWER = 80
READ, WROTE = 1_000, 10_000
"""Billionths of a dollar a token: 1 and 10 dollars per million."""
BODY: dict[str, object] = {
    "model": "chat",
    "messages": [{"role": "user", "content": "hello"}],
    "max_tokens": ANSWER,
}
CALL_COST = 5 * READ + ANSWER * WROTE
BUDGET = 100 * CALL_COST


def _toml(provider: ThreadedProvider, more: str = "") -> str:
    return f"""
[local]
enabled = false
[providers.acme]
base_url = "{provider.base_url}"
[models."acme/m"]
input = 1
output = 10
[models."acme/n"]
input = 1
output = 10
[routes.chat]
incumbent = "acme/m"
fallbacks = ["acme/n"]
hedge_after = "250ms"
continue_streams = true
[limits.everybody]
on = "organisation"
per = "month"
money = "{BUDGET / NANO}"
[limits.each-key]
on = "key"
per = "last 24 hours"
money = "{BUDGET / NANO}"
tokens = 1_000_000
[limits.model]
on = "model"
concurrency = 60
{more}
"""


@contextlib.contextmanager
def _endpoints(folder: Path, toml: str, count: int, **environment: str) -> Iterator[list[RunningEndpoint]]:
    """Processes that share their keys and, unless there is a server for that, the file of the limits."""
    common = folder / "common"
    common.mkdir()
    with contextlib.ExitStack() as stack:
        started: list[RunningEndpoint] = []
        for number in range(count):
            home = folder / f"process-{number}"
            (home / ".freehold").mkdir(parents=True)
            for name in ("access.db", "secret", "limits.db"):
                (home / ".freehold" / name).symlink_to(common / name)
            words = ("--new-key",) if number == 0 else ()
            if number == 0:
                (home / ".freehold" / "secret").unlink()  # is made under another name and then linked
            one = RunningEndpoint(home, toml, *words, environment=environment)
            started.append(stack.enter_context(one))
            if number == 0:
                (home / ".freehold" / "secret").rename(common / "secret")
                (home / ".freehold" / "secret").symlink_to(common / "secret")
        yield started


def _script() -> Script:
    """Some take so long to begin that another is asked beside them; some break off and are gone on with."""
    faults = (Cut(chance=0.25, after=30),)
    first = Uniform(0.02, 0.4)
    return Script(
        models={
            "*": Behaviour(text=Lorem(tokens=ANSWER), tokens_per_s=150.0, first_token_s=first, faults=faults)
        }
    )


def _standings(books: Books) -> list[Standing]:
    async def read() -> list[Standing]:
        try:
            return await books.standings(int(time.time() * 1_000_000))
        finally:
            await books.close()

    return asyncio.run(read())


def _check(standings: list[Standing], bill: int) -> None:
    assert bill <= BUDGET
    for one in standings:
        assert one.balanced, one
    money = [one for one in standings if "|money|" in one.name]
    assert len(money) == 2
    for one in money:
        assert bill <= one.charged + one.held <= BUDGET


def _play(
    endpoints: list[RunningEndpoint], provider: ThreadedProvider, *, kill: bool
) -> tuple[Outcomes, int]:
    """A thousand calls at once, whole and streamed, some given up by their clients; then the provider's bill."""
    urls = [one.url for one in endpoints]
    timer = threading.Timer(1.0, endpoints[-1].kill if kill else lambda: None)
    timer.start()
    outcomes = asyncio.run(
        call_many(urls, endpoints[0].key, calls=1000, concurrent=1000, body=BODY, give_up=0.15, retries=5)
    )
    timer.join()
    for one in endpoints:
        if one.running:
            until(lambda one=one: one.health["parts"]["limits"] == "ok")  # type: ignore[misc]
    assert set(outcomes.statuses) <= {GAVE_UP, GONE, 200, 402, 429, 502}  # when both had broken off
    assert outcomes.statuses[402] + outcomes.statuses[429] > 500
    assert {one.model for one in provider.requests} == {"m", "n"}
    return outcomes, bill_of(provider.requests, read=READ, wrote=WROTE)


def test_four_processes_on_one_file(tmp_path: Path, show: Callable[[str], None]) -> None:
    """One of them is killed in the middle."""
    with (
        SimulatedProvider.in_thread(_script()) as provider,
        _endpoints(tmp_path, _toml(provider), 4) as endpoints,
    ):
        outcomes, bill = _play(endpoints, provider, kill=True)
    _check(_standings(FiledBooks(tmp_path / "common" / "limits.db")), bill)
    show(f"limits, 4 processes on a file: billed {bill / BUDGET:.0%} of the budget; {outcomes}")


@pytest.mark.parametrize("kill", [False, True])
def test_two_replicas_at_a_server(
    tmp_path: Path, valkey: ValkeyServer, kill: bool, show: Callable[[str], None]
) -> None:
    prefix = tmp_path.name
    more = f'[shared]\nurl = "env:VALKEY"\nprefix = "{prefix}"\n'
    with (
        SimulatedProvider.in_thread(_script()) as provider,
        _endpoints(tmp_path, _toml(provider, more), 2, VALKEY=valkey.url) as endpoints,
    ):
        outcomes, bill = _play(endpoints, provider, kill=kill)
    _check(_standings(SharedBooks(valkey.url, ServerClock(SystemClock()), prefix=prefix)), bill)
    assert kill or bill > BUDGET / 4
    show(f"limits, 2 replicas at a server: billed {bill / BUDGET:.0%} of the budget; {outcomes}")
