"""Tickets in English and Korean with what a triage makes of them, drawn from patterns."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import msgspec

from freehold.train.data.row import Row

_INSTRUCTION = (
    "You triage support tickets. Answer with JSON only, with the fields category (billing, delivery, technical or "
    "refund), language (en or ko), order (the number in the ticket) and urgent (true or false)."
)
_PATTERNS = {
    "billing": (
        "I was charged twice for order {}.",
        "The invoice {} shows a wrong amount.",
        "주문 {}이 두 번 결제됐어요.",
    ),
    "delivery": ("My parcel {} has not arrived yet.", "Where is order {}?", "주문 {} 배송이 아직 안 왔어요."),
    "technical": (
        "The app crashes when I open page {}.",
        "Error {} when I log in.",
        "로그인할 때 오류 {}이 납니다.",
    ),
    "refund": ("I want my money back for {}.", "Please cancel order {}.", "{}번 상품을 반품하고 싶습니다."),
}


def tickets(number: int, seed: int) -> Iterator[Row]:
    """So many rows."""
    chance = random.Random(seed)
    for at in range(number):
        category = chance.choice(list(_PATTERNS))
        pattern, order, urgent = (
            chance.choice(_PATTERNS[category]),
            str(chance.randrange(1000, 99999)),
            chance.random() < 0.4,
        )
        korean = not pattern.isascii()
        text = pattern.format(order) + ((" 급합니다!" if korean else " This is urgent!") if urgent else "")
        answer = {
            "category": category,
            "language": "ko" if korean else "en",
            "order": order,
            "urgent": urgent,
        }
        asked = [{"role": "system", "content": _INSTRUCTION}, {"role": "user", "content": text}]
        yield Row(
            id=f"ticket-{at}",
            request=_raw({"messages": asked}),
            answer=_raw({"role": "assistant", "content": json.dumps(answer)}),
            maker="people",
            origin=f"pattern {category}",
            group=f"ticket-{at}",
        )


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
