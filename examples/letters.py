"""Write a suite of 240 questions about letters to a shop, for the small model that comes with Freehold.

    python examples/letters.py > letters.jsonl
    freehold suite add letters.jsonl --scorer normalised:where=anywhere

It writes the same each time. The letters are invented: who writes, from where, and about which order is drawn.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator

EACH = 80
FIRST = ("Anna", "Tom", "Maria", "Peter", "Lucy", "Paul", "Emma", "Oscar", "Nina", "Henry")
LAST = ("Berg", "Hale", "Lopez", "Park", "Novak", "Gray", "Stone", "Moreau", "Rossi", "Lind")
TOWNS = (
    "Hamburg",
    "Lyon",
    "Turin",
    "Busan",
    "Leeds",
    "Porto",
    "Krakow",
    "Ghent",
    "Malaga",
    "Bergen",
    "Dresden",
    "York",
)
GOODS = ("oak table", "desk lamp", "red armchair", "bookshelf", "garden bench", "mirror", "bed", "carpet")
LETTERS = (
    "Order {order}, the {goods}, has not come yet. {name}, {town}",
    "I paid for the {goods} of order {order}, and it has a scratch. {name}, {town}",
    "I am {name} from {town}. Please send the {goods} (order {order}) a week later.",
    "The {goods} is lovely, thank you! It was order {order}. {name}, {town}",
    "Hello from {town}! May I send the {goods} of order {order} back? {name}",
    "Half of the screws for the {goods} are missing. My order was {order}. {name}, {town}",
)
QUESTIONS = {
    "order": "What is the order number?",
    "town": "In which town is the customer?",
    "name": "What is the customer's name?",
}


def cases() -> Iterator[dict[str, object]]:
    """The questions of all classes by turns."""
    draw = random.Random(2026)
    for number in range(1, EACH + 1):
        for kind, question in QUESTIONS.items():
            facts = {
                "order": str(draw.randint(1000, 9999)),
                "goods": draw.choice(GOODS),
                "name": f"{draw.choice(FIRST)} {draw.choice(LAST)}",
                "town": draw.choice(TOWNS),
            }
            letter = draw.choice(LETTERS).format(**facts)
            yield {
                "id": f"{kind}-{number}",
                "class": kind,
                "request": {
                    "messages": [
                        {"role": "system", "content": "Be brief."},
                        {"role": "user", "content": f"{letter}\n\n{question}"},
                    ],
                    "max_tokens": 12,
                    "temperature": 0,
                },
                "target": facts[kind],
            }


if __name__ == "__main__":
    for case in cases():
        sys.stdout.write(json.dumps(case) + "\n")
