"""B1.1: budgets are overrun by calls that run side by side, refuse although there is room, or are not kept at all."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import openai
import pytest
from many_calls import NANO, bill_of, call_many
from plain_client import Answer
from rehearsing import PLAIN, rehearsing
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Lorem, Refused, Script, ThreadedProvider

ANSWER = 200
READ, WROTE = 1_000, 10_000
"""Billionths of a dollar for a token: the prices of the models here."""
CALL_COST = 4 * READ + ANSWER * WROTE
STEADY = Behaviour(text=Lorem(tokens=ANSWER), tokens_per_s=2000.0)
SLOW = Behaviour(text=Lorem(tokens=ANSWER), tokens_per_s=20.0)
SCRIPT = Script(
    models={"m": STEADY, "ill": (Behaviour(times=10, faults=(Refused(status=500),)), STEADY), "slow": SLOW}
)


def limit(name: str, on: str, only: str, worth: float) -> str:
    """A budget for so many calls."""
    money = f'money = "{worth * CALL_COST / NANO:.9f}"'
    return f'[limits.{name}]\non = "{on}"\nonly = {only}\nper = "month"\n{money}\n'


TOML = (
    PLAIN
    + '[models."acme/ill"]\ninput = 1\noutput = 10\n[routes.flaky]\nincumbent = "acme/ill"\n'
    + '[models."acme/slow"]\ninput = 1\noutput = 10\n[routes.slow]\nincumbent = "acme/slow"\n'
    + limit("sessions", "key", '["session 1", "session 2"]', 5)
    + limit("nothing", "user", '["penniless"]', 0.001)
    + limit("little", "user", '["never seen"]', 2.5)
    + limit("enough", "user", '["ana"]', 10)
    + limit("again", "key", '["again"]', 4)
    + limit("half", "key", '["half"]', 0.5)
    + limit("hasty", "key", '["hasty"]', 1.9)
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningEndpoint, ThreadedProvider]]:
    with rehearsing(tmp_path_factory.mktemp("endpoint"), SCRIPT, TOML) as stage:
        yield stage


@pytest.fixture
def provider(running: tuple[RunningEndpoint, ThreadedProvider]) -> ThreadedProvider:
    running[1].forget()
    return running[1]


@pytest.fixture
def endpoint(running: tuple[RunningEndpoint, ThreadedProvider]) -> RunningEndpoint:
    return running[0]


def body(model: str = "chat") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hello"}], "max_tokens": ANSWER}


def billed(provider: ThreadedProvider) -> int:
    """What the provider would bill, in billionths of a dollar."""
    return bill_of(provider.requests, read=READ, wrote=WROTE)


def shown(endpoint: RunningEndpoint, name: str) -> dict[str, Any]:
    """What `freehold limits --json` says of a limit."""
    words = [sys.executable, "-m", "freehold", "limits", "--json"]
    done = subprocess.run(
        words, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, check=True
    )
    rows: list[dict[str, Any]] = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    (row,) = [row for row in rows if row["limit"] == name]
    assert row["balanced"]
    return row


def ask(endpoint: RunningEndpoint, key: str, model: str = "chat") -> Answer:
    with endpoint.connect(key) as client:
        return client.post("/v1/chat/completions", body(model))


def ask_at_once(endpoint: RunningEndpoint, key: str, calls: int) -> Counter[int]:
    """Statuses, and how often each."""
    return asyncio.run(call_many([endpoint.url], key, calls=calls, concurrent=calls, body=body())).statuses


def test_agents_side_by_side_share_the_budget_of_their_session(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/issues/34732: parallel calls of one session all read the same spending,
    below its budget, and were all let in. Here a session has a key of its own.
    """
    first, second = endpoint.make_key("session 1"), endpoint.make_key("session 2")
    statuses = ask_at_once(endpoint, first, 60)
    assert set(statuses) <= {200, 402, 429}
    assert statuses[200] >= 4
    assert billed(provider) <= 5 * CALL_COST
    assert ask(endpoint, second).status == 200, "another session has its own"


