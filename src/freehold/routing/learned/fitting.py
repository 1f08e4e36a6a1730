"""Ridge regressions: over runs of words and letters by conjugate gradients, and smooth ones over landmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from freehold.routing.learned.hashing import PLACES, Counted
from freehold.routing.learned.model import Array

Wide = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
_STEPS = 60
_EXACT = 1e-4
_NUGGET = 1e-4


def matrix_of(texts: list[Counted]) -> Any:
    """Texts as the rows of a sparse matrix."""
    from scipy import sparse  # noqa: PLC0415 - only who trains needs it

    starts = np.cumsum([0, *(len(places) for places, _ in texts)])
    places = np.concatenate([places for places, _ in texts]).astype(np.int32)
    weights = np.concatenate([weights for _, weights in texts])
    return sparse.csr_matrix((weights, places, starts), shape=(len(texts), PLACES))


def idf_of(matrix: Any) -> Array:
    """How much a run weighs by its place: 0 where no text has it."""
    seen = np.bincount(matrix.indices, minlength=PLACES)
    rare = np.log((1 + matrix.shape[0]) / (1 + seen)) + 1.0
    return np.where(seen > 0, rare, 0.0).astype(np.float32)


def in_units(matrix: Any, idf: Array) -> Any:
    """The rows by `idf`, each of length 1."""
    from scipy import sparse  # noqa: PLC0415 - only who trains needs it

    weighted = matrix @ sparse.diags(idf)
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1.0 / np.maximum(lengths, 1e-9)).astype(np.float32) @ weighted)


def ridge(rows: Any, labels: Wide, strength: float) -> Wide:
    """The weights, by place, whose predictions come closest to `labels` (less their mean) at this strength."""
    rest = (labels - labels.mean()).astype(np.float32)
    dual, step = np.zeros_like(rest), rest.copy()
    size = float(rest @ rest)
    enough = _EXACT**2 * size
    for _ in range(_STEPS):
        if size <= enough:
            break
        moved = rows @ (rows.T @ step) + strength * step
        length = size / float(step @ moved)
        dual += length * step
        rest -= length * moved
        size, before = float(rest @ rest), size
        step = rest + (size / before) * step
    return np.asarray(rows.T @ dual, np.float64)


def likeness(points: Array, landmarks: Array, width: float) -> Wide:
    """How close each point is to each landmark, from 0 to 1."""
    apart = (points**2).sum(axis=1)[:, None] + (landmarks**2).sum(axis=1) - 2.0 * points @ landmarks.T
    close: Wide = np.exp(-width * np.maximum(apart, 0.0)).astype(np.float64)
    return close


def smooth(close: Wide, between: Wide, labels: Wide, strength: float) -> Wide:
    """The weights of the landmarks; `close` of each text to each of them, `between` of them among each other."""
    left = close.T @ close + strength * (between + _NUGGET * np.eye(len(between)))
    weights: Wide = np.linalg.solve(left, close.T @ (labels - labels.mean()))
    return weights


def directions(rows: Any, many: int, seed: int) -> Wide:
    """The `many` directions in which the rows differ most, by column: a randomised singular value decomposition."""
    random = np.random.default_rng(seed)
    guess = rows @ random.standard_normal((rows.shape[1], many + 10))
    for _ in range(3):
        guess, _ = np.linalg.qr(rows @ (rows.T @ guess))
    _, _, found = np.linalg.svd((rows.T @ guess).T, full_matrices=False)
    return np.asarray(found[:many].T, np.float64)
