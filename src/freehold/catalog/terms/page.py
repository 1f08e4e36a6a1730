"""The page on terms, made from the tables: `python -m freehold.catalog.terms.page > docs/training-terms.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from freehold.catalog.terms.tables import Reading, Service, tables

_HEAD = """\
# What may be learned from a model's answers

Made by `python -m freehold.catalog.terms.page > docs/training-terms.md`; a test holds the two together.

Every row of a dataset carries which model wrote it. What that model's provider and its licence say about training
other models on its answers is in two tables of the catalog, and [datasets](datasets.md) keep out what may not be
used.

**This is no legal advice.** It is what laymen read in public texts, in their own words, on the day that stands there.
Terms change, contracts of your own come before them, and what a clause means is for a lawyer to say. Read the text
behind the link before you rely on a row.

    freehold models terms                                 # every model that the configuration names
    freehold models terms groq/llama-3.3-70b-versatile    # one, with its condition and its source

| verdict | means | a dataset |
|---|---|---|
| `allowed` | nothing in the terms speaks against it | takes the row |
| `conditional` | allowed while a condition is met, which nobody but you can know | leaves it out until you decide |
| `forbidden` | the terms rule it out for every model that is not theirs | leaves it out until you decide |
| `unknown` | the terms were not found, could not be read, or nobody knows which hold | leaves it out until you decide |

## How a model's terms are found

- What people wrote is allowed.
- `local/…` are the models that come with Freehold: their licence decides. `own/NAME` has what its manifest says:
  what its base and its data left, through every run in between.
- A provider is known by its address, not by what you call it. At an address on your own machine or network the
  licence of the model decides alone.
- Who serves only models of its own decides alone. Who serves models of others has terms, and the models' makers have
  terms or licences: the strictest verdict holds, and conditions add up.
- A licence is what you state in the configuration (`[models."provider/name"]`, `licence = "MIT"`), else what the
  model's name says where it is a well-known one under its maker's name. `somebody/llama-3.1-8b` is somebody's, and
  unknown.
- A text holds from the day that it came into force. Answers from before that day are unknown.
- Where no more than quotations of a text by others could be read, that is marked, and never enough for `allowed`.

To decide is to state a licence that the tables could not know, or to let a model's rows in by a decision that has
your name and your reason and is kept with the dataset ([datasets](datasets.md)). A wrong or outdated row is a fault
like any other; tell us, with the link.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_services(), "", *_licences(), ""])


def _services() -> Iterator[str]:
    yield "## Services\n"
    yield "| service | training on answers | what the terms say | condition | read | in force since |"
    yield "|---|---|---|---|---|---|"
    for service in tables().services.values():
        if service.serves == "here":
            continue
        for reading in service.readings or (None,):
            yield _row(f"{service.title}{_of_others(service)}", reading, service.terms)


def _of_others(service: Service) -> str:
    return " (its own terms; the model's hold, too)" if service.serves == "others" else ""


def _licences() -> Iterator[str]:
    yield "## Licences\n"
    yield "| licence | training on answers | what it says | condition | read |"
    yield "|---|---|---|---|---|"
    for licence in tables().licences.values():
        yield _row(licence.title, licence.reading, None).rpartition(" | ")[0] + " |"


def _row(title: str, reading: Reading | None, terms: str | None) -> str:
    if reading is None:
        told = "unknown", "They could not be read.", "", _link("not read", terms), ""
    else:
        read = f"{reading.read_on}{', quoted' if reading.quoted else ''}"
        if reading.verdict == "unknown":
            read = "not read"
        since = "" if reading.since is None else str(reading.since)
        told = (
            reading.verdict,
            reading.summary,
            reading.condition or "",
            _link(read, reading.source),
            since,
        )
    return f"| {title} | {' | '.join(told)} |"


def _link(text: str, url: str | None) -> str:
    return text if url is None else f"[{text}]({url})"


if __name__ == "__main__":
    sys.stdout.write(page())
