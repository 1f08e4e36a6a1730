"""Whom a request is written for, and what may go there."""

from __future__ import annotations

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import CacheMark, State
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Quirks, Recipient
from freehold.wire.openai_chat.calls import sent_id
from freehold.wire.openai_chat.names import NAME, Written
from freehold.wire.openai_chat.tools import cache_control
from freehold.wire.sealing import is_for


class Outgoing(msgspec.Struct):
    """What every piece of a request has to know to be written."""

    recipient: Recipient
    losses: Losses
    same_dialect: bool
    """The request came in this dialect."""

    @property
    def quirks(self) -> Quirks:
        """How the provider's form differs."""
        return self.recipient.quirks

    def state(self, state: State) -> str | None:
        """The state of a text or a call as the provider may have it; a loss when it is another's."""
        if is_for(state, self.recipient, same_dialect=self.same_dialect):
            return state.data
        self.losses.add("reasoning.state")
        return None

    def reasoning_state(self, state: State) -> str | None:
        """The same of reasoning: behind one account there may be models of many makers."""
        if is_for(state, self.recipient, same_dialect=self.same_dialect, of_model=True):
            return state.data
        self.losses.add("reasoning.state")
        return None

    def call_id(self, call_id: str) -> str:
        """The id of a tool call as the provider takes it."""
        return sent_id(call_id, self.quirks.call_ids)

    def put_cache(self, written: Written, mark: CacheMark | None) -> None:
        """Where to cache, for those who let themselves be told."""
        if mark is None:
            return
        if self.same_dialect or self.quirks.cache_control:
            written["cache_control"] = cache_control(mark)
        else:
            self.losses.add("cache")


def outgoing(request: ChatRequest, recipient: Recipient, losses: Losses) -> Outgoing:
    """For one request."""
    return Outgoing(recipient, losses, request.dialect == NAME)
