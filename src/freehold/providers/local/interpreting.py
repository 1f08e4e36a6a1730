"""What llama.cpp streams, as the client is to see it: thoughts apart from the answer, and calls of tools as calls."""

from __future__ import annotations

from typing import Any

from freehold.providers.local.asked import Asked
from freehold.providers.local.thinking import Thinking

Chunk = dict[str, Any]


class Interpretation:
    """Takes in the chunks of one answer, or of its beginning and its end when its thinking had to be cut short."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._thinking = Thinking(begun=asked.begins_with_thought) if asked.thinks else None
        self._thoughts: list[str] = []
        self._thought_tokens = 0
        self._counted = 0
        """Tokens that were written before the thinking was cut short."""
        self._calls_told = 0

    @property
    def over_budget(self) -> bool:
        """Whether it has thought for as long as it may, and still does."""
        budget = self._asked.budget
        return (
            budget is not None
            and self._thinking is not None
            and self._thinking.inside
            and self._thought_tokens >= budget
        )

    def cut_short(self) -> tuple[str, int]:
        """End its thinking; what it has thought so far, and how many tokens that took."""
        self._counted = self._thought_tokens
        self._thinking = None
        return "".join(self._thoughts), self._counted

    def take(self, chunk: Chunk) -> Chunk:
        """What becomes of one chunk."""
        for choice in chunk.get("choices") or ():
            delta = choice["delta"] = choice.get("delta") or {}
            self._read(delta, ends=choice.get("finish_reason") is not None)
            if choice.get("finish_reason") == "stop" and self._calls_told:
                choice["finish_reason"] = "tool_calls"
        usage = chunk.get("usage")
        if usage is not None and self._asked.thinks:
            self._correct(usage)
        return chunk

    def _read(self, delta: dict[str, Any], *, ends: bool) -> None:
        text = delta.pop("content", None)
        thought, said = "", text or ""
        if self._thinking is not None:
            self._thought_tokens += bool(text) and (self._thinking.inside or not self._thoughts)
            thought, said = self._thinking.feed(said)
            if ends:
                more_thought, more_said = self._thinking.end()
                thought, said = thought + more_thought, said + more_said
        calls = self._asked.calls
        if calls is not None:
            said = calls.feed(said) + (calls.end() if ends else "")
            if len(calls.found) > self._calls_told:
                new = calls.found[self._calls_told :]
                delta["tool_calls"] = [call.delta(self._calls_told + at) for at, call in enumerate(new)]
                self._calls_told = len(calls.found)
        if thought:
            self._thoughts.append(thought)
            if self._asked.shows_thoughts:
                delta["reasoning_content"] = thought
        if said or (text is None and delta.get("role")):
            delta["content"] = said or None

    def _correct(self, usage: dict[str, Any]) -> None:
        usage["completion_tokens"] = usage.get("completion_tokens", 0) + self._counted
        usage["total_tokens"] = usage.get("prompt_tokens", 0) + usage["completion_tokens"]
        if self._counted:  # the second prompt held what had been thought, and was not asked by anybody
            usage["prompt_tokens"] -= min(self._counted, usage["prompt_tokens"])
            usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
        usage["completion_tokens_details"] = {"reasoning_tokens": self._thought_tokens}
