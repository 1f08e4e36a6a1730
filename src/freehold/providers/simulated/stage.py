"""Plays a script: from a received request to the steps that answer it."""

from __future__ import annotations

from collections.abc import Iterator
from hmac import compare_digest

from freehold.core.clock import Clock
from freehold.providers.simulated import faults, openai_embeddings, openai_form
from freehold.providers.simulated.dialect import Dialect, Refusal
from freehold.providers.simulated.framing import frame
from freehold.providers.simulated.happenings import Ask, Happening, happenings, tokens_in
from freehold.providers.simulated.mischief import drip, spoil
from freehold.providers.simulated.observation import Observation, ReceivedRequest
from freehold.providers.simulated.openai_chat import OpenAIChat
from freehold.providers.simulated.reply import Piece, Reply, Step, whole
from freehold.providers.simulated.script import Script
from freehold.providers.simulated.spread import draw
from freehold.providers.simulated.turns import Turn, Turns


class Stage:
    """Holds the script, the turns taken, and everything observed."""

    def __init__(self, script: Script, observation: Observation, clock: Clock) -> None:
        self.observation = observation
        self.clock = clock
        self._chat: Dialect = OpenAIChat()
        self.play(script)

    def play(self, script: Script) -> None:
        """Starts `script` from its beginning. Answers under way go on as they began."""
        self.script = script
        self._turns = Turns(script)

    def answer(self, seen: ReceivedRequest, *, chunked: bool, keep_alive: bool) -> Iterator[Step]:
        """The steps that answer a request."""
        keep_alive = keep_alive and self.script.keep_alive_s != 0
        try:
            reply, turn = self._reply(seen)
        except Refusal as refusal:
            reply, turn = self._chat.error(refusal.answer), None
        steps = frame(reply, seen, chunked=chunked, keep_alive=keep_alive, bodiless=seen.method == "HEAD")
        if turn is not None and isinstance(turn.fault, faults.Drip):
            return drip(steps, turn.fault, turn.dice)
        return steps

    def _reply(self, seen: ReceivedRequest) -> tuple[Reply, Turn | None]:
        path = seen.target.partition("?")[0]
        prefix = self.script.prefix.rstrip("/") + "/v1"
        endpoint = path.removeprefix(prefix) if path.startswith(prefix) else ""
        if endpoint not in ("/chat/completions", "/embeddings", "/models"):
            raise _refusal(404, f"Unknown request URL: {seen.method} {path[:200]}.")
        if seen.method not in (("GET", "HEAD") if endpoint == "/models" else ("POST",)):
            raise _refusal(405, f"Not allowed to {seen.method} on {path[:200]}.")
        if self.script.key is not None:
            presented = self._chat.key_of(seen) or ""
            if not compare_digest(presented.encode(), self.script.key.encode()):
                raise _refusal(401, None)
        if endpoint == "/models":
            names = (name for name in self.script.models if name != "*")
            return whole(200, openai_form.JSON, openai_form.model_list(names)), None
        if endpoint == "/embeddings":
            return self._embed(seen)
        return self._complete(seen)

    def _complete(self, seen: ReceivedRequest) -> tuple[Reply, Turn]:
        ask = self._chat.ask(seen)
        turn = self._turn(ask.model, seen)
        if isinstance(turn.fault, faults.Refused):
            return self._refuse(turn, turn.fault), turn
        happening = happenings(ask, turn)
        if ask.stream:
            reply = Reply(
                200,
                [("content-type", self._chat.stream_type), ("cache-control", "no-cache")],
                self._chat.events(ask, turn, happening, seen),
                None,
                _wait(draw(turn.behaviour.headers_s, turn.dice)),
            )
        else:
            reply = self._whole(ask, turn, happening, seen)
        return self._finish(reply, turn, seen), turn

    def _whole(
        self, ask: Ask, turn: Turn, happening: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Reply:
        """Everything that would happen in a stream, waited for and then said at once."""
        pause = draw(turn.behaviour.headers_s, turn.dice)
        said: list[Happening] = []
        for one in happening:
            if isinstance(one, float):
                pause += one
            else:
                said.append(one)
        body = self._chat.body(ask, turn, said)
        tokens = sum(map(tokens_in, said))

        def counted() -> Iterator[Piece]:
            seen.tokens = tokens
            yield body

        return Reply(200, [("content-type", openai_form.JSON)], counted(), len(body), _wait(pause))

    def _embed(self, seen: ReceivedRequest) -> tuple[Reply, Turn]:
        wanted = openai_embeddings.read(seen)
        turn = self._turn(wanted.model, seen)
        if isinstance(turn.fault, faults.Refused):
            return self._refuse(turn, turn.fault), turn
        body = openai_embeddings.body(wanted, turn)
        behaviour = turn.behaviour
        pause = draw(behaviour.headers_s, turn.dice) + draw(behaviour.first_token_s, turn.dice)
        return self._finish(whole(200, openai_form.JSON, body, wait=pause), turn, seen), turn

    def _turn(self, model: str, seen: ReceivedRequest) -> Turn:
        seen.model = model
        turn = self._turns.take(model)
        if turn is None:
            raise Refusal(openai_form.unknown_model(model))
        if turn.fault is not None and (seen.place or not isinstance(turn.fault, faults.Stale)):
            seen.fault = faults.kind_of(turn.fault)
        return turn

    def _refuse(self, turn: Turn, fault: faults.Refused) -> Reply:
        reply = self._chat.error(fault)
        reply.before = _wait(draw(fault.after_s, turn.dice))
        reply.headers.append(("x-request-id", f"req_{turn.identifier}"))
        reply.headers.extend(turn.behaviour.headers.items())
        return reply

    def _finish(self, reply: Reply, turn: Turn, seen: ReceivedRequest) -> Reply:
        reply.headers.append(("x-request-id", f"req_{turn.identifier}"))
        reply.headers.extend(turn.behaviour.headers.items())
        return spoil(reply, turn.fault, self._chat, turn.dice, used=seen.place > 0)


def _wait(seconds: float) -> tuple[Piece, ...]:
    return (seconds,) if seconds else ()


def _refusal(status: int, message: str | None) -> Refusal:
    return Refusal(faults.Refused(status=status, message=message))
