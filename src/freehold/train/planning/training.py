"""A plan for making a model: FLOPs, memory, layout, days, energy, money and failures."""

from __future__ import annotations

import math

import msgspec

from freehold.core.errors import BadRequest
from freehold.train.planning.architecture import Architecture
from freehold.train.planning.bill import Bill, bill_of
from freehold.train.planning.chip import Chip, Precision
from freehold.train.planning.constants import (
    DEVICE_HOURS_PER_FAILURE,
    PUE,
    RESTART_SECONDS,
    STORAGE,
    STORAGE_PER_DEVICE,
)
from freehold.train.planning.failures import Failures, failures_of
from freehold.train.planning.layout import Layout
from freehold.train.planning.memory import GRADIENT, STATE, WEIGHT, usable
from freehold.train.planning.remarks import notes, why
from freehold.train.planning.search import Candidate, Order, anything_fits, candidates, families, judge
from freehold.train.planning.work import Work, six_n_d, work_of

_MOST_DEVICES = 10_000_000
_MOST_CONTEXT = 100_000_000
_SHOWN = 8


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan is for."""

    model: Architecture
    tokens: int
    chip: Chip
    count: int
    context: int = 8192
    batch: int | None = None
    """Tokens of a step; None: what models of its size were made with."""
    precision: Precision = "bf16"
    layout: Layout | None = None
    """None: the fastest that fits."""
    price: float | None = None
    """Dollars an hour of one device; None: the chip's, where one is known."""
    pue: float = PUE
    device_hours: float = DEVICE_HOURS_PER_FAILURE
    """Hours of one device to its failure."""
    restart: float = RESTART_SECONDS


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes."""

    model: Architecture
    parameters: int
    active: int
    chip: Chip
    count: int
    tokens: int
    context: int
    batch: int
    precision: Precision
    work: Work
    """FLOPs a token."""
    flops: float
    """All of them."""
    six_n_d: float
    """The same as reports print it."""
    usable_memory: float
    """Bytes of a device that may be filled."""
    chosen: Candidate
    why: str
    others: list[Candidate]
    mfu: float
    """FLOPs that the model needs, over those that all devices could do at the stated bf16 peak, in a step."""
    steps: int
    failures: Failures
    days: float
    """With failures."""
    device_hours: float
    bill: Bill
    notes: list[str]


def plan_of(wanted: Wanted) -> Plan:
    """The plan. Raises BadRequest where it cannot be done, and says what would do."""
    _check(wanted)
    model, chip = wanted.model, wanted.chip
    batch = wanted.batch or usual_batch(model, wanted.context)
    order = _order(wanted, wanted.count, batch)
    judged = candidates(order)
    if wanted.layout is not None:
        chosen = judge(order, wanted.layout)
    elif judged and judged[0].fits:
        chosen = judged[0]
    else:
        raise _too_small(wanted, batch, judged)
    work = work_of(model, wanted.context)
    steps = max(1, -(-wanted.tokens // batch))
    written = (WEIGHT + STATE) * model.parameters / min(STORAGE, STORAGE_PER_DEVICE * wanted.count)
    failures = failures_of(
        devices=wanted.count,
        device_hours=wanted.device_hours,
        checkpoint=written,
        restart=wanted.restart,
    )
    seconds = wanted.tokens / batch * chosen.seconds / failures.goodput
    hours = seconds / 3600 * wanted.count
    return Plan(
        model=model,
        parameters=model.parameters,
        active=model.active,
        chip=chip,
        count=wanted.count,
        tokens=wanted.tokens,
        context=wanted.context,
        batch=batch,
        precision=wanted.precision,
        work=work,
        flops=work.total * wanted.tokens,
        six_n_d=six_n_d(model, wanted.tokens),
        usable_memory=usable(chip),
        chosen=chosen,
        why=why(chosen, judged, given=wanted.layout is not None),
        others=[one for one in families(judged) if one.layout != chosen.layout][:_SHOWN],
        mfu=work.total * batch / (chosen.seconds * wanted.count * chip.peak("bf16")),
        steps=steps,
        failures=failures,
        days=seconds / 86_400,
        device_hours=hours,
        bill=bill_of(chip, hours, price=wanted.price, pue=wanted.pue),
        notes=notes(order, chosen),
    )


def usual_batch(model: Architecture, context: int) -> int:
    """Tokens of a step as models of this size were made with: 4M at 8B (Llama 2), 16M at 405B (Llama 3), in powers of
    two of sequences. Those with experts go by all their parameters: DeepSeek took even more, 63M at 671B.
    """
    sequences = 4.2e6 * (model.parameters / 8e9) ** 0.35 / context
    return int(context * 2 ** max(0, round(math.log2(max(1.0, sequences)))))


def _check(wanted: Wanted) -> None:
    if not 1 <= wanted.count <= _MOST_DEVICES:
        raise BadRequest(
            f"{wanted.count:,} devices are none that could be planned with.",
            hint=f"From 1 to {_MOST_DEVICES:,}.",
        )
    if wanted.context > _MOST_CONTEXT:
        raise BadRequest(
            f"Sequences of {wanted.context:,} tokens are none that could be planned with.",
            hint=f"Up to {_MOST_CONTEXT:,}.",
        )
    if wanted.batch is not None and wanted.batch < wanted.context:
        raise BadRequest(
            f"A step of {wanted.batch:,} tokens is shorter than one sequence of {wanted.context:,}.",
            hint="Take a larger `--batch`, or a shorter `--context`.",
        )
    if wanted.layout is not None and wanted.layout.devices > wanted.count:
        raise BadRequest(
            f"That layout takes {wanted.layout.devices:,} devices, and there are {wanted.count:,}.",
            hint="The product of DP, TP, CP and PP has to be at most `--count`.",
        )
    wanted.chip.peak(wanted.precision)


def _too_small(wanted: Wanted, batch: int, judged: list[Candidate]) -> BadRequest:
    """Nothing fits: what would."""
    model, chip = wanted.model, wanted.chip
    states = (WEIGHT + GRADIENT + STATE) * model.parameters
    room = usable(chip)
    least = judged[0].memory.total if judged else states
    enough = _count_that_fits(wanted, batch) if room > 0 else None
    hint = (
        f"{enough:,} of them would do."
        if enough
        else "No number of them would do: take a chip with more memory, or a shorter `--context`."
    )
    return BadRequest(
        f"{model.parameters:,} parameters do not fit on {wanted.count:,} x `{chip.name}`: weights, gradients and the "
        f"optimizer's state are {states / 1e9:,.0f} GB; the layout that holds least needs {least / 1e9:,.1f} GB on "
        f"each device, of which {room / 1e9:,.1f} GB can be used.",
        hint=hint,
    )


def _count_that_fits(wanted: Wanted, batch: int) -> int | None:
    """The smallest power of two of devices on which some layout fits."""
    count = 1 << max(0, wanted.count - 1).bit_length()
    while count <= _MOST_DEVICES:
        if anything_fits(_order(wanted, count, batch)):
            return count
        count *= 2
    return None


def _order(wanted: Wanted, count: int, batch: int) -> Order:
    return Order(
        model=wanted.model,
        chip=wanted.chip,
        count=count,
        batch=batch,
        context=wanted.context,
        precision=wanted.precision,
    )
