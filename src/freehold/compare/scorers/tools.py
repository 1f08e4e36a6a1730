"""Answers that have to call tools: `tool-call`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from freehold.compare.answer import Answer, ToolCall
from freehold.compare.scorers.arguments import Coercions, are_same, matching
from freehold.compare.scorers.kind import Kind, Look, Unfit
from freehold.compare.scorers.texts import shown
from freehold.compare.scoring import Scored

_MOST_CALLS = 100


class ToolCallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `tool-call` is set."""

    order: Literal["free", "kept"] = "free"
    """Whether the calls may come in another order than the target's."""
    extra_calls: bool = False
    """Whether there may be calls that the target does not have."""
    extra_arguments: bool = False
    """Whether a call may have arguments that the target does not name."""
    numbers_as_text: bool = False
    """`"5"` is 5."""
    booleans_as_text: bool = False
    """`"true"` is true."""
    loose_text: bool = False
    """Case, punctuation and white space of texts do not count."""
    any_order: bool = False
    """The order in lists does not count."""
    dotted_names: bool = False
    """In a tool's name, `_` is the same as `.`, which some providers do not allow there."""
    credit: Literal["all", "share"] = "all"
    """`all`: 1 if every call is right, else 0; `share`: the right ones among those wanted or made, whichever are
    more."""
    form: Literal["calls", "bfcl"] = "calls"
    """How targets are written: as below, or as the possible answers of the Berkeley Function-Calling Leaderboard."""


class WantedCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call that a right answer makes."""

    name: str
    arguments: dict[str, Any] = {}
    """Arguments that have one right value."""
    any_of: dict[str, list[Any]] = {}
    """Arguments that have several."""
    optional: list[str] = []
    """Arguments that may be left out."""


Target = list[dict[str, Any]]


def _tool_call(settings: ToolCallSettings) -> Look[Target]:
    coercions = Coercions(
        numbers_as_text=settings.numbers_as_text,
        booleans_as_text=settings.booleans_as_text,
        loose_text=settings.loose_text,
        any_order=settings.any_order,
    )

    def problem_of(call: ToolCall, arguments: Any, want: _Wanted) -> str | None:
        if not _same_name(call.name, want.name, dotted=settings.dotted_names):
            return f"`{want.name}` is not called"
        if not isinstance(arguments, dict):
            return f"the arguments of `{call.name}` are no JSON object: {shown(call.arguments)}"
        for name, values in want.values.items():
            if name not in arguments:
                if name not in want.optional:
                    return f"`{call.name}` lacks the argument `{name}`"
            elif not any(_fits(arguments[name], one, coercions) for one in values):
                return f"`{name}` of `{call.name}` is {_json(arguments[name])}, not {_json(values[0])}"
        more = [name for name in arguments if name not in want.values]
        return f"`{call.name}` has no argument `{more[0]}`" if more and not settings.extra_arguments else None

    def look(target: Target, answer: Answer) -> Scored:
        wanted = _wanted(target, settings.form)
        made = answer.tool_calls
        if len(made) > _MOST_CALLS:
            return Scored(0.0, f"{len(made)} calls are too many")
        arguments = [_arguments(call) for call in made]
        problems = [
            [problem_of(call, given, want) for call, given in zip(made, arguments, strict=True)]
            for want in wanted
        ]
        if settings.order == "free":
            right = len(matching([[one is None for one in row] for row in problems]))
        else:
            right = _in_order(problems)
        whole = right == len(wanted) and (settings.extra_calls or len(made) == len(wanted))
        value = float(whole)
        if settings.credit == "share" and not whole:
            value = right / max(len(wanted), 0 if settings.extra_calls else len(made))
        return _RIGHT if whole else Scored(value, _why(wanted, made, problems))

    return look


_RIGHT = Scored(1.0)


class _Wanted(msgspec.Struct, frozen=True):
    name: str
    values: dict[str, list[Any]]
    """By argument: what it may be."""
    optional: frozenset[str]


class _Nested(msgspec.Struct, frozen=True):
    """An object of which each field may be one of several values."""

    values: dict[str, list[Any]]
    optional: frozenset[str]


def _wanted(target: Target, form: str) -> list[_Wanted]:
    if form == "bfcl":
        return [_possible(one) for one in target]
    try:
        calls = msgspec.convert(target, list[WantedCall])
    except msgspec.ValidationError as error:
        raise Unfit(f"`tool-call` cannot take it: {error}.") from None
    for call in calls:
        twice = [name for name in call.any_of if name in call.arguments]
        if twice:
            raise Unfit(f"`{twice[0]}` stands in `arguments` and in `any_of`.")
        unknown = [name for name in call.optional if name not in call.arguments and name not in call.any_of]
        if unknown:
            raise Unfit(f"`{unknown[0]}` is optional, but what it may be is not told.")
        if [] in call.any_of.values():
            raise Unfit("a list in `any_of` is empty, so nothing could be right.")
    return [
        _Wanted(
            call.name,
            {**{name: [value] for name, value in call.arguments.items()}, **call.any_of},
            frozenset(call.optional),
        )
        for call in calls
    ]


def _possible(call: dict[str, Any]) -> _Wanted:
    """A call with its possible values: `{"name": {"argument": [value, ...]}}`, where `""` among them means that it may
    be left out, and objects have lists of possible values in turn. No possible value at all: an empty list, or nothing.
    """
    if len(call) != 1 or not all(isinstance(one, dict) for one in call.values()):
        raise Unfit("in the form `bfcl` a call is an object with a tool's name and its arguments.")
    [(name, arguments)] = call.items()
    nested = _nested(arguments)
    return _Wanted(name, nested.values, nested.optional)


def _nested(fields: dict[str, Any]) -> _Nested:
    values = {}
    for name, possible in fields.items():
        if not isinstance(possible, list):
            raise Unfit(f"in the form `bfcl` the possible values of `{name}` are a list.")
        values[name] = [_alternative(one) for one in possible] or [[]]
    optional = frozenset(name for name, possible in fields.items() if "" in possible or not possible)
    return _Nested(values, optional)


def _alternative(value: Any) -> Any:
    if isinstance(value, dict):
        return _nested(value) if all(isinstance(one, list) for one in value.values()) else value
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [_alternative(one) for one in value]
    return value


def _fits(value: Any, wanted: Any, coercions: Coercions) -> bool:
    if isinstance(wanted, _Nested):
        return (
            isinstance(value, dict)
            and all(name in wanted.values for name in value)
            and all(
                any(_fits(value[name], one, coercions) for one in possible)
                if name in value
                else name in wanted.optional
                for name, possible in wanted.values.items()
            )
        )
    if isinstance(wanted, list) and any(isinstance(one, _Nested) for one in wanted):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_fits(one, other, coercions) for one, other in zip(value, wanted, strict=True))
        )
    return are_same(value, wanted, coercions)


def _arguments(call: ToolCall) -> Any:
    """The arguments as values; None: they are no JSON. No arguments at all are an empty object."""
    try:
        return msgspec.json.decode(call.arguments) if call.arguments.strip() else {}
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _same_name(name: str, wanted: str, *, dotted: bool) -> bool:
    return name == wanted or (dotted and name.replace(".", "_") == wanted.replace(".", "_"))


def _in_order(problems: list[list[str | None]]) -> int:
    """How many wanted calls, one after the other, are met by calls that come one after the other."""
    at = right = 0
    for row in problems:
        met = next((column for column in range(at, len(row)) if row[column] is None), None)
        if met is not None:
            at, right = met + 1, right + 1
    return right


def _why(wanted: list[_Wanted], made: tuple[ToolCall, ...], problems: list[list[str | None]]) -> str:
    if not made:
        return f"no tool is called, not {', '.join(f'`{one.name}`' for one in wanted)}"
    for want, row in zip(wanted, problems, strict=True):
        if None not in row:
            called = f"`{want.name}` is not called"
            return next((one for one in row if one is not None and one != called), called)
    return f"{len(made)} calls instead of {len(wanted)}, or in another order"


def _json(value: Any) -> str:
    if isinstance(value, _Nested):
        value = value.values
    return shown(msgspec.json.encode(value).decode())


TOOL_CALL = Kind(name="tool-call", version=1, settings=ToolCallSettings, target=Target, make=_tool_call)
