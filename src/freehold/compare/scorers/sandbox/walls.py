"""The walls around a keeper: namespaces of its own, and a root with nothing but Python's library in it."""

from __future__ import annotations

import os
import sys

from freehold.compare.scorers.sandbox import kernel

FOLDER = "/own"
"""The folder of a job's own, where there is one."""
_SITE = "/tmp"  # noqa: S108  # nothing is written there: another root is mounted over it, for this process alone
FOLDER_BYTES = 32 * 1024 * 1024
_FOLDER_FILES = 1024
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_APART = kernel.NEWNS | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWPID


def library() -> list[str]:
    """Where Python and what it loads lie, as far as it is there."""
    named = [os.path.dirname(os.__file__), f"{sys.base_prefix}/lib", f"{sys.base_exec_prefix}/lib"]
    named += ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo"]
    return [path for path in dict.fromkeys(named) if os.path.isdir(path)]


def files() -> list[str]:
    """What is read besides: devices, and where libraries are found."""
    return [path for path in (*_DEVICES, "/etc/ld.so.cache") if os.path.exists(path)]


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
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
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
    folders = {path: os.open(path, os.O_PATH) for path in library() if not os.path.islink(path)}
    links = {path: os.readlink(path) for path in library() if os.path.islink(path)}
    single = {path: os.open(path, os.O_PATH) for path in files()}
    root = _SITE
    kernel.mount("tmpfs", root, "tmpfs", kernel.NOSUID | kernel.NODEV, "size=1m,mode=755")
    for path in sorted(folders, key=len):
        target = root + path
        if os.path.isdir(target):
            continue  # it came with a folder above it
        os.makedirs(target)
        _bind(folders[path], target)
    for path, to in links.items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        if not os.path.lexists(root + path):
            os.symlink(to, root + path)
    for path, place in single.items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(root + path, "x"):
            pass
        _bind(place, root + path, device=path in _DEVICES)
    os.makedirs(root + FOLDER)
    kernel.make_read_only(root, below=False)
    for place in (*folders.values(), *single.values()):
        os.close(place)
    kernel.change_root(root)


def _bind(place: int, target: str, *, device: bool = False) -> None:
    kernel.mount(f"/proc/self/fd/{place}", target, None, kernel.BIND | kernel.RECURSIVE)
    if not device:
        kernel.make_read_only(target, below=True)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
