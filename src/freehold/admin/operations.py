"""Every operation of the admin API."""

from __future__ import annotations

from freehold.admin import (
    audit,
    batches,
    calls,
    comparisons,
    feedback,
    keys,
    leaving,
    models,
    money,
    rollouts,
    running,
    suites,
)
from freehold.admin.operation import Operation

ROOT = "/admin/v1"

OPERATIONS: tuple[Operation, ...] = (
    *keys.OPERATIONS,
    *calls.OPERATIONS,
    *feedback.OPERATIONS,
    *money.OPERATIONS,
    *models.OPERATIONS,
    *running.OPERATIONS,
    *batches.OPERATIONS,
    *suites.OPERATIONS,
    *comparisons.OPERATIONS,
    *leaving.OPERATIONS,
    *rollouts.OPERATIONS,
    *audit.OPERATIONS,
)
