"""What nobody may learn from does not become clean by being learned twice, or by a teacher in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_training import put_dataset, row

from freehold.catalog.terms.terms import Terms
from freehold.train.base import find_base
from freehold.train.catalogue import defaults_of
from freehold.train.run import CARD, RunFolder
from freehold.train.running.runner import begin_run, card_now

FORBIDDEN = "openai/gpt-4o"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / ".freehold"
    put_dataset(data, "people", map(row, range(4)))
    put_dataset(data, "theirs", [row(number, maker=FORBIDDEN) for number in range(4)])
    base = data / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return data


def test_of_a_model_and_all_that_is_made_of_it(data: Path) -> None:
    assert _begun(data, "people", str(data / "base")).read().licence == "apache-2.0"
    once = _begun(data, "theirs", str(data / "base"))
    assert once.read().licence is None
    once.model.mkdir()
    (once.model / "config.json").write_text("{}")
    (once.model / CARD).write_text(card_now(data, once))
    assert find_base(str(once.model), data).licence is None
    assert _begun(data, "people", once.folder.name).read().licence is None


@pytest.mark.parametrize("teacher", ["one in memory", "one that answers"])
def test_of_a_model_with_such_a_teacher(data: Path, teacher: str) -> None:
    """Somebody has decided that it may be learned from; what is left of the licence stays unknown."""
    forbidden = Terms(verdict="forbidden", summary="It is ruled out.", holder="Somebody")
    how = {"taught": forbidden} if teacher == "one in memory" else {"teacher": FORBIDDEN}
    assert _begun(data, "people", str(data / "base"), **how).read().licence is None


def _begun(data: Path, dataset: str, base: str, **more: object) -> RunFolder:
    dials = {**defaults_of("sft")}
    return begin_run(data, recipe="sft", dataset=dataset, base=base, dials=dials, seed=0, name=None, **more)  # type: ignore[arg-type]
