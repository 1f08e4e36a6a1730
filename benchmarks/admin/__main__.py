"""`python -m benchmarks.admin --minutes N`: the admin API against its own description, for as long as wanted."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec

from benchmarks.admin.examining import examine, tells_where_it_failed
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

_TOML = """
[local]
enabled = false
[providers.sim]
base_url = "{url}"
[routes.chat]
incumbent = "sim/one"
[limits.all]
on = "organisation"
per = "day"
requests = 1000
money = 5
allow_unpriced = true
[admin]
listen = "127.0.0.1:0"
wrong_keys = 1000000000
"""
_WITHOUT = 0.1
"""Share of the time that is spent without a key."""


@contextmanager
def _endpoint(folder: Path, log: Path) -> Iterator[tuple[str, str]]:
    """Where the admin API answers, and an owner's key."""
    with SimulatedProvider.in_thread(Script(models={"*": Behaviour(text="Yes.")})) as provider:
        (folder / "freehold.toml").write_text(_TOML.format(url=provider.base_url))
        program = [sys.executable, "-m", "freehold"]
        make = [*program, "admin-keys", "create", "examiner", "--role", "owner"]
        made = subprocess.run(make, cwd=folder, capture_output=True, text=True, check=True)
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [*program, "up", "--json", "--port", "0"],
                cwd=folder, stdout=subprocess.PIPE, stderr=errors, env=os.environ,
            )  # fmt: skip
            try:
                assert process.stdout is not None
                started = msgspec.json.decode(process.stdout.readline())
                for _ in range(5):
                    _call(started["url"], started["key"])
                yield started["admin"], made.stdout.strip()
            finally:
                process.terminate()
                process.wait(60)


def _call(url: str, key: str) -> None:
    body = {"model": "chat", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    urlopen(Request(f"{url}/v1/chat/completions", msgspec.json.encode(body), headers)).read()


def main() -> int:
    """Print what was found as JSON. Returns 1 when anything was not as described."""
    parser = argparse.ArgumentParser(prog="benchmarks.admin", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for about so long")
    parser.add_argument("--seed", type=int, default=None, help="to repeat a run")
    chosen = parser.parse_args()
    seconds = int(60 * chosen.minutes)
    seed = secrets.randbits(31) if chosen.seed is None else chosen.seed
    with tempfile.TemporaryDirectory() as place:
        folder, log = Path(place), Path(place) / "log"
        with _endpoint(folder, log) as (url, key):
            asked = Request(f"{url}/admin/v1/openapi.json", headers={"authorization": f"Bearer {key}"})
            document = urlopen(asked).read()
            found = [
                examine(url, document, key, folder, seconds=int(seconds * (1 - _WITHOUT)), seed=seed),
                examine(url, document, None, folder, seconds=max(5, int(seconds * _WITHOUT)), seed=seed),
            ]
        traces = tells_where_it_failed(log.read_text())
    good = all(one.good for one in found) and not traces
    for one in found:
        if not one.good:
            print(one.said)
    cases = [one.requests for one in found]
    print(
        json.dumps({"good": good, "seed": seed, "with_key": cases[0], "without": cases[1], "traces": traces})
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
