"""What an administrator's key is good for."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["viewer", "operator", "owner"]
"""
viewer    sees figures and settings; never what was said, never a secret
operator  runs the endpoint too: keys, limits, batches, the configuration; and sees what was said
owner     decides who administers: administrators' keys
"""

ROLES: tuple[Role, ...] = get_args(Role)


def may(role: Role, least: Role) -> bool:
    """Whether `role` is good for what `least` may do."""
    return ROLES.index(role) >= ROLES.index(least)
