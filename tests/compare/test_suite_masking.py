"""Personal data and secrets are gone from a case, wherever they stood, and it can still be followed."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.compare.suites.masking import Masking

pytest.importorskip("presidio_analyzer")

PLANTED = {
    "EMAIL": [
        "anna.schmidt@example.com",
        "o'neil+spam@mail.example.co.uk",
        "홍길동@예시.한국",
        "root@intranet",
    ],
    "PHONE": [
        "010-1234-5678",
        "01012345678",
        "+82 10 1234 5678",
        "02-345-6789",
        "+49 30 901820",
        "(415) 555-2671",
    ],
    "CARD": ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"],
    "IBAN": ["DE89 3704 0044 0532 0130 00", "GB33BUKB20201555555555"],
    "IP": ["203.0.113.77", "2001:db8:85a3::8a2e:370:7334"],
    "ID": [
        "900101-1234568",
        "900101 - 2234567",
        "900101 2234567",
        "850505-5234567",
        "536-90-4399",
        "11-22-333333-44",
        "M12345678",
    ],
    "SECRET": [
        "sk-proj-a1B2c3D4e5F6g7H8i9J0",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "xoxb-2048-2048-abcdefghijklmnop",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----",
        f"fh-{'Ab3' * 14}x",
    ],
}
CARRIED = [
    ("postgresql://app:{}@db.internal/main", "s3cr3t-word"),
    ("password = '{}'", "correct-horse"),
    ("비밀번호는 {}", "사과나무123"),
    ('{{"api_key": "{}"}}', "abcdef0123456789"),
    ("Authorization: Bearer {}", "abcdef0123456789abcdef"),
    ("Authorization: Token {}", "abcdef0123456789abcdef"),
    ('PASSWORD="{}"', "correct horse battery"),
    ("pw: {}", "hunter2abc"),
    ("curl -u {} https://example.com", "admin:hunter22"),
    ("my password is: {}", "hunter2!!"),
    ("the password {} is wrong", "hunter2hunter2"),
    ("mysql -p --password {} main", "hunter22"),
    ("비밀번호 {}", "hunter22"),
    ("GITHUB_TOKEN: {}", "0123456789abcdef0123456789abcdef01234567"),
    ("cookie: session={}", "abcdef0123456789abcdef0123456789"),
    ('{{\\"api_key\\":\\"{}\\"}}', "abcdef123456"),
    ("https://hooks.slack.com/services/{}", "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"),
    ("AccountKey={}", "abcdefghijklmnopqrstuvwxyz0123456789=="),
    ("curl -s -u {} https://example.com", "admin:hunter22"),
    ("a key: {}", "gsk_abcdefghijklmnopqrstuvwxyz0123456789"),
    ("a key: {}", "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789abcdefg"),
]
NAMED = {
    "password": "hunter",
    "api_key": "zz zz",
    "openaiApiKey": "abc",
    "dbPassword": "x",
    "token": "T",
    "pwd": 12345,
}
"""Fields that say what their values are: no form could."""
AROUND = [
    "",
    " ",
    ": ",
    "(",
    "는 ",
    "\n",
    ", ",
    "로 연락",
    "에게",
    ". Thanks",
    " 입니다.",
    "'",
    "\uff1a",
    "」",
]
"""What stands behind; a Korean ending is part of the word."""


@pytest.fixture(scope="module")
def persons() -> Any:
    from freehold.compare.suites.persons import Persons  # noqa: PLC0415 - loads for seconds

    return Persons()


def _body(text: str) -> dict[str, Any]:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"to": text})},
    }
    return {
        "messages": [
            {"role": "system", "content": f"Serve {text}"},
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": text},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": text, "parameters": {}}}],
        "max_tokens": 1_000_000,
    }


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    planted=st.sampled_from([(kind, one) for kind, some in PLANTED.items() for one in some]),
    before=st.sampled_from(["", " ", "주문자: ", "mail ", "[", "번호 ", "\n"]),
    after=st.sampled_from(AROUND),
    rest=st.text(st.characters(exclude_categories=["Cs", "N"]), max_size=20),
)
def test_what_is_planted_is_nowhere(
    persons: Any, planted: tuple[str, str], before: str, after: str, rest: str
) -> None:
    _, secret = planted
    masking = Masking(persons.find)
    text = f"{before}{secret}{after} {rest}"
    masked, target = masking.mask([_body(text), text])
    said = json.dumps([masked, target], ensure_ascii=False)
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in said
    assert _digits(secret) not in _digits(said) or len(_digits(secret)) < 6
    assert masking.counts, said
    assert masked["max_tokens"] == 1_000_000
    assert [one["role"] for one in masked["messages"]] == ["system", "user", "assistant", "tool"]
    json.loads(masked["messages"][2]["tool_calls"][0]["function"]["arguments"])


def _digits(text: str) -> str:
    return re.sub(r"\D", "", re.sub(r"<[A-Z]+_\d+>|call_1|1000000", "", text))


@pytest.mark.parametrize(("carrier", "secret"), CARRIED)
def test_a_secret_is_found_by_what_stands_before_it(carrier: str, secret: str) -> None:
    [masked] = Masking().mask([f"See: {carrier.format(secret)} please"])
    assert secret not in masked
    assert "<SECRET_1>" in masked
    assert masked.startswith("See: ")


@pytest.mark.parametrize("name", NAMED)
def test_what_its_name_calls_a_secret_is_gone_from_the_arguments_of_a_call(name: str) -> None:
    masking = Masking()
    call = {"arguments": json.dumps({"deep": [{name: NAMED[name]}], "size": 12345678})}
    [masked] = masking.mask([call])
    assert json.loads(masked["arguments"]) == {"deep": [{name: "<SECRET_1>"}], "size": 12345678}


def test_names_of_the_dialect_hide_nothing() -> None:
    """`type` and `detail` are words of the dialect, and of anybody's own arguments."""
    mail = "anna@example.com"
    told = {"type": mail, "detail": mail, "format": [mail], "role": mail}
    [masked] = Masking().mask([{**told, "arguments": json.dumps(told)}])
    assert mail not in json.dumps(masked)
    kept = {"role": "user", "type": "json_schema", "detail": "low", "format": "date-time"}
    assert Masking().mask([kept]) == [kept]


