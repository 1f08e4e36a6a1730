"""The entrance: help, mistakes, completion, and what readers that go away do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from read_only import within_read_only
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.cli.commands import SUMMARIES, load
from freehold.cli.reference import reference


def test_help_names_every_command_with_its_summary(tmp_path: Path) -> None:
    done = Shell(tmp_path)("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    text = " ".join(done.stdout.split())
    for name, summary in SUMMARIES.items():
        assert f" {name} {summary}" in text
    assert Shell(tmp_path)().stdout == done.stdout


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_summary_is_the_first_line_of_the_commands_own_help(tmp_path: Path, name: str) -> None:
    assert load(name).help is not None
    assert str(load(name).help).splitlines()[0] == SUMMARIES[name]
    done = Shell(tmp_path)(name, "--help")
    assert done.returncode == 0
    assert SUMMARIES[name] in " ".join(done.stdout.split())


def test_the_page_of_the_command_line_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "command-line.md"
    assert page.read_text() == reference(), "run `python -m freehold.cli.reference > docs/command-line.md`"


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    from freehold import __version__  # noqa: PLC0415 - for this test only

    assert Shell(tmp_path)("--version").stdout == f"freehold {__version__}\n"


@pytest.mark.parametrize(
    ("words", "told", "next_step"),
    [
        (("kees",), "No such command 'kees'. Did you mean 'keys'?", "`freehold --help` shows how."),
        (("keys", "lst"), "No such command 'lst'. Did you mean 'list'?", "`freehold keys --help` shows how."),
        (("keys", "list", "--jsn"), "No such option: --jsn", "`freehold keys list --help` shows how."),
        (("keys", "create"), "Missing argument 'name'.", "`freehold keys create --help` shows how."),
        (
            ("ask", "x", "--max-tokens", "0"),
            "Invalid value for '--max-tokens'",
            "`freehold ask --help` shows how.",
        ),
    ],
)
def test_a_misused_command_is_your_mistake_and_says_what_to_do(
    tmp_path: Path, words: tuple[str, ...], told: str, next_step: str
) -> None:
    done = Shell(tmp_path)(*words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {told}")
    assert f" next: {next_step}" in done.stderr
    assert "\x1b" not in done.stderr


def test_completion_knows_commands_and_options(tmp_path: Path) -> None:
    def complete(line: str) -> list[str]:
        words = line.split(" ")
        done = Shell(tmp_path)(
            _FREEHOLD_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
        )
        return done.stdout.split()

    assert complete("freehold ") == list(SUMMARIES)
    assert complete("freehold k") == ["keys"]
    assert complete("freehold keys r") == ["revoke"]
    assert "--max-tokens" in complete("freehold ask --m")
    assert complete("freehold ask -m ") != []
    script = Shell(tmp_path)("--show-completion", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert script.returncode != 0 or "complete" in script.stdout


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    late = "import time; time.sleep(0.3); from freehold.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", late, "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=Shell(tmp_path).environment,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert command.stderr.read() == b""
        assert command.wait(timeout=30) == 141


def test_a_full_disk_is_said_and_is_no_success(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full, Shell(tmp_path).start("--help", stdout=full) as command:
        assert command.stderr is not None
        assert b"No space left on device" in command.stderr.read()
        assert command.wait(timeout=30) == 2


@pytest.mark.parametrize(
    "words", [("keys", "create", "laptop"), ("up", "--port", "0", "--no-local"), ("keys", "list")]
)
def test_a_data_folder_that_is_read_only_is_for_you_to_mend(tmp_path: Path, words: tuple[str, ...]) -> None:
    shell = Shell(tmp_path)
    shell("keys", "create", "first")
    within = within_read_only(tmp_path / ".freehold")
    if not within:
        pytest.skip("this system lets us have no read-only folder")
    with shell.start(*words, within=within) as command:
        out, said = command.communicate(timeout=30)
        assert (command.returncode, out) == (1, b"")
    assert b"read-only" in said.lower().replace(b"read only", b"read-only")
    assert b" next: Let the user that runs Freehold write to" in said
    assert b"our mistake" not in said
