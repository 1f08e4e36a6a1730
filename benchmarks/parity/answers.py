"""Two answers as they are compared: what they mean to an application, whatever pieces they come in.

Left out are ids, times, names of models, and the places of opaque reasoning state: whether that is whole shows in
the next turn, which the provider refuses without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from benchmarks.parity.clients import Said

View = dict[str, Any]

_NAMES = frozenset(
    """
    id created created_at completed_at model model_version response_id create_time call_id system_fingerprint
    previous_response_id sdk_http_response automatic_function_calling_history index object type role
    """.split()  # noqa: SIM905 - a list literal would be three times as long
)
"""Ids, times, names of models, and what is always the same."""


def comparable(inbound: str, said: Said) -> View:
    """What of an answer is compared."""
    if said.dumped is None:
        return {}
    found = deepcopy(said.dumped)
    view = _VIEWS[inbound](found)
    for name in ("usage", "usage_metadata"):
        view[name] = _counted(view.get(name))
    found = without_nothing(view)
    return found if isinstance(found, dict) else {}


def _counted(usage: Any) -> Any:
    """Usage without zeros: what was not counted is left out by some, and said to be none by others. Where tokens
    that a cache had to do with are not among the input's, they are put there, as with everybody else.
    """
    if not isinstance(usage, dict):
        return usage
    cached = [usage.get(f"cache_{kind}_input_tokens") or 0 for kind in ("read", "creation")]
    found = {key: _counted(one) for key, one in usage.items() if one != 0}
    if any(cached):
        found["input_tokens"] = (usage.get("input_tokens") or 0) + sum(cached)
    return found


def without_nothing(value: Any) -> Any:
    """What is empty is as good as absent. A model's arguments are left as they are."""
    if isinstance(value, list):
        return [without_nothing(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        if key in _NAMES or one in (None, "", [], {}):
            continue
        inner = one if key == "arguments" else without_nothing(one)
        if inner not in ({}, []):
            found[key] = inner
    return found


class _Gathered:
    """What was said, in order: thoughts, text, calls."""

    def __init__(self) -> None:
        self.view: View = {
            "thoughts": "",
            "text": "",
            "refusal": "",
            "calls": [],
            "citations": [],
            "other": [],
        }
        self._order: list[str] = []

    def say(self, kind: str, value: Any) -> None:
        """One more piece."""
        if value in (None, "", []):
            return
        if not self._order or self._order[-1] != kind:
            self._order.append(kind)
        self.view[kind] += value if isinstance(value, str | list) else [value]

    def think(self, text: str) -> None:
        """Sections are set apart by an empty line, however they come."""
        if text:
            self.say("thoughts", f"\n\n{text}" if self.view["thoughts"] else text)

    def call(self, name: str, arguments: Any) -> None:
        """A tool call."""
        self.say("calls", {"name": name, "arguments": arguments})

    def result(self, **more: Any) -> View:
        """All of it."""
        return {**self.view, "order": self._order, **more}


def _chat(dumped: View) -> View:
    choices = []
    for choice in dumped.pop("choices"):
        message, gathered = dict(choice.pop("message")), _Gathered()
        gathered.think(message.pop("reasoning_content", None) or message.pop("reasoning", None) or "")
        gathered.say("text", message.pop("content", None))
        gathered.say("refusal", message.pop("refusal", None))
        for one in message.pop("tool_calls", None) or []:
            function = one.get("function") or one.get("custom")
            gathered.call(function["name"], _parsed(function.get("arguments", function.get("input"))))
        gathered.say(
            "citations",
            [_placed(one.get("url_citation") or one) for one in message.pop("annotations", None) or []],
        )
        for name in ("reasoning_details", "reasoning", "extra_content"):  # where state is kept
            message.pop(name, None)
        choices.append(gathered.result(stop=choice.pop("finish_reason", None), message=message, **choice))
    return {"choices": choices, **dumped}


def _placed(citation: View) -> View:
    """From the beginning is what is meant when nothing is said."""
    return {key: one for key, one in citation.items() if key != "start_index" or one}


def _responses(dumped: View) -> View:
    gathered = _Gathered()
    logprobs: list[Any] = []
    other: list[View] = []
    for item in dumped.pop("output"):
        kind = item["type"]
        if kind == "reasoning":
            for one in (*(item.get("content") or ()), *(item.get("summary") or ())):
                gathered.think(one["text"])
        elif kind == "message":
            for part in item["content"]:
                gathered.say("text", part.get("text"))
                gathered.say("refusal", part.get("refusal"))
                gathered.say("citations", [_placed(one) for one in part.get("annotations") or []])
                logprobs += part.get("logprobs") or []
        elif kind in ("function_call", "custom_tool_call"):
            gathered.call(item["name"], _parsed(item.get("arguments", item.get("input"))))
        else:
            other.append(item)
    stop = {"status": dumped.pop("status", None), **(dumped.pop("incomplete_details", None) or {})}
    choice = gathered.result(stop=stop, logprobs=logprobs, other=other)
    return {"choices": [choice], **dumped}


def _messages(dumped: View) -> View:
    gathered = _Gathered()
    for block in dumped.pop("content"):
        kind = block["type"]
        if kind == "thinking":
            gathered.think(block["thinking"])
        elif kind == "text":
            gathered.say("text", block["text"])
            gathered.say("citations", [dict(one) for one in block.get("citations") or []])
        elif kind == "tool_use":
            gathered.call(block["name"], block["input"])
        elif kind != "redacted_thinking":
            gathered.say("other", block)
    stop = {name: dumped.pop(name, None) for name in ("stop_reason", "stop_sequence", "stop_details")}
    return {"choices": [gathered.result(stop=stop)], **dumped}


def _contents(dumped: View) -> View:
    choices = []
    for candidate in dumped.pop("candidates", None) or []:
        content, gathered = candidate.pop("content", None) or {}, _Gathered()
        for part in content.get("parts") or []:
            if part.get("function_call"):
                gathered.call(part["function_call"]["name"], part["function_call"].get("args") or {})
            elif part.get("thought"):
                gathered.think(part.get("text") or "")
            elif "text" in part:
                gathered.say("text", part["text"])
            elif set(part) - {"thought_signature"}:
                gathered.say("other", part)
        grounding = candidate.pop("grounding_metadata", None) or {}
        gathered.say("citations", _grounded(grounding))
        logprobs = candidate.pop("logprobs_result", None)
        candidate.pop("avg_logprobs", None)  # a sum of what is compared
        choices.append(
            gathered.result(stop=candidate.pop("finish_reason", None), logprobs=logprobs, **candidate)
        )
    return {"choices": choices, **dumped}


def _grounded(grounding: View) -> list[View]:
    chunks = grounding.get("grounding_chunks") or []
    found = []
    for support in grounding.get("grounding_supports") or []:
        for at in support.get("grounding_chunk_indices") or []:
            chunk = chunks[at].get("web") or chunks[at].get("retrieved_context") or {}
            segment = support.get("segment") or {}
            place = {name: segment.get(name) for name in ("start_index", "end_index")}
            found.append(_placed({"url": chunk.get("uri"), "title": chunk.get("title"), **place}))
    return found


def _parsed(text: Any) -> Any:
    """Arguments are the same when they mean the same."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


_VIEWS: dict[str, Callable[[View], View]] = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic-messages": _messages,
    "gemini": _contents,
}
