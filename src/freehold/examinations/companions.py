"""The servers that an installation may lean on beside its database: that of the limits, and a collector."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from freehold.core.errors import SettingsError, StoreError
from freehold.examinations.finding import Finding, broken, good, notice
from freehold.store.valkey import ask_valkey

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.telemetry.settings import Collector

SLOW_SECONDS = 0.05
"""A server of the limits that takes longer is worth a word: calls wait for it, for at most a tenth of a second."""
_PATIENCE = 3.0
"""Seconds."""


def examine_companions(settings: Settings) -> Iterator[Finding]:
    """Those that are configured. Nothing is changed there; the collector is sent a report of nothing."""
    if settings.shared_url is not None:
        yield _shared(settings.shared_url.reveal())
    if settings.collector is not None:
        yield _collector(settings.collector)


def _shared(url: str) -> Finding:
    try:
        told = ask_valkey(url)
    except (SettingsError, StoreError) as error:
        return broken("shared", error.message, error.hint)
    found = f"Valkey or Redis {told.version}, and answers within {told.seconds * 1000:.1f} ms"
    if told.evicts is not None:
        return broken(
            "shared",
            f"{found}; it throws counters away when it is full (`maxmemory-policy {told.evicts}`)",
            "Set `maxmemory-policy noeviction`: a counter that is thrown away is a budget that begins anew.",
        )
    if told.seconds > SLOW_SECONDS:
        return notice(
            "shared", found, "Put the server nearer to this machine; calls with limits wait for it."
        )
    return good("shared", found)


def _collector(collector: Collector) -> Finding:
    url = urlsplit(collector.url.reveal())
    where = f"{url.scheme}://{url.netloc}"  # in its path there may be a credential
    headers = {name: secret.reveal() for name, secret in collector.headers.items()}
    headers["content-type"] = "application/x-protobuf"
    try:
        status = _send_nothing(url.scheme, url.hostname or "", url.port, url.path.rstrip("/"), headers)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return notice(
            "telemetry",
            f"the collector at {where} cannot be reached: {reason}",
            "Check that it runs and can be reached from here. Calls are answered and on record all the same.",
        )
    if status in (401, 403):
        step = "Check what `telemetry.headers` refers to."
    elif status == 404:
        step = "Give its address without `/v1/traces`: OTLP over HTTP, most often on port 4318."
    elif not 200 <= status < 300:
        step = "See what its own log says."
    else:
        return good("telemetry", f"the collector at {where} takes OTLP")
    return notice("telemetry", f"the collector at {where} answers HTTP {status}", step)


def _send_nothing(scheme: str, host: str, port: int | None, path: str, headers: dict[str, str]) -> int:
    connection = (
        http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=ssl.create_default_context())
        if scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    )
    try:
        connection.request("POST", f"{path}/v1/traces", body=b"", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
