"""The threads that PyTorch computes with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def patient_threads() -> Iterator[None]:
    """Let PyTorch, which is imported within, have threads that sleep while they wait for each other.

    Otherwise they keep a core busy with waiting, and beside other work training takes several times as long. It is told
    by the environment, at the import alone: the local models that are started later answer slower with it.
    """
    name = "OMP_WAIT_POLICY"
    if name in os.environ:
        yield
        return
    os.environ[name] = "passive"
    try:
        import torch  # noqa: F401, PLC0415 - for its threads

        yield
    finally:
        del os.environ[name]
