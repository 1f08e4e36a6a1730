"""Limits as clients meet them: through HTTP, with the official SDKs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from plain_client import Answer
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import (
    Behaviour,
    Cut,
    Lorem,
    Refused,
    Script,
    SimulatedProvider,
    ThreadedProvider,
)
from freehold.providers.simulated.script import UsageNumbers

PROVIDER = """
[local]
enabled = false
[providers.acme]
base_url = "{url}"
[providers.mine]
base_url = "{url}"
prices = "own-machine"
[models."acme/m"]
input = 1
output = 10
[routes.chat]
incumbent = "acme/m"
"""
ANSWER = Behaviour(text=Lorem(tokens=20))
HI: list[Any] = [{"role": "user", "content": "hi"}]


@contextmanager
def limited(
    folder: Path, limits: str, *words: str, models: dict[str, Any] | None = None
) -> Iterator[tuple[RunningEndpoint, ThreadedProvider]]:
    script = Script(models=models or {"*": ANSWER})
    with SimulatedProvider.in_thread(script) as provider:
        toml = PROVIDER.format(url=provider.base_url) + limits
        with RunningEndpoint(folder, toml, *(words or ("--new-key",))) as endpoint:
            yield endpoint, provider


def chat(endpoint: RunningEndpoint, model: str, key: str | None = None, **fields: Any) -> Answer:
    """One call, answered as a whole."""
    with endpoint.connect(key) as client:
        return client.chat(model, **fields)


def rows(endpoint: RunningEndpoint) -> dict[tuple[str, str], dict[str, Any]]:
    """What `freehold limits --json` says, by limit and measure."""
    words = [sys.executable, "-m", "freehold", "limits", "--json"]
    done = subprocess.run(
        words, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, check=True
    )
    found = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert all(row["balanced"] for row in found)
    return {(row["limit"], row["measure"]): row for row in found}


def test_a_provider_that_bills_beyond_all_sense_ends_its_window_and_not_the_counting(tmp_path: Path) -> None:
    mad = Behaviour(text=Lorem(tokens=20), usage=UsageNumbers(5, 2**52))
    limits = '[limits.all]\non = "organisation"\nper = "day"\nmoney = 1000\n'
    limits += '[limits.models]\non = "model"\nper = "day"\ntokens = 1_000_000\n'
    limits += '[models."acme/mad"]\ninput = 1\noutput = 10\n'
    with limited(tmp_path, limits, models={"mad": mad, "*": ANSWER}) as (endpoint, _):
        assert chat(endpoint, "acme/mad", max_tokens=50).status == 200
        assert until(lambda: rows(endpoint)["all", "money"]["used"] == "9000000.000000000")
        assert chat(endpoint, "acme/m", max_tokens=50).status == 402
        assert endpoint.health["parts"]["limits"] == "ok"
    with limited(tmp_path, limits) as (endpoint, _):
        assert chat(endpoint, "acme/m", max_tokens=50).status == 402


BUDGET = """
[limits.each-key]
on = "key"
per = "month"
zone = "Europe/Berlin"
money = "0.0010"
"""


def test_a_budget_that_is_used_up_is_told_as_402(tmp_path: Path) -> None:
    with limited(tmp_path, BUDGET) as (endpoint, provider), endpoint.sdk() as sdk:
        answered = 0
        with pytest.raises(openai.APIStatusError) as raised:
            for _ in range(20):
                answer = sdk.chat.completions.create(model="chat", messages=HI, max_tokens=40)
                assert answer.usage is not None
                answered += 1
        error = raised.value
        assert error.status_code == 402
        assert isinstance(error.body, dict)
        assert error.body["type"] == "insufficient_quota"
        assert error.body["code"] == "budget_exhausted"
        assert "`each-key` of this key" in error.body["message"]
        header = error.response.headers["x-freehold-limit"]
        assert header.startswith("each-key; measure=money; limit=0.001; used=0.00")
        assert "; reset=20" in header
        assert int(error.response.headers["retry-after"]) > 0
        assert len(provider.requests) == answered > 1
        refused = endpoint.recorded(error.response.headers["x-freehold-call"])
        assert refused.call.outcome == "refused"
        assert refused.call.attempts == []
        assert refused.cost.amount == 0
        assert chat(endpoint, "chat", endpoint.make_key("another"), max_tokens=40).status == 200


def test_every_dialect_has_its_own_words_for_it(tmp_path: Path) -> None:
    none = '[limits.nothing]\non = "organisation"\nper = "day"\nmoney = 0\n'
    rate = '[limits.rate]\non = "route"\nonly = ["slow"]\nper = "last 60 seconds"\nrequests = 0\n'
    slow = '[routes.slow]\nincumbent = "mine/m"\n'
    with (
        limited(tmp_path, slow + none + rate) as (endpoint, provider),
        endpoint.sdk() as sdk,
        anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0) as claude,
    ):
        with pytest.raises(anthropic.APIStatusError) as told:
            claude.messages.create(model="chat", max_tokens=5, messages=HI)
        assert told.value.status_code == 402
        assert isinstance(told.value.body, dict)
        assert told.value.body["error"]["type"] == "billing_error"
        with pytest.raises(anthropic.RateLimitError) as limited_:
            claude.messages.create(model="slow", max_tokens=5, messages=HI)
        assert isinstance(limited_.value.body, dict)
        assert limited_.value.body["error"]["type"] == "rate_limit_error"
        options = genai.types.HttpOptions(base_url=endpoint.url)
        gemini = genai.Client(api_key=endpoint.key, http_options=options)
        with gemini, pytest.raises(genai_errors.ClientError) as exhausted:
            gemini.models.generate_content(model="slow", contents="hi")
        assert (exhausted.value.code, exhausted.value.status) == (429, "RESOURCE_EXHAUSTED")
        with pytest.raises(openai.RateLimitError) as rate_limited:
            sdk.responses.create(model="slow", input="hi")
        assert rate_limited.value.code == "rate_limit_exceeded"
        with pytest.raises(openai.APIStatusError) as streamed:
            sdk.chat.completions.create(model="chat", messages=HI, stream=True)
        assert streamed.value.status_code == 402
        with pytest.raises(openai.RateLimitError):
            sdk.embeddings.create(model="slow", input="hi")
        assert provider.requests == []


def test_all_levels_hold_and_the_tightest_is_told(tmp_path: Path) -> None:
    limits = """
