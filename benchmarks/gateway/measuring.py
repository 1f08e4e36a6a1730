"""Slots: one gateway awake, one load, and everything counted from outside."""

from __future__ import annotations

import http.client
import resource
import time
from collections.abc import Callable

import msgspec

from .environments import BENCH
from .gateways import Gateway
from .loads import Load, Loads
from .machine import GATEWAY_CORE, busy_seconds
from .processes import Process
from .results import Kind, Slot, Started
from .traffic import Target
from .verify import ask, check_answers

CLEAN_PERCENT = 8.0
"""A slot in which others used more of a core than this is repeated, while there is patience."""

_START_SECONDS = 90.0
_TRIES = 4


class Awake(msgspec.Struct, frozen=True):
    """A gateway that runs, paused between its slots. The mock itself has no process here."""

    gateway: Gateway
    target: Target
    process: Process | None


class Mock:
    """The mock provider, and what it says it served."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self._asked = 0

    def count(self) -> tuple[int, int]:
        """Answers and connections since its start, but for the connections that asking takes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/count")
            whole, streamed, connections = connection.getresponse().read().split()
        finally:
            connection.close()
        self._asked += 1
        return int(whole) + int(streamed), int(connections) - self._asked


class Bench:
    """Measures slots, and repeats those that others disturbed until its patience is used up."""

    def __init__(self, mock: Mock, loads: Loads, *, patience_seconds: float) -> None:
        self._mock = mock
        self._loads = loads
        self._patience = patience_seconds

    def closed(self, awake: Awake, *, clients: int, seconds: float, streamed: bool) -> Slot:
        """The rate with `clients` clients that each wait for their answer."""
        slot_seconds = seconds * 2 if awake.gateway.slow else seconds
        kind: Kind = "streamed" if streamed else "whole"

        def run() -> Load:
            return self._loads.run_closed(
                awake.target, clients=clients, seconds=slot_seconds, streamed=streamed
            )

        return self._least_disturbed(lambda: self._slot(awake, kind, run, clients=clients))

    def paced(self, awake: Awake, *, rate: float, seconds: float, of: str = "") -> Slot:
        """The latency of whole answers while `rate` requests a second arrive."""
        return self._least_disturbed(
            lambda: self._slot(
                awake, "paced", lambda: self._loads.run_open(awake.target, rate=rate, seconds=seconds), of=of
            )
        )

    def _least_disturbed(self, measure: Callable[[], Slot]) -> Slot:
        best = measure()
        for _ in range(_TRIES - 1):
            if best.foreign_percent <= CLEAN_PERCENT or self._patience <= 0:
                break
            begin = time.monotonic()
            again = measure()
            self._patience -= time.monotonic() - begin
            best = min(best, again, key=lambda slot: slot.foreign_percent)
        return best

    def _slot(
        self, awake: Awake, kind: Kind, run: Callable[[], Load], *, clients: int = 0, of: str = ""
    ) -> Slot:
        process = awake.process
        if process:
            process.resume()
            time.sleep(0.1)
        reached, connections = self._mock.count()
        gateway_cpu = process.cpu_seconds() if process else 0.0
        ours, everyone, begin = self._our_seconds(), busy_seconds(), time.monotonic()
        load = run()
        elapsed = time.monotonic() - begin
        everyone = busy_seconds() - everyone
        gateway_cpu = (process.cpu_seconds() if process else 0.0) - gateway_cpu
        ours = self._our_seconds() - ours + gateway_cpu
        if process:
            process.settle()
        reached_after, connections_after = self._mock.count()
        resident = process.resident_mb() if process else 0.0
        if process:
            process.pause()
        return Slot(
            gateway=awake.gateway.name,
            kind=kind,
            clients=clients,
            rate=load.requests / load.duration_us * 1e6,
            of=of,
            load=load,
            cpu_us=gateway_cpu / max(load.requests, 1) * 1e6,
            cpu_percent=gateway_cpu / elapsed * 100,
            reached=reached_after - reached,
            connections=connections_after - connections,
            resident_mb=resident,
            foreign_percent=max(0.0, everyone - ours) / elapsed * 100,
        )

    def _our_seconds(self) -> float:
        """Processor time of the mock, the load generators and this process."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (
            self._mock.process.cpu_seconds()
            + own.ru_utime
            + own.ru_stime
            + children.ru_utime
            + children.ru_stime
        )


def wake(gateway: Gateway) -> tuple[Awake, float]:
    """Start a gateway; also the seconds until its first answer. Raises RuntimeError with its log."""
    if not gateway.command:
        target = gateway.find_target()
        assert target is not None
        return Awake(gateway, target, None), 0.0
    begin = time.monotonic()
    process = Process(
        gateway.command,
        core=GATEWAY_CORE,
        environment={"OPENBLAS_NUM_THREADS": "1"} | gateway.environment,
        folder=gateway.folder,
        log=BENCH / "run" / f"{gateway.name}.log",
    )
    try:
        said = _first_answer(gateway, process, begin + _START_SECONDS)
    except BaseException:  # whatever happens, an interrupt too, it must not be left behind
        process.stop()
        raise
    if isinstance(said, Target):
        return Awake(gateway, said, process), time.monotonic() - begin
    process.stop()
    log = process.log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{gateway.title} did not start; it said {said!r}, its log ends:\n{log}")


def _first_answer(gateway: Gateway, process: Process, end: float) -> Target | object:
    """Where `gateway` answered, or what it said instead."""
    said: object = None
    while process.running and time.monotonic() < end:
        target = gateway.find_target()
        if target is not None:
            try:
                said = ask(target, streamed=False, timeout=5)
                if said[0] == 200:
                    return target
            except OSError as error:
                said = error
        time.sleep(0.02)
    return said


def inspect(awake: Awake, cold_start_seconds: float, *, calls: int) -> Started:
    """Check a gateway's answers just after its start."""
    resident = awake.process.resident_mb() if awake.process else 0.0
    verdict = check_answers(awake.target, calls=calls)
    return Started(awake.gateway.name, awake.gateway.title, cold_start_seconds, resident, verdict)
