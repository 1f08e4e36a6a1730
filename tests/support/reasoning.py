"""A task that a model of a few thousand weights learns by trying, and the model that begins with it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

import freehold
from freehold.train.data.row import PEOPLE, Row, Split
from freehold.train.data.shelf import MANIFEST, VERSION_DIGITS, Dataset, Manifest, hash_of

LETTERS, DIGITS = "abcd", "12345678"
WORDS = ("<pad>", "<end>", "<unk>", "<user>", "<assistant>", "<think>", "</think>", *LETTERS, *DIGITS)
TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}> {{ message.content }} "
    "{% if message.role == 'assistant' %}<end> {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
TINY_PREFERENCES = {
    "epochs": "3",
    "batch": "8",
    "together": "8",
    "learning_rate": "3e-3",
    "strength": "0.5",
}
"""Dials of a model that learns in some seconds to like letters better than digits: 11 steps."""
TINY = {
    "thought": "none",
    "answer_tokens": "1",
    "steps": "40",
    "questions": "16",
    "samples": "8",
    "together": "128",
    "learning_rate": "1e-2",
    "held_out": "8",
    "measure_every": "20",
}
"""Dials of a model that learns in some seconds to say the letter that it is told beside a digit."""


def make_questions(
    data: Path, name: str = "letters", *, scorers: bytes = b'[{"kind":"exact"}]', count: int = 64
) -> Dataset:
    """Which letter stands beside the digit? Each pair is in one split only."""
    pairs = [(one, other) for one in LETTERS for other in DIGITS]
    rows: dict[Split, list[Row]] = {"train": [], "held-out": []}
    for number, (one, other) in enumerate(pairs[:count]):
        rows["held-out" if number % 8 == 2 * (number // 8) else "train"].append(
            _row(f"{one}{other}", one, other)
        )
    return shelve(data, name, rows, scorers)


def make_preferences(data: Path, name: str = "tastes") -> Dataset:
    """Better than the digit is the letter beside it; one row has nothing that was rejected, one the same twice."""
    rows: dict[Split, list[Row]] = {"train": [], "held-out": []}
    for number, (letter, digit) in enumerate((one, other) for one in LETTERS for other in DIGITS):
        row = _row(f"{letter}{digit}", letter, digit)
        row = msgspec.structs.replace(row, rejected=raw(message("assistant", digit)))
        rows["held-out" if number % 8 == 2 * (number // 8) else "train"].append(row)
    rows["train"].append(_row("none", "a", "1"))
    rows["train"].append(
        msgspec.structs.replace(_row("same", "a", "1"), rejected=raw(message("assistant", "a")))
    )
    return shelve(data, name, rows)


def shelve(data: Path, name: str, rows: dict[Split, list[Row]], scorers: bytes = b"[]") -> Dataset:
    """Rows as a dataset in a data folder."""
    lines = {split: [msgspec.json.encode(row) for row in some] for split, some in rows.items()}
    digest = hash_of(lines.items())
    folder = data / "datasets" / name / digest[:VERSION_DIGITS]
    folder.mkdir(parents=True)
    for split, some in lines.items():
        (folder / f"{split}.jsonl").write_bytes(b"".join(line + b"\n" for line in some))
    manifest = Manifest(
        name=name,
        hash=digest,
        rows={split: len(some) for split, some in rows.items()},
        source="file:letters",
        makers={PEOPLE: sum(map(len, rows.values()))},
        made_us=1,
        scorers=msgspec.Raw(scorers),
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return Dataset(folder)


def message(role: str, content: str) -> dict[str, str]:
    """A message in the form of `openai-chat`."""
    return {"role": role, "content": content}


def raw(value: object) -> msgspec.Raw:
    """A value as JSON that is kept as it is."""
    return msgspec.Raw(msgspec.json.encode(value))


def make_model(folder: Path, words: Sequence[str] = WORDS) -> Path:
    """A Llama of two layers that has learned nothing, in Hugging Face's form."""
    import torch  # noqa: PLC0415 - most tests have none
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: PLC0415

    plain = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>")
    )
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(1)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=64,
            tie_word_embeddings=True,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def words_of(recipe: str, dataset: str, base: Path, **dials: object) -> list[str]:
    """The command that trains a tiny model, with these dials."""
    tiny = TINY if recipe == "reason" else TINY_PREFERENCES
    given = {**tiny, **{name: str(value) for name, value in dials.items()}}
    words = ["train", recipe, "--data", dataset, "--base", str(base)]
    return [*words, *(f"--set={name}={value}" for name, value in given.items())]


def program() -> list[str]:
    """What begins a command line of Freehold in a process of its own."""
    return [sys.executable, "-m", "freehold"]


def surroundings() -> dict[str, str]:
    """The environment of such a process."""
    assert freehold.__file__ is not None
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(freehold.__file__).parent.parent),
        "HOME": "/nowhere",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
    }


@contextmanager
def stopped_when(is_due: Callable[[], bool]) -> Iterator[None]:
    """Sends this process what Ctrl-C sends, as soon as something is due."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            if is_due():
                os.kill(os.getpid(), signal.SIGINT)
                return

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _row(name: str, one: str, other: str) -> Row:
    return Row(
        id=name,
        request=raw({"messages": [message("user", f"{one} {other}")]}),
        answer=raw(message("assistant", one)),
        maker=PEOPLE,
        origin="file letters",
        group=name,
        target=raw(one),
    )
