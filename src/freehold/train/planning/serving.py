"""A plan for serving a model: tokens a second and money, beside what the memory's bandwidth allows."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.train.planning.architecture import Architecture
from freehold.train.planning.chip import Chip, Precision
from freehold.train.planning.constants import ALL_REDUCE_SECONDS, EXPERTS, KERNELS, NETWORK_SECONDS, READING
from freehold.train.planning.memory import usable

Weights = Literal["bf16", "fp8", "q8_0", "q5_k_m", "q4_k_m", "q4_0", "int4"]
BITS: dict[Weights, float] = {
    "bf16": 16,
    "fp8": 8,
    "q8_0": 8.5,
    "q5_k_m": 5.7,
    "q4_k_m": 4.85,
    "q4_0": 4.5,
    "int4": 4.25,
}
"""Bits of a weight, with the scales that belong to it."""
KEPT_BYTES = 2
"""Of each number that is kept of a token."""
_MOST_AT_ONCE = 1024
"""Requests at once where none are told; more wait."""


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served with what."""

    model: Architecture
    chip: Chip
    count: int = 1
    """Devices that hold the model together."""
    weights: Weights = "bf16"
    batch: int | None = None
    """Answers that are written at once; None: as many as there is room for, up to 1,024."""
    prompt: int = 1000
    """Tokens of a question."""
    answer: int = 500
    """Tokens of an answer."""
    price: float | None = None
    """Dollars an hour of one device; None: the chip's, where one is known."""


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of it."""

    model: Architecture
    parameters: int
    active: int
    chip: Chip
    count: int
    weights: Weights
    batch: int
    most: int
    """Answers at once for which there is room."""
    prompt: int
    answer: int
    weight_bytes: float
    kept_bytes: float
    """Of one request at its end."""
    memory: float
    """Bytes that may be filled on all devices."""
    limit: float
    """Tokens a second of all answers, if reading were all and reached the stated bandwidth."""
    decode: float
    """Tokens a second of all answers that are to be expected."""
    stream: float
    """Tokens a second of one answer."""
    bound: Literal["reading", "computing", "waiting"]
    """What most of a step goes to: reading weights and kept tokens, computing, or waiting for other devices."""
    prefill: float
    """Tokens a second of questions that are to be expected."""
    first: float
    """Seconds to the first token of one question, where nobody else is served."""
    price: float | None
    priced: str | None
    per_million_in: float | None
    """Dollars for a million tokens of questions; unknown: None."""
    per_million_out: float | None
    """Dollars for a million tokens of answers; unknown: None."""
    notes: list[str]


def serve(wanted: Served) -> Serving:
    """The plan. Raises BadRequest where the model does not fit, and says how many devices would do."""
    _check(wanted)
    model, chip = wanted.model, wanted.chip
    weights = model.parameters * BITS[wanted.weights] / 8
    kept = model.kept_per_token * KEPT_BYTES * (wanted.prompt + wanted.answer)
    room = wanted.count * usable(chip)
    most = int((room - weights) // kept) if room > weights else 0
    if most < 1:
        raise _no_room(wanted, weights, kept, room)
    batch = wanted.batch or min(most, _MOST_AT_ONCE)
    if batch > most:
        raise BadRequest(
            f"For {batch:,} answers at once there is no room: {most:,} fit.",
            hint="Take a smaller `--batch`, a shorter `--prompt`, coarser `--weights` or more devices.",
        )
    length = wanted.prompt + wanted.answer / 2
    read = (_touched(model, batch) * BITS[wanted.weights] / 8) + batch * length * (
        model.kept_per_token * KEPT_BYTES
    )
    limit = read / (wanted.count * chip.bandwidth * 1e9)
    parts = {
        "reading": limit / READING,
        "computing": batch * _seconds(wanted, model.answering_flops(int(length))),
        "waiting": _waiting(wanted),
    }
    step = sum(parts.values())  # within a layer they take turns: measured, they add up
    prefill = 1 / _seconds(wanted, model.attention_flops(wanted.prompt))
    rate, priced = (chip.price, chip.priced) if wanted.price is None else (wanted.price, "as told")
    hourly = None if rate is None else rate * wanted.count
    return Serving(
        model=model,
        parameters=model.parameters,
        active=model.active,
        chip=chip,
        count=wanted.count,
        weights=wanted.weights,
        batch=batch,
        most=most,
        prompt=wanted.prompt,
        answer=wanted.answer,
        weight_bytes=weights,
        kept_bytes=kept,
        memory=room,
        limit=batch / limit,
        decode=batch / step,
        stream=1 / step,
        bound=max(parts, key=lambda name: parts[name]),  # type: ignore[arg-type] # one of its keys
        prefill=prefill,
        first=wanted.prompt / prefill + step,
        price=rate,
        priced=priced,
        per_million_in=None if hourly is None else hourly / 3600 / prefill * 1e6,
        per_million_out=None if hourly is None else hourly / 3600 / (batch / step) * 1e6,
        notes=_notes(wanted),
    )


def _touched(model: Architecture, batch: int) -> float:
    """Parameters that a step over so many tokens reads: of the experts, those that any of them is sent to."""
    looked_up = 0 if model.tied else model.vocabulary * model.width
    always = model.dense_parameters - looked_up
    if model.experts is None:
        return always
    missed = (1 - model.experts.active / model.experts.count) ** batch
    return always + model.expert_layers * model.experts.count * model.expert_parameters * (1 - missed)


def _seconds(wanted: Served, looking: float) -> float:
    """Of computing one token on all devices together; `looking`: FLOPs of looking at those before it."""
    model, chip = wanted.model, wanted.chip
    precision: Precision = "fp8" if wanted.weights == "fp8" and chip.fp8 else "bf16"
    rate = chip.attainable(precision) * KERNELS * wanted.count
    dense = 2.0 * (model.worked - model.routed_active) / rate
    routed = 2.0 * model.routed_active / (rate * EXPERTS)
    attention = looking / (chip.attainable("bf16") * KERNELS * wanted.count)
    return dense + routed + attention


def _waiting(wanted: Served) -> float:
    if wanted.count == 1:
        return 0.0
    each = ALL_REDUCE_SECONDS if wanted.count <= wanted.chip.domain else NETWORK_SECONDS
    return 2 * wanted.model.layers * each


def _check(wanted: Served) -> None:
    for name, value, most in (
        ("count", wanted.count, 100_000),
        ("batch", 1 if wanted.batch is None else wanted.batch, 10**7),
        ("prompt", wanted.prompt, 10**8),
        ("answer", wanted.answer, 10**8),
    ):
        if not 1 <= value <= most:
            raise BadRequest(
                f"`--{name} {value}` is none that could be planned with.", hint=f"From 1 to {most:,}."
            )
    if wanted.weights == "fp8":
        wanted.chip.peak("fp8")


def _no_room(wanted: Served, weights: float, kept: float, room: float) -> BadRequest:
    each = usable(wanted.chip)
    enough = -(-(weights + kept) // each) if each > 0 else 0
    hint = (
        f"{int(enough):,} of them would do, or coarser `--weights`."
        if enough
        else "Take a chip with more memory."
    )
    return BadRequest(
        f"`{wanted.model.name}` in {wanted.weights} does not fit on {wanted.count:,} x `{wanted.chip.name}`: "
        f"{weights / 1e9:,.1f} GB of weights and {kept / 1e9:,.2f} GB of one request, where {room / 1e9:,.1f} GB can "
        "be used.",
        hint=hint,
    )


def _notes(wanted: Served) -> list[str]:
    notes = []
    if wanted.model.name == "made up":
        notes.append("The architecture was made up from the number of parameters; a preset is exact.")
    if wanted.count > wanted.chip.domain:
        notes.append(
            f"More than {wanted.chip.domain} devices lie in several domains: their layers wait for the network."
        )
    return notes
