"""An endpoint started by `freehold up`, as a person starts it."""

from __future__ import annotations

import signal
from types import TracebackType
from typing import Self

import msgspec
from shell import Shell


class RunningEndpoint:
    """`with RunningEndpoint(shell) as endpoint`: started on a free port, without the embedded models."""

    def __init__(self, shell: Shell, *words: str) -> None:
        self._command = shell.start("up", "--no-local", "--port", "0", "--json", *words)

    def __enter__(self) -> Self:
        assert self._command.stdout is not None
        assert self._command.stderr is not None
        line = self._command.stdout.readline()
        assert line, self._command.stderr.read().decode()
        self.greeting = msgspec.json.decode(line, type=dict[str, object])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def url(self) -> str:
        return str(self.greeting["url"])

    @property
    def key(self) -> str:
        return str(self.greeting["key"])

    def end(self) -> tuple[int, str]:
        """Stop it as Ctrl-C does; its exit status and what it said on standard error."""
        if self._command.returncode is None:
            self._command.send_signal(signal.SIGINT)
        _, said = self._command.communicate(timeout=30)
        return self._command.returncode, said.decode()
