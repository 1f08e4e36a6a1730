"""What a dialect has to supply so that a script can be played in it, and what they all use to take requests apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Called, Said, Thought, Told, canonical, merged
from freehold.providers.simulated.faults import ErrorEvent, Refused
from freehold.providers.simulated.happenings import Answer, Happening
from freehold.providers.simulated.observation import ReceivedRequest
from freehold.providers.simulated.reply import Reply
from freehold.providers.simulated.script import Behaviour
from freehold.providers.simulated.turns import Turn

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"

Object = dict[str, Any]
encode = msgspec.json.Encoder().encode


class Refusal(Exception):
    """The request is not one that this dialect allows."""

    def __init__(self, answer: Refused) -> None:
        super().__init__(answer.message)
        self.answer = answer


class Place(Struct, frozen=True):
    """What stands in the path of a request."""

    dialect: str
    action: Literal["chat", "count", "embed", "models"]
    model: str | None = None
    stream: bool = False


class Embedding(Struct, frozen=True):
    """What a request for embeddings asks for."""

    model: str
    texts: list[str]
    dimensions: int | None = None
    form: str = "float"
    """Whatever else decides on the form of the answer."""


class Dialect(Protocol):
    """How everything looks on the wire of one API."""

    name: str
    identified_by: str
    """The header that names an answer."""

    def key_of(self, request: ReceivedRequest) -> str | None:
        """The key the client presents."""

    def error(self, error: Refused) -> Reply:
        """An error answer."""

    def ask(self, body: Object, place: Place, request: ReceivedRequest, account: Account) -> Ask:
        """What a chat request asks for. Raises Refusal."""

    def stream_type(self, request: ReceivedRequest) -> str:
        """Content type of its streams."""

    def body(self, ask: Ask, turn: Turn, answer: Answer) -> bytes:
        """A whole answer."""

    def events(
        self, ask: Ask, turn: Turn, happenings: Iterator[Happening | float], seen: ReceivedRequest
    ) -> Iterator[bytes | float]:
        """A streamed answer, one chunk after the other; counts into `seen` what it hands out."""

    def error_body(self, error: ErrorEvent) -> bytes:
        """The body of an error that comes with status 200."""

    def error_event(self, error: ErrorEvent) -> bytes:
        """An error inside a stream."""

    def models(self, names: Iterable[str], one: str | None) -> bytes:
        """The list of models, or the one asked for."""

    def count(self, tokens: int) -> bytes:
        """The answer when only the tokens of a request are to be counted."""

    def embedding(self, body: Object, place: Place) -> Embedding:
        """What a request for embeddings asks for. Raises Refusal."""

    def vectors(self, wanted: Embedding, vectors: list[Any], tokens: int | None, turn: Turn) -> bytes:
        """Its answer. `tokens` None: usage is missing."""


class Dull:
    """What most dialects have, or do without."""

    identified_by = "x-request-id"

    def stream_type(self, request: ReceivedRequest) -> str:
        """Server-sent events."""
        return EVENTS

    def key_of(self, request: ReceivedRequest) -> str | None:
        """The bearer token."""
        return bearer(request)

    def count(self, tokens: int) -> bytes:
        """There is no counting."""
        raise wrong("Tokens are not counted here.")

    def models(self, names: Iterable[str], one: str | None) -> bytes:
        """There is no list."""
        raise wrong("There is no list of models here.")

    def embedding(self, body: Object, place: Place) -> Embedding:
        """There are no embeddings."""
        raise wrong("There are no embeddings here.")

    def vectors(self, wanted: Embedding, vectors: list[Any], tokens: int | None, turn: Turn) -> bytes:
        """There are no embeddings."""
        raise wrong("There are no embeddings here.")


def wrong(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """A request that breaks the rules of the dialect."""
    return Refusal(Refused(status=400, message=message, param=param, code=code))


def _at(value: Any, key: str, where: str) -> Any:
    if not isinstance(value, dict):
        raise wrong(f"{where or key}: an object is required.", where or key)
    return value.get(key)


def text_at(value: Object, key: str, where: str = "") -> str:
    """The text at `key`. Raises Refusal."""
    found = _at(value, key, where)
    if not isinstance(found, str):
        raise wrong(f"{where}{key}: a string is required.", f"{where}{key}")
    return found


def list_at(value: Object, key: str, where: str = "") -> list[Any]:
    """The list at `key`; none when it is absent. Raises Refusal."""
    found = _at(value, key, where)
    if found is None:
        return []
    if not isinstance(found, list):
        raise wrong(f"{where}{key}: a list is required.", f"{where}{key}")
    return found


def texts_at(value: Object, key: str) -> list[str]:
    """The list of texts at `key`. Raises Refusal."""
    found = list_at(value, key)
    if not all(isinstance(one, str) for one in found):
        raise wrong(f"{key}: a list of strings is required.", key)
    return found


def objects_at(value: Object, key: str, where: str = "") -> list[Object]:
    """The list of objects at `key`. Raises Refusal."""
    found = list_at(value, key, where)
    for index, one in enumerate(found):
        if not isinstance(one, dict):
            raise wrong(f"{where}{key}.{index}: an object is required.", f"{where}{key}")
    return found


def object_at(value: Object, key: str, where: str = "") -> Object:
    """The object at `key`; an empty one when it is absent. Raises Refusal."""
    found = _at(value, key, where)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise wrong(f"{where}{key}: an object is required.", f"{where}{key}")
    return found


def number_at(value: Object, key: str, low: float, high: float) -> float | None:
    """The number at `key`. Raises Refusal when it is none, or not between `low` and `high`."""
    found = value.get(key)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise wrong(f"{key}: a number is required.", key)
    if not low <= found <= high:
        raise wrong(f"{key}: {found} is not between {low} and {high}.", key)
    return found


def count_at(value: Object, key: str, low: int = 1, most: float = float("inf")) -> int | None:
    """The whole number at `key`. Raises Refusal when it is none, below `low` or above `most`."""
    found = number_at(value, key, low, most)
    if found is not None and found != int(found):
        raise wrong(f"{key}: a whole number is required.", key)
    return None if found is None else int(found)


def known_only(value: Object, known: frozenset[str], message: str) -> None:
    """Raises Refusal with `message` about the first key that is not known."""
    for key in value:
        if key not in known:
            raise wrong(message.format(key), key)


def bearer(request: ReceivedRequest) -> str | None:
    """The token of the `authorization` header."""
    scheme, _, token = (request.header("authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def event(name: str | None, value: Object) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + encode(value) + b"\n\n"


def fingerprint(text: str, calls: Iterable[tuple[str, Any]]) -> str:
    """What stays of an answer in whatever pieces it comes back."""
    return "\x1f".join([text.strip(), *(f"{name} {canonical(arguments)}" for name, arguments in calls)])


def remember(ask: Ask, behaviour: Behaviour, answer: Answer) -> None:
    """Keeps that this answer came with state that has to come back."""
    if behaviour.reasoning is not None and behaviour.reasoning.required:
        ask.account.remember(fingerprint(answer.text, (call[1:] for call in answer.calls)))


def check_required(ask: Ask) -> None:
    """Raises Refusal when a turn that came with required state comes back without it."""
    for told in merged(ask.turns):
        if told.role != "assistant" or any(isinstance(one, Thought) and one.state for one in told.parts):
            continue
        if ask.account.recall(_mark(told)):
            raise wrong("The reasoning state that came with an answer is missing: it was lost on the way.")


def _mark(told: Told) -> str:
    text = "".join(one.text for one in told.parts if isinstance(one, Said))
    return fingerprint(text, ((one.name, one.arguments) for one in told.parts if isinstance(one, Called)))
