"""Whether an answer, as it comes out of another dialect, says the same: every difference has to be declared."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Reasoning, Refusal, State, Text, ToolCall
from freehold.core.usage import Usage
from freehold.wire import sealing
from freehold.wire.dialect import DialectName

_WIRE = re.compile(r"[^A-Za-z0-9_.-]+")
_FREE_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
"""Ids of calls that every dialect takes as they are."""


ORDINARY_TIERS = {None, "default", "standard", "auto", "on_demand", "standard_only"}
"""Words of the dialects for what is served to everybody who asks for nothing else."""


def differences(
    told: Answer, heard: Answer, losses: Losses, target: DialectName, *, official: bool = False
) -> list[str]:
    """What differs between the two and is no declared loss. `official`: the SDK put it together, and its types
    leave out what they do not know.
    """
    names = set(losses.names)
    found: list[str] = []
    choices = told.choices or [Choice()]
    others = heard.choices or [Choice()]
    if len(choices) != len(others) and "n" not in names:
        found.append(f"{len(choices)} choices, then {len(others)}")
    for choice, other in zip(choices, others, strict=False):
        found += _of_choice(choice, other, names, official=official)
    found += _of_usage(told.usage, heard.usage, names)
    if told.model and told.model != heard.model:
        found.append(f"model {told.model}, then {heard.model}")
    special = told.service_tier not in ORDINARY_TIERS and "service_tier" not in names
    if special and told.service_tier != heard.service_tier:
        found.append(f"service tier {told.service_tier}, then {heard.service_tier}")
    if told.dialect != target and not losses.incomplete:
        found += [f"field {name}" for name in _extras(told) if not _is_named(name, names)]
    return found


def _of_choice(told: Choice, heard: Choice, names: set[str], *, official: bool) -> list[str]:
    found: list[str] = []
    for what, one, other in (
        ("text", _words(told), _words(heard)),
        ("reasoning", _thought(told), _thought(heard)),
    ):
        if one != other and not (what == "reasoning" and names & {"answer.summary", "reasoning"}):
            found.append(f"{what} {one[:120]!r}, then {other[:120]!r}")
    found += _of_calls(told, heard, names)
    found += _of_media(told, heard, names)
    found += [
        f"part {part.kind}"
        for part in told.parts
        if isinstance(part, Foreign) and not _is_named(part.kind, names)
    ]
    cited, kept = _citations(told, names), _citations(heard, names)
    if cited != kept and "citations" not in names and not official:
        found.append(f"citations {sorted(map(str, cited - kept))}, then {sorted(map(str, kept - cited))}")
    if not official:
        missing = _states(told) - _states(heard)
        if missing and "reasoning.state" not in names:
            found.append(f"{missing.total()} states of {_states(told).total()}")
        if told.logprobs is not None and "logprobs" not in names:
            given, again = _entries(told.logprobs), _entries(heard.logprobs)
            if given != again:
                found.append(f"{given} log-probabilities, then {again}")
    if told.stop is not None and "stop.reason" not in names:
        stop = heard.stop
        if (
            stop is None
            or stop.reason != told.stop.reason
            or (stop.sequence or None) != (told.stop.sequence or None)
        ):
            found.append(f"stop {told.stop}, then {stop}")
    return found


def _words(choice: Choice) -> str:
    return _squeezed(
        "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal))
        + "".join(part.transcript or "" for part in choice.parts if isinstance(part, Media))
    )


def _thought(choice: Choice) -> str:
    return _squeezed(
        "".join(part.text + "".join(part.summary) for part in choice.parts if isinstance(part, Reasoning))
    )


def _squeezed(text: str) -> str:
    """Without white space: where parts have to be one text, a blank line stands between them."""
    return "".join(text.split())


def _of_calls(told: Choice, heard: Choice, names: set[str]) -> list[str]:
    calls = [part for part in told.parts if isinstance(part, ToolCall)]
    others = [part for part in heard.parts if isinstance(part, ToolCall)]
    if len(calls) != len(others):
        return [f"{len(calls)} calls, then {len(others)}"]
    found = []
    for call, other in zip(calls, others, strict=True):
        if call.name != other.name:
            found.append(f"call of {call.name}, then {other.name}")
        if _arguments(call) != _arguments(other) and not names & {"field.arguments", "tool.custom"}:
            found.append(f"arguments {call.arguments[:120]!r}, then {other.arguments[:120]!r}")
        if call.id != other.id and _FREE_ID.fullmatch(call.id):
            found.append(f"id {call.id}, then {other.id}")
    if len({call.id for call in calls}) != len({other.id for other in others}):
        found.append("ids that are not told apart")
    return found


def _arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments or "{}")
    except ValueError:
        return call.arguments


def _of_media(told: Choice, heard: Choice, names: set[str]) -> list[str]:
    kinds = Counter(part.kind for part in told.parts if isinstance(part, Media))
    kinds -= Counter(part.kind for part in heard.parts if isinstance(part, Media))
    return [kind for kind in kinds if not names & {f"answer.{kind}", kind}]


def _citations(choice: Choice, names: set[str]) -> set[tuple[str | None, ...]]:
    """Each once: the same source twice for one text says no more."""
    quoted = "answer.citation.quote" not in names
    filed = "answer.citation.file_id" not in names
    return {
        (
            citation.url,
            citation.title or None,
            (citation.quote or None) if quoted else None,
            citation.file_id if filed else None,
        )
        for part in choice.parts
        if isinstance(part, Text)
        for citation in part.citations
    }


def _states(choice: Choice) -> Counter[str]:
    found: list[State] = []
    for part in choice.parts:
        state = part.state if isinstance(part, Text | Media | ToolCall | Reasoning) else None
        if state is not None:
            found.append(sealing.unseal(state.data, state.kind))
    return Counter(state.data for state in found)


def _entries(logprobs: bytes | None) -> dict[str, int]:
    if logprobs is None:
        return {}
    said = msgspec.json.decode(logprobs)
    return {name: len(list_) for name, list_ in said.items() if list_} if isinstance(said, dict) else {}


def _of_usage(told: Usage, heard: Usage, names: set[str]) -> list[str]:
    found = []
    for name in Usage.__struct_fields__:
        one, other = getattr(told, name), getattr(heard, name)
        if name == "source" or one is None or one == other or (one == 0 and other is None):
            continue
        total = name in ("input_tokens", "output_tokens")
        if total or not names & {f"usage.{name}", "usage"}:
            found.append(f"usage.{name} {one}, then {other}")
    return found


def _extras(answer: Answer) -> list[str]:
    found: list[Fields] = [answer.extra]
    for choice in answer.choices:
        found.append(choice.extra)
        for part in choice.parts:
            if not isinstance(part, Foreign):
                found.append(part.extra)
            if isinstance(part, Text):
                found += [citation.extra for citation in part.citations]
    return [
        name for extra in found for name, raw in extra.items() if bytes(raw) not in (b"null", b"[]", b"{}")
    ]


def _is_named(name: str, names: set[str]) -> bool:
    word = _WIRE.sub("_", name[:64])
    return bool(names & {f"field.{word}", f"answer.{word}", "citations"}) or any(
        loss.endswith(f".{word}") for loss in names
    )
