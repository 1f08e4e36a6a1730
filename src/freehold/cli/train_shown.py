"""Runs as they are shown: for people, and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from freehold.cli.output import fold, plain, say, write
from freehold.store.lock import is_locked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from freehold.train.run import Run, RunFolder


def facts_of(folder: RunFolder) -> dict[str, Any]:
    """All that is known of a run, and where its model is."""
    run = folder.read()
    known: dict[str, Any] = msgspec.to_builtins(run)
    model = str(folder.model) if run.state == "finished" else None
    return {**known, "state": state_of(folder, run), "folder": str(folder.folder), "model": model}


def state_of(folder: RunFolder, run: Run) -> str:
    """Its state; one that says it is running, and whose process is gone, was broken off."""
    if run.state == "running" and not is_locked(folder.folder / "lock"):
        return "broken off"
    return run.state


def show_dials(values: Mapping[str, Any], meanings: Mapping[str, str]) -> None:
    """A recipe's dials with their values and, on as many lines as it takes, what they do."""
    rows = [("DIAL", "VALUE", "WHAT IT DOES")]
    rows += [(dial, plain(str(value)), meanings.get(dial, "")) for dial, value in values.items()]
    first, second = (max(len(row[at]) for row in rows) for at in (0, 1))
    for dial, value, meaning in rows:
        write(
            fold(f"{dial:<{first}}  {value:<{second}}  {meaning}", indent=first + second + 4).rstrip() + "\n"
        )


def loss_shown(run: Run) -> str:
    """What it came to: the loss on what it did not learn from, if that was measured."""
    loss = run.results.get("held_out_loss", run.results.get("loss"))
    return "-" if loss is None else f"{loss:.3f}"


def tell_end(folder: RunFolder, run: Run) -> None:
    """How a run ended, and what comes next."""
    for note in run.notes:
        say(f"note: {note}")
    if run.state == "stopped":
        if any((folder.folder / "checkpoints").glob("*")):
            say(f"Stopped with a checkpoint. `freehold train resume {run.id}` goes on from there.")
        else:
            say(f"Stopped before there was a checkpoint. `freehold train resume {run.id}` begins anew.")
        return
    write(f"{run.id}\n")
    write("".join(f"{name}: {value:,.6g}\n" for name, value in run.results.items()))
    write(f"model: {plain(str(folder.model))}\n")
    if run.recipe == "rank":
        say(f"`freehold suite sample ROUTE --classes {run.id}` parts a route's calls by it.")
        return
    say(f"`freehold export {run.id} --to gguf:q8_0 --name NAME` makes it a model that can be called.")
