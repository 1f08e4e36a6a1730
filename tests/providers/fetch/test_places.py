"""Where a URL may lead: every spelling of a private address, and no public one too many refused."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import pytest
from fetching import PUBLIC, Detour, Names, quick
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest, SettingsError
from freehold.providers.fetch.addresses import is_public
from freehold.providers.fetch.allow_list import AllowList
from freehold.providers.fetch.fetcher import Fetcher
from freehold.providers.fetch.place import read_url
from freehold.providers.fetch.refusals import shown_host
from freehold.providers.fetch.resolving import Resolve
from freehold.providers.fetch.settings import FetchSettings

ANYTHING = FetchSettings()
NOBODY = AllowList(())

PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1",
    "198.19.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:10.0.0.1", "64:ff9b::a00:1",
    "64:ff9b::169.254.169.254", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1",
    "2001:db8::1", "2002:7f00:1::1", "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fec0::1", "ff02::1", "2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:a00:1",
]  # fmt: skip
OPEN = ["1.1.1.1", "8.8.8.8", PUBLIC, "172.15.255.255", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1",
        "64:ff9b::808:808", "2001:4860:4860::8888"]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_calls_private(address: ipaddress.IPv4Address) -> None:
    if is_public(address) and address not in ipaddress.ip_network("64:ff9b::/96"):
        assert address.is_global and not address.is_multicast and not address.is_reserved


def shaped(address: str) -> st.SearchStrategy[str]:
    """The host of a URL for a private address, in any of the ways that some program somewhere understands."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6:
        return st.sampled_from(
            [f"[{address}]", f"[{ip.exploded}]", f"[{address.upper()}]", f"[{address}%25eth0]", f"[{address}%lo]",
             address, f"[{address}]."]
        )  # fmt: skip
    return st.one_of(numbers(int(ip)), st.sampled_from(in_disguise(ip)))


@st.composite
def numbers(draw: st.DrawFn, value: int) -> str:
    """As `inet_aton` reads it: one to four numbers, each decimal, octal or hexadecimal."""
    count = draw(st.integers(1, 4))
    pieces = [value >> 8 * (3 - at) & 0xFF for at in range(count - 1)]
    pieces.append(value & (1 << 8 * (5 - count)) - 1)
    forms = ("{:d}", "{:#o}", "{:#x}", "{:#X}", "0x{:08x}", "00{:o}", "{:04d}")
    host = ".".join(
        draw(st.sampled_from(forms)).format(piece).replace("0o", "0").replace("0O", "0") for piece in pieces
    )
    return host + draw(st.sampled_from(["", "", ".", ".."]))


