"""The operator's list of places that may be fetched from although they are not public."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from freehold.core.errors import SettingsError
from freehold.providers.fetch.addresses import IP, Network, is_never_allowed, is_public, read_address

_WITH_PORT = re.compile(r"(.+?):(\d{1,5})")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


class AllowList:
    """What `allow` says, taken apart."""

    __slots__ = ("_hosts", "_networks", "_ports")

    def __init__(self, entries: Iterable[str]) -> None:
        """Raises SettingsError for an entry that is neither a host nor a network."""
        self._hosts: set[str] = set()
        self._networks: list[Network] = []
        self._ports: set[tuple[str, int]] = set()
        for entry in entries:
            self._add(entry)

    def _add(self, entry: str) -> None:
        text = entry.strip().lower()
        if "/" in text:
            try:
                self._networks.append(ipaddress.ip_network(text))
            except ValueError:
                raise _misread(entry) from None
            return
        host, port = text, None
        if read_address(text) is None and (parts := _WITH_PORT.fullmatch(text)):
            host, port = parts[1], int(parts[2])
        host = host.removeprefix("[").removesuffix("]")
        address = read_address(host)
        if address is not None:
            host = str(address)
            self._networks.append(ipaddress.ip_network(address))
        elif not _NAME.fullmatch(host):
            raise _misread(entry)
        else:
            self._hosts.add(host)
        if port is not None:
            self._ports.add((host, port))

    def has_host(self, host: str) -> bool:
        """Whether the name itself is listed."""
        return host in self._hosts

    def has_port(self, host: str, port: int) -> bool:
        """Whether this port of this host is listed."""
        return (host, port) in self._ports

    def permits(self, host: str, address: IP) -> bool:
        """Whether `address`, which `host` was resolved to, may be connected to."""
        if is_public(address):
            return True
        if any(address.version == network.version and address in network for network in self._networks):
            return True
        return host in self._hosts and not is_never_allowed(address)


def _misread(entry: str) -> SettingsError:
    return SettingsError(
        f"`{entry}` in `allow` is neither a host nor a network.",
        hint="Write it like `10.0.0.0/8`, `files.example` or `files.example:8080`.",
    )
