"""Plans at the terminal, and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.cli.output import Column, Listing, fold, plain, write, write_json
from freehold.core.figures import UNKNOWN
from freehold.train.planning.quantity import show_quantity

if TYPE_CHECKING:
    from freehold.train.planning.bill import Bill
    from freehold.train.planning.reasoning import Teaching
    from freehold.train.planning.search import Candidate
    from freehold.train.planning.serving import Serving
    from freehold.train.planning.training import Plan

_STEP = {
    "computing": "computing",
    "memory_traffic": "reading and writing activations",
    "tensor": "waiting within layers (TP)",
    "experts": "waiting for experts (EP)",
    "sequences": "waiting for parts of sequences (CP)",
    "bubble": "idle in the pipeline (PP)",
    "replicas": "waiting for gradients and weights (DP)",
    "optimizer": "the optimizer",
}
"""The parts of a step, in words."""


def training(plan: Plan, *, as_json: bool) -> None:
    """A plan for making a model."""
    if as_json:
        write_json(plan)
        return
    active = f", {show_quantity(plan.active)} active" if plan.active != plan.parameters else ""
    layout, step = plan.chosen.layout, plan.chosen.step
    _facts(
        f"{plan.model.name}: {show_quantity(plan.parameters)} parameters{active}, {show_quantity(plan.tokens)} tokens, "
        f"on {plan.count:,} x {plan.chip.title}",
        [
            ("time", f"{plan.days:,.1f} days, {show_quantity(plan.device_hours)} device-hours"),
            *_bill(plan.bill),
            ("work", f"{plan.flops:.3g} FLOPs ({plan.six_n_d:.3g} as 6ND, without attention)"),
            (
                "layout",
                f"{layout.show()}; {layout.micro} x {plan.context:,} tokens at once, {_again(layout.recompute)}",
            ),
            ("why", plan.why),
            (
                "step",
                f"{step.seconds:,.2f} s for {show_quantity(plan.batch)} tokens, {plan.steps:,} of them; "
                f"{plan.mfu:.1%} of the stated bf16 peak (MFU)",
            ),
            ("memory", _memory(plan.chosen, plan.usable_memory)),
            (
                "failures",
                f"one every {_span(plan.failures.between)}; a checkpoint every {_span(plan.failures.every)} takes "
                f"{_span(plan.failures.checkpoint)}; the run gets on {plan.failures.goodput:.1%} of its time",
            ),
        ],
    )
    _parts(plan.chosen)
    if plan.others:
        write("\n")
        _layouts([plan.chosen, *plan.others])
    _notes(plan.notes)


def serving(found: Serving, *, as_json: bool) -> None:
    """A plan for serving one."""
    if as_json:
        write_json(found)
        return
    _facts(
        f"{found.model.name}: {show_quantity(found.parameters)} parameters in {found.weights}, on {found.count:,} x "
        f"{found.chip.title}",
        [
            (
                "answers",
                f"{found.decode:,.0f} tokens a second of {found.batch:,} at once, {found.stream:,.1f} of each; most of "
                f"a step is {found.bound}",
            ),
            (
                "limit",
                f"{found.limit:,.0f} tokens a second, if memory were read at its stated "
                f"{found.chip.bandwidth:,.0f} GB/s and nothing else took time",
            ),
            (
                "questions",
                f"{found.prefill:,.0f} tokens a second; the first token of {found.prompt:,} after {_span(found.first)}",
            ),
            (
                "memory",
                f"{_bytes(found.weight_bytes)} of weights, {_bytes(found.kept_bytes)} for each request, of "
                f"{_bytes(found.memory)}: {found.most:,} at once fit",
            ),
            (
                "money",
                f"{_dollars(found.per_million_out)} for a million tokens of answers, "
                f"{_dollars(found.per_million_in)} of questions; {_price(found.price, found.priced)}",
            ),
        ],
    )
    _notes(found.notes)


def teaching(found: Teaching, *, as_json: bool) -> None:
    """A plan for teaching one to reason."""
    if as_json:
        write_json(found)
        return
    lessons = found.lessons
    _facts(
        f"{lessons.model.name}: {lessons.steps:,} steps of {lessons.questions} questions with {lessons.samples} "
        f"answers each, on {lessons.count:,} x {lessons.chip.title}",
        [
            ("time", f"{found.hours:,.1f} hours, {show_quantity(found.device_hours)} device-hours"),
            *_bill(found.bill),
            (
                "writing",
                f"{found.writing:,.1f} hours, of which {found.waited:,.1f} wait for the longest answers; "
                f"{show_quantity(found.answers)} answers, {show_quantity(found.tokens)} tokens",
            ),
            ("learning", f"{found.learning:,.1f} hours"),
        ],
    )
    _notes(found.notes)


def chips(*, as_json: bool) -> None:
    """The chips that are known."""
    from freehold.train.planning.chip import chips as known  # noqa: PLC0415

    if as_json:
        for one in known().values():
            write_json(one)
        return
    columns = [
        Column("NAME"),
        Column("BF16", right=True),
        Column("FP8", right=True),
        Column("MEMORY", right=True),
        Column("BANDWIDTH", right=True),
        Column("LINK", right=True),
        Column("POWER", right=True),
        Column("PRICE", right=True),
        Column("FROM", width=60, rank=1),
    ]
    Listing(columns).write(
        (
            one.name,
            f"{one.bf16:,g} TFLOPS",
            "-" if one.fp8 is None else f"{one.fp8:,g}",
            f"{one.memory:,g} GB",
            f"{one.bandwidth:,g} GB/s",
            f"{one.link:,g} GB/s",
            UNKNOWN if one.power is None else f"{one.power:,g} W",
            UNKNOWN if one.price is None else f"${one.price:.2f}/h",
            one.source,
        )
        for one in known().values()
    )


def published(*, as_json: bool) -> None:
    """What was published, and what the planner says."""
    from freehold.train.planning.published import compared  # noqa: PLC0415

    found = list(compared())
    if as_json:
        for one in found:
            write_json({"run": one.run, "what": one.what, "published": one.published, "planned": one.planned})
        return
    columns = [
        Column("RUN"),
        Column("WHAT"),
        Column("PUBLISHED", right=True),
        Column("PLANNED", right=True),
        Column("OFF", right=True),
        Column("USED"),
        Column("FROM", width=60, rank=1),
    ]
    Listing(columns).write(
        (
            one.run.name,
            one.what,
            _figure(one.what, one.published),
            _figure(one.what, one.planned),
            f"{one.off:+.1%}",
            f"sets {one.run.calibrates}" if one.run.calibrates else "tests" if one.near else "tests: missed",
            one.run.source,
        )
        for one in found
    )


def _facts(title: str, facts: list[tuple[str, str]]) -> None:
    write(fold(plain(title)) + "\n")
    for name, text in facts:
        write(f"  {name:<10}{fold(plain(text), indent=12)}\n")


def _parts(chosen: Candidate) -> None:
    step = chosen.step
    parts = [(getattr(step, name), words) for name, words in _STEP.items()]
    shares = [
        f"{seconds / step.seconds:.0%} {words}" for seconds, words in parts if seconds / step.seconds >= 0.005
    ]
    write(f"  {'of a step':<10}{fold(', '.join(shares), indent=12)}\n")


def _layouts(shown: list[Candidate]) -> None:
    columns = [
        Column("LAYOUT"),
        Column("AT ONCE", right=True),
        Column("AGAIN"),
        Column("MEMORY", right=True),
        Column("STEP", right=True),
        Column("FITS"),
    ]
    Listing(columns).write(
        (
            one.layout.show(),
            str(one.layout.micro),
            one.layout.recompute,
            _bytes(one.memory.total),
            f"{one.seconds:,.2f} s",
            "yes" if one.fits else "no",
        )
        for one in shown
    )


def _notes(notes: list[str]) -> None:
    for note in notes:
        write(fold(plain(f"note: {note}"), indent=6) + "\n")


def _bill(bill: Bill) -> list[tuple[str, str]]:
    energy = (
        "unknown: its maker states no power"
        if bill.site_mwh is None or bill.chips_mwh is None
        else f"{_energy(bill.site_mwh)} MWh, of which the chips {_energy(bill.chips_mwh)}"
    )
    return [("money", f"{_dollars(bill.dollars)}; {_price(bill.price, bill.priced)}"), ("energy", energy)]


def _energy(mwh: float) -> str:
    return f"{mwh:,.0f}" if mwh >= 1_000 else f"{mwh:.4g}"


def _price(price: float | None, priced: str | None) -> str:
    if price is None:
        return "no price is known: tell `--price`"
    return f"${price:,.2f} an hour ({priced})"


def _dollars(amount: float | None) -> str:
    if amount is None:
        return UNKNOWN
    if amount >= 1000:
        return f"${show_quantity(amount)}"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.3g}"


def _memory(chosen: Candidate, room: float) -> str:
    held = chosen.memory
    return (
        f"{_bytes(held.total)} of {_bytes(room)} on the fullest device: weights {_bytes(held.weights)}, gradients "
        f"{_bytes(held.gradients)}, optimizer {_bytes(held.optimizer)}, activations {_bytes(held.activations)}"
    )


def _again(recompute: str) -> str:
    return {
        "none": "activations kept",
        "light": "cheap activations made again",
        "full": "activations made again",
    }[recompute]


def _bytes(size: float) -> str:
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size / 1e3:,.1f} kB"


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0), ("s", 1.0)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds * 1000:,.1f} ms"


def _figure(what: str, value: float) -> str:
    if what == "MFU":
        return f"{value:.1%}"
    return f"{value:.3g}" if what == "FLOPs" else show_quantity(value)
