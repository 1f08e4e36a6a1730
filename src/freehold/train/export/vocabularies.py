"""A tokenizer as training has it, and as a GGUF file has it, in one form."""

from __future__ import annotations

from typing import Any

from freehold.train.export.checks import Tokens
from freehold.train.export.gguf_file import GgufFile

_MEANING = (2, 3)
"""The types of tokens that mean something, in a file: what is not known, and marks."""
_PIECES = "llama"
"""The kind of tokenizer that adds the token of the beginning where a file does not say otherwise."""
_MARK = "freehold-export-answer"


def tokens_of_training(tokenizer: Any, vocabulary: int) -> Tokens:
    """Of a tokenizer of Transformers; the model has room for `vocabulary` tokens, and may have more than there are."""
    added = tokenizer.added_tokens_decoder
    named = {place: token for token, place in tokenizer.get_vocab().items()}
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    return Tokens(
        tokens=tuple(named.get(place, f"[PAD{place}]") for place in range(vocabulary)),
        special=frozenset(place for place, token in added.items() if token.special),
        begin=tokenizer.bos_token_id,
        end=tokenizer.eos_token_id,
        begins_by_itself=len(whole) > len(plain) and whole[0] == tokenizer.bos_token_id,
    )


def tokens_of_file(file: GgufFile) -> Tokens:
    """Of a GGUF file."""
    told = file.metadata
    types = told.get("tokenizer.ggml.token_type") or ()
    return Tokens(
        tokens=tuple(told.get("tokenizer.ggml.tokens") or ()),
        special=frozenset(place for place, type_ in enumerate(types) if type_ in _MEANING),
        begin=told.get("tokenizer.ggml.bos_token_id"),
        end=told.get("tokenizer.ggml.eos_token_id"),
        begins_by_itself=bool(
            told.get("tokenizer.ggml.add_bos_token", told.get("tokenizer.ggml.model") == _PIECES)
        ),
    )


def template_of(tokenizer: Any) -> str | None:
    """The chat template; of several the usual one. None: there is none."""
    said = tokenizer.chat_template
    return said.get("default") if isinstance(said, dict) else said


def template_end_of(tokenizer: Any) -> int | None:
    """The token that the chat template writes after an answer; None: it writes none that means something."""
    if template_of(tokenizer) is None:
        return None
    chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}]
    text = tokenizer.apply_chat_template(chat, tokenize=False)
    after = text.rpartition(_MARK)[2]
    ids = tokenizer(after, add_special_tokens=False)["input_ids"]
    special = {place for place, token in tokenizer.added_tokens_decoder.items() if token.special}
    return ids[0] if ids and ids[0] in special else None
