"""Make a model that takes the place of the embedded one on a route, offline, and prove it: `make demo-own`.

The route `triage` sorts support tickets, and the embedded model of 135 million parameters answers it. From labelled
tickets a model some 35 times smaller is made from nothing, exported through the gate, and compared with it on tickets
in phrases that it has never seen. Every step is a command of the public command line.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.gateway.environments import ROOT, say
from benchmarks.own.steps import Shell, dials
from benchmarks.own.tickets import SCHEMA, Ticket, Wording, tickets
from freehold.train.run import Runs

FOLDER = ROOT / ".bench" / "own"
INCUMBENT = "local/smollm2-135m"
CONFIG = f"""\
[routes.triage]
incumbent = "{INCUMBENT}"
"""
MARGIN = 0.05
LEARNED, ASKED = 12_000, 400
COMPARED = 100
"""The verdict is sure after some thirty; more make the interval narrower."""
SUITES: tuple[Wording, ...] = ("known", "strange")
PRETRAIN: dict[str, object] = {"vocabulary": 2048, "tokens": 500_000, "context": 256}
SFT: dict[str, object] = {"epochs": 2, "learning_rate": 1e-3, "batch": 32}


def main() -> None:
    """Run it, print what came of it as one line of JSON, and with --write put it into docs/own.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put figures and charts into docs/own.md")
    parser.add_argument("--seed", type=int, default=0, help="of training and of the tickets")
    chosen = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "freehold.toml").write_text(CONFIG)
    _write_tickets(FOLDER, chosen.seed)
    shell = Shell(FOLDER)
    found = _demonstrate(shell, seed=chosen.seed)
    (FOLDER / "results.json").write_text(json.dumps(found, indent=2))
    if chosen.write:
        from benchmarks.own.report import write  # noqa: PLC0415 - charts are drawn for the page alone

        write(found, FOLDER)
    print(
        json.dumps(
            {
                name: found[name]
                for name in ("base_score", "own_score", "verdict", "minutes", "minutes_in_all", "strange")
            }
        )
    )


def _demonstrate(shell: Shell, *, seed: int) -> dict[str, Any]:
    for wording in SUITES:
        shell.run("suite", "add", f"{wording}.jsonl", "--name", wording, "--scorer", "json-schema")
    made = shell.run(
        "dataset", "make", "tickets", "--from", "file:tickets.jsonl", "--maker", "people", "--unmasked",
        "--alike", "100%", "--scorer", "json-schema",
    )  # fmt: skip
    told = "--seed", str(seed)
    shell.run("train", "pretrain", "--data", "tickets", "--name", "reader", *told, *dials(PRETRAIN))
    shell.run("train", "sft", "--data", "tickets", "--base", "reader", "--name", "triage", *told, *dials(SFT))
    exported = shell.run("export", "triage", "--to", "gguf:q8_0", "--name", "triage", "--suite", "known")
    compared = {"known": _compared(shell, "known")}
    until_verdict = shell.seconds
    compared["strange"] = _compared(shell, "strange")
    whole = compared["known"][0]
    evidence = whole["evidence"]
    runs = Runs(shell.folder / ".freehold")
    return {
        "base_score": evidence["incumbent_mean"],
        "own_score": evidence["candidate_mean"],
        "verdict": whole["decision"],
        "minutes": round(until_verdict / 60, 2),
        "minutes_in_all": round(shell.seconds / 60, 2),
        "strange": {
            name: compared["strange"][0]["evidence"][name] for name in ("incumbent_mean", "candidate_mean")
        },
        "verdicts": compared,
        "dataset": made.said[-1],
        "gate": exported.said[-1],
        "steps": [msgspec.to_builtins(step) | {"said": None} for step in shell.steps],
        "curves": {
            name: [msgspec.to_builtins(point) for point in runs.find(name).curve()]
            for name in ("reader", "triage")
        },
    }


def _compared(shell: Shell, suite: str) -> list[dict[str, Any]]:
    """The verdicts of a comparison, the one over all tickets first."""
    done = shell.run(
        "compare", "triage", "--with", "own/triage", "--suite", suite, "--margin", str(MARGIN),
        "--to-the-end", "--max-cases", str(COMPARED), fine=(0, 1, 3),
    )  # fmt: skip
    verdicts: list[dict[str, Any]] = done.said[-1]["verdicts"]
    return sorted(verdicts, key=lambda one: str(one["task_class"]))


def _write_tickets(folder: Path, seed: int) -> None:
    """What is learned from, and the suite: in phrases that are not in the other."""
    with (folder / "tickets.jsonl").open("w") as file:
        for number, one in enumerate(tickets(LEARNED, seed, "learned")):
            print(json.dumps(_learned(number, one), ensure_ascii=False), file=file)
    for wording in SUITES:
        with (folder / f"{wording}.jsonl").open("w") as file:
            for number, one in enumerate(tickets(ASKED, seed, wording)):
                print(json.dumps(_asked(number, one), ensure_ascii=False), file=file)
    say(f"{LEARNED:,} tickets to learn from, and {ASKED} in other phrases to measure on, are in {folder}.")


def _learned(number: int, ticket: Ticket) -> dict[str, Any]:
    return {
        "messages": [*ticket.messages, {"role": "assistant", "content": ticket.answer}],
        "target": {"const": json.loads(ticket.answer)},
        "group": f"ticket {number}",
        "class": ticket.language,
    }


def _asked(number: int, ticket: Ticket) -> dict[str, Any]:
    form = {"type": "json_schema", "json_schema": {"name": "triage", "schema": SCHEMA}}
    return {
        "id": f"ticket {number}",
        "request": {
            "messages": ticket.messages,
            "response_format": form,
            "temperature": 0,
            "max_tokens": 64,
        },
        "target": {"const": json.loads(ticket.answer)},
        "class": ticket.language,
    }


if __name__ == "__main__":
    main()
