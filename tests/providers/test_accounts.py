"""Which entries of the configuration are one account: state of the one can be read by the other."""

from __future__ import annotations

import hashlib

import pytest
from msgspec.structs import replace

from freehold.core.secret import Secret
from freehold.providers.accounts import account_of
from freehold.providers.settings import ProviderSettings

ONE = ProviderSettings("one", base_url="https://api.example.com/v1", api_key=Secret("sk-1", "env:ONE"))


def digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, key=b"pepper").digest()


def account(settings: ProviderSettings) -> str:
    return account_of(settings, digest)


def test_a_name_is_not_an_account() -> None:
    again = replace(
        ONE,
        name="two",
        base_url="https://api.example.com/v1/",
        api_key=Secret("sk-1", "file:key"),
        models=("m",),
    )
    assert account(again) == account(ONE)


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, api_key=Secret("sk-2", "env:ONE")),
        replace(ONE, api_key=None),
        replace(ONE, base_url="https://eu.api.example.com/v1"),
        replace(ONE, headers={"openai-organization": "org-2"}),
        replace(ONE, access_key_id="AKIA1"),
    ],
)
def test_another_key_or_address_is_another_account(other: ProviderSettings) -> None:
    assert account(other) != account(ONE)


def test_credentials_that_expire_do_not_make_the_account() -> None:
    first = replace(ONE, access_key_id="ASIA1", session_token=Secret("t1", "env:T"))
    second = replace(
        ONE, access_key_id="ASIA2", api_key=Secret("sk-3", "env:ONE"), session_token=Secret("t2", "env:T")
    )
    assert account(first) == account(second)
    assert account(replace(second, name="two")) != account(first)


def test_clients_cannot_try_out_keys_on_it() -> None:
    other = account_of(ONE, lambda data: hashlib.blake2b(data, key=b"another pepper").digest())
    assert other != account(ONE)
    assert "sk-1" not in account(ONE)
    assert len(account(ONE)) == 16


def test_own_models_are_called_by_their_name() -> None:
    assert account(ProviderSettings("local", kind="local")) == "local"
