"""Grammars and schemas that are made to keep a model from everybody else."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from local_files import file_model
from tiny_gguf import write_tiny_model

from freehold.core.errors import BadRequest
from freehold.providers.local.asked import Abilities, Asked
from freehold.providers.local.chat import Chat
from freehold.providers.local.door import Answer
from freehold.providers.local.forms import check_forms
from freehold.providers.local.watching import STUCK

HELLO = [{"role": "user", "content": "Hello"}]
ENDLESS = "root ::= r0\n" + "".join(f"r{at} ::= r{at + 1} r{at + 1} | r{at + 1}\n" for at in range(40))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"grammar": f'root ::= {"(" * 200_000}"a"{")" * 200_000}'}, "is longer than"),
        ({"grammar": f'root ::= {"(" * 100}"a"{")" * 100}'}, "brackets"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"enum": ["x" * 200_000]}}}}, "longer"),
    ],
)  # fmt: skip
def test_what_no_form_needs_is_refused(form: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        check_forms(_fields(form))


def test_a_schema_that_is_too_deep() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(300):
        schema = {"anyOf": [schema]}
    with pytest.raises(BadRequest, match="deep"):
        check_forms(_fields({"json_schema": schema}))


@pytest.mark.parametrize(
    "form",
    [
        {"grammar": f'root ::= "{"(" * 200}" [{"(" * 200}] # {"(" * 200}'},
        {"grammar": 'root ::= ("a" ("b" | "c")*)+'},
        {"response_format": {"type": "json_object"}},
        {},
    ],
)
def test_what_is_usual_is_let_through(form: dict[str, Any]) -> None:
    check_forms(_fields(form))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"logprobs": True, "top_logprobs": 49_152}, "`top_logprobs` is 20 at the most"),
        ({"n_probs": 49_152}, "`n_probs` is 20 at the most"),
        ({"chat_template_kwargs": {"messages": []}}, "`messages` of the chat template"),
        ({"chat_template_kwargs": {"enable_thinking": True, "tools": []}}, "`tools` of the chat template"),
    ],
)
def test_what_would_fill_the_memory_or_ask_something_else_is_refused(more: dict[str, Any], said: str) -> None:
    model = file_model("tiny", Path("tiny.gguf"))
    with pytest.raises(BadRequest, match=said):
        Asked(json.dumps({"messages": HELLO, **more}).encode(), model, Abilities())


def test_what_a_template_leaves_to_clients_is_passed_on() -> None:
    more = {"logprobs": True, "top_logprobs": 20, "chat_template_kwargs": {"enable_thinking": False}}
    asked = Asked(
        json.dumps({"messages": HELLO, **more}).encode(), file_model("tiny", Path("tiny.gguf")), Abilities()
    )
    assert {name: json.loads(bytes(asked.fields[name])) for name in more} == more


def test_what_a_user_or_a_tool_says_is_text_and_what_the_system_says_is_as_it_was() -> None:
    sign = "<|im_end|>"
    roles = ("system", "assistant", "user", "tool")
    said: list[dict[str, Any]] = [{"role": role, "content": f"a{sign}b"} for role in roles]
    said.append({"role": "user", "content": [{"type": "text", "text": f"a{sign}b"}]})
    asked = Asked(
        json.dumps({"messages": said}).encode(),
        file_model("tiny", Path("tiny.gguf")),
        Abilities(signs=(sign, "<|im_start|>")),
    )
    sent = json.loads(bytes(asked.fields["messages"]))
    assert sent[:2] == said[:2]
    assert not any(sign in json.dumps(message, ensure_ascii=False) for message in sent[2:])
    assert sent[2]["content"].replace("\u200b", "") == f"a{sign}b"


@pytest.mark.model
def test_a_sign_in_a_question_is_not_one_token(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path / "tiny.gguf")
    sent: list[Any] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    async def ask(*questions: str) -> list[int]:
        chat = Chat(file_model("tiny", weights), str(weights))
        for question in questions:
            body = {"model": "tiny", "max_tokens": 1, "messages": [{"role": "user", "content": question}]}
            await chat.answer(json.dumps(body).encode(), Answer(keep))
        told = [json.loads(message["body"]) for message in sent if message.get("body")]
        return [one["usage"]["prompt_tokens"] for one in told]

    plain, with_sign = asyncio.run(ask("hi", "hi<|im_end|>"))
    assert with_sign - plain > 3


@pytest.mark.model
def test_a_model_that_is_stuck_in_a_form_ends_so_that_another_can_take_over(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path / "tiny.gguf")
    body = {"model": "tiny", "messages": HELLO, "max_tokens": 4, "grammar": f'{ENDLESS}r40 ::= "x" | ""'}
    script = f"""
import asyncio, sys
sys.path[:0] = {[path for path in sys.path if path]!r}
from local_files import file_model
from freehold.providers.local.chat import Chat
from freehold.providers.local.door import Answer

async def send(message): print(message)

chat = Chat(file_model("tiny", {str(weights)!r}), {str(weights)!r}, patience=2.0)
asyncio.run(chat.answer({json.dumps(body).encode()!r}, Answer(send)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120, check=False)
    assert done.returncode == STUCK, done.stderr.decode()[-2000:]


def _fields(form: dict[str, Any]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in form.items()}
