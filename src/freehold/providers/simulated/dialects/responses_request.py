"""What a request to the Responses API asks for, and what OpenAI refuses of it."""

from __future__ import annotations

from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Called, Offered, Returned, Said, Shown, Thought, Told
from freehold.providers.simulated.dialect import (
    Object,
    Refusal,
    count_at,
    known_only,
    list_at,
    number_at,
    object_at,
    objects_at,
    text_at,
    wrong,
)
from freehold.providers.simulated.dialects.openai_chat_request import media
from freehold.providers.simulated.dialects.openai_form import check_name, read_choice, read_format, read_tool
from freehold.providers.simulated.faults import Refused

_KNOWN = frozenset(
    """
    background context_management conversation include input instructions max_output_tokens
    max_tool_calls metadata model parallel_tool_calls previous_response_id prompt prompt_cache_key
    prompt_cache_retention reasoning prompt_cache_options moderation safety_identifier service_tier
    store stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user
    """.split()  # noqa: SIM905 - a list literal would be three times as long
)
_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs", "custom_tool_call": "ctc"}


def read(body: Object, account: Account) -> Ask:
    """What `body` asks for. Raises Refusal."""
    known_only(body, _KNOWN, "Unknown parameter: '{}'.")
    reasoning, text = object_at(body, "reasoning"), object_at(body, "text")
    include = list_at(body, "include")
    ask = Ask(
        model=text_at(body, "model"),
        account=account,
        stream=bool(body.get("stream")),
        limit=count_at(body, "max_output_tokens", 16),
        effort=reasoning.get("effort"),
        sampling={key: body.get(key) for key in ("temperature", "top_p")},
        parallel=body.get("parallel_tool_calls") is not False,
        keeps_state="reasoning.encrypted_content" in include,
        raw=body,
    )
    number_at(body, "temperature", 0, 2)
    number_at(body, "top_p", 0, 1)
    if "message.output_text.logprobs" in include:
        ask.logprobs = int(number_at(body, "top_logprobs", 0, 20) or 0)
    if isinstance(body.get("instructions"), str):
        ask.turns.append(Told("system", [Said(body["instructions"])]))
    previous = body.get("previous_response_id")
    if previous is not None:
        turns = account.recall(f"response:{previous}")
        if turns is None:
            message = f"Previous response with id '{previous}' not found."
            raise wrong(message, "previous_response_id", "previous_response_not_found")
        ask.turns += [Told(one.role, list(one.parts)) for one in turns]
    _Items(ask, body.get("store") is not False).read(_items(body))
    for index, tool in enumerate(objects_at(body, "tools")):
        _read_tool(ask, tool, f"tools[{index}].")
    read_choice(ask, body.get("tool_choice"), "tool_choice")
    wanted = object_at(text, "format")
    read_format(ask, wanted, wanted, "text.format")
    return ask


def _read_tool(ask: Ask, tool: Object, where: str) -> None:
    kind = text_at(tool, "type", where)
    if kind == "function":
        read_tool(ask, tool, where)
    elif kind == "custom":
        ask.tools.append(Offered(text_at(tool, "name", where), tool.get("description") or ""))
    elif kind == "namespace":
        for one in objects_at(tool, "tools", where):
            _read_tool(ask, one, where)
    else:
        ask.hosted.append(kind)


