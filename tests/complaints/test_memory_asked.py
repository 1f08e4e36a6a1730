"""B6.2: a question about a few thousand calls asks for more memory than there is."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import msgspec
import pytest
from many_rows import count_calls, multiply_calls
from rehearsing import PLAIN, rehearsing
from running_endpoint import RunningEndpoint, until
from told_provider import ToldProvider

from freehold.providers.simulated import Behaviour, Script

MEBI = 1 << 20
SCRIPT = Script(models={"*": Behaviour(text="Yes.")})
FEW, MANY = 4_630, 30_000
"""As many as there were in the thread, and six times as many."""
QUESTIONS = {
    "list": ("calls", "--limit", "50"),
    "sums": ("spend", "--by", "day", "--json"),
    "losses": ("calls", "--losses"),
    "export": ("calls", "export"),
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    """With a few calls on record."""
    with rehearsing(tmp_path_factory.mktemp("endpoint"), SCRIPT, PLAIN) as (running, _):
        with running.connect() as client:
            running.recorded(client.chat("chat").call)
        multiply_calls(running.ledger.place, FEW - 1, days_ago=1)
        yield running


_PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
assert done.returncode in (0, 1) and b"Traceback" not in done.stderr, done.stderr
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def memory_for(endpoint: RunningEndpoint, *words: str) -> int:
    """The most that a command had resident, in bytes."""
    command = [sys.executable, "-c", _PEAK, sys.executable, "-m", "freehold", *words]
    done = subprocess.run(
        command, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, check=True
    )
    return int(done.stdout) * 1024


def test_questions_take_as_much_memory_for_many_calls_as_for_few(
    endpoint: RunningEndpoint, show: Callable[[str], None]
) -> None:
    """https://github.com/langfuse/langfuse/issues/7764: with 4,630 traces a list of them made the database ask for
    2.66 EiB.
    """
    few = {name: memory_for(endpoint, *words) for name, words in QUESTIONS.items()}
    multiply_calls(endpoint.ledger.place, MANY - FEW, days_ago=2)
    assert count_calls(endpoint.ledger.place) == MANY
    many = {name: memory_for(endpoint, *words) for name, words in QUESTIONS.items()}
    for name, most in many.items():
        show(
            f"memory to answer `{name}`: {few[name] / MEBI:.0f} MB for {FEW}, {most / MEBI:.0f} for {MANY} calls"
        )
        assert most < 150 * MEBI, name
        assert most - few[name] < 10 * MEBI, name


def test_numbers_that_cannot_be_are_no_reason_to_fail(endpoint: RunningEndpoint) -> None:
    """https://github.com/langfuse/langfuse/issues/7764: a size that nobody had was believed. So may be a provider's
    count of tokens: whatever it says, sums can be made.
    """
    usage = {"prompt_tokens": 2**62, "completion_tokens": 2**62, "total_tokens": 2**63}
    message = {"role": "assistant", "content": "Yes."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    with ToldProvider() as told:
        told.tell(msgspec.json.encode({"id": "a", "model": "m", "choices": [choice], "usage": usage}))
        known = len(endpoint.log)
        before = endpoint.file.read_text()
        endpoint.configure(f'{before}\n[providers.told]\nbase_url = "{told.url}/v1"\n')
        endpoint.send(signal.SIGHUP)
        until(lambda: endpoint.says("in force", since=known))
        for _ in range(3):
            with endpoint.connect() as client:
                answer = client.chat("told/any")
            assert answer.status == 200
            endpoint.recorded(answer.call)
    for by in ("route", "model", "day"):
        done = subprocess.run(
            [sys.executable, "-m", "freehold", "spend", "--by", by, "--json"],
            cwd=endpoint.folder,
            env=endpoint.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert endpoint.health["parts"]["ledger"] == "ok"
