"""A process locks itself down before it runs anything of a stranger. There is no way back."""

from __future__ import annotations

import os
import resource
import signal

from freehold.compare.scorers.sandbox import kernel, landlock, seccomp, walls

NEEDED = ("files", "network", "processes")
"""What has to hold: no files are read or written that are not the process's own, no network is reached, no process is
made or disturbed."""
LAYERS = ("namespaces", "landlock", "seccomp")
"""What holds it, where the kernel has it and lets us."""
_THREADS = 64
_OPEN_FILES = 64
_STACK_BYTES = 8 * 1024 * 1024
_FILE_BYTES = 16 * 1024 * 1024


class Limits:
    """How much a locked process may use."""

    def __init__(self, *, cpu_seconds: int, memory_bytes: int) -> None:
        self.cpu_seconds = cpu_seconds
        self.memory_bytes = memory_bytes


def held_by(layers: frozenset[str]) -> frozenset[str]:
    """Which of NEEDED some layers hold."""
    held = set()
    if layers & {"namespaces", "landlock"}:
        held.add("files")
    if layers & {"namespaces", "seccomp"}:
        held.add("network")
    if "seccomp" in layers:
        held.add("processes")
    return frozenset(held)


def lock(layers: frozenset[str], limits: Limits, *, user: int | None, folder: bool) -> None:
    """Locks this process down. `user`: whom it becomes; None: it stays who it is, without any capability. `folder`:
    it gets a folder to write to, where there are namespaces.
    """
    kernel.die_with_parent(signal.SIGKILL)
    folder = folder and "namespaces" in layers
    if folder:
        walls.furnish_folder(user)
    else:
        os.chdir("/")
    _limit(limits, threads="namespaces" in layers or user is not None)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    kernel.drop_capabilities()
    kernel.die_with_parent(signal.SIGKILL)  # a change of user forgets it
    kernel.gain_nothing()
    if "landlock" in layers:
        landlock.restrict([*walls.library(), *walls.files()], [walls.FOLDER] if folder else [])
    if "seccomp" in layers:
        seccomp.install(writing=folder)


def _limit(limits: Limits, *, threads: bool) -> None:
    bounds = {
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_FSIZE: _FILE_BYTES,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_STACK: _STACK_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if threads:  # else everything of this user counts, which is not ours to bound
        bounds[resource.RLIMIT_NPROC] = _THREADS
    for which, most in bounds.items():
        _, hard = resource.getrlimit(which)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (bound, bound))
