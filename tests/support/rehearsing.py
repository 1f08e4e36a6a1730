"""The endpoint in front of a simulated provider, started and ended together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from running_endpoint import RunningEndpoint

from freehold.providers.simulated import Script, SimulatedProvider, ThreadedProvider

PLAIN = """
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.acme]
base_url = "URL"
[models."acme/m"]
input = 1
output = 10
[routes.chat]
incumbent = "acme/m"
"""
"""One provider, one model with a price (dollars per million tokens), one route."""


@contextmanager
def rehearsing(
    folder: Path, script: Script, toml: str = PLAIN, *words: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[RunningEndpoint, ThreadedProvider]]:
    """`URL` and `ROOT` in `toml` stand for the provider's address, with `/v1` and without. `words` go to `freehold
    up`.
    """
    with SimulatedProvider.in_thread(script) as provider:
        toml = placed(toml, provider)
        with RunningEndpoint(folder, toml, *words, environment=environment) as endpoint:
            yield endpoint, provider


def placed(toml: str, provider: ThreadedProvider) -> str:
    """`toml` with the provider's address in it."""
    return toml.replace("URL", provider.base_url).replace("ROOT", provider.root_url)
