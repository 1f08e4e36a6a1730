"""Training on a Ray cluster: each process is an actor on any of its machines, and all of them share every step."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.app.ray_cluster import connect, the_ray
from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.train.run import Run, RunFolder
    from freehold.train.running.following import Seen

# ruff: noqa: PLC0415 - the command line imports this module: each function imports what it needs

_START_SECONDS = 120.0
_LOOK_SECONDS = 0.5
_REASON_SECONDS = 20.0
_AT_ONCE = 3
"""What an actor is asked at the same time: to train, what was seen, to stop."""


class TrainingActor:
    """What Ray runs. Its machine has the same Freehold as the driver's, and sees the same data folder."""

    def __init__(self, data: str) -> None:
        os.environ.setdefault(
            "OMP_WAIT_POLICY", "passive"
        )  # read when PyTorch is imported: see `train/threads.py`
        self._data = Path(data)
        self._seen: Seen | None = None

    def check(self, run: str) -> None:
        """Raises RuntimeError where this machine cannot train that run."""
        from freehold.train.run import RUN, Runs

        if not (Runs(self._data).folder / run / RUN).is_file():
            raise RuntimeError(f"{socket.gethostname()} does not see the folder {self._data}")

    def meeting(self) -> str:
        """`HOST:PORT` on which the others reach this one."""
        import ray

        host = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        with socket.socket() as probe:
            probe.bind((host, 0))
            return f"{host}:{probe.getsockname()[1]}"

    def train(self, run: str, rank: int, size: int, meeting: str, resume: bool) -> None:
        """Do this process's part of the run."""
        from freehold.train.spreading.member import take_part
        from freehold.train.spreading.place import Place

        take_part(self._data, run, Place(rank, size), meeting, self._note, resume=resume)

    def seen(self) -> bytes | None:
        """How the run stands, as JSON; None: nothing is done yet."""
        return None if self._seen is None else msgspec.json.encode(self._seen)

    def stop(self) -> None:
        """Ask it to keep a checkpoint and stop."""
        from freehold.train.running.interruption import interrupt

        interrupt()

    def _note(self, seen: Seen) -> None:
        self._seen = seen


def train_on_ray(
    settings: Settings,
    folder: RunFolder,
    tell: Callable[[Seen], None],
    *,
    address: str | None,
    processes: int | None,
    resume: bool = False,
) -> Run:
    """Train the run in so many processes of a cluster; None: one on each of its machines. Raises BadRequest.

    What the run comes to is read from its folder, which all see, and nothing of Ray's own is kept of it.
    """
    from freehold.train.running.interruption import interruptible

    run = folder.folder.name
    ray = the_ray()
    begun = connect(ray, address)
    actors: list[Any] = []
    try:
        machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        size = processes or len(machines)
        cores = min(sum(machines) // size, max(machines))
        if not cores:
            raise BadRequest(
                f"The cluster has not the cores for {size} processes.", hint="Give fewer `--processes`."
            )
        kind = ray.remote(num_cpus=cores, max_concurrency=_AT_ONCE)(TrainingActor)
        actors = [kind.remote(str(settings.data.resolve())) for _ in range(size)]
        _check(ray, actors, run)
        meeting = ray.get(actors[0].meeting.remote())
        with interruptible() as interruption:
            parts = [
                actor.train.remote(run, rank, size, meeting, resume) for rank, actor in enumerate(actors)
            ]
            _follow(ray, folder, actors[0], parts, tell=tell, stopping=lambda: interruption.wanted)
    finally:
        for actor in actors:
            ray.kill(actor)
        if begun:
            ray.shutdown()
    return folder.read()


def _check(ray: Any, actors: list[Any], run: str) -> None:
    try:
        ray.get([actor.check.remote(run) for actor in actors], timeout=_START_SECONDS)
    except ray.exceptions.RayError as error:
        raise BadRequest(
            f"The cluster cannot train it: {_last_line(error)}.",
            hint="Each machine needs this Freehold with `freehold[train]`, and the data folder at the same path.",
        ) from error


def _follow(
    ray: Any,
    folder: RunFolder,
    first: Any,
    parts: list[Any],
    *,
    tell: Callable[[Seen], None],
    stopping: Callable[[], bool],
) -> None:
    """Tell how it stands until all are through. Raises BadRequest for what made the first of them fail."""
    from freehold.train.running.following import Seen

    told, asked = -1, False
    left = parts
    while left:
        done, left = ray.wait(left, num_returns=len(left), timeout=_LOOK_SECONDS)
        for part in done:
            try:
                ray.get(part)
            except ray.exceptions.RayError as error:
                ray.wait(parts[:1], timeout=_REASON_SECONDS)  # it puts on record why
                raise BadRequest(
                    f"The training failed: {folder.read().reason or _last_line(error)}",
                    hint=f"`freehold train resume {folder.folder.name}` goes on from the last checkpoint.",
                ) from error
        if stopping() and not asked:
            asked = True
            ray.get(first.stop.remote())
        seen = ray.get(first.seen.remote())
        if seen is not None:
            now = msgspec.json.decode(seen, type=Seen)
            if now.point.step != told:
                told = now.point.step
                tell(now)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
