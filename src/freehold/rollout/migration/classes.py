"""Which class of tasks each call of a sample is of, found as those of suites are."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

from freehold.compare.suites.asked import Unfit, asked_in
from freehold.ledger.record import Call

_LONGEST = 2_000
"""Characters of a text that say what it is about."""


class Questions:
    """What the calls of a sample ask: of each no more than what tells its class."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}

    def look(self, call: Call) -> None:
        """At one of them. What cannot be asked again has no class."""
        try:
            asked = asked_in(call, with_media=True)
        except Unfit:
            return
        self._known[call.id] = asked.question[:_LONGEST], asked.instructions[:_LONGEST]

    def classes(self, *, seed: int) -> dict[str, str]:
        """Call -> its class; empty where they do not fall into classes, or what finds them is not installed."""
        if find_spec("sklearn") is None:
            return {}
        from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

        from freehold.compare.suites.classes import classes_of  # noqa: PLC0415 - heavy, and an extra

        questions = [question for question, _ in self._known.values()]
        instructions = [instructions for _, instructions in self._known.values()]
        with warnings.catch_warnings():
            # Traffic asks the same again and again, and has fewer different questions than are tried as classes.
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = classes_of(questions, instructions, seed=seed)
        if len(found.names) < 2:
            return {}
        return {call: found.names[label] for call, label in zip(self._known, found.of, strict=True)}
