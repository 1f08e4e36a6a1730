"""Asks the trained model once, and each form as the local runtime serves it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from freehold.train.data.shelf import DatasetShelf
from freehold.train.export.converting import convert
from freehold.train.export.gguf_file import GgufFile
from freehold.train.export.pairing import at_once
from freehold.train.export.probing import longest_of, probes_beside
from freehold.train.export.quantising import quantise
from freehold.train.export.questions import Question, of_rows
from freehold.train.export.readback import error_of
from freehold.train.export.serving import served
from freehold.train.export.told import Probe, Told, agreement_of, perplexity_of
from freehold.train.export.torch_form import load_form
from freehold.train.run import Runs


class Reference(msgspec.Struct):
    """What the trained model says, and to what."""

    probes: list[Probe]
    told: list[Told]
    beside: list[Probe]
    beside_told: list[Told]
    written: list[str]
    longest: int
    figures: dict[str, Any]


def questions_of(arguments: argparse.Namespace) -> list[Question]:
    """Held-out rows of the run's dataset, drawn by lot and always the same."""
    run = Runs(arguments.data).find(arguments.run).read()
    assert run.dataset is not None, "the run had no dataset"
    rows = DatasetShelf(arguments.data).find(run.dataset).rows("held-out")
    return list(of_rows(rows, [], source=run.dataset, most=arguments.answers).questions)


def ask_trained(arguments: argparse.Namespace) -> Reference:
    """Also writes the model as a file of full precision, which all forms are made of."""
    folder = Runs(arguments.data).find(arguments.run).model
    convert(folder, arguments.work / "reference.gguf", name="reference")
    form, questions = load_form(folder), questions_of(arguments)
    longest = longest_of(form, questions)
    end = (form.tokenizer.eos_token_id,)
    probes = [
        Probe(form.prompt(one.messages), (*form.ids(one.answer or ""), *end), one.group) for one in questions
    ]
    told = form.tell(probes)
    beside = probes_beside(form)
    beside_told = form.tell(beside)
    written = [form.text_of(tokens).text for tokens in form.write([one.prompt for one in probes], longest)]
    figures = {
        "answers": len(probes),
        "tokens": sum(len(one.answer) for one in probes),
        "perplexity": perplexity_of(told),
        "beside": perplexity_of(beside_told),
        "beside_tokens": sum(len(one.answer) for one in beside),
        "right": sum(text == one.answer for text, one in zip(written, questions, strict=True)),
    }
    return Reference(probes, told, beside, beside_told, written, longest, figures)


def measure(arguments: argparse.Namespace, form: str, trained: dict[str, Any]) -> dict[str, Any]:
    """One form."""
    ours = msgspec.convert(trained, Reference)
    reference, file = GgufFile(arguments.work / "reference.gguf"), arguments.work / f"{form}.gguf"
    quantise(reference, form, file, advance=lambda steps: None)
    exported = GgufFile(file)
    tensors = error_of(reference, exported)
    room = max(len(one.prompt) + len(one.answer) for one in (*ours.probes, *ours.beside)) + ours.longest
    questions = questions_of(arguments)
    with served(file, room) as runtime:
        told = at_once(runtime.tell, ours.probes)
        beside = at_once(runtime.tell, ours.beside)
        written = at_once(lambda one, slot: runtime.write(one.messages, ours.longest, slot), questions)
    size = Path(file).stat().st_size
    file.unlink()
    return {
        "figures": {
            "bytes": size,
            "error": tensors.error,
            "perplexity": perplexity_of(told),
            "agreement": agreement_of(ours.told, told),
            "beside": perplexity_of(beside),
            "beside_agreement": agreement_of(ours.beside_told, beside),
            "same_answers": sum(mine == one.text for mine, one in zip(ours.written, written, strict=True)),
            "right": sum(
                one.text == question.answer for one, question in zip(written, questions, strict=True)
            ),
        }
    }
