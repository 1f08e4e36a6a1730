"""The tables of terms, as they are in the package: services, licences, and which models are under which."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from freehold.catalog.terms.terms import Terms, Verdict

_FOLDER = Path(__file__).parent


class Reading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text of terms, as somebody read it."""

    verdict: Verdict
    summary: str
    source: str
    read_on: date
    condition: str | None = None
    kind: str | None = None
    since: date | None = None
    quoted: bool = False
    """Only quotations of the text by others could be read: never enough for `allowed`."""

    def terms(self, holder: str) -> Terms:
        """It as Terms of somebody."""
        return Terms(
            verdict=self.verdict,
            summary=self.summary,
            holder=holder,
            condition=self.condition,
            kind=self.kind,
            source=self.source,
            read_on=self.read_on,
            since=self.since,
            quoted=self.quoted,
        )


class Service(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who serves models, and on what terms."""

    title: str
    serves: Literal["own", "others", "here"]
    """
    own     models that nobody else serves on other terms: the service's terms decide alone
    others  models of others: their terms or licence hold, too
    here    it is software on a machine of the user's: the model's licence decides alone
    """
    presets: tuple[str, ...]
    """Of `providers/presets`: it is found at their addresses."""
    hosts: tuple[str, ...] = ()
    """Other addresses of it."""
    terms: str | None = None
    """Where the terms of one without readings are."""
    readings: tuple[Reading, ...] = ()
    """The newest last; each holds until the next one's `since`."""


class Licence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A licence of weights, or of data."""

    title: str
    names: tuple[str, ...]
    """What it is called, without regard to case: SPDX identifiers, and what model cards call it."""
    reading: Reading


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models that are known by their names."""

    names: str
    """A regular expression for the whole name, in lower case, without its owner."""
    owners: tuple[str, ...] = ()
    """Who may stand before it. Another owner's model of such a name is another model."""
    licence: str | None = None
    """A key of the licences."""
    service: str | None = None
    """Of closed models: the key of the service whose terms hold for them everywhere."""


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    services: dict[str, Service]
    licences: dict[str, Licence]
    families: tuple[Family, ...]
    """The first that fits holds."""


@cache
def tables() -> Tables:
    """Those in the package. Read once."""
    return Tables(
        services=msgspec.convert(_read("services"), dict[str, Service]),
        licences=msgspec.convert(_read("licences"), dict[str, Licence]),
        families=msgspec.convert(_read("families")["family"], tuple[Family, ...]),
    )


@cache
def licence_called(name: str) -> Licence | None:
    """The licence that goes by this name, or None."""
    known = {
        called.casefold(): licence
        for key, licence in tables().licences.items()
        for called in (key, licence.title, *licence.names)
    }
    return known.get(name.strip().casefold())


def family_of(name: str) -> Family | None:
    """The family of a model by a provider's name for it, or None: `meta-llama/llama-3.1-8b-instruct:free`."""
    owners, _, last = name.lower().rpartition("/")
    owner = owners.rpartition("/")[2]
    for family in tables().families:
        if owner and owner not in _HOUSES and owner not in family.owners:
            continue
        if re.fullmatch(family.names, last):
            return family
    return None


_HOUSES = frozenset({"models", "publishers", "cf"})
"""What hosts put before a model's name that is no owner's: `accounts/fireworks/models/NAME`."""


def _read(name: str) -> dict[str, object]:
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
