"""Whole answers for clients."""

from __future__ import annotations

import msgspec

from freehold.core.answer import Answer, Choice
from freehold.core.losses import Losses
from freehold.core.parts import Refusal
from freehold.wire.anthropic.naming import NAME
from freehold.wire.anthropic.parts_out import encode_parts, own
from freehold.wire.anthropic.stops import encode_stop
from freehold.wire.anthropic.usage import encode_usage
from freehold.wire.dialect import Addressee


def encode_answer(answer: Answer, addressee: Addressee, losses: Losses) -> bytes:
    """The body for a client. When it was made, and a fingerprint of the model, are told nowhere and change nothing."""
    same = answer.dialect == NAME
    if len(answer.choices) > 1:
        losses.add("n")
    choice = answer.choices[0] if answer.choices else Choice()
    if choice.logprobs is not None:
        losses.add("logprobs")
    declined = any(isinstance(part, Refusal) for part in choice.parts)
    return msgspec.json.encode(
        {
            "id": message_id(addressee),
            "type": "message",
            "role": "assistant",
            "model": answer.model or addressee.request.model,
            "content": encode_parts(choice.parts, losses, same=same),
            "stop_reason": encode_stop(choice.stop, losses, same=same, declined=declined),
            "stop_sequence": choice.stop.sequence if choice.stop is not None else None,
            "usage": encode_usage(answer.usage, answer.raw_usage, answer.service_tier, losses, same=same),
            **own(choice.extra, losses, same=same),
            **own(answer.extra, losses, same=same),
        }
    )


def message_id(addressee: Addressee) -> str:
    """The call's id as this dialect writes ids."""
    return "msg_" + addressee.id.rpartition("_")[2]
