"""What both runners ask in the throughput benchmark: a model that repeats it is right."""

from __future__ import annotations

WORDS = "Repeat this and nothing else, please: the invoice {number} was paid on the third day after it had been sent."
SCRIPT = """
[models.old]
text = {kind = "echo"}
headers_s = %(latency)s
[models.new]
text = {kind = "echo"}
headers_s = %(latency)s
"""


def question(number: int) -> str:
    """The question of a case, and its right answer."""
    return WORDS.format(number=number)
