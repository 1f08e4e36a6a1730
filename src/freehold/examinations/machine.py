"""The machine and what is installed on it."""

from __future__ import annotations

import platform
import resource
import sys
from collections.abc import Iterator
from importlib import metadata

from freehold.examinations.finding import Finding, broken, good, notice

OLDEST_PYTHON = (3, 11)
PACKAGES = (
    "alembic",
    "genai-prices",
    "httptools",
    "msgspec",
    "prometheus-client",
    "python-multipart",
    "rich",
    "sqlalchemy",
    "starlette",
    "typer",
    "uvicorn",
    "uvloop",
    "zstandard",
)
"""What the endpoint cannot run without."""
ENOUGH_FILES = 4096
"""Open files; each stream holds two."""
MANY_FILES = 65536


def examine_machine() -> Iterator[Finding]:
    """Python, platform, packages, limits."""
    yield _python()
    yield _system()
    yield _packages()
    yield _open_files()


def _python() -> Finding:
    found = f"Python {platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return broken("python", found, f"Install Python {wanted} or later and set Freehold up again.")
    return good("python", found)


def _system() -> Finding:
    found = f"{platform.system()} {platform.release()}, {platform.machine()}"
    if sys.platform != "linux":
        return notice("system", found, "Freehold is made for and tested on Linux.")
    return good("system", found)


def _packages() -> Finding:
    missing = [name for name in PACKAGES if _version_of(name) is None]
    if missing:
        step = "`make up` installs them; so does installing Freehold again."
        return broken("packages", f"not installed: {', '.join(missing)}", step)
    return good("packages", ", ".join(f"{name} {_version_of(name)}" for name in PACKAGES))


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reach = MANY_FILES if hard == resource.RLIM_INFINITY else hard
    found = f"up to {reach:,} open files, about {reach // 2:,} calls at once"
    if reach < ENOUGH_FILES:
        step = f"Raise the limit: `ulimit -Hn {MANY_FILES}`, or `LimitNOFILE={MANY_FILES}` for a service."
        return notice("open files", found, step)
    # The endpoint raises the soft limit to the hard one by itself.
    return good("open files", found if soft == hard else f"{found} (raised from {soft:,} by the endpoint)")
