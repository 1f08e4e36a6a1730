"""How long to wait before the next try: in a header or in the body, as the dialect has it."""

from __future__ import annotations

import json

import pytest

from freehold.core.errors import ProviderRefused
from freehold.wire.errors import encode_error_in, retry_after_in


def gemini_body(delay: str) -> bytes:
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    error = {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": [detail]}
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize(
    ("delay", "seconds"), [("7s", "7"), ("3.2s", "4"), ("0s", "0"), ("99999999s", None), ("soon", None)]
)
def test_a_delay_in_the_body_is_one_for_the_header(delay: str, seconds: str | None) -> None:
    assert retry_after_in("gemini", 429, gemini_body(delay)) == seconds


def test_without_a_delay_there_is_none() -> None:
    assert retry_after_in("gemini", 429, b"") is None
    assert retry_after_in("openai-chat", 429, b'{"error":{"message":"Slow down."}}') is None


@pytest.mark.parametrize(("status", "seconds"), [(429, "7"), (503, "2.5")])
def test_a_delay_in_the_header_is_one_for_gemini_s_body(status: int, seconds: str) -> None:
    body = b'{"error":{"message":"Slow down."}}'
    error = ProviderRefused("No.", provider="acme", status=status, body=body, retry_after=seconds)
    details = json.loads(encode_error_in("gemini", error))["error"]["details"]
    assert [one["retryDelay"] for one in details if "retryDelay" in one] == [f"{seconds}s"]


def test_a_date_is_not_one_for_the_body() -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    error = ProviderRefused("No.", provider="acme", status=429, body=b"", retry_after=date)
    assert b"retryDelay" not in encode_error_in("gemini", error)
