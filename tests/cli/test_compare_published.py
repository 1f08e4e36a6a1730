"""Recorded scores of 65 models on LogicKor, compared through the command line: the published order, and no more.

The scores are a judge's marks from 1 to 10 for two turns of 42 questions; the published figure is their mean.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from shared_data import rows_of
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

MARGIN = "0.05"


class Published:
    """What was published, and a folder in which it can be compared."""

    def __init__(self, folder: Path) -> None:
        self.shell = Shell(folder)
        rows = [
            row for row in rows_of("logickor/scores_all_settings.jsonl.gz") if row["setting"] == "default"
        ]
        marks: dict[str, list[float]] = defaultdict(list)
        lines = []
        for row in rows:
            mark = ((row["score1"] or 0) + (row["score2"] or 0)) / 2
            marks[row["model"]].append(mark)
            lines.append(json.dumps({"case": row["id"], "model": row["model"], "score": mark / 10}))
        (folder / "logickor.jsonl").write_text("\n".join(lines))
        self.means = {model: sum(found) / len(found) for model, found in marks.items()}
        self.order = sorted(self.means, key=lambda model: -self.means[model])
        self.shell.json("suite", "add", "--recorded", "logickor.jsonl")

    def compare(self, incumbent: str, *candidates: str) -> dict[str, dict[str, Any]]:
        """The verdicts by candidate."""
        named = [word for one in candidates for word in ("--with", one)]
        words = ("compare", incumbent, *named, "--suite", "logickor", "--margin", MARGIN, "--to-the-end")
        found: dict[str, Any] = self.shell.json(*words)[0]
        assert found["asked"] == 0
        return {one["candidate"]: one for one in found["verdicts"]}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(tmp_path_factory.mktemp("logickor"))


def test_models_come_in_the_published_order(published: Published) -> None:
    best, *others = published.order
    verdicts = published.compare(best, *others)
    assert len(verdicts) == 64
    for model, verdict in verdicts.items():
        expected = (published.means[model] - published.means[best]) / 10
        assert verdict["evidence"]["difference"] == pytest.approx(expected, abs=1e-9)
        assert verdict["evidence"]["n"] == 42
    found = sorted(others, key=lambda model: -verdicts[model]["evidence"]["difference"])
    assert [published.means[one] for one in found] == pytest.approx([published.means[one] for one in others])
    # 42 questions tell the last from the first, even among 64, and not the second.
    assert verdicts[others[-1]]["decision"] == "does not replace"
    assert verdicts[others[0]]["decision"] == "undecided"
    assert all(verdict["decision"] != "replaces" for verdict in verdicts.values())


@pytest.mark.parametrize("place", [0, 5, 20, 40, 60])
def test_neighbours_are_undecided(published: Published, place: int) -> None:
    better, worse = published.order[place : place + 2]
    [verdict] = published.compare(better, worse).values()
    assert verdict["decision"] == "undecided"
    assert "42 pairs do not tell yet" in verdict["reason"]
    assert verdict["evidence"]["low"] < -float(MARGIN) < verdict["evidence"]["high"]
