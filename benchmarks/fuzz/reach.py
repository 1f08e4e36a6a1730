"""Which lines of Freehold have run: an input that reaches new ones is worth damaging further."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

_PLACE = "/freehold/"


class Reach:
    """Counts lines, each once: what has run costs nothing any more. Before Python 3.12 nobody can tell: none."""

    def __init__(self) -> None:
        self.lines = 0
        self._told = 0
        monitoring: Any = getattr(sys, "monitoring", None)
        self.works = monitoring is not None
        if monitoring is None:
            return
        monitoring.use_tool_id(monitoring.COVERAGE_ID, "fuzz")
        disable = monitoring.DISABLE

        def see(code: CodeType, _line: int) -> Any:
            if _PLACE in code.co_filename:
                self.lines += 1
            return disable

        monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, see)
        monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)

    def has_grown(self) -> bool:
        """Whether there are new lines since this was last asked."""
        grown, self._told = self.lines > self._told, self.lines
        return grown
