"""Reads from the ledger what became of a router's decisions, from where it was left off."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from freehold.core.decision import Decision
from freehold.core.errors import NotFound, StoreError
from freehold.ledger.feedback import Feedback
from freehold.ledger.filters import Filter
from freehold.ledger.reading import LedgerReader
from freehold.ledger.record import Call
from freehold.rollout.gates.units import unpack
from freehold.rollout.routers.shelf import Shelved
from freehold.rollout.routers.watching import Watched
from freehold.routing.policies.learned import NAME

_AT_ONCE = 1_000
_MOST_ROUNDS = 100
_LATE = 10_000
"""Calls that may have been recorded after the router was made, but before one that began earlier and took long."""
_REASONS = frozenset({"good enough", "none good enough", "drawn", "not drawn"})
"""Of decisions that the router made, and no lock or alarm."""


def watched_file(shelved: Shelved) -> Path:
    """Where it is kept what was seen of a router."""
    return shelved.path.with_suffix(".watch.json")


def read_watched(shelved: Shelved) -> Watched:
    """What was seen so far. Raises StoreError: that cannot be read, so that an alarm may have been raised."""
    path = watched_file(shelved)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Watched)
    except FileNotFoundError:
        return Watched()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(
            f"`{path}` cannot be read: {error}.", hint="Make the router anew: `freehold router fit`."
        ) from error


def follow(shelved: Shelved, history: LedgerReader, now_us: int) -> Watched:
    """Take in what is new, and keep it. Raises StoreError."""
    watched = read_watched(shelved)
    if not history.exists:
        return watched
    before = msgspec.json.encode(watched)
    _follow_calls(watched, shelved, history, now_us)
    _follow_feedback(watched, shelved, history, now_us)
    after = msgspec.json.encode(watched)
    if after != before:
        _write(watched_file(shelved), after)
    return watched


def _follow_calls(watched: Watched, shelved: Shelved, history: LedgerReader, now_us: int) -> None:
    chosen = Filter(route=shelved.about.route, operation="chat", since_us=shelved.about.made_us)
    if not watched.calls:
        earlier = history.calls(Filter(until_us=shelved.about.made_us), limit=1)
        watched.calls = max([0, *(entry.seq - _LATE for entry in earlier)])
    for _ in range(_MOST_ROUNDS):
        last = history.last_seq()
        found = history.recorded_after(watched.calls, chosen, limit=_AT_ONCE)
        for entry in found:
            decision = decided_by(entry.call, shelved)
            if decision is not None:
                watched.decide(decision, shelved.about.seen, now_us)
        if len(found) < _AT_ONCE:
            watched.calls = max([last, *(entry.seq for entry in found[-1:])])
            return
        watched.calls = found[-1].seq


def _follow_feedback(watched: Watched, shelved: Shelved, history: LedgerReader, now_us: int) -> None:
    heard = unpack(watched.heard)
    for _ in range(_MOST_ROUNDS):
        found = history.feedback_after(watched.feedback, _AT_ONCE)
        for one in found:
            watched.feedback = one.seq
            score = score_of(one)
            if score is None or one.call_us < shelved.about.made_us:
                continue
            try:
                call = history.call(one.call_id).call
            except NotFound:  # retention took it
                continue
            decision = decided_by(call, shelved)
            if decision is None or f"{call.provider}/{call.model}" != decision.chosen:
                continue
            if heard.first("call", call.id):
                cheaper = decision.chosen != decision.facts.get("incumbent")
                watched.hear(cheaper=cheaper, bad=score < 0.5, about=shelved.about, now_us=now_us)
        if len(found) < _AT_ONCE:
            break
    watched.heard = heard.pack()


def score_of(said: Feedback) -> float | None:
    """From 0 to 1; None: it says nothing that counts."""
    if said.number is None and said.correction is not None:
        return 0.0  # whoever says what would have been right says that it was not
    return said.number


def decided_by(call: Call, shelved: Shelved) -> Decision | None:
    """The decision of a call that this router made."""
    decision = call.decision
    if decision is None or decision.policy != NAME or decision.reason not in _REASONS:
        return None
    return decision if decision.facts.get("router") == shelved.hash else None


def _write(path: Path, content: bytes) -> None:
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(
            f"`{path}` cannot be written: {error.strerror}.", hint="Look at the disk."
        ) from error
