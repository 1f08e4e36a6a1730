"""A folder with a configuration, calls and verdicts, for what is said about leaving a provider."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from freehold.catalog.prices import ModelPrice, PriceList
from freehold.catalog.rates import Rates
from freehold.compare.archive import Archive
from freehold.compare.case import Case, ScorerSettings, Source, Suite
from freehold.compare.database import Database
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison, Prompt, Terms
from freehold.compare.verdict import Decision, Evidence, Verdict
from freehold.core.ids import new_id
from freehold.core.usage import Usage
from freehold.ledger.record import Call
from freehold.ledger.settings import LedgerSettings
from freehold.ledger.writer import Ledger

DAY_US = 86_400_000_000
TOML = """
[local]
enabled = false
[providers.rented]
base_url = "https://rented.example/v1"
models = ["large"]
[providers.other]
base_url = "https://other.example/v1"
models = ["medium"]
[providers.cellar]
base_url = "http://10.0.0.7:8000/v1"
prices = "own-machine"
models = ["small"]
[routes.copilot]
incumbent = "rented/large"
[models."rented/large"]
input = 2
output = 10
[models."other/medium"]
input = 1
output = 5
"""
PRICES = PriceList(
    own={
        "rented/large": (ModelPrice(Rates(input=Decimal(2), output=Decimal(10))),),
        "other/medium": (ModelPrice(Rates(input=Decimal(1), output=Decimal(5))),),
        "cellar/small": (ModelPrice(Rates(input=Decimal(0), output=Decimal(0))),),
    },
    lists={},
)


def now_us() -> int:
    """This moment."""
    return int(time.time() * 1e6)


class Site:
    """An installation that no process runs."""

    def __init__(self, folder: Path, toml: str = TOML) -> None:
        self.folder = folder
        self.data = folder / ".freehold"
        self.data.mkdir(mode=0o700, exist_ok=True)
        (folder / "freehold.toml").write_text(toml)
        self._number = 0

    def call(self, route: str, model: str, request: Mapping[str, Any] | None = None, **more: Any) -> Call:
        """An answered call of some minutes ago; `request` is what was asked, beside the model."""
        self._number += 1
        asked = {"messages": [{"role": "user", "content": f"question {self._number}"}], **(request or {})}
        provider, _, name = model.partition("/")
        values: dict[str, Any] = {
            "id": new_id("call"),
            "started_us": now_us() - 600_000_000 + self._number,
            "operation": "chat",
            "dialect": "openai-chat",
            "key_id": "key_one",
            "route": route,
            "provider": provider,
            "model": name,
            "reported_model": f"{name}-2026",
            "usage": Usage(input_tokens=1000, output_tokens=100, source="provider"),
            "first_token_ms": 300.0,
            "duration_ms": 2000.0,
            "request_body": json.dumps({"model": route, **asked}).encode(),
            "request_bytes": 100,
            **more,
        }
        return Call(**values)

    def calls(
        self, many: int, route: str, model: str, request: Mapping[str, Any] | None = None, **more: Any
    ) -> list[Call]:
        """Several of them."""
        return [self.call(route, model, request, **more) for _ in range(many)]

    def record(self, calls: Iterable[Call]) -> None:
        """Put calls into the ledger, by its own writer."""
        ledger = Ledger(self.data / "ledger.db", LedgerSettings(), PRICES)
        ledger.start()
        for one in calls:
            ledger.record(one)
        assert ledger.close(30)

    def judge(
        self,
        incumbent: str,
        candidate: str,
        decision: Decision,
        *,
        route: str | None = "copilot",
        classes: Sequence[tuple[str, int, Decision]] = (),
        age_days: float = 1,
        suite_age_days: float | None = None,
        low: float = -0.02,
        high: float = 0.02,
        reported: Mapping[str, Sequence[str]] | None = None,
        prompt: Prompt | None = None,
    ) -> Comparison:
        """A comparison that is over, with its verdicts; `classes`: name, cases, verdict."""
        made_us = now_us() - int(age_days * DAY_US)
        with closing(Database(self.data / "compare.db")) as database:
            shelf, archive = SuiteShelf(database), Archive(database)
            suite = self._suite(shelf, classes or (("", 100, decision),), route or "file")
            if suite_age_days is not None:
                self._age(database, suite, now_us() - int(suite_age_days * DAY_US))
            terms = Terms(incumbent=incumbent, candidates=(candidate,), route=route, prompt=prompt)
            comparison = Comparison(
                id=new_id("comparison"),
                suite=suite.id,
                terms=terms,
                state="done",
                begun_us=made_us,
                ended_us=made_us,
            )
            archive.begin(comparison)
            evidence = Evidence(
                n=400,
                units=400,
                ties=400,
                incumbent_mean=0.8,
                candidate_mean=0.8,
                difference=0.0,
                low=low,
                high=high,
            )
            whole = Verdict(
                comparison=comparison.id,
                incumbent=incumbent,
                candidate=candidate,
                decision=decision,
                reason="",
                margin=0.03,
                alpha=0.05,
                evidence=evidence,
                suite=suite.id,
                suite_hash=suite.hash,
                seed=0,
                reported_models={name: list(of) for name, of in (reported or {}).items()},
                made_us=made_us,
            )
            of_classes = [
                msgspec.structs.replace(whole, task_class=name, decision=said) for name, _, said in classes
            ]
            archive.put_verdicts([whole, *of_classes])
        return comparison

    def _suite(self, shelf: SuiteShelf, classes: Sequence[tuple[str, int, Decision]], name: str) -> Suite:
        cases = [
            Case(
                id=f"{at}-{number}",
                request=msgspec.Raw(
                    json.dumps({"messages": [{"role": "user", "content": new_id("q")}]}).encode()
                ),
                task_class=task_class,
            )
            for at, (task_class, many, _) in enumerate(classes)
            for number in range(many)
        ]
        return shelf.add(
            f"{name}-{new_id('s')}", Source(kind="calls", name=name), (ScorerSettings(kind="exact"),), cases
        )

    def _age(self, database: Database, suite: Suite, made_us: int) -> None:
        from freehold.compare import tables  # noqa: PLC0415 - nobody else ages a suite

        with database.writing() as connection:
            connection.execute(
                tables.suites.update().where(tables.suites.c.id == suite.id).values(made_us=made_us)
            )
