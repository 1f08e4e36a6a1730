"""A run that is killed and gone on with comes to the very weights that it would have come to without."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tiny_training import command, put_base, put_dataset, row, run

DIALS = {
    "epochs": "4",
    "batch": "4",
    "learning_rate": "1e-2",
    "save_minutes": "0",
    "held_out": "4",
    "pack": "256",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    put_dataset(home / ".freehold", "colours", map(row, range(24)), map(row, range(100, 104)))
    put_base(home / "base")
    return home


def words(way: str, name: str) -> list[str]:
    dials = [part for dial, value in {**DIALS, "way": way}.items() for part in ("--set", f"{dial}={value}")]
    return [
        "train",
        "sft",
        "--data",
        "colours",
        "--base",
        "base",
        "--name",
        name,
        "--seed",
        "7",
        "--json",
        *dials,
    ]


def facts(home: Path, name: str) -> dict[str, Any]:
    shown = run(home, "train", "show", name, "--json")
    assert shown.returncode == 0, shown.stderr
    known: dict[str, Any] = json.loads(shown.stdout)
    return known


def weights(known: dict[str, Any]) -> bytes:
    return Path(known["model"], "model.safetensors").read_bytes()


def curve(known: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(known["folder"], "curve.jsonl").read_text().splitlines()]


def values(points: list[dict[str, Any]]) -> list[tuple[int, dict[str, float]]]:
    """What does not depend on how fast it went."""
    return [
        (
            point["step"],
            {name: value for name, value in point["values"].items() if name != "tokens_per_second"},
        )
        for point in points
    ]


def break_off(home: Path, name: str, way: str, after: int, number: int) -> dict[str, Any]:
    """Begin a run, and send it a signal when its curve has so many points. Returns what is known of it."""
    with subprocess.Popen(
        command(*words(way, name)), cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            until = time.monotonic() + 220
            while time.monotonic() < until and process.poll() is None:
                begun = [
                    path
                    for path in home.glob(".freehold/runs/*/curve.jsonl")
                    if json.loads((path.parent / "run.json").read_text())["name"] == name
                ]
                if begun and begun[0].read_bytes().count(b"\n") > after:
                    break
                time.sleep(0.002)
            process.send_signal(number)
            assert process.wait(60) != 0
        finally:
            process.kill()
    return facts(home, name)


@pytest.fixture(scope="module", params=["full", "lora"])
def whole(request: pytest.FixtureRequest, home: Path) -> tuple[str, dict[str, Any]]:
    way = str(request.param)
    done = run(home, *words(way, f"whole-{way}"))
    assert done.returncode == 0, done.stderr
    known: dict[str, Any] = json.loads(done.stdout)
    assert known["state"] == "finished"
    assert known["results"]["held_out_loss"] < known["results"]["held_out_loss_before"]
    return way, known


def test_same_weights_after_a_kill(home: Path, whole: tuple[str, dict[str, Any]]) -> None:
    way, known = whole
    broken = break_off(home, f"killed-{way}", way, after=11, number=signal.SIGKILL)
    assert broken["state"] == "broken off"
    resumed = run(home, "train", "resume", broken["id"], "--json")
    assert resumed.returncode == 0, resumed.stderr
    again = json.loads(resumed.stdout)
    assert again["results"] == known["results"]
    assert weights(again) == weights(known)
    assert values(curve(again)) == values(curve(known))


@pytest.mark.parametrize("whole", ["full"], indirect=True)
def test_stopping_keeps_a_checkpoint(home: Path, whole: tuple[str, dict[str, Any]]) -> None:
    way, known = whole
    stopped = break_off(home, "stopped", way, after=7, number=signal.SIGTERM)
    assert stopped["state"] == "stopped"
    assert stopped["model"] is None
    assert run(home, "train", "sft", "--resume", stopped["id"]).returncode == 0
    again = facts(home, stopped["id"])
    assert weights(again) == weights(known)
    assert run(home, "train", "resume", again["id"]).returncode == 1  # it is finished


def test_two_at_once(home: Path) -> None:
    name = "twice"
    with subprocess.Popen(
        command(*words("full", name), "--set", "epochs=400"),
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                begun = [
                    one
                    for one in home.glob(".freehold/runs/*/curve.jsonl")
                    if name in (one.parent / "run.json").read_text()
                ]
                if begun:
                    break
                time.sleep(0.05)
            second = run(home, "train", "resume", name)
            assert second.returncode == 1
            assert "Another process trains" in second.stderr
            assert facts(home, name)["state"] == "running"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert facts(home, name)["state"] == "stopped"
