"""Providers replaced by simulated ones on loopback, which are told no key and reach nobody."""

from __future__ import annotations

import msgspec

from freehold.providers.settings import ProviderSettings
from freehold.wire.dialect import DialectName

NO_SUCH_HOST = "http://provider.invalid"
"""`.invalid` never exists: RFC 6761."""

_BASES: dict[DialectName, str] = {
    "openai-chat": "/v1",
    "openai-responses": "/v1",
    "anthropic-messages": "/v1",
    "gemini": "/v1beta",
    "bedrock-converse": "",
    "cohere": "/v2",
}
_HOSTED = {"bedrock": "", "vertex": "/v1/projects/p/locations/l/publishers/anthropic"}


def stand_in_for(provider: ProviderSettings, root_url: str) -> ProviderSettings:
    """The provider's settings with an address of the simulated one at `root_url` in place of its own, and no secret.

    It is asked in the same dialects under the same time limits. Reasoning state is nobody's: what the real provider
    sealed is not shown to a stand-in.
    """
    first = provider.dialects[0]
    base = _BASES[first] if provider.hosting is None else _HOSTED[provider.hosting]
    return msgspec.structs.replace(
        provider,
        kind="openai-compatible",
        account="",
        base_url=root_url + base,
        api_key=None,
        auth="bearer",
        access_key_id=None,
        session_token=None,
        headers={name: value for name, value in provider.headers.items() if name == "anthropic-version"},
        query={},
        chat_path="/chat/completions",
        dialects=tuple(one for one in provider.dialects if _BASES[one] == _BASES[first]),
        paths={},
    )
