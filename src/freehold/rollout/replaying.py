"""Makes decisions again from what is kept of them, by the very code that made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from freehold.core.decision import Decision
from freehold.rollout import policy
from freehold.routing import locks
from freehold.routing.explaining import Again
from freehold.routing.policies import cascade, cheapest, fastest, learned, weighted

Replay = Callable[[Decision], Decision]
"""The decision, made again from its facts alone. Raises whatever it likes where they do not say enough."""

REPLAYS: Mapping[str, Replay] = {
    cascade.NAME: cascade.replay,
    cheapest.NAME: cheapest.replay,
    fastest.NAME: fastest.replay,
    learned.NAME: learned.replay,
    weighted.NAME: weighted.replay,
    policy.NAME: policy.replay,
}
"""By the policy's name. What a lock decided in place of a policy, the locks make again."""


class Replayed(msgspec.Struct, frozen=True):
    """What came of making a decision again."""

    verdict: Again
    decision: Decision | None = None
    """The one that came out; None where none did."""


def replay(decision: Decision) -> Replayed:
    """Make it again."""
    again = locks.replay_lock if decision.reason.startswith(locks.PREFIX) else REPLAYS.get(decision.policy)
    if again is None:
        return Replayed("unknown")
    try:
        made = again(decision)
    except Exception:  # noqa: BLE001 - facts of another version of Freehold may be anything
        return Replayed("unknown")
    return Replayed("same" if made == decision else "different", made)
