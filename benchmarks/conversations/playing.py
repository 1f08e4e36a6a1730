"""Plays conversations against engines whose policies change, are rolled back, and which end and start again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from benchmarks.conversations.clients import Client, new_client
from benchmarks.conversations.models import Models
from benchmarks.conversations.streams import whole_of
from freehold.access.key import Key
from freehold.app.chores import end_all
from freehold.core.clock import SystemClock
from freehold.core.errors import FreeholdError
from freehold.engine.engine import Engine
from freehold.engine.runtime import Runtime
from freehold.engine.steered.filed import FiledShelf
from freehold.engine.steered.makers import Shelf
from freehold.engine.steered.memory import Memory
from freehold.engine.steered.route_steering import RouteSteering
from freehold.engine.steered.shared import SharedShelf
from freehold.ledger.record import Call
from freehold.providers.client import ProviderClient
from freehold.providers.settings import ProviderSettings
from freehold.routing.policies.weighted import Weighted
from freehold.routing.routes import Route, RouteTable, Target

NAMES = ("one", "two", "three")
TARGETS = tuple(Target(name, f"{name}-model") for name in NAMES)
STAGES = ((100, 0, 0), (99, 1, 0), (95, 5, 0), (75, 25, 0), (0, 100, 0), (40, 30, 30), (0, 0, 100))
"""Weights that a route goes through, in any order."""
_OPENINGS = ("Hello.", "Look around.", "Go on.")
"""Few, so that many conversations begin alike."""


class Plan(msgspec.Struct, frozen=True):
    """What is played."""

    turns: int = 21_000
    at_once: int = 32
    """Conversations that go on at the same time."""
    seed: int = 1
    fails: float = 0.01
    """The share of requests that a provider answers with an error, so that another takes over."""
    remembers: bool = True
    """Without memory, it has to go wrong."""
    shared_url: str | None = None
    """Of a Valkey or Redis server that the engines share their memory through; None: they share a file."""
    engines: int = 2
    latency_s: float = 0.01
    changes_every: int = 41
    """Turns between two changes of a route's stage."""
    restarts_every: int = 499
    """Turns between two restarts of an engine."""


class Outcome(msgspec.Struct):
    """What came of it."""

    turns: int = 0
    conversations: int = 0
    streams: int = 0
    in_loops: int = 0
    """Turns that answered tool calls."""
    with_state: int = 0
    """Turns that held a model's state."""
    unsafe_switches: int = 0
    """Of those, turns that another model was asked first than the one that had to go on."""
    forced_switches: int = 0
    """Turns that another model answered because the one that had to go on failed, then or a moment before."""
    soft_switches: int = 0
    """Turns in which a conversation that could leave its model did."""
    errors: int = 0
    changes: int = 0
    roll_backs: int = 0
    restarts: int = 0
    kills: int = 0
    """Of the restarts, those in which nothing more was written."""
    by_models: dict[str, int] = {}
    dialects: dict[str, int] = {}
    unsafe: list[str] = []
    """What the first of them were."""


class Stage:
    """One engine with a memory of its own over a file that all share."""

    def __init__(self, runtime: Runtime, shelf: Callable[[], Shelf] | None) -> None:
        """`shelf` makes one; without it, nothing is remembered."""
        self._runtime = runtime
        self._shelf = shelf
        self.engine: Engine
        self.steering: RouteSteering
        self._kept: Shelf | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.ended: list[Call] = []
        self._start()

    def _start(self) -> None:
        clock = SystemClock()
        self._kept = shelf = None if self._shelf is None else self._shelf()
        memory = Memory(None, clock, most=0) if shelf is None else Memory(shelf, clock)
        self.steering = RouteSteering(memory, lambda: self.engine.runtime)
        runtime = msgspec.structs.replace(self._runtime, steering=self.steering)
        self.engine = Engine(runtime, clock=clock, observers=(self.ended.append,))
        self._tasks = [asyncio.create_task(memory.run()), asyncio.create_task(memory.follow())]

    async def end(self, *, killed: bool = False) -> None:
        """End it. `killed`: without writing what waits to be written."""
        await end_all(self._tasks)
        if not killed:
            await self.steering.memory.close()
        elif self._kept is not None:
            await self._kept.close()

    async def restart(self, *, killed: bool) -> None:
        """End it and start it again, with nothing in mind."""
        policies = dict(self.steering.policies)
        await self.end(killed=killed)
        self._start()
        self.steering.set_policies(policies)