[limits.all]
on = "organisation"
per = "last 60 seconds"
requests = 6
[limits.teams]
on = "team"
per = "hour"
requests = 4
tokens = 100_000
[limits.ana]
on = "user"
only = ["ana"]
per = "day"
requests = 3
[limits.unlimited]
on = "key"
per = "day"
requests = "unlimited"
money = "unlimited"
"""
    with limited(tmp_path, limits) as (endpoint, _):
        ana = [endpoint.make_key(f"ana {number}", team="search", user="ana") for number in (1, 2)]
        bob = endpoint.make_key("bob", team="search", user="bob")
        eve = endpoint.make_key("eve")

        def ask(key: str) -> Any:
            return chat(endpoint, "chat", key, max_tokens=5)

        first = ask(ana[0])
        assert first.headers["x-ratelimit-limit-requests"] == "3"
        assert first.headers["x-ratelimit-remaining-requests"] == "2"
        assert first.headers["x-ratelimit-limit-tokens"] == "100000"
        assert [ask(key).status for key in (ana[1], ana[0])] == [200, 200]
        third = ask(ana[1])
        assert third.status == 429
        assert third.headers["x-freehold-limit"].startswith("ana; measure=requests; limit=3; used=3")
        assert ask(bob).status == 200
        assert ask(bob).headers["x-freehold-limit"].startswith("teams; ")
        assert [ask(eve).status for _ in range(3)] == [200, 200, 429]
        with endpoint.sdk(eve) as sdk:
            assert len(list(sdk.models.list())) > 0  # is no call


def test_a_place_among_concurrent_calls_is_free_again_however_a_call_ends(tmp_path: Path) -> None:
    slow = Behaviour(text=Lorem(tokens=50), tokens_per_s=100.0)
    limits = '[limits.few]\non = "organisation"\nconcurrency = 1\n'
    with limited(tmp_path, limits, models={"*": slow}) as (endpoint, _):
        with endpoint.connect() as client:
            stream = client.stream("chat")
            stream.event()
            refused = chat(endpoint, "chat")
            assert refused.status == 429
            assert refused.headers["retry-after"] == "1"
            assert "calls in flight" in refused.error["message"]
            stream.leave(reset=True)
        until(lambda: chat(endpoint, "chat").status == 200)


def test_what_failed_costs_nothing_and_what_was_cut_costs_what_came(tmp_path: Path) -> None:
    """Nothing billed, one placeholder token priced: BerriAI/litellm#33736 and #39893."""
    models = {
        "m": (
            Behaviour(faults=(Refused(status=500),)),
            Behaviour(text=Lorem(tokens=60), faults=(Cut(after=10),)),
            Behaviour(text=Lorem(tokens=5000), tokens_per_s=200.0),
            ANSWER,
        )
    }
    limits = (
        '[limits.all]\non = "organisation"\nper = "day"\nmoney = 1\noutput_tokens = 10_000\nrequests = 10\n'
    )
    toml = limits.replace("[limits", '[routes.once]\nincumbent = "acme/m"\nretries = 0\n[limits', 1)
    with limited(tmp_path, toml, models=models) as (endpoint, _):
        assert chat(endpoint, "once", max_tokens=100).status == 502
        after = rows(endpoint)
        assert after["all", "output_tokens"]["used"] == 0
        assert after["all", "requests"]["used"] == 1
        with endpoint.connect() as client:
            client.stream("once", max_tokens=100).raw()
        cut = until(lambda: rows(endpoint)["all", "output_tokens"]["used"])
        assert 9 <= cut <= 60  # those that came, and what may have been on its way
        with endpoint.connect() as client:
            stream = client.stream("once", max_tokens=5000)
            for _ in range(5):
                stream.event()
            stream.leave()
        gone = until(lambda: rows(endpoint)["all", "output_tokens"]["used"] - cut)
        assert 4 <= gone <= 100
        assert chat(endpoint, "once", max_tokens=100).status == 200
        final = rows(endpoint)
        assert final["all", "output_tokens"]["used"] == cut + gone + 20
        assert final["all", "requests"]["used"] == 4


