"""A run's curve on disk, and what of it MLflow reads."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from freehold.core.errors import BadRequest
from freehold.train.run import Point, Run, RunFolder
from freehold.train.running.card import card_of
from freehold.train.running.curve import CurveFile
from freehold.train.running.following import Follower, Seen
from freehold.train.running.interruption import Interruption
from freehold.train.running.tracking import Tracking

RUN = Run(
    id="run_01a207449ea94af04018385aa24b56a0",
    name="a: name",
    recipe="sft",
    state="running",
    base="local/smollm2-135m",
    dataset="support@0123456789ab",
    dataset_hash="0" * 64,
    dials={"epochs": 2, "way": "full"},
    seed=3,
    versions={"torch": "2.13.0"},
    begun_us=1_700_000_000_000_000,
    licence="Apache-2.0",
    makers={"people": 5},
)


def follower(home: Path, seen: list[Seen]) -> Follower:
    folder = RunFolder(home / "runs" / RUN.id)
    folder.write(RUN)
    tracking = Tracking(home / "mlruns", RUN)
    tracking.open(RUN)
    return Follower(CurveFile(folder.folder), tracking, Interruption(), seen.append)


def points(home: Path) -> list[Point]:
    return list(RunFolder(home / "runs" / RUN.id).curve())


def test_points_after_the_checkpoint_are_cut_off(tmp_path: Path) -> None:
    seen: list[Seen] = []
    first = follower(tmp_path, seen)
    first.begin(10)
    for step in range(1, 8):
        first.step(step, tokens=step * 100, loss=1 / step)
    with (tmp_path / "runs" / RUN.id / "curve.jsonl").open("ab") as file:
        file.write(b'{"step":8,"sec')  # a disk that was full
    assert [one.step for one in points(tmp_path)] == list(range(1, 8))
    again = follower(tmp_path, seen)
    again.begin(10, done=4)
    again.step(5, tokens=500, loss=9.0)
    assert [(one.step, one.values["loss"]) for one in points(tmp_path)] == [
        (1, 1.0), (2, 0.5), (3, 1 / 3), (4, 0.25), (5, 9.0)
    ]  # fmt: skip
    assert points(tmp_path)[-1].seconds >= points(tmp_path)[-2].seconds
    metric = next((tmp_path / "mlruns").glob("*/*/metrics/loss")).read_text().splitlines()
    assert [line.split()[1:] for line in metric] == [
        ["1.0", "1"], ["0.5", "2"], [repr(1 / 3), "3"], ["0.25", "4"], ["9.0", "5"]
    ]  # fmt: skip
    assert seen[-1].steps == 10
    assert seen[-1].done_before == 4


def test_nobody_else_can_look_into_what_is_kept(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    follower(data, [])
    for folder in (data.parent, data, data / "runs", data / "mlruns", data / "runs" / RUN.id):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_a_point_at_which_nothing_was_read_tells_no_pace(tmp_path: Path) -> None:
    one = follower(tmp_path, [])
    one.begin(3)
    one.step(0, tokens=0, held_out_loss=5.0)
    one.step(1, tokens=100, loss=4.0)
    measured, first = points(tmp_path)
    assert "tokens_per_second" not in measured.values
    assert first.values["tokens_per_second"] > 0


def test_a_loss_that_is_no_number_ends_it(tmp_path: Path) -> None:
    one = follower(tmp_path, [])
    one.begin(3)
    one.step(1, loss=1.0, odd=float("nan"))
    assert points(tmp_path)[0].values == {"loss": 1.0}
    with pytest.raises(BadRequest, match="no number any more after step `2`"):
        one.step(2, loss=float("inf"))


def test_each_point_is_there_at_once(tmp_path: Path) -> None:
    """A process that is killed loses none."""
    script = (
        "import os, sys, pathlib\n"
        "from freehold.train.run import Point\n"
        "from freehold.train.running.curve import CurveFile\n"
        "CurveFile(pathlib.Path(sys.argv[1])).add(Point(step=1, seconds=0.5))\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9
    assert [point.step for point in RunFolder(tmp_path).curve()] == [1]


def test_what_mlflow_reads(tmp_path: Path) -> None:
    Tracking(tmp_path, RUN).open(RUN)
    (folder,) = tmp_path.glob("1/*/")
    about = dict(line.split(": ", 1) for line in (folder / "meta.yaml").read_text().splitlines())
    assert json.loads(about["run_name"]) == "a: name"
    assert json.loads(about["status"]) == 1
    assert (folder / "params" / "epochs").read_text() == "2"
    assert (folder / "tags" / "mlflow.runName").read_text() == "a: name"
    Tracking(tmp_path, RUN).keep(
        msgspec.structs.replace(RUN, state="finished", ended_us=RUN.begun_us + 5_000_000)
    )
    assert "status: 3\n" in (folder / "meta.yaml").read_text()
    assert "end_time: 1700000005000\n" in (folder / "meta.yaml").read_text()


def test_the_card_says_what_it_is_made_of() -> None:
    done = msgspec.structs.replace(
        RUN,
        state="finished",
        results={"held_out_loss": 0.125},
        notes=("3 of 8 rows were left out: too long.",),
    )
    curve = [Point(step=step, seconds=step, values={"loss": 5 - step / 50}) for step in range(1, 101)]
    card = card_of(done, None, curve, "a machine | of two cores")
    for said in (
        'license: "apache-2.0"', "`local/smollm2-135m`", "0" * 64, "answers by `people`", "5 rows",
        "0.125",
        "3 of 8 rows were left out", "torch 2.13.0", "a machine | of two cores", "| `epochs` | `2` |",
        "█", "Apache-2.0",
    ):  # fmt: skip
        assert said in card, said
    again = next(line for line in card.splitlines() if line.startswith("Once more"))
    assert "--base local/smollm2-135m" in again and "--seed 3" in again
    assert "--set" not in again, "these are the recipe's own"
    otherwise = msgspec.structs.replace(done, dials={"epochs": 5, "way": "lora"})
    assert "--set epochs=5 --set 'way=\"lora\"' --seed 3" in card_of(otherwise, None, curve, "")
    table = [line for line in card.splitlines() if line.startswith("| 1") or line.startswith("| 100")]
    assert table[0].startswith("| 1 |")
    assert table[-1].startswith("| 100 |")
