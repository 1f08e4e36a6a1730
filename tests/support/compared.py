"""A folder with a suite and simulated models, for comparisons through the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from freehold.compare.archive import Archive
from freehold.compare.case import Case, ScorerSettings, Source, Suite
from freehold.compare.database import Database
from freehold.compare.suites.shelf import SuiteShelf
from freehold.providers.simulated.provider import SimulatedProvider
from freehold.providers.simulated.script import Behaviour, Echo, Script
from freehold.providers.simulated.threaded import ThreadedProvider

RIGHT = Behaviour(text=Echo())
"""Repeats the question, which is what a case wants."""
WRONG = Behaviour(text="no")

TOML = """
[local]
enabled = false
[providers.old]
base_url = "{old}"
{more}
[providers.new]
base_url = "{new}"
{more}
[routes.copilot]
incumbent = "old/model"
[models."old/model"]
input = 1
output = 10
[models."new/model"]
input = 1
output = 10
{rest}
"""


def case(number: int, *, task_class: str = "", group: str | None = None, **fields: Any) -> Case:
    """A case whose right answer is its question."""
    said = f"word{number}"
    request = {"messages": [{"role": "user", "content": said}], "max_tokens": 10, **fields}
    return Case(
        id=f"case-{number}",
        request=msgspec.Raw(json.dumps(request).encode()),
        target=msgspec.Raw(json.dumps(said).encode()),
        task_class=task_class,
        group=group,
    )


@contextmanager
def simulated(*models: Behaviour | tuple[Behaviour, ...], **settings: Any) -> Iterator[ThreadedProvider]:
    """A provider whose models are called `model`, `model2` and so on."""
    named = {f"model{'' if at == 0 else at + 1}": one for at, one in enumerate(models)}
    with ThreadedProvider(lambda: SimulatedProvider(Script(models=named, **settings))) as running:
        yield running


class Folder:
    """Where comparisons are made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def configure(
        self, old: ThreadedProvider, new: ThreadedProvider, *, more: str = "", rest: str = ""
    ) -> None:
        """`more`: of both providers; `rest`: further tables."""
        text = TOML.format(old=old.base_url, new=new.base_url, more=more, rest=rest)
        (self.path / "freehold.toml").write_text(text)

    def add(
        self,
        cases: Iterable[Case],
        name: str = "words",
        scorers: tuple[ScorerSettings, ...] = (ScorerSettings(kind="exact"),),
    ) -> Suite:
        """A suite, with the scorer `exact` where no other is named."""
        with closing(self.database()) as database:
            source = Source(kind="file", name="words.jsonl")
            return SuiteShelf(database).add(name, source, scorers, cases)

    def database(self) -> Database:
        return Database(self.path / ".freehold" / "compare.db")

    @contextmanager
    def archive(self) -> Iterator[Archive]:
        with closing(self.database()) as database:
            yield Archive(database)
