"""The headers `traceparent` and `tracestate` of W3C's Trace Context, read strictly: what is malformed is no trace."""

from __future__ import annotations

import re

from freehold.core.trace import RANDOM, SAMPLED, Caller

LONGEST_STATE = 512
"""Characters of `tracestate` that everybody has to be able to pass on; a longer one is left out."""

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_NO_TRACE = b"0" * 32
_NO_SPAN = b"0" * 16
_MOST_MEMBERS = 32
_MEMBER = re.compile(
    r"([a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)


def read_caller(parents: list[bytes], states: list[bytes]) -> Caller | None:
    """What these headers say, each with all its lines; None when there is no trace or it is malformed.

    A malformed `tracestate` is left out, and the trace is there all the same.
    """
    if len(parents) != 1:
        return None
    found = _PARENT.fullmatch(parents[0])
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    known = int(flags, 16) & (SAMPLED | RANDOM)
    return Caller(trace_id.decode(), span_id.decode(), known, _state_of(states))


def _state_of(lines: list[bytes]) -> str:
    """The list of members as one line; empty when any of it is malformed."""
    if not lines:
        return ""
    members = [member for member in (one.strip(" \t") for one in _joined(lines).split(",")) if member]
    names = set()
    for member in members:
        found = _MEMBER.fullmatch(member)
        if found is None or found[1] in names:
            return ""
        names.add(found[1])
    joined = ",".join(members)
    return joined if len(members) <= _MOST_MEMBERS and len(joined) <= LONGEST_STATE else ""


def _joined(lines: list[bytes]) -> str:
    return b",".join(lines).decode("latin-1")
