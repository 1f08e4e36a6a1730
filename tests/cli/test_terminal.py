"""What is different when a person looks on: lines that fit, colours, and signs of work that takes long."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from planted import call_number, plant
from rich.cells import cell_len
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

WIDE_CONFIGURATION = """
[providers.a-provider-with-a-long-name]
base_url = "https://an-address-that-is-quite-long.example/with/a/path/v1"
models = ["some-organisation/a-model-with-an-even-longer-name-than-that"]

[routes.copilot]
incumbent = "a-provider-with-a-long-name/some-organisation/a-model-with-an-even-longer-name-than-that"
fallbacks = ["local/smollm2-135m"]
"""


def _at_terminal(shell: Shell, *words: str, columns: int = 100, fails: bool = False, **more: str) -> str:
    """What a terminal of this width shows of a command's standard output."""
    above, below = pty.openpty()
    environment = {"COLUMNS": str(columns), "TERM": "xterm-256color", **more}
    with ThreadPoolExecutor(1) as reading:
        shown = reading.submit(_read_all, above)
        done = shell(*words, terminal=os.ttyname(below), **environment)
        os.close(below)
        text = shown.result(timeout=10)
    os.close(above)
    assert fails or done.returncode == 0, done.stderr
    return text.replace("\r\n", "\n")


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


@pytest.mark.parametrize("columns", [50, 80, 120])
@pytest.mark.parametrize(
    ("words", "always"),
    [
        (("calls",), ["ID", "MODEL", "OUTCOME"]),
        (("spend",), ["ROUTE", "CALLS", "COST", "UNKNOWN"]),
        (("models",), ["MODEL"]),
        (("routes",), ["ROUTE", "MODEL", "ROLE"]),
        (("keys", "list"), ["NAME", "KEY", "STATE"]),
        (("check",), ["PROVIDER", "ROUTE", "MODEL"]),
        (("doctor",), []),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_row_is_a_line_on_any_terminal(
    shell: Shell, words: tuple[str, ...], always: list[str], columns: int
) -> None:
    (shell.folder / "freehold.toml").write_text(WIDE_CONFIGURATION)
    shell("keys", "create", "somebody's laptop", "--route", "copilot", "--route", "another-long-name")
    shown = _at_terminal(shell, *words, columns=columns, NO_COLOR="1", fails=words == ("doctor",))
    lines = shown.splitlines()
    # A path or an address is not broken in two, so that it can be copied.
    whole = [line for line in lines if max(map(len, line.split()), default=0) < columns - 30]
    assert [line for line in whole if cell_len(line) > columns] == []
    headings = " ".join(lines)
    assert all(title in headings for title in always)
    if columns == 50 and words == ("calls",):
        assert "STARTED" not in headings
        assert f"call_{2:032x}"[:22] in headings


def test_what_a_narrow_terminal_is_spared_is_said(shell: Shell) -> None:
    above, below = pty.openpty()
    try:
        done = shell("calls", terminal=os.ttyname(below), COLUMNS="80")
        assert "Left out for want of room: ROUTE, KEY, READ, WRITTEN, FIRST, TOOK" in done.stderr.replace(
            "\n", " "
        )
    finally:
        os.close(below)
        os.close(above)
    assert "Left out" not in shell("calls", COLUMNS="50").stderr


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


COUNTING = """
import time
from freehold.cli.waiting import waiting
with waiting("Quick", 5) as advance:
    advance(5)
with waiting("Counting sheep", 25) as advance:
    for _ in range(25):
        time.sleep(0.1)
        advance(1)
"""
SLEEPING = """
import time
from freehold.cli.waiting import waiting
with waiting("Sleeping"):
    time.sleep(2.5)
"""


def test_a_sign_of_work_appears_after_two_seconds_and_goes_away(tmp_path: Path) -> None:
    environment = {**Shell(tmp_path).environment, "TERM": "xterm"}
    running = []
    for program in (COUNTING, SLEEPING):
        above, below = pty.openpty()
        words = [sys.executable, "-c", program]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=below, env=environment)
        os.close(below)
        running.append((process, above))
    shown = []
    for process, above in running:
        shown.append(_read_all(above))
        os.close(above)
        assert process.wait(timeout=10) == 0
    counting, sleeping = shown
    assert "Counting sheep" in counting
    assert re.search(r"2\d/25", counting)
    assert "Quick" not in counting
    assert "Sleeping" in sleeping
    for text in shown:
        assert text.rstrip().endswith("\x1b[2K")  # the line is wiped
        assert "\x1b[?25h" in text  # and the cursor is back


@pytest.mark.parametrize("columns", [50, 80])
def test_a_listed_rollout_can_be_named_by_what_is_shown(tmp_path: Path, columns: int) -> None:
    shell = _with_a_rollout(tmp_path)
    lines = _at_terminal(shell, "rollout", "list", columns=columns, NO_COLOR="1").splitlines()
    assert [line for line in lines if cell_len(line) > columns] == []
    named = next(word for word in lines[-1].split() if word.startswith("rollout_"))
    assert "…" not in named
    status = shell("rollout", "status", named)
    assert status.returncode == 0, status.stderr
    (whole,) = re.findall(r"rollout_[0-9a-f]+", shell("rollout", "list").stdout)
    assert f"{whole}\n" in status.stdout


@pytest.mark.parametrize("columns", [60, 80])
def test_why_a_rollout_moved_is_folded_and_not_cut(tmp_path: Path, columns: int) -> None:
    shell = _with_a_rollout(tmp_path)
    shown = _at_terminal(shell, "rollout", "status", "r", columns=columns)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert [line for line in lines if cell_len(line) > columns] == []
    words = " ".join(" ".join(lines).split())
    assert "From `local/smollm2-135m` to `new/a-model-with-quite-a-long-name`: canary:0.1%" in words
    assert "  WHY\n" in shell("rollout", "status", "r").stdout


def _with_a_rollout(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    (tmp_path / "freehold.toml").write_text(
        '[providers.new]\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[routes.r]\nincumbent = "local/smollm2-135m"\n'
        '[routes.r.policy]\nkind = "weighted"\nweights = { "local/smollm2-135m" = 1 }\n'
    )
    begun = shell(
        "rollout", "start", "r", "--to", "new/a-model-with-quite-a-long-name", "--unpriced",
        "--plan", "canary:0.1%,0.5%,1%,5%,25%,50%,cutover",
    )  # fmt: skip
    assert begun.returncode == 0, begun.stderr
    return shell
