"""Processes of ours: pinned to a core, paused while others are measured, ended by their own handle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TERMINATE_SECONDS = 8.0
_SETTLE_SECONDS = 5.0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):  # the process ended meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _tree(pid: int) -> list[int]:
    pids = [pid]
    for parent in pids:
        pids += _children(parent)
    return pids


def cpu_seconds_of(pid: int) -> float:
    """User and system time of one process; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


class Process:
    """A started command and its children. Use as a context manager: leaving it ends them."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        core: int | str,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
    ) -> None:
        """Start `command` in `folder` on `core`, or on several ("0,1"); what it prints goes to `log`."""
        self.log = log
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                ["taskset", "-c", str(core), *command],
                env={**os.environ, **environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone, and we end it in order
            )
        self._paused = False

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its own number."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def cpu_seconds(self) -> float:
        """User and system time of it and its children."""
        return sum(cpu_seconds_of(pid) for pid in _tree(self._popen.pid))

    def resident_mb(self) -> float:
        """Resident memory of it and its children, in MB of 2^20 bytes."""
        return sum(_resident_bytes(pid) for pid in _tree(self._popen.pid)) / 2**20

    def pause(self) -> None:
        """Stop the clock of all its processes."""
        self._signal(signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Let them run again."""
        self._signal(signal.SIGCONT)
        self._paused = False

    def settle(self) -> None:
        """Wait until it has finished what it was asked: its processor time stands still."""
        end = time.monotonic() + _SETTLE_SECONDS
        before = self.cpu_seconds()
        while time.monotonic() < end:
            time.sleep(0.25)
            now = self.cpu_seconds()
            if now - before < 0.03:
                return
            before = now

    def _signal(self, number: signal.Signals) -> None:
        for pid in _tree(self._popen.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL for whatever is left of its tree after a few seconds."""
        if not self.running:
            return
        if self._paused:
            self.resume()
        with contextlib.ExitStack() as stack:
            handles: list[int] = []
            for pid in _tree(self._popen.pid):  # handles, since a number may be given to another process
                with contextlib.suppress(ProcessLookupError):
                    handles.append(os.pidfd_open(pid))
                    stack.callback(os.close, handles[-1])
            self._popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(_TERMINATE_SECONDS)
            for handle in handles:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            self._popen.wait(_TERMINATE_SECONDS)
