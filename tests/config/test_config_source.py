"""Lines of settings in the text of a file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.config.source import Key, Source, read_source, written
from freehold.core.errors import SettingsError

TEXT = '''\
data = "here"  # [not.a.table]

[server]
host = "127.0.0.1"
port = 8484

[providers.openai]
api_key = "env:X"
headers = { "x-one" = "1", x-two = "[2]" }
models = [
  "a",  # ]
  "b = [",
]
note = """
[routes.fake]
port = 1
"""
timeouts.total = "5s"

[providers."odd name".timeouts]
connect = "1s"

[models."openai/gpt-4.1"]
input = 1

[[models."openai/gpt-4o".prices]]
input = 1

[[models."openai/gpt-4o".prices]]
input = 2
from = 2026-01-01

[ routes . 'chat' ]
incumbent = "openai/gpt-4o"
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("data",), 1),
        (("server",), 3),
        (("server", "port"), 5),
        (("server", "prot"), 3),
        (("providers", "openai", "headers", "x-two"), 9),
        (("providers", "openai", "models", 1), 10),
        (("providers", "openai", "note"), 14),
        (("providers", "openai", "timeouts", "total"), 18),
        (("providers", "odd name", "timeouts", "connect"), 21),
        (("models", "openai/gpt-4.1", "input"), 24),
        (("models", "openai/gpt-4o", "prices", 0, "input"), 27),
        (("models", "openai/gpt-4o", "prices", 1, "input"), 30),
        (("models", "openai/gpt-4o", "prices", 1, "from"), 31),
        (("routes", "chat", "incumbent"), 34),
        (("routes", "fake"), None),
        (("nowhere",), None),
        ((), None),
    ],
)
def test_each_setting_has_its_line(key: Key, line: int | None) -> None:
    assert Source(None, TEXT).line_of(key) == line


def test_a_path_is_written_as_in_the_file() -> None:
    assert written(("server", "port")) == "server.port"
    assert (
        written(("models", "openai/gpt-4o", "prices", 0, "input")) == 'models."openai/gpt-4o".prices[0].input'
    )
    assert written(("a", 'b"c')) == 'a."b\\"c"'


def test_text_that_is_not_toml_names_the_line() -> None:
    with pytest.raises(SettingsError) as caught:
        Source(Path("freehold.toml"), "[server]\nport = \n")
    assert caught.value.where == "freehold.toml:2"
    assert "not TOML" in caught.value.message


def test_a_key_that_is_written_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="not TOML") as caught:
        Source(Path("freehold.toml"), "[server]\nport = 1\nport = 2\n")
    assert caught.value.where == "freehold.toml:3"


def test_a_text_that_ends_too_early_names_its_last_line() -> None:
    with pytest.raises(SettingsError) as caught:
        Source(Path("freehold.toml"), 'a = 1\nb = """\nc')
    assert caught.value.where == "freehold.toml:3"


def test_a_slash_without_quotes_is_explained() -> None:
    with pytest.raises(SettingsError) as caught:
        Source(Path("freehold.toml"), "[models.openai/gpt-4o]\n")
    assert caught.value.hint == 'A name with a slash is quoted: `[models."openai/gpt-4o"]`.'


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_source(tmp_path)
    (tmp_path / "latin").write_bytes(b'a = "\xff"')
    with pytest.raises(SettingsError, match="UTF-8"):
        read_source(tmp_path / "latin")


names = st.sampled_from(["a", "b-c", "d.e", 'f"g', "h/i", "ü", "'j'"])


@given(st.lists(st.tuples(names, names), unique=True, min_size=1, max_size=8), st.integers(0, 3))
def test_every_written_line_is_found_again(settings: list[tuple[str, str]], blank: int) -> None:
    lines: list[str] = []
    expected: dict[tuple[str, str], int] = {}
    for table in dict.fromkeys(table for table, _ in settings):
        lines += [""] * blank + [f"[{written((table,))}]"]
        for name in (name for one, name in settings if one == table):
            lines.append(f'{written((name,))} = "] [x] = {{"')
            expected[table, name] = len(lines)
    text = "\n".join(lines)
    assert set(tomllib.loads(text)) == {table for table, _ in settings}
    source = Source(None, text)
    assert {key: source.line_of(key) for key in expected} == expected
