"""The walls around a keeper: namespaces of its own, and a root with nothing but Python's library in it."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from freehold.compare.scorers.sandbox import kernel

FOLDER = "/own"
"""The folder of a job's own, where there is one."""
_SITE = "/tmp"  # noqa: S108  # nothing is written there: another root is mounted over it, for this process alone
FOLDER_BYTES = 32 * 1024 * 1024
_FOLDER_FILES = 1024
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_APART = kernel.NEWNS | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWPID


@lru_cache(maxsize=1)
def library() -> list[str]:
    """Where Python and what it loads lie, as far as it is there."""
    named = [str(Path(os.__file__).parent), f"{sys.base_prefix}/lib", f"{sys.base_exec_prefix}/lib"]
    named += ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"]
    return [path for path in dict.fromkeys(named) if Path(path).is_dir()]


@lru_cache(maxsize=1)
def files() -> list[str]:
    """What is read besides: devices, and where libraries are found."""
    return [path for path in (*_DEVICES, "/etc/ld.so.cache") if Path(path).exists()]


def build() -> None:
    """Leaves everybody else's namespaces and goes into a root of its own. The next child is the first process of
    its namespace, and the caller goes on being outside of that.

    Raises OSError where this is not allowed; the process is of no use then.
    """
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        kernel.unshare(_APART)
    else:
        kernel.unshare(_APART | kernel.NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    kernel.mount("none", "/", None, kernel.RECURSIVE | kernel.PRIVATE)
    _furnish()


def furnish_folder(owner: int | None) -> None:
    """A new, empty folder for this process alone, which it becomes the working folder of."""
    kernel.unshare(kernel.NEWNS)
    options = f"size={FOLDER_BYTES},nr_inodes={_FOLDER_FILES},mode=700"
    if owner is not None:
        options += f",uid={owner},gid={owner}"
    kernel.mount("tmpfs", FOLDER, "tmpfs", kernel.NOSUID | kernel.NODEV | kernel.NOEXEC, options)
    os.chdir(FOLDER)


def _furnish() -> None:
    # Held open: the new root is mounted over a folder that some of them may lie in.
    folders = {path: os.open(path, os.O_PATH) for path in library() if not Path(path).is_symlink()}
    links = {path: Path(path).readlink() for path in library() if Path(path).is_symlink()}
    single = {path: os.open(path, os.O_PATH) for path in files()}
    root = _SITE
    kernel.mount("tmpfs", root, "tmpfs", kernel.NOSUID | kernel.NODEV, "size=1m,mode=755")
    for path in sorted(folders, key=len):
        target = Path(root + path)
        if not target.is_dir():  # else it came with a folder above it
            target.mkdir(parents=True)
            _bind(folders[path], str(target))
    for path, to in links.items():
        place = Path(root + path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink() and not place.exists():
            place.symlink_to(to)
    for path, opened in single.items():
        place = Path(root + path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(exist_ok=False)
        _bind(opened, str(place), device=path in _DEVICES)
    Path(root + FOLDER).mkdir()
    kernel.make_read_only(root, below=False)
    for opened in (*folders.values(), *single.values()):
        os.close(opened)
    kernel.change_root(root)


def _bind(opened: int, target: str, *, device: bool = False) -> None:
    kernel.mount(f"/proc/self/fd/{opened}", target, None, kernel.BIND | kernel.RECURSIVE)
    if not device:
        kernel.make_read_only(target, below=True)
