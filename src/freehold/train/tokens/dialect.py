"""How a tokenizer cuts text before it merges, in the words of those who serve its model."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

PreTokenizer = Literal["smollm", "gpt-2"]
"""As a GGUF file names it in `tokenizer.ggml.pre`.

smollm   digits one by one, then as gpt-2
gpt-2    words with the space before them, runs of digits, runs of other signs
"""

END = "<|endoftext|>"
"""Before each document, and what fills up."""
TURN = "<|im_start|>"
TURN_END = "<|im_end|>"
"""After each turn of a conversation: where an answer ends."""
SPECIAL = (END, TURN, TURN_END)
"""They have the first ids, in this order."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML, in the few words of Jinja that everybody who renders templates agrees on."""


def pre_tokenizer_of(tokenizer: bytes) -> PreTokenizer | None:
    """What to write into a GGUF for this `tokenizer.json`; None: it is none that is known here.

    Converters look tokenizers up by what they make of a sample, and know none that was trained here.
    """
    told = msgspec.json.decode(tokenizer)
    if told.get("normalizer") is not None or told["model"].get("type") != "BPE":
        return None
    before = told.get("pre_tokenizer") or {}
    if _cuts_words(before):
        return "gpt-2"
    match before:
        case {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, words]}:
            return "smollm" if _cuts_words(words) else None
    return None


def _cuts_words(before: dict[str, Any]) -> bool:
    match before:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}:
            return True
    return False
