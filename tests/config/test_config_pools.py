"""Several providers behind one name."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.routing.routes import Target

PROVIDERS = """
[providers.one]
base_url = "http://127.0.0.1:1/v1"
[providers.two]
base_url = "http://127.0.0.1:2/v1"
quota = "one"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "freehold.toml"
    path.write_text(PROVIDERS + text)
    return path


def test_a_pool_is_called_like_a_provider(tmp_path: Path) -> None:
    text = '[pools.both]\nproviders = ["one", "two"]\n[routes.r]\nincumbent = "both/m"\ndeadline = "30s"\nretries = 2\n'
    settings = load(written(tmp_path, text), {})
    assert settings.routes["r"].incumbent == Target("both", "m")
    assert (settings.routes["r"].deadline, settings.routes["r"].retries) == (30.0, 2)
    assert settings.accounts().pools == {"both": ("one", "two")}
    assert settings.accounts().quota_of("two") == settings.accounts().quota_of("one") == "one"
    assert settings.route_table().find("both/other").plan == (Target("both", "other"),)
    assert {target.name for target in settings.models()} >= {"one/m", "two/m"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[pools.both]\nproviders = ["one", "tow"]', 'unknown provider: "tow"'),
        ('[pools.both]\nproviders = ["one", "one"]', "names `one` twice"),
        ('[pools.both]\nproviders = ["local"]', "unknown provider"),
        ('[pools.one]\nproviders = ["two"]', "`one` is a provider"),
        ("[pools.both]\nproviders = []", "pools.both.providers"),
        ("[pools.both]\n", "`pools.both.providers` is missing"),
        ('[pools.both]\nproviders = ["one"]\nweight = 3', "`pools.both.weight` is not a setting"),
    ],
)
def test_mistakes_are_told_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        load(written(tmp_path, text), {})
    assert said in "\n".join(f"{one.message} {one.hint}" for one in caught.value.problems)
