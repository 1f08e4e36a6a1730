"""`freehold router`, from a comparison to a certificate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reported import INCUMBENT, Model, cases, compared
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.compare.terms import Terms

CHEAP = "open/tiny"
TOML = """
[local]
enabled = false
[providers.acme]
base_url = "http://127.0.0.1:9/v1"
[providers.open]
base_url = "http://127.0.0.1:9/v1"
[routes.support]
incumbent = "acme/large"
[routes.support.policy]
kind = "learned"
"""


def compare(folder: Path, many: int, *, cost: str | None = "0.0004") -> None:
    """A cheap model that is good at three classes of questions, and wrong at the fourth half of the time."""
    models = {
        INCUMBENT: Model(right=0.97, cost="0.02", seconds=1),
        CHEAP: Model(right=0.97, cost=cost, seconds=1),
    }
    terms = Terms(incumbent=INCUMBENT, candidates=(CHEAP,), route="support", max_cases=many, to_the_end=True)
    with compared(folder, terms=terms, of=list(cases(many)), models=models, name="questions"):
        pass


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "freehold.toml").write_text(TOML)
    return Shell(tmp_path)


def test_from_a_comparison_to_a_certificate(shell: Shell) -> None:
    compare(shell.folder, 500)
    made = shell("router", "fit", "support", "--suite", "questions", "--risk", "10%")
    assert made.returncode == 0, made.stderr
    assert "10.0% of all answers worse than acme/large's at the most, with 95.0% confidence" in made.stdout
    assert "500: 250 taught it, 250 certify it" in made.stdout
    assert "best single model: the incumbent, saves nothing" in made.stdout
    assert "hull of single models:" in made.stdout
    (listed,) = shell("router", "list", "--json").stdout.splitlines()
    about = json.loads(listed)["about"]
    assert about["chosen"] == [CHEAP] and about["certificate"]["saving"] > 0.5
    digest = json.loads(listed)["router"]
    assert digest in shell("router", "list").stdout
    shown = shell("router", "show", "support").stdout
    assert f"Router {digest} of support" in shown and "decided     0 calls" in shown
    watched = json.loads(shell("router", "show", digest[:6], "--json").stdout)["watched"]
    assert watched["decided"] == 0 and "heard" not in watched
    checked = shell("router", "check", "support")
    assert checked.returncode == 0 and "may be relied on" in checked.stdout
    (file,) = (shell.folder / ".freehold/routers").glob("*.router")
    assert file.name == f"support-{digest}.router"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    damaged = shell("router", "check", "support")
    assert damaged.returncode == 1 and "was changed since it was certified" in damaged.stderr


def test_without_enough_labels_nothing_is_made(shell: Shell) -> None:
    compare(shell.folder, 60)
    found = shell("router", "fit", "support", "--suite", "questions", "--risk", "0.05")
    assert found.returncode == 3
    assert "Not enough evidence: 60 labels there, and about 100 more are missing" in found.stderr
    assert not (shell.folder / ".freehold/routers").exists()
    told = shell("router", "fit", "support", "--suite", "questions", "--json")
    assert told.returncode == 3
    assert json.loads(told.stdout)["evidence"] == {
        "labels": 60,
        "missing": 100,
        "trained": 30,
        "certified": 30,
    }
    assert "There is no router yet" in shell("router", "list").stderr


def test_a_model_without_a_price_is_an_error(shell: Shell) -> None:
    compare(shell.folder, 60, cost=None)
    found = shell("router", "fit", "support", "--suite", "questions")
    assert found.returncode == 1
    assert "Nobody knows what" in found.stderr and '[models."' in found.stderr
    prices = '[models."acme/large"]\ninput = 10\noutput = 30\n[models."open/tiny"]\ninput = 1\noutput = 1\n'
    (shell.folder / "freehold.toml").write_text(TOML + prices)
    assert shell("router", "fit", "support", "--suite", "questions").returncode == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "suport", "--suite", "questions"), "There is no route `suport`."),
        (("fit", "support", "--suite", "nothing"), "no suite `nothing`"),
        (("fit", "support", "--suite", "questions", "--risk", "0"), "--risk"),
        (("fit", "support"), "It takes a suite, or one kind of live calls."),
        (("fit", "support", "--suite", "questions", "--from", "feedback"), "It takes a suite, or one kind"),
        (("fit", "support", "--from", "nowhere"), "--from"),
        (("show", "nothing"), "There is no router `nothing`."),
        (("check", "nothing"), "There is no router `nothing`."),
    ],
)
def test_what_is_not_there_is_an_error(shell: Shell, words: tuple[str, ...], message: str) -> None:
    found = shell("router", *words)
    assert found.returncode == 1 and message in found.stderr


@pytest.mark.parametrize("source", ["feedback", "shadow"])
def test_without_live_calls_nothing_is_made(shell: Shell, source: str) -> None:
    found = shell("router", "fit", "support", "--from", source)
    assert found.returncode == 3
    assert "Not enough evidence: 0 labels there, and about 160 more are missing" in found.stderr
    assert not (shell.folder / ".freehold/routers").exists()