def in_disguise(ip: ipaddress.IPv4Address) -> list[str]:
    text = str(ip)
    a, b = int(ip) >> 16, int(ip) & 0xFFFF
    fullwidth = text.translate({ord("0") + at: 0xFF10 + at for at in range(10)})
    circled = text.translate({ord("0") + at: 0x2460 + at - 1 for at in range(1, 10)})
    return [
        text, fullwidth, circled, text.replace(".", "\u3002"), text.replace(".", "\uff0e"), text.replace(".", "%2e"),
        "".join(f"%{ord(letter):02x}" for letter in text), f"{text}.", f" {text}", f"{text}%00", f"{text}\t",
        f"{text}\n", text[:1] + "\u200b" + text[1:], text[:1] + "\u00ad" + text[1:], f"public.example@{text}",
        f"{text}#@public.example", f"{text}?@public.example", f"{text}\\@public.example", f"public.example\\@{text}",
        f"public.example:80@{text}", f"public.example%40{text}", f"[{text}]", f"[::ffff:{text}]",
        f"[::ffff:{a:x}:{b:x}]", f"[0:0:0:0:0:ffff:{text}]", f"[::{text}]", f"[64:ff9b::{text}]",
        f"[2002:{a:x}:{b:x}::]", f"[2001::{a ^ 0xFFFF:x}:{b ^ 0xFFFF:x}]", f"[::ffff:0:{text}]",
        f"{text}.nip.example", "home.example", "HOME.example", "home.example.", "localhost", "LocalHost.",
        "a.localhost", "metadata.google.internal", "metadata", "router.local", "x.home.arpa", "lo\u0441alhost",
        "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    ]  # fmt: skip


def as_lenient_as_can_be(private: str) -> Resolve:
    """A resolver that understands every spelling and knows nothing but private addresses."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        try:
            return [socket.inet_ntoa(socket.inet_aton(host))]
        except (OSError, UnicodeError):
            return [PUBLIC, private] if len(host) % 2 else [private]

    return resolve


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(PRIVATE), st.sampled_from(["http", "https", "HTTP", "http:", "hTTps"]),
       st.sampled_from(["", ":80", ":443", ":22", ":", ":080", ":65616"]),
       st.sampled_from(["", "/", "/x?s3cret", "\\x", "/../", "//", "?", "#"]))  # fmt: skip
def test_no_spelling_of_a_private_address_is_connected_to(
    data: st.DataObject, private: str, scheme: str, port: str, path: str
) -> None:
    url = f"{scheme}://{data.draw(shaped(private))}{port}{path}"
    assert connections(url, private) == []


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(PRIVATE))
def test_no_url_at_all_leads_to_a_private_address(text: str, private: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}.example/", f"http://a.example/{text}"):
        assert connections(url, private) == []


def connections(url: str, private: str) -> list[tuple[str, int, str]]:
    detour = Detour()

    async def main() -> None:
        fetcher = Fetcher(quick(), resolve=as_lenient_as_can_be(private), connect=detour)
        with pytest.raises(BadRequest) as caught:
            await fetcher.fetch(url, kinds=("image",))
        assert "s3cret" not in str(caught.value)

    asyncio.run(main())
    return detour.wanted


@pytest.mark.parametrize("address", OPEN)
def test_the_same_door_lets_public_addresses_through(address: str) -> None:
    """Or the tests above would hold for a fetcher that fetches nothing."""
    for host in ("a.example", f"[{address}]" if ":" in address else address):
        detour = Detour()

        async def main(host: str = host, detour: Detour = detour) -> None:
            fetcher = Fetcher(quick(), resolve=Names(a_example=[[address]]), connect=detour)
            with pytest.raises(BadRequest):
                await fetcher.fetch(f"https://{host}/x", kinds=("image",))

        asyncio.run(main())
        assert detour.wanted == [(address, 443, host.strip("[]"))]


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://a.example", "a.example", 80, "/"),
        ("HTTPS://A.Example:443/x/../y?q=ä b".replace(" ", "+"), "a.example", 443, "/x/../y?q=%C3%A4+b"),
        ("https://xn--bcher-kva.example/%20%zz{}", "xn--bcher-kva.example", 443, "/%20%zz%7B%7D"),
        ("http://a_b.c-d.example?x", "a_b.c-d.example", 80, "/?x"),
        ("http://[2606:4700:0:0::1111]:80/", "2606:4700::1111", 80, "/"),
        ("https://1.1.1.1/", "1.1.1.1", 443, "/"),
        ("https://a.example/@x", "a.example", 443, "/@x"),
        ("https://1.a.example/", "1.a.example", 443, "/"),
    ],
)
def test_plain_urls(url: str, host: str, port: int, target: str) -> None:
    place = read_url(url, ANYTHING, NOBODY)
    assert (place.host, place.port, place.target) == (host, port, target)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://a.example/", "scheme `ftp` .* is not https or http"),
        ("gs://bucket/name", "scheme `gs`"),
        ("https://user:hunter2@a.example/", "user or password"),
        ("https://a.example/" + "x" * 9000, "more than 8192"),
        ("a.example/x", "cannot be fetched"),
        ("", "cannot be fetched"),
    ],
)
def test_urls_that_are_refused_say_why_where_that_tells_nothing(url: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said) as caught:
        read_url(url, ANYTHING, NOBODY)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    ["134744072", "a.134744072", "0x08080808", "010.8.8.8", "8.8.2056", "8.8.8.0x8", "8.8.8.8.", "a.example.",
     "a..example", "-a.example", "a-.example", "a.ex%61mple", "b\u00fccher.example", "8.8.8.08", "[8.8.8.8]",
     "[2606:4700::1111%251]",
     "a.example:+80", "a.example: 80", "a.example:", "x" * 64 + ".example", "*.example", "a,b.example", "a.0x"],
)  # fmt: skip
def test_a_public_place_has_one_spelling_too(host: str) -> None:
    """Programs differ in what they make of the others, so nobody is asked what they mean."""
    with pytest.raises(BadRequest, match="cannot be fetched"):
        read_url(f"http://{host}/", ANYTHING, NOBODY)


def test_http_can_be_forbidden() -> None:
    with pytest.raises(BadRequest, match="scheme `http`"):
        read_url("http://a.example/", FetchSettings(schemes=("https",)), NOBODY)


@given(st.text())
def test_what_is_said_of_a_url_is_harmless(url: str) -> None:
    assert shown_host(url).isascii() and len(shown_host(url)) <= 100
    assert not set(shown_host(url)) & set("@/?#\\`\n") - {"?"}


def test_an_allow_list_names_hosts_networks_and_ports() -> None:
    allow = AllowList(
        ("10.0.0.0/8", "Files.example", "deep.example:8080", "[fd00::1]:9000", "192.168.1.1", "fd01::/16")
    )
    address = ipaddress.ip_address
    assert allow.permits("any.example", address("10.9.9.9"))
    assert not allow.permits("any.example", address("192.168.1.2"))
    assert allow.permits("any.example", address("192.168.1.1"))
    assert allow.permits("any.example", address("fd01::5"))
    assert not allow.permits("any.example", address("::ffff:10.0.0.1"))
    assert allow.permits("files.example", address("172.16.0.1"))
    assert allow.permits("files.example", address("127.0.0.1"))
    for never in (
        "169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "224.0.0.1",
    ):
        assert not allow.permits("files.example", address(never))
    assert AllowList(("169.254.169.254/32",)).permits("x.example", address("169.254.169.254"))
    assert read_url("http://deep.example:8080/", ANYTHING, allow).port == 8080
    assert read_url("http://[FD00:0::1]:9000/", ANYTHING, allow).port == 9000
    for url in ("http://files.example:8080/", "http://deep.example:8081/", "http://192.168.1.1:9000/"):
        with pytest.raises(BadRequest):
            read_url(url, ANYTHING, allow)
    assert read_url("http://intranet/", ANYTHING, AllowList(("intranet",))).host == "intranet"


@pytest.mark.parametrize(
    "entry", ["", "10.0.0.0/99", "a b", "https://a.example", "10.0.0.1/8", "*", "a.example:x"]
)
def test_an_entry_that_means_nothing_is_refused(entry: str) -> None:
    with pytest.raises(SettingsError, match="neither a host nor a network"):
        AllowList((entry,))
