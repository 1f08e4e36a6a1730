"""The machine: what it is, which two cores are used, and how much of them others take meanwhile."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import msgspec

GATEWAY_CORE = 0
LOAD_CORE = 1

_TICKS = os.sysconf("SC_CLK_TCK")


class Machine(msgspec.Struct, frozen=True):
    """The machine in words, without names."""

    processor: str
    cores: int
    memory_gb: int
    kernel: str
    system: str
    python: str

    def __str__(self) -> str:
        return (
            f"{self.cores} cores of {self.processor}, {self.memory_gb} GB of memory, {self.system}, "
            f"Linux {self.kernel}, Python {self.python}"
        )


def describe_machine() -> Machine:
    """Read it from the system. Raises SystemExit where there are not two cores to measure on."""
    if not {GATEWAY_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        raise SystemExit("The benchmark needs the cores 0 and 1: one for the gateway, one for the load.")
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=model[1] if model else platform.machine(),
        cores=os.cpu_count() or 0,
        memory_gb=round(memory / 2**30),
        kernel=".".join(platform.release().split(".")[:2]),
        system=system[1] if system else "Linux",
        python=platform.python_version(),
    )


def busy_seconds() -> float:
    """Processor time that the two cores have spent on anything since the start, stolen time too."""
    total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith((f"cpu{GATEWAY_CORE} ", f"cpu{LOAD_CORE} ")):
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
            total += user + nice + system + irq + softirq + steal
    return total / _TICKS


def pin_to(core: int) -> None:
    """Keep this process, and what it starts without saying otherwise, on one core."""
    os.sched_setaffinity(0, {core})
