"""Messages as `systemInstruction` and `contents`."""

from __future__ import annotations

from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Message, Part, Reasoning, Text, ToolCall, ToolResult
from freehold.core.request import ChatRequest
from freehold.wire.dialect import Recipient
from freehold.wire.gemini.fields import NAME, Json
from freehold.wire.gemini.ids import is_made
from freehold.wire.gemini.parts_out import extras_out, part_out
from freehold.wire.gemini.results_out import result_out
from freehold.wire.sealing import is_for

UNSIGNED = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""What Gemini takes in place of the signature of a call that another model made, and refuses to go on without."""


class ContentsWriter:
    """Turns the messages of one request into contents."""

    def __init__(self, request: ChatRequest, recipient: Recipient, losses: Losses) -> None:
        self.system: list[Json] = []
        self.contents: list[Json] = []
        self._own = request.dialect == NAME
        self._recipient = recipient
        self._losses = losses
        self._last = ""
        """Role of the message before, as in the internal form."""
        self._calls: dict[str, str] = {}
        """Names of the tools that were called, by the id of the call."""
        self._order: dict[str, int] = {}
        """Which call was made before which, by its id."""
        self._results: list[str] = []
        """Ids of the results in the content that is being written."""

    def write(self, messages: list[Message]) -> None:
        """All of them, in order."""
        for message in messages:
            if message.name is not None:
                self._losses.add("message.name")
            if message.role == "tool":
                self._add_results(message)
                continue
            if message.role in ("system", "developer"):
                self._instruct(message)
            else:
                self._sort_results()
                self._add_turn(message)
        self._sort_results()

    def _instruct(self, message: Message) -> None:
        if self.contents:
            self._losses.add("system.position")
        for part in message.parts:
            written = self._part(part)
            if written is None:
                continue
            if "text" not in written and not self._own:
                self._losses.add(part.kind if isinstance(part, Media) else "part", *_detail(part))
                continue
            self.system.append(written)
        extras_out(None, message.extra, self._losses, own=False)

    def _add_results(self, message: Message) -> None:
        content = self._content(message, joined=self._last == "tool")
        for part in message.parts:
            written = self._part(part)
            if written is not None:
                content["parts"].append(written)
            if isinstance(part, ToolResult):
                self._results.append(part.call_id)
        self._last = "tool"

    def _sort_results(self) -> None:
        """All results of a turn's calls are written. Those without ids are told apart by their order alone."""
        results, self._results = self._results, []
        if not any(map(is_made, results)) or len(results) != len(self.contents[-1]["parts"]):
            return
        order = self._order
        ranked = sorted(
            zip(results, self.contents[-1]["parts"], strict=True),
            key=lambda pair: order.get(pair[0], len(order)),
        )
        self.contents[-1]["parts"] = [part for _, part in ranked]

    def _add_turn(self, message: Message) -> None:
        model = message.role == "assistant"
        content = self._content(message, joined=self._last in (("assistant",) if model else ("tool",)))
        parts: list[Json] = content["parts"]
        for part in message.parts:
            written = self._part(part)
            if isinstance(part, ToolCall):
                self._calls[part.id] = part.name
                self._order.setdefault(part.id, len(self._order))
            if written is not None:
                parts.append(written)
        if not message.parts and not self._own:
            parts.append({"text": ""})  # an empty turn is a turn; one without parts is refused
        elif not parts and message.parts:
            self.contents.pop()  # all of it was lost, and declared
            return
        self._last = message.role

    def _content(self, message: Message, *, joined: bool) -> Json:
        """The content to write into: a model's turn, and all results of its calls, are one content each."""
        if not joined or not self.contents:
            role = "model" if message.role == "assistant" else "user"
            self.contents.append({"role": role, "parts": []})
        content = self.contents[-1]
        extras_out(content, message.extra, self._losses, own=self._own)
        return content

    def _part(self, part: Part) -> Json | None:
        if isinstance(part, ToolResult):
            name = part.name or self._calls.get(part.call_id) or part.call_id
            return result_out(part, name, self._recipient.quirks, self._losses, own=self._own)
        if isinstance(part, Media) and part.kind not in self._recipient.quirks.input_media:
            self._losses.add(part.kind)
            return {"text": part.transcript} if part.transcript else None
        if isinstance(part, Text) and part.citations:
            self._losses.add("citations")
        signature = self._signature(part)
        if isinstance(part, Reasoning) and not (part.text or any(part.summary) or signature or self._own):
            return None  # nothing but state of somebody else
        written = part_out(part, self._losses, own=self._own)
        if written is not None and signature is not None:
            written["thoughtSignature"] = signature
        return written

    def _signature(self, part: Part) -> str | None:
        if not isinstance(part, Text | Media | ToolCall | Reasoning | Foreign) or part.state is None:
            return None
        if is_for(part.state, self._recipient, same_dialect=self._own):
            return part.state.data
        self._losses.add("reasoning.state")
        return None

    def sign_calls(self) -> None:
        """Marks the calls that another model made: the first of a turn needs a signature, or the mark.

        Where a turn's signature sits on another part, it is back where it came from, and nothing is missing.
        """
        for content in self.contents:
            if content["role"] != "model":
                continue
            first = next((part for part in content["parts"] if "functionCall" in part), None)
            if first is not None and not any("thoughtSignature" in part for part in content["parts"]):
                first["thoughtSignature"] = UNSIGNED


def _detail(part: Part) -> tuple[str, ...]:
    return () if isinstance(part, Media) else (type(part).__name__.lower(),)
