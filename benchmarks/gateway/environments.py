"""What the benchmark needs on the machine, made once and kept under `.bench/`: programs and packages.

Every version is pinned in a file beside this one; when that file changes, what depends on it is made anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BENCH = ROOT / ".bench" / "gateway"

_INSTALL_SECONDS = 900


def say(text: str) -> None:
    """Tell what is going on; figures alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def find_tool(name: str, package: str) -> Path:
    """A program of the system; installed from Debian's packages when that may be done. Raises SystemExit."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=search)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {package}")
        _run(["apt-get", "update", "-qq"])
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])
        found = shutil.which(name, path=search)
    if found is None:
        raise SystemExit(f"The benchmark needs `{name}`: install the package `{package}`, then run it again.")
    return Path(found)


def compile_program(source: Path) -> Path:
    """The program made from one C file."""
    program = BENCH / "bin" / source.stem

    def build() -> None:
        program.parent.mkdir(parents=True, exist_ok=True)
        _run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source), "-lm"])

    find_tool("cc", "gcc")
    _make_once(program, [source], build)
    return program


def python_with(requirements: Path) -> Path:
    """The Python of an environment that holds exactly the pinned `requirements`."""
    folder = BENCH / "env" / requirements.stem

    def build() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run(
            [
                str(folder / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "-q",
                "--no-deps",
                "-r",
                str(requirements),
            ]
        )

    _make_once(folder, [requirements], build)
    return folder / "bin" / "python"


def node_modules_of(project: Path) -> Path:
    """The folder of Node modules that `project`'s lock file pins."""
    folder = BENCH / "env" / project.name
    lock = [project / "package.json", project / "package-lock.json"]

    def build() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in lock:
            shutil.copy(file, folder)
        _run([str(find_tool("npm", "npm")), "ci", "--silent", "--no-audit", "--no-fund"], folder=folder)

    _make_once(folder, lock, build)
    return folder / "node_modules"


def pinned_version(requirements: Path, package: str) -> str:
    """The version of `package` that the file pins."""
    for line in requirements.read_text().splitlines():
        name, _, version = line.partition("==")
        if name == package:
            return version
    raise LookupError(f"{requirements.name} does not pin {package}")


def _make_once(made: Path, sources: Sequence[Path], build: Callable[[], None]) -> None:
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = made.with_name(f"{made.name}.made-from")
    if made.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    say(f"making {made.relative_to(ROOT)}")
    build()
    stamp.write_text(digest)


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
    )
    if done.returncode:
        raise SystemExit(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
