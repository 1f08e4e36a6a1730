"""Rows of a dataset as tokens: what is asked, and what is to be learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from freehold.train.data.row import Row

THINK, THOUGHT = "<think>\n", "\n</think>\n\n"
"""What stands around reasoning in an answer, in training and wherever an own model is served."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer in tokens."""

    row: str
    """Id of the row."""
    prompt: tuple[int, ...]
    """All before the answer, with the beginning of the assistant's turn."""
    answer: tuple[int, ...]
    """Up to and with the token that ends the turn."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Unusable(msgspec.Struct, frozen=True):
    """A row that this model cannot learn from."""

    row: str
    reason: str
    """`too long`, or what its chat template cannot show."""


def examples_of(rows: Iterable[Row], tokenizer: Any, longest: int) -> tuple[list[Example], list[Unusable]]:
    """The rows as tokens, in their order, and those that are left out: nothing is cut."""
    examples, unusable = [], []
    for row in rows:
        if not msgspec.json.decode(row.request).get("messages"):
            unusable.append(Unusable(row.id, "a document asks nothing: it is for `pretrain`"))
            continue
        made = _example_of(row, tokenizer)
        if isinstance(made, Example) and len(made) > longest:
            unusable.append(Unusable(row.id, "too long"))
        elif isinstance(made, Example):
            examples.append(made)
        else:
            unusable.append(made)
    return examples, unusable


def messages_of(row: Row) -> list[dict[str, Any]]:
    """What is asked, as chat templates take it. Raises ValueError for what is no text."""
    return [_plain(message) for message in msgspec.json.decode(row.request).get("messages", [])]


def tools_of(row: Row) -> list[dict[str, Any]] | None:
    """The tools that are offered with the question, as chat templates take them."""
    return msgspec.json.decode(row.request).get("tools") or None


def answer_message(answer: msgspec.Raw) -> dict[str, Any]:
    """An answer as chat templates take it, its reasoning before it in `<think>`.

    Raises ValueError for what is no text.
    """
    message = msgspec.json.decode(answer)
    reasoning = message.pop("reasoning_content", None)
    plain = _plain({**message, "role": "assistant"})
    if reasoning:
        plain["content"] = f"{THINK}{reasoning}{THOUGHT}{plain['content']}"
    return plain


def prompt_text(row: Row, tokenizer: Any) -> str:
    """The question as the model reads it, up to where its answer begins. Raises ValueError for what is no text, and
    where somebody wrote into it what the model takes for its own signs.
    """
    _check_signs(row.request, tokenizer)
    text: str = tokenizer.apply_chat_template(
        messages_of(row), tools=tools_of(row), add_generation_prompt=True, tokenize=False
    )
    return text


def _example_of(row: Row, tokenizer: Any) -> Example | Unusable:
    from jinja2 import TemplateError  # noqa: PLC0415 - Transformers needs it, the rest of us does not

    try:
        answer = answer_message(row.answer)
        _check_signs(row.answer, tokenizer)
        prompt = prompt_text(row, tokenizer)
        whole: str = tokenizer.apply_chat_template(
            [*messages_of(row), answer], tools=tools_of(row), tokenize=False
        )
    except (ValueError, TypeError, TemplateError) as error:
        return Unusable(row.id, f"the chat template cannot show it: {error}")
    if not whole.startswith(prompt):
        return Unusable(row.id, "the chat template writes the question differently once it is answered")
    said = whole[len(prompt) :]
    for call in answer.get("tool_calls") or ():
        if call["function"]["name"] not in said:
            return Unusable(row.id, "the chat template cannot show calls of tools")
    tokens = tokenizer(said, add_special_tokens=False)["input_ids"]
    ends = [at for at, token in enumerate(tokens) if token == tokenizer.eos_token_id]
    if not ends:
        return Unusable(row.id, "the chat template does not end an answer")
    if ends[-1] == 0:
        return Unusable(row.id, "the answer is empty")
    return Example(
        row=row.id,
        prompt=tuple(tokenizer(prompt, add_special_tokens=False)["input_ids"]),
        answer=tuple(
            tokens[: ends[-1] + 1]
        ),  # what a template writes after the end is not the model's to say
    )


def _check_signs(said: msgspec.Raw, tokenizer: Any) -> None:
    """Raises ValueError: a text holds a sign by which the chat template parts who speaks. Whoever wrote it there could
    put words into another's mouth, and the model would learn to take them for that.
    """
    template = str(tokenizer.chat_template or "")
    ends = (tokenizer.bos_token, tokenizer.eos_token)
    for token in tokenizer.added_tokens_decoder.values():
        sign = token.content
        if not token.special or not (sign in template or sign in ends):
            continue
        if any(sign in text for text in _texts(msgspec.json.decode(said))):
            raise ValueError(f"a text holds `{sign}`, a sign of the model's own")


def _texts(value: Any) -> Iterator[str]:
    """Every text in JSON, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message with one text as its content, as most chat templates want it."""
    content = message.get("content")
    if isinstance(content, list):
        if any(part.get("type") != "text" for part in content):
            raise ValueError("it holds something that is no text")
        content = "".join(part["text"] for part in content)
    return {**message, "content": content or ""}
