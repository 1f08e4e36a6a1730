"""Secrets by reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.config.secrets import NoSecretError, find_secret
from freehold.core.errors import SettingsError

KEY = "sk-proj-Zm9vYmFyYmF6cXV4"


def provider_with(folder: Path, line: str) -> Path:
    path = folder / "freehold.toml"
    path.write_text(f"[providers.openai]\n{line}\n")
    return path


def test_from_a_variable(tmp_path: Path) -> None:
    settings = load(provider_with(tmp_path, 'api_key = "env:MINE"'), {"MINE": f" {KEY}\n"})
    secret = settings.providers["openai"].api_key
    assert secret is not None
    assert secret.reveal() == KEY
    assert secret.source == "env:MINE"
    assert settings.secret_files == ()


def test_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    file = tmp_path / "keys/openai"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    settings = load(provider_with(tmp_path, 'api_key = "file:keys/openai"'), {})
    secret = settings.providers["openai"].api_key
    assert secret is not None
    assert secret.reveal() == KEY
    assert secret.source == "file:keys/openai"
    assert settings.secret_files == (file,)
    assert settings.warnings == ()


def test_a_file_that_everybody_can_read_is_warned_about(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o644)
    (warning,) = load(provider_with(tmp_path, 'api_key = "file:key"'), {}).warnings
    assert warning.level == "warning"
    assert warning.hint == f"`chmod 600 {file}`"
    assert warning.key == "providers.openai.api_key"


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (f'api_key = "{KEY}"', "not a reference", '"env:NAME"'),
        ('api_key = "correct horse battery staple"', "not a reference", '"env:NAME"'),
        (f'api_key = "env:{KEY}"', "names no variable", '"env:NAME"'),
        ('api_key = "env:"', "names no variable", '"env:NAME"'),
        ('api_key = "ENV:X"', "not a reference", '"env:NAME"'),
        ('api_key = "file:"', "names no file", '"file:PATH"'),
        ('api_key = "file:nowhere"', "cannot be read", "relative path"),
        ('api_key = "file:."', "is not a file", ""),
        ('api_key = "file:empty"', "is empty", ""),
        ('api_key = "file:two"', "more than one word", ""),
        ('api_key = "file:large"', "too large", ""),
        ('api_key = "env:NOT_SET"', "`NOT_SET`, which is not set", "export NOT_SET="),
        ('api_key = "env:EMPTY"', "`EMPTY`, which is not set", "export EMPTY="),
        ('api_key = "env:BROKEN"', "more than one word", ""),
        ("", "`OPENAI_API_KEY`, which is not set", "export OPENAI_API_KEY="),
    ],
)
def test_references_that_lead_nowhere(tmp_path: Path, line: str, message: str, hint: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text(f"{KEY}\nx-evil: 1\n")
    (tmp_path / "large").write_text("x" * 20_000)
    path = provider_with(tmp_path, line)
    with pytest.raises(InvalidSettingsError) as caught:
        load(path, {"EMPTY": "", "BROKEN": f"{KEY}\r\nx-evil: 1"})
    (problem,) = caught.value.problems
    assert problem.key == "providers.openai.api_key"
    assert problem.message.startswith("`providers.openai.api_key` ")
    assert message in problem.message
    assert hint in (problem.hint or "")
    assert "Zm9vYmFy" not in repr(caught.value) + str(caught.value) + repr(problem)
    assert "staple" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        f'apikey = "{KEY}"',
        f'base_url = "{KEY}"',
        f'base_url = "https://me:{KEY}@api.example.com/v1"',
        f'like = "{KEY}"',
        f'max_connections = "{KEY}"',
        f'headers = {{ authorization = "Bearer {KEY}" }}',
        f'headers = {{ X-Api-Key = "{KEY}" }}',
        f'headers = {{ x-other = "{KEY}" }}',
        f'query = {{ key = "{KEY}" }}',
        f'query = {{ other = "{KEY}" }}',
        f'prices = 5\nheaders = "{KEY}"',
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_never_repeated(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(provider_with(tmp_path, line), {"OPENAI_API_KEY": "k"})
    assert "Zm9vYmFy" not in str(caught.value)


def test_only_the_hint_differs_when_a_literal_was_meant() -> None:
    with pytest.raises(NoSecretError) as caught:
        find_secret("literal", folder=Path(), environ={})
    assert "keys are not written into this file" in caught.value.message


def test_settings_do_not_show_secrets(tmp_path: Path) -> None:
    settings = load(provider_with(tmp_path, ""), {"OPENAI_API_KEY": KEY})
    assert KEY not in repr(settings)
