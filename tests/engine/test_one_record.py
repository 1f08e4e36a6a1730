"""Whatever providers and clients do, a call ends in exactly one record, and that record makes sense."""

from __future__ import annotations

import asyncio

from answers import DONE, GOOD_WHOLE, ONLY_USAGE, PING, ROLE, STOP, WORD, answer, error_event, event
from byte_server import LAST_CHUNK, STREAM_HEAD, Answer, ByteServer, Do, Step, chunk, whole
from engines import STREAMED, WHOLE, Stage, stage_of
from hypothesis import given
from hypothesis import strategies as st
from loops import run_on_uvloop

from examples import few_examples
from freehold.ledger.record import Call
from freehold.providers.settings import Timeouts

LIMITS = Timeouts(connect=0.05, first_token=0.05, silence=0.05, total=0.3)

EVENTS = (
    PING,
    ROLE,
    WORD,
    WORD,
    event(content=""),
    STOP,
    ONLY_USAGE,
    DONE,
    error_event(),
    b"data: {\n\n",
    WORD[:9],
)

ends: st.SearchStrategy[list[Step]] = st.sampled_from(
    [[], [LAST_CHUNK], [LAST_CHUNK], [Do.END], [Do.RESET], [Do.HOLD], [b"zz"], [0.02, LAST_CHUNK]]
)
streams: st.SearchStrategy[Answer] = st.builds(
    lambda events, end: [STREAM_HEAD, *map(chunk, events), *end],
    st.lists(st.sampled_from(EVENTS), max_size=6),
    ends,
)
wholes: st.SearchStrategy[Answer] = st.sampled_from(
    [
        GOOD_WHOLE,
        [whole(answer()), Do.END],
        [whole(answer())[:40], Do.RESET],
        [whole(b"{}")],
        [whole(b"no", status=b"400 No")],
        [whole(b"no", status=b"429 No")],
        [whole(b"no", status=b"500 No")],
        [Do.END],
        [Do.RESET],
        [Do.HOLD],
        [b"?\r\n\r\n"],
    ]
)
answers = st.lists(st.one_of(streams, streams, wholes), min_size=1, max_size=3)


@few_examples
@given(
    first=answers,
    second=answers,
    body=st.sampled_from([WHOLE, STREAMED, STREAMED]),
    steps=st.lists(st.none() | st.integers(1, 60), min_size=1, max_size=4),
)
def test_one_call_one_record(
    first: list[Answer], second: list[Answer], body: bytes, steps: list[int | None]
) -> None:
    async def main() -> None:
        async with (
            ByteServer(*first) as one,
            ByteServer(*second) as two,
            stage_of({"one": one, "two": two}, timeouts=LIMITS) as stage,
        ):
            await asyncio.gather(*(_call(stage, body, count) for count in steps))
            assert len({record.id for record in stage.records}) == len(stage.records) == len(steps)
            for record in stage.records:
                _check(record)

    run_on_uvloop(main())


async def _call(stage: Stage, body: bytes, steps: int | None) -> None:
    """A call, cancelled after so many steps of the loop, if any; and what its client got is in its record."""
    task = asyncio.ensure_future(stage.play(body))
    if steps is not None:
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    if task.cancelled():
        return
    result = task.result()
    record = result.running.call
    assert record.answer_bytes == len(result.data)
    assert (record.answer_body or b"") == result.data
    assert (record.error is None) == (result.error is None) or record.outcome == "cut"
    if record.outcome == "answered" and body is STREAMED:
        assert DONE in result.data


def _check(record: Call) -> None:
    last = record.attempts[-1] if record.attempts else None
    assert (
        record.status
        in {
            "answered": {200},
            "cut": {200},
            "cancelled": {499},
            "refused": {400, 429},
            "failed": {502, 504},
        }[record.outcome]
    )
    assert (record.error is None) == (record.outcome == "answered")
    assert len(record.attempts) <= 2
    for attempt in record.attempts[:-1]:
        assert attempt.outcome in ("failed", "refused")
        assert attempt.error is not None
    if last is not None:
        assert (record.provider, record.model) == (last.provider, last.model)
        if record.outcome in ("answered", "cut", "cancelled"):
            assert last.outcome == record.outcome
    if record.outcome in ("refused", "failed"):
        assert record.answer_body is None
        assert record.first_token_ms is None
    if record.usage.source == "unknown":
        assert record.usage.output_tokens is None
    assert record.duration_ms >= 0
