"""A proof as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.cli.output import Column, Listing, fold, say, write
from freehold.core.figures import size

if TYPE_CHECKING:
    from freehold.train.export.order import Exported

_MARKS = {True: "ok  ", False: "FAIL", None: "?   "}


def tell(done: Exported) -> None:
    """What was measured and what came of it."""
    from freehold.train.export.card import beside_told, figure, share  # noqa: PLC0415 - imported when the command runs

    proof = done.proof
    write(f"{proof.name} as {proof.form}, {size(proof.bytes)}, proved on {proof.asked}\n\n")
    for one in proof.findings:
        write(fold(f"{_MARKS[one.holds]}  {one.check}: {one.told}", indent=6) + "\n")
        for line in one.evidence:
            write(fold(f"        {line}", indent=10) + "\n")
    if proof.forms:
        write("\n")
        columns = [
            Column("FORM"),
            Column("ANSWERS", right=True, rank=2),
            Column("TOKENS", right=True, rank=2),
            Column("PERPLEXITY", right=True),
            Column("SAME TOKENS", right=True),
            Column("WHERE SURE", right=True),
        ]
        Listing(columns).write(
            (
                one.form,
                f"{one.answers:,}",
                f"{one.tokens:,}",
                figure(one.perplexity),
                share(one.agreement),
                share(one.agreement_where_sure),
            )
            for one in proof.forms
        )
    if (beside := beside_told(proof)) is not None:
        write("\n" + fold(beside) + "\n")
    if proof.notes:
        write("\n" + "".join(fold(f"- {note}", indent=2) + "\n" for note in proof.notes))
    if done.folder is None:
        say("It was only to be proved, and nothing was made of it.")
        return
    if proof.decision == "passes":
        what = f"`own/{proof.name}`" if proof.form != "hf" else f"`{proof.name}`, in Hugging Face's form,"
        say(f"{what} is in {done.folder}.")
        return
    why = "was refused" if proof.decision == "refused" else "was not let through for want of evidence"
    say(f"The file {why}, and nothing was made of it. The proof is {done.folder / 'proof.json'}.")
    if proof.decision == "undecided":
        say("Prove it on more: a suite with more cases (`--suite`), or a wider `--margin`.")
