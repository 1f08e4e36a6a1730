"""URLs read strictly: one spelling for one place, so that what is checked is what is connected to."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin

import msgspec

from freehold.core.errors import BadRequest
from freehold.providers.fetch.addresses import IP, is_local_name, read_address
from freehold.providers.fetch.allow_list import AllowList
from freehold.providers.fetch.refusals import shown_host, unfetchable, unfit
from freehold.providers.fetch.settings import FetchSettings

MOST_CHARACTERS = 8192
"""Of a URL."""
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:]+)(?::(\d{1,5}))?", re.IGNORECASE)
_HARMFUL = re.compile(
    r"[\x00-\x20\x7f-\xa0\\\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff]"
)
"""Control characters, spaces, what cannot be seen, and backslashes: programs differ in what they make of them."""
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
"""A last label like this makes the whole host an IPv4 address in the eyes of browsers and of `inet_aton`."""
_KEPT = "%/:?#[]@!$&'()*+,;=~-._"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one request goes."""

    scheme: str
    host: str
    """A name in lower case, or an address as text without brackets."""
    address: IP | None
    """Of a host that is an address."""
    port: int
    target: str
    """Path and query, ASCII."""

    @property
    def authority(self) -> str:
        """What the header `host` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL in full, query included: for the client that sent it, never for a message."""
        return f"{self.scheme}://{self.authority}{self.target}"


def read_url(url: str, settings: FetchSettings, allow: AllowList) -> Place:
    """The place a URL names. Raises BadRequest."""
    shown = shown_host(url)
    if len(url) > MOST_CHARACTERS:
        raise unfit(shown, f"has a URL of more than {MOST_CHARACTERS} characters")
    parts = _URL.fullmatch(url)
    if parts is None or _HARMFUL.search(url):
        raise unfetchable(shown)
    scheme, authority, path, query = parts[1].lower(), parts[2], parts[3], parts[4] or ""
    if scheme not in _DEFAULT_PORTS or scheme not in settings.schemes:
        allowed = " or ".join(settings.schemes)
        raise BadRequest(f"The scheme `{scheme[:20]}` of the file at `{shown}` is not {allowed}.")
    if "@" in authority:
        raise unfit(shown, "has a user or password in its URL, which is not sent")
    place = _AUTHORITY.fullmatch(authority)
    if place is None:
        raise unfetchable(shown)
    host, address = _read_host(place[1].lower())
    port = int(place[2]) if place[2] else _DEFAULT_PORTS[scheme]
    if host is None or (port not in settings.ports and not allow.has_port(host, port)):
        raise unfetchable(shown)
    if address is None and is_local_name(host) and not allow.has_host(host):
        raise unfetchable(shown)
    target = quote((path or "/") + query, safe=_KEPT)
    return Place(scheme=scheme, host=host, address=address, port=port, target=target)


def _read_host(text: str) -> tuple[str | None, IP | None]:
    """The host, if it is spelled plainly, and its address, if it is one."""
    if text.startswith("["):
        address = read_address(text[1:-1])
        return (None, None) if address is None or address.version != 6 else (str(address), address)
    address = read_address(text)
    if address is not None:
        return text, address
    labels = text.split(".")
    if (
        len(text) > 253
        or not all(_LABEL.fullmatch(label) for label in labels)
        or _NUMBER.fullmatch(labels[-1])
    ):
        return None, None
    return text, None


def follow(place: Place, location: bytes, settings: FetchSettings, allow: AllowList) -> Place:
    """Where a redirect leads. Raises BadRequest, as for any other URL."""
    try:
        text = location.decode()
    except UnicodeDecodeError:
        raise unfetchable(place.host) from None
    # `urljoin` takes some of these out without a word, so they are looked for before it.
    if not text or len(text) > MOST_CHARACTERS or _HARMFUL.search(text):
        raise unfetchable(place.host)
    try:
        joined = urljoin(place.url, text)
    except ValueError:
        raise unfetchable(place.host) from None
    return read_url(joined, settings, allow)
