"""A suite described in a file of its own: which cases, under which name, judged how.

name = "support"                       # else the file's
cases = "support.jsonl"                # beside this file; else the one that is named as this file
ignore = ["ticket_url"]                # fields that mean nothing here
fields = { input = "question" }        # ours = theirs

[[scorer]]
kind = "normalised"
articles = true                        # whatever else is there are its settings
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from freehold.compare.case import ScorerSettings
from freehold.compare.suites.casefile import AS_THEY_ARE, Columns
from freehold.compare.suites.reading import CASE_FIELDS, LONGEST_NAME, RECORDED_FIELDS
from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean, one_of

_KNOWN = ("name", "cases", "ignore", "fields", "scorer")
_FORMS = (".jsonl", ".ndjson", ".csv", ".tsv")


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """How a suite is to be made."""

    name: str
    cases: Path
    scorers: tuple[ScorerSettings, ...] = ()
    columns: Columns = AS_THEY_ARE


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    name: str | None = None
    cases: str | None = None
    ignore: tuple[str, ...] = ()
    fields: dict[str, str] = {}
    scorer: list[dict[str, Any]] = []


def described(path: Path) -> Description:
    """What a file describes: a `.toml` as above; a file of cases says nothing but its name. Raises BadRequest."""
    if path.suffix.lower() != ".toml":
        return Description(name=name_for(path.stem), cases=path)
    written = _read(path)
    named = path.parent / written.cases if written.cases else _beside(path)
    return Description(
        name=name_for(written.name or path.stem),
        cases=named,
        scorers=tuple(_scorer(path, one) for one in written.scorer),
        columns=columns_of(written.fields, written.ignore),
    )


def columns_of(ours_to_theirs: dict[str, str], ignored: tuple[str, ...]) -> Columns:
    """The columns of a file, as people name them: ours first. Raises BadRequest."""
    known = tuple(dict.fromkeys((*CASE_FIELDS, *RECORDED_FIELDS)))
    for ours in ours_to_theirs:
        if ours not in known:
            hint = did_you_mean(ours, known) or f"There are {one_of(known)}."
            raise BadRequest(f"No field of a case is called `{ours}`.", hint=hint)
    return Columns({theirs: ours for ours, theirs in ours_to_theirs.items()}, ignored)


def name_for(text: str) -> str:
    """A name for a suite. Raises BadRequest: it can be none."""
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadRequest(f"`{text[:60]}` is no name for a suite.", hint="Give it one with `--name`.")
    return name


def _read(path: Path) -> _Written:
    try:
        values = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise BadRequest(f"`{path}` cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"`{path}` is not TOML: {error}.") from None
    for name in values:
        if name not in _KNOWN:
            hint = did_you_mean(name, _KNOWN)
            raise BadRequest(f"{path.name}: there is nothing called `{name}` in a suite.", hint=hint)
    try:
        return msgspec.convert(values, _Written)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{path.name}: {error}.") from None


def _beside(path: Path) -> Path:
    for form in _FORMS:
        if (found := path.with_suffix(form)).exists():
            return found
    raise BadRequest(
        f"{path.name} does not name the file of its cases.", hint='Write `cases = "FILE.jsonl"`.'
    )


def _scorer(path: Path, values: dict[str, Any]) -> ScorerSettings:
    settings = dict(values)
    kind = settings.pop("kind", None)
    if not isinstance(kind, str):
        raise BadRequest(f"{path.name}: a `[[scorer]]` has no `kind`.", hint='Write `kind = "exact"`.')
    try:
        return ScorerSettings(kind=kind, settings=msgspec.Raw(msgspec.json.encode(settings)))
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise BadRequest(
            f"{path.name}: the settings of the scorer `{kind}` cannot be kept: {error}."
        ) from None
