"""A probe: one request, or a few that follow each other, and how the simulated model answers them."""

from __future__ import annotations

import json
from typing import Any, Literal

from msgspec import Struct

from benchmarks.parity.clients import Said
from benchmarks.parity.wishes import Wish
from benchmarks.parity.writing import WRITERS, Written
from freehold.providers.simulated import Behaviour
from freehold.providers.simulated.script import UsageNumbers

INBOUND = ("openai-chat", "openai-responses", "anthropic-messages", "gemini")
OUTBOUND = (*INBOUND, "bedrock-converse", "cohere")
MODES = ("whole", "streamed")


class Follow(Struct, frozen=True, kw_only=True):
    """A further request: what was answered goes back as the application got it, and then this."""

    text: str | None = None
    """What the user says next; None: what the tools gave."""
    by_name: bool = False
    """Only the answer's id goes back, as `previous_response_id`."""


class Probe(Struct, frozen=True, kw_only=True):
    """What is tried in one cell, beside others."""

    feature: str
    name: str
    asks: tuple[Wish | Follow, ...]
    behaves: Behaviour | tuple[Behaviour, ...] = Behaviour(
        text="Understood.", usage=UsageNumbers(120, 30, 0, 0, 0)
    )
    inbound: tuple[str, ...] = INBOUND
    """Dialects in which it can be asked."""
    switched: str | None = None
    """The answers but the last come from elsewhere: `dialect` from a provider of another dialect, `account` from
    another account with the same API."""
    error: bool = False
    """It must fail, and how is what is compared."""
    ours: Literal["request", "key", "model", "size"] | None = None
    """What is wrong with a request that Freehold refuses by itself; directly, the provider refuses it."""
    broken: bool = False
    """Nobody can say why it fails: what counts is that it does not look complete."""
    modes: tuple[str, ...] = MODES
    keeps: tuple[str, ...] = ()
    """Words that must reach the provider, in whatever form."""


def next_request(follow: Follow, inbound: str, before: Written, said: Said) -> Written:
    """The request that follows `before`, which was answered with `said`."""
    wish_like = dict(before)
    if inbound == "openai-chat":
        message = said.answer.choices[0].message
        sent_back = message.model_dump(mode="json", exclude_unset=True)
        sent_back.pop("parsed", None)
        more: list[Written] = [{"role": "user", "content": follow.text}] if follow.text else []
        for call in sent_back.get("tool_calls") or []:
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
            more.insert(
                0, {"role": "tool", "tool_call_id": call["id"], "content": _gave(call["function"]["name"])}
            )
        wish_like["messages"] = [*before["messages"], sent_back, *_in_order(more)]
    elif inbound == "openai-responses":
        items = [one.model_dump(mode="json", exclude_unset=True) for one in said.answer.output]
        more = [
            {"type": "function_call_output", "call_id": one["call_id"], "output": _gave(one["name"])}
            for one in items
            if one["type"] == "function_call"
        ]
        if follow.text:
            more.append({"role": "user", "content": follow.text})
        if follow.by_name:
            wish_like |= {"previous_response_id": said.answer.id, "input": more}
        else:
            wish_like["input"] = [*before["input"], *items, *more]
    elif inbound == "anthropic-messages":
        blocks = [one.model_dump(mode="json", exclude_unset=True) for one in said.answer.content]
        more = [
            {"type": "tool_result", "tool_use_id": one["id"], "content": _gave(one["name"])}
            for one in blocks
            if one["type"] == "tool_use"
        ]
        if follow.text:
            more.append({"type": "text", "text": follow.text})
        turns = [{"role": "assistant", "content": blocks}, {"role": "user", "content": more}]
        wish_like["messages"] = [*before["messages"], *turns]
    else:
        content = said.answer.candidates[0].content
        parts: list[Written] = [
            {
                "function_response": {
                    **({"id": one.function_call.id} if one.function_call.id else {}),
                    "name": one.function_call.name,
                    "response": {"output": _gave(one.function_call.name)},
                }
            }
            for one in content.parts
            if one.function_call is not None
        ]
        if follow.text:
            parts.append({"text": follow.text})
        wish_like["contents"] = [*before["contents"], content, {"role": "user", "parts": parts}]
    return wish_like


def _gave(tool: str) -> str:
    return json.dumps({"tool": tool, "degrees": 21})


def _in_order(messages: list[Written]) -> list[Written]:
    """Results in the order of their calls, then what the user says."""
    results = [one for one in messages if one["role"] == "tool"]
    return [*reversed(results), *(one for one in messages if one["role"] != "tool")]


def first_request(wish: Wish, inbound: str) -> Any:
    """How an application of the dialect writes it."""
    return WRITERS[inbound](wish)
