"""Plays a script: from a received request to the steps that answer it."""

from __future__ import annotations

from collections.abc import Iterator
from hmac import compare_digest
from typing import Any

import msgspec

from freehold.core.clock import Clock
from freehold.providers.simulated import faults, grants, signatures
from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask
from freehold.providers.simulated.dialect import (
    JSON,
    Dialect,
    Object,
    Place,
    Refusal,
    check_required,
    remember,
    wrong,
)
from freehold.providers.simulated.dialects.anthropic import AnthropicMessages
from freehold.providers.simulated.dialects.anthropic_hosted import AnthropicOnBedrock, AnthropicOnVertex
from freehold.providers.simulated.dialects.bedrock import BedrockConverse
from freehold.providers.simulated.dialects.cohere import Cohere
from freehold.providers.simulated.dialects.gemini import Gemini
from freehold.providers.simulated.dialects.openai_chat import OpenAIChat
from freehold.providers.simulated.dialects.responses import OpenAIResponses
from freehold.providers.simulated.dice import draw
from freehold.providers.simulated.happenings import Finished, Happening, gathered, happenings, tokens_in
from freehold.providers.simulated.mischief import drip, spoil
from freehold.providers.simulated.observation import Observation, ReceivedRequest
from freehold.providers.simulated.reply import Piece, Reply, Step, frame, whole
from freehold.providers.simulated.routes import place_of
from freehold.providers.simulated.script import Script
from freehold.providers.simulated.turns import Turn, Turns
from freehold.providers.simulated.words import count_tokens, vector_of

_OPENAI = OpenAIChat()
DIALECTS: dict[str, Dialect] = {
    one.name: one
    for one in (
        _OPENAI,
        OpenAIResponses(),
        AnthropicMessages(),
        AnthropicOnBedrock(),
        AnthropicOnVertex(),
        Gemini(),
        BedrockConverse(),
        Cohere(),
    )
}
_read = msgspec.json.Decoder().decode


