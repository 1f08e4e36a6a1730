"""Connections to PostgreSQL that do not wait for ever. Needs the driver, so it is imported only by who connects."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

T = TypeVar("T")


class Patient(psycopg.Connection[Any]):
    """A connection that is given up when the server does not answer for `patience` seconds."""

    patience = 5.0

    def wait(self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As the driver's own, which without this time limit waits for as long as the connection is open."""
        began = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.info.transaction_status != TransactionStatus.ACTIVE:
                raise
            # Nothing more can be asked on a connection that owes an answer.
            self.close()
            if time.monotonic() - began < self.patience:
                raise
            raise psycopg.OperationalError(f"no answer within {self.patience:g} s") from error