@pytest.mark.parametrize(
    "piece", ["a-", "a@", "a.", "sk-", "password:", "1-", "ab:", "a://", "token ", "eyJaaaaaaaa."]
)
def test_no_text_takes_long_to_mask(persons: Any, piece: str) -> None:
    begun = time.process_time()
    Masking(persons.find).mask([piece * (20_000 // len(piece))])
    assert time.process_time() - begun < 4


def test_what_lies_where_two_windows_meet_is_found(persons: Any) -> None:
    for at in range(3_780, 4_020, 20):
        text = "word " * (at // 5) + "4111 1111 1111 1111" + " word" * 1000
        assert "4111" not in Masking(persons.find).mask([text])[0]


def test_a_placeholder_stands_for_the_same_wherever_it_is(persons: Any) -> None:
    masking = Masking(persons.find)
    body = {
        "messages": [
            {"role": "user", "content": "Move ann@x.example to bob@x.example, phone 010-1234-5678."},
            {
                "role": "user",
                "content": "ANN@x.example again, 010 1234 5678; number 42, 2026-11-22, 1,250.00 euros.",
            },
        ]
    }
    [masked] = masking.mask([body])
    first, second = (one["content"] for one in masked["messages"])
    assert first == "Move <EMAIL_1> to <EMAIL_2>, phone <PHONE_1>."
    assert second == "<EMAIL_1> again, <PHONE_1>; number 42, 2026-11-22, 1,250.00 euros."
    [other] = masking.mask(["bob@x.example"])
    assert other == "<EMAIL_1>"
    assert (masking.cases, masking.counts) == (2, {"EMAIL": 4, "PHONE": 2})


def test_numbers_in_the_arguments_of_a_call_are_masked_as_text() -> None:
    call = {"function": {"name": "dial", "arguments": '{"number": 900101, "to": 9001011234568}'}}

    def find(text: str) -> Any:
        from freehold.compare.suites.secrets import Span  # noqa: PLC0415

        return [Span(0, 13, "ID")] if text == "9001011234568" else []

    [masked] = Masking(find).mask([{"messages": [{"role": "assistant", "tool_calls": [call]}]}])
    arguments = json.loads(masked["messages"][0]["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"number": 900101, "to": "<ID_1>"}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_what_was_masked_stays_as_it_is(text: str) -> None:
    [once] = Masking().mask([text])
    [twice] = Masking().mask([once])
    assert twice == once
