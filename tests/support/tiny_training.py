"""What a training in a test needs: a data folder with a small dataset, and a model of two layers made at random."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from freehold.train.data.row import Row, Split
from freehold.train.data.shelf import MANIFEST, VERSION_DIGITS, Manifest, hash_of

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INSTRUCTION = "Say what colour the thing has."
COLOURS = {
    "sky": "blue",
    "grass": "green",
    "blood": "red",
    "snow": "white",
    "coal": "black",
    "lemon": "yellow",
}


def row(number: int, *, thing: str | None = None, answer: str | None = None, **fields: Any) -> Row:
    """A question about a thing, and what colour it has."""
    thing = thing or list(COLOURS)[number % len(COLOURS)]
    asked = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": f"{thing} {number}"}]
    said = {"role": "assistant", "content": answer or f"{COLOURS.get(thing, 'grey')} {number}"}
    given: dict[str, Any] = {
        "id": f"row-{number}",
        "request": msgspec.Raw(json.dumps({"messages": asked}).encode()),
        "answer": msgspec.Raw(json.dumps(said).encode()),
        "maker": "people",
        "origin": f"file things line {number}",
        "group": f"group-{number}",
    }
    return Row(**{**given, **fields})


def put_dataset(data: Path, name: str, train: Iterable[Row], held_out: Iterable[Row] = ()) -> str:
    """A dataset of these rows in a data folder. Returns its reference."""
    rows: dict[Split, list[Row]] = {"train": list(train), "held-out": list(held_out)}
    lines = {split: [msgspec.json.encode(one) for one in several] for split, several in rows.items()}
    digest = hash_of(lines.items())
    folder = data / "datasets" / name / digest[:VERSION_DIGITS]
    folder.mkdir(parents=True)
    for split, several in lines.items():
        (folder / f"{split}.jsonl").write_bytes(b"".join(line + b"\n" for line in several))
    makers: dict[str, int] = {}
    for one in rows["train"]:
        makers[one.maker] = makers.get(one.maker, 0) + 1
    manifest = Manifest(
        name=name,
        hash=digest,
        rows={split: len(several) for split, several in rows.items()},
        source="file:things",
        makers=makers,
        made_us=1_700_000_000_000_000,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return f"{name}@{digest[:VERSION_DIGITS]}"


def put_base(folder: Path, *, seed: int = 0, width: int = 64, licence: str | None = "apache-2.0") -> Path:
    """A Llama of two layers with a tokenizer of bytes, in Hugging Face's form. Needs the training environment."""
    import torch  # noqa: PLC0415 - most tests have none
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: PLC0415

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: at for at, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=TEMPLATE,
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer.get_vocab()),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.token_to_id("<|im_end|>"),
            pad_token_id=tokenizer.token_to_id("<|im_end|>"),
        )
    ).save_pretrained(folder)
    if licence is not None:
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n# A model of two layers\n")
    return folder


def command(*words: str) -> list[str]:
    """`freehold` with these words."""
    return [sys.executable, "-m", "freehold", *words]


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`freehold` with these words, to its end, where `home/.freehold` is the data folder."""
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=240, check=False, cwd=home)