class Play:
    """One play; see `play`."""

    def __init__(self, plan: Plan, stages: list[Stage], models: dict[str, Models]) -> None:
        self.plan = plan
        self.outcome = Outcome(by_models=dict.fromkeys(NAMES, 0))
        self._stages = stages
        self._models = models
        self._draw = Random(plan.seed)
        self._gate = asyncio.Lock()
        self._going = 0
        self._weights = STAGES[0]

    async def run(self) -> Outcome:
        """All of it."""
        self._set(STAGES[0])
        await asyncio.gather(*(self._converse_on(number) for number in range(self.plan.at_once)))
        return self.outcome

    async def _converse_on(self, number: int) -> None:
        draw = Random(f"{self.plan.seed} {number}")
        while self.outcome.turns < self.plan.turns:
            self.outcome.conversations += 1
            await self._converse(new_client(draw), draw)

    async def _converse(self, client: Client, draw: Random) -> None:
        kind = draw.choice(("header", "session", "none", "none"))
        name = f"{draw.getrandbits(128):032x}"
        names: dict[str, Any] = {"session": name} if kind == "session" else {}
        key = Key(f"key_{draw.randrange(3)}", "a key", "fh-…", 0)
        maker: str | None = None
        state_of: str | None = None
        for _ in range(draw.randint(1, 6)):
            client.say(draw.choice(_OPENINGS))
            if draw.random() < 0.1:
                client.forget_the_beginning()
            in_loop = False
            while self.outcome.turns < self.plan.turns:
                stream = client.dialect != "openai-chat" and draw.random() < 0.5
                system = f"It is {self.outcome.turns} o'clock." if draw.random() < 0.5 else "Be kind."
                body = client.body(system, names, stream=stream)
                holds_state = b'"freehold' in body
                call = await self._ask(
                    client, body, key, name if kind == "header" else None, draw, stream=stream
                )
                if call is None:
                    return
                bound_to = maker if in_loop else state_of if holds_state else None
                self._judge(call, maker, bound_to, in_loop=in_loop, holds_state=holds_state)
                maker = call.provider
                answer = call.answer_body
                assert answer is not None
                if stream:
                    answer = whole_of(client.dialect, answer)
                if b'"freehold' in answer:
                    state_of = maker
                if not client.hear(answer):
                    break
                client.use_tools("Remember to be kind." if draw.random() < 0.2 else None)
                in_loop = True

    async def _ask(
        self, client: Client, body: bytes, key: Key, heading: str | None, draw: Random, *, stream: bool
    ) -> Call | None:
        await self._change()
        self._going += 1
        stage = draw.choice(self._stages)
        running = stage.engine.begin("chat", client.dialect, key)
        running.conversation = heading
        self.outcome.turns += 1
        try:
            request = client.read(body, stream=stream)
            running.receive(body, keep_body=True)
            running.route_to(request)
            piece = await running.ask(request)
            while request.stream and piece:
                piece = await running.next_piece()
        except FreeholdError as error:
            running.fail(error, 500)
            self.outcome.errors += 1
            return None
        finally:
            self._going -= 1
        return running.call

    def _judge(
        self, call: Call, before: str | None, bound_to: str | None, *, in_loop: bool, holds_state: bool
    ) -> None:
        """`before`: who answered last. `bound_to`: who has to go on."""
        outcome = self.outcome
        outcome.streams += call.streamed
        outcome.in_loops += in_loop
        outcome.with_state += holds_state
        outcome.by_models[call.provider or ""] += 1
        outcome.dialects[call.dialect] = outcome.dialects.get(call.dialect, 0) + 1
        if bound_to is None:
            outcome.soft_switches += before not in (None, call.provider)
        elif call.attempts[0].provider != bound_to and not _is_left_alone(call, bound_to):
            outcome.unsafe_switches += 1
            if len(outcome.unsafe) < 20:
                where = "loop" if in_loop else "state"
                asked = call.attempts[0].provider
                outcome.unsafe.append(f"{call.dialect} {where}: {bound_to} -> {asked}, {call.decision}")
        elif call.provider != bound_to:
            outcome.forced_switches += 1

    # What happens beside the conversations

    async def _change(self) -> None:
        turns, plan, draw = self.outcome.turns, self.plan, self._draw
        async with self._gate:
            if turns and turns // plan.changes_every > self.outcome.changes:
                self.outcome.changes += 1
                self._set(draw.choice(STAGES))
                if draw.random() < 0.3:
                    self.outcome.roll_backs += 1
                    draw.choice(self._stages).steering.release("r", draw.choice(TARGETS).name)
                if draw.random() < 0.15:
                    for stage in self._stages:
                        stage.steering.set_policies({})
            if turns // plan.restarts_every > self.outcome.restarts:
                self.outcome.restarts += 1
                killed = self.outcome.restarts % 2 == 1
                while self._going:
                    await asyncio.sleep(0.002)
                self.outcome.kills += killed
                await draw.choice(self._stages).restart(killed=killed)

    def _set(self, weights: tuple[int, ...]) -> None:
        named = {target.name: weight for target, weight in zip(TARGETS, weights, strict=True)}
        for stage in self._stages:
            stage.steering.set_policies({"r": Weighted(named, salt="r")})


def _shelves(plan: Plan, folder: Path) -> Callable[[], Shelf] | None:
    url = plan.shared_url
    if not plan.remembers:
        return None
    return lambda: FiledShelf(folder / "steering.db", shared=True) if url is None else SharedShelf(url)


def _is_left_alone(call: Call, bound_to: str) -> bool:
    """Whether who has to go on was chosen, and not asked because it had just failed."""
    chosen = call.decision is not None and call.decision.chosen.startswith(f"{bound_to}/")
    return chosen and call.attempts[0].reason == "fallback"


async def play(plan: Plan, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """Play it, with the memory's file in `folder`."""
    async with AsyncExitStack() as stack:
        models = {
            name: await stack.enter_async_context(
                Models(name, fails=plan.fails, seed=plan.seed, latency_s=plan.latency_s)
            )
            for name in NAMES
        }
        clients = {
            name: ProviderClient(
                ProviderSettings(
                    name=name,
                    base_url=f"{one.url}/v1",
                    dialects=("anthropic-messages",),
                    account=f"account of {name}",
                ),
                tls=None,
            )
            for name, one in models.items()
        }
        for client in clients.values():
            stack.callback(client.close)
        runtime = Runtime(RouteTable({"r": Route("r", TARGETS[0], TARGETS[1:])}), clients, keep_bodies=True)
        stages = [Stage(runtime, _shelves(plan, folder)) for _ in range(plan.engines)]
        playing = Play(plan, stages, models)
        try:
            return await playing.run()
        finally:
            for stage in stages:
                await stage.end()
