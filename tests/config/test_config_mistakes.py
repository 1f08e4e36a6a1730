"""Every mistake names its file, line, setting and next step, and all are told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import Finding, InvalidSettingsError
from freehold.core.errors import SettingsError


def mistakes_in(folder: Path, text: str, **environ: str) -> tuple[Finding, ...]:
    path = folder / "freehold.toml"
    path.write_text(text)
    with pytest.raises(InvalidSettingsError) as caught:
        load(path, environ)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("[server]\nprot = 1", 2, "`server.prot` is not a setting.", "Did you mean `port`?"),
        (
            '[ledger]\nkeep_rollups_days = "399d"',
            2,
            "`ledger.keep_rollups_days` must be at least `ledger.keep_calls_days`.",
            None,
        ),
        (
            "[server]\n\nmax-body-bytes = 1",
            3,
            "`server.max-body-bytes` is not a setting.",
            "Did you mean `max_body_bytes`?",
        ),
        ("[sever]\nport = 1", 1, "`sever` is not a setting.", "Did you mean `server`?"),
        ("[ledger]\nport = 1", 2, "`ledger.port` is not a setting.", "It belongs into `[server]`."),
        (
            '[routes.chat]\nincumbent = "local/smollm2-135m"\ndata = "x"',
            3,
            "`routes.chat.data` is not a setting.",
            "It belongs above the first table.",
        ),
        (
            "[local]\nxyzzy = 1",
            2,
            "`local.xyzzy` is not a setting.",
            "There are `enabled`, `idle`, `memory` and `models`.",
        ),
        (
            '[providers.openai]\ntimeouts = { conect = "5s" }',
            2,
            "`providers.openai.timeouts.conect` is not a setting.",
            "Did you mean `connect`?",
        ),
        (
            '[[models."local/e5-small".prices]]\ninput = 0\n[[models."local/e5-small".prices]]\ninptu = 1',
            4,
            '`models."local/e5-small".prices[1].inptu` is not a setting.',
            "Did you mean `input`?",
        ),
    ],
)
def test_unknown_settings(tmp_path: Path, text: str, line: int, message: str, hint: str) -> None:
    (mistake,) = mistakes_in(tmp_path, text, OPENAI_API_KEY="key")
    assert mistake == Finding(
        "error", message, hint, f"{tmp_path}/freehold.toml:{line}", message.split("`")[1]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[server]\nport = "8484"', '`server.port` must be a whole number from 0 to 65535, not "8484".'),
        ("[server]\nport = 70000", "`server.port` must be a whole number from 0 to 65535, not 70000."),
        ("[server]\nport = true", "`server.port` must be a whole number from 0 to 65535, not true."),
        ("server = 1", "`server` must be a table, not 1."),
        (
            "[server]\nbody_timeout = 0",
            '`server.body_timeout` must be a duration above zero, such as "30s", "250ms" or "5m", not 0.',
        ),
        (
            '[health]\nprobe = "1ms"',
            '`health.probe` must be a duration of at least 0.1s, such as "30s" or "5m", not "1ms".',
        ),
        (
            '[server]\nmax_body_bytes = "unlimited"',
            '`server.max_body_bytes` must be a size above zero, such as "32MiB" or "2GB", not "unlimited".',
        ),
        (
            "[ledger]\nkeep_bodies_days = 0",
            '`ledger.keep_bodies_days` must be a number of days from 1 to 36500 days, such as "30d" '
            'or "unlimited", not 0.',
        ),
        ('[local]\nenabled = "yes"', '`local.enabled` must be true or false, not "yes".'),
        (
            '[server]\nhost = "127.0.0.1:80"',
            '`server.host` must be an address or a name of this machine, not "127.0.0.1:80".',
        ),
        ('providers = ["openai"]', "`providers` must be a table of tables."),
        ("[providers]\nopenai = 1", "`providers.openai` must be a table, not 1."),
        ("routes = 1", "`routes` must be a table of tables."),
        ("models = 1", "`models` must be a table of tables."),
        (
            '[routes.a]\nincumbent = "local/e5-small"\nfallbacks = "x"',
            '`routes.a.fallbacks` must be a list, not "x".',
        ),
        (
            '[routes.a]\nincumbent = "local/e5-small"\nfallbacks = [1]',
            "`routes.a.fallbacks[0]` must be a text on one line, not 1.",
        ),
        ("[routes.a]\nkeep_bodies = false", "`routes.a.incumbent` is missing."),
        (
            '[models."local/e5-small"]\ninput_modalities = ["txt"]',
            '`models."local/e5-small".input_modalities[0]` must be one of `audio`, `embedding`, `image`, '
            '`text` and `video`, not "txt".',
        ),
        (
            '[models."local/e5-small"]\ninput = 1\nfrom = "soon"',
            '`models."local/e5-small".from` must be a day, such as 2026-01-31, not "soon".',
        ),
    ],
)
def test_values_of_the_wrong_kind(tmp_path: Path, text: str, message: str) -> None:
    (mistake,) = mistakes_in(tmp_path, text)
    assert mistake.message == message


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
        [server]
        port = "x"
        hots = "y"

        [routes.chat]
        incumbent = "nobody/model"
        fallbacks = ["local/smolm2-135m", "local/e5-small", "local/e5-small"]

        [providers.openai]
        api_key = "sk-live-abcdefgh12345678"

        [models."openai/gpt-4o"]
        input = -1
    """
    mistakes = mistakes_in(tmp_path, text)
    assert [str(mistake.where).rpartition(":")[2] for mistake in mistakes] == [
        "2",
        "3",
        "6",
        "7",
        "7",
        "10",
        "13",
    ]
    path = tmp_path / "freehold.toml"
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert caught.value.where == str(path)
    assert caught.value.message.startswith("7 mistakes.\n")
    assert f"{path}:6: `nobody/model` is of an unknown provider." in caught.value.message
    assert "Did you mean `smollm2-135m`?" in caught.value.message
    assert "abcdefgh" not in str(caught.value)


def test_one_mistake_is_told_plainly(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text("[server]\nprot = 1")
    with pytest.raises(SettingsError) as caught:
        load(path, {})
    assert str(caught.value) == "`server.prot` is not a setting. Did you mean `port`?"
    assert caught.value.where == f"{path}:2"
    assert caught.value.code == "settings_error"


def test_a_mistake_on_the_command_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        load(None, {}, overrides={"server.port": 99999}, folder=tmp_path)
    assert caught.value.where == "the command line"
    assert "`server.port`" in caught.value.message
