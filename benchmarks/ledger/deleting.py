"""What retention does to answers: `python -m benchmarks.ledger.deleting`, with `--server URL` on a PostgreSQL server.

Two endpoints answer 50 calls a second each, at the same time on the same machine: one whose ledger has nothing to
delete, and one that has begun to delete a million calls. Told are the times of the answers as the clients saw them,
how long the deleting took, and the size of the ledger before and after it. The last line on standard output is one
JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from benchmarks.ledger.filling import DAY_US, DAYS, fill, sum_up
from benchmarks.limits.endpoints import Endpoint, endpoint
from freehold.core.secret import Secret
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.providers.simulated import Behaviour, Lorem, Script, SimulatedProvider
from freehold.store.places import Place, Server

_TOML = """
[providers.acme]
base_url = "{url}"
dialects = ["openai-chat"]
api_key = "env:BENCH_KEY"

[routes.chat]
incumbent = "acme/one"

[local]
enabled = false

[ledger]
keep_calls_days = {days}
keep_rollups_days = "unlimited"
"""
_RATE = 50
_MOST_SECONDS = 600.0
_SETTLED_SECONDS = 120.0
"""How long is waited for the space to be given back."""


async def _ask(one: Endpoint, seconds: float, is_over: asyncio.Event) -> list[float]:
    """Calls at a steady pace; how long each took, in milliseconds."""
    url = urlsplit(one.url)
    body = msgspec.json.encode({"model": "chat", "messages": [{"role": "user", "content": "Hello"}]})
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {url.netloc}\r\nauthorization: Bearer {one.key}\r\n"
        f"content-type: application/json\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
    took: list[float] = []

    async def call() -> None:
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        took.append((time.perf_counter() - began) * 1000)

    async with asyncio.TaskGroup() as tasks:
        began = time.perf_counter()
        for number in range(int(seconds * _RATE)):
            if is_over.is_set():
                break
            await asyncio.sleep(max(0.0, began + number / _RATE - time.perf_counter()))
            tasks.create_task(call())
    return took


async def _ask_both(
    calm: Endpoint, busy: Endpoint, reader: LedgerReader, old: Filter
) -> tuple[list[float], list[float], float]:
    """Ask until nothing old is left. How long the answers took, and how long that was in seconds."""
    is_over, began = asyncio.Event(), time.perf_counter()

    async def watch() -> float:
        while await asyncio.to_thread(reader.calls, old, limit=1):
            await asyncio.sleep(0.5)
        is_over.set()
        return time.perf_counter() - began

    return await asyncio.gather(
        _ask(calm, _MOST_SECONDS, is_over), _ask(busy, _MOST_SECONDS, is_over), watch()
    )


def _percentile(took: list[float], share: float) -> float:
    return sorted(took)[int(len(took) * share)] if took else 0.0


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", help="an empty database")
    parser.add_argument("--calls", type=int, default=1_000_000)
    options = parser.parse_args()
    figures: dict[str, float] = {}
    script = Script(models={"*": Behaviour(text=Lorem(tokens=20))})
    with tempfile.TemporaryDirectory() as name, SimulatedProvider.in_thread(script, keep=10) as acme:
        folder, environment = Path(name), {"BENCH_KEY": "sk-test"}
        toml = _TOML.format(url=acme.base_url, days=1)
        calm_toml = toml
        place: Place = folder / "busy" / ".freehold" / "ledger.db"
        if options.server:
            place = Server(Secret(options.server, "the command line"))
            environment["BENCH_DATABASE"] = options.server
            toml += '[database]\nurl = "env:BENCH_DATABASE"\n'
        now_us = time.time_ns() // 1000
        fill(place, options.calls, now_us - 9 * DAY_US)
        sum_up(place)
        reader = LedgerReader(place)
        figures["bytes_before"] = reader.extent().file_bytes
        old = Filter(until_us=now_us - (8 if options.server else 2) * DAY_US)
        with (
            endpoint(folder / "calm", calm_toml, environment) as calm,
            endpoint(folder / "busy", toml, environment) as busy,
        ):
            quiet, hurried, figures["seconds"] = asyncio.run(_ask_both(calm, busy, reader, old))
            end = time.monotonic() + (0 if options.server else _SETTLED_SECONDS)
            while (size := reader.extent().file_bytes) > figures[
                "bytes_before"
            ] / 3 and time.monotonic() < end:
                time.sleep(1)
            figures["bytes_after"] = size
        assert sum(sum_.calls for sum_ in reader.sums()) >= options.calls
    for title, took in (("calm", quiet), ("deleting", hurried)):
        for share in (0.5, 0.99, 0.999):
            figures[f"{title}_p{share * 100:g}_ms"] = _percentile(took, share)
        figures[f"{title}_calls"] = len(took)
    for title, figure in figures.items():
        print(f"{title:24}{figure:16.1f}")
    print(json.dumps({title: round(figure, 2) for title, figure in figures.items()} | {"days": DAYS}))


if __name__ == "__main__":
    main()
