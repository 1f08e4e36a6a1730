"""What translating a stream costs: `python -m benchmarks.wire`. Run it on a machine that does nothing else.

Its last line on standard output is one JSON object with the figures.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import time
from collections.abc import Callable
from statistics import median

import msgspec

from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.aws_frames import parse
from freehold.wire.dialect import Addressee, DialectName
from freehold.wire.dialects import dialect_of
from freehold.wire.sse import data_of

from ..gateway.environments import HERE, ROOT, python_with, say
from ..gateway.machine import describe_machine
from .report import MOST_US, Figures, Pair, print_tables, write_page
from .streams import streams

CLIENTS: tuple[DialectName, ...] = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
PEERS: tuple[tuple[DialectName, DialectName], ...] = (
    ("openai-chat", "anthropic-messages"),
    ("openai-chat", "gemini"),
    ("anthropic-messages", "openai-chat"),
    ("anthropic-messages", "gemini"),
    ("gemini", "openai-chat"),
)
"""What LiteLLM has adapters for that work on chunks alone. From Gemini to Anthropic they end after the second chunk."""
ROUNDS = 15
TIMES = 40
PEER_TIMES = 4
QUIET = 1.0
"""Load of the machine, the benchmark's own included, up to which figures are good for the page."""


def main() -> int:
    """Measure every pair in turn, round by round, ours and theirs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds, and nothing is written")
    parser.add_argument("--alone", action="store_true", help="without LiteLLM, and nothing is written")
    asked = parser.parse_args()
    machine, load = str(describe_machine()), os.getloadavg()[0]
    frames = streams()
    pairs = [(source, target) for source in frames for target in CLIENTS if source != target]
    peer = None if asked.alone else Peer()
    ours: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    parses: dict[str, list[float]] = {source: [] for source in frames}
    theirs: dict[tuple[str, str], list[float]] = {}
    for round_ in range(2 if asked.quick else ROUNDS):
        say(f"round {round_ + 1}")
        for source, told in frames.items():
            data = _data(told)
            parses[source].append(_seconds(lambda data=data: _parse(data)) / len(told))  # type: ignore[misc]
        for source, target in pairs:
            told = frames[source]
            took = _seconds(lambda source=source, target=target, told=told: translate(source, target, told))  # type: ignore[misc]
            ours[source, target].append(took / len(told))
            if peer is not None and (source, target) in PEERS:
                theirs.setdefault((source, target), []).append(peer.seconds(source, target, told) / len(told))
    if peer is not None:
        peer.close()
    measured = [
        Pair(
            source=source,
            target=target,
            parse_us=median(parses[source]) * 1e6,
            total_us=median(ours[source, target]) * 1e6,
            litellm_us=median(theirs[source, target]) * 1e6 if (source, target) in theirs else None,
        )
        for source, target in pairs
    ]
    figures = Figures(pairs=measured, load=load, machine=machine)
    print_tables(figures)
    if not (asked.quick or asked.alone):
        if load <= QUIET:
            write_page(figures)
        else:
            say(f"The load was {load:.1f} before it began: the page is left as it was.")
    over = [pair for pair in measured if pair.over_parse_us > MOST_US + 0.05 * pair.parse_us]
    for pair in over:
        say(f"Over the goal: {pair.source} to {pair.target}, {pair.over_parse_us:.1f} us.")
    print(figures.headline())
    return 0


def translate(source: DialectName, target: DialectName, frames: list[bytes]) -> bytes:
    """The stream as a client of `target` is given it."""
    addressee = Addressee(
        request=ChatRequest(model="m", messages=[], stream_usage=True), id="call_1", created=1
    )
    read = dialect_of(source).decode_stream().read
    write = dialect_of(target).encode_stream(addressee, Losses()).write
    return b"".join([write(event) for frame in frames for event in read(frame)])


def _data(frames: list[bytes]) -> list[bytes]:
    found = [parse(frame).payload if frame.startswith(b"\0") else data_of(frame) for frame in frames]
    return [data for data in found if data and data != b"[DONE]"]


_decode = msgspec.json.Decoder().decode


def _parse(data: list[bytes]) -> None:
    for one in data:
        _decode(one)


def _seconds(work: Callable[[], object]) -> float:
    """Processor time of doing it once, the mean of many."""
    work()
    gc.collect()
    begun = time.process_time()
    for _ in range(TIMES):
        work()
    return (time.process_time() - begun) / TIMES


class Peer:
    """LiteLLM's adapters, in a process with LiteLLM's own Python."""

    def __init__(self) -> None:
        python = python_with(HERE / "gateways" / "litellm.txt")
        self._process = subprocess.Popen(
            [str(python), str(ROOT / "benchmarks" / "wire" / "litellm_adapters.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def seconds(self, source: str, target: str, frames: list[bytes]) -> float:
        """Processor time of translating the stream once. Raises SystemExit when it is not all there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        data = [one.decode() for one in _data(frames)]
        asked = {"source": source, "target": target, "data": data, "times": PEER_TIMES}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"written": ""}
        if answer["written"].count("get_weather") < 2 or "Paulo" not in answer["written"]:
            raise SystemExit(f"LiteLLM's adapters did not translate {source} to {target}.")
        return float(answer["seconds"]) / PEER_TIMES

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


if __name__ == "__main__":
    raise SystemExit(main())
