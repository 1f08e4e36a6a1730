"""Requests: what is read, what is refused, and that nothing else changes on the way to a provider."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.core.errors import BadRequest
from freehold.wire.request import MOST_FIELDS, Request, read_chat_request, read_embeddings_request

MESSAGES = b'[{"role":"user","content":"hi"}]'


def chat(**fields: bytes) -> bytes:
    """A chat request whose fields are written as given."""
    named = {"model": b'"r"', "messages": MESSAGES, **fields}
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in named.items()) + b"}"


ODD_VALUES = [
    b'{"a" : [1,2 , 3]}',
    b"1.0000000000000000000001",
    b"123456789012345678901234567890",
    b"-0.0e-0",
    b"1E400",
    b'"\\u00e9 \\ud83c\\udf89 \\/"',
    '"é 🎉 \u2028"'.encode(),
    b'{"a":1,"a":2}',
    b'{"z":1,"a":{"z":[],"a":{}}}',
    b"null",
    b"[" * 300 + b"]" * 300,
    b'{"stream_options":{"include_usage":false},"model":"inner"}',
]


@pytest.mark.parametrize("value", ODD_VALUES)
def test_every_other_value_is_sent_as_it_was_written(value: bytes) -> None:
    body = chat(temperature=value, stream=b"true", stream_options=b'{"include_obfuscation" : ' + value + b"}")
    request = read_chat_request(body)
    assert request.for_provider("m", ask_for_usage=True) == chat(
        model=b'"m"',
        temperature=value,
        stream=b"true",
        stream_options=b'{"include_obfuscation":' + value + b',"include_usage":true}',
    )
    assert request.for_provider("m", ask_for_usage=False) == chat(
        model=b'"m"',
        temperature=value,
        stream=b"true",
        stream_options=b'{"include_obfuscation" : ' + value + b"}",
    )
    assert request.for_provider("m", ask_for_usage=True) == request.for_provider("m", ask_for_usage=True)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


_options = st.none() | st.dictionaries(
    st.sampled_from(["include_obfuscation", "include_usage", "x"]), st.none() | st.booleans(), max_size=3
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    return {
        **draw(st.dictionaries(st.text(), _json, max_size=4)),
        "model": "route",
        "messages": [{"role": "user", "content": draw(st.text())}],
        "stream": draw(st.none() | st.booleans()),
        "stream_options": draw(_options),
    }


@examples
@given(
    sent=requests(), model=st.text(min_size=1, max_size=20), indent=st.none() | st.just(1), ask=st.booleans()
)
def test_only_model_and_include_usage_change(
    sent: dict[str, Any], model: str, indent: int | None, ask: bool
) -> None:
    request = read_chat_request(json.dumps(sent, indent=indent).encode())
    options = sent["stream_options"] or {}
    asked = bool(options.get("include_usage"))
    assert (request.model, request.stream, request.wants_usage) == ("route", bool(sent["stream"]), asked)
    expected = {**sent, "model": model}
    if ask and request.stream and not asked:
        expected["stream_options"] = {**options, "include_usage": True}
    got = request.for_provider(model, ask_for_usage=ask)
    assert json.loads(got) == expected
    assert list(json.loads(got)) == list(sent)


def test_the_last_of_two_equal_names_counts() -> None:
    body = b'{"model":"a","messages":[],"model":"b","messages":%b,"stream":true,"stream":false}' % MESSAGES
    request = read_chat_request(body)
    assert (request.model, request.stream) == ("b", False)
    assert json.loads(request.for_provider("m", ask_for_usage=True)) == json.loads(
        b'{"model":"m","messages":%b,"stream":false}' % MESSAGES
    )


def test_a_name_may_be_written_with_escapes() -> None:
    request = read_chat_request(b'{"m\\u006fdel":"r","messages":%b}' % MESSAGES)
    assert request.for_provider("m", ask_for_usage=True) == b'{"model":"m","messages":%b}' % MESSAGES


@pytest.mark.parametrize("model", ["gpt-4o", 'we"ird\\', "ünïcode/模型", "a\u2028b", "line\nbreak"])
def test_any_name_of_a_model_survives(model: str) -> None:
    request = read_chat_request(chat(model=json.dumps(model).encode()))
    assert request.model == model
    assert json.loads(request.for_provider(model, ask_for_usage=True))["model"] == model


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (None, b'{"include_usage":true}'),
        (b"null", b'{"include_usage":true}'),
        (b"{}", b'{"include_usage":true}'),
        (b'{"include_usage":null}', b'{"include_usage":true}'),
        (b'{"include_usage":false}', b'{"include_usage":true}'),
        (b'{"include_usage" :true }', b'{"include_usage" :true }'),
    ],
)
def test_usage_is_asked_for(options: bytes | None, sent: bytes) -> None:
    fields = {"stream": b"true"} if options is None else {"stream": b"true", "stream_options": options}
    request = read_chat_request(chat(**fields))
    expected = chat(model=b'"m"', stream=b"true", stream_options=sent)
    assert request.for_provider("m", ask_for_usage=True) == expected


def test_usage_is_not_asked_for_a_whole_answer() -> None:
    assert read_chat_request(chat()).for_provider("m", ask_for_usage=True) == chat(model=b'"m"')


DEEP = b"[" * 100_000 + b"]" * 100_000

REFUSED: dict[str, tuple[bytes, str | None]] = {
    "nothing": (b"", None),
    "not JSON": (b"{", None),
    "two values": (chat() + b"{}", None),
    "a list": (b"[]", None),
    "a string": (b'"x"', None),
    "not UTF-8": (chat(user=b'"\xff"'), None),
    "UTF-16": (chat().decode().encode("utf-16"), None),
    "half a character": (chat(user=b'"\\ud800"'), None),
    "too deep": (chat(metadata=DEEP), None),
    "a byte order mark": (b"\xef\xbb\xbf" + chat(), None),
    "a million fields": (b"{%b}" % b",".join(b'"f%d":1' % number for number in range(501)), None),
    "no model": (b'{"messages":%b}' % MESSAGES, "model"),
    "model null": (chat(model=b"null"), "model"),
    "model a number": (chat(model=b"4"), "model"),
    "model empty": (chat(model=b'""'), "model"),
    "no messages": (b'{"model":"m"}', "messages"),
    "messages null": (chat(messages=b"null"), "messages"),
    "messages empty": (chat(messages=b"[]"), "messages"),
    "messages blank": (chat(messages=b"[ \n ]"), "messages"),
    "messages a string": (chat(messages=b'"hi"'), "messages"),
    "messages an object": (chat(messages=b"{}"), "messages"),
    "stream a string": (chat(stream=b'"true"'), "stream"),
    "stream a number": (chat(stream=b"1"), "stream"),
    "stream_options a list": (chat(stream_options=b"[]"), "stream_options"),
    "include_usage a string": (chat(stream_options=b'{"include_usage":"yes"}'), "stream_options"),
}


@pytest.mark.parametrize(("body", "param"), REFUSED.values(), ids=REFUSED.keys())
def test_requests_that_are_refused_name_the_field(body: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        read_chat_request(body)
    assert caught.value.param == param
    assert len(str(caught.value)) < 300


def test_an_embeddings_request_is_read() -> None:
    request = read_embeddings_request(b'{"input":["a" , "b"],"model":"r","dimensions":8}')
    assert request == Request("r", request.fields)
    sent = request.for_provider("e-1", ask_for_usage=True)
    assert sent == b'{"input":["a" , "b"],"model":"e-1","dimensions":8}'


@pytest.mark.parametrize("value", [None, b"null", b"[]", b'""'])
def test_embeddings_of_nothing_are_refused(value: bytes | None) -> None:
    body = b'{"model":"m"}' if value is None else b'{"model":"m","input":%b}' % value
    with pytest.raises(BadRequest) as caught:
        read_embeddings_request(body)
    assert caught.value.param == "input"


def test_more_fields_than_any_request_has_are_refused() -> None:
    for read, needed in ((read_chat_request, {"messages": [1]}), (read_embeddings_request, {"input": "a"})):
        most = {"model": "m", **needed, **{f"x{number}": 0 for number in range(MOST_FIELDS - 2)}}
        assert len(read(json.dumps(most).encode()).fields) == MOST_FIELDS
        with pytest.raises(BadRequest, match="fields"):
            read(json.dumps({**most, "one": "more"}).encode())


@examples
@given(at=st.integers(0, 200), noise=st.binary(max_size=5), body=st.binary(max_size=40), ask=st.booleans())
def test_any_bytes_raise_nothing_but_bad_request(at: int, noise: bytes, body: bytes, ask: bool) -> None:
    sample = chat(stream=b"true", stream_options=b'{"include_usage":false}', user='"Ü"'.encode())
    damaged = sample[:at] + noise + sample[at + len(noise) :]
    for data in (body, damaged):
        for read in (read_chat_request, read_embeddings_request):
            try:
                request = read(data)
            except BadRequest:
                continue
            assert json.loads(request.for_provider("m", ask_for_usage=ask))["model"] == "m"