def test_when_the_budget_is_used_up_the_own_model_answers(tmp_path: Path) -> None:
    limits = BUDGET + '[routes.mixed]\nincumbent = "acme/m"\nfallbacks = ["mine/llama"]\n'
    with limited(tmp_path, limits) as (endpoint, _):
        models = []
        for _ in range(12):
            answer = chat(endpoint, "mixed", max_tokens=40)
            assert answer.status == 200
            models.append(answer.headers["x-freehold-model"])
        assert models[0] == "acme/m"
        assert models[-1] == "mine/llama"
        last = endpoint.recorded(answer.call).call
        assert [one.error for one in last.attempts] == ["budget_exhausted", None]


def test_a_model_without_a_price_is_refused_under_a_limit_in_money(tmp_path: Path) -> None:
    with limited(tmp_path, BUDGET) as (endpoint, provider):
        refused = chat(endpoint, "acme/unheard-of", max_tokens=5)
        assert refused.status == 403
        assert "`acme/unheard-of` costs is not known" in refused.error["message"]
        assert provider.requests == []
        endpoint.configure(PROVIDER.format(url=provider.base_url) + BUDGET + "allow_unpriced = true\n")
        until(lambda: chat(endpoint, "acme/unheard-of", max_tokens=5).status == 200)


def test_an_answer_whose_length_nobody_bounds_is_reckoned_with(tmp_path: Path) -> None:
    with limited(tmp_path, BUDGET) as (endpoint, _):
        refused = chat(endpoint, "chat")
        assert refused.status == 402
        assert "`max_tokens`" in refused.error["message"]
        assert "32,768" in refused.error["message"]
        assert "retry-after" not in refused.headers
        assert refused.headers["x-freehold-limit"].endswith("reset=never")


