"""Calls on record, what was said in them, and what is missing."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Annotated

import msgspec
from msgspec import Meta

from freehold.access.keys import Keys
from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import Limit, given
from freehold.admin.selection import CallsPage, CallsQuery, filter_of
from freehold.core.clock import microseconds
from freehold.core.errors import NotFound
from freehold.ledger.filters import Filter
from freehold.ledger.reading import Entry
from freehold.ledger.shown import (
    ShownBodies,
    ShownCall,
    ShownGap,
    ShownLoss,
    show_bodies,
    show_call,
    show_gap,
    show_loss,
)
from freehold.rollout.explaining import Explained, explain

_PIECE = 64 * 1024


class CallList(msgspec.Struct):
    """A page of calls, newest first."""

    calls: list[ShownCall]
    next: str | None


class Recorded(msgspec.Struct):
    """Calls in the order in which they were recorded."""

    calls: list[ShownCall]
    last: int
    """Ask for what came after this."""


class LossList(msgspec.Struct):
    """What translations lost, the most frequent first."""

    losses: list[ShownLoss]


class GapList(msgspec.Struct):
    """What is known to be missing, oldest first."""

    gaps: list[ShownGap]


class FollowQuery(CallsQuery, frozen=True, forbid_unknown_fields=True):
    """Which calls, and behind which."""

    limit: Limit = 500
    behind: Annotated[
        int, Meta(ge=-1, le=2**62, description="`last` of the answer before; -1: from now on.")
    ] = -1


def _list(office: Office, asked: Asked) -> CallList:
    query: CallsPage = asked.query
    chosen = _chosen(office, query)
    if not office.history.exists:
        return CallList([], None)
    found = office.history.calls(chosen, limit=query.limit, after=given(query.after))
    names = _names(office)
    following = found[-1].cursor if len(found) == query.limit else None
    return CallList([show_call(entry, names) for entry in found], following)


def _recorded(office: Office, asked: Asked) -> Recorded:
    query: FollowQuery = asked.query
    chosen = _chosen(office, query)
    if not office.history.exists:
        return Recorded([], 0)
    last = office.history.last_seq()
    if query.behind < 0 or query.behind > last:  # the ledger may have been begun anew
        return Recorded([], last)
    found = office.history.recorded_after(query.behind, chosen, limit=query.limit)
    names = _names(office)
    seen = found[-1].seq if len(found) == query.limit else max(last, found[-1].seq if found else 0)
    return Recorded([show_call(entry, names) for entry in found], seen)


def _show(office: Office, asked: Asked) -> ShownCall:
    return show_call(_entry(office, asked), _names(office))


def _explain(office: Office, asked: Asked) -> Explained:
    return explain(_entry(office, asked))


def _bodies(office: Office, asked: Asked) -> ShownBodies:
    entry = _entry(office, asked)
    _note(office, asked, entry, "both")
    return show_bodies(entry)


def _request(office: Office, asked: Asked) -> bytes:
    entry = _entry(office, asked)
    body = _kept(entry.call.request_body, entry, "request")
    _note(office, asked, entry, "request")
    return body


def _answer(office: Office, asked: Asked) -> bytes:
    entry = _entry(office, asked)
    body = _kept(entry.call.answer_body, entry, "answer")
    _note(office, asked, entry, "answer")
    return body


def _export(office: Office, asked: Asked) -> Generator[bytes, None, None]:
    return _lines(office, _chosen(office, asked.query), bodies=False)


def _export_bodies(office: Office, asked: Asked) -> Generator[bytes, None, None]:
    chosen = _chosen(office, asked.query)
    office.audit.append(asked.actor, "bodies.export", detail=msgspec.to_builtins(asked.query))
    return _lines(office, chosen, bodies=True)


def _losses(office: Office, asked: Asked) -> LossList:
    chosen = _chosen(office, asked.query)
    found = office.history.losses(chosen) if office.history.exists else []
    return LossList([show_loss(one) for one in found])


def _gaps(office: Office, asked: Asked) -> GapList:
    chosen = _chosen(office, asked.query)
    found = office.history.gaps(chosen.since_us or 0) if office.history.exists else []
    return GapList(
        [show_gap(gap) for gap in found if chosen.until_us is None or gap.from_us < chosen.until_us]
    )


def _lines(office: Office, chosen: Filter, *, bodies: bool) -> Generator[bytes, None, None]:
    if not office.history.exists:
        return
    names = _names(office)
    encode = msgspec.json.Encoder().encode
    piece = bytearray()
    for entry in office.history.export(chosen, with_bodies=bodies):
        value = msgspec.structs.asdict(show_call(entry, names))
        if bodies:
            value |= msgspec.structs.asdict(show_bodies(entry))
        piece += encode(value) + b"\n"
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _entry(office: Office, asked: Asked) -> Entry:
    which = asked.path["call"]
    if not office.history.exists or not which.isascii():
        raise NotFound(f"No call is called `{which[:100]}`.")
    return office.history.call(which)


def _note(office: Office, asked: Asked, entry: Entry, what: str) -> None:
    """Who reads what was said is on record before it is shown."""
    office.audit.append(asked.actor, "bodies.read", entry.call.id, {"what": what})


def _kept(body: bytes | None, entry: Entry, what: str) -> bytes:
    if body is None:
        raise NotFound(f"The {what} of `{entry.call.id}` is not kept.")
    return body


def _chosen(office: Office, query: CallsQuery) -> Filter:
    return filter_of(query, office.keys.list() if given(query.key) else (), microseconds(time.time()))


def _names(office: Office) -> dict[str, str]:
    return key_names(office.keys)


def key_names(keys: Keys) -> dict[str, str]:
    """Names of keys by their ids."""
    return {key.id: key.name for key in keys.list()}


OPERATIONS = (
    Operation(
        method="GET", path="/calls", least="viewer", act=_list, answer=CallList, query=CallsPage,
        summary="List calls, newest first",
    ),
    Operation(
        method="GET", path="/calls/{call}", least="viewer", act=_show, answer=ShownCall,
        summary="Show a call: its attempts, usage and cost",
    ),
    Operation(
        method="GET", path="/calls/{call}/decision", least="viewer", act=_explain, answer=Explained,
        summary="Explain why a call was given to its model",
    ),
    Operation(
        method="GET", path="/calls/{call}/bodies", least="operator", act=_bodies, answer=ShownBodies,
        summary="Show what was said in a call",
    ),
    Operation(
        method="GET", path="/calls/{call}/request", least="operator", act=_request,
        media="application/octet-stream", summary="The request of a call, byte for byte",
    ),
    Operation(
        method="GET", path="/calls/{call}/answer", least="operator", act=_answer,
        media="application/octet-stream", summary="The answer of a call, byte for byte",
    ),
    Operation(
        method="GET", path="/recorded", least="viewer", act=_recorded, answer=Recorded, query=FollowQuery,
        summary="Follow the calls as they are recorded",
    ),
    Operation(
        method="GET", path="/exports/calls", least="viewer", act=_export, query=CallsQuery,
        media="application/jsonl", summary="Export calls, oldest first, one JSON object a line",
    ),
    Operation(
        method="GET", path="/exports/bodies", least="operator", act=_export_bodies, query=CallsQuery,
        media="application/jsonl", summary="Export calls with what was said in them",
    ),
    Operation(
        method="GET", path="/losses", least="viewer", act=_losses, answer=LossList, query=CallsQuery,
        summary="Count what translations lost",
    ),
    Operation(
        method="GET", path="/gaps", least="viewer", act=_gaps, answer=GapList, query=CallsQuery,
        summary="List the calls that are known to be missing",
    ),
)  # fmt: skip
