"""The proof: the same prompts through the trained, the merged, the exported and the served form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from freehold.train.export.checks import Reading, check_error, check_readings, check_template
from freehold.train.export.gguf_file import GgufFile, Unreadable
from freehold.train.export.judging import (
    check_agreement,
    check_ends,
    check_merged,
    check_perplexity,
    check_score,
    where_it_went_wrong,
)
from freehold.train.export.merging import Trained, load_trained
from freehold.train.export.pairing import answer_in_pairs, at_once
from freehold.train.export.probing import fitting, longest_of, probes_beside, probes_of
from freehold.train.export.proof import Finding, FormName, Measured, Score, Tensors
from freehold.train.export.questions import Asked, Question
from freehold.train.export.readback import error_of, put_back
from freehold.train.export.reading import check_reading
from freehold.train.export.samples import TEXTS
from freehold.train.export.scoring import Answered, TaskTest
from freehold.train.export.serving import NotServed, Served, served
from freehold.train.export.static import check_file
from freehold.train.export.told import Probe, Told, agreement_of, perplexity_of
from freehold.train.export.torch_form import TorchForm, load_form
from freehold.train.export.vocabularies import template_of
from freehold.train.export.watching import Watcher

ALPHA = 0.05
"""The error rate of each test."""
_READ_BACK = 16
"""Answers that the merged and the exported form are asked about: they only tell where something was lost."""
_ROOM = 32
"""Tokens of context beyond the longest question and its answer."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is held against what."""

    trained: Trained
    merged: Path
    """The folder of the model in one piece."""
    reference: GgufFile
    """The same as the converter writes it in full precision."""
    exported: Path
    """The file that is to be proved."""
    margin: float


class Measurements(msgspec.Struct, kw_only=True):
    """What has been found so far."""

    findings: list[Finding] = []
    forms: list[Measured] = []
    beside: list[Measured] = []
    score: Score | None = None
    answered: list[Answered] = []
    """Questions with what both forms wrote."""
    longest: int = 0
    """Tokens that an answer could have."""
    tensors: Tensors | None = None
    notes: list[str] = []

    @property
    def refused(self) -> bool:
        """Whether something does not hold already."""
        return any(one.holds is False for one in self.findings)


def prove(subject: Subject, asked: Asked, watch: Watcher) -> Measurements:
    """Hold the exported file against the trained model. What is plainly wrong is found before anything is asked.

    Raises BadRequest: the questions cannot be asked.
    """
    found = Measurements(notes=list(asked.notes))
    task = TaskTest(asked.scorers, margin=subject.margin, alpha=ALPHA)
    try:
        task.check(asked.questions)
        file = GgufFile(subject.exported)
        with watch("Loading the trained model"):
            form = load_trained(subject.trained)
        found.findings += check_file(subject.reference, file, form.tokenizer)
        if not found.refused:
            found.tensors = error_of(subject.reference, file)
            found.findings.append(check_error(found.tensors))
            _serve_and_ask(subject, form, file, asked, task, found=found, watch=watch)
    except (Unreadable, NotServed) as error:
        check = "file" if isinstance(error, Unreadable) else "served"
        found.findings.append(Finding(check=check, holds=False, told=error.message))
    finally:
        task.close()
    return found


def prove_merged(trained: Trained, merged: Path, asked: Asked, watch: Watcher) -> Measurements:
    """Hold the merged model against the trained one: there is nothing else that could have been lost."""
    found = Measurements(notes=list(asked.notes))
    with watch("Comparing the merged model with the trained one"):
        form, other = load_trained(trained), load_form(merged)
        found.findings.append(check_template(template_of(form.tokenizer), template_of(other.tokenizer)))
        texts = [Reading(text, form.ids(text), other.ids(text)) for text in TEXTS]
        found.findings.append(check_readings("tokenizer", "Texts", texts))
        questions = fitting(form, asked.questions, form.model.config.max_position_embeddings)[:_READ_BACK]
        probes = probes_of(form, questions, longest_of(form, questions))
        ours, theirs = form.tell(probes), other.tell(probes)
    found.findings.append(check_merged(ours, theirs))
    found.forms = [_measured("trained", probes, ours, ours), _measured("merged", probes, ours, theirs)]
    return found


def _serve_and_ask(
    subject: Subject,
    form: TorchForm,
    file: GgufFile,
    asked: Asked,
    task: TaskTest,
    *,
    found: Measurements,
    watch: Watcher,
) -> None:
    context = subject.reference.context or 0
    questions = fitting(form, asked.questions, context)
    if left_out := len(asked.questions) - len(questions):
        found.notes.append(f"{left_out} questions are longer than the context and were not asked.")
    longest = longest_of(form, questions)
    room = max((len(form.prompt(one.messages)) for one in questions), default=0) + longest + _ROOM
    with served(file.path, max(min(context, room), min(context, 512))) as runtime:
        read = list(check_reading(form, runtime, questions))
        found.findings += read
        if any(one.holds is False for one in read):
            return
        answer_in_pairs(form, runtime, questions, task, longest=longest, watch=watch)
        found.score, found.answered, found.longest = task.score(), list(task.answered), longest
        found.findings.append(check_score(task.test, units=len({one.group for one in questions})))
        if ended := task.ended():
            found.findings.append(check_ends(ended["trained"], ended["served"], margin=subject.margin))
        _ask_by_token(subject, form, file, runtime, questions, longest=longest, found=found, watch=watch)


def _ask_by_token(
    subject: Subject,
    form: TorchForm,
    file: GgufFile,
    runtime: Served,
    questions: Sequence[Question],
    *,
    longest: int,
    found: Measurements,
    watch: Watcher,
) -> None:
    probes = probes_of(form, questions, longest)
    with watch("Asking the trained model token by token", len(probes)) as advance:
        ours = form.tell(probes, advance=advance)
    with watch("Asking the served model token by token", len(probes)) as advance:
        theirs = at_once(runtime.tell, probes, advance)
    found.findings.append(check_perplexity(probes, ours, theirs, margin=subject.margin, alpha=ALPHA))
    found.findings.append(check_agreement(ours, theirs, margin=subject.margin))
    with watch("Asking both about everything else"):
        beside = probes_beside(form)
        own = form.tell(beside)
        found.beside = [
            _measured("trained", beside, own, own),
            _measured("served", beside, own, at_once(runtime.tell, beside)),
        ]
    few = probes[:_READ_BACK]
    with watch("Reading the file's numbers back", 2 * len(few)) as advance:
        one_piece = form if subject.trained.base is None else load_form(subject.merged)
        mine = one_piece.tell(few, advance=advance)
        put_back(one_piece.model, file)
        back = one_piece.tell(few, advance=advance)
    found.findings.append(check_merged(ours[: len(few)], mine))
    forms: tuple[tuple[FormName, list[Told]], ...] = (
        ("trained", ours),
        ("merged", mine),
        ("exported", back),
        ("served", theirs),
    )
    found.forms = [_measured(name, probes, ours, told) for name, told in forms]
    if found.refused and (where := where_it_went_wrong(ours, forms[1:], margin=subject.margin)):
        found.notes.append(where)


def _measured(
    name: FormName, probes: Sequence[Probe], trained: Sequence[Told], told: Sequence[Told]
) -> Measured:
    ours = trained[: len(told)]
    return Measured(
        form=name,
        answers=len(told),
        tokens=sum(len(one.answer) for one in probes[: len(told)]),
        perplexity=perplexity_of(told),
        agreement=agreement_of(ours, told),
        agreement_where_sure=agreement_of(ours, told, where_sure=True),
    )
