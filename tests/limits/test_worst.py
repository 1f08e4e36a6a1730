"""What a call may use is never more than what is set aside for it."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.catalog.price import Price, Step, flat
from freehold.catalog.rates import Rates
from freehold.core.usage import Usage
from freehold.limits.money import Tariff, nano_of
from freehold.limits.worst import MEDIA_TOKENS, TOOL_PROMPT, worst_of
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_embeddings_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)


def chat(**fields: Any) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return read_chat_request(msgspec.json.encode(body))


def test_the_bound_on_what_is_read_is_the_bytes() -> None:
    text = "Grüße, 世界! 🙂" * 100
    worst = worst_of(chat(messages=[{"role": "user", "content": text}]), writes=True)
    assert len(text.encode()) <= worst.input_tokens < len(text.encode()) + 300
    escaped = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % (b"\\ud83d\\ude42" * 50)
    assert worst_of(read_chat_request(escaped), writes=True).input_tokens >= 4 * 50
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert worst_of(chat(tools=tools), writes=True).input_tokens > TOOL_PROMPT


@pytest.mark.parametrize(
    ("request_", "output", "answers"),
    [
        (chat(max_tokens=10), 10, 1),
        (chat(max_completion_tokens=20, max_tokens=10, n=3), 60, 3),
        (chat(), None, 1),
        (chat(n=4), None, 4),
        (chat(max_tokens=10, n=5.0), 50, 5),
        (chat(max_tokens=10, n="5"), 50, 5),
        (chat(max_tokens=10, n=4.5), 50, 5),
        (chat(max_tokens=10, n=2, best_of=20), 200, 20),
        (chat(max_tokens=10, n=True), 100_000, 10_000),
        (chat(max_tokens=10, n=None), 10, 1),
        (chat(max_tokens=10, max_completion_tokens="70"), 70, 1),
        (chat(max_tokens=10, max_completion_tokens=7e1), 70, 1),
        (chat(max_tokens=10, max_completion_tokens=-1), None, 1),
        (chat(max_tokens=10, max_completion_tokens="nan"), None, 1),
        (chat(max_tokens=None), None, 1),
        (chat(max_tokens="many"), None, 1),
        (chat(max_tokens=-5), None, 1),
        (chat(max_tokens=10**30), 10**9, 1),
        (
            read_messages_request(b'{"model":"m","max_tokens":7,"messages":[{"role":"user","content":"x"}]}'),
            7,
            1,
        ),
        (read_responses_request(b'{"model":"m","input":"x","max_output_tokens":9}'), 9, 1),
        (
            read_gemini_request(
                b'{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":5,"candidateCount":2}}',
                "m",
                stream=False,
            ),
            10,
            2,
        ),
        (
            read_gemini_request(
                b'{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"candidateCount":"2"},'
                b'"generation_config":{"maxOutputTokens":"5"}}',
                "m",
                stream=False,
            ),
            10,
            2,
        ),
        (
            read_gemini_request(
                b'{"contents":[{"parts":[{"text":"x"}]}],"generation_config":3}', "m", stream=False
            ),
            None,
            1,
        ),
    ],
)
def test_the_bound_on_what_is_written_is_what_the_request_says(
    request_: Request, output: int | None, answers: int
) -> None:
    worst = worst_of(request_, writes=True)
    assert (worst.output_tokens, worst.answers) == (output, answers)
    assert worst_of(request_, writes=False).output_tokens == 0


def test_pictures_are_reckoned_by_the_table_and_not_by_their_bytes() -> None:
    data = base64.b64encode(b"\x89PNG" + bytes(400_000)).decode()
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    worst = worst_of(chat(messages=[{"role": "user", "content": parts}]), writes=True)
    assert 2 * MEDIA_TOKENS["image"] < worst.input_tokens < 2 * MEDIA_TOKENS["image"] + 1_000


@pytest.mark.parametrize("letter", [b"i", b"\\u0069"])
def test_a_picture_whose_name_is_written_with_escapes_is_one_all_the_same(letter: bytes) -> None:
    picture = b'{"type":"%bmage_url","%bmage_url":{"url":"https://example.com/a.png"}}' % (letter, letter)
    request = read_chat_request(b'{"model":"m","messages":[{"role":"user","content":[%b]}]}' % picture)
    assert worst_of(request, writes=True).input_tokens > MEDIA_TOKENS["image"]


def test_what_the_provider_keeps_is_read_too() -> None:
    contents = b'"contents":[{"parts":[{"text":"x"}]}]'
    for name in (b"cachedContent", b"cached_content"):
        body = b'{%b,"%b":"cachedContents/a"}' % (contents, name)
        assert worst_of(read_gemini_request(body, "m", stream=False), writes=True).input_tokens > 1_000_000
    none = read_gemini_request(b'{%b,"cachedContent":null}' % contents, "m", stream=False)
    assert worst_of(none, writes=True).input_tokens < 1_000
    template = read_responses_request(b'{"model":"m","prompt":{"id":"pmpt_1"}}')
    assert worst_of(template, writes=True).input_tokens > 100_000
    assert worst_of(chat(prompt="x"), writes=True).input_tokens < 1_000


def test_what_is_embedded_is_read_and_nothing_is_written() -> None:
    worst = worst_of(read_embeddings_request(b'{"model":"m","input":[[1,2,3],[4]]}'), writes=False)
    assert worst.input_tokens >= 4
    assert worst.output_tokens == 0


def test_a_request_that_only_its_provider_understands_is_reckoned_by_its_bytes() -> None:
    odd = chat(messages=[{"role": "user", "content": [{"type": "image_thing", "base64": 3}]}])
    assert worst_of(odd, writes=True).input_tokens > 50


_RATE = st.none() | st.decimals(0, 100, places=4)


@given(
    st.lists(st.builds(Rates, *[_RATE] * 8), min_size=1, max_size=3),
    st.integers(0, 300_000),
    st.integers(0, 100_000),
    st.data(),
)
def test_no_usage_within_the_worst_case_costs_more(
    rates: list[Rates], read: int, wrote: int, data: st.DataObject
) -> None:
    price = Price("row", tuple(Step(number * 100_000 - 1, one) for number, one in enumerate(rates)))
    worst = Tariff(price).worst(read, wrote)
    if worst is None:
        return
    inside = data.draw(st.integers(0, read))
    usage = Usage(
        input_tokens=inside,
        output_tokens=data.draw(st.integers(0, wrote)),
        cache_read_tokens=data.draw(st.integers(0, inside)),
        source="provider",
    )
    usage = msgspec.structs.replace(
        usage,
        cache_write_tokens=data.draw(st.integers(0, inside - (usage.cache_read_tokens or 0))),
        reasoning_tokens=data.draw(st.integers(0, usage.output_tokens or 0)),
    )
    cost = price.cost_of(usage).amount
    assert cost is None or nano_of(cost) <= worst
    assert Tariff(price).cost_of(usage) == (None if cost is None else nano_of(cost))


@given(st.builds(Rates, *[_RATE] * 8), st.none() | st.integers(0, 10**6), st.none() | st.integers(0, 10**6))
def test_the_quick_way_to_a_cost_gives_the_same(rates: Rates, read: int | None, wrote: int | None) -> None:
    price = flat("row", rates)
    usage = Usage(input_tokens=read, output_tokens=wrote, source="provider")
    cost = price.cost_of(usage).amount
    assert Tariff(price).cost_of(usage) == (None if cost is None else nano_of(cost))


def test_a_cache_that_is_dearer_than_plain_reading_counts() -> None:
    price = flat("row", Rates(input=Decimal(3), output=Decimal(15), cache_write=Decimal("3.75")))
    assert Tariff(price).worst(1_000_000, 0) == 3_750_000_000
    assert Tariff(flat("row", Rates(input=Decimal(3)))).worst(10, 1) is None
    assert (
        Tariff(flat("row", Rates(request=Decimal("0.01"), input=Decimal(0), output=Decimal(0)))).worst(5, 5)
        == 10_000_000
    )
