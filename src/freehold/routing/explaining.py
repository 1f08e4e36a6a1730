"""Decisions in words."""

from __future__ import annotations

from freehold.core.decision import Decision


def in_one_line(decision: Decision) -> str:
    """`weighted chose openai/gpt-4o-mini (drawn)`, and which rollout it is part of."""
    of = "" if decision.rollout is None else f", {decision.rollout}"
    arm = "" if decision.arm is None else f", {decision.arm}"
    return f"{decision.policy} chose {decision.chosen} ({decision.reason}){of}{arm}"
