"""Accounts: whose reasoning state a provider can read.

What makes an account is where it is and what is shown there: address, credentials and headers. So an entry of the
configuration may be renamed, or stand there twice, and state finds back; with another key nobody can tell whether it
is still the same account, and state that would be refused is worse than state that is dropped and declared.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import msgspec

from freehold.providers.settings import ProviderSettings

_BYTES = 12


def account_of(settings: ProviderSettings, digest: Callable[[bytes], bytes]) -> str:
    """A name for the account, which clients get to see. `digest` is keyed: it must not let them try out keys."""
    if settings.base_url is None:
        return settings.name
    key = "" if settings.api_key is None else settings.api_key.reveal()
    if settings.session_token is not None:  # credentials that expire say nothing about the account
        key = settings.name
    known = msgspec.json.encode(
        [
            settings.base_url.rstrip("/"),
            key,
            "" if settings.session_token is not None else settings.access_key_id,
            sorted((name.lower(), value) for name, value in settings.headers.items()),
        ]
    )
    return base64.urlsafe_b64encode(digest(b"account " + known)[:_BYTES]).decode()
