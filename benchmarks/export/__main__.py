"""Export a run in several forms, prove each with a wide margin, and set sizes beside what was lost.

It makes nothing of them: `freehold export RUN --only-prove`. Run it in the folder of the installation that has the run,
in the environment that `make train-env` makes. With `--keep FILE` it goes on where it left off.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_FORMS = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_1", "q4_0", "q3_k_m", "q2_k")
_EXPECTED = (0, 1, 3)
"""Exit statuses that come with a proof."""


def main() -> int:
    """Print a table, and as the last line one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("run", help="a run's id or its name")
    parser.add_argument("--form", action="append", help=f"of GGUF; default: {', '.join(_FORMS)}")
    parser.add_argument("--questions", type=int, default=64, help="at the most; default: %(default)s")
    parser.add_argument(
        "--keep", type=Path, help="a file of proofs, one a line: what is in it is not done again"
    )
    arguments = parser.parse_args()
    proofs = _kept(arguments.keep)
    for form in arguments.form or _FORMS:
        if form not in proofs:
            print(f"{form} …", file=sys.stderr, flush=True)
            proofs[form] = _proof(arguments.run, form, arguments.questions)
            if arguments.keep:
                with arguments.keep.open("a") as file:
                    file.write(json.dumps(proofs[form]) + "\n")
    print("\n".join(_table(proofs)))
    print(json.dumps({form: _figures(proof) for form, proof in proofs.items()}))
    return 0


def _kept(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None or not path.exists():
        return {}
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return {one["form"].removeprefix("gguf:"): one for one in found}


def _proof(run: str, form: str, questions: int) -> dict[str, Any]:
    words = ["export", run, "--to", f"gguf:{form}", "--name", "bench", "--only-prove", "--json"]
    words += ["--margin", "0.9", "--questions", str(questions)]
    done = subprocess.run(
        [sys.executable, "-m", "freehold", *words], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in _EXPECTED:
        raise SystemExit(f"exporting as {form} ended with status {done.returncode}")
    proof: dict[str, Any] = json.loads(done.stdout)
    return proof


def _figures(proof: dict[str, Any]) -> dict[str, Any]:
    forms = {one["form"]: one for one in proof["forms"]}
    beside = {one["form"]: one for one in proof["beside"]}
    score = proof["score"]
    return {
        "bytes": proof["bytes"],
        "error": proof["tensors"]["error"],
        "perplexity": forms["served"]["perplexity"],
        "trained_perplexity": forms["trained"]["perplexity"],
        "agreement": forms["served"]["agreement"],
        "beside_perplexity": beside["served"]["perplexity"],
        "beside_trained_perplexity": beside["trained"]["perplexity"],
        "beside_agreement": beside["served"]["agreement"],
        "score": score["served"],
        "trained_score": score["trained"],
        "same_answers": score["same_answers"],
        "questions": score["questions"],
        "seconds": proof["seconds"],
    }


def _table(proofs: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "| form | MB | numbers off by | perplexity | same tokens | same answers | score | other chats: perplexity "
        "| same tokens |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    trained: dict[str, Any] | None = None
    for form, proof in proofs.items():
        found = _figures(proof)
        trained = trained or found
        lines.append(
            f"| {form} | {found['bytes'] / 1e6:.1f} | {found['error']:.2%} "
            f"| {found['perplexity']:.4f} ({found['perplexity'] / found['trained_perplexity'] - 1:+.2%}) "
            f"| {found['agreement']:.2%} | {found['same_answers']:.1%} | {found['score']:.3f} "
            f"| {found['beside_perplexity']:.3f} "
            f"({found['beside_perplexity'] / found['beside_trained_perplexity'] - 1:+.1%}) "
            f"| {found['beside_agreement']:.1%} |"
        )
    if trained:
        lines.insert(
            2,
            f"| trained | | | {trained['trained_perplexity']:.4f} | | | {trained['trained_score']:.3f} "
            f"| {trained['beside_trained_perplexity']:.3f} | |",
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
