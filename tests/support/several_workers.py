"""Connections to each of several workers: which one has accepted a connection is nothing that HTTP shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
from plain_client import PlainClient
from running_endpoint import RunningEndpoint, until


def ready(endpoint: RunningEndpoint) -> set[int]:
    """The processes of the workers that take calls."""
    return {one["process"] for one in endpoint.health["workers"] if one["state"] == "ready"}


def holder_of(client: PlainClient, processes: set[int]) -> int:
    """The process at the other end."""
    port = client.local_port

    def find() -> int | None:
        for pid in processes:
            for one in psutil.Process(pid).net_connections("tcp"):
                if getattr(one.raddr, "port", None) == port:
                    return pid
        return None

    return until(find)


@contextmanager
def one_to_each(endpoint: RunningEndpoint) -> Iterator[dict[int, PlainClient]]:
    """A connection to each worker, by the worker's process."""
    processes = ready(endpoint)
    found: dict[int, PlainClient] = {}
    with ExitStack() as stack:
        for _ in range(200):
            client = stack.enter_context(endpoint.connect())
            assert client.get("/health/live").status == 200
            found.setdefault(holder_of(client, processes), client)
            if len(found) == len(processes):
                break
        assert len(found) == len(processes), "some worker gets no connection"
        yield found
