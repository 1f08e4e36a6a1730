"""Most events of a stream only go on writing and are read quickly: they say the same as when they are read in full."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from openai_chat_samples import DONE, frame, read

from examples import examples
from freehold.wire.openai_chat.chunks import ChoiceDelta, Delta, PlainChoice, PlainDelta

texts = st.sampled_from(["", "a", "ü", "\n\n", "</b>", '"'])
names = st.sampled_from([None, "", "look"])
calls = st.builds(
    lambda index, call_id, name, arguments: {
        **({} if index is None else {"index": index}),
        **({} if call_id is None else {"id": call_id}),
        "function": {**({} if name is None else {"name": name}), "arguments": arguments},
    },
    st.sampled_from([None, 0, 0, 1]),
    st.sampled_from([None, None, "call_a", "call_b"]),
    names,
    texts | st.just({"x": 1}),
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": st.none() | texts,
        "reasoning_content": st.none() | texts,
        "reasoning": texts,
        "refusal": st.none(),
        "tool_calls": st.none() | st.lists(calls, max_size=2),
    },
)
BEGUN = {"index": 7, "id": "call_z", "function": {"name": "look", "arguments": ""}}
FIRST = frame({"tool_calls": [BEGUN]})


@examples
@given(told=st.lists(st.tuples(deltas, st.integers(0, 1)), max_size=12))
def test_a_plain_event_says_what_it_says_in_full(told: list[tuple[dict[str, Any], int]]) -> None:
    quick = [frame(delta, index=index) for delta, index in told]
    # The id of a token that stopped nothing: it means nothing, but it is not plain.
    full = [one.replace(b'"finish_reason": null', b'"stop_reason": 2') for one in quick]
    assert full != quick or not told
    assert _without_ids(read(FIRST, *quick, DONE)) == _without_ids(read(FIRST, *full, DONE))


def test_what_is_not_plain_is_known_to_be_missing() -> None:
    """A field that only full reading knows has to be named among those that are absent from plain events."""
    for plain, full in ((PlainDelta, Delta), (PlainChoice, ChoiceDelta)):
        assert set(plain.__struct_fields__) == set(full.__struct_fields__)


def test_a_stream_of_odd_events_is_read_all_the_same() -> None:
    odd = frame({"content": "a"}, usage={"prompt_tokens": 1, "completion_tokens": 2})
    events = read(FIRST, *[odd] * 9, *[frame({"content": "b"})] * 3, DONE)
    assert "".join(getattr(event, "text", "") for event in events) == "a" * 9 + "b" * 3


def _without_ids(events: list[Any]) -> list[object]:
    """Calls that have no id are given one that is new each time."""
    told = msgspec.to_builtins(events)
    for event in told:
        if "part" in event:
            event["part"]["id"] = str(event["part"].get("id"))[:6]
    return [*zip(map(type, events), told, strict=True)]
