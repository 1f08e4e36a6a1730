"""The table of complaints names tests that are there, and tests that name the thread."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PAGE = (TESTS.parent / "docs" / "resilience.md").read_text()
ROWS = re.findall(r"^\| \[[^]]+\]\((https://[^)]+)\) \| .+ \| `([\w/]+\.py)::(\w+)` \|$", PAGE, re.MULTILINE)
THREAD = re.compile(r"https://(?:github\.com/[\w./-]+/(?:issues|pull)/\d+|docs\.litellm\.ai/blog/[\w-]+)")


@cache
def told(file: str) -> dict[str, str]:
    """The docstrings of a file's tests."""
    tree = ast.parse((TESTS / file).read_text())
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {node.name: " ".join((ast.get_docstring(node) or "").split()) for node in found}


@pytest.mark.parametrize(("thread", "file", "test"), ROWS)
def test_the_test_of_a_thread_is_there(thread: str, file: str, test: str) -> None:
    assert thread in told(file)[test]


def test_every_thread_has_a_line() -> None:
    files = [path.relative_to(TESTS).as_posix() for path in Path(__file__).parent.glob("test_*.py")]
    named = {thread for file in files for text in told(file).values() for thread in THREAD.findall(text)}
    assert len(named) > 40
    assert named <= {thread for thread, _, _ in ROWS}
