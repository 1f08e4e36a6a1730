"""The runbook is true: its commands, settings, figures and lines of the log are ones that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache

import pytest
import typer
import yaml
from running_endpoint import RunningEndpoint, until
from shipped import CHART, DEPLOY, ROOT
from typer.core import TyperGroup

from freehold.cli.commands import SUMMARIES, load
from freehold.cli.main import app
from freehold.providers.simulated import Script, SimulatedProvider

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("runbook", "deployment")}
RUNBOOK = PAGES["runbook"]
SECTIONS = re.split(r"^## ", RUNBOOK, flags=re.MULTILINE)[1:]

TOML = """
[local]
enabled = false
[providers.acme]
base_url = "{url}"
[routes.default]
incumbent = "acme/m"
[limits.each]
on = "key"
per = "day"
requests = 100
"""


def spans(page: str) -> list[str]:
    """What stands in backticks, and the indented or fenced lines of code."""
    lines = re.findall(r"^    +(\S.*)$", page, re.MULTILINE)
    fences = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for block in fences.findall(page):
        lines += block.splitlines()
    joined = fences.sub("", page).replace("\n  ", " ")  # a span may go on in the next line
    return [*re.findall(r"`([^`\n]+)`", joined), *lines]


def commands() -> Iterator[str]:
    """Every `freehold …`, wherever it is run."""
    for page in PAGES.values():
        for span in spans(page):
            found = re.search(r"(?:^|-- |freehold-1 |freehold )(freehold|keys) (.+?)\s*(?:#.*)?$", span)
            if found and "/" not in found[2].split()[0]:
                yield found[2] if found[1] == "freehold" else f"keys {found[2]}"


def test_there_are_commands() -> None:
    assert len(set(commands())) > 20


@pytest.mark.parametrize("words", sorted(set(commands())))
def test_a_command_exists_with_its_options(words: str) -> None:
    root = typer.main.get_command(app)
    given = [word for word in shlex.split(words) if word not in ("|", ">")]
    if given[0].startswith("--"):
        command = root
    else:
        assert given[0] in SUMMARIES, f"there is no `freehold {given[0]}`"
        command, given = load(given[0]), given[1:]
    if isinstance(command, TyperGroup) and given and given[0] in command.commands:
        command, given = command.commands[given[0]], given[1:]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    for word in given:
        if word.startswith("-"):
            assert word in known, f"`freehold {words}`: there is no {word}"
    places = [one for one in command.params if one.param_type_name == "argument" and one.required]
    takes = {name for one in command.params if not getattr(one, "is_flag", False) for name in one.opts}
    free = [
        word
        for before, word in zip([None, *given], given, strict=False)
        if not word.startswith("-") and before not in takes
    ]
    assert len(free) == len(places), f"`freehold {words}`"


FILES = (".toml", ".db", ".cache", ".md", ".yaml")


@cache
def settings() -> set[str]:
    """By full name, as the reference has them: `ledger.spool_bytes`."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    found: set[str] = set()
    for section, table in re.findall(r"<!-- settings: (\w+) -->\n(.*?)<!-- end -->", page, re.DOTALL):
        found |= {f"{section}.{name}" for name in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)}
    return found


def test_settings_exist() -> None:
    sections = {name.partition(".")[0] for name in settings()}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    checked = 0
    for page in PAGES.values():
        for span in spans(page):
            if re.fullmatch(r"[a-zA-Z]+\.[a-z_A-Z]+", span) and not span.endswith(FILES):
                section, _, name = span.partition(".")
                if section in sections and span in settings():
                    checked += 1
                else:
                    assert section in values, f"there is no setting `{span}`"
                    assert name in values[section], f"the chart has no value `{span}`"
    assert checked > 12


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in `/metrics` of an endpoint that answered a call under a limit."""
    with (
        SimulatedProvider.in_thread(Script()) as provider,
        RunningEndpoint(tmp_path_factory.mktemp("figures"), TOML.format(url=provider.base_url)) as endpoint,
    ):
        with endpoint.connect() as client:
            assert client.chat("default").status == 200
        until(lambda: any(name.startswith("freehold_calls_total") for name in endpoint.figures))
        lines = endpoint.get("/metrics", key=endpoint.key).body.decode().splitlines()
    told = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    return told | {re.split(r"[{ ]", line)[0] for line in lines if line and not line.startswith("#")}


def test_figures_exist(figures: set[str]) -> None:
    named = {
        span for page in PAGES.values() for span in spans(page) if re.fullmatch(r"freehold_[a-z_]+", span)
    }
    assert len(named) > 10
    assert named <= figures


SAID = (
    "and no key exists",
    "The configured pepper is not the one",
    "was written by a newer Freehold",
    "by this process's share",
    "the limits go by what this process has set aside, or its share",
    "the limits go by the common books again",
    "The ledger cannot be written",
    "The ledger is written again",
    "calls were dropped and will not be in the ledger",
    "the edited configuration is not in force, the old one is",
    "the changed configuration is in force",
    "disk full",
)


@cache
def source() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "src" / "freehold").rglob("*.py"))


@pytest.mark.parametrize("words", SAID)
def test_what_it_quotes_is_what_freehold_says(words: str) -> None:
    assert words in source()
    assert words in RUNBOOK


def test_it_quotes_nothing_else() -> None:
    """A sentence in backticks is the log's, an error's or a command's."""
    others = (
        "OOM command",
        "no permissions",
        "DELETE FROM",
        "api_key =",
        "by this",
        "outcome=",
        "x-freehold-limits: share",
    )
    for span in spans(RUNBOOK):
        words = span.split()
        if len(words) > 2 and not re.match(r"(freehold|docker|kubectl|openssl|pg_restore) ", span):
            assert span in SAID or span.startswith(others), span


@pytest.mark.parametrize("section", SECTIONS, ids=lambda one: one.partition("\n")[0])
def test_each_says_how_it_shows_what_it_means_what_to_do_and_when_it_is_over(section: str) -> None:
    assert re.findall(r"^- \*\*(\w+):\*\* ", section, re.MULTILINE) == ["Shows", "Clients", "Do", "Over"]


def test_every_alert_has_its_section() -> None:
    told = set(re.findall(r"\bFreehold[A-Z]\w+", RUNBOOK))
    links = re.findall(r"\]\(#([^)]+)\)", RUNBOOK)
    heads = {re.sub(r"[^\w -]", "", one.partition("\n")[0].lower()).replace(" ", "-") for one in SECTIONS}
    assert set(links) <= heads
    rules = DEPLOY / "alerts.yaml"
    if not rules.exists():
        pytest.skip("there are no alert rules yet")
    groups = yaml.safe_load(rules.read_text())["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule} == told
