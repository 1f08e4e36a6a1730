"""Runs in the file format of MLflow, so that its pages show them: `mlflow ui --backend-store-uri DATA/mlruns`.

A metric is a file with a line `MILLISECONDS VALUE STEP` for each point, a parameter and a tag are files with their
value, and what a run is stands in `meta.yaml`. MLflow itself is not needed to write this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from freehold.store.folders import make_private
from freehold.train.run import Point, Run, State

EXPERIMENT = "1"
_STATUS: Mapping[State, int] = {"running": 1, "finished": 3, "failed": 4, "stopped": 5}
"""MLflow's numbers; a stopped run is `KILLED` to it."""
_NAME = re.compile(r"[^A-Za-z0-9_.\- ]")


class Tracking:
    """One run, as MLflow sees it."""

    def __init__(self, folder: Path, run: Run) -> None:
        """`folder`: of all that is tracked. Nothing is made before `open`."""
        self._experiment = folder / EXPERIMENT
        self._id = re.sub(r"[^0-9a-z]", "", run.id.removeprefix("run_"))[:32]
        self._folder = self._experiment / self._id
        self._begun_us = run.begun_us

    def open(self, run: Run) -> None:
        """Say what it is and what it is made with. Raises OSError."""
        make_private(self._experiment)
        about = self._experiment / "meta.yaml"
        if not about.exists():
            _write_yaml(
                about,
                {
                    "artifact_location": self._experiment.resolve().as_uri(),
                    "creation_time": run.begun_us // 1000,
                    "experiment_id": EXPERIMENT,
                    "last_update_time": run.begun_us // 1000,
                    "lifecycle_stage": "active",
                    "name": "freehold",
                },
            )
        for part in ("metrics", "params", "tags", "artifacts"):
            make_private(self._folder / part)
        given = {"recipe": run.recipe, "base": run.base, "dataset": run.dataset, "seed": run.seed}
        for name, value in {**given, **run.dials}.items():
            self._write("params", name, "" if value is None else str(value))
        self._write("tags", "mlflow.runName", run.name)
        self._write("tags", "mlflow.source.name", f"freehold train {run.recipe}")
        self._write("tags", "mlflow.source.type", "LOCAL")
        self._write("tags", "mlflow.user", "freehold")
        for library, version in run.versions.items():
            self._write("tags", f"version.{library}", version)
        self.keep(run)

    def keep(self, run: Run) -> None:
        """Its state now, and what came of it. Raises OSError."""
        _write_yaml(
            self._folder / "meta.yaml",
            {
                "artifact_uri": (self._folder / "artifacts").resolve().as_uri(),
                "end_time": None if run.ended_us is None else run.ended_us // 1000,
                "entry_point_name": "",
                "experiment_id": EXPERIMENT,
                "lifecycle_stage": "active",
                "run_id": self._id,
                "run_name": run.name,
                "run_uuid": self._id,
                "source_name": "",
                "source_type": 4,
                "source_version": "",
                "start_time": run.begun_us // 1000,
                "status": _STATUS[run.state],
                "tags": [],
                "user_id": "freehold",
            },
        )

    def add(self, point: Point) -> None:
        """The values of one more point. Raises OSError."""
        at = self._begun_us // 1000 + round(point.seconds * 1000)
        for name, value in point.values.items():
            path = self._folder / "metrics" / _NAME.sub("_", name)
            with path.open("a", encoding="ascii") as metric:
                metric.write(f"{at} {value!r} {point.step}\n")

    def cut_after(self, step: int) -> None:
        """Take away the points after this step, as they are made again."""
        for path in (self._folder / "metrics").glob("*"):
            lines = path.read_text(encoding="ascii").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and int(line.split()[2]) <= step]
            path.write_text("".join(kept), encoding="ascii")

    def _write(self, part: str, name: str, value: str) -> None:
        (self._folder / part / _NAME.sub("_", name)).write_text(value, encoding="utf-8")


def _write_yaml(path: Path, values: Mapping[str, object]) -> None:
    # A value in JSON is one in YAML, too.
    path.write_text(
        "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items()), encoding="utf-8"
    )
