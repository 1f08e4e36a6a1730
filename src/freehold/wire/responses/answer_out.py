"""A whole answer, written for a client."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer
from freehold.core.events import LogProbs
from freehold.core.gathering import events_of
from freehold.core.losses import Losses
from freehold.wire.dialect import Addressee
from freehold.wire.responses.stream_out import Encoder
from freehold.wire.responses.vocabulary import ERROR, NAME, encode


def encode_answer(answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
    """The Response object that a stream of the same answer would end with, so that both are one."""
    own = answer.dialect == NAME
    encoder = Encoder(addressee, losses)
    begin, *events = events_of(msgspec.structs.replace(answer, extra={}) if own else answer)
    encoder.write(begin)
    # Log-probabilities before the texts that they are of.
    for event in sorted(events, key=lambda event: not isinstance(event, LogProbs)):
        encoder.write(event)
    ending = encoder.ending()
    extra = answer.extra if own else {}
    response = encoder.response(ending)
    if own and answer.choices and ERROR in answer.choices[0].extra and ending.status == "failed":
        response["error"] = answer.choices[0].extra[ERROR]
    return encode({**extra, **response})
