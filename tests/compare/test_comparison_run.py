"""A comparison as it runs, asked of whoever is handed in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from compared import case
from databases import databases, place  # noqa: F401 - fixtures

from freehold.compare import tables
from freehold.compare.answer import Answer
from freehold.compare.archive import Archive, Arrived, KeptAnswer
from freehold.compare.case import Case, ScorerSettings, Source, Suite, is_askable, request_hash_of
from freehold.compare.database import Database, pack
from freehold.compare.halting import ScorerFailed
from freehold.compare.running.answers import Ask, ask_but
from freehold.compare.running.comparing import Comparing, Ended, new_comparison
from freehold.compare.running.marking import Named
from freehold.compare.running.rescoring import rescore
from freehold.compare.running.scorers import Opener, opened
from freehold.compare.scoring import Scored
from freehold.compare.suites.recording import recorded_models
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.terms import Comparison, Means, Terms
from freehold.compare.verdict import Verdict
from freehold.core.errors import BadRequest
from freehold.core.ids import new_id
from freehold.store.places import Place

TERMS = Terms(incumbent="old/model", candidates=("new/model",), margin=0.1)


class Asked:
    """Models that answer what was asked, and what they were asked."""

    def __init__(self, wrong: Iterable[str] = ()) -> None:
        self.times: Counter[tuple[str, str]] = Counter()
        self._wrong = set(wrong)

    async def __call__(self, model: str, request: msgspec.Raw) -> Answer:
        said = msgspec.json.decode(request)["messages"][0]["content"]
        self.times[model, said] += 1
        await asyncio.sleep(0)
        text = "no" if model == "new/model" and said in self._wrong else said
        return Answer(id=new_id("answer"), model=model, text=text, cost=Decimal("0.001"))


@pytest.fixture
def database(place: Place) -> Iterator[Database]:  # noqa: F811 - a fixture
    """Of comparisons: in a file, and on a server."""
    with closing(Database(place)) as database:
        yield database


def words(database: Database, cases: Iterable[Case], name: str = "words") -> Suite:
    source = Source(kind="file", name="words.jsonl")
    return SuiteShelf(database).add(name, source, (ScorerSettings(kind="exact"),), cases)


@pytest.fixture
def suite(database: Database) -> Suite:
    return words(database, (case(number) for number in range(50)))


def run(
    database: Database,
    suite: Suite,
    ask: Ask,
    comparison: Comparison | None = None,
    *,
    terms: Terms = TERMS,
    scorers_of: Opener = opened,
) -> Ended:
    async def work() -> Ended:
        archive = Archive(database)
        this = comparison or new_comparison(suite, terms)
        if comparison is None:
            archive.begin(this)
        comparing = Comparing(
            this, suite, Means(), SuiteShelf(database), archive, goes_on=comparison is not None
        )
        return await comparing.run(ask, scorers_of=scorers_of)

    return asyncio.run(work())


class _Failing:
    hash = "f" * 64

    def __init__(self, at: str | None) -> None:
        self._at = at

    async def score(self, case: Case, answer: Answer) -> Scored:
        if case.id == self._at:
            raise ZeroDivisionError("there is nothing to divide by")
        return Scored(1.0)


def failing(at: str | None) -> Opener:
    @asynccontextmanager
    async def open_them(suite: Suite, ask: Ask) -> AsyncIterator[list[Named]]:
        yield [Named("brittle", _Failing(at))]

    return open_them


def test_a_scorer_that_raises_is_named_and_nothing_that_was_paid_for_is_lost(
    database: Database, suite: Suite
) -> None:
    asked, archive = Asked(), Archive(database)
    with pytest.raises(ScorerFailed) as raised:
        run(database, suite, asked, scorers_of=failing("case-7"))
    assert raised.value.message == (
        "The scorer `brittle` failed at case `case-7`: ZeroDivisionError: there is nothing to divide by"
    )
    (comparison,) = archive.newest()
    assert (comparison.state, comparison.reason) == ("failed", raised.value.message)
    assert archive.spent(comparison.id) == (Decimal("0.001") * asked.times.total(), 0)
    # Mended, it goes on, and nobody is asked anything twice.
    ended = run(database, suite, asked, comparison, scorers_of=failing(None))
    assert ended.comparison.state == "done"
    assert set(asked.times.values()) == {1}
    assert asked.times.total() >= 2 * ended.verdicts[0].evidence.n


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 5.0, -0.1])
def test_no_case_counts_for_more_than_a_case(tmp_path: Path, value: float) -> None:
    class Generous:
        hash = "e" * 64

        async def score(self, case: Case, answer: Answer) -> Scored:
            return Scored(value)

    @asynccontextmanager
    async def open_it(suite: Suite, ask: Ask) -> AsyncIterator[list[Named]]:
        yield [Named("generous", Generous())]

    with closing(Database(tmp_path / "compare.db")) as database:
        suite = words(database, [case(number) for number in range(5)])
        with pytest.raises(ScorerFailed, match=r"`generous` failed at case .* is not between 0 and 1"):
            run(database, suite, Asked(), scorers_of=open_it)


def test_cases_of_a_group_are_one_unit_and_are_drawn_together(database: Database) -> None:
    cases = [case(number, group=f"group-{number % 10}") for number in range(30)] + [case(99)]
    suite = words(database, cases, "grouped")
    ended = run(database, suite, Asked())
    evidence = ended.verdicts[0].evidence
    assert (evidence.units, evidence.n) == (11, 31)
    pairs = [pair for some in Archive(database).pairs(ended.comparison.id, "new/model") for pair in some]
    assert [pair.position for pair in pairs] == list(range(31))
    assert [pair.drawn for pair in pairs] == sorted(pair.drawn for pair in pairs)
    of_unit: dict[int, set[str]] = {}
    for pair in pairs:
        number = int(pair.case_id.removeprefix("case-"))
        of_unit.setdefault(pair.drawn, set()).add("alone" if number == 99 else f"group-{number % 10}")
    assert all(len(groups) == 1 for groups in of_unit.values())


def test_the_seed_alone_decides_the_order(database: Database, suite: Suite) -> None:
    def order(seed: int) -> list[str]:
        ended = run(database, suite, Asked(), terms=msgspec.structs.replace(TERMS, seed=seed))
        pairs = Archive(database).pairs(ended.comparison.id, "new/model")
        return [pair.case_id for some in pairs for pair in some]

    first = order(1)
    assert first == order(1)
    second = order(2)
    assert first[:10] != second[:10]
    assert len(set(first)) == len(first)


def test_a_suite_without_cases_cannot_be(database: Database) -> None:
    with pytest.raises(BadRequest, match="would have no cases"):
        words(database, [], "empty")


def test_everybody_is_asked_once_and_wrong_answers_count(database: Database, suite: Suite) -> None:
    asked = Asked(wrong=(f"word{number}" for number in range(0, 50, 2)))
    ended = run(database, suite, asked)
    evidence = ended.verdicts[0].evidence
    assert ended.verdicts[0].decision == "does not replace"
    assert evidence.wins == 0
    assert evidence.losses == round(-(evidence.difference or 0) * evidence.n)
    assert evidence.incumbent_mean == 1.0
    assert evidence.candidate_mean == pytest.approx(1 - evidence.losses / evidence.n)
    assert set(asked.times.values()) == {1}
    # What was asked beyond the end is paid for, and no part of what the verdict cost.
    assert ended.verdicts[0].cost == Decimal("0.001") * evidence.n
    assert ended.spent == Decimal("0.001") * asked.times.total()


def hand_in(
    database: Database, suite: str, request: msgspec.Raw, model: str, text: str, *, made_us: int = 1
) -> None:
    answer = Answer(id=new_id("answer"), model=model, text=text, made_us=made_us)
    with database.writing() as connection:
        connection.execute(
            tables.answers.insert().values(
                id=answer.id,
                model=model,
                request_hash=request_hash_of(request),
                sample=0,
                suite=suite,
                made_us=made_us,
                body=pack(answer),
            )
        )


def test_what_was_handed_in_with_another_suite_is_no_answer_of_the_model(database: Database) -> None:
    """Whoever writes a file could else decide a comparison of others over the same questions."""
    cases = [case(number) for number in range(50)]
    suite = words(database, cases)
    for one in cases:
        hand_in(database, "suite_of_somebody_else", one.request, "new/model", "no", made_us=2**60)
    asked = Asked()
    ended = run(database, suite, asked)
    assert ended.verdicts[0].decision == "replaces"
    assert ended.verdicts[0].evidence.losses == 0
    assert ended.reused == 0


def test_what_was_handed_in_with_a_suite_is_not_replaced_by_what_others_were_answered(
    database: Database,
) -> None:
    cases = [case(number) for number in range(50)]
    run(database, words(database, cases), Asked())
    suite = words(database, cases, "another")
    for one in cases:
        hand_in(database, suite.id, one.request, "new/model", "no")
    assert run(database, suite, Asked()).verdicts[0].decision == "does not replace"


def test_a_judge_is_asked_whatever_a_file_says_that_it_said(database: Database) -> None:
    """What a judge is asked follows from the answers, so a file could bring its verdicts with them."""
    judge = ScorerSettings(kind="rubric-judge", settings=msgspec.Raw(b'{"model":"just/judge"}'))
    source = Source(kind="recorded", name="answers.jsonl")
    suite = SuiteShelf(database).add("judged", source, (judge,), [case(number) for number in range(20)])
    questions: list[msgspec.Raw] = []

    async def ask(model: str, request: msgspec.Raw) -> Answer:
        if model == "just/judge":
            questions.append(request)
        text = '{"score":1,"reasoning":""}' if model == "just/judge" else f"said by {model}"
        return Answer(id=new_id("answer"), model=model, text=text, cost=Decimal("0.001"))

    run(database, suite, ask)
    assert questions
    forged = SuiteShelf(database).add("forged", source, (judge,), [case(number) for number in range(20)])
    for question in questions:
        hand_in(database, forged.id, question, "just/judge", '{"score":5,"reasoning":""}', made_us=2**60)
    ended = run(database, forged, ask, terms=msgspec.structs.replace(TERMS, fresh=True))
    assert ended.verdicts[0].evidence.candidate_mean == 0.0


def test_recorded_answers_are_compared_and_what_is_missing_does_not_count(database: Database) -> None:
    cases = [case(number) for number in range(40)]
    shelf, archive = SuiteShelf(database), Archive(database)
    source = Source(kind="recorded", name="answers.jsonl")
    suite = shelf.add("recorded", source, (ScorerSettings(kind="exact"),), cases)
    with database.writing() as connection:
        for at, one in enumerate(cases):
            for model in ("ours", "theirs"):
                if model == "theirs" and at % 8 == 7:
                    continue
                failure = "timeout" if model == "ours" and at == 0 else None
                answer = Answer(id=new_id("answer"), model=model, text=f"word{at}", failure=failure)
                row = {
                    "id": answer.id,
                    "model": model,
                    "request_hash": request_hash_of(one.request),
                    "sample": 0,
                    "suite": suite.id,
                    "failure": failure,
                    "made_us": 1,
                    "body": pack(answer),
                }
                connection.execute(tables.answers.insert().values(row))
    terms = Terms(incumbent="ours", candidates=("theirs",), margin=0.1)
    asked = Asked()
    assert recorded_models(shelf, suite) == {"ours": 40, "theirs": 35}
    ask = ask_but(asked, ("ours", "theirs"), is_askable)
    ended = run(database, suite, ask, terms=terms)
    evidence = ended.verdicts[0].evidence
    assert evidence.uncounted == {"not recorded": 5, "incumbent failed": 1}
    assert (evidence.n, evidence.failures) == (34, {"incumbent": 1, "candidate": 0})
    assert not asked.times
    assert (ended.asked, ended.reused) == (0, 75)

    async def again() -> list[Verdict]:
        async with opened(suite, asked) as scorers:
            return await rescore(ended.comparison, suite, scorers, shelf=shelf, archive=archive)

    (renewed,) = asyncio.run(again())
    assert renewed.evidence == evidence


def test_an_answer_that_cannot_be_kept_ends_it_and_hangs_nobody(database: Database, suite: Suite) -> None:
    async def ask(model: str, request: msgspec.Raw) -> Answer:
        return Answer(id=new_id("answer"), model=model, text="half of a pair: \ud83d")

    async def work() -> None:
        archive = Archive(database)
        comparison = new_comparison(suite, TERMS)
        archive.begin(comparison)
        comparing = Comparing(comparison, suite, Means(), SuiteShelf(database), archive, goes_on=False)
        with pytest.raises(UnicodeEncodeError):
            async with asyncio.timeout(20) as patience:
                await comparing.run(ask)
        assert not patience.expired()

    asyncio.run(work())
    (comparison,) = Archive(database).newest()
    assert comparison.state == "stopped"


class _Undecided:
    """Finds two answers always equally good."""

    hash = "e" * 64

    async def compare(self, case: Case, incumbent: Answer, candidate: Answer) -> Scored:
        return Scored(0.0)


def test_an_answer_that_failed_loses_beside_any_other(database: Database, suite: Suite) -> None:
    asked = Asked()

    async def ask(model: str, request: msgspec.Raw) -> Answer:
        answer = await asked(model, request)
        if model == "new/model" and answer.text == "word7":
            return msgspec.structs.replace(answer, text="", failure="broken")
        return answer

    @asynccontextmanager
    async def judged(suite: Suite, ask: Ask) -> AsyncIterator[list[Named]]:
        yield [Named("undecided", pairs=_Undecided())]

    terms = msgspec.structs.replace(TERMS, to_the_end=True)
    ended = run(database, suite, ask, terms=terms, scorers_of=judged)
    evidence = ended.verdicts[0].evidence
    assert (evidence.losses, evidence.ties, evidence.wins) == (1, 49, 0)


def test_it_goes_on_with_its_own_answers_where_others_got_newer_ones(
    database: Database, suite: Suite
) -> None:
    archive = Archive(database)
    ours, theirs = new_comparison(suite, TERMS), new_comparison(suite, TERMS)
    answers = [
        Answer(id=new_id("answer"), model="new/model", text=str(made), made_us=made) for made in (1, 2)
    ]
    for comparison, answer in zip((ours, theirs), answers, strict=True):
        archive.begin(comparison)
        archive.keep(comparison.id, Arrived([KeptAnswer(answer, "hash", comparison.id)]), 0)
    for comparison, answer in zip((ours, theirs), answers, strict=True):
        assert archive.known_answers(["hash"], ["new/model"], comparison) == {("hash", "new/model"): answer}
    (newest,) = archive.known_answers(["hash"], ["new/model"], new_comparison(suite, TERMS)).values()
    assert newest == answers[1]
    fresh = new_comparison(suite, msgspec.structs.replace(TERMS, fresh=True))
    assert archive.known_answers(["hash"], ["new/model"], fresh) == {}
