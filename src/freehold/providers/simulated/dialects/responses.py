"""The dialect `openai-responses`: `POST /v1/responses`, whole and as an event stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask
from freehold.providers.simulated.dialect import Object, Place, encode, event
from freehold.providers.simulated.dialects import responses_request as request_form
from freehold.providers.simulated.dialects.openai_chat import logprobs
from freehold.providers.simulated.dialects.openai_form import OpenAIForm
from freehold.providers.simulated.dialects.responses_items import (
    call_item,
    message_item,
    reasoning_item,
    refusal_part,
    remember,
    response,
    text_part,
)
from freehold.providers.simulated.faults import ErrorEvent
from freehold.providers.simulated.happenings import (
    Answer,
    Declined,
    Finished,
    Happening,
    Text,
    Thinking,
    Thoughtful,
    ToolOpened,
    ToolPiece,
    tokens_in,
)
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.turns import Turn


class OpenAIResponses(OpenAIForm):
    """`POST /v1/responses`."""

    name = "openai-responses"

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What the request asks for. Raises Refusal."""
        return request_form.read(body, account)

    def count(self, tokens: int) -> bytes:
        """The answer of `POST /v1/responses/input_tokens`."""
        return encode({"object": "response.input_tokens", "input_tokens": tokens})

    def body(self, ask: Ask, turn: Turn, answer: Answer) -> bytes:
        """A whole answer."""
        items: list[Object] = []
        if turn.behaviour.reasoning is not None:
            items.append(reasoning_item(ask, turn))
        if answer.text or answer.refusal or not answer.calls:
            items.append(message_item(ask, turn, answer.text, answer.refusal))
        items += [call_item(turn, index, *call) for index, call in enumerate(answer.calls)]
        remember(ask, turn, items)
        return encode(response(ask, turn, items, answer.end))

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A stream: for each item what is added, its pieces, and what is done; around them the response."""
        writing = _Writing(ask, turn)
        opened = False
        for one in happenings:
            if isinstance(one, float):
                yield one
                continue
            if not opened:
                opened = True
                for state in ("created", "in_progress"):
                    seen.chunks += 1
                    yield writing.event(f"response.{state}", response=response(ask, turn, [], None))
            seen.tokens += tokens_in(one)
            for event_ in writing.events(one):
                seen.chunks += 1
                yield event_

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""
        fields = {"code": error.code or error.type or "server_error", "message": error.message, "param": None}
        return event("error", {"type": "error", "sequence_number": 1000, **fields})


class _Writing:
    """The state of one stream: which items are done, which is open, and what was said in it."""

    def __init__(self, ask: Ask, turn: Turn) -> None:
        self._ask = ask
        self._turn = turn
        self._number = -1
        self._items: list[Object] = []
        self._open: Object | None = None
        self._said: list[str] = []
        self._section: int | None = None

    def event(self, kind: str, **fields: Any) -> bytes:
        """One event, numbered."""
        self._number += 1
        return event(kind, {"type": kind, "sequence_number": self._number, **fields})

    def events(self, one: Happening) -> Iterator[bytes]:
        """The events that tell of `one`."""
        match one:
            case Thinking(piece=piece, section=section):
                if self._open is None:
                    yield self._add(self._unfinished_reasoning())
                if section != self._section:
                    yield from self._end_section()
                    self._section, self._said = section, []
                    yield self._begin_section(section)
                self._said.append(piece)
                yield self._delta(
                    "reasoning_text" if section < 0 else "reasoning_summary_text",
                    piece,
                    self._section_place(),
                )
            case Thoughtful():
                if self._open is None:
                    yield self._add(self._unfinished_reasoning())
                yield from self._end_section()
                yield self._done(reasoning_item(self._ask, self._turn))
            case Text(piece=piece) | Declined(piece=piece):
                kind = "output_text" if isinstance(one, Text) else "refusal"
                if self._open is None:
                    yield from self._begin_message(kind)
                self._said.append(piece)
                more: Object = {}
                if kind == "output_text":
                    more["logprobs"] = self._logprobs(piece)
                yield self._delta(kind, piece, {"content_index": 0, **more})
            case ToolOpened(index=index, id=identifier, name=name):
                yield from self._close()
                item = {**call_item(self._turn, index, identifier, name, ""), "status": "in_progress"}
                yield self._add(item)
            case ToolPiece(arguments=arguments):
                self._said.append(arguments)
                yield self._delta("function_call_arguments", arguments, {})
            case Finished():
                yield from self._close()
                if not self._items or self._items[-1]["type"] == "reasoning":
                    yield from self._begin_message("output_text")
                    yield from self._close()
                remember(self._ask, self._turn, self._items)
                answer = response(self._ask, self._turn, self._items, one)
                yield self.event(f"response.{answer['status']}", response=answer)

    def _place(self) -> Object:
        assert self._open is not None
        return {"output_index": len(self._items), "item_id": self._open["id"]}

    def _add(self, item: Object) -> bytes:
        self._open, self._said = item, []
        return self.event("response.output_item.added", output_index=len(self._items), item=item)

    def _delta(self, kind: str, piece: str, more: Object) -> bytes:
        return self.event(f"response.{kind}.delta", **self._place(), delta=piece, **more)

    def _done(self, item: Object) -> bytes:
        done = self.event("response.output_item.done", output_index=len(self._items), item=item)
        self._items.append(item)
        self._open, self._said = None, []
        return done

    def _unfinished_reasoning(self) -> Object:
        item = {**reasoning_item(self._ask, self._turn), "summary": []}
        item.pop("content", None)
        if item.get("encrypted_content"):  # what comes with `added` is not yet the real thing
            item["encrypted_content"] = item["encrypted_content"][:24]
        return item

    def _section_place(self) -> Object:
        return {"content_index": 0} if (self._section or 0) < 0 else {"summary_index": self._section}

    def _begin_section(self, section: int) -> bytes:
        kind = "content_part" if section < 0 else "reasoning_summary_part"
        part = {"type": "reasoning_text" if section < 0 else "summary_text", "text": ""}
        return self.event(f"response.{kind}.added", **self._place(), **self._section_place(), part=part)

    def _end_section(self) -> Iterator[bytes]:
        if self._section is None:
            return
        shown, text = self._section < 0, "".join(self._said)
        place = {**self._place(), **self._section_place()}
        kind = "reasoning_text" if shown else "reasoning_summary_text"
        part = {"type": "reasoning_text" if shown else "summary_text", "text": text}
        yield self.event(f"response.{kind}.done", **place, text=text)
        yield self.event(
            f"response.{'content_part' if shown else 'reasoning_summary_part'}.done", **place, part=part
        )
        self._section = None

    def _begin_message(self, kind: str) -> Iterator[bytes]:
        item = message_item(self._ask, self._turn, "", "")
        yield self._add({**item, "status": "in_progress", "content": []})
        assert self._open is not None
        self._open["kind"] = kind
        part = refusal_part("") if kind == "refusal" else text_part("", [], [])
        yield self.event("response.content_part.added", **self._place(), content_index=0, part=part)

    def _close(self) -> Iterator[bytes]:
        """Ends the item that is open."""
        if self._open is None:
            return
        text = "".join(self._said)
        if self._open["type"] == "function_call":
            name, call = self._open["name"], self._open["call_id"]
            yield self.event(
                "response.function_call_arguments.done", **self._place(), name=name, arguments=text
            )
            yield self._done(
                {"id": self._open["id"], "type": "function_call", "status": "completed", "arguments": text}
                | {"call_id": call, "name": name}
            )
            return
        place = {**self._place(), "content_index": 0}
        refused = self._open["kind"] == "refusal"
        item = message_item(self._ask, self._turn, "" if refused else text, text if refused else "")
        (part,) = item["content"]
        for index, annotation in enumerate(part.get("annotations", [])):
            kind = "response.output_text.annotation.added"
            yield self.event(kind, **place, annotation_index=index, annotation=annotation)
        if refused:
            yield self.event("response.refusal.done", **place, refusal=text)
        else:
            yield self.event("response.output_text.done", **place, text=text, logprobs=part["logprobs"])
        yield self.event("response.content_part.done", **place, part=part)
        yield self._done(item)

    def _logprobs(self, piece: str) -> list[Object]:
        return [] if self._ask.logprobs is None else logprobs(piece, self._ask.logprobs)
