"""What `freehold export` says where training is not installed."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from pathlib import Path

import pytest
from tiny_models import RUN_ID, make_dataset

from freehold.cli.main import main
from freehold.train.run import Run, RunFolder


def export(folder: Path, *words: str) -> tuple[int, str]:
    before, errors = sys.argv, io.StringIO()
    sys.argv = ["freehold", "export", *words]
    try:
        with contextlib.chdir(folder), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as end:
        return int(end.code or 0), errors.getvalue()
    finally:
        sys.argv = before
    return 0, errors.getvalue()


def make_run(folder: Path, state: str, recipe: str = "sft") -> None:
    data = folder / ".freehold"
    run = Run(
        id=RUN_ID,
        name="tiny",
        recipe=recipe,
        state=state,  # type: ignore[arg-type]
        base=None,
        dataset=make_dataset(data),
        dataset_hash=None,
        dials={},
        seed=0,
        versions={},
        begun_us=1,
    )
    RunFolder(data / "runs" / RUN_ID).write(run)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed here")
def test_it_says_what_is_missing(tmp_path: Path) -> None:
    make_run(tmp_path, "finished")
    status, said = export(tmp_path, "tiny", "--name", "small")
    assert status == 1 and "`torch`" in said and "make train-env" in said


def test_a_head_is_no_model(tmp_path: Path) -> None:
    make_run(tmp_path, "finished", recipe="rank")
    status, said = export(tmp_path, "tiny", "--name", "small")
    assert status == 1 and "made a head" in said and f"--classes {RUN_ID}" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tiny", "--name", "small"), "is `stopped`, so there is no model"),
        (("nowhere", "--name", "small"), "There is no run `nowhere`"),
        (("tiny", "--name", "../x"), "cannot be called `../x`"),
        (("tiny", "--name", "previous"), "cannot be called"),
        (("tiny", "--name", "x", "--to", "gguf:q9"), "There is no form `gguf:q9`"),
        (("tiny", "--name", "x", "--margin", "2"), "--margin"),
    ],
)
def test_what_cannot_be_exported_is_told_before_anything_is_loaded(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    make_run(tmp_path, "stopped")
    status, said = export(tmp_path, *words)
    assert status == 1 and told in said
    assert not (tmp_path / ".freehold" / "own").exists()
