"""A suite of a route's own calls: what its users really ask, as far as the ledger keeps it.

Calls are looked at in a random order that the seed fixes, until there are enough different ones to draw from; so it
takes as long for a million calls as for twenty thousand. In memory are a number for each call, what each different one
is about, and no more bodies than are read at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from freehold.compare.case import Case, ScorerSettings, Source, hash_of
from freehold.compare.suites.adding import Added
from freehold.compare.suites.making import Maker
from freehold.compare.suites.masking import Masking
from freehold.compare.suites.shelf import SuiteShelf
from freehold.compare.suites.wish import Wish
from freehold.core.errors import BadRequest, NotFound
from freehold.core.figures import counted, size
from freehold.ledger.drawing import Numbers
from freehold.ledger.filters import Filter

if TYPE_CHECKING:
    from freehold.compare.suites.classes import Classes
    from freehold.compare.suites.pool import Question
    from freehold.ledger.reading import LedgerReader

OURS = ("comparison_", "check_", "rollout_")
"""What stands in place of a key's id in calls of comparisons, checks of judges and rollouts begins so."""
LONGEST_REQUEST = 256_000
"""Bytes of a request that is looked at, so that a sample takes seconds and little memory."""
_MOST_NUMBERS = 2_000_000
_TOGETHER = 100


class Sample(msgspec.Struct, frozen=True):
    """What was drawn."""

    cases: list[Case]
    source: Source


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
    from freehold.compare.suites.embedding import embedder  # noqa: PLC0415
    from freehold.compare.suites.head import read_head  # noqa: PLC0415
    from freehold.compare.suites.pool import Pool  # noqa: PLC0415

    need_libraries()
    embed = embedder() if wish.by_meaning else None
    head = read_head(wish.head) if wish.head is not None else None
    order, found, wanted = _shuffled(history, wish)
    pool = Pool(wish)
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
    classes = (
        head.classes_of([one.question for one in pool.questions])
        if head is not None
        else classes_of(
            [one.question for one in pool.questions],
            [one.instructions for one in pool.questions],
            seed=wish.seed,
            embed=embed,
        )
    )
    chosen = _chosen(pool.questions, classes, wish)
    maker = Maker(wish, masking() if wish.masked else None)
    cases = list(
        maker.cases(history, [(pool.questions[one].number, classes.names[classes.of[one]]) for one in chosen])
    )
    pool.leave_out(f"are longer than {size(LONGEST_REQUEST)}", wanted.too_long)
    pool.leave_out("were recorded without their bodies", wanted.without_body)
    notes = [_drawn(found, pool.looked_at, wish), *pool.notes(), *_told(classes, wish), *maker.notes()]
    return Sample(cases, Source(kind="calls", name=wish.route, notes=tuple(notes)))


def add_sample(shelf: SuiteShelf, name: str, scorers: tuple[ScorerSettings, ...], sample: Sample) -> Added:
    """Put a sample on the shelf. Of the same calls again, the same suite comes out."""
    there = shelf.same_as(name, hash_of(scorers, sample.cases))
    if there is not None:
        return Added(there, is_new=False)
    return Added(shelf.add(name, sample.source, scorers, sample.cases), is_new=True)


def _shuffled(history: LedgerReader, wish: Wish) -> tuple[list[int], int, Numbers]:
    """The numbers of calls in a random order, how many there are, and what others were seen."""
    import numpy as np  # noqa: PLC0415 - an extra

    random = np.random.default_rng(wish.seed)
    wanted = Numbers(
        Filter(route=wish.route, operation="chat", outcome="answered", since_us=wish.since_us),
        without_keys=OURS,
        longest=LONGEST_REQUEST,
        corrected=wish.corrected,
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
    return random.permutation(kept).tolist(), found, wanted


def _nothing(history: LedgerReader, wish: Wish, without_body: int) -> Exception:
    if without_body:
        return BadRequest(
            f"The bodies of `{wish.route}` are not kept: {counted(without_body, 'call')} "
            f"{'is' if without_body == 1 else 'are'} on record without.",
            hint="Keep them: `bodies = true` under `[ledger]`, and no `keep_bodies = false` for the route.",
        )
    if wish.corrected:
        return NotFound(
            f"No answer of `{wish.route}` was corrected by feedback in that time.",
            hint="Send a `correction` to `POST /v1/calls/ID/feedback`; `--days` looks further back.",
        )
    return NotFound(
        f"No answered chat call of `{wish.route}` is on record in that time.",
        hint="`freehold spend` shows which routes were called; `--days` looks further back.",
    )


def _chosen(questions: Sequence[Question], classes: Classes, wish: Wish) -> list[int]:
    """The places of the questions that become cases, in the random order in which they were found."""
    from freehold.compare.suites.allotting import allot  # noqa: PLC0415

    members: list[list[int]] = [[] for _ in classes.names]
    for place, label in enumerate(classes.of):
        members[label].append(place)
    traffic = [sum(questions[place].calls for place in some) for some in members]
    given = allot(wish.n, traffic, list(map(len, members)), wish.least)
    return sorted(place for some, many in zip(members, given, strict=True) for place in some[:many])


def _drawn(found: int, looked_at: int, wish: Wish) -> str:
    some = (
        f", of which {looked_at:,} were looked at in random order (seed {wish.seed})"
        if looked_at < found
        else ""
    )
    return f"{counted(found, 'answered chat call')} of `{wish.route}` with a request that is kept{some}."


def _told(classes: Classes, wish: Wish) -> list[str]:
    told = []
    by = "embeddings" if wish.by_meaning else "TF-IDF"
    if wish.head is not None:
        told.append(
            f"{len([name for name in classes.names if name])} classes of tasks, by a head that was trained on them; "
            f"cases in proportion to calls, at least {wish.least} of each where there are."
        )
    elif len(classes.names) > 1 and classes.silhouette is not None:
        told.append(
            f"{len(classes.names)} classes of tasks, by {by} and k-means (mean silhouette {classes.silhouette:.2f}); "
            f"cases in proportion to calls, at least {wish.least} of each where there are."
        )
    else:
        told.append("The questions do not fall into classes of tasks, or are too few for it.")
    if wish.all_turns:
        told.append(
            "Later turns are among the cases, with what was said before fixed as it was: they answer the old model and "
            "put others at a disadvantage. The turns of a conversation are one group."
        )
    return told
