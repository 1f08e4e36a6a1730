"""The models that come with Freehold, and what is known about them."""

from __future__ import annotations

from freehold.catalog.profile import Profile

LOCAL = "local"
"""Name of the provider that serves them."""

CHAT = "smollm2-135m"
EMBEDDINGS = "e5-small"

EMBEDDED = {
    CHAT: Profile(
        operations=frozenset({"chat"}),
        context_window=8192,
        input_modalities=frozenset({"text"}),
        output_modalities=frozenset({"text"}),
        licence="Apache-2.0",
    ),
    EMBEDDINGS: Profile(
        operations=frozenset({"embeddings"}),
        context_window=512,
        input_modalities=frozenset({"text"}),
        output_modalities=frozenset({"embedding"}),
        licence="MIT",
    ),
}
"""By their names behind `local/`."""
