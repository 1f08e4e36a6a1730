"""The documentation and the examples cannot drift away from the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from freehold.admin.settings import AdminSettings
from freehold.batches.settings import BatchSettings
from freehold.config.check import check
from freehold.config.load import load
from freehold.config.reading import fields_of
from freehold.config.reference import SECTIONS, rewritten
from freehold.config.sections import SharedSettings
from freehold.config.watch import FIXED
from freehold.core.meanings import meanings_of
from freehold.engine.background.settings import BackgroundSettings
from freehold.gateway.settings import ServerSettings
from freehold.ledger.settings import LedgerSettings
from freehold.providers.presets import preset_names
from freehold.telemetry.settings import TelemetrySettings

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/configuration.md"
EXAMPLES = sorted((ROOT / "examples").glob("freehold.*.toml"))
VARIABLES = ("OPENAI_API_KEY", "MISTRAL_API_KEY", "AZURE_OPENAI_API_KEY", "OPENROUTER_API_KEY", "GPU_API_KEY")
KEYS = dict.fromkeys([*VARIABLES, "OPENAI_SECOND_KEY"], "key")


def test_the_tables_are_those_of_the_code() -> None:
    document = DOCUMENT.read_text()
    assert rewritten(document) == document, "run: python -m freehold.config.reference docs/configuration.md"
    marked = set(re.findall(r"<!-- settings: (\w+) -->", document))
    assert marked == set(SECTIONS) | {"presets"}


def test_a_table_that_is_wrong_is_noticed() -> None:
    document = DOCUMENT.read_text()
    assert rewritten(document.replace("| `port` | `8484` |", "| `port` | `8000` |")) == document
    assert "| `port` | `8484` |" in document


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_has_a_meaning(name: str) -> None:
    section = SECTIONS[name]
    meanings = meanings_of(section)
    for field in fields_of(section).values():
        assert meanings[field.name].endswith("."), f"{name}: {field.name}"


def test_the_document_tells_what_needs_a_restart() -> None:
    last = " ".join(DOCUMENT.read_text().rpartition("## Editing while it runs")[2].split())
    assert (
        "`data`, `[database]`, `[access]`, everything in `[server]`, `[batches]`, `[background]`, `[shared]`, "
        "`[telemetry]` and `[admin]`, and everything in `[ledger]` but `bodies` need a restart" in last
    )
    server = {f"server.{name}" for name in fields_of(ServerSettings)}
    ledger = {f"ledger.{name}" for name in fields_of(LedgerSettings)} - {"ledger.bodies"}
    batches = {f"batches.{name}" for name in fields_of(BatchSettings)}
    background = {f"background.{name}" for name in fields_of(BackgroundSettings)}
    shared = {f"shared.{name}" for name in fields_of(SharedSettings)}
    telemetry = {f"telemetry.{name}" for name in fields_of(TelemetrySettings)}
    admin = {f"admin.{name}" for name in fields_of(AdminSettings)}
    fixed = {"data", "database", "access.pepper"}
    assert set(FIXED) == fixed | server | ledger | batches | background | shared | telemetry | admin


def test_toml_in_the_document_is_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        path = tmp_path / "freehold.toml"
        path.write_text(block if "[providers.openai]" in block else f"[providers.openai]\n{block}")
        assert load(path, KEYS).warnings == ()


OTHERS = {"configuration.md", "simulated.md", "suites.md", "synthesis.md"}
"""Parts of files, which are looked at above; files of the simulated provider; descriptions of suites; outlines."""
PAGES = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in OTHERS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_can_be_used_as_it_stands(tmp_path: Path, page: Path) -> None:
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)):
        environ = dict.fromkeys(re.findall(r'"env:(\w+)"', block), "key")
        environ |= {
            "FREEHOLD_DATABASE": "postgresql://me@db/freehold",
            "FREEHOLD_PEPPER": "0" * 64,
            "FREEHOLD_VALKEY": "valkey://db/0",
        }
        path = tmp_path / f"{number}.toml"
        path.write_text(block)
        report = check(path, environ)
        assert report.good, (block, report.findings)


def test_there_are_examples() -> None:
    assert {"freehold.openai.toml", "freehold.two-providers.toml"} <= {path.name for path in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_can_be_used(tmp_path: Path, example: Path) -> None:
    path = tmp_path / example.name
    text = example.read_text()
    path.write_text(text)
    for name in re.findall(r'"file:([\w.]+)"', text):
        (tmp_path / name).write_text("key")
        (tmp_path / name).chmod(0o600)
    report = check(path, KEYS)
    assert report.good, report.findings
    assert not [finding for finding in report.findings if finding.level == "warning"]
    assert report.settings is not None
    written = tomllib.loads(text)
    assert set(written.get("routes", {})) <= set(report.settings.routes)
    assert text.startswith("#")


def test_every_preset_is_in_the_document() -> None:
    document = DOCUMENT.read_text()
    for name in preset_names():
        assert f"| `{name}` |" in document
