"""Support tickets in English and Korean, with where they belong: made here, from phrases that we wrote.

A complaint is a beginning and an end, and so is a word on how urgent it is; each beginning goes with each end of its
list. What is measured on is said in pairs of halves that are in no ticket that is learned from (`known`), and, harder,
in whole phrases that are in none (`strange`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

import msgspec

from benchmarks.own.phrases import (
    ASIDES,
    COMPLAINTS,
    GREETINGS,
    ITEMS,
    ORDERS,
    STRANGE,
    URGENCY,
    Halves,
    Language,
)

Wording = Literal["learned", "known", "strange"]
"""
learned  what is learned from
known    pairs of halves that are in no ticket that is learned from; each half is
strange  whole phrases that are in no other ticket
"""

SYSTEM = (
    "Triage the ticket. Answer with JSON: queue (billing, delivery, returns, technical, account, sales), "
    "urgency (low, normal, high), order (number or null)."
)
SCHEMA = {
    "type": "object",
    "properties": {
        "queue": {"enum": ["billing", "delivery", "returns", "technical", "account", "sales"]},
        "urgency": {"enum": ["low", "normal", "high"]},
        "order": {"type": ["integer", "null"]},
    },
    "required": ["queue", "urgency", "order"],
    "additionalProperties": False,
}
_EACH = 5
"""Every so many pairs of halves are held out."""


class Ticket(msgspec.Struct, frozen=True):
    """One ticket, and where it belongs."""

    text: str
    language: Language
    queue: str
    urgency: str
    order: int | None

    @property
    def answer(self) -> str:
        """What is right, as JSON."""
        return msgspec.json.encode(
            {"queue": self.queue, "urgency": self.urgency, "order": self.order}
        ).decode()

    @property
    def messages(self) -> list[dict[str, str]]:
        """What the route is asked."""
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": self.text}]


def tickets(many: int, seed: int, wording: Wording) -> Iterator[Ticket]:
    """Different tickets, in an order that the seed fixes."""
    dice = random.Random(f"{seed} {wording}")
    seen: set[str] = set()
    while len(seen) < many:
        made = _ticket(dice, wording)
        if made.text not in seen:
            seen.add(made.text)
            yield made


def _ticket(dice: random.Random, wording: Wording) -> Ticket:
    language: Language = dice.choice(("en", "ko"))
    queue = dice.choice(tuple(COMPLAINTS[language]))
    urgency = dice.choice(("low", "normal", "high"))
    order = dice.randrange(1_000, 100_000) if dice.random() < 0.6 else None
    amount = f"{dice.randrange(5, 900)} euros" if language == "en" else f"{dice.randrange(5, 900)},000원"
    if wording == "strange":
        complaint = dice.choice(STRANGE[language][queue])
    else:
        complaint = _pair(dice, COMPLAINTS[language][queue], wording)
    said = [
        complaint.format(item=dice.choice(ITEMS[language]), amount=amount),
        "" if urgency == "normal" else _pair(dice, URGENCY[language][urgency], wording),
        dice.choice(ASIDES[language]),
        dice.choice(ORDERS[language]).format(order=order) if order is not None else "",
    ]
    dice.shuffle(said)
    return Ticket(
        " ".join(filter(None, (dice.choice(GREETINGS[language]), *said))), language, queue, urgency, order
    )


def _pair(dice: random.Random, halves: Halves, wording: Wording) -> str:
    """A beginning and an end: a pair that is held out, or one that is learned from."""
    beginnings, ends = halves
    while True:
        one, other = dice.randrange(len(beginnings)), dice.randrange(len(ends))
        held_out = (one + other) % _EACH == 0
        if held_out != (wording == "learned"):
            return f"{beginnings[one]} {ends[other]}"
