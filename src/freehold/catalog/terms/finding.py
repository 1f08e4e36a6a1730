"""Finding the terms that hold for a model's answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from freehold.catalog.embedded import EMBEDDED, LOCAL
from freehold.catalog.own import OWN
from freehold.catalog.terms.tables import Service, family_of, licence_called, tables
from freehold.catalog.terms.terms import Terms, strictest_of

PEOPLE = "people"
"""The maker of what no model wrote."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an installation's own names."""

    services: Mapping[str, str | None] = {}
    """By a provider's name: which service of the table it is; None: none of them. Names that are not here are taken
    for those of presets.
    """
    licences: Mapping[str, str] = {}
    """By `provider/name`: the licence of its weights, as the user states it."""
    own: Mapping[str, str | None] = {}
    """By an own model's name: what its manifest says of its licence."""


NOTHING_KNOWN = Known()


def terms_of(model: str, on: date, *, known: Known = NOTHING_KNOWN) -> Terms:
    """What the terms that held on a day say about training on the answers of a model, `provider/name`, or `people`."""
    if model == PEOPLE:
        return Terms(verdict="allowed", summary="People wrote it, no model did.", holder="people")
    provider, _, name = model.partition("/")
    if not name:
        return unknown(model, f"`{model}` names no model: it would be `provider/name`.")
    if provider == LOCAL and name in EMBEDDED:
        return _under(EMBEDDED[name].licence, model)
    if provider == OWN:
        return _of_own(model, known.own.get(name))
    return _served(provider, name, known.licences.get(model), on, known)


def _served(provider: str, name: str, stated: str | None, on: date, known: Known) -> Terms:
    """Of what a provider serves: its own terms, the model's, or the stricter of both."""
    model = f"{provider}/{name}"
    key = known.services[provider] if provider in known.services else _preset(provider)
    service = None if key is None else tables().services.get(key)
    if service is None:
        return unknown(provider, f"No terms of the provider `{provider}` are in the table.")
    if service.serves == "here":
        return _of_model(name, model, stated, on)
    held = _held(service, on)
    return held if service.serves == "own" else strictest_of([held, _of_model(name, model, stated, on)])


def unknown(holder: str, why: str) -> Terms:
    """Nobody knows; `why` in a sentence."""
    return Terms(verdict="unknown", summary=why, holder=holder)


def _of_own(model: str, licence: str | None) -> Terms:
    if licence is None:
        return unknown(model, f"What `{model}` was made from leaves its licence open.")
    return _under(licence, model)


def _of_model(name: str, model: str, stated: str | None, on: date) -> Terms:
    if stated is not None:
        return _under(stated, model)
    family = family_of(name)
    if family is None:
        return unknown(
            model, f"The licence of `{model}` is not known: state it in the configuration, `licence = …`."
        )
    if family.service is not None:
        return _held(tables().services[family.service], on)
    assert family.licence is not None
    return _under(family.licence, model)


def _under(licence: str | None, model: str) -> Terms:
    found = None if licence is None else licence_called(licence)
    if found is None:
        return unknown(model, f"The licence `{licence}` of `{model}` is not in the table.")
    return found.reading.terms(found.title)


def _held(service: Service, on: date) -> Terms:
    for reading in reversed(service.readings):
        if reading.since is None or reading.since <= on:
            return reading.terms(service.title)
    if service.readings:
        first = service.readings[0]
        return Terms(
            verdict="unknown",
            summary=f"What held before {first.since} was not read.",
            holder=service.title,
            source=first.source,
            read_on=first.read_on,
        )
    return msgspec.structs.replace(
        unknown(service.title, f"The terms of {service.title} could not be read."), source=service.terms
    )


def _preset(provider: str) -> str | None:
    return next((key for key, one in tables().services.items() if provider in one.presets), None)
