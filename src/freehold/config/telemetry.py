"""Where telemetry is sent to: the address and headers of `[telemetry]`, by reference where they are secret."""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import urlsplit

from freehold.config.problems import Problems
from freehold.config.source import Key
from freehold.core.secret import Secret
from freehold.telemetry.settings import Collector, TelemetrySettings

_URL = ("telemetry", "url")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    {"host", "content-type", "content-length", "content-encoding", "transfer-encoding", "user-agent"}
)


class Find(Protocol):
    """What a reference refers to; whatever is wrong with it has been told."""

    def __call__(self, reference: str | None, here: Key, /, *, words: bool = False) -> Secret | None:
        """`words`: it may be more than one."""


def read_collector(section: TelemetrySettings, find: Find, problems: Problems) -> Collector | None:
    """The collector, where one is configured and the settings are good."""
    if section.url is None:
        if section.headers:
            problems.error(
                ("telemetry", "headers"), "`telemetry.headers` go with `telemetry.url`, which is missing."
            )
        return None
    refers = section.url.startswith(("env:", "file:"))
    url = find(section.url, _URL) if refers else Secret(section.url, "telemetry.url")
    headers: dict[str, Secret] = {}
    for name, reference in section.headers.items():
        here = ("telemetry", "headers", name)
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            hint = "It is set by Freehold, or no name of a header."
            problems.error(here, f"`telemetry.headers` cannot hold `{name}`.", hint)
            continue
        value = find(reference, here, words=True)
        if value is None:
            continue
        if value.reveal().isascii() and value.reveal().isprintable():
            headers[name] = value
        else:
            problems.error(here, f"`telemetry.headers.{name}` refers to what cannot be sent in a header.")
    if url is None:
        return None
    fault = _fault_of(url.reveal())
    if fault is not None:
        problems.error(
            _URL,
            f"`telemetry.url` is not the address of a collector: {fault}.",
            "Write it like `http://localhost:4318`, without `/v1/traces`, or refer to it by `env:NAME`; credentials go "
            "into `headers`.",
        )
        return None
    return Collector(url, headers)


def _fault_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is no URL, or its port is none"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "it needs `http` or `https` and a host"
    if parts.username is not None or parts.password is not None:
        return "it holds credentials"
    if parts.query or parts.fragment:
        return "it goes on after its path"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "it holds characters that an address cannot have"
    return None
