"""What trains is imported by the room that trains, and by nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import freehold

TRAINING = {"torch", "transformers", "trl", "peft"}


def imported(file: Path) -> Iterator[str]:
    """The packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_nothing_outside_imports_them() -> None:
    assert freehold.__file__ is not None
    root = Path(freehold.__file__).parent
    found = {file.relative_to(root) for file in root.rglob("*.py") if TRAINING & set(imported(file))}
    assert found, "the room itself imports them"
    assert not [file for file in found if file.parts[0] != "train"]
