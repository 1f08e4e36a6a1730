"""`python -m benchmarks.limits`: what limits cost (`--cost`), and whether they hold (`--minutes N`)."""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.limits.cost import in_process, over_http
from benchmarks.limits.soak import soak


@contextmanager
def _server() -> Iterator[str | None]:
    """The address of a server for this run; None where none is installed."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        print("Neither valkey-server nor redis-server is installed: only the file is tried.", file=sys.stderr)
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        words = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"valkey://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(10)


def main() -> int:
    """Print one JSON object a line. Returns 1 when anything was overspent or does not agree."""
    parser = argparse.ArgumentParser(prog="benchmarks.limits", description=__doc__)
    parser.add_argument("--cost", action="store_true", help="measure what limits cost")
    parser.add_argument("--minutes", type=float, help="let calls run into their limits for so long")
    parser.add_argument("--only", choices=["file", "server"], help="only these books")
    chosen = parser.parse_args()
    well = True
    with _server() as server:
        if chosen.cost:
            for row in in_process(server):
                print(json.dumps(row), flush=True)
            with tempfile.TemporaryDirectory() as folder:
                for row in over_http(Path(folder)):
                    print(json.dumps(row), flush=True)
        if chosen.minutes:
            plays = [("file", 4, None), ("server", 2, server)]
            for books, processes, address in plays:
                if chosen.only not in (None, books) or (books == "server" and address is None):
                    continue
                found = soak(processes, chosen.minutes, address)
                print(json.dumps(found), flush=True)
                well = well and found["overspend"] == 0 and bool(found["balanced"])
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
