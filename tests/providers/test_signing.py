"""Signatures for AWS, beside those of AWS's own client and the values that AWS publishes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import get_current_datetime
from botocore.credentials import Credentials

from freehold.core.secret import Secret
from freehold.providers.signing import AwsCredentials, AwsSigner

KEY_ID = "AKIDEXAMPLE"
KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
"""Of AWS's published examples: they open nothing."""
EXAMPLE_TIME = datetime(2015, 8, 30, 12, 36, 0, tzinfo=UTC).timestamp()
CONVERSE = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse"


class _Clock:
    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def tick(self) -> float:
        return self._now


def _signer(now: float = EXAMPLE_TIME, token: str | None = None, **more: Any) -> AwsSigner:
    credentials = AwsCredentials(
        access_key_id=KEY_ID,
        secret_access_key=Secret(KEY, "test"),
        session_token=None if token is None else Secret(token, "test"),
    )
    return AwsSigner(credentials, **{"region": "us-east-1", "clock": _Clock(now), **more})


def _signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rsplit("Signature=", 1)[1]


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "signature"),
    [
        (
            "GET",
            "https://example.amazonaws.com/",
            {},
            b"",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "https://example.amazonaws.com/",
            {},
            b"",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            {},
            b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "POST",
            "https://example.amazonaws.com/",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_the_published_examples(
    method: str, url: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    signed = _signer(service="service").sign(method, url, headers, body)
    assert signed["X-Amz-Date"] == "20150830T123600Z"
    names = "content-type;host;x-amz-date" if headers else "host;x-amz-date"
    assert signed["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


@pytest.mark.parametrize("token", [None, "a-session"])
def test_it_is_what_awss_own_client_signs(token: str | None) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "ours"}
    body = b'{"messages":[]}'
    for _ in range(3):
        before = get_current_datetime().replace(microsecond=0, tzinfo=UTC).timestamp()
        theirs = AWSRequest("POST", CONVERSE, headers=dict(headers), data=body)
        SigV4Auth(Credentials(KEY_ID, KEY, token), "bedrock", "us-east-1").add_auth(theirs)
        ours = _signer(before, token).sign("POST", CONVERSE, headers, body)
        if ours["X-Amz-Date"] == theirs.headers["X-Amz-Date"]:
            break  # both within one second
    assert ours == dict(theirs.headers.items())
    assert ours.get("X-Amz-Security-Token") == token


def test_what_is_sent_is_signed() -> None:
    signer = _signer()
    first = signer.sign("POST", CONVERSE, {"Accept": "a"}, b"one")
    again = signer.sign("POST", CONVERSE, first, b"one")
    assert first == again
    others = [
        signer.sign("POST", CONVERSE, {"Accept": "a"}, b"two"),
        signer.sign("POST", CONVERSE + "-stream", {"Accept": "a"}, b"one"),
        signer.sign("POST", CONVERSE, {"Accept": "b"}, b"one"),
        _signer(EXAMPLE_TIME + 1).sign("POST", CONVERSE, {"Accept": "a"}, b"one"),
        _signer(region="eu-west-1").sign("POST", CONVERSE, {"Accept": "a"}, b"one"),
    ]
    assert len({_signature(one) for one in [first, *others]}) == 6


def test_the_secret_does_not_show_itself() -> None:
    credentials = AwsCredentials(access_key_id=KEY_ID, secret_access_key=Secret(KEY, "env:AWS"))
    assert KEY not in repr(credentials)
    assert KEY not in str(_signer().sign("GET", CONVERSE, {}, b""))


WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
from freehold.core.errors import SettingsError
from freehold.core.secret import Secret
try:
    if sys.argv[1] == "botocore":
        from freehold.providers.signing import AwsCredentials, AwsSigner
        AwsSigner(AwsCredentials(access_key_id="a", secret_access_key=Secret("b", "c")), region="r")
    else:
        from freehold.providers.google_tokens import GoogleTokens
        account = Secret('{"client_email":"a","private_key":"b"}', "c")
        GoogleTokens(account, provider="p", post=None)
except SettingsError as error:
    print(error)
"""


@pytest.mark.parametrize(("library", "extra"), [("botocore", "aws"), ("cryptography", "google")])
def test_without_the_library_the_way_to_install_it_is_told(library: str, extra: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT, library], capture_output=True, text=True, check=True
    ).stdout
    assert f"`{library}`" in told
    assert f"`make extras EXTRAS={extra}`" in told


def test_importing_costs_no_library() -> None:
    script = (
        "import sys, freehold.providers.signing, freehold.providers.google_tokens;"
        "print([name for name in ('botocore', 'cryptography') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"
