"""The README is true: its five steps work as they are written, its tree is the tree, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider, ThreadedProvider

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
STEPS_TITLE = "## Your own provider in five steps"

KEY = "sk-newcomer-0123456789abcdefghijkl"
ANSWER = "Hello, newcomer!"
LIMIT = 60.0


def section(title: str) -> str:
    """The README from a heading to the next of its kind."""
    _, _, rest = README.partition(f"\n{title}\n")
    assert rest, f"the README has no `{title}`"
    return rest.partition("\n## ")[0]


def steps() -> list[str]:
    """The commands of each numbered step, as one copies them from the page."""
    parts = re.split(r"^\d\. ", section(STEPS_TITLE), flags=re.MULTILINE)[1:]
    found = []
    for part in parts:
        blocks: list[str] = re.findall(r"^ *```sh\n(.*?)^ *```$", part, flags=re.MULTILINE | re.DOTALL)
        assert len(blocks) == 1, part
        found.append(textwrap.dedent(blocks[0]))
    return found


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.02)


class Newcomer:
    """Somebody in a fresh clone, with two terminals."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        (clone / ".venv").symlink_to(sys.prefix)  # what `make up` sets up first
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(clone), "LANG": "C.UTF-8"}
        self._endpoint: subprocess.Popen[bytes] | None = None
        self.url = ""

    def types(self, commands: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run commands in the second terminal; `typed` is what is typed into them."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            input=typed,
            capture_output=True,
            text=True,
            cwd=self.clone,
            env=self.environment,
            timeout=LIMIT,
            check=False,
        )

    def starts(self) -> None:
        """What `make up` does once everything is set up, but on a free port."""
        with (self.clone / "screen").open("wb") as screen:
            self._endpoint = subprocess.Popen(
                [".venv/bin/freehold", "up", "--new-key", "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
                cwd=self.clone,
                env=self.environment,
            )
        until(lambda: "Ask it something" in self.screen or not self.running)
        assert self.running, self.screen
        found = re.search(r"address +(http://\S+)/v1\n", self.screen)
        assert found is not None
        self.url = found[1]
        # The one difference that a port makes: the commands have to be told.
        self.environment["FREEHOLD_URL"] = self.url

    def stops(self) -> None:
        """Ctrl-C in the first terminal."""
        assert self._endpoint is not None
        self._endpoint.send_signal(signal.SIGINT)
        assert self._endpoint.wait(LIMIT) == 0, self.screen

    def leaves(self) -> None:
        """Whatever happened, nothing goes on."""
        if self._endpoint is not None and self.running:
            self._endpoint.kill()
            self._endpoint.wait()

    @property
    def screen(self) -> str:
        """What stands in the first terminal."""
        return (self.clone / "screen").read_text()

    @property
    def running(self) -> bool:
        """Whether the endpoint runs."""
        return self._endpoint is not None and self._endpoint.poll() is None


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    one = Newcomer(tmp_path)
    yield one
    one.leaves()


@pytest.fixture
def openai() -> Iterator[ThreadedProvider]:
    script = Script(key=KEY, models={"gpt-4o-mini": Behaviour(text=ANSWER)})
    with SimulatedProvider.in_thread(script) as running:
        yield running


def test_there_are_five_steps_and_the_first_is_one_of_the_two_commands() -> None:
    assert len(steps()) == 5
    assert steps()[0] == "make up\n"
    assert "\n    make up " in section("## Two commands")
    recipe = (ROOT / "Makefile").read_text().partition("\nup:")[2].partition("\n\n")[0]
    assert "freehold up --new-key" in recipe, "what stands for it here is what it does"


@pytest.mark.model
def test_the_five_steps(newcomer: Newcomer, openai: ThreadedProvider) -> None:
    _, keep_key, configure, check, ask = steps()
    newcomer.starts()

    assert newcomer.types(keep_key, typed=f"{KEY}\n").returncode == 0
    key_file = newcomer.clone / "openai.key"
    assert key_file.read_text() == f"{KEY}\n"
    assert key_file.stat().st_mode & 0o777 == 0o600

    assert newcomer.types(configure).returncode == 0
    file = newcomer.clone / "freehold.toml"
    written = file.read_text()
    assert tomllib.loads(written)["routes"]["copilot"]["incumbent"] == "openai/gpt-4o-mini"
    # The simulated provider stands in for the real one; nothing else is changed.
    file.write_text(
        written.replace("[providers.openai]\n", f'[providers.openai]\nbase_url = "{openai.base_url}"\n')
    )

    checked = newcomer.types(check)
    assert checked.returncode == 0, checked.stderr
    assert "copilot" in checked.stdout
    assert "openai/gpt-4o-mini" in checked.stdout
    assert [request.target for request in openai.requests] == ["/v1/models"], "it was asked, live"
    assert KEY not in checked.stdout + checked.stderr

    until(lambda: "the changed configuration is in force" in newcomer.screen)
    asked = newcomer.types(ask)
    assert asked.returncode == 0, asked.stderr
    answer, *listing = asked.stdout.splitlines()
    assert answer == ANSWER
    assert listing, asked.stderr
    (line,) = [one for one in listing if "copilot" in one]
    assert "openai/gpt-4o-mini" in line
    assert "answered" in line
    assert openai.requests[-1].header("authorization") == f"Bearer {KEY}"

    newcomer.stops()
    assert "Traceback" not in newcomer.screen


def test_the_lines_to_paste_work(newcomer: Newcomer, openai: ThreadedProvider) -> None:
    """Each of the three, as `make up` prints them, in a terminal that knows nothing else."""
    newcomer.environment["SOME_KEY"] = KEY
    toml = f"""
[local]
enabled = false
[providers.some]
base_url = "{openai.base_url}"
api_key = "env:SOME_KEY"
[routes.default]
incumbent = "some/gpt-4o-mini"
"""
    (newcomer.clone / "freehold.toml").write_text(toml)
    newcomer.starts()
    del newcomer.environment["FREEHOLD_URL"]
    pastes = [line for line in newcomer.screen.splitlines() if "Name three rivers." in line]
    curl, python, command = pastes
    assert curl.startswith("curl ")
    assert python.startswith("from openai import OpenAI; ")
    assert ".venv/bin/freehold ask " in command
    answered = newcomer.types(f"command -v curl > /dev/null || exit 90; {curl}")
    if answered.returncode != 90:  # some machines have no curl
        assert msgspec.json.decode(answered.stdout)["choices"][0]["message"]["content"] == ANSWER
    for line in (command, f".venv/bin/python - <<'END'\n{python}\nEND"):
        answered = newcomer.types(line)
        assert answered.returncode == 0, answered.stderr
        assert answered.stdout == f"{ANSWER}\n"
    newcomer.stops()


def test_a_newcomer_sees_what_may_replace_what(newcomer: Newcomer) -> None:
    (block,) = re.findall(
        r"^```sh\n(.*?)^```$", section("## May one model replace another?"), re.MULTILINE | re.DOTALL
    )
    first, *commands = block.splitlines()
    target, _, extra = first.removeprefix("make ").partition(" EXTRAS=")
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()
    assert (ROOT / "requirements" / f"{extra}.txt").is_file()  # what it installs, the tests have
    (newcomer.clone / "examples").symlink_to(ROOT / "examples")
    *others, listing = [newcomer.types(line) for line in commands]
    for done in (*others, listing):
        assert done.returncode == 0, done.stderr
    found = {line.split()[0]: line for line in others[-1].stdout.splitlines() if line.startswith("own/")}
    assert re.search(r"own/small +replaces", found["own/small"])
    assert re.search(r"own/tiny +does not replace", found["own/tiny"])
    (comparison,) = re.findall(r"comparison_\w+", listing.stdout)
    report = newcomer.types(f".venv/bin/freehold compare report {comparison} -o report.html")
    assert report.returncode == 0, report.stderr
    assert (newcomer.clone / "report.html").read_bytes().startswith(b"<!doctype html>")


# The tree


def tree() -> dict[str, str]:
    """The paths of the README's tree and the line that each has."""
    block = section("## The house").partition("```\n")[2].partition("```")[0]
    top, found = "", {}
    for line in block.splitlines():
        path, _, comment = line.strip().partition(" ")
        if not line.startswith(" "):
            top = path if not comment else ""
        if comment:
            found[top + path if line.startswith(" ") else path] = comment.strip()
    return found


def rooms() -> list[str]:
    """The rooms in the order of the layers that the imports are held to."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = (one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    return [room.strip() for layer in contract["layers"] for room in layer.split("|")]


def test_the_tree_is_the_tree() -> None:
    source = ROOT / "src" / "freehold"
    there = {
        f"src/freehold/{path.name}" + "/" * path.is_dir()
        for path in source.iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or any(path.glob("*.py")))
    }
    told = [path for path in tree() if path.startswith("src/")]
    assert set(told) == there
    names = [path.removeprefix("src/freehold/").rstrip("/").removesuffix(".py") for path in told]
    assert names == [room for room in rooms() if not room.startswith("_")], "it points down"


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_every_folder_of_the_root_has_a_line() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    if not tracked:
        pytest.skip("this is no clone")
    folders = {f"{path.split('/')[0]}/" for path in tracked if "/" in path and not path.startswith(".")}
    told = {path for path in tree() if not path.startswith("src/")}
    assert told | {"src/"} == folders


# The links

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def anchors_of(document: Path) -> set[str]:
    """The headings of a document as links name them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(words.replace(" ", "-"))
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        assert there.is_relative_to(ROOT), target
        assert there.exists(), f"{document.name} leads to `{target}`"
        if anchor:
            assert anchor in anchors_of(there), f"{document.name} leads to `{target}`"
