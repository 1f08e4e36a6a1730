"""What the encoding of a request has to know everywhere: from whom, to whom, and where losses go."""

from __future__ import annotations

from typing import NamedTuple

from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.anthropic.abilities import EVERYTHING, Abilities, abilities_of, is_known
from freehold.wire.anthropic.naming import NAME
from freehold.wire.dialect import Recipient


class Outgoing(NamedTuple):
    """One request on its way to a provider."""

    same: bool
    """It came in this dialect, so its extra fields and foreign parts are at home."""
    recipient: Recipient
    abilities: Abilities
    losses: Losses

    def own(self, fields: Fields) -> Fields:
        """The fields that nobody knows, where they are at home; elsewhere each is a loss."""
        if self.same or not fields:
            return fields
        for name in fields:
            self.losses.add("field", name)
        return {}


def outgoing(request: ChatRequest, recipient: Recipient, losses: Losses) -> Outgoing:
    """For one request."""
    same = request.dialect == NAME
    faithful = same and not is_known(recipient.model)
    return Outgoing(same, recipient, EVERYTHING if faithful else abilities_of(recipient.model), losses)
