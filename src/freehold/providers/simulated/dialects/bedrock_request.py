"""What a request to Bedrock's Converse asks for, and what Amazon refuses of it."""

from __future__ import annotations

import json
import re
from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Called, Offered, Returned, Said, Shown, Thought, Told
from freehold.providers.simulated.dialect import (
    Object,
    Place,
    count_at,
    number_at,
    object_at,
    objects_at,
    text_at,
    texts_at,
    wrong,
)

_IDENTIFIER = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_BOTH = frozenset(("text", "cachePoint", "image", "document", "citationsContent", "guardContent"))
_FROM_USER = frozenset(("toolResult", "video", "audio", "searchResult"))
_FROM_ASSISTANT = frozenset(("toolUse", "reasoningContent", "toolResult"))
_DOCUMENT = re.compile(r"[A-Za-z0-9\-()\[\] ]{1,200}")


def read(body: Object, place: Place, account: Account) -> Ask:
    """What `body` asks for. Raises Refusal."""
    config = object_at(body, "inferenceConfig")
    number_at(config, "temperature", 0, 1)
    number_at(config, "topP", 0, 1)
    more = object_at(body, "additionalModelRequestFields")
    thinking, output = object_at(more, "thinking"), object_at(body, "outputConfig")
    effort = object_at(more, "output_config").get("effort") or output.get("effort")
    ask = Ask(
        model=place.model or "",
        account=account,
        stream=place.stream,
        limit=count_at(config, "maxTokens"),
        stop=texts_at(config, "stopSequences"),
        sampling={
            "temperature": config.get("temperature"),
            "top_p": config.get("topP"),
            "top_k": more.get("top_k"),
        },
        effort="none" if thinking.get("type") == "disabled" else effort,
        budget=thinking.get("budget_tokens"),
        call_prefix="tooluse_",
        framed=True,
    )
    system = [Said(text_at(one, "text")) for one in objects_at(body, "system") if "text" in one]
    if any(not one.text for one in system):
        raise wrong("The text field in the SystemContentBlock object is blank. Add text to the text field.")
    if system:
        ask.turns.append(Told("system", list(system)))
    ask.cache_marks = sum("cachePoint" in one for one in objects_at(body, "system"))
    _read_tools(ask, body, more)
    _Messages(ask, has_tools="toolConfig" in body).read(objects_at(body, "messages"))
    text = object_at(output, "textFormat")
    if text:
        schema = object_at(object_at(text, "structure"), "jsonSchema")
        try:
            ask.schema = json.loads(text_at(schema, "schema"))
        except ValueError:
            raise wrong("The JSON schema of outputConfig.textFormat is no JSON.") from None
    return ask


def _read_tools(ask: Ask, body: Object, more: Object) -> None:
    config = object_at(body, "toolConfig")
    if not config:
        return
    tools = objects_at(config, "tools")
    if not tools:
        raise wrong(
            "Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal "
            "to 1"
        )
    for tool in tools:
        if "toolSpec" in tool:
            function = object_at(tool, "toolSpec")
            name = text_at(function, "name")
            if not _NAME.fullmatch(name) or any(one.name == name for one in ask.tools):
                raise wrong(f"The tool name {name} is not allowed or not unique.")
            if function.get("description") == "":
                raise wrong(
                    "Value at 'toolSpec.description' failed to satisfy constraint: Member must not be empty"
                )
            schema = object_at(object_at(function, "inputSchema"), "json")
            if schema.get("type") != "object":
                raise wrong(f"The value at toolConfig.tools.{name}.inputSchema.json.type must be object.")
            ask.tools.append(Offered(name, function.get("description") or "", schema))
        elif "cachePoint" in tool:
            ask.cache_marks += 1
        else:
            ask.hosted.append("systemTool")
    choice = object_at(config, "toolChoice")
    if len(choice) > 1:
        raise wrong("toolChoice: only one member of a union may be set.")
    ask.choice = "required" if "any" in choice or "tool" in choice else "auto"
    if "tool" in choice:
        ask.allowed.append(text_at(choice["tool"], "name"))
        if not any(tool.name == ask.allowed[0] for tool in ask.tools):
            raise wrong(f"toolChoice names the tool {ask.allowed[0]}, which is not in toolConfig.tools.")
    ask.parallel = object_at(more, "tool_choice").get("disable_parallel_tool_use") is not True