def _items(body: Object) -> list[Object]:
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if given is None and body.get("previous_response_id") is None and body.get("prompt") is None:
        raise wrong("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    return objects_at(body, "input")


class _Items:
    """Goes through the items of `input`, which hang together."""

    def __init__(self, ask: Ask, store: bool) -> None:
        self._ask = ask
        self._store = store
        self._calls = dict.fromkeys(ask.calls())
        self._open = set(self._calls) - {
            one.id for told in ask.turns for one in told.parts if isinstance(one, Returned)
        }
        self._reasons: set[str] = set()
        self._unfollowed: str | None = None

    def read(self, items: list[Object]) -> None:
        """Takes them all. Raises Refusal."""
        for index, item in enumerate(items):
            self._read(item, f"input[{index}]")
        self._follow(None)
        if self._open:
            raise wrong(f"No tool output found for function call {min(self._open)}.", "input")

    def _read(self, item: Object, where: str) -> None:  # noqa: PLR0912 - one row for each type
        kind = text_at({"type": "message"} | item, "type", f"{where}.")
        identifier = item.get("id")
        prefix = _PREFIXES.get(kind)
        if item.get("role") == "user":
            prefix = None
        if isinstance(identifier, str) and prefix is not None and not identifier.startswith(prefix):
            raise wrong(
                f"Invalid '{where}.id': '{identifier}'. Expected an ID that begins with '{prefix}'.",
                f"{where}.id",
                "invalid_value",
            )
        follows = "assistant" if kind != "message" or item.get("role") == "assistant" else "user"
        if kind.endswith("_output"):
            follows = "user"
        if kind != "reasoning":
            self._follow(follows)
        match kind:
            case "message":
                self._message(item, where)
            case "reasoning":
                self._reasoning(item, where)
            case "function_call" | "custom_tool_call":
                self._call(item, kind, where)
            case "function_call_output" | "custom_tool_call_output":
                self._output(item, where)
            case "item_reference":
                if not self._ask.account.recall(f"item:{identifier}"):
                    raise _not_found(identifier)
            case "additional_tools":
                for tool in objects_at(item, "tools", f"{where}."):
                    _read_tool(self._ask, tool, f"{where}.tools.")
            case _ if kind.endswith("_call"):
                self._calls[item.get("call_id") or ""] = None
            case _ if not kind.endswith(("_output", "_tools", "_request", "_response", "compaction")):
                raise wrong(f"Invalid value: '{kind}'.", f"{where}.type", "invalid_value")

    def _follow(self, role: str | None) -> None:
        if self._unfollowed is not None and role != "assistant":
            raise wrong(
                f"Item '{self._unfollowed}' of type 'reasoning' was provided without its required following item.",
                "input",
            )
        self._unfollowed = None

    def _message(self, item: Object, where: str) -> None:
        role = item.get("role")
        if role not in ("user", "assistant", "system", "developer"):
            raise wrong(f"Invalid value: '{role}'.", f"{where}.role", "invalid_value")
        content = item.get("content")
        parts = [Said(content)] if isinstance(content, str) else _content(item, role, where)
        self._ask.turns.append(Told("system" if role in ("system", "developer") else role, parts))

    def _reasoning(self, item: Object, where: str) -> None:
        identifier = text_at(item, "id", f"{where}.") if "id" in item else ""
        sealed = item.get("encrypted_content")
        if sealed is not None and not self._ask.account.opens(sealed):
            raise wrong(
                f"The encrypted content for item {identifier} could not be verified. Reason: Encrypted content "
                "could not be decrypted or parsed.",
                None,
                "invalid_encrypted_content",
            )
        if sealed is None and not (self._store and self._ask.account.recall(f"item:{identifier}")):
            raise _not_found(identifier)
        if not isinstance(item.get("summary"), list):
            raise wrong(
                f"Missing required parameter: '{where}.summary'.", where, "missing_required_parameter"
            )
        shown = [*objects_at(item, "content"), *objects_at(item, "summary")]
        self._ask.turns.append(
            Told("assistant", [Thought("\n\n".join(str(one.get("text", "")) for one in shown), state=True)])
        )
        self._reasons.add(identifier)
        self._unfollowed = identifier

    def _call(self, item: Object, kind: str, where: str) -> None:
        call = text_at(item, "call_id", f"{where}.")
        if not 0 < len(call) <= 64:
            raise wrong(f"Invalid '{where}.call_id': expected 1 to 64 characters.", f"{where}.call_id")
        name = text_at(item, "name", f"{where}.")
        check_name(name, f"{where}.name")
        needed = self._ask.account.recall(f"needs:{item.get('id')}")
        if needed is not None and needed not in self._reasons:
            raise wrong(
                f"Item '{item['id']}' of type '{kind}' was provided without its required 'reasoning' item: "
                f"'{needed}'.",
                "input",
            )
        arguments = text_at(item, "arguments" if kind == "function_call" else "input", f"{where}.")
        self._ask.turns.append(Told("assistant", [Called(call, name, arguments)]))
        self._calls[call] = None
        self._open.add(call)

    def _output(self, item: Object, where: str) -> None:
        call = text_at(item, "call_id", f"{where}.")
        if call not in self._calls and "conversation" not in self._ask.raw:
            raise wrong(f"No tool call found for function call output with call_id {call}.", "input")
        self._open.discard(call)
        output = item.get("output")
        content: list[Any] = [Said(output)] if isinstance(output, str) else []
        if not content:
            content = [_part(one, "user", where) for one in objects_at(item, "output", f"{where}.")]
        self._ask.turns.append(Told("user", [Returned(call, content)]))


def _content(item: Object, role: str, where: str) -> list[Any]:
    parts = objects_at(item, "content", f"{where}.")
    return [_part(one, role, f"{where}.content[{index}]") for index, one in enumerate(parts)]


def _part(part: Object, role: str, where: str) -> Said | Shown:
    kind = part.get("type")
    allowed = (
        ("output_text", "refusal") if role == "assistant" else ("input_text", "input_image", "input_file")
    )
    if kind not in allowed:
        names = ", ".join(f"'{one}'" for one in allowed)
        message = f"Invalid value: '{kind}'. Supported values are: {names}."
        raise wrong(message, f"{where}.type", "invalid_value")
    if kind in ("output_text", "input_text", "refusal"):
        return Said(text_at(part, "refusal" if kind == "refusal" else "text", f"{where}."))
    if kind == "input_image":
        return media("image", part.get("image_url") or part.get("file_id") or "")
    return media("document", part.get("file_data") or part.get("file_url") or part.get("file_id") or "")


def _not_found(identifier: object) -> Refusal:
    message = (
        f"Item with id '{identifier}' not found. Items are not persisted when `store` is set to false. Try "
        "again with `store` set to true, or remove this item from your input."
    )
    return Refusal(Refused(status=404, message=message, param="input"))
