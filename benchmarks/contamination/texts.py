"""What is looked at: tickets of a shop that are generated, and public data sets where somebody has put them."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

_NAMES = ("Anna", "Ben", "Cleo", "Dario", "Eve", "Farid", "Gina", "Hugo", "Ines", "Jonas")
_ITEMS = ("lamp", "chair", "kettle", "phone", "laptop", "tent", "coat", "desk", "printer", "bicycle")
_CITIES = ("Berlin", "Seoul", "Lyon", "Porto", "Oslo", "Graz", "Ghent", "Turin")
_FORMS = (
    "Hello, this is {name} from {city}. The {item} of order {order} arrived broken this morning, and I want my money.",
    "I ordered a {item} on the third of May (order {order}), and it has not arrived in {city} yet. When will it come?",
    "Please send order {order} to {city} instead: the {item} is a present for {name}, who moved there last week.",
    "How do I reset the password of my account? I bought a {item} and cannot see order {order} any more.",
    "안녕하세요, {city}에 사는 {name}입니다. 주문 {order}의 {item} 상품이 파손되어 도착했습니다. 환불을 받고 싶습니다.",
    "{name}에게 줄 선물인데 주문 {order}의 배송지를 {city}로 바꿔 주실 수 있나요? 상품은 {item}이고 급합니다.",
)
INSTRUCTIONS = (
    "Classify the following ticket of a shop into refund, delivery, address, invoice or other, and answer with JSON "
    "that has the fields category and urgent and nothing else. The ticket is: "
)


class Kind(msgspec.Struct, frozen=True):
    """Texts of one kind."""

    name: str
    cases: list[str]
    """What the suite asks."""
    rows: list[str]
    """What may be learned from."""
    instructions: str = ""
    """What stands before each of them."""


def kinds(data: Path, seed: int) -> Iterator[Kind]:
    """All there are."""
    tickets = _tickets(500, random.Random(seed))
    yield Kind("tickets", tickets[:100], tickets[100:])
    yield Kind("tickets with instructions", tickets[:100], tickets[100:], INSTRUCTIONS)
    for name, texts in (
        ("GSM8K, test", _gsm8k(data)),
        ("KoBEST BoolQ, test", _table(data, "kobest_BoolQ_test.tsv.gz", ("Text", "Question"))),
        ("KoBEST COPA, test", _table(data, "kobest_COPA_test.tsv.gz", ("sentence", "question", "1", "2"))),
    ):
        if texts:
            yield Kind(name, texts[::2], texts[1::2])


def _tickets(many: int, dice: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < many:
        form = _FORMS[len(found) % len(_FORMS)]
        order = dice.randrange(10_000, 99_999)
        name, item, city = (dice.choice(some) for some in (_NAMES, _ITEMS, _CITIES))
        found[form.format(name=name, item=item, city=city, order=order)] = None
    return list(found)


def _gsm8k(data: Path) -> list[str]:
    path = data / "gsm8k" / "test.jsonl.gz"
    if not path.is_file():
        return []
    lines = gzip.decompress(path.read_bytes()).splitlines()
    return [msgspec.json.decode(line)["question"] for line in lines]


def _table(data: Path, name: str, columns: tuple[str, ...]) -> list[str]:
    path = data / "korean" / name
    if not path.is_file():
        return []
    text = gzip.decompress(path.read_bytes()).decode()
    rows = csv.DictReader(io.StringIO(text), delimiter="\t")
    return list(dict.fromkeys(" ".join(row[one] for one in columns) for row in rows))
