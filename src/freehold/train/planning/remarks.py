"""What somebody who decides has to know of a plan, in sentences."""

from __future__ import annotations

from freehold.train.planning.chip import ATTAINABLE
from freehold.train.planning.memory import usable
from freehold.train.planning.search import Candidate, Order


def why(chosen: Candidate, judged: list[Candidate], *, given: bool) -> str:
    """Why this layout and no other."""
    if given:
        fit = f"It was asked for, and {'fits' if chosen.fits else 'does not fit'}."
        best = judged[0] if judged and judged[0].fits else None
        if best is None or best.seconds > chosen.seconds * 0.999:
            return fit
        return f"{fit} {best.layout.show()} would take {best.seconds / chosen.seconds:.0%} of its time."
    fitting = sum(one.fits for one in judged)
    waiting = chosen.seconds - chosen.step.computing
    return (
        f"The fastest of {fitting:,} layouts that fit, of {len(judged):,} tried: "
        f"{waiting / chosen.seconds:.0%} of a step goes to anything but computing."
    )


def notes(order: Order, chosen: Candidate) -> list[str]:
    """What is peculiar about it."""
    found = []
    idle = order.count - chosen.layout.devices
    if idle:
        found.append(
            f"{idle:,} of {order.count:,} devices have nothing to do: a step of {order.batch:,} tokens is "
            f"{order.batch // order.context:,} sequences, and no layout that uses all devices is faster."
        )
    if not chosen.fits:
        found.append(
            f"It does not fit: {chosen.memory.total / 1e9:,.1f} GB on a device of which "
            f"{usable(order.chip) / 1e9:,.1f} GB can be used."
        )
    if order.model.name == "made up":
        found.append("The architecture was made up from the number of parameters; a `--preset` is exact.")
    measured = order.chip.measured_bf16 if order.precision == "bf16" else order.chip.measured_fp8
    if measured is None:
        found.append(
            f"Nobody's measurement of `{order.chip.name}` in {order.precision} is known here: "
            f"{ATTAINABLE:.0%} of its stated peak is taken for what it can reach."
        )
    return found
