"""What is read of a dataset that is there: its report, and its rows in the form that most trainers read."""

from __future__ import annotations

import msgspec

from freehold.core.errors import NotFound, StoreError
from freehold.train.data.report import Report
from freehold.train.data.row import Row
from freehold.train.data.shelf import REPORT, Dataset

_encode = msgspec.json.Encoder().encode


def report_of(dataset: Dataset) -> Report:
    """What is told of its making. Raises NotFound, StoreError."""
    path = dataset.folder / REPORT
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except FileNotFoundError:
        raise NotFound(f"`{dataset.reference}` has no report.", hint="Make it anew.") from None
    except (msgspec.DecodeError, OSError) as error:
        raise StoreError(f"`{path}` cannot be read: {error}.") from None


def as_messages(row: Row) -> bytes:
    """A row as a line with `messages`, `tools` where there are some, and what is known of a better or right answer."""
    request = msgspec.json.decode(row.request, type=dict[str, msgspec.Raw])
    messages = msgspec.json.decode(request["messages"], type=list[msgspec.Raw])
    line: dict[str, object] = {"messages": [*messages, row.answer]}
    for name in ("tools", "response_format"):
        if name in request:
            line[name] = request[name]
    known = {"rejected": row.rejected, "target": row.target}
    line |= {name: value for name, value in known.items() if bytes(value)}
    if row.task_class:
        line["class"] = row.task_class
    return _encode({**line, "id": row.id, "maker": row.maker, "group": row.group})
