"""What a kind of scorer consists of, and the scorer that is made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.case import Case
from freehold.compare.mistakes import setting_told
from freehold.compare.scoring import Scored
from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean, one_of

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")

Look = Callable[[T, Answer], Scored]
"""Judges an answer by a case's target. Raises Unfit: the target makes no sense, whatever the answer."""


class Unfit(Exception):
    """Settings or a target that make no sense; the message goes on from "The target of case `x`: "."""


class NoTarget(msgspec.Struct, frozen=True):
    """The target of scorers that need none."""


class Kind(msgspec.Struct, Generic[S, T], frozen=True, kw_only=True):
    """A kind of scorer."""

    name: str
    version: int
    """Goes up when the same answer to the same case may be scored otherwise than before."""
    settings: type[S]
    """Its settings. All have defaults, and a default never changes without the version."""
    target: Any
    """The type of a case's target, as msgspec has it."""
    targetless: Callable[[S], bool] = lambda _: False
    """Whether, set like this, it needs no target; it is then handed NoTarget."""
    make: Callable[[S], Look[T]]
    """Prepares, once, what is the same for all answers. Raises Unfit: the settings make no sense."""


class LookingScorer(Generic[S, T]):
    """A scorer of one kind, which needs nothing but the answer and the case."""

    def __init__(self, kind: Kind[S, T], settings: msgspec.Raw) -> None:
        """Raises BadRequest: the settings are not this kind's."""
        read = settings_of(kind.name, settings, kind.settings)
        try:
            self._look = kind.make(read)
        except Unfit as error:
            raise _bad_settings(kind.name, str(error)) from None
        none = kind.targetless(read)
        self._targets: Targets[T] = Targets(kind.name, NoTarget if none else kind.target)
        self._hash = hash_of(kind.name, kind.version, read)

    @property
    def hash(self) -> str:
        """What it is and how it is set."""
        return self._hash

    def check(self, case: Case) -> None:
        """Raises BadRequest: the case's target is not what this scorer takes."""
        target = self._targets.read(case)
        self._seen(case, target, Answer(id="", model=""))

    async def score(self, case: Case, answer: Answer) -> Scored:
        """The score of an answer. Raises BadRequest: the case's target is not what this scorer takes."""
        return self._seen(case, self._targets.read(case), answer)

    async def close(self) -> None:
        """Nothing is held."""

    def _seen(self, case: Case, target: T, answer: Answer) -> Scored:
        try:
            return self._look(target, answer)
        except Unfit as error:
            raise bad_target(case, str(error)) from None


class Targets(Generic[T]):
    """Reads the targets of cases."""

    def __init__(self, kind: str, type_: Any) -> None:
        self._kind = kind
        self._needed = type_ is not NoTarget
        self._decode = msgspec.json.Decoder(type_).decode

    def read(self, case: Case) -> T:
        """A case's target. Raises BadRequest: it is not what this kind takes."""
        if not self._needed:
            return NoTarget()  # type: ignore[return-value]  # T is NoTarget where none is needed
        raw = bytes(case.target)
        if not raw:
            raise bad_target(case, f"`{self._kind}` needs one, and there is none.")
        try:
            return self._decode(raw)  # type: ignore[no-any-return]  # the decoder was made for T
        except (msgspec.DecodeError, RecursionError) as error:
            raise bad_target(case, f"`{self._kind}` cannot take it: {error}.") from None


def bad_target(case: Case, why: str) -> BadRequest:
    """The target of a case is not what its scorer takes."""
    return BadRequest(f"The target of case `{case.id}`: {why}", param="target")


def settings_of(kind: str, raw: msgspec.Raw, type_: type[S]) -> S:
    """The settings of a scorer. Raises BadRequest, with the nearest setting where one is not known."""
    try:
        values = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise _bad_settings(kind, f"not a JSON object: {error}.") from None
    known = [field.encode_name for field in msgspec.structs.fields(type_)]
    for name in values:
        if name not in known:
            hint = did_you_mean(name, known) or (f"It has {one_of(known)}." if known else None)
            told = f"The scorer `{kind}` has no setting `{name}`."
            raise BadRequest(told, hint=hint, param=f"settings.{name}")
    try:
        return msgspec.convert(values, type_)
    except msgspec.ValidationError as error:
        raise _bad_settings(kind, setting_told(error, type_)) from None


def hash_of(kind: str, version: int, settings: msgspec.Struct) -> str:
    """The hash of a scorer: settings that stand at their defaults do not count, written out or not."""
    told = {"kind": kind, "version": version, "settings": _set(settings)}
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


def _set(settings: msgspec.Struct) -> dict[str, Any]:
    found = {}
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        if msgspec.to_builtins(value) != msgspec.to_builtins(default):
            found[field.encode_name] = value
    return found


def _bad_settings(kind: str, why: str) -> BadRequest:
    return BadRequest(f"The settings of the scorer `{kind}`: {why}", param="settings")