class Stage:
    """Holds the script, the turns taken, and everything observed."""

    def __init__(self, script: Script, observation: Observation, clock: Clock) -> None:
        self.observation = observation
        self.clock = clock
        self._marks: dict[str, Any] = {}
        self.play(script)

    def play(self, script: Script) -> None:
        """Starts `script` from its beginning. Answers under way go on as they began."""
        self.script = script
        self._turns = Turns(script)
        self._marks.clear()

    def answer(self, seen: ReceivedRequest, *, chunked: bool, keep_alive: bool) -> Iterator[Step]:
        """The steps that answer a request."""
        keep_alive = keep_alive and self.script.keep_alive_s != 0
        path = seen.target.partition("?")[0]
        prefix = self.script.prefix.rstrip("/")
        place = place_of(path.removeprefix(prefix), seen) if path.startswith(prefix) else None
        dialect = _OPENAI if place is None else DIALECTS[place.dialect]
        try:
            if path == f"{prefix}{grants.PATH}" and self.script.google_key is not None:
                return frame(
                    self._grant(seen, path, self.script.google_key),
                    seen,
                    chunked=chunked,
                    keep_alive=keep_alive,
                    bodiless=False,
                )
            if place is None:
                raise _refusal(404, f"Unknown request URL: {seen.method} {path[:200]}.")
            seen.dialect = place.dialect
            reply, turn = self._reply(dialect, place, seen)
        except Refusal as refusal:
            reply, turn = dialect.error(refusal.answer), None
        steps = frame(reply, seen, chunked=chunked, keep_alive=keep_alive, bodiless=seen.method == "HEAD")
        if turn is not None and isinstance(turn.fault, faults.Drip):
            return drip(steps, turn.fault, turn.dice)
        return steps

    def _reply(self, dialect: Dialect, place: Place, seen: ReceivedRequest) -> tuple[Reply, Turn | None]:
        if seen.method not in (("GET", "HEAD") if place.action == "models" else ("POST",)):
            raise _refusal(405, f"Not allowed to {seen.method} on this path.")
        key = dialect.key_of(seen)
        if self.script.key is not None and not compare_digest((key or "").encode(), self.script.key.encode()):
            raise _refusal(401, None)
        self._check_signature(dialect, seen)
        if place.action == "models":
            names = [name for name in self.script.models if name != "*"]
            if place.model is not None and place.model not in names and "*" not in self.script.models:
                raise _unknown(place.model)
            return whole(200, JSON, dialect.models(names, place.model)), None
        body = _object(seen.body)
        if place.action == "embed":
            return self._embed(dialect, body, place, seen)
        ask = dialect.ask(body, place, seen, self._account(dialect, key))
        check_required(ask)
        seen.asked = ask
        if place.action == "count":
            return whole(200, JSON, dialect.count(ask.input_tokens())), None
        turn = self._turn(ask.model, seen)
        if isinstance(turn.fault, faults.Refused):
            return self._refuse(dialect, turn, turn.fault), turn
        if turn.behaviour.calls_itself is not None:
            ask.model = turn.behaviour.calls_itself
        happening = happenings(ask, turn)
        wait = draw(turn.behaviour.headers_s, turn.dice)
        if ask.stream:
            happening = _remembered(ask, turn, happening) if turn.behaviour.reasoning else happening
            headers = [("content-type", dialect.stream_type(seen)), ("cache-control", "no-cache")]
            reply = Reply(200, headers, dialect.events(ask, turn, happening, seen), None, _wait(wait))
        else:
            reply = self._whole(dialect, ask, turn, happening, seen, pause=wait)
        return self._finish(dialect, reply, turn, seen), turn

    def _check_signature(self, dialect: Dialect, seen: ReceivedRequest) -> None:
        secret = self.script.aws_secret
        if secret is None or dialect.identified_by != "x-amzn-requestid" or not signatures.is_signed(seen):
            return
        problem = signatures.problem_of(seen, secret, self.clock.now())
        if problem is not None:
            raise Refusal(faults.Refused(status=403, type="InvalidSignatureException", message=problem))

    def _grant(self, seen: ReceivedRequest, path: str, public_key: str) -> Reply:
        address = f"http://{seen.header('host')}{path}"
        token, now = self.script.key or "", self.clock.now()
        return grants.grant(seen.body, address=address, public_key=public_key, token=token, now=now)

    def _account(self, dialect: Dialect, key: str | None) -> Account:
        script = self.script
        return Account(script.seed, key or "", dialect.name, self._marks, strict_turns=script.strict_turns)

    def _whole(
        self,
        dialect: Dialect,
        ask: Ask,
        turn: Turn,
        happening: Iterator[Happening | float],
        seen: ReceivedRequest,
        *,
        pause: float,
    ) -> Reply:
        """Everything that would happen in a stream, waited for and then said at once."""
        said: list[Happening] = []
        for one in happening:
            if isinstance(one, float):
                pause += one
            else:
                said.append(one)
        answer = gathered(said)
        remember(ask, turn.behaviour, answer)
        body = dialect.body(ask, turn, answer)
        tokens = sum(map(tokens_in, said))

        def counted() -> Iterator[Piece]:
            seen.tokens = tokens
            yield body

        return Reply(200, [("content-type", JSON)], counted(), len(body), _wait(pause))

    def _embed(
        self, dialect: Dialect, body: Object, place: Place, seen: ReceivedRequest
    ) -> tuple[Reply, Turn]:
        wanted = dialect.embedding(body, place)
        turn = self._turn(wanted.model, seen)
        if isinstance(turn.fault, faults.Refused):
            return self._refuse(dialect, turn, turn.fault), turn
        behaviour = turn.behaviour
        vectors = [vector_of(text, wanted.dimensions or behaviour.dimensions) for text in wanted.texts]
        tokens: int | None = sum(map(count_tokens, wanted.texts))
        if behaviour.usage == "missing":
            tokens = None
        elif not isinstance(behaviour.usage, str) and behaviour.usage.input_tokens is not None:
            tokens = behaviour.usage.input_tokens
        pause = draw(behaviour.headers_s, turn.dice) + draw(behaviour.first_token_s, turn.dice)
        reply = whole(200, JSON, dialect.vectors(wanted, vectors, tokens, turn), wait=pause)
        return self._finish(dialect, reply, turn, seen), turn

    def _turn(self, model: str, seen: ReceivedRequest) -> Turn:
        seen.model = model
        turn = self._turns.take(model)
        if turn is None:
            raise _unknown(model)
        if turn.fault is not None and (seen.place or not isinstance(turn.fault, faults.Stale)):
            seen.fault = faults.kind_of(turn.fault)
        return turn

    def _refuse(self, dialect: Dialect, turn: Turn, fault: faults.Refused) -> Reply:
        reply = dialect.error(fault)
        reply.before = _wait(draw(fault.after_s, turn.dice))
        reply.headers.append((dialect.identified_by, f"req_{turn.identifier}"))
        reply.headers.extend(turn.behaviour.headers.items())
        return reply

    def _finish(self, dialect: Dialect, reply: Reply, turn: Turn, seen: ReceivedRequest) -> Reply:
        reply.headers.append((dialect.identified_by, f"req_{turn.identifier}"))
        reply.headers.extend(turn.behaviour.headers.items())
        return spoil(reply, turn.fault, dialect, turn.dice, used=seen.place > 0)


def _remembered(ask: Ask, turn: Turn, happening: Iterator[Happening | float]) -> Iterator[Happening | float]:
    """The same; at the end it is kept what came with reasoning."""
    said: list[Happening] = []
    for one in happening:
        if not isinstance(one, float):
            said.append(one)
        if isinstance(one, Finished):
            remember(ask, turn.behaviour, gathered(said))
        yield one


def _object(body: bytes) -> Object:
    try:
        found = _read(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong(f"We could not parse the JSON body of your request: {error}") from None
    if not isinstance(found, dict):
        raise wrong("The body of the request is not a JSON object.")
    return found


def _wait(seconds: float) -> tuple[Piece, ...]:
    return (seconds,) if seconds else ()


def _refusal(status: int, message: str | None) -> Refusal:
    return Refusal(faults.Refused(status=status, message=message))


def _unknown(model: str) -> Refusal:
    """For a model that the script does not name."""
    message = f"The model `{model[:200]}` does not exist or you do not have access to it."
    return Refusal(faults.Refused(status=404, message=message, code="model_not_found", param="model"))
