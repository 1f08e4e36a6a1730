"""Serve TensorZero's gateway, which its Python wheel carries, on a free port; write its URL to a file."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import tensorzero  # type: ignore[import-not-found, unused-ignore]

gateway = tensorzero._start_http_gateway(
    config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
Path(sys.argv[2]).write_text(gateway.base_url)
while True:
    time.sleep(3600)
