"""The texts of a dataset, for who learns to write rather than to answer."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.train.data.row import Split
from freehold.train.data.shelf import Dataset


class _Message(msgspec.Struct):
    content: str | list[msgspec.Raw] | None = None


class _Request(msgspec.Struct):
    messages: list[_Message] = []


def documents(dataset: Dataset, split: Split) -> Iterator[str]:
    """What is said in each row of a split, one message below the other, the answer last.

    Most documents are rows with nothing but an answer. Who is to answer questions later has to have read such, too.
    """
    decode, decode_answer = msgspec.json.Decoder(_Request).decode, msgspec.json.Decoder(_Message).decode
    for row in dataset.rows(split):
        said = [*decode(row.request).messages, decode_answer(row.answer)]
        text = "\n".join(one.content for one in said if isinstance(one.content, str) and one.content)
        if text:
            yield text
