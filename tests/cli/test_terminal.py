"""What is different when a person looks on: lines that fit, colours, and signs of work that takes long."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios
from pathlib import Path

import pytest
from planted import call_number, plant
from shell import Shell, forks  # noqa: F401 - a fixture of every test here


def _at_terminal(shell: Shell, *words: str, columns: int = 100, **more: str) -> str:
    """What a terminal of this width shows of a command's standard output."""
    above, below = pty.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {"COLUMNS": str(columns), "TERM": "xterm-256color", **more}
    with shell.start(*words, stdout=below, **environment) as command:
        os.close(below)
        shown = _read_all(above)
        assert command.wait(timeout=30) == 0, shown
    os.close(above)
    return shown.replace("\r\n", "\n")


def _read_all(descriptor: int) -> str:
    data = b""
    while True:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # what Linux says when the other side of a terminal is closed
            return data.decode()
        if not piece:
            return data.decode()
        data += piece


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    plant(
        tmp_path,
        [
            call_number(
                1, route="a-route-with-quite-a-long-name", model="a-model-with-an-even-longer-name-than-that"
            ),
            call_number(2, route="짧은 이름", model="steering\x1b[2J"),
        ],
    )
    return Shell(tmp_path)


def test_rows_are_cut_to_stay_on_one_line_and_ids_are_never(shell: Shell) -> None:
    shown = _at_terminal(shell, "calls", columns=150, NO_COLOR="1")
    assert "\x1b" not in shown
    lines = shown.splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 150 for line in lines)
    assert "…" in lines[2]
    assert f"call_{2:032x}"[:22] in lines[1]
    assert "steering\\x1b[2J" in lines[1]
    piped = shell("calls").stdout
    assert "…" not in piped
    assert "a-route-with-quite-a-long-name" in piped


def test_wide_characters_keep_the_columns_straight(shell: Shell) -> None:
    header, short, long = shell("calls").stdout.splitlines()
    width = len("짧은 이름") + 4  # four of its characters are two cells wide
    assert long.index("big/") == header.index("MODEL")
    assert short.index("big/") == header.index("MODEL") - (width - len("짧은 이름"))


def test_colours_are_for_terminals_that_want_them(shell: Shell) -> None:
    assert "\x1b[1mSTARTED" in _at_terminal(shell, "calls")
    assert "\x1b" not in _at_terminal(shell, "calls", TERM="dumb")
    assert "\x1b" not in shell("calls").stdout
    assert "\x1b[32m" in _at_terminal(shell, "doctor", columns=200)


def test_a_sign_of_work_appears_after_two_seconds_and_goes_away(tmp_path: Path) -> None:
    program = (
        "import time\nfrom freehold.cli.waiting import waiting\n"
        "with waiting('Quick', 5) as advance:\n    advance(5)\n"
        "with waiting('Counting sheep', 30) as advance:\n"
        "    for _ in range(30):\n        time.sleep(0.1)\n        advance(1)\n"
        "with waiting('Sleeping'):\n    time.sleep(2.5)\n"
    )
    above, below = pty.openpty()
    process = os.fork()
    if process == 0:
        os.dup2(below, 2)
        environment = {**Shell(tmp_path).environment, "TERM": "xterm"}
        os.execve(sys.executable, [sys.executable, "-c", program], environment)
    os.close(below)
    shown = _read_all(above)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    os.close(above)
    assert "Counting sheep" in shown
    assert "30/30" in shown or "29/30" in shown
    assert "Sleeping" in shown
    assert "Quick" not in shown
    assert shown.rstrip().endswith("\x1b[2K") or "\x1b[?25h" in shown  # the line is wiped, the cursor is back
