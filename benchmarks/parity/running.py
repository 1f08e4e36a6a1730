"""Runs every probe, directly and through Freehold, some at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.parity.clients import CLIENTS, Client, Said
from benchmarks.parity.features.numbers import MARK
from benchmarks.parity.probes import INBOUND, OUTBOUND, Follow, Probe, first_request, next_request
from benchmarks.parity.serving import placed, resolved, serving
from benchmarks.parity.stage import SECOND, TOO_LARGE, Stage, provider_named
from benchmarks.parity.wishes import Wish, said
from freehold.providers.simulated import Behaviour, Script
from freehold.providers.simulated.observation import ReceivedRequest

FAMILIES = {
    "openai-chat": "gpt-5.2",
    "openai-responses": "gpt-5.2",
    "anthropic-messages": "claude-opus-4-6",
    "gemini": "gemini-3-pro",
    "bedrock-converse": "anthropic.claude-opus-4-6",
    "cohere": "command-a-reasoning",
}
"""The models that are simulated: what can be asked of one depends on its name."""
AT_A_TIME = 6


class Job(Struct, frozen=True):
    """One probe in one cell, or directly (`outbound` None)."""

    number: int
    probe: Probe
    inbound: str
    outbound: str | None
    mode: str

    def dialect_of(self, turn: int) -> str:
        """What is spoken with the provider that answers the request number `turn`."""
        dialect = self.outbound or self.inbound
        if self.probe.switched == "dialect" and self.outbound is not None and turn < len(self.probe.asks) - 1:
            return "gemini" if dialect == "anthropic-messages" else "anthropic-messages"
        return dialect

    def model(self, turn: int) -> str:
        """The provider's name for the model: nobody else asks for it, so its calls are found again."""
        return f"{FAMILIES[self.dialect_of(turn)]}-x{self.number}"

    def provider(self, turn: int) -> str:
        """Which configured provider answers."""
        other = self.probe.switched == "account" and turn < len(self.probe.asks) - 1
        return provider_named((SECOND if other else "") + self.dialect_of(turn))


class Done(Struct):
    """What came of a job."""

    job: Job
    said: list[Said]
    understood: list[dict[str, Any] | None] = []
    """What the provider understood of each request; None: it refused, or was not asked."""
    statuses: list[int | None] = []
    """What the provider answered."""
    bodies: list[bytes] = []
    losses: tuple[str, ...] = ()
    """Of all its requests, as the ledger has them."""
    recorded: int = 0
    """Calls in the ledger."""


def jobs_for(probes: Iterable[Probe], chosen: Callable[[str, str], bool]) -> list[Job]:
    """Every probe directly once for each mode, and in every cell that is `chosen`."""
    jobs: list[Job] = []
    for probe in probes:
        for inbound in probe.inbound:
            outbounds = [one for one in OUTBOUND if chosen(inbound, one)]
            for mode in probe.modes:
                for outbound in (None, *outbounds) if outbounds else ():
                    jobs.append(Job(len(jobs), probe, inbound, outbound, mode))
    return jobs


def run(jobs: list[Job], hosting: str | None = None) -> tuple[list[Done], str]:
    """All of them, and what the endpoint said on standard error. `hosting`: as in Stage."""
    models: dict[str, Behaviour | tuple[Behaviour, ...]] = {}
    for job in jobs:
        for turn in range(len(job.probe.asks)):
            models[job.model(turn)] = _behaviour(job, turn)
    with (
        tempfile.TemporaryDirectory(prefix="parity-") as folder,
        serving() as files,
        Stage(Path(folder), Script(models=models), files, hosting) as stage,
        ExitStack() as closing,
    ):
        direct, through, strangers = (
            {one: closing.enter_context(_client(one, url, key)) for one in INBOUND}
            for url, key in (
                (stage.provider_url, "sk-of-the-client"),
                (stage.url, stage.key),
                (stage.url, "fh-of-nobody"),
            )
        )

        def work(job: Job) -> Done:
            clients = direct if job.outbound is None else strangers if job.probe.ours == "key" else through
            return _run(job, clients[job.inbound], files)

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            done = list(pool.map(work, jobs))
        closing.close()
        stage.stop()
        _add_records(done, stage.ledger())
        _add_understood(done, stage.received, files)
        return done, stage.log


@contextmanager
def _client(dialect: str, url: str, key: str) -> Iterator[Client]:
    client = CLIENTS[dialect](url, key)
    try:
        yield client
    finally:
        client.close()


