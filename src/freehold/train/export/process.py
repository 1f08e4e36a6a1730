"""The process that serves a file while it is proved: `python -m freehold.train.export.process`.

It is told on standard input what to serve, and ends when that ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from freehold.catalog.profile import Profile
from freehold.providers.local.models import LocalModel
from freehold.providers.local.openmp import provide_openmp
from freehold.train.export.handover import Order, Ready

_ORDER = "FREEHOLD_EXPORT_ORDER"
"""Where the order is kept when the process has to begin anew; it holds no secret."""


def main() -> None:
    """Serve until standard input ends."""
    line = os.environ.get(_ORDER) or sys.stdin.readline()
    os.environ[_ORDER] = line
    order = msgspec.json.decode(line, type=Order)
    provide_openmp(Path(order.folder))
    report = os.dup(1)
    os.dup2(2, 1)  # native code prints there, and only the report belongs in the pipe
    from freehold.providers.local.llama import LlamaServer  # noqa: PLC0415 - needs what was just provided

    try:
        server = LlamaServer(_model(order), order.weights)
    except Exception as error:  # whatever llama.cpp has against the file
        os.write(report, msgspec.json.encode(Ready(error=f"{type(error).__name__}: {error}")) + b"\n")
        raise
    key = server.settings.api_key
    assert key is not None
    address = (server.settings.base_url or "").removesuffix("/v1")
    os.write(report, msgspec.json.encode(Ready(address, key.reveal())) + b"\n")
    os.close(report)
    sys.stdin.read()
    os._exit(0)  # there is nothing to save, and native threads must not delay us


def _model(order: Order) -> LocalModel:
    path = Path(order.weights)
    return LocalModel(
        name=path.stem,
        runtime="llama.cpp",
        packages=("xllamacpp",),
        weights=("", path.name),
        profile=Profile(operations=frozenset({"chat"}), context_window=order.context),
        made_by="",
        parameters=0,
        weights_bytes=path.stat().st_size,
        languages=(),
        slots=order.slots,
    )


if __name__ == "__main__":
    main()