def test_limits_change_while_it_runs_and_counts_stay(tmp_path: Path) -> None:
    limit = '[limits.all]\non = "organisation"\nper = "day"\nrequests = {}\n'
    with limited(tmp_path, "") as (endpoint, provider):
        start = PROVIDER.format(url=provider.base_url)
        assert chat(endpoint, "chat").status == 200
        assert "x-ratelimit-limit-requests" not in chat(endpoint, "chat").headers
        endpoint.configure(start + limit.format(2))
        until(lambda: chat(endpoint, "chat").status == 429)  # the calls from before count, too
        used = until(lambda: rows(endpoint)["all", "requests"]["used"])
        assert used >= 2
        endpoint.configure(start + limit.format(used + 2))
        until(lambda: chat(endpoint, "chat").status == 200)
        another = '[limits.another]\non = "route"\nper = "last 24 hours"\nrequests = {}\n'
        endpoint.configure(start + another.format(used + 1))
        until(lambda: "another;" in chat(endpoint, "chat").headers.get("x-freehold-limit", ""))
        assert rows(endpoint)["another", "requests"]["used"] >= used + 1
        endpoint.configure(start)
        until(lambda: "x-ratelimit-limit-requests" not in chat(endpoint, "chat").headers)


def test_counts_survive_a_kill_and_what_was_in_flight_is_charged(tmp_path: Path) -> None:
    slow = Behaviour(text=Lorem(tokens=500), tokens_per_s=50.0)
    limits = '[limits.all]\non = "organisation"\nper = "day"\noutput_tokens = 1_000\n'
    with limited(tmp_path, limits, models={"*": (ANSWER, slow)}) as (endpoint, _):
        assert chat(endpoint, "chat", max_tokens=100).status == 200
        with endpoint.connect() as client:
            client.stream("chat", max_tokens=500).event()
            until(lambda: rows(endpoint)["all", "output_tokens"]["held"] == 500)
            endpoint.kill()
        endpoint.start()
        found = rows(endpoint)["all", "output_tokens"]
        assert found["used"] + found["held"] + found["expired"] == 520
        assert chat(endpoint, "chat", max_tokens=481).status in (402, 429)


def test_a_lost_file_is_rebuilt_from_the_ledger(tmp_path: Path) -> None:
    limits = """
[limits.all]
on = "organisation"
per = "month"
money = 1
tokens = 10_000
[limits.each-route]
on = "route"
per = "last 24 hours"
output_tokens = 1_000
[limits.team]
on = "team"
per = "day"
output_tokens = 1_000
"""
    with limited(tmp_path, limits) as (endpoint, _):
        key = endpoint.make_key("ana", team="search")
        for _ in range(3):
            assert chat(endpoint, "chat", key, max_tokens=50).status == 200
        until(lambda: rows(endpoint)["team", "output_tokens"]["used"] == 60)
        before = rows(endpoint)
        endpoint.stop()
        (endpoint.data / "limits.db").unlink()
        endpoint.start()
        after = rows(endpoint)
        for which in (
            ("all", "money"),
            ("all", "tokens"),
            ("each-route", "output_tokens"),
            ("team", "output_tokens"),
        ):
            assert after[which]["used"] == before[which]["used"] != 0, which
        endpoint.stop()
        (endpoint.data / "limits.db").write_bytes(b"not a database" * 100)
        endpoint.start()
        assert rows(endpoint)["all", "money"]["used"] == before["all", "money"]["used"]
        assert list(endpoint.data.glob("limits.damaged-*.db"))


def test_batches_wait_for_a_rate_limit(tmp_path: Path) -> None:
    """A line that is told to come again is asked again."""
    slow = Behaviour(text=Lorem(tokens=10), headers_s=0.3)
    limits = '[limits.few]\non = "organisation"\nconcurrency = 1\n'
    with limited(tmp_path, limits, models={"*": slow}) as (endpoint, _), endpoint.sdk() as sdk:
        line = (
            b'{"custom_id":"%d","method":"POST","url":"/v1/chat/completions",'
            b'"body":{"model":"chat","messages":[{"role":"user","content":"hi"}]}}\n'
        )
        data = b"".join(line % number for number in range(3))
        file = sdk.files.create(file=("lines.jsonl", data), purpose="batch")
        batch = sdk.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        until(lambda: sdk.batches.retrieve(batch.id).status == "completed")
        counts = sdk.batches.retrieve(batch.id).request_counts
        assert counts is not None
        assert counts.completed == 3


def test_calls_at_once_are_counted_one_by_one(tmp_path: Path) -> None:
    """No check before an increment: of fifty at once, ten are let in."""
    limits = '[limits.all]\non = "organisation"\nper = "day"\nrequests = 10\n'
    with limited(tmp_path, limits) as (endpoint, provider):
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(chat(endpoint, "chat").status)) for _ in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] * 10 + [429] * 40
        assert len(provider.requests) == 10
