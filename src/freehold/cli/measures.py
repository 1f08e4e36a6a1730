"""Options that are numbers, written as people write such numbers elsewhere: `5%`, `30s`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from typer._click.types import FloatRange

from freehold.config.values import UnfitError, read_seconds

if TYPE_CHECKING:
    from typer._click.core import Context, Parameter


class Share(FloatRange):
    """A share, or percents: `0.05`, `5%`."""

    def convert(self, value: object, param: Parameter | None, ctx: Context | None) -> float:
        """The share. A percent is exact: `99.9%` is 0.999."""
        if isinstance(value, str) and value.strip().endswith("%"):
            try:
                share = Decimal(value.strip()[:-1]) / 100
            except InvalidOperation:
                share = Decimal("NaN")
            if not share.is_finite():
                self.fail(f"{value!r} is no share: write it as `5%`, or as `0.05`.", param, ctx)
            value = float(share)
        return float(super().convert(value, param, ctx))


class Seconds(FloatRange):
    """A span of time as the configuration has them, or a number of seconds: `30s`, `250ms`, `30`."""

    def convert(self, value: object, param: Parameter | None, ctx: Context | None) -> float:
        """The seconds."""
        if isinstance(value, str) and value.strip()[-1:].isalpha():
            try:
                value = read_seconds(value)
            except UnfitError as error:
                self.fail(f"{value!r} is not {error}.", param, ctx)
        return float(super().convert(value, param, ctx))
