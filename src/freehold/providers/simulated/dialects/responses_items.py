"""What answers of the Responses API consist of."""

from __future__ import annotations

from freehold.providers.simulated.asking import Ask, Called, Said, Thought, Told
from freehold.providers.simulated.dialect import Object
from freehold.providers.simulated.dialects.openai_chat import logprobs
from freehold.providers.simulated.happenings import Finished, thoughts
from freehold.providers.simulated.script import Citation, UsageNumbers
from freehold.providers.simulated.turns import Turn

_INCOMPLETE = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
    "context": "max_output_tokens",
}


def reasoning_item(ask: Ask, turn: Turn) -> Object:
    """The item of what was thought."""
    reasoning = turn.behaviour.reasoning
    assert reasoning is not None
    item: Object = {"id": f"rs_{turn.identifier}", "type": "reasoning"}
    item["summary"] = [{"type": "summary_text", "text": one} for one in reasoning.summary]
    if reasoning.text:
        item["content"] = [{"type": "reasoning_text", "text": reasoning.text}]
    if ask.keeps_state and reasoning.state != "none":
        item["encrypted_content"] = ask.account.wrap(f"{item['id']} {thoughts(reasoning)}")
    return item


def message_item(ask: Ask, turn: Turn, text: str, refusal: str) -> Object:
    """The item of what was said."""
    part = refusal_part(refusal)
    if not refusal:
        probable = [] if ask.logprobs is None else logprobs(text, ask.logprobs)
        part = text_part(text, [_annotation(one, len(text)) for one in turn.behaviour.citations], probable)
    item: Object = {"id": f"msg_{turn.identifier}", "type": "message", "status": "completed"}
    return {**item, "role": "assistant", "content": [part]}


def text_part(text: str, annotations: list[Object], probable: list[Object]) -> Object:
    """A part of words."""
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": probable}


def refusal_part(refusal: str) -> Object:
    """A part that declines."""
    return {"type": "refusal", "refusal": refusal}


def call_item(turn: Turn, index: int, identifier: str, name: str, arguments: str) -> Object:
    """The item of a tool call."""
    item: Object = {"id": f"fc_{turn.identifier}{index}", "type": "function_call", "status": "completed"}
    return {**item, "arguments": arguments, "call_id": identifier, "name": name}


def _annotation(one: Citation, length: int) -> Object:
    end = length if one.end is None else one.end
    where = {"start_index": one.start, "end_index": end}
    return {"type": "url_citation", **where, "url": one.url or "", "title": one.title}


def remember(ask: Ask, turn: Turn, items: list[Object]) -> None:
    """Keeps what later requests refer to: the response, its items, and which call needs which reasoning."""
    thought = next((item["id"] for item in items if item["type"] == "reasoning"), None)
    said = Told("assistant", [])
    for item in items:
        if item["type"] == "function_call":
            said.parts.append(Called(item["call_id"], item["name"], item["arguments"]))
            if thought is not None:
                ask.account.remember(f"needs:{item['id']}", thought)
        elif item["type"] == "reasoning":
            said.parts.append(Thought(state=True))
        else:
            said.parts += [Said(one.get("text") or one.get("refusal") or "") for one in item["content"]]
        if ask.raw.get("store") is not False:
            ask.account.remember(f"item:{item['id']}")
    if ask.raw.get("store") is not False:
        turns = ask.turns[1:] if isinstance(ask.raw.get("instructions"), str) else ask.turns
        ask.account.remember(f"response:resp_{turn.identifier}", [*turns, said])


def response(ask: Ask, turn: Turn, items: list[Object], end: Finished | None) -> Object:
    """The response around the items; `end` None: it is not complete."""
    raw = ask.raw
    cut = None if end is None else _INCOMPLETE.get(end.reason)
    text = raw.get("text") or {}
    return {
        "id": f"resp_{turn.identifier}",
        "object": "response",
        "created_at": 1_700_000_000 + turn.number,
        "status": "in_progress" if end is None else "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": raw.get("instructions"),
        "max_output_tokens": raw.get("max_output_tokens"),
        "model": ask.model,
        "output": items,
        "parallel_tool_calls": ask.parallel,
        "previous_response_id": raw.get("previous_response_id"),
        "reasoning": {"effort": ask.effort, "summary": (raw.get("reasoning") or {}).get("summary")},
        "store": raw.get("store") is not False,
        "temperature": raw.get("temperature", 1.0),
        "text": {
            "format": text.get("format") or {"type": "text"},
            "verbosity": text.get("verbosity", "medium"),
        },
        "tool_choice": raw.get("tool_choice") or "auto",
        "tools": raw.get("tools") or [],
        "top_p": raw.get("top_p", 1.0),
        "truncation": raw.get("truncation") or "disabled",
        "usage": None if end is None or end.usage is None else _usage(end.usage),
        "user": raw.get("user"),
        "metadata": raw.get("metadata") or {},
    }


def _usage(usage: UsageNumbers) -> Object:
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    details = {
        "cached_tokens": usage.cache_read_tokens or 0,
        "cache_write_tokens": usage.cache_write_tokens or 0,
    }
    return {
        "input_tokens": read,
        "input_tokens_details": details,
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": read + written,
    }
