"""The card of an own model: what it is, what was proved of it, and how it was trained."""

from __future__ import annotations

from freehold.catalog.own import OWN, OwnModel
from freehold.core.figures import count, show_moment, size
from freehold.train.export.proof import Measured, Proof


def card_of(model: OwnModel, proof: Proof, training: str | None) -> str:
    """The card in Markdown; `training` is the card of the run, which is taken over."""
    lines = [
        f"# {OWN}/{model.name}",
        "",
        f"`{model.form}`, {size(proof.bytes)}, {count(model.parameters)} parameters, context of "
        f"{count(model.context_window)} tokens. Made {show_moment(model.made_us, utc=True)} from the run `{model.run}`"
        f" (base: {_told(model.base)}, dataset: {_told(model.dataset)}). Licence: {model.licence or 'not known'}.",
        "",
        f"## What was proved, with a margin of {proof.margin:g}",
        "",
        *(f"- {one.told}" for one in proof.findings),
        *(f"- {one}" for one in proof.notes),
        "",
        *_table(proof.forms),
        "",
        *([beside, ""] if (beside := beside_told(proof)) else []),
        f"Asked: {proof.asked}. SHA-256 of the file: `{proof.sha256}`. Everything is in `proof.json`.",
        "",
    ]
    if training is not None:
        lines += ["## How it was trained", "", _without_head(training).strip(), ""]
    return "\n".join(lines)


def _table(forms: tuple[Measured, ...]) -> list[str]:
    head = [
        "| form | answers | tokens | perplexity | same tokens | where sure |",
        "|---|---|---|---|---|---|",
    ]
    return head + [
        f"| {one.form} | {one.answers} | {one.tokens} | {figure(one.perplexity)} | {share(one.agreement)} | "
        f"{share(one.agreement_where_sure)} |"
        for one in forms
    ]


def beside_told(proof: Proof) -> str | None:
    """What became of chats that it was not trained for, in a sentence; None: nobody asked."""
    if len(proof.beside) < 2:
        return None
    trained, served = proof.beside
    return (
        f"In chats that it was not trained for: perplexity {figure(served.perplexity)} served against "
        f"{figure(trained.perplexity)} trained, {share(served.agreement)} of tokens the same. "
        "Nothing is held against that."
    )


def figure(value: float | None) -> str:
    """A number with as many digits as mean something, or a dash."""
    return "-" if value is None else f"{value:.4g}"


def share(value: float | None) -> str:
    """A share in percent, or a dash."""
    return "-" if value is None else f"{value:.2%}"


def _told(reference: str | None) -> str:
    return f"`{reference}`" if reference else "none"


def _without_head(card: str) -> str:
    """Without the settings for others' tools at the top, which would be read as this card's."""
    if not card.startswith("---\n"):
        return card
    return card.partition("\n---\n")[2]