def _behaviour(job: Job, turn: int) -> Behaviour | tuple[Behaviour, ...]:
    """What the model of this turn does: with a switch, each of the two has its own part of the sequence."""
    behaves = _marked(_possible(job.probe.behaves, job.dialect_of(turn)), job.number)
    if job.probe.switched == "dialect" and job.outbound is not None and isinstance(behaves, tuple):
        return behaves[-1] if turn == len(job.probe.asks) - 1 else behaves[:-1]
    return behaves


STATEFUL = ("openai-responses", "anthropic-messages", "gemini", "bedrock-converse")
"""Dialects in which a provider makes state and can want it back."""


def _possible(behaves: Behaviour | tuple[Behaviour, ...], dialect: str) -> Behaviour | tuple[Behaviour, ...]:
    """Without a demand for state where the dialect has none."""
    if isinstance(behaves, tuple):
        return tuple(one for each in behaves if isinstance(one := _possible(each, dialect), Behaviour))
    if behaves.reasoning is None or dialect in STATEFUL:
        return behaves
    return replace(behaves, reasoning=replace(behaves.reasoning, required=False))


def _marked(behaves: Behaviour | tuple[Behaviour, ...], number: int) -> Behaviour | tuple[Behaviour, ...]:
    """What the provider wants back has to be told apart from what it said elsewhere."""
    text = msgspec.json.encode(behaves).replace(MARK.encode(), mark_of(number).encode())
    return msgspec.json.decode(text, type=Behaviour | tuple[Behaviour, ...])


def mark_of(number: int) -> str:
    """The mark in a job's answers."""
    return f"Mark{number}city"


def _run(job: Job, client: Client, files: str) -> Done:
    done = Done(job, [])
    written: Any = None
    for turn, ask in enumerate(job.probe.asks):
        if isinstance(ask, Follow):
            if done.said[-1].failure is not None or done.said[-1].answer is None:
                break
            written = next_request(ask, job.inbound, written, done.said[-1])
        else:
            written = placed(first_request(ask, job.inbound), files)
        name = job.model(turn)
        if job.outbound is not None:
            name = f"{job.provider(turn)}/{name}"
            if job.probe.ours is not None:
                name, written = _spoilt(job, name, written)
        done.said.append(client.ask(name, written, stream=job.mode == "streamed"))
    return done


def _spoilt(job: Job, name: str, written: Any) -> tuple[str, Any]:
    """The request as Freehold itself refuses it."""
    if job.probe.ours == "model":
        return "nobody-s-model", written
    place = {"openai-responses": "input", "gemini": "contents"}.get(job.inbound, "messages")
    if job.probe.ours == "size":
        return name, {
            **written,
            place: [*written[place], *first_request(Wish(turns=said("x" * TOO_LARGE)), job.inbound)[place]],
        }
    if job.probe.ours == "request":
        if job.inbound == "gemini":  # its SDK lets nothing wrong through, but for what goes beside
            options = {"extra_body": {"generationConfig": {"temperature": "warm"}}}
            return name, {**written, "config": {**written["config"], "http_options": options}}
        return name, {**written, "extra_body": {"temperature": "warm"}}
    return name, written


def _add_records(done: list[Done], ledger: list[dict[str, Any]]) -> None:
    by_id = {call["id"]: call for call in ledger}
    for one in done:
        found = [by_id[said.call] for said in one.said if said.call in by_id]
        one.recorded = len(found)
        names = [name for call in found for name in call["losses"] or ()]
        one.losses = tuple(dict.fromkeys(names))


def _add_understood(done: list[Done], received: list[ReceivedRequest], files: str) -> None:
    by_model: dict[str | None, list[ReceivedRequest]] = {}
    for request in received:
        model = request.model or _model_in(request)
        by_model.setdefault(model, []).append(request)
    for one in done:
        models = dict.fromkeys(one.job.model(turn) for turn in range(len(one.job.probe.asks)))
        requests = [request for model in models for request in by_model.get(model, [])]
        requests.sort(key=lambda request: request.number)
        one.understood = [resolved(request.understood(), files) for request in requests]
        one.statuses = [request.status for request in requests]
        one.bodies = [request.body for request in requests]


def _model_in(request: ReceivedRequest) -> str | None:
    """Of a request that was refused before its model was looked up."""
    for text in (request.target, request.body.decode("utf-8", "replace")):
        start = text.rfind("-x")
        while start >= 0:
            end = start + 2
            while end < len(text) and text[end].isdigit():
                end += 1
            if end > start + 2:
                for family in FAMILIES.values():
                    if text[:start].endswith(family):
                        return family + text[start:end]
            start = text.rfind("-x", 0, start)
    return None
