"""A smaller play of `python -m benchmarks.conversations`: nothing may be found with memory, something without."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from valkey_server import ValkeyServer, needs_valkey

from benchmarks.conversations.playing import Plan, play

SMALL = Plan(turns=1500, changes_every=23, restarts_every=211)


def test_no_conversation_is_taken_from_who_has_to_go_on(tmp_path: Path) -> None:
    outcome = asyncio.run(play(SMALL, tmp_path))
    assert outcome.unsafe_switches == 0, outcome.unsafe
    assert outcome.errors == 0
    assert outcome.in_loops > 500
    assert outcome.with_state > 500
    assert outcome.roll_backs > 5
    assert outcome.kills >= 3
    assert len(outcome.dialects) == 4
    assert min(outcome.by_models.values()) > 50


def test_without_memory_conversations_are_taken_away(tmp_path: Path) -> None:
    plan = Plan(turns=1000, changes_every=23, remembers=False)
    assert asyncio.run(play(plan, tmp_path)).unsafe_switches > 5


@needs_valkey()
def test_none_is_taken_from_it_over_a_server_either(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path) as server:
        plan = msgspec.structs.replace(SMALL, turns=800, fails=0.0, shared_url=server.url)
        outcome = asyncio.run(play(plan, tmp_path))
    assert outcome.unsafe_switches == 0, outcome.unsafe
    assert outcome.in_loops > 250
