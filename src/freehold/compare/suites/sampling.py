"""A suite of a route's own calls: what its users really ask, as far as the ledger keeps it.

Calls are looked at in a random order that the seed fixes, until there are enough different ones to draw from; so it
takes as long for a million calls as for twenty thousand. In memory are a number for each call, what each different one
is about, and no more bodies than are read at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from freehold.compare.case import NOTHING, Case, ScorerSettings, Source, hash_of
from freehold.compare.suites.adding import Added
from freehold.compare.suites.asked import Asked, Unfit, answer_in, asked_in
from freehold.compare.suites.masking import Masking
from freehold.compare.suites.shelf import SuiteShelf
from freehold.core.errors import BadRequest, NotFound
from freehold.core.figures import counted
from freehold.ledger.drawing import Numbers
from freehold.ledger.filters import Filter
from freehold.ledger.record import Call

if TYPE_CHECKING:
    from freehold.compare.suites.classes import Classes
    from freehold.ledger.reading import LedgerReader

COMPARISONS = "comparison_"
"""What the ids of the keys begin with that comparisons and judges ask with."""
MOST_LOOKED_AT = 20_000
"""Calls; beyond them, hardly any is unlike all before."""
_POOL_FOR_EACH = 4
"""Different questions to draw one case from."""
_LEAST_POOL, _MOST_POOL = 1_000, 8_000
_MOST_NUMBERS = 2_000_000
_TOGETHER = 100
_encode = msgspec.json.Encoder().encode


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What sample is wanted."""

    route: str
    since_us: int
    n: int
    """Cases, at most."""
    least: int = 5
    """Cases of each class, at least, as far as there are so many."""
    all_turns: bool = False
    """Later turns of conversations, too, with what was said before as it was."""
    answers: bool = False
    """Keep what was answered as the target."""
    masked: bool = True
    seed: int = 0


class Sample(msgspec.Struct, frozen=True):
    """What was drawn."""

    cases: list[Case]
    source: Source


class _Question(msgspec.Struct, gc=False):
    """One question that is unlike all others."""

    number: int
    """Of the call in the ledger."""
    question: str
    instructions: str
    calls: int = 1
    """How many were like it."""


def draw(
    history: LedgerReader,
    wish: Wish,
    masking: Callable[[], Masking],
    looked: Callable[[int], None] = lambda n: None,
) -> Sample:
    """Draw a sample. `masking` is made when it is needed, `looked` told how many more calls were looked at.

    Raises NotFound: there are no such calls; BadRequest: too few of them are kept.
    """
    from freehold.compare.suites.classes import classes_of, need_libraries  # noqa: PLC0415 - heavy

    need_libraries()
    order, found = _shuffled(history, wish)
    pool = _Pool(wish)
    for at in range(0, len(order), _TOGETHER):
        some = order[at : at + _TOGETHER]
        for entry in history.numbered(some):
            pool.look(entry.seq, entry.call)
        looked(len(some))
        if pool.is_full:
            break
    if len(pool.questions) < 2:
        raise BadRequest(
            f"Of {counted(found, 'call')} of `{wish.route}` whose bodies are kept, "
            f"{counted(len(pool.questions), 'different question')} can be asked again, which is too few.",
            hint=" ".join(pool.notes()) or "Sample more days.",
        )
    classes = classes_of(
        [one.question for one in pool.questions],
        [one.instructions for one in pool.questions],
        seed=wish.seed,
    )
    chosen = _chosen(pool.questions, classes, wish)
    maker = _Maker(wish, masking() if wish.masked else None)
    cases = list(
        maker.cases(history, [(pool.questions[one].number, classes.names[classes.of[one]]) for one in chosen])
    )
    notes = [_drawn(found, pool.looked_at, wish), *pool.notes(), *_told(classes, wish), *maker.notes()]
    return Sample(cases, Source(kind="calls", name=wish.route, notes=tuple(notes)))


