"""A row of a file as a case."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from freehold.compare.case import NOTHING, Case, is_askable
from freehold.compare.suites.problems import LineProblem, kind_of, shown
from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.suggest import did_you_mean
from freehold.wire.dialects import dialect_of

CASE_FIELDS = ("input", "request", "system", "tools", "response_format", "target", "id", "class", "group")
"""What a row may say of a case."""
RECORDED_FIELDS = (
    "case", "model", "answer", "score", "tool_calls", "failure", "cost", "latency_s", "input_tokens", "output_tokens",
    "reported_model",
)  # fmt: skip
"""What a row of recorded answers may say besides."""
OFTEN_CALLED = {
    **dict.fromkeys(("question", "prompt", "query", "messages", "instruction", "질문", "문제"), "input"),
    **dict.fromkeys(("answer", "expected", "ideal", "gold", "label", "reference", "정답", "답"), "target"),
    **dict.fromkeys(("category", "topic", "subject", "분류"), "class"),
}
"""What others call our fields; to be proposed, not to be taken for them."""
LONGEST_NAME = 200
"""Characters of an id, a class or a group."""
LEFT_OUT = ("model", "stream", "stream_options")
"""Fields of a request that a comparison sets itself."""

_NULL = b"null"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Fields).decode


def case_of(fields: Fields, place: int, allowed: Collection[str] = CASE_FIELDS) -> Case:
    """The case of a row, the `place`th of its file from 1, which is its id where it gives none. Raises LineProblem."""
    fields = {name: value for name, value in fields.items() if bytes(value) != _NULL}
    check_names(fields, allowed)
    return Case(
        id=name_of(fields, "id") or str(place),
        request=msgspec.Raw(_encode(request_of(fields))),
        target=fields.get("target", NOTHING),
        task_class=name_of(fields, "class") or "",
        group=name_of(fields, "group"),
    )


def check_names(fields: Fields, allowed: Collection[str]) -> None:
    """Raises LineProblem: fields that mean nothing here."""
    unknown = [name for name in fields if name not in allowed]
    if not unknown:
        return
    if "case" in unknown and "model" in unknown:
        raise LineProblem("It is a recorded answer and no case: say `--recorded`.", once="recorded")
    first, *others = (_unknown(name, allowed) for name in unknown)
    raise LineProblem(first.message, field=first.field, once=first.once, others=others)


def _unknown(name: str, allowed: Collection[str]) -> LineProblem:
    said = name[:60]
    ours = OFTEN_CALLED.get(name.strip().lower())
    if ours in allowed:
        told = f"If it is `{ours}` by another name, say `--field {ours}={said}`."
    else:
        told = did_you_mean(name, allowed) or (
            f"If it is one of ours by another name, say `--field OURS={said}`."
        )
    return LineProblem(
        f"There is no such field. {told} If it means nothing here: `--ignore {said}`.",
        field=said,
        once=f"field {name}",
    )


def name_of(fields: Fields, name: str) -> str | None:
    """An id, a class or a group: text, or a whole number. Raises LineProblem."""
    raw = fields.get(name)
    if raw is None:
        return None
    value = msgspec.json.decode(raw)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise LineProblem(f"It has to be text, and is {kind_of(raw)}: {shown(raw)}.", field=name)
    value = value.strip()
    if not value:
        raise LineProblem("It is empty.", field=name)
    if len(value) > LONGEST_NAME:
        raise LineProblem(f"It is longer than {LONGEST_NAME} characters.", field=name)
    if not value.isprintable():
        raise LineProblem(f"There are control characters in it: {shown(raw)}.", field=name)
    return value


def request_of(fields: Fields) -> Fields:
    """What is asked, as a request without a model. Raises LineProblem."""
    if ("input" in fields) == ("request" in fields):
        told = "are both there; one of them is the question" if "input" in fields else "are both missing"
        raise LineProblem(f"`input` and `request` {told}.", field="input")
    if "request" not in fields:
        request = _from_input(fields)
        _check(request, "input")
        return request
    for name in ("system", "tools", "response_format"):
        if name in fields:
            raise LineProblem("It belongs into the `request` that is there, too.", field=name)
    raw = fields["request"]
    if kind_of(raw) != "an object":
        raise LineProblem(f"It has to be the body of a request, and is {kind_of(raw)}.", field="request")
    request = {name: value for name, value in _decode(raw).items() if name not in LEFT_OUT}
    if bytes(request.get("n", b"1")) not in (b"1", _NULL):
        raise LineProblem(f"One answer is asked for at a time, not {shown(request['n'])}.", field="request.n")
    _check(request, "request")
    return request


def _from_input(fields: Fields) -> Fields:
    raw = fields["input"]
    messages: list[object]
    match kind_of(raw):
        case "text":
            text = msgspec.json.decode(raw)
            if not text.strip():
                raise LineProblem("It is empty.", field="input")
            messages = [{"role": "user", "content": text}]
        case "a list":
            messages = list(msgspec.json.decode(raw, type=list[msgspec.Raw]))
        case kind:
            raise LineProblem(
                f"It has to be text or a list of messages, and is {kind}: {shown(raw)}.", field="input"
            )
    if "system" in fields:
        system = fields["system"]
        if kind_of(system) != "text":
            raise LineProblem(f"It has to be text, and is {kind_of(system)}.", field="system")
        messages.insert(0, {"role": "system", "content": system})
    request: Fields = {"messages": msgspec.Raw(_encode(messages))}
    for name in ("tools", "response_format"):
        if name in fields:
            request[name] = fields[name]
    return request


def _check(request: Fields, field: str) -> None:
    """Whether it could be asked: read as a request that came over HTTP would be."""
    named = {**request, "model": msgspec.Raw(b'"any"')}
    if not is_askable(msgspec.Raw(_encode(request))):
        return
    if bytes(request.get("messages", b"[]")).replace(b" ", b"") == b"[]":
        raise LineProblem("There are no messages in it.", field=field)
    try:
        dialect_of("openai-chat").decode_request(_encode(named))
    except BadRequest as error:
        where = f"{field}.{error.param}" if field == "request" and error.param else field
        raise LineProblem(error.message, field=where) from None
