"""What every measurement stands on: a mock provider that runs, the load generators, the right cores."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from .environments import BENCH, HERE, compile_program, find_tool
from .gateways import UPSTREAM_KEY, free_port
from .loads import Loads
from .machine import LOAD_CORE, Machine, describe_machine, pin_to
from .measuring import Mock
from .processes import Process
from .traffic import write_answers


class Stage(msgspec.Struct, frozen=True):
    """The parts that are the same for everyone."""

    machine: Machine
    mock: Mock
    loads: Loads


@contextmanager
def set_stage() -> Iterator[Stage]:
    """Compile, start the mock, keep this process off the gateway's core; end the mock afterwards."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda given, _: sys.exit(128 + given))  # leave through the context managers
    machine = describe_machine()
    pin_to(LOAD_CORE)
    (BENCH / "run").mkdir(parents=True, exist_ok=True)
    loads = Loads(wrk=find_tool("wrk", "wrk"), paced=compile_program(HERE / "load" / "paced.c"))
    port = free_port()
    command = [compile_program(HERE / "mock" / "upstream.c"), port, *write_answers(BENCH / "answers")]
    with Process(
        [str(part) for part in command],
        core=LOAD_CORE,
        environment={"MOCK_KEY": UPSTREAM_KEY},
        folder=BENCH,
        log=BENCH / "run" / "mock.log",
    ) as process:
        time.sleep(0.3)
        yield Stage(machine, Mock(process, port), loads)
