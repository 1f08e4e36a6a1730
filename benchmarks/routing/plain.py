"""The plain router to beat: TF-IDF of words and pairs of words, and a ridge regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from benchmarks.routing.data import Wide


def predict_plainly(prompts: Sequence[str], labels: Wide, others: Sequence[str]) -> Wide:
    """What it predicts of `others`. Its strength is chosen by cross-validation among the labels, too."""
    reader = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    rows = reader.fit_transform(prompts)
    search = GridSearchCV(
        Ridge(solver="sparse_cg"), {"alpha": [0.5, 1, 3, 10, 30]}, cv=4, scoring="neg_mean_squared_error"
    )
    search.fit(rows, labels)
    return np.asarray(search.predict(reader.transform(others)), np.float64)