def add_sample(shelf: SuiteShelf, name: str, scorers: tuple[ScorerSettings, ...], sample: Sample) -> Added:
    """Put a sample on the shelf. Of the same calls again, the same suite comes out."""
    there = shelf.same_as(name, hash_of(scorers, sample.cases))
    if there is not None:
        return Added(there, is_new=False)
    return Added(shelf.add(name, sample.source, scorers, sample.cases), is_new=True)


def _shuffled(history: LedgerReader, wish: Wish) -> tuple[list[int], int]:
    """The numbers of calls in a random order, and how many there are."""
    import numpy as np  # noqa: PLC0415 - an extra

    random = np.random.default_rng(wish.seed)
    wanted = Numbers(
        Filter(route=wish.route, operation="chat", outcome="answered", since_us=wish.since_us),
        without_keys=COMPARISONS,
    )
    kept = np.zeros(0, dtype=np.int64)
    found = 0
    for some in history.numbers(wanted) if history.exists else ():
        numbers = np.array(some, dtype=np.int64)
        free = _MOST_NUMBERS - len(kept)
        kept = np.concatenate([kept, numbers[:free]])
        # Reservoir sampling: the k-th of all takes the place of another one with the chance that it should be there.
        late = numbers[free:]
        places = random.integers(0, found + free + 1 + np.arange(len(late)))
        kept[places[places < _MOST_NUMBERS]] = late[places < _MOST_NUMBERS]
        found += len(some)
    if not found:
        raise _nothing(history, wish, wanted.without_body)
    return random.permutation(kept).tolist(), found


def _nothing(history: LedgerReader, wish: Wish, without_body: int) -> Exception:
    if without_body:
        return BadRequest(
            f"The bodies of `{wish.route}` are not kept: {counted(without_body, 'call')} "
            f"{'is' if without_body == 1 else 'are'} on record without.",
            hint="Keep them: `bodies = true` under `[ledger]`, and no `keep_bodies = false` for the route.",
        )
    return NotFound(
        f"No answered chat call of `{wish.route}` is on record in that time.",
        hint="`freehold spend` shows which routes were called; `--days` looks further back.",
    )


class _Pool:
    """Different questions to draw from."""

    def __init__(self, wish: Wish) -> None:
        from freehold.compare.suites.likeness import Seen  # noqa: PLC0415 - needs numpy

        self._wish = wish
        self._seen = Seen()
        self._size = min(max(_LEAST_POOL, _POOL_FOR_EACH * wish.n), _MOST_POOL)
        self.questions: list[_Question] = []
        self.looked_at = 0
        self._unfit: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._alike = 0
        self._later = 0

    @property
    def is_full(self) -> bool:
        """Whether no more calls need be looked at."""
        return len(self.questions) >= self._size or self.looked_at >= MOST_LOOKED_AT

    def look(self, number: int, call: Call) -> None:
        """One more call."""
        self.looked_at += 1
        try:
            asked = asked_in(call, with_media=not self._wish.masked)
        except Unfit as error:
            self._unfit[str(error)] += 1
            return
        if asked.turn > 1 and not self._wish.all_turns:
            self._later += 1
            return
        place, is_new = self._seen.place_of(asked.question, f"{asked.instructions}\n{asked.before}")
        if not is_new:
            self._alike += 1
            self.questions[place].calls += 1
            return
        self._losses.update(asked.losses)
        self.questions.append(_question(number, asked))

    def notes(self) -> list[str]:
        """What was left out, and why."""
        told = [
            f"Left out, as they {why}: {counted(many, 'call')}." for why, many in self._unfit.most_common()
        ]
        if self._alike:
            told.append(
                f"Nearly the same as another one: {counted(self._alike, 'call')}. Each question is one case, and its "
                "class has the weight of all calls."
            )
        if self._later:
            told.append(
                f"Left out, as later turns of conversations: {counted(self._later, 'call')}. They answer what the old "
                "model said, so another model, and a better one most of all, is at a disadvantage in them."
            )
        if self._losses:
            lost = ", ".join(f"{name} ({many:,})" for name, many in self._losses.most_common())
            told.append(f"Lost in the translation of calls from other dialects: {lost}.")
        return told


