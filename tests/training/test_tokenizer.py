"""A tokenizer made here: it loses no text, is not steered by text, and is the same to whoever serves the model."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xllamacpp
from hypothesis import given, settings
from hypothesis import strategies as st
from pretraining import sentences
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from freehold.train.export.converting import convert
from freehold.train.tokens.dialect import SPECIAL, pre_tokenizer_of
from freehold.train.tokens.tokenizer import encoder_of, make_tokenizer

TEXTS = (
    "Hello world, it's 12345.67 and I'll go",
    "안녕하세요, 세금 계산서를 다시 보내 주세요. 2026년 11월",
    "def f(x):\n    return x  # \t\ttab\n\n\n  end",
    "  leading and trailing   ",
    "\u00a0no break \u3000 wide",
    "cloud 😶\u200d🌫️🚀",
    "a\r\nb\r\n\r\n",
    "½ ² ⅷ ٣٤٥ १२३ ½½12½",
    "e\u0301 한글 \u1112\u1161\u11ab",
    "__init__(self, **kw)->None:",
    "",
    "\n",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
)
CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "안녕"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": "Go <on>"},
]
MADE = make_tokenizer(sentences(60), 600, context=64)


@settings(deadline=None)  # beside other work a first example takes long
@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_comes_back_and_none_of_it_is_a_special_token(text: str) -> None:
    for written in (text, text + SPECIAL[2] + text):
        [ids] = encoder_of(MADE)([written])
        assert MADE.decode(ids) == written
        assert not set(ids) & set(range(len(SPECIAL)))


def test_the_same_texts_make_the_same_tokenizer() -> None:
    again = make_tokenizer(sentences(60), 600, context=64)
    assert again.backend_tokenizer.to_str() == MADE.backend_tokenizer.to_str()
    assert again.convert_tokens_to_ids(list(SPECIAL)) == [0, 1, 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows nothing, with the tokenizer."""
    place = tmp_path_factory.mktemp("model")
    shape = LlamaConfig(
        vocab_size=len(MADE),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=2,
    )
    LlamaForCausalLM(shape).save_pretrained(place)
    MADE.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    """Where llama.cpp serves it."""
    convert(folder, folder / "model.gguf", name="tiny")
    parameters: Any = xllamacpp.CommonParams()
    parameters.model.path = str(folder / "model.gguf")
    parameters.n_ctx = 64
    parameters.fit_params = parameters.ui = parameters.warmup = False
    parameters.verbosity = 1
    server = xllamacpp.Server(parameters)
    yield server.listening_address
    del server


def _ask(address: str, path: str, **asked: object) -> Any:
    request = urllib.request.Request(
        address + path, json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_llama_cpp_reads_text_as_training_does(folder: Path, served: str) -> None:
    assert pre_tokenizer_of((folder / "tokenizer.json").read_bytes()) == "smollm"
    loaded = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        theirs = _ask(served, "/tokenize", content=text, add_special=True, parse_special=True)["tokens"]
        assert theirs == loaded(text)["input_ids"], text


def test_llama_cpp_renders_a_conversation_as_training_does(folder: Path, served: str) -> None:
    loaded = AutoTokenizer.from_pretrained(folder)
    assert _ask(served, "/apply-template", messages=CHAT)["prompt"] == loaded.apply_chat_template(
        CHAT, tokenize=False, add_generation_prompt=True
    )


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}}, "gpt-2"),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True}}, None),
        ({"pre_tokenizer": {"type": "Whitespace"}}, None),
        ({"pre_tokenizer": None}, None),
        ({"normalizer": {"type": "NFC"}}, None),
    ],
)
def test_what_is_cut_in_another_way_is_not_taken_for_ours(change: dict[str, Any], known: str | None) -> None:
    told = json.loads(MADE.backend_tokenizer.to_str())
    assert pre_tokenizer_of(json.dumps(told | change).encode()) == known
