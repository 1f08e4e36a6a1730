"""What a person at a terminal sees of a comparison under way."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from compared import Folder, case, simulated
from hypothesis import given
from hypothesis import strategies as st
from shell import Shell

from freehold.cli.compare_progress import bar, scale
from freehold.providers.simulated.script import Behaviour, Echo

MARGINS = st.sampled_from([0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 0.9])


@given(MARGINS, st.sampled_from([21, 41]))
def test_the_words_above_a_bar_stand_above_its_marks(margin: float, width: int) -> None:
    marks = [at for at, cell in enumerate(bar(0.9, 1.0, None, margin, width)) if cell in "│┼"]
    words = [found.end() - 1 for found in re.finditer(r"\S+", scale(margin, width))]
    has_room = len(marks) == 1 or marks[1] - marks[0] > 1
    assert width == 21 or has_room
    assert words == (marks if has_room else marks[1:])


@given(MARGINS, st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1))
def test_the_estimate_stands_within_its_interval(
    margin: float, one: float, other: float, share: float
) -> None:
    low, high = sorted((one, other))
    line = bar(low, high, low + share * (high - low), margin)
    assert len(line) == 41
    at = line.index("●")
    cells = [place for place, cell in enumerate(line) if cell in "─●┼"]
    assert min(cells) <= at <= max(cells)


@pytest.mark.parametrize("columns", [80, 140])
def test_cases_spending_and_the_interval_are_shown_as_they_change(tmp_path: Path, columns: int) -> None:
    slow = Behaviour(text=Echo(), headers_s=0.05)
    folder, shell = Folder(tmp_path), Shell(tmp_path)
    with simulated(slow) as old, simulated(slow) as new:
        folder.configure(old, new)
        folder.add(case(number) for number in range(200))
        above, below = pty.openpty()
        words = ("compare", "copilot", "--with", "new/model", "--suite", "words", "--concurrency", "4")
        running = subprocess.Popen(
            [sys.executable, "-m", "freehold", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=below,
            cwd=tmp_path,
            env={**shell.environment, "TERM": "xterm-256color", "COLUMNS": str(columns)},
        )
        os.close(below)
        said = ""
        try:
            while piece := os.read(above, 4096):
                said += piece.decode()
        except OSError:  # what Linux says when the other side of a terminal is closed
            pass
        finally:
            os.close(above)
        assert running.wait(timeout=20) == 0
    counted = [int(number) for number in re.findall(r"(\d+) of 200 cases", said)]
    assert len(counted) > 2
    assert counted == sorted(counted)
    intervals = [
        (float(low), float(high)) for low, high in re.findall(r"\(([+-][\d.]+) … ([+-][\d.]+)\)", said)
    ]
    # A row is one line, also where the terminal is narrow.
    rows = [line for line in re.split(r"[\r\n]+", said) if "new/model " in line]
    assert rows
    assert all("●" in row and " … " in row for row in rows)
    widths = [high - low for low, high in intervals]
    assert widths[0] > widths[-1]
    assert re.search(r"\$0\.00\d+", said)
    assert "left at the most" in " ".join(said.split())  # it may be folded
    assert "-0.03" in said


@pytest.mark.parametrize("margin", [0.0, 0.03])
def test_a_bar_of_nothing_is_as_wide_as_it_can_be(margin: float) -> None:
    assert set(bar(-1.0, 1.0, None, margin)) == {"─", "┼"}
