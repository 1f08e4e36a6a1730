from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.check import check
from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.config.settings import Settings
from freehold.limits.windows import SLIDING, Calendar

START = """
[local]
enabled = false
[providers.acme]
base_url = "http://127.0.0.1:1/v1"
[routes.chat]
incumbent = "acme/m"
"""


def _load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "freehold.toml"
    path.write_text(START + text)
    return load(path, environ)


def test_a_limit_is_read(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        """
[limits.each-team]
on = "team"
only = ["search", "ads"]
per = "week"
zone = "Europe/Berlin"
money = "12.50"
tokens = "unlimited"
requests = 0
concurrency = 4
[limits.fast]
on = "organisation"
per = "last 60 seconds"
input_tokens = 10
output_tokens = 20
money = "unlimited"
[limits.many]
on = "key"
concurrency = 7
""",
    )
    team, fast, many = settings.limits.values()
    assert team.window == Calendar("week", "Europe/Berlin")
    assert dict(team.bounds) == {"money": 12_500_000_000, "requests": 0, "concurrency": 4}
    assert team.only == {"search", "ads"}
    assert fast.window == SLIDING["last 60 seconds"]
    assert dict(fast.bounds) == {"input_tokens": 10, "output_tokens": 20}
    assert (many.window, many.bounds) == (None, (("concurrency", 7),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[limits.a]\nrequests = 1\nper = "day"', "`limits.a.on` is missing"),
        ('[limits.a]\non = "everybody"\nrequests = 1\nper = "day"', "must be one of"),
        ('[limits.a]\non = "key"', "limits nothing"),
        ('[limits.a]\non = "key"\nrequests = 1', "does not say over which time"),
        ('[limits.a]\non = "key"\nper = "year"\nrequests = 1', "`limits.a.per` must be one of"),
        ('[limits.a]\non = "key"\nper = "day"\nrequests = -1', 'of at least 0 or "unlimited"'),
        ('[limits.a]\non = "key"\nper = "day"\nrequests = 1.5', "must be a whole number"),
        ('[limits.a]\non = "key"\nper = "day"\nmoney = -1', "an amount of zero or more"),
        ('[limits.a]\non = "key"\nper = "day"\nmoney = 10_000_000', "more than can be counted exactly"),
        ('[limits.a]\non = "key"\nper = "day"\ntokens = 10_000_000_000_000_000', "is too large"),
        ('[limits.a]\non = "key"\nper = "day"\nzone = "Moon/Base"\ntokens = 1', "is not a time zone"),
        ('[limits.a]\non = "organisation"\nonly = ["x"]\nconcurrency = 1', "There is one organisation"),
        ('[limits.a]\non = "route"\nonly = ["chta"]\nconcurrency = 1', "There is no route"),
        ('[limits.a]\non = "provider"\nonly = ["acne"]\nconcurrency = 1', "There is no provider"),
        ('[limits.a]\non = "model"\nonly = ["else/m"]\nconcurrency = 1', "not a model of a provider"),
        ('[limits."a|b"]\non = "key"\nconcurrency = 1', "cannot name a limit"),
        ('[limits.a]\non = "key"\nconcurency = 1', "`limits.a.concurency` is not a setting"),
        ('[shared]\nurl = "redis://localhost"', "are not written into this file"),
        ('[shared]\nurl = "env:NOWHERE"', "`NOWHERE`, which is not set"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidSettingsError) as raised:
        _load(tmp_path, text)
    assert said in str(raised.value)


def test_the_address_of_the_server_is_a_secret(tmp_path: Path) -> None:
    settings = _load(tmp_path, '[shared]\nurl = "env:SERVER"', SERVER="valkey://:word@host/0")
    assert settings.shared_url is not None
    assert settings.shared_url.reveal() == "valkey://:word@host/0"
    assert "word" not in repr(settings)


def test_models_that_a_limit_in_money_will_refuse_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    limit = '[limits.a]\non = "key"\nper = "day"\nmoney = 1\n'
    path.write_text(START + limit)
    report = check(path, {})
    told = [one for one in report.findings if one.level == "warning"]
    assert len(told) == 1
    assert "`acme/m` on the route `chat`" in told[0].message
    assert "will be refused" in told[0].message
    for more in ("allow_unpriced = true\n", '[models."acme/m"]\ninput = 1\noutput = 1\n'):
        path.write_text(START + limit + more)
        assert [one for one in check(path, {}).findings if one.level == "warning"] == []
    path.write_text(START + limit.replace('on = "key"', 'on = "model"\nonly = ["acme/other"]'))
    assert [one for one in check(path, {}).findings if one.level == "warning"] == []
