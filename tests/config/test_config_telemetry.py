"""`[telemetry]`: where the collector is, what it is sent, and every mistake that can be made in saying so."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.config.settings import Settings

ENVIRONMENT = {
    "TOKEN": "Bearer abc-0123456789",
    "COLLECTOR": "https://collector.example.com/otlp",
    "LINES": "two\nlines",
    "NONSENSE": "collector",
}


def read(folder: Path, toml: str) -> Settings:
    file = folder / "freehold.toml"
    file.write_text("[telemetry]\n" + toml)
    return load(file, ENVIRONMENT)


def fault(folder: Path, toml: str) -> str:
    with pytest.raises(InvalidSettingsError) as caught:
        read(folder, toml)
    (problem,) = caught.value.problems
    return problem.message


def test_without_an_address_nothing_is_sent(tmp_path: Path) -> None:
    assert read(tmp_path, "").collector is None


def test_an_address_and_headers(tmp_path: Path) -> None:
    toml = 'url = "http://localhost:4318"\nheaders = { authorization = "env:TOKEN" }\nsample = 0.25\n'
    settings = read(tmp_path, toml)
    assert settings.collector is not None
    assert settings.collector.url.reveal() == "http://localhost:4318"
    assert settings.collector.headers["authorization"].reveal() == "Bearer abc-0123456789"
    assert settings.telemetry.sample == 0.25
    assert "abc-0123456789" not in repr(settings)


def test_an_address_by_reference(tmp_path: Path) -> None:
    settings = read(tmp_path, 'url = "env:COLLECTOR"\n')
    assert settings.collector is not None
    assert settings.collector.url.reveal() == ENVIRONMENT["COLLECTOR"]
    assert "collector.example.com" not in repr(settings)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('url = "https://user:pw@collector"', "holds credentials"),
        ('url = "http://[::1:4318"', "it is no URL, or its port is none"),
        ('url = "http://collector"\nsample = nan', "a share from 0 to 1"),
        ('url = "http://collector?x=1"', "goes on after its path"),
        ('url = "grpc://collector:4317"', "`http` or `https`"),
        ('url = "http://collector:99999"', "port"),
        ('url = "env:NONSENSE"', "`http` or `https`"),
        ('url = "env:NOT_THERE"', "not set"),
        ('url = "collector"', "`http` or `https`"),
        ('url = "localhost:4318"', "`http` or `https`"),
        ('url = "http://[::1"', "no URL"),
        ('headers = { a = "env:TOKEN" }', "`telemetry.url`, which is missing"),
        ('url = "http://c"\nheaders = { "content-type" = "env:TOKEN" }', "cannot hold `content-type`"),
        ('url = "http://c"\nheaders = { "a b" = "env:TOKEN" }', "cannot hold `a b`"),
        ('url = "http://c"\nheaders = { a = "Bearer abc" }', "not a reference"),
        ('url = "http://c"\nheaders = { a = "env:LINES" }', "cannot be sent in a header"),
        ("sample = 1.5", "a share from 0 to 1"),
        ("sample = -0.1", "a share from 0 to 1"),
        ('sample = "10%"', "a share from 0 to 1"),
        ("sample = true", "a share from 0 to 1"),
        ('names = "newest"', "one of"),
        ('log_calls = "some"', "one of"),
        ("metrics_every = 0", "above zero"),
        ("conntent = true", "is not a setting"),
    ],
)
def test_mistakes(tmp_path: Path, toml: str, words: str) -> None:
    told = fault(tmp_path, toml)
    assert words in told
    assert "pw" not in told.replace("`http` or `https`", "")


def test_no_and_all(tmp_path: Path) -> None:
    assert read(tmp_path, "sample = 0").telemetry.sample == 0.0
    assert read(tmp_path, "sample = 1").telemetry.sample == 1.0
