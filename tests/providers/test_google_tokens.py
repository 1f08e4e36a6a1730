"""Access tokens for Vertex AI from a service account, against an exchange of our own."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from freehold.core.errors import ProviderBroken, SettingsError
from freehold.core.secret import Secret
from freehold.providers.google_tokens import GRANT, SCOPE, GoogleTokens

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EMAIL = "robot@project.iam.gserviceaccount.com"


def _pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def _account(**more: Any) -> Secret:
    fields = {
        "type": "service_account",
        "client_email": EMAIL,
        "private_key": _pem(KEY),
        "private_key_id": "k1",
    }
    return Secret(msgspec.json.encode({**fields, **more}).decode(), "file:account.json")


class _Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def now(self) -> float:
        return self.time

    def tick(self) -> float:
        return self.time


class _Exchange:
    """Gives a token for each wish, and remembers them."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self._answer = answer

    async def post(self, address: str, form: bytes) -> bytes:
        self.asked.append((address, parse_qs(form.decode(), strict_parsing=True)))
        await asyncio.sleep(0.01)
        return self._answer or msgspec.json.encode(
            {"access_token": f"token-{len(self.asked)}", "expires_in": 3599}
        )


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_wish_is_signed_and_says_who_wants_what() -> None:
    exchange, clock = _Exchange(), _Clock()
    tokens = GoogleTokens(_account(), provider="vertex", post=exchange.post, clock=clock)
    assert asyncio.run(tokens.token()) == "token-1"
    ((address, form),) = exchange.asked
    assert address == "https://oauth2.googleapis.com/token"
    assert form["grant_type"] == [GRANT]
    header, claims, signature = form["assertion"][0].split(".")
    KEY.public_key().verify(_decoded(signature), f"{header}.{claims}".encode(), PKCS1v15(), SHA256())
    assert msgspec.json.decode(_decoded(header)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert msgspec.json.decode(_decoded(claims)) == {
        "iss": EMAIL,
        "scope": SCOPE,
        "aud": address,
        "iat": 1_700_000_000,
        "exp": 1_700_003_600,
    }
    assert "=" not in form["assertion"][0]


def test_a_token_is_kept_until_a_minute_before_it_expires() -> None:
    async def main() -> list[str]:
        exchange, clock = _Exchange(), _Clock()
        tokens = GoogleTokens(_account(), provider="vertex", post=exchange.post, clock=clock)
        got = [await tokens.token()]
        for passed in (3538, 1, 1):
            clock.time += passed
            got.append(await tokens.token())
        return got

    assert asyncio.run(main()) == ["token-1", "token-1", "token-2", "token-2"]


def test_all_who_wait_get_the_same_token() -> None:
    async def main() -> tuple[set[str], int]:
        exchange = _Exchange()
        tokens = GoogleTokens(_account(), provider="vertex", post=exchange.post, clock=_Clock())
        got = await asyncio.gather(*(tokens.token() for _ in range(20)))
        return set(got), len(exchange.asked)

    assert asyncio.run(main()) == ({"token-1"}, 1)


def test_who_gives_up_waiting_does_not_take_the_token_from_others() -> None:
    async def main() -> str:
        exchange = _Exchange()
        tokens = GoogleTokens(_account(), provider="vertex", post=exchange.post, clock=_Clock())
        first, second = asyncio.ensure_future(tokens.token()), asyncio.ensure_future(tokens.token())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(main()) == "token-2"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'{"error":"invalid_grant","error_description":"Invalid JWT Signature."}', "Invalid JWT Signature."),
        (b'{"error":"invalid_grant"}', "invalid_grant"),
        (b"{}", "no reason"),
        (b"<html>", "RFC 6749"),
    ],
)
def test_a_refusal_is_told_and_tried_again_the_next_time(answer: bytes, said: str) -> None:
    exchange = _Exchange(answer)
    tokens = GoogleTokens(_account(), provider="vertex", post=exchange.post, clock=_Clock())
    for _ in range(2):
        with pytest.raises(ProviderBroken, match=said) as caught:
            asyncio.run(tokens.token())
        assert caught.value.provider == "vertex"
    assert len(exchange.asked) == 2


@pytest.mark.parametrize(
    "account",
    [
        Secret("not json", "env:KEY"),
        Secret("{}", "env:KEY"),
        _account(private_key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        _account(private_key=_pem(ec.generate_private_key(ec.SECP256R1()))),
    ],
)
def test_an_account_that_cannot_sign_is_refused_without_showing_its_key(account: Secret) -> None:
    with pytest.raises(SettingsError) as caught:
        GoogleTokens(account, provider="vertex", post=_Exchange().post)
    assert account.source in str(caught.value)
    assert "PRIVATE" not in str(caught.value)
    assert caught.value.__cause__ is None
