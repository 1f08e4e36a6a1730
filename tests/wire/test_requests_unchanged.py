"""A request is decoded once for all models that are asked: writing it for one must not change it for the next."""

from __future__ import annotations

import contextlib
import copy

import any_request
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.wire.dialect import DialectName, Quirks, Recipient
from freehold.wire.dialects import NAMES, dialect_of
from freehold.wire.tool_names import fit_tool_names

RECIPIENTS = [
    Recipient(model="claude-sonnet-4-5", origin="one"),
    Recipient(model="anthropic.claude-sonnet-4-5", origin="there"),
    Recipient(model="m", origin="o", quirks=Quirks(schema=False, json=False, reasoning_replay="content")),
]


@settings(max_examples=200, deadline=None)
@given(any_request.requests(), st.sampled_from(NAMES), st.sampled_from(RECIPIENTS))
def test_nothing_is_changed_by_writing(request: ChatRequest, name: DialectName, recipient: Recipient) -> None:
    before = copy.deepcopy(request)
    with contextlib.suppress(BadRequest):
        told, _ = fit_tool_names(request, name)
        dialect_of(name).encode_request(told, recipient, Losses())
    assert request == before
