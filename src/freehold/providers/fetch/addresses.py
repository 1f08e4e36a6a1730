"""Which addresses are on the public internet, and which names never are."""

from __future__ import annotations

import ipaddress

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NOT_PUBLIC_4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, reachable from its machines alone
        "169.254.0.0/16",  # link-local; the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays to 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
"""All that is handed out so far: what lies outside is local, reserved, multicast or an IPv4 address in disguise."""
_NOT_PUBLIC_6 = [
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, benchmarks, ORCHID and other protocol assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The middle of interface numbers that hold an IPv4 address."""
_NEVER = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "192.0.0.192/32",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fd00:ec2::254/128",
        "fe80::/10",
        "ff00::/8",
    )
]
"""Metadata of clouds, and what is no single machine: an allowed name is no leave to go there."""
_LOCAL_NAMES = frozenset({"metadata.goog", "metadata.tencentyun.com", "instance-data.ec2.internal"})
_LOCAL_ENDINGS = frozenset(
    {"corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "onion"}
)


def is_public(address: IP) -> bool:
    """Whether the address is one machine on the public internet, whatever way it is written in IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:  # what a network without IPv4 resolves every IPv4 name to
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _GLOBAL_6 or any(address in network for network in _NOT_PUBLIC_6):
        return False
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global


def is_never_allowed(address: IP) -> bool:
    """Whether not even an allowed name may lead there; a network that is allowed by its numbers may."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return True
        inner = address.ipv4_mapped or (
            ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
        )
        if inner is not None:
            return is_never_allowed(inner)
    return any(address.version == network.version and address in network for network in _NEVER)


def is_local_name(host: str) -> bool:
    """Whether the name means something in a local network at most."""
    return "." not in host or host in _LOCAL_NAMES or host.endswith(".home.arpa") or (
        host.rpartition(".")[2] in _LOCAL_ENDINGS
    )  # fmt: skip


def read_address(text: str) -> IP | None:
    """The address, if this is its one plain spelling: four decimal numbers, or IPv6 without a zone."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return None if address.scope_id is not None else address
    return address if str(address) == text else None
