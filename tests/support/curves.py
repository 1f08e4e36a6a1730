"""Curves of training that are kept beside the tests: an upgrade that changes how a model learns fails one of them.

`FREEHOLD_WRITE_CURVES=1 make test-train ARGS="…"` writes them anew. How far a curve may be from the one that is kept is
measured then: the training is made several times, each differing in what must not matter.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "training/curves"
LIBRARIES = ("torch", "transformers", "trl", "tokenizers")
REPEATS = 5
TIMES = 4.0
"""The widest distance between two repeats, so many times, is what is allowed …"""
LEAST = 1e-3
"""… and no less than this share of the highest value: other processors round in another way."""

Curve = Mapping[str, Sequence[float]]
"""Values by their name, in the order of the steps: `loss`, `reward`."""


def hold_to_kept(name: str, make: Callable[[int], Curve]) -> None:
    """Train with `make(0)` and hold what comes of it to `tests/training/curves/NAME.json`.

    When it is written, `make` is called with 0, 1, 2 … as well: let 0 be the training itself, and the others differ in
    what must not matter, as in the number of threads, or in weights that are nudged by a millionth (`nudge`).
    """
    path = FOLDER / f"{name}.json"
    if os.environ.get("FREEHOLD_WRITE_CURVES"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(_told([make(number) for number in range(REPEATS)]), indent=1) + "\n")
        return
    kept = json.loads(path.read_text())
    for series, values in make(0).items():
        assert len(values) == len(kept["curve"][series]), f"{name}: {series} has another number of points"
        apart = [abs(one - other) for one, other in zip(values, kept["curve"][series], strict=True)]
        worst = max(range(len(apart)), key=apart.__getitem__)
        assert apart[worst] <= kept["tolerance"][series], (
            f"{name}: {series} at point {worst} is {values[worst]:.5f}; with {kept['versions']} "
            f"it was {kept['curve'][series][worst]:.5f}, and {kept['tolerance'][series]:.5f} is allowed"
        )


def nudge(model: object, number: int) -> None:
    """Move the weights of a PyTorch model by a millionth of their size, as `number` wants it; 0: leave them."""
    import torch  # noqa: PLC0415 - most tests have none

    assert isinstance(model, torch.nn.Module)
    if number:
        chance = torch.Generator().manual_seed(number)
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(1 + 1e-6 * torch.randn(weight.shape, generator=chance))


def _told(curves: Sequence[Curve]) -> dict[str, object]:
    tolerance = {}
    for series, values in curves[0].items():
        widest = max(
            abs(one[series][at] - other[series][at])
            for one in curves
            for other in curves
            for at in range(len(values))
        )
        tolerance[series] = max(TIMES * widest, LEAST * max(abs(value) for value in values))
    return {
        "versions": {library: version(library) for library in LIBRARIES},
        "repeats": len(curves),
        "tolerance": tolerance,
        "curve": {series: [round(value, 6) for value in values] for series, values in curves[0].items()},
    }
