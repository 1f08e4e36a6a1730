"""URLs: of providers, what they must look like, and who can listen in; of the endpoint, where it is reached."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from freehold.config.values import UnfitError

_NEAR_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc", ".test")


def read_base_url(text: str) -> str:
    """A provider's URL without a slash at its end. Raises UnfitError, which never quotes the URL."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise UnfitError("a URL like `https://api.example.com/v1`") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii() or " " in text:
        raise UnfitError("a URL like `https://api.example.com/v1`")
    if parts.username is not None or parts.password is not None:
        raise UnfitError("a URL without name and password; a key is given by `api_key`")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise UnfitError("a URL without `?` and `#`; parameters are given by `query`")
    if "{" in text or "}" in text:
        raise UnfitError("a URL without placeholders")
    path = parts.path.rstrip("/")
    for ending in ("/chat/completions", "/embeddings", "/models"):
        if path.endswith(ending):
            raise UnfitError(f"the URL without `{ending}`, which is added to it")
    return text.rstrip("/")


def is_plain(url: str) -> bool:
    """Whether what is sent there goes over the wire unencrypted."""
    return urlsplit(url).scheme == "http"


def is_own_machine(url: str) -> bool:
    """Whether it is this very machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_near(url: str) -> bool:
    """Whether it is this machine or plainly in a network of one's own; no name is looked up."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_NEAR_ENDINGS)
    return address.is_loopback or address.is_private or address.is_link_local


def local_url(host: str, port: int) -> str:
    """Where an endpoint that listens on `host` is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only read, not listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
