"""Where requests go, and what of a URL or header is refused before anything goes anywhere."""

from __future__ import annotations

import ssl

import pytest

from freehold.core.errors import SettingsError
from freehold.providers.http.origin import Origin


@pytest.mark.parametrize(
    ("url", "host", "port", "host_header", "path"),
    [
        ("http://api.example.com/v1", "api.example.com", 80, "api.example.com", "/v1"),
        ("https://api.example.com/v1/", "api.example.com", 443, "api.example.com", "/v1"),
        ("http://api.example.com:443", "api.example.com", 443, "api.example.com:443", ""),
        ("https://api.example.com:443/a/b", "api.example.com", 443, "api.example.com", "/a/b"),
        ("http://[::1]:8080/v1", "::1", 8080, "[::1]:8080", "/v1"),
        ("http://bücher.example", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", ""),
    ],
)
def test_urls_are_understood(url: str, host: str, port: int, host_header: str, path: str) -> None:
    tls = ssl.create_default_context() if url.startswith("https") else None
    origin = Origin(url, tls)
    assert (origin.host, origin.port, origin.host_header, origin.base_path) == (host, port, host_header, path)
    assert origin.tls is tls


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "ftp://api.example.com",
        "http://",
        "http://a..b",
        "http://[::1",
        "http://api.example.com:99999",
        "http://user:s3cret@api.example.com",
        "http://user:s3cret@api.example.com:99999",
        "http://api.example.com/v1?key=s3cret",
        "http://api.example.com:x/v1?key=s3cret",
        "http://api.example.com/v1#s3cret",
    ],
)
def test_other_urls_are_refused_without_telling_secrets(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Origin(url, None)
    assert "s3cret" not in str(caught.value)
    assert caught.value.hint


def test_https_is_never_spoken_without_encryption() -> None:
    with pytest.raises(ValueError, match="TLS"):
        Origin("https://api.example.com", None)


def test_a_context_for_https_is_not_used_for_http() -> None:
    assert Origin("http://api.example.com", ssl.create_default_context()).tls is None


def test_a_head_is_exactly_these_bytes() -> None:
    head = Origin("http://h/base/", None).head("POST", "/chat", {"x-a": "1"}, {"q": "a b&c", "é": "ü"})
    assert head == (
        b"POST /base/chat?q=a+b%26c&%C3%A9=%C3%BC HTTP/1.1\r\nhost: h\r\nx-a: 1\r\ncontent-length: "
    )


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/chat", {"x-key": "s3cret\r\nx-more: 1"}),
        ("/chat", {"x-key": "s3cret\0"}),
        ("/chat", {"x-key\n": "s3cret"}),
        ("/chat", {"x-key": "s3cret…"}),
        ("/chat", {"x-kéy": "s3cret"}),
        ("/chat HTTP/1.1\r\n", {}),
        ("/chat stream", {}),
        ("/chät", {}),
    ],
)
def test_what_would_break_a_head_is_refused(path: str, headers: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        Origin("http://h", None).head("POST", path, headers, {})
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__cause__ is None
