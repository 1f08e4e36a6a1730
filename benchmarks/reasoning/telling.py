"""What was found, as a table in Markdown."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.reasoning.learning import Found

_ROWS: tuple[tuple[str, Callable[[Found], str]], ...] = (
    ("right before, likeliest words", lambda one: f"{one.base.skill.greedy:.3f}"),
    ("**right after, likeliest words**", lambda one: f"**{one.with_thought.skill.greedy:.3f}**"),
    ("right before, words drawn", lambda one: f"{one.base.skill.sampled:.3f}"),
    ("right after, words drawn", lambda one: f"{one.with_thought.skill.sampled:.3f}"),
    ("thinks before, words drawn", lambda one: f"{one.base.skill.thinks:.3f}"),
    ("thinks after, words drawn", lambda one: f"{one.with_thought.skill.thinks:.3f}"),
    ("right when made to think, before", lambda one: f"{one.base.skill.right_thinking:.3f}"),
    ("right when made to think, after", lambda one: f"{one.with_thought.skill.right_thinking:.3f}"),
    ("right when made to answer at once, before", lambda one: f"{one.base.skill.right_at_once:.3f}"),
    ("learned without thoughts", lambda one: f"{one.without_thought.skill.greedy:.3f}"),
    ("learned without thoughts, most frequent of N answers", lambda one: f"{one.vote:.3f} (N = {one.votes})"),
    ("tokens of an answer, with its thought", lambda one: f"{one.with_thought.skill.tokens:.1f}"),
    ("steps that the base read", lambda one: f"{one.base.steps}"),
    (
        "steps of learning, with thoughts and without",
        lambda one: f"{one.with_thought.steps}, {one.without_thought.steps}",
    ),
    (
        "tokens of learning, with thoughts and without",
        lambda one: f"{one.with_thought.tokens:,}, {one.without_thought.tokens:,}",
    ),
    (
        "seconds of learning, with thoughts and without",
        lambda one: f"{one.with_thought.seconds:.0f}, {one.without_thought.seconds:.0f}",
    ),
    (
        "of the processor, with thoughts and without",
        lambda one: f"{one.with_thought.processor_seconds:.0f}, {one.without_thought.processor_seconds:.0f}",
    ),
)


def table_of(found: list[Found]) -> str:
    """A column for each seed."""
    lines = [
        "| | " + " | ".join(f"seed {one.seed}" for one in found) + " |",
        "|---|" + "---|" * len(found),
        *(f"| {name} | " + " | ".join(tell(one) for one in found) + " |" for name, tell in _ROWS),
    ]
    return "\n".join(lines)
