"""Where requests go: scheme, host, port, and the parts of the request head that never change."""

from __future__ import annotations

import ssl
from urllib.parse import urlencode, urlsplit

from freehold.core.errors import SettingsError


class Origin:
    """One scheme, host and port; connections are pooled per origin."""

    __slots__ = ("base_path", "host", "host_header", "port", "tls")

    def __init__(self, base_url: str, tls: ssl.SSLContext | None) -> None:
        """`base_url` is http or https; `tls` is the context for https. Raises SettingsError."""
        try:
            parts = urlsplit(base_url)
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode()
        except ValueError:  # a UnicodeError is one
            raise _not_a_url(base_url) from None
        if parts.scheme not in ("http", "https") or not host:
            raise _not_a_url(base_url)
        if parts.username or parts.password:
            raise SettingsError(
                f"The URL for `{host}` carries a password.", hint="Put it into `api_key` by reference."
            )
        if parts.query or parts.fragment:
            raise SettingsError(
                f"The URL for `{host}` goes on after its path.",
                hint="Put what follows the `?` into `query`.",
            )
        if parts.scheme == "https" and tls is None:
            raise ValueError("https needs a TLS context: without one the key would travel in the clear")
        self.host = host
        self.port = port or (443 if parts.scheme == "https" else 80)
        self.tls = tls if parts.scheme == "https" else None
        default_port = 443 if parts.scheme == "https" else 80
        name = f"[{self.host}]" if ":" in self.host else self.host
        self.host_header = name if self.port == default_port else f"{name}:{self.port}"
        self.base_path = parts.path.rstrip("/")

    def url(self, path: str, query: dict[str, str]) -> str:
        """The whole URL of a request."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{self.host_header}{self._target(path, query)}"

    def _target(self, path: str, query: dict[str, str]) -> str:
        joint = "&" if "?" in path else "?"
        return self.base_path + path + (f"{joint}{urlencode(query)}" if query else "")

    def head(self, method: str, path: str, headers: dict[str, str], query: dict[str, str]) -> bytes:
        """The request head up to and with `content-length: `; the number, an empty line and the body follow.

        Raises SettingsError for a header that could break out of its line.
        """
        target = self._target(path, query)
        lines = [f"{method} {target} HTTP/1.1", f"host: {self.host_header}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        for line in lines:
            if "\r" in line or "\n" in line or "\0" in line:
                raise SettingsError("A header or path for a provider contains a line break.")
        if not target.isascii() or " " in target:
            raise SettingsError(
                f"The path `{target}` contains characters that a URL cannot have.",
                hint="Percent-encode them.",
            )
        for name, value in headers.items():
            if not (name + value).isascii():  # said without the value, which may be a key
                raise SettingsError(f"The header `{name}` for `{self.host}` is not plain ASCII.")
        return "\r\n".join([*lines, "content-length: "]).encode("ascii")


def _not_a_url(base_url: str) -> SettingsError:
    shown = base_url.rpartition("@")[2].partition("?")[0]  # without what may be a secret
    return SettingsError(
        f"`{shown}` is not a URL of a provider.", hint="Write it like `https://api.example.com/v1`."
    )
