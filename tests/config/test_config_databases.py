"""The database's address and the pepper: by reference, checked, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.config.settings import Settings
from freehold.config.watch import FIXED, keep_fixed

URL = "postgresql://freehold:hushhush@db.example:5432/freehold"
DIGITS = "0123456789abcdef" * 4


def settings_of(folder: Path, toml: str, **environ: str) -> Settings:
    (folder / "freehold.toml").write_text(toml)
    return load(folder / "freehold.toml", environ)


def test_without_a_word_everything_is_in_files(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "")
    assert settings.database is None
    assert settings.access.pepper is None


def test_an_address_comes_from_a_variable_or_a_file(tmp_path: Path) -> None:
    by_variable = settings_of(tmp_path, '[database]\nurl = "env:DB"', DB=URL)
    (tmp_path / "url").write_text(URL + "\n")
    (tmp_path / "url").chmod(0o600)
    by_file = settings_of(tmp_path, '[database]\nurl = "file:url"')
    for settings in (by_variable, by_file):
        assert settings.database is not None
        assert settings.database.url.reveal() == URL
        assert str(settings.database) == "postgresql://db.example:5432/freehold"
        assert "hushhush" not in repr(settings)
    assert by_file.secret_files == (tmp_path / "url",)
    assert by_file.warnings == ()


def test_an_address_without_a_password_may_stand_in_the_file(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, '[database]\nurl = "postgresql:///freehold?host=/run/postgresql"')
    assert settings.database is not None
    assert str(settings.database) == "postgresql:///run/postgresql/freehold"


def test_a_pepper_comes_by_reference(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, '[access]\npepper = "env:PEPPER"', PEPPER=DIGITS)
    assert settings.access.pepper is not None
    assert settings.access.pepper.reveal() == DIGITS
    assert DIGITS not in repr(settings)


@pytest.mark.parametrize(
    ("toml", "environ", "message"),
    [
        (f'[database]\nurl = "{URL}"', {}, "passwords are not written into this file"),
        ('[database]\nurl = "postgresql://h/d?password=hushhush"', {}, "passwords are not written"),
        ('[database]\nurl = "hushhush"', {}, "not a reference"),
        ('[database]\nurl = "env:DB"', {}, "needs the variable `DB`"),
        ('[database]\nurl = "env:DB"', {"DB": "mysql://me:hushhush@h/d"}, "does not begin with"),
        ('[database]\nurl = "env:DB"', {"DB": "postgresql://me:hushhush@h"}, "names no database"),
        ('[database]\nurl = "env:DB"', {"DB": "hushhush"}, "does not begin with"),
        ('[database]\nurl = "file:nowhere"', {}, "cannot be read"),
        ('[database]\naddress = "x"', {}, "address"),
        (f'[access]\npepper = "{DIGITS}"', {}, "not a reference"),
        ('[access]\npepper = "env:P"', {"P": "hushhush"}, "64 hexadecimal digits"),
        ('[access]\npepper = "env:P"', {"P": DIGITS[1:]}, "64 hexadecimal digits"),
        ('[access]\npepper = "env:P"', {"P": "g" + DIGITS[1:]}, "64 hexadecimal digits"),
    ],
)
def test_what_will_not_do_is_told_without_being_repeated(
    tmp_path: Path, toml: str, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        settings_of(tmp_path, toml, **environ)
    assert message in str(caught.value)
    assert "hushhush" not in str(caught.value)
    assert DIGITS[1:] not in str(caught.value)


def test_neither_changes_while_the_endpoint_runs(tmp_path: Path) -> None:
    toml = '[database]\nurl = "env:DB"\n[access]\npepper = "env:PEPPER"'
    old = settings_of(tmp_path, toml, DB=URL, PEPPER=DIGITS)
    new = settings_of(tmp_path, toml, DB=URL.replace("db.", "other."), PEPPER=DIGITS[::-1])
    kept, in_vain = keep_fixed(old, new, FIXED)
    assert (kept.database, kept.access) == (old.database, old.access)
    told = " ".join(finding.message for finding in in_vain)
    assert "postgresql://other.example:5432/freehold" in told
    assert "hushhush" not in told
    assert DIGITS not in told
    assert keep_fixed(old, settings_of(tmp_path, toml, DB=URL, PEPPER=DIGITS), FIXED)[1] == ()
