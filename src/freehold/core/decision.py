"""What was decided for a call: the model chosen, why, and what was passed over. Kept with the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Fact = str | int | float | bool | None
"""Whatever a decision depended on. Facts are kept with it, so that it can be made again."""

Arm = Literal["incumbent", "candidate"]
"""Which side of a rollout a call is on."""


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model that could have been asked, and why it was not."""

    model: str
    """`provider/model`."""
    why: str
    """A word or two of a fixed vocabulary, such as `dearer`, `slower`, `not drawn`, `locked`, `no verdict`."""


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which model a policy chose for a call. It is kept with the call, and can be made again from what is in it."""

    policy: str
    """`weighted`, `cheapest`, `fastest`, `cascade`, `learned`, `rollout`."""
    chosen: str
    """`provider/model`."""
    reason: str
    """A word or two of a fixed vocabulary, such as `drawn`, `cheapest`, `lock.tool_loop`, `good enough`."""
    rejected: tuple[Rejected, ...] = ()
    facts: Mapping[str, Fact] = {}
    """What it depended on: the draw, shares, prices, a lock. Nothing that was said in the call."""
    rollout: str | None = None
    """Id of the rollout that the call is part of."""
    arm: Arm | None = None