@pytest.mark.parametrize(("user", "worth"), [("penniless", 0), ("never seen", 2)])
def test_the_very_first_calls_of_a_user_meet_the_budget_of_all_users(
    user: str, worth: int, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/issues/40095: eight first calls at once of a user whom nobody had seen
    before were all let in, whatever the budget for new users was.
    """
    statuses = ask_at_once(endpoint, endpoint.make_key("laptop", user=user, numbered=True), 8)
    assert statuses[200] == worth
    assert len(provider.requests) == worth, "nobody is asked for what there is no money for"
    assert billed(provider) <= (worth or 0.001) * CALL_COST


def test_what_a_user_spends_through_any_key_counts_until_it_is_used_up(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/issues/26672: a key without a budget of its own spent 99.10 of its user's
    30, with no race at all.
    """
    keys = [endpoint.make_key(f"of ana {name}", user="ana") for name in ("laptop", "server", "phone")]
    answers = [ask(endpoint, keys[number % 3]) for number in range(20)]
    statuses = [one.status for one in answers]
    assert statuses[:9] == [200] * 9
    assert set(statuses[10:]) == {402}
    assert 9 * CALL_COST <= billed(provider) <= 10 * CALL_COST
    costs = [endpoint.recorded(one.call).cost.amount for one in answers]
    assert sum(one or 0 for one in costs) * NANO == billed(provider)


def test_what_is_shown_is_what_is_kept_to_and_what_failed_takes_no_room(endpoint: RunningEndpoint) -> None:
    """https://github.com/BerriAI/litellm/issues/27735: calls were refused for a spending that was long gone, while
    every screen showed that there was money left.
    """
    key = endpoint.make_key("again")
    assert [ask(endpoint, key, "flaky").status for _ in range(10)] == [502] * 10
    row = shown(endpoint, "again")
    assert (float(row["used"]), float(row["held"])) == (0, 0)
    answered = 0
    while (answer := ask(endpoint, key, "flaky")).status == 200:
        answered += 1
    assert answered == 3, "there was room for three, and a fourth that would be shorter than its worst case"
    assert answer.status == 402
    told = dict(pair.split("=") for pair in answer.headers["x-freehold-limit"].split("; ")[1:])
    used = Decimal(shown(endpoint, "again")["used"])
    assert Decimal(told["used"]) == used
    assert used * NANO == 3 * CALL_COST


def test_who_keeps_asking_is_let_in_as_soon_as_there_is_room(endpoint: RunningEndpoint) -> None:
    """https://github.com/BerriAI/litellm/issues/27735, and those beside it: each call that was refused kept the old
    spending alive.
    """
    key = endpoint.make_key("hasty")
    with endpoint.connect(key) as client:
        stream = client.stream("slow", max_tokens=ANSWER)
        stream.event()
        refused = [ask(endpoint, key) for _ in range(20)]
        assert {one.status for one in refused} == {429}, (
            "the stream may take all that is left; or give it back"
        )
        stream.leave()
    assert until(lambda: ask(endpoint, key).status == 200, 5)


def test_a_budget_that_is_written_down_is_kept(endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    """https://github.com/maximhq/bifrost/issues/5673: the budget of a key was taken, not saved and not kept to,
    without a word.
    """
    with endpoint.sdk(endpoint.make_key("half")) as sdk, pytest.raises(openai.APIStatusError) as told:
        sdk.chat.completions.create(**body())
    assert told.value.status_code == 402
    assert provider.requests == []
    assert Decimal(shown(endpoint, "half")["bound"]) * NANO == CALL_COST // 2


@pytest.mark.parametrize("wrong", ["max_limit = 0.0005", "money = -1"])
def test_a_budget_that_cannot_be_kept_is_refused(wrong: str, endpoint: RunningEndpoint) -> None:
    """https://github.com/maximhq/bifrost/issues/5673: nobody was told that the field was called something else by
    then.
    """
    file = endpoint.folder / "wrong.toml"
    file.write_text(f'[limits.test]\non = "key"\nper = "month"\n{wrong}\n')
    words = [sys.executable, "-m", "freehold", "check", "--config", str(file)]
    done = subprocess.run(
        words, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "limits.test" in done.stdout + done.stderr
