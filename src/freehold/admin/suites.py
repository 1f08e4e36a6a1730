"""Suites: what models are compared on."""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import PageQuery, given, named, page_of
from freehold.compare.case import Suite
from freehold.compare.shown import ShownSuite, show_suite
from freehold.compare.suites.exporting import lines_of
from freehold.compare.suites.recording import recorded_models

_PIECE = 64 * 1024


class SuiteList(msgspec.Struct):
    """A page of suites, newest first."""

    suites: list[ShownSuite]
    next: str | None


class WholeSuite(ShownSuite, kw_only=True):
    """A suite with its classes of tasks, and without its cases."""

    classes: dict[str, int]
    """How many cases each has; the empty name: those of none."""
    recorded: dict[str, int]
    """The models whose answers were handed in with it, and how many."""


def _list(office: Office, asked: Asked) -> SuiteList:
    query: PageQuery = asked.query
    found, following = page_of(office.shelf.list(), given(query.after), query.limit)
    return SuiteList([show_suite(one) for one in found], following)


def _show(office: Office, asked: Asked) -> WholeSuite:
    suite = _suite(office, asked)
    return WholeSuite(
        **msgspec.structs.asdict(show_suite(suite)),
        classes=office.shelf.classes(suite.id),
        recorded=recorded_models(office.shelf, suite),
    )


def _cases(office: Office, asked: Asked) -> Generator[bytes, None, None]:
    suite = _suite(office, asked)
    office.audit.append(asked.actor, "suites.export", suite.id, {"name": suite.name})
    return _lines(office, suite)


def _lines(office: Office, suite: Suite) -> Generator[bytes, None, None]:
    piece = bytearray()
    for line in lines_of(suite, office.shelf.cases(suite.id)):
        piece += line
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _suite(office: Office, asked: Asked) -> Suite:
    return office.shelf.find(named(asked.path["suite"], "suite"))


OPERATIONS = (
    Operation(
        method="GET", path="/suites", least="viewer", act=_list, answer=SuiteList, query=PageQuery,
        summary="List suites, newest first",
    ),
    Operation(
        method="GET", path="/suites/{suite}", least="viewer", act=_show, answer=WholeSuite,
        summary="Show a suite by its id, or the newest of a name: its scorers, classes and notes",
    ),
    Operation(
        method="GET", path="/suites/{suite}/cases", least="operator", act=_cases, media="application/jsonl",
        summary="Export a suite: its scorers in the first line, then a line for each case",
    ),
)  # fmt: skip