def _question(number: int, asked: Asked) -> _Question:
    from freehold.compare.suites.classes import LONGEST  # noqa: PLC0415

    return _Question(number, asked.question[:LONGEST], asked.instructions[:LONGEST])


def _chosen(questions: Sequence[_Question], classes: Classes, wish: Wish) -> list[int]:
    """The places of the questions that become cases, in the random order in which they were found."""
    from freehold.compare.suites.allotting import allot  # noqa: PLC0415

    members: list[list[int]] = [[] for _ in classes.names]
    for place, label in enumerate(classes.of):
        members[label].append(place)
    traffic = [sum(questions[place].calls for place in some) for some in members]
    given = allot(wish.n, traffic, list(map(len, members)), wish.least)
    return sorted(place for some, many in zip(members, given, strict=True) for place in some[:many])


class _Maker:
    """Makes cases of calls."""

    def __init__(self, wish: Wish, masking: Masking | None) -> None:
        self._wish = wish
        self._masking = masking
        self._answered = 0
        self._made = 0

    def cases(self, history: LedgerReader, chosen: Sequence[tuple[int, str]]) -> Iterator[Case]:
        """The cases of calls, told by their numbers, of the classes that stand beside them."""
        for at in range(0, len(chosen), _TOGETHER):
            some = dict(chosen[at : at + _TOGETHER])
            for entry in history.numbered(list(some)):
                with suppress(Unfit):  # retention has deleted it meanwhile
                    yield self._case(entry.call, some[entry.seq])

    def _case(self, call: Call, task_class: str) -> Case:
        asked = asked_in(call, with_media=not self._wish.masked)
        answer = answer_in(call) if self._wish.answers else None
        body, answer = self._masked(_encode(asked.body), answer)
        self._made += 1
        self._answered += answer is not None
        return Case(
            id=call.id,
            request=msgspec.Raw(body),
            target=NOTHING if answer is None else msgspec.Raw(_encode(answer)),
            task_class=task_class,
            group=asked.conversation if self._wish.all_turns else None,
        )

    def _masked(self, body: bytes, answer: str | None) -> tuple[bytes, str | None]:
        if self._masking is None:
            return body, answer
        masked, answer = self._masking.mask([msgspec.json.decode(body), answer])
        return _encode(masked), answer

    def notes(self) -> list[str]:
        """What was done to them."""
        told = []
        masking = self._masking
        if masking is None:
            told.append("Nothing is masked: personal data and secrets are in it as they were asked.")
        elif masking.counts:
            kinds = ", ".join(f"{kind} {many:,}" for kind, many in masking.counts.most_common())
            told.append(
                f"Masked in {counted(masking.cases, 'case')}: {kinds}. Found is what has a form of its own; names and "
                "postal addresses have none and are not masked."
            )
        else:
            told.append(
                "No personal data of a form of its own and no secret was found; names and postal addresses have no "
                "such form and are not looked for."
            )
        if self._wish.answers:
            told.append(
                f"The target of {counted(self._answered, 'case')} is what was answered then. It is no right answer: "
                "whoever is measured by it is measured by how alike the incumbent it is."
            )
        return told


def _drawn(found: int, looked_at: int, wish: Wish) -> str:
    some = (
        f", of which {looked_at:,} were looked at in random order (seed {wish.seed})"
        if looked_at < found
        else ""
    )
    return f"{counted(found, 'answered chat call')} of `{wish.route}` with a request that is kept{some}."


def _told(classes: Classes, wish: Wish) -> list[str]:
    told = []
    if len(classes.names) > 1 and classes.silhouette is not None:
        told.append(
            f"{len(classes.names)} classes of tasks, by TF-IDF and k-means (mean silhouette "
            f"{classes.silhouette:.2f}); cases in proportion to calls, at least {wish.least} of each where there are."
        )
    else:
        told.append("The questions do not fall into classes of tasks, or are too few for it.")
    if wish.all_turns:
        told.append(
            "Later turns are among the cases, with what was said before fixed as it was: they answer the old model and "
            "put others at a disadvantage. The turns of a conversation are one group."
        )
    return told
