"""Classes of tasks: clusters of what was asked, named by their most telling words.

A text is its words, weighted by TF-IDF (sublinear counts), with Korean ones cut into pairs of syllables besides, as
their endings vary; then the 50 strongest directions of all texts (latent semantic analysis), each text of length 1.
k-means with the fewest clusters, 2 to 12, whose mean silhouette on up to 1,000 texts is at least 0.9 of the best: more
of them are no better. Where even the best is below 0.05, the texts do not fall into classes, and there is one.

A class is named by the words with the greatest c-TF-IDF (Grootendorst, 2022, arXiv 2203.05794): how often a word is in
the class, times log(1 + average words of a class / how often the word is in all).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.compare.suites.words import words_in
from freehold.core.errors import BadRequest
from freehold.core.extras import how_to_install

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float64]
    Embed = Callable[[Sequence[str]], Vectors]

LONGEST = 2_000
"""Characters of a text that say what it is about."""
MOST = 12
"""Classes; more could not be told apart by a person, nor with the cases that are left for each."""
FEWEST_TEXTS = 20
"""Of which a class consists on average, at least."""
LEAST_SILHOUETTE = 0.05
GOOD_ENOUGH = 0.9
"""Share of the best silhouette."""
_DIRECTIONS = 50
_SILHOUETTE_TEXTS = 1_000
_NAME_WORDS = 3
_FEWEST_TEXTS_OF_A_WORD = 5
"""A word that fewer texts have could be somebody's name."""
_OTHER = "other"


class Classes(msgspec.Struct, frozen=True):
    """What class each text is of."""

    names: tuple[str, ...]
    of: tuple[int, ...]
    """For each text the place of its class in `names`."""
    silhouette: float | None
    """Mean silhouette of the clusters, -1 … 1; None: there is one class."""


def classes_of(
    texts: Sequence[str], contexts: Sequence[str], *, seed: int, embed: Embed | None = None
) -> Classes:
    """The classes of texts in contexts (instructions that an application gave with them): the same for the same seed.

    `embed`: go by this and not by words.
    """
    most = min(MOST, len(texts) // FEWEST_TEXTS)
    if most < 2:
        return Classes(("",), (0,) * len(texts), None)
    vectors = _vectors(texts, contexts, seed) if embed is None else _by_meaning(texts, embed)
    if vectors is None:
        return Classes(("",), (0,) * len(texts), None)
    labels, silhouette = _clusters(vectors, most, seed)
    if labels is None:
        return Classes(("",), (0,) * len(texts), None)
    names = _names([words_in(text[:LONGEST]) for text in texts], labels)
    return Classes(tuple(names), tuple(labels), silhouette)


def need_libraries() -> None:
    """Raises BadRequest where what finds classes is not installed."""
    if find_spec("sklearn") is None:
        raise BadRequest("Finding classes of tasks needs scikit-learn.", hint=how_to_install("compare"))


def _pieces(text: str) -> list[str]:
    words = words_in(text[:LONGEST])
    return words + [
        word[at : at + 2] for word in words if "\uac00" <= word[0] <= "\ud7a3" for at in range(len(word) - 1)
    ]


def _vectors(texts: Sequence[str], contexts: Sequence[str], seed: int) -> Vectors | None:
    """None: the texts have no words in common."""
    from scipy.sparse import hstack  # noqa: PLC0415 - heavy, and an extra
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415
    from sklearn.preprocessing import normalize  # noqa: PLC0415

    parts = (texts, contexts) if len(set(contexts)) > 1 else (texts,)
    blocks = [block for block in map(_weighted, parts) if block is not None]
    if sum(block.shape[1] for block in blocks) < 2:
        return None
    matrix = hstack(blocks).tocsr()
    directions = min(_DIRECTIONS, matrix.shape[1] - 1, len(texts) - 1)
    vectors: Vectors = normalize(TruncatedSVD(directions, random_state=seed).fit_transform(matrix))
    return vectors


def _by_meaning(texts: Sequence[str], embed: Embed) -> Vectors:
    """Embeddings without what all of them have in common, each of length 1."""
    from sklearn.preprocessing import normalize  # noqa: PLC0415 - heavy, and an extra

    vectors = embed([text[:LONGEST] for text in texts])
    centred: Vectors = normalize(vectors - vectors.mean(axis=0))
    return centred


def _weighted(texts: Sequence[str]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - heavy, and an extra

    counting = TfidfVectorizer(analyzer=_pieces, sublinear_tf=True, min_df=2, max_df=0.5, max_features=20_000)
    try:
        return counting.fit_transform(texts)
    except ValueError:  # no word is left: none is in two texts
        return None


def _clusters(vectors: Vectors, most: int, seed: int) -> tuple[list[int] | None, float | None]:
    """The fewest clusters that are good enough, and how good; None where even the best are bad."""
    import numpy as np  # noqa: PLC0415 - heavy, and an extra
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from sklearn.metrics import silhouette_score  # noqa: PLC0415

    some = np.random.default_rng(seed).permutation(len(vectors))[:_SILHOUETTE_TEXTS]
    found: list[tuple[float, list[int]]] = []
    for many in range(2, most + 1):
        labels = KMeans(many, n_init=3, random_state=seed).fit_predict(vectors)
        if len(set(labels[some])) > 1:
            silhouette = float(silhouette_score(vectors[some], labels[some]))
            found.append((silhouette, [int(one) for one in labels]))
    best = max((silhouette for silhouette, _ in found), default=0.0)
    if best < LEAST_SILHOUETTE:
        return None, None
    silhouette, chosen = next(one for one in found if one[0] >= GOOD_ENOUGH * best)
    return chosen, silhouette


def _names(words: Sequence[list[str]], labels: Sequence[int]) -> list[str]:
    """A name for each class, no two the same."""
    import math  # noqa: PLC0415

    counts = [Counter[str]() for _ in range(max(labels) + 1)]
    for some, label in zip(words, labels, strict=True):
        # A word counts once for each text, so that none that repeats itself names its class.
        counts[label].update(set(some))
    everywhere = sum(counts, Counter[str]())
    average = sum(everywhere.values()) / len(counts)
    names: list[str] = []
    for of_class in counts:
        size = sum(of_class.values()) or 1
        told = {
            word: many / size * math.log1p(average / everywhere[word])
            for word, many in of_class.items()
            if many >= _FEWEST_TEXTS_OF_A_WORD
        }
        best = sorted(told, key=lambda word: (-told[word], word))
        names.append(_unlike(names, best))
    return names


def _unlike(names: Sequence[str], words: Sequence[str]) -> str:
    chosen: list[str] = []
    for word in words:
        # `refund` and `refunds` say the same.
        if not any(word.startswith(one[:4]) and one.startswith(word[:4]) for one in chosen):
            chosen.append(word[:40])
        if len(chosen) == _NAME_WORDS:
            break
    name = ", ".join(chosen) or _OTHER
    number = 2
    while name in names:
        name, number = f"{name.rstrip(' 0123456789')} {number}", number + 1
    return name
