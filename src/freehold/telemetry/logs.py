"""Lines of the log: as text for people, or as JSON for programs. One event is one line, whatever it is about."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Literal

import msgspec

from freehold.core.secret import without_our_keys
from freehold.ledger.record import Call

LogForm = Literal["text", "json"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FIELDS = ("call", "trace", "outcome", "status", "error", "route", "model", "milliseconds")
"""What a line may say beside its message."""
_encode = msgspec.json.Encoder().encode

log = logging.getLogger("freehold.calls")


def write_lines_as(form: LogForm, level: str) -> None:
    """Whatever this process logs from now on has this form, and is of this level at least."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for handler in root.handlers:
        handler.setFormatter(JsonLines() if form == "json" else TextLines())


class TextLines(logging.Formatter):
    """Time, level, logger, message; a traceback below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """The line, without line breaks that somebody put into a name."""
        record.message = _CONTROL.sub(_escaped, _clean(record.message))
        line = super().formatMessage(record)
        known = [f"{name}={getattr(record, name)}" for name in _FIELDS if _knows(record, name)]
        return f"{line} ({_CONTROL.sub(_escaped, _clean(' '.join(known)))})" if known else line

    def formatException(self, ei: object) -> str:  # noqa: N802
        """The traceback, without keys of ours."""
        return _clean(super().formatException(ei))  # type: ignore[arg-type]


class JsonLines(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `message`; `call` and `trace` where they are known; `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _clean(record.getMessage()),
        }
        for name in _FIELDS:
            if _knows(record, name):
                value = getattr(record, name)
                said[name] = value if isinstance(value, int | float) else _clean(str(value))
        if record.exc_info:
            said["exception"] = _clean(self.formatException(record.exc_info))
        # Some programs take other characters for the end of a line than JSON escapes.
        return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", _encode(said).decode())


def tell_of(call: Call) -> None:
    """One line for a finished call."""
    trace = call.trace
    level = logging.INFO if call.outcome == "answered" else logging.WARNING
    model = None if call.model is None else f"{call.provider}/{call.model}"
    known = {
        "call": call.id,
        "trace": None if trace is None else trace.trace_id,
        "outcome": call.outcome,
        "status": call.status,
        "error": call.error,
        "route": call.route,
        "model": model,
        "milliseconds": round(call.duration_ms, 1),
    }
    log.log(level, "%s of a call in %s", call.operation, call.dialect, extra=known)


def _knows(record: logging.LogRecord, name: str) -> bool:
    return getattr(record, name, None) is not None


def _escaped(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]


def _clean(text: str) -> str:
    """Words that can be written down: no half characters, and no key of ours."""
    data = text.encode("utf-8", "backslashreplace")
    return without_our_keys(data).decode()
