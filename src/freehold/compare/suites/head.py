"""A head that tells classes of questions apart: numbers in a file, which `freehold train rank` makes.

It reads a text as routers do, as runs of words and of letters, and gives each class a score: near 1 where texts like it
were of that class, near 0 where they were not.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from freehold.compare.suites.classes import Classes
from freehold.core.errors import StoreError
from freehold.routing.learned.hashing import PLACES, letters_in, tokens_of, words_in
from freehold.routing.learned.model import Runs

FILE = "classes.head"
"""In the folder of a run's model."""
MAX_BYTES = 1 << 28
_FORM = 1
RUNS = ("words", "letters")

Array = npt.NDArray[np.float32]


class Head:
    """See the module."""

    def __init__(self, names: Sequence[str], runs: Mapping[str, Runs], mean: Array, least: float) -> None:
        """`runs`: of `words` and of `letters`; `mean`: the share of each class; `least`: how much
        of what is missing to 1 a text has to add to a class's share, lest it be of none.
        """
        self.names, self.runs, self.mean, self.least = tuple(names), runs, mean, least

    def scores(self, text: str) -> Array:
        """By class."""
        read = {"words": words_in(tokens_of(text)), "letters": letters_in(text)}
        told = [self.runs[run].predict(self.runs[run].unit(read[run])) for run in RUNS]
        score: Array = self.mean + sum(told) / len(RUNS)
        return score

    def class_of(self, text: str) -> str:
        """The likeliest class; empty where nothing speaks for any."""
        scores = self.scores(text)
        best = int(scores.argmax())
        spoken_for = (scores[best] - self.mean[best]) / max(1.0 - self.mean[best], 1e-6)
        return self.names[best] if spoken_for >= self.least else ""

    def classes_of(self, texts: Sequence[str]) -> Classes:
        """The classes of texts."""
        told = [self.class_of(text) for text in texts]
        names = tuple(dict.fromkeys(told))
        return Classes(names, tuple(names.index(one) for one in told), None)


def write_head(path: Path, head: Head) -> None:
    """Keep it in a file. Only places that were seen are kept."""
    arrays: dict[str, Any] = {
        "form": np.array([_FORM]),
        "names": np.array(head.names, dtype=np.str_),
        "mean": head.mean,
        "least": np.array([head.least]),
    }
    for run in RUNS:
        places = np.flatnonzero(head.runs[run].idf)
        arrays |= {
            f"{run}-places": places.astype(np.uint32),
            f"{run}-idf": head.runs[run].idf[places],
            f"{run}-weights": head.runs[run].weights[places],
        }
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    path.write_bytes(content.getvalue())


def read_head(path: Path) -> Head:
    """The head in a file. Raises StoreError: there is none, or it is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            if kept["form"].tolist() != [_FORM]:
                raise ValueError("it is in another form")
            names, mean = [str(name) for name in kept["names"]], kept["mean"].astype(np.float32)
            runs = {}
            for run in RUNS:
                places = kept[f"{run}-places"]
                idf, weights = np.zeros(PLACES, np.float32), np.zeros((PLACES, len(names)), np.float32)
                idf[places], weights[places] = kept[f"{run}-idf"], kept[f"{run}-weights"]
                runs[run] = Runs(idf, weights)
            return Head(names, runs, mean, float(kept["least"][0]))
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"`{path}` cannot be read as a head: {error}.",
            hint="Make one: `freehold train rank --data DATASET`.",
        ) from error
