"""What holds for every test: no network but loopback, no process left behind, and figures are shown."""

from __future__ import annotations

import gc
import ipaddress
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
import uvloop
from databases import databases, module_place, own, place, places

__all__ = ["databases", "module_place", "own", "place", "places"]


class NetworkRefusedError(RuntimeError):
    """A test wanted to leave this machine."""


def _is_loopback(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.split("%", 1)[0]).is_loopback
    except ValueError:
        return False


_LOOK_UPS = ("socket.getaddrinfo", "socket.gethostbyname")
"""Asking a name server is leaving the machine too."""
_WILDCARDS = ("0.0.0.0", "::")
"""For listening."""


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            raise NetworkRefusedError(f"tests may not reach {address[0]!r}")
    elif event in _LOOK_UPS and not _is_loopback(arguments[0]) and arguments[0] not in _WILDCARDS:
        raise NetworkRefusedError(f"tests may not look up {arguments[0]!r}")


sys.addaudithook(_guard)


class _GuardedLoop(uvloop.Loop):
    """uvloop connects and looks names up beside Python, where no audit hook sees it."""

    async def create_connection(
        self, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any
    ) -> Any:
        _guard("socket.connect", (None, (host, port)))
        return await super().create_connection(protocol_factory, host, port, **more)

    async def create_datagram_endpoint(
        self, protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, **more: Any
    ) -> Any:
        _guard("socket.connect", (None, remote_addr))
        return await super().create_datagram_endpoint(protocol_factory, local_addr, remote_addr, **more)

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        _guard("socket.getaddrinfo", (host,))
        return await super().getaddrinfo(host, port, **more)


uvloop.Loop = _GuardedLoop  # type: ignore[misc]  # what `uvloop.run` and `new_event_loop` make


@pytest.fixture(autouse=True, scope="module")
def _no_process_left_behind() -> Iterator[None]:
    """A module that starts processes ends them."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=3)
    names = [" ".join(child.cmdline()) for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    assert not names, f"processes left behind: {names}"


def pytest_collection_finish() -> None:
    """What has been loaded by now stays: to look through it again and again would hold up whoever watches the clock."""
    gc.collect()
    gc.freeze()


_FIGURE = "figure"


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Show one line of figures at the end of the run."""
    return lambda line: request.node.user_properties.append((_FIGURE, line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for several in terminalreporter.stats.values() for report in several]
    last = [report for report in reports if getattr(report, "when", None) == "teardown"]
    lines = [line for report in last for name, line in report.user_properties if name == _FIGURE]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.line(line)
