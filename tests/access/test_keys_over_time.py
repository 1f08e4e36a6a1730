"""Keys against a plain dictionary: whatever happens in whatever order, `find` says the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from freehold.access.keys import Keys
from freehold.store.places import Place


class Hands:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000

    def now(self) -> float:
        return float(self.seconds)

    def tick(self) -> float:
        return float(self.seconds)


class KeysOverTime(RuleBasedStateMachine):
    """One process makes and revokes; another only refreshes, as the endpoint does."""

    tokens = Bundle("tokens")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.folder = Path(tempfile.mkdtemp(prefix="freehold-test-"))
        self.clock = Hands()
        self.writer = self._open()
        self.endpoint = self._open()
        self.expiry: dict[str, float] = {}

    def _open(self) -> Keys:
        return Keys(self.place, self.folder / "secret", self.clock)

    def teardown(self) -> None:
        self.writer.close()
        self.endpoint.close()
        shutil.rmtree(self.folder)

    @rule(target=tokens, seconds=st.none() | st.integers(1, 50))
    def create(self, seconds: int | None) -> str:
        expires = None if seconds is None else self.clock.seconds + seconds
        _, token = self.writer.create(
            "holder", numbered=True, expires_us=None if expires is None else expires * 1_000_000
        )
        self.expiry[token] = float("inf") if expires is None else expires
        return token

    @rule(token=consumes(tokens))
    def revoke(self, token: str) -> None:
        self.writer.revoke(token)
        self.expiry[token] = 0

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.clock.seconds += seconds

    @rule()
    def restart(self) -> None:
        self.endpoint.close()
        self.endpoint = self._open()

    @invariant()
    def both_know_the_same(self) -> None:
        self.endpoint.keep_up()
        good = {token for token, expiry in self.expiry.items() if expiry > self.clock.seconds}
        for keys in (self.writer, self.endpoint):
            assert {token for token in self.expiry if keys.find(token)} == good
            assert keys.usable == len(good)
            assert len(keys.list()) == len(self.expiry)
        names = [key.name for key in self.writer.list() if self._good(key.revoked_us, key.expires_us)]
        assert len(names) == len(set(names))

    def _good(self, revoked_us: int | None, expires_us: int | None) -> bool:
        return revoked_us is None and (expires_us is None or expires_us > self.clock.seconds * 1_000_000)


def test_keys_over_time(places: Callable[[], Place]) -> None:
    run_state_machine_as_test(
        lambda: KeysOverTime(places()),  # type: ignore[arg-type]  # anything that makes one will do
        settings=settings(
            max_examples=10,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
