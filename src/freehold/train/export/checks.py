"""What can be said of a file without asking it anything, and of how it reads text. Values in, findings out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from freehold.train.export.proof import Finding, Tensors

_FEW = 3
"""Differences that are shown."""
_LONGEST = 120


class Reading(msgspec.Struct, frozen=True):
    """A text, and what it is in ids of tokens to both."""

    text: str
    trained: tuple[int, ...]
    served: tuple[int, ...]


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A tokenizer: its tokens by id, and which of them mean something."""

    tokens: tuple[str, ...]
    special: frozenset[int]
    """Those that no text is turned into, unless it spells them out."""
    begin: int | None
    end: int | None
    begins_by_itself: bool
    """Whether the first of all tokens is added to each text."""


def check_template(trained: str | None, exported: str | None) -> Finding:
    """Whether the chat template is the same, byte for byte."""
    check = "chat-template"
    if trained is None:
        return Finding(
            check=check,
            holds=False,
            told="The trained model has no chat template, so nobody can chat with it.",
        )
    if exported is None:
        return Finding(check=check, holds=False, told="The file has no chat template.")
    if trained.encode() == exported.encode():
        return Finding(
            check=check,
            holds=True,
            told=f"The chat template is the same, byte for byte ({len(trained.encode())} bytes).",
        )
    return Finding(
        check=check,
        holds=False,
        told="The chat template is not the one that the model was trained with.",
        evidence=tuple(_first_difference(trained, exported)),
    )


def check_vocabulary(trained: Tokens, exported: Tokens) -> Finding:
    """Whether each id stands for the same token, and the same ones mean something."""
    check = "vocabulary"
    different = [
        f"id {place}: {_shown(ours)} in training, {_shown(theirs)} in the file"
        for place, (ours, theirs) in enumerate(zip(trained.tokens, exported.tokens, strict=False))
        if ours != theirs
    ]
    if len(trained.tokens) != len(exported.tokens):
        different.insert(0, f"{len(trained.tokens)} tokens in training, {len(exported.tokens)} in the file")
    if different:
        told = "The tokenizer is another one than the model was trained with."
        return Finding(check=check, holds=False, told=told, evidence=tuple(different[:_FEW]))
    unlike = sorted(trained.special ^ exported.special)
    if unlike:
        told = "Tokens have a meaning of their own in training and not in the file, or the other way round."
        shown = tuple(f"id {one}: {_shown(trained.tokens[one])}" for one in unlike[:_FEW])
        return Finding(check=check, holds=False, told=told, evidence=shown)
    return Finding(check=check, holds=True, told=f"All {len(trained.tokens)} tokens are the same.")


def check_marks(trained: Tokens, exported: Tokens, template_end: int | None) -> Finding:
    """Whether texts begin and answers end by the same tokens. `template_end`: what the template ends an answer with."""
    check = "marks"
    wrong = []
    for what, ours, theirs in (("begin", trained.begin, exported.begin), ("end", trained.end, exported.end)):
        if ours != theirs:
            wrong.append(
                f"the token of the {what} is {_id(ours, trained)} in training, {_id(theirs, exported)} in the file"
            )
    if trained.begins_by_itself != exported.begins_by_itself:
        wrong.append(
            "the token of the beginning is added to each text in "
            + ("training alone" if trained.begins_by_itself else "the file alone")
        )
    if template_end is not None and exported.end is not None and template_end != exported.end:
        wrong.append(
            f"the chat template ends an answer with {_id(template_end, trained)}, "
            f"the file with {_id(exported.end, exported)}"
        )
    if wrong:
        told = "Answers would not begin or end as they were trained to."
        return Finding(check=check, holds=False, told=told, evidence=tuple(wrong[:_FEW]))
    return Finding(
        check=check, holds=True, told=f"Answers end with {_id(trained.end, trained)}, as in training."
    )


def check_readings(check: str, what: str, readings: Iterable[Reading]) -> Finding:
    """Whether texts or chats are the same ids of tokens to both."""
    every = list(readings)
    wrong = [one for one in every if one.trained != one.served]
    if not wrong:
        return Finding(
            check=check, holds=True, told=f"{what} read the same, token by token ({len(every)} tried)."
        )
    return Finding(
        check=check,
        holds=False,
        told=f"{len(wrong)} of {len(every)} {what.lower()} are read otherwise than in training.",
        evidence=tuple(
            f"{_shown(one.text)}: {_ids(one.trained)} in training, {_ids(one.served)} when served"
            for one in wrong[:_FEW]
        ),
    )


def check_numbers(unfit: Mapping[str, str], count: int) -> Finding:
    """Whether all weights are numbers. `unfit`: by tensor, what is wrong with it."""
    if not unfit:
        return Finding(
            check="weights",
            holds=True,
            told=f"All {count} tensors are there, and all their numbers are finite.",
        )
    shown = tuple(f"`{name}`: {why}" for name, why in list(unfit.items())[:_FEW])
    told = f"{len(unfit)} of {count} tensors are missing, of another shape, or hold what is no number."
    return Finding(check="weights", holds=False, told=told, evidence=shown)


def check_error(tensors: Tensors) -> Finding:
    """Whether the numbers are off by no more than the way in which they are kept explains."""
    off = f"The file's numbers are off by {tensors.error:.2%} in all, by {tensors.worst_error:.2%} in `{tensors.worst}`"
    if not tensors.beyond:
        told = f"{off}." if tensors.worst else "The file's numbers are those of the trained model."
        return Finding(check="numbers", holds=True, told=told)
    shown = tuple(f"`{name}` is off by {share:.1%}" for name, share in list(tensors.beyond.items())[:_FEW])
    return Finding(
        check="numbers",
        holds=False,
        told=f"{len(tensors.beyond)} of {tensors.count} tensors are not the trained model's: "
        "they are off by more than the way in which they are kept explains.",
        evidence=shown,
    )


def check_settings(trained: Mapping[str, Any], exported: Mapping[str, Any]) -> Finding:
    """Whether how the model reckons is the same: its context, its heads, how it tells places apart."""
    wrong = [
        f"{name} is {ours} in training, {exported.get(name, 'not told')} in the file"
        for name, ours in trained.items()
        if not _same(ours, exported.get(name))
    ]
    if wrong:
        told = "The file says otherwise than training how the model reckons."
        return Finding(check="settings", holds=False, told=told, evidence=tuple(wrong[:_FEW]))
    return Finding(
        check="settings", holds=True, told="The model's shape and its way with places are the same."
    )


def _same(ours: object, theirs: object) -> bool:
    if isinstance(ours, float) and isinstance(theirs, int | float):
        return abs(ours - theirs) <= 1e-4 * abs(ours)
    return ours == theirs


def _first_difference(ours: str, theirs: str) -> Iterable[str]:
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    for kind, begin, end, their_begin, their_end in matcher.get_opcodes():
        if kind != "equal":
            yield (
                f"at character {begin}: {_shown(ours[begin:end])} in training, "
                f"{_shown(theirs[their_begin:their_end])} in the file"
            )
            return


def _shown(text: str) -> str:
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"`{cut!r}`"


def _ids(ids: Sequence[int]) -> str:
    return f"{list(ids[:12])}{'…' if len(ids) > 12 else ''}"


def _id(one: int | None, tokens: Tokens) -> str:
    if one is None:
        return "none"
    return (
        f"{one} {_shown(tokens.tokens[one])}"
        if 0 <= one < len(tokens.tokens)
        else f"{one}, which is no token"
    )
