"""An answer is repeated at the end of its stream: how long it may be, and what is told when it is longer."""

from __future__ import annotations

import json

import pytest

from freehold.core.events import Begin, ErrorSeen, Grow, LogProbs, PartBegin
from freehold.core.losses import Losses
from freehold.core.parts import Text
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Addressee, NotAnAnswer
from freehold.wire.responses.dialect import DIALECT
from freehold.wire.responses.stream_out import MOST_BYTES, Encoder

ADDRESSEE = Addressee(
    request=ChatRequest(model="m", messages=[], dialect="openai-responses"), id="call_1", created=0
)
MIB = 1024 * 1024


@pytest.mark.parametrize("text", ["x" * MIB, "é" * (MIB // 2)])
def test_the_longest(text: str) -> None:
    encoder = DIALECT.encode_stream(ADDRESSEE, Losses())
    encoder.write(Begin())
    encoder.write(PartBegin(0, 0, Text()))
    written = 0
    with pytest.raises(NotAnAnswer, match="too long"):
        while True:
            assert encoder.write(Grow(0, 0, text))
            written += MIB
    assert written == MOST_BYTES - MIB, "the pieces themselves count a little"
    told = encoder.write(ErrorSeen(raw=b"", message="It is too long.", kind="server_error", status=502))
    assert len(told) < 4000, "what was too long is not repeated"
    kinds = [line for line in told.decode().splitlines() if line.startswith("event: ")]
    assert kinds == ["event: error", "event: response.failed"]
    failed = json.loads(told.split(b"data: ")[-1])
    assert (failed["response"]["status"], failed["response"]["output"]) == ("failed", [])


def test_many_small_pieces_count_for_what_they_take() -> None:
    encoder = Encoder(ADDRESSEE, Losses(), most=10_000)
    encoder.write(PartBegin(0, 0, Text()))
    with pytest.raises(NotAnAnswer):
        for _ in range(10_000 // 64 + 1):
            encoder.write(Grow(0, 0, "x"))
    with pytest.raises(NotAnAnswer):
        Encoder(ADDRESSEE, Losses(), most=100).write(LogProbs(0, b'{"content":[]}' + b" " * 100))


def test_a_whole_answer_is_as_long_as_it_is() -> None:
    encoder = Encoder(ADDRESSEE, Losses())
    encoder.write(PartBegin(0, 0, Text()))
    for _ in range(40):
        assert encoder.write(Grow(0, 0, "x" * MIB))
