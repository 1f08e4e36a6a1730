"""Datasets of an installation: made of its ledger, its suites and files of its users, under its terms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from freehold.app.dataset_sources import Wanted
    from freehold.compare.suites.masking import Masking
    from freehold.config.settings import Settings
    from freehold.train.data.checking import Checked
    from freehold.train.data.gate import Decision, Gate
    from freehold.train.data.making import Made
    from freehold.train.data.shelf import Dataset, DatasetShelf

# ruff: noqa: PLC0415 - the command line imports this module for every command: each function imports what it needs

_ACT = "dataset.allow"


def datasets_of(settings: Settings) -> DatasetShelf:
    """The datasets of this installation."""
    from freehold.train.data.shelf import DatasetShelf

    return DatasetShelf(settings.data)


def gate_of(settings: Settings, decisions: dict[str, Decision]) -> Gate:
    """The gate of terms: what the tables say of this installation's providers, on the day that it is."""
    from datetime import UTC, datetime

    from freehold.app.terms import known_of
    from freehold.catalog.terms.finding import terms_of
    from freehold.train.data.gate import Gate

    known = known_of(settings)
    return Gate(lambda maker, on: terms_of(maker, on, known=known), datetime.now(UTC).date(), decisions)


def masking_of() -> Masking:
    """What masks personal data; loading it takes seconds. Raises BadRequest: a package is missing."""
    from freehold.compare.suites.masking import Masking
    from freehold.compare.suites.persons import Persons

    return Masking(Persons().find)


def make_dataset(
    settings: Settings, wanted: Wanted, *, by: str, looked: Callable[[int], None] = lambda n: None
) -> Made:
    """Make it. `by`: who is at the command line, for the audit log; `looked` is told how much was looked at.

    Raises BadRequest, NotFound, StoreError. Decisions are in the audit log before anything is made.
    """
    from freehold.app.dataset_sources import told_by
    from freehold.app.opening import audit_of, comparisons_of
    from freehold.compare.archive import Archive
    from freehold.compare.suites.shelf import SuiteShelf
    from freehold.train.data.tally import Tally

    _check_packages()
    from freehold.train.data.making import make
    from freehold.train.data.wish import Wish

    check_name(wanted.name)
    with closing(comparisons_of(settings)) as database, ExitStack() as acts:
        suites, archive = SuiteShelf(database), Archive(database)
        tally = Tally(looked)
        spared = {one.id: one for one in map(suites.find, wanted.spared)}
        notes = tuple(_SPARED.format(name=one.name, hash=one.hash[:12]) for one in spared.values())
        told = told_by(settings, wanted, suites, archive)
        spared |= {one.id: one for one in told.made_of}
        wish = Wish(
            name=wanted.name,
            held_out=wanted.held_out,
            split_by=wanted.split_by,
            alike=wanted.alike,
            scorers=told.scorers,
            spared=tuple(spared.values()),
            notes=notes,
        )
        masking = masking_of() if wanted.masked else None
        gate = gate_of(settings, wanted.decisions)
        if wanted.decisions:
            audit = acts.enter_context(closing(audit_of(settings)))
        for one in wanted.decisions.values():
            detail = {"maker": one.maker, "reason": one.reason, "by": one.by}
            acts.enter_context(audit.of(by, _ACT, wanted.name, detail))
        return make(
            wish, told.sources, datasets_of(settings), gate=gate, masking=masking, suites=suites, tally=tally
        )


def check_dataset(
    settings: Settings, which: str, suite: str | None, looked: Callable[[int], None] = lambda n: None
) -> tuple[Dataset, Checked]:
    """Whether a dataset is whole and may be used, as suites and terms are now. `suite`: only this one is looked for.

    What somebody decided when it was made stands. Raises NotFound, BadRequest, StoreError.
    """
    from freehold.app.opening import comparisons_of
    from freehold.compare.suites.shelf import SuiteShelf

    _check_packages()
    from freehold.train.data.checking import check
    from freehold.train.data.reading import report_of

    found = datasets_of(settings).find(which)
    made = report_of(found).makers
    decisions = {one.maker: one.decision for one in made if one.decision is not None}
    with closing(comparisons_of(settings)) as database:
        suites = SuiteShelf(database)
        measured = suites.list() if suite is None else [suites.find(suite)]
        return found, check(found, suites, measured, gate_of(settings, decisions), looked)


def check_name(name: str) -> None:
    """Raises BadRequest: no dataset can be called so."""
    import re

    from freehold.catalog.own import NAME_PATTERN

    if not re.fullmatch(NAME_PATTERN, name):
        raise BadRequest(
            f"`{name[:60]}` is no name for a dataset.",
            hint="It has small letters and digits, with `.`, `_` or `-` between them: `support-2026`.",
        )


_SPARED = (
    "Nobody looked whether it holds cases of the suite `{name}` ({hash}), which cannot measure a model that was "
    "trained on it."
)


def _check_packages() -> None:
    from importlib.util import find_spec

    from freehold.core.extras import how_to_install

    if any(find_spec(name) is None for name in ("numpy", "scipy", "datasketch")):
        raise BadRequest(
            "Making datasets needs NumPy, SciPy and datasketch, which are not installed.",
            hint=how_to_install("compare"),
        )
