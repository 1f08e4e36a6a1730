"""A Ray cluster: on many machines, or of this one alone."""

from __future__ import annotations

import os
from typing import Any

from freehold.core.errors import BadRequest
from freehold.core.extras import how_to_install

# ruff: noqa: PLC0415 - Ray is imported where it is asked for


def the_ray() -> Any:
    """The library. Raises BadRequest where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise BadRequest("Ray is not installed.", hint=how_to_install("ray")) from None
    return ray


def connect(ray: Any, address: str | None) -> bool:
    """Whether it was not connected before. Waits. Raises BadRequest.

    `address`: of the cluster; None: what `RAY_ADDRESS` says, else a cluster of this machine alone.
    """
    if ray.is_initialized():
        return False
    told: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
    if address is None and not os.environ.get("RAY_ADDRESS"):
        told |= {"address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    else:
        told["address"] = address
    try:
        ray.init(**told)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BadRequest(
            f"The Ray cluster cannot be reached: {error}", hint="Look at its address."
        ) from error
    return True
