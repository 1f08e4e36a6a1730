"""Messages into turns: they alternate, the user begins, and results of tools stand first in their turn."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.parts import Media, Message, Text
from freehold.wire.anthropic.content_out import Block, encode_block, text_block
from freehold.wire.anthropic.outgoing import Outgoing

BLANK = "(no content)"
"""Stands in a turn that has none: the provider refuses an empty one, and without it two turns would become one."""
_SYSTEM = ("system", "developer")


class Turn(msgspec.Struct):
    """What one side says at a time."""

    role: str
    results: list[Block] = []
    blocks: list[Block] = []
    extra: Fields = {}

    def fields(self) -> dict[str, object]:
        """As it is sent."""
        return {"role": self.role, "content": [*self.results, *self.blocks], **self.extra}


def encode_conversation(messages: list[Message], out: Outgoing) -> tuple[list[Block], list[Turn]]:
    """The blocks of `system`, and the turns. Raises BadRequest when there is nothing to say."""
    first = next((at for at, message in enumerate(messages) if message.role not in _SYSTEM), len(messages))
    leading, rest = messages[:first], messages[first:]
    if not rest and leading and not out.same:
        out.losses.add("system.position")
        leading, rest = [], [Message(role="user", parts=message.parts) for message in leading]
    if not rest:
        raise BadRequest("The field `messages` is empty.", param="messages")
    system = [block for message in leading for block in _system_blocks(message, out)]
    turns: list[Turn] = []
    for message in rest:
        _add(turns, message, out)
    _fill(turns, out)
    if turns[0].role == "assistant" and not out.same:
        turns.insert(0, Turn("user", blocks=[{"type": "text", "text": BLANK}]))
    return system, turns


def _system_blocks(message: Message, out: Outgoing) -> list[Block]:
    blocks: list[Block] = []
    _lose_name(message, out)
    out.own(message.extra)
    for part in message.parts:
        if isinstance(part, Media):
            out.losses.add(part.kind)
        elif (block := encode_block(part, out)) is not None:
            blocks.append(block)
    return blocks


def _add(turns: list[Turn], message: Message, out: Outgoing) -> None:
    if message.role in _SYSTEM:
        if out.same:
            turns.append(Turn("system", blocks=_system_blocks(message, out), extra=message.extra))
            return
        out.losses.add("system.position")
        text = "\n".join(part.text for part in message.parts if isinstance(part, Text) and part.text.strip())
        others = [part for part in message.parts if not isinstance(part, Text)]
        told = Text(text=f"<system>\n{text}\n</system>") if text else Text()
        message = Message(role="user", parts=[told, *others], name=message.name, extra=message.extra)
    _lose_name(message, out)
    role = "assistant" if message.role == "assistant" else "user"
    if not turns or turns[-1].role != role:
        turns.append(Turn(role, results=[], blocks=[]))
    turn = turns[-1]
    turn.extra = {**turn.extra, **out.own(message.extra)}
    for part in message.parts:
        if role == "assistant" and isinstance(part, Media) and not out.same:
            out.losses.add(part.kind)  # only the user may show something
            block: Block | None = text_block(part.transcript or "", out)
        else:
            block = encode_block(part, out)
        if block is not None:
            (turn.results if message.role == "tool" else turn.blocks).append(block)


def _lose_name(message: Message, out: Outgoing) -> None:
    if message.name is not None:
        out.losses.add("message.name")


def calls_unsigned(turns: list[Turn]) -> bool:
    """Whether the last turn gives results of calls that no reasoning stands before."""
    if len(turns) < 2 or not turns[-1].results or turns[-2].role != "assistant":
        return False
    return not any(_kind(block) in ("thinking", "redacted_thinking") for block in turns[-2].blocks[:1])


def _kind(block: Block) -> object:
    return block["type"] if isinstance(block, dict) else None


def _fill(turns: list[Turn], out: Outgoing) -> None:
    """Gives turns without content some, and cuts off the white space at the end, which the provider refuses."""
    last = turns[-1]
    if last.role == "assistant" and not last.blocks and len(turns) > 1:
        out.losses.add("message.blank")
        turns.pop()
    for turn in turns:
        if not turn.blocks and not turn.results:
            out.losses.add("message.blank")
            turn.blocks.append({"type": "text", "text": BLANK})
    end = last.blocks[-1] if last.role == "assistant" and last.blocks and not out.same else None
    if isinstance(end, dict) and end["type"] == "text" and end["text"] != end["text"].rstrip():
        out.losses.add("message.blank")
        end["text"] = end["text"].rstrip()
