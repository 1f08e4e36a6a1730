"""What `examples/` and the docs show of suites is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from shell import Shell, forks  # noqa: F401 - a fixture of every test here

ROOT = Path(__file__).parents[2]
ANSWERS = (
    "suite",
    "add",
    "--recorded",
    str(ROOT / "examples/office-answers.jsonl"),
    "--scorer",
    "normalised",
)


def test_the_recorded_answers_are_to_the_cases_of_the_suite(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    [suite] = shell.json("suite", "add", str(ROOT / "examples/office.toml"))
    [recorded] = shell.json(*ANSWERS)
    assert (suite["name"], suite["cases"]) == ("office", 60)
    # The same cases and the same scorer: the same content.
    assert (recorded["hash"], recorded["answers"]) == (suite["hash"], 180)
    [shown] = shell.json("suite", "show", "office-answers")
    assert shown["recorded"] == {"own/small": 60, "own/tiny": 60, "rented/large": 60}
    assert shown["classes"] == {"accounts": 15, "desk": 15, "stock": 8, "terms": 12, "vat": 10}


def test_a_newcomer_compares_them_without_a_key(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert shell(*ANSWERS).returncode == 0
    text = (ROOT / "docs/suites.md").read_text()
    [words] = [shlex.split(line) for line in re.findall(r"^    freehold (compare .*)$", text, re.MULTILINE)]
    done = shell(*words)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.startswith("own/")}
    assert "replaces" in lines["own/small"]
    assert "does not replace" in lines["own/tiny"]


def test_every_command_in_the_docs_is_one(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    rows = '{"input": "2 + 2?", "target": "4", "question": "-", "ticket_url": "-"}\n'
    (tmp_path / "support.jsonl").write_text(
        rows.replace('"question": "-", "ticket_url": "-"', '"class": "sums"')
    )
    (tmp_path / "answers.jsonl").write_text('{"case": 1, "model": "a/b", "score": 1}\n')
    text = (ROOT / "docs/suites.md").read_text()
    commands = [
        shlex.split(line) for line in re.findall(r"^    freehold (suite add .*)$", text, re.MULTILINE)
    ]
    assert len(commands) == 3
    for words in commands:
        done = shell(*words)
        assert done.returncode == 0, (words, done.stderr)


def test_the_file_in_the_docs_describes_a_suite(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    text = (ROOT / "docs/suites.md").read_text()
    [toml] = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "support.toml").write_text(toml)
    (tmp_path / "support.jsonl").write_text('{"question": "2 + 2?", "target": "4", "ticket_url": "-"}\n')
    [made] = shell.json("suite", "add", "support.toml")
    assert made["scorers"] == [{"kind": "normalised", "settings": {"articles": True}}]
