"""The texts of a dataset, for who learns to write rather than to answer."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.train.data.row import Split
from freehold.train.data.shelf import Dataset


class _Answer(msgspec.Struct):
    content: str | None = None


def documents(dataset: Dataset, split: Split) -> Iterator[str]:
    """What each row of a split answers, without its question: documents are rows with nothing but an answer."""
    decode = msgspec.json.Decoder(_Answer).decode
    for row in dataset.rows(split):
        text = decode(row.answer).content
        if text:
            yield text
