"""The chips that are known, with what their makers state and what was measured."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean

Precision = Literal["bf16", "fp8"]
ATTAINABLE = 0.75
"""The share of a stated peak that the best matrix product reaches where nobody published a measurement. Those measured
lie from 0.51 (MI300X) to 0.87 (A100); NVIDIA's newer ones from 0.71 to 0.80.
"""


class Chip(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One accelerator. The units are those of `chips.toml`."""

    name: str
    title: str
    bf16: float
    fp8: float | None = None
    measured_bf16: float | None = None
    measured_fp8: float | None = None
    memory: float
    bandwidth: float
    link: float
    domain: int
    network: float
    power: float | None = None
    price: float | None = None
    priced: str | None = None
    source: str

    def peak(self, precision: Precision) -> float:
        """FLOPS that its maker states. Raises BadRequest where it has no such arithmetic."""
        stated = self.bf16 if precision == "bf16" else self.fp8
        if stated is None:
            raise BadRequest(f"`{self.name}` has no {precision} arithmetic.", hint="Take `--precision bf16`.")
        return stated * 1e12

    def attainable(self, precision: Precision) -> float:
        """FLOPS of the best matrix product."""
        measured = self.measured_bf16 if precision == "bf16" else self.measured_fp8
        return ATTAINABLE * self.peak(precision) if measured is None else measured * 1e12


@cache
def chips() -> dict[str, Chip]:
    """All of them, by name."""
    table = tomllib.loads(Path(__file__).with_name("chips.toml").read_text(encoding="utf-8"))
    return {name: msgspec.convert({"name": name, **facts}, Chip) for name, facts in table.items()}


def chip_of(name: str) -> Chip:
    """The one called so. Raises BadRequest."""
    known = chips()
    if name.lower() not in known:
        raise BadRequest(
            f"`{name[:50]}` is no chip that is known here.",
            hint=did_you_mean(name, known) or "`--gpu ?` lists them.",
        )
    return known[name.lower()]