class _Messages:
    """Goes through the messages, which hang together."""

    def __init__(self, ask: Ask, *, has_tools: bool) -> None:
        self._ask = ask
        self._has_tools = has_tools
        self._open: list[str] = []

    def read(self, messages: list[Object]) -> None:
        """Takes them all. Raises Refusal."""
        if not messages:
            raise wrong(
                "A conversation must have at least one message. Try again with a conversation with messages."
            )
        strict = self._ask.account.strict_turns
        if strict and messages[0].get("role") != "user":
            raise wrong(
                "A conversation must start with a user message. Try again with a conversation that starts with a "
                "user message."
            )
        before = None
        for index, message in enumerate(messages):
            role = message.get("role")
            if role not in ("user", "assistant"):
                raise wrong(f"Value '{role}' at 'messages.{index}.role' failed to satisfy enum value set.")
            if role == before and strict:
                raise wrong(
                    "A conversation must alternate between user and assistant roles. Make sure the conversation "
                    "alternates between user and assistant roles and try again."
                )
            before = role
            blocks = objects_at(message, "content", f"messages.{index}.")
            if not blocks:
                raise wrong(f"The content field in the Message object at messages.{index} is empty.")
            self._check_results(blocks if role == "user" else [], index)
            told = Told(role, [])
            for place, block in enumerate(blocks):
                self._read(told, block, f"messages.{index}.content.{place}")
            _check_documents(blocks)
            self._ask.turns.append(told)
        if self._open:
            raise _missing(len(messages), self._open)

    def _check_results(self, blocks: list[Object], index: int) -> None:
        given = [
            one["toolResult"].get("toolUseId") for one in blocks if isinstance(one.get("toolResult"), dict)
        ]
        missing = [one for one in self._open if one not in given]
        if missing:
            raise _missing(index, missing)
        if len(given) > len(self._open) or set(given) - set(self._open):
            raise wrong(
                f"The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of "
                "previous turn."
            )
        self._open = []

    def _read(self, told: Told, block: Object, where: str) -> None:
        keys = [key for key in block if key != "SDK_UNKNOWN_MEMBER"]
        if len(keys) != 1:
            raise wrong(f"The content block at {where} must have exactly one member set.")
        kind = keys[0]
        if kind in ("toolUse", "toolResult") and not self._has_tools:
            raise wrong(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks."
            )
        if kind not in (_BOTH | (_FROM_USER if told.role == "user" else _FROM_ASSISTANT)):
            raise wrong(f"{where}: a {kind} block is not allowed in a message of the {told.role}.")
        match kind:
            case "toolUse":
                told.parts.append(self._call(block["toolUse"], where))
            case "toolResult":
                told.parts.append(self._result(block["toolResult"], where))
            case "reasoningContent":
                told.parts.append(self._thought(block["reasoningContent"], where))
            case "cachePoint":
                self._ask.cache_marks += 1
            case "citationsContent":
                content = objects_at(block["citationsContent"], "content")
                told.parts += [Said(text_at(one, "text")) for one in content]
            case _:
                told.parts.append(shown(block, where))

    def _call(self, call: Object, where: str) -> Called:
        identifier = text_at(call, "toolUseId", f"{where}.")
        if not _IDENTIFIER.fullmatch(identifier):
            raise wrong(f"Value '{identifier}' at '{where}.toolUse.toolUseId' failed to satisfy constraint.")
        if not isinstance(call.get("input"), dict):
            raise wrong(
                f"The format of the value at {where}.toolUse.input is invalid. Provide a json object."
            )
        if identifier in self._open:
            raise wrong("The toolUse blocks of a message must have unique ids.")
        self._open.append(identifier)
        return Called(identifier, text_at(call, "name", f"{where}."), call["input"])

    def _result(self, result: Object, where: str) -> Returned:
        blocks = objects_at(result, "content", f"{where}.")
        content: Any = [shown(one, where) for one in blocks if "json" not in one]
        structured = [one["json"] for one in blocks if "json" in one]
        if structured and not isinstance(structured[0], dict):
            raise wrong(f"The format of the value at {where}.toolResult.content.json is invalid.")
        content = (
            structured[0]
            if structured and not content
            else content + [Said(json.dumps(one)) for one in structured]
        )
        return Returned(text_at(result, "toolUseId", f"{where}."), content, result.get("status") == "error")

    def _thought(self, thought: Object, where: str) -> Thought:
        if "redactedContent" in thought:
            if not self._ask.account.opens(thought["redactedContent"]):
                raise wrong(f"{where}: Invalid `data` in `redacted_thinking` block")
            return Thought(state=True)
        shown_thought = object_at(thought, "reasoningText")
        text = text_at(shown_thought, "text", f"{where}.")
        if not self._ask.account.signed(shown_thought.get("signature"), text):
            raise wrong(f"{where}: Invalid `signature` in `thinking` block")
        return Thought(text, state=True)


def _check_documents(blocks: list[Object]) -> None:
    documents = [one["document"] for one in blocks if "document" in one]
    names = [one.get("name") for one in documents]
    if documents and not any("text" in one for one in blocks):
        raise wrong("Any user message with documents must include a text block.")
    if len(set(names)) != len(names) or not all(_DOCUMENT.fullmatch(str(name)) for name in names):
        raise wrong(
            "The file name can only contain alphanumeric characters, whitespace, hyphens, and brackets."
        )


def _missing(index: int, identifiers: list[str]) -> Exception:
    names = ", ".join(identifiers)
    return wrong(f"Expected toolResult blocks at messages.{index}.content for the following Ids: {names}")


def shown(block: Object, where: str) -> Said | Shown:
    """Words or media."""
    if "text" in block:
        text = text_at(block, "text", f"{where}.")
        if not text:
            raise wrong(
                f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, and try "
                "again."
            )
        return Said(text)
    kind = next((one for one in ("image", "document", "video", "audio") if one in block), None)
    if kind is None:
        return Shown("document", text=json.dumps(block))
    found = object_at(block, kind, f"{where}.")
    if not found.get("format") and kind != "document":
        raise wrong(f"{where}.{kind}.format: Member must not be null")
    source = object_at(found, "source", f"{where}.")
    if "bytes" in source:
        return Shown(kind, text_at(source, "bytes", f"{where}."))
    if "text" in source:
        return Shown(kind, text=source["text"])
    return Shown(kind, reference=object_at(source, "s3Location").get("uri") or json.dumps(source))
