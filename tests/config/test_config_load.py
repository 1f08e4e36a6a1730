"""Finding and reading the configuration."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from freehold.catalog.models import Model
from freehold.config.load import find_file, load
from freehold.config.sections import LocalSettings
from freehold.core.errors import SettingsError, UnknownModel
from freehold.core.money import Cost
from freehold.core.usage import Usage
from freehold.gateway.settings import ServerSettings
from freehold.ledger.settings import LedgerSettings
from freehold.routing.routes import Route, Target

USAGE = Usage(1_000_000, 1_000_000, source="provider")
NOW = 1_780_000_000_000_000


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    settings = load(None, {}, folder=tmp_path)
    assert settings.path is None
    assert settings.data == tmp_path / ".freehold"
    assert not settings.data.exists()
    assert settings.server == ServerSettings()
    assert settings.local == LocalSettings()
    assert settings.ledger == LedgerSettings()
    assert list(settings.providers) == ["local"]
    assert settings.routes == {
        "default": Route("default", Target("local", "smollm2-135m")),
        "embed": Route("embed", Target("local", "e5-small")),
    }
    assert settings.warnings == ()


def test_an_empty_file_and_a_missing_one_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    missing = load(path, {})
    assert missing == load(None, {}, folder=tmp_path)
    path.write_text("")
    assert load(path, {}) == msgspec.structs.replace(missing, path=path)
    assert missing.data == tmp_path / ".freehold"


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text("""
        data = "state"

        [server]
        host = "::1"
        port = 0
        max_body_bytes = "1MiB"
        body_timeout = "500ms"

        [ledger]
        bodies = false
        keep_bodies_days = "2w"
        keep_bodies_bytes = "unlimited"
        flush_ms = "1s"

        [providers.openai]

        [routes.chat]
        incumbent = "openai/gpt-4o"
        fallbacks = ["local/smollm2-135m"]
        keep_bodies = false

        [routes.default]
        incumbent = "openai/gpt-4o-mini"

        [models."openai/tuned"]
        input = 2.5
        output = "10"
        licence = "ours"
        input_modalities = ["text", "image"]
    """)
    settings = load(path, {"OPENAI_API_KEY": "key"})
    assert settings.data == tmp_path / "state"
    assert settings.server.host == "::1"
    assert settings.server.port == 0
    assert settings.server.max_body_bytes == 2**20
    assert settings.server.body_timeout == 0.5
    assert settings.ledger == LedgerSettings(
        bodies=False, keep_bodies_days=14, keep_bodies_bytes="unlimited", flush_ms=1000
    )
    assert settings.routes["chat"] == Route(
        "chat", Target("openai", "gpt-4o"), (Target("local", "smollm2-135m"),), keep_bodies=False
    )
    assert settings.routes["default"].incumbent.name == "openai/gpt-4o-mini"
    assert settings.routes["embed"].incumbent.name == "local/e5-small"
    assert [target.name for target in settings.models()] == [
        "local/e5-small",
        "local/smollm2-135m",
        "openai/gpt-4o",
        "openai/gpt-4o-mini",
        "openai/tuned",
    ]


def test_settings_make_the_price_list_the_catalog_and_the_route_table(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text("""
        [providers.o]
        like = "openai"
        [models."o/tuned"]
        input = 2.5
        output = 10
        licence = "ours"
    """)
    settings = load(path, {"OPENAI_API_KEY": "key"})
    prices = settings.price_list()
    assert prices.cost_of("o", "tuned", USAGE, NOW) == Cost(Decimal("12.5"), "freehold.toml o/tuned")
    assert prices.cost_of("o", "gpt-4o", USAGE, NOW) == Cost(Decimal("12.5"), "genai-prices openai/gpt-4o")
    assert prices.cost_of("local", "smollm2-135m", USAGE, NOW) == Cost(Decimal(0), "own machine")
    assert prices.cost_of("openai", "gpt-4o", USAGE, NOW).amount is None
    assert settings.catalog().find("o", "tuned").profile.licence == "ours"
    assert settings.catalog().find("o", "gpt-4o").profile.context_window == 128_000
    assert isinstance(settings.catalog().find("local", "e5-small"), Model)
    table = settings.route_table()
    assert table.find("o/anything").incumbent == Target("o", "anything")
    assert table.find("default").incumbent.provider == "local"
    with pytest.raises(UnknownModel):
        table.find("openai/gpt-4o")


def test_the_embedded_models_can_be_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text("[local]\nenabled = false")
    settings = load(path, {})
    assert settings.providers == {}
    assert settings.routes == {}
    path.write_text('[local]\nenabled = false\n[routes.default]\nincumbent = "local/smollm2-135m"')
    with pytest.raises(SettingsError, match="switched off"):
        load(path, {})


def test_the_command_line_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text('data = "a"\n[server]\nport = 1\nhost = "::1"')
    settings = load(path, {}, overrides={"server.port": 9999, "data": "b", "local.enabled": False})
    assert (settings.server.port, settings.server.host) == (9999, "::1")
    assert settings.data == tmp_path / "b"
    assert not settings.local.enabled
    assert load(path, {}).server.port == 1


def test_the_data_folder(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text(f'data = "{tmp_path / "elsewhere"}"')
    assert load(path, {}).data == tmp_path / "elsewhere"
    (tmp_path / "elsewhere").write_text("")
    with pytest.raises(SettingsError, match="is not a folder"):
        load(path, {})


def test_where_the_file_is_looked_for(tmp_path: Path) -> None:
    assert find_file(None, {}, tmp_path) is None
    usual = tmp_path / "freehold.toml"
    usual.write_text("")
    other = tmp_path / "other.toml"
    other.write_text("")
    third = tmp_path / "third.toml"
    third.write_text("")
    assert find_file(None, {}, tmp_path) == usual
    assert find_file(None, {"FREEHOLD_CONFIG": "other.toml"}, tmp_path) == other
    assert find_file(Path("third.toml"), {"FREEHOLD_CONFIG": "other.toml"}, tmp_path) == third
    assert find_file(third, {}, Path("/")) == third
    assert find_file(None, {"FREEHOLD_CONFIG": ""}, tmp_path) == usual


@pytest.mark.parametrize(
    ("chosen", "environ", "named_by"),
    [(Path("no.toml"), {}, "--config"), (None, {"FREEHOLD_CONFIG": "no.toml"}, "FREEHOLD_CONFIG")],
)
def test_a_file_that_was_named_must_exist(
    tmp_path: Path, chosen: Path | None, environ: dict[str, str], named_by: str
) -> None:
    with pytest.raises(SettingsError, match=named_by):
        find_file(chosen, environ, tmp_path)
