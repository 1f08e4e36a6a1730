"""The other table of `docs/planning.md`: tokens a second that were measured, and what the planner says of them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from freehold.train.planning.architecture import preset
from freehold.train.planning.chip import chip_of
from freehold.train.planning.constants import KERNELS
from freehold.train.planning.serving import Served, Weights, serve

_PROMPT, _ANSWER = 567, 128
_HERE: tuple[tuple[Weights, float, float, float], ...] = (
    ("bf16", 410, 100, 197),
    ("q8_0", 510, 135, 254),
    ("q4_k_m", 435, 136, 226),
    ("q4_0", 769, 182, 418),
)
"""Of the embedded model on two processors: tokens a second of a question, of one answer, and of eight at once. Quiet
machine, best of its rounds; llama.cpp through xllamacpp, 2026-11-22.
"""


class Measured(msgspec.Struct, frozen=True):
    """One figure that was measured, and the planner's."""

    what: str
    source: str
    measured: float
    planned: float
    limit: float
    """What the memory's stated bandwidth allows."""


def measured() -> Iterator[Measured]:
    """All of them."""
    yield from _here()
    deepseek = serve(
        Served(
            model=preset("deepseek-v3"),
            chip=chip_of("h800"),
            count=144,
            weights="fp8",
            batch=12_700,
            prompt=4_989,
            answer=1,
        )
    )
    service = "https://github.com/deepseek-ai/open-infra-index"
    answers = "DeepSeek-V3 on H800, answers, of one GPU"
    yield Measured(answers, service, 14_800 / 8, deepseek.decode / 144, deepseek.limit / 144)
    questions = "DeepSeek-V3 on H800, questions that no cache knew, of one GPU"
    yield Measured(questions, service, 73_700 / 8 * (1 - 0.563), deepseek.prefill / 144, deepseek.limit / 144)
    nvidia = "https://github.com/NVIDIA/TensorRT-LLM/blob/release/0.5.0/docs/source/performance.md"
    for model, count, prompt, answer, told in (
        ("llama-1-7b", 1, 128, 128, 9_193),
        ("llama-2-70b", 4, 128, 128, 3_317),
        ("llama-2-70b", 4, 2_048, 128, 843),
        ("llama-2-70b", 4, 2_048, 2_048, 1_583),
    ):
        plan = serve(
            Served(
                model=preset(model),
                chip=chip_of("h100"),
                count=count,
                weights="fp8",
                batch=64,
                prompt=prompt,
                answer=answer,
            )
        )
        seconds = prompt / plan.prefill + answer / plan.decode
        what = f"{model} on {count} x H100, 64 x {prompt:,} tokens read and {answer:,} written"
        yield Measured(what, nvidia, told, answer / seconds, plan.limit)


def _here() -> Iterator[Measured]:
    """The arithmetic of these processors is what llama.cpp's kernels reach, which reading a question shows."""
    model = preset("smollm2-135m")
    for weights, prefill, one, eight in _HERE:
        flops = prefill * (2.0 * model.worked + model.attention_flops(_PROMPT)) / KERNELS / 1e12
        chip = msgspec.structs.replace(chip_of("this-cpu"), bf16=flops, measured_bf16=flops)
        for batch, told in ((1, one), (8, eight)):
            plan = serve(
                Served(model=model, chip=chip, weights=weights, batch=batch, prompt=_PROMPT, answer=_ANSWER)
            )
            what = f"smollm2-135m {weights}, two processors, {batch} at once"
            yield Measured(what, "local-models.md", told, plan.decode, plan.limit)


def table() -> str:
    """Markdown: a line for each figure."""
    lines = [
        "| what | tokens a second | planned | off | limit of the bandwidth |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for one in measured():
        off = one.planned / one.measured - 1
        lines.append(
            f"| [{one.what}]({one.source}) | {one.measured:,.0f} | {one.planned:,.0f} | {off:+.0%} | {one.limit:,.0f} |"
        )
    return "\n".join(lines) + "\n"
