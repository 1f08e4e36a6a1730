"""A tokenizer of one's own: byte-level pairs, learned from the text that the model is going to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from freehold.train.tokens.dialect import CHAT_TEMPLATE, END, SPECIAL, TURN_END

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# ruff: noqa: PLC0415 - seconds, and only for who makes or uses a tokenizer

FEWEST = 256 + len(SPECIAL)
"""Tokens that any vocabulary has: each byte, so that no text is unknown, and the special ones."""


def make_tokenizer(texts: Iterable[str], size: int, *, context: int) -> PreTrainedTokenizerFast:
    """Learn `size` tokens from these texts: fewer where there is not enough to learn. The same texts make the same.

    `context`: the tokens that its model reads at once.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIAL),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=END,
        eos_token=TURN_END,
        pad_token=END,
        clean_up_tokenization_spaces=False,
        model_max_length=context,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def encoder_of(tokenizer: PreTrainedTokenizerFast) -> Callable[[list[str]], list[list[int]]]:
    """What turns texts into tokens, to whom a special token that is written out in a text is text like any other."""
    from tokenizers import Tokenizer

    plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    plain.encode_special_tokens = True

    def encode(texts: list[str]) -> list[list[int]]:
        return [one.ids for one in plain.encode_batch(texts, add_special_tokens=False)]

    return encode
