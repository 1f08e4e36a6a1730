"""Classes: a head of a few numbers learns which kind of question is asked, by words and letters.

It takes neither a base nor PyTorch: a ridge regression for each class. `freehold suite sample ROUTE --classes RUN`
sorts a route's calls by it, so that comparisons come to a verdict for each class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np

from freehold.compare.suites.asked import Unfit, asked_by
from freehold.compare.suites.head import FILE, Head, write_head
from freehold.core.errors import BadRequest, FreeholdError
from freehold.core.extras import how_to_install
from freehold.core.figures import counted
from freehold.routing.learned import fitting
from freehold.routing.learned.hashing import letters_in, tokens_of, words_in
from freehold.routing.learned.model import Runs
from freehold.train.conversations import Unusable
from freehold.train.data.row import Row
from freehold.train.learning import told
from freehold.train.order import Order, Outcome, Progress, Stopped
from freehold.wire.request import read_chat_request


class Dials(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What can be set; `rank.toml` says what each does."""

    strengths: Annotated[list[Annotated[float, msgspec.Meta(gt=0)]], msgspec.Meta(min_length=1)]
    parts: Annotated[int, msgspec.Meta(ge=2)]
    least: Annotated[float, msgspec.Meta(ge=0, le=1)]
    fewest: Annotated[int, msgspec.Meta(ge=2)]


class Asked(NamedTuple):
    """A question and its class."""

    text: str
    task_class: str


def train(order: Order, dials: Dials, progress: Progress) -> Outcome:
    """Learn from the dataset's rows that name a class, and leave the head in the run's folder."""
    assert order.dataset is not None
    if find_spec("scipy") is None:
        raise BadRequest("Learning classes needs `scipy`.", hint=how_to_install("compare"))
    asked, unusable = questions_of(order.dataset.rows("train"))
    counts = Counter(one.task_class for one in asked)
    rare = {name for name, many in counts.items() if many < dials.fewest}
    asked = [one for one in asked if one.task_class not in rare]
    names = sorted(counts.keys() - rare)
    notes = (*told(unusable, sum(counts.values())), *(_left_out(name, counts[name]) for name in sorted(rare)))
    if len(names) < 2:
        raise BadRequest(
            " ".join((f"`{order.dataset.reference}` has no two classes to tell apart.", *notes)),
            hint="Make a dataset whose rows name their class, as those of a suite with classes do.",
        )

    # Which strength does best on parts that were set aside.
    fold = np.random.default_rng(order.seed).permutation(len(asked)) % dials.parts
    progress.begin(len(dials.strengths))
    right: dict[float, float] = {}
    for step, strength in enumerate(dials.strengths):
        if progress.stopping:
            raise Stopped
        right[strength] = _right_when_set_aside(asked, names, fold, strength)
        progress.step(step + 1, strength=strength, right_when_set_aside=right[strength])
    best = max(right, key=lambda one: right[one])

    # The head, and what it is worth on what was held out, beside always saying the most frequent class.
    head = head_of(asked, names, best, dials.least)
    results: dict[str, float] = {"strength": best, "right_when_set_aside": right[best], "classes": len(names)}
    held_out = [one for one in questions_of(order.dataset.rows("held-out"))[0] if one.task_class in names]
    if held_out:
        said = [head.class_of(one.text) for one in held_out]
        kept = [name == one.task_class for name, one in zip(said, held_out, strict=True) if name]
        most = counts.most_common(1)[0][0]
        results |= {
            "held_out_told": len(kept) / len(held_out),
            "held_out_right": sum(kept) / len(held_out),
            "held_out_right_by_the_most_frequent": sum(one.task_class == most for one in held_out)
            / len(held_out),
        }
        if kept:
            results["held_out_right_of_told"] = sum(kept) / len(kept)
    (order.folder / "model").mkdir(exist_ok=True)
    write_head(order.folder / "model" / FILE, head)
    return Outcome(results={**results, "rows": len(asked)}, notes=notes)


def questions_of(rows: Iterable[Row]) -> tuple[list[Asked], list[Unusable]]:
    """What is asked last in each row that names its class, as a suite reads it, and rows that are left out."""
    asked, unusable = [], []
    for row in rows:
        if not row.task_class:
            unusable.append(Unusable(row.id, "they name no class"))
            continue
        try:
            request = read_chat_request(b'{"model":"any",' + bytes(row.request).lstrip()[1:])
            text = asked_by(request, request.decoded(), with_media=True).question
        except (Unfit, FreeholdError):
            unusable.append(Unusable(row.id, "they ask nothing that can be read"))
            continue
        asked.append(Asked(text, row.task_class))
    return asked, unusable


def head_of(asked: Sequence[Asked], names: Sequence[str], strength: float, least: float) -> Head:
    """The head that these questions make."""
    texts = {
        "words": fitting.matrix_of([words_in(tokens_of(one.text)) for one in asked]),
        "letters": fitting.matrix_of([letters_in(one.text) for one in asked]),
    }
    labels: Any = np.array([[float(one.task_class == name) for name in names] for one in asked])
    runs = {}
    for run, matrix in texts.items():
        idf = fitting.idf_of(matrix)
        rows = fitting.in_units(matrix, idf)
        columns = [fitting.ridge(rows, labels[:, one], strength) for one in range(len(names))]
        runs[run] = Runs(idf, np.stack(columns, axis=1).astype(np.float32))
    return Head(names, runs, labels.mean(axis=0).astype(np.float32), least)


def _right_when_set_aside(asked: Sequence[Asked], names: Sequence[str], fold: Any, strength: float) -> float:
    right = 0
    for part in range(int(fold.max()) + 1):
        head = head_of([one for one, of in zip(asked, fold, strict=True) if of != part], names, strength, 0.0)
        aside = [one for one, of in zip(asked, fold, strict=True) if of == part]
        right += sum(head.class_of(one.text) == one.task_class for one in aside)
    return right / len(asked)


def _left_out(name: str, many: int) -> str:
    return f"The class `{name}` was left out: it has {counted(many, 'row')}."
