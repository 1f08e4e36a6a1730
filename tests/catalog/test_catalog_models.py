"""What the catalog says about models."""

from __future__ import annotations

from freehold.catalog.embedded import CHAT, EMBEDDED, EMBEDDINGS, LOCAL
from freehold.catalog.models import Catalog, Model
from freehold.catalog.prices import OWN_MACHINE_ID
from freehold.catalog.profile import UNKNOWN_PROFILE, Profile

CATALOG = Catalog(
    own={
        "mine/llama": Profile(licence="llama3.3", context_window=16_384),
        "openai/gpt-4o": Profile(input_modalities=frozenset({"text", "image"})),
        "openai/gpt-4.1": UNKNOWN_PROFILE,
    },
    lists={LOCAL: OWN_MACHINE_ID, "openai": "openai"},
)


def test_the_embedded_models_are_known() -> None:
    chat = CATALOG.find(LOCAL, CHAT)
    assert chat == Model("local", "smollm2-135m", EMBEDDED[CHAT], "freehold")
    assert chat.id == "local/smollm2-135m"
    assert chat.profile.context_window == 8192
    assert chat.profile.licence == "Apache-2.0"
    assert CATALOG.find(LOCAL, EMBEDDINGS).profile.operations == frozenset({"embeddings"})


def test_the_list_knows_context_windows_and_nothing_is_guessed_beyond() -> None:
    found = CATALOG.find("openai", "gpt-4.1")
    assert found.source == "genai-prices"
    assert found.profile == Profile(context_window=1_000_000)


def test_the_users_facts_are_added_one_by_one() -> None:
    found = CATALOG.find("openai", "gpt-4o")
    assert found.source == "freehold.toml, genai-prices"
    assert found.profile == Profile(context_window=128_000, input_modalities=frozenset({"text", "image"}))
    mine = CATALOG.find("mine", "llama")
    assert mine.source == "freehold.toml"
    assert mine.profile.licence == "llama3.3"


def test_unknown_is_unknown() -> None:
    for provider, name in (("openai", "secret"), ("nobody", "x"), (LOCAL, "smollm"), ("mine", "other/one")):
        found = CATALOG.find(provider, name)
        assert found == Model(provider, name, UNKNOWN_PROFILE, None)
        assert found.id == f"{provider}/{name}"
