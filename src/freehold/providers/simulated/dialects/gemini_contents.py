"""The contents of a request to Gemini: turns, calls and their responses, and signatures in their places."""

from __future__ import annotations

from typing import Any

from freehold.providers.simulated.asking import Ask, Called, Returned, Said, Shown, Thought, Told, canonical
from freehold.providers.simulated.dialect import Object, object_at, objects_at, text_at, wrong

_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
)

_STAND_INS = (
    "skip_thought_signature_validator",
    "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
    "context_engineering_is_the_way_to_go",
    "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
)
"""Documented by Google for calls that another model made."""


class Contents:
    """Goes through the contents, which hang together."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._open: list[Called] = []
        self._number = 0

    def read(self, contents: list[Object]) -> None:
        """Takes them all. Raises Refusal."""
        contents = _joined(contents)
        texts = [
            one.get("role") != "model" and any("text" in part for part in _parts(one)) for one in contents
        ]
        current = max((place for place, found in enumerate(texts) if found), default=-1)
        for index, content in enumerate(contents):
            role = content.get("role") or "user"
            if role not in ("user", "model", "function"):
                raise wrong("Please use a valid role: user, model.")
            parts = _parts(content)
            if not parts:
                raise wrong(
                    f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty.\n"
                )
            for place, part in enumerate(parts):
                if not any(key in part for key in (*_DATA, "toolCall", "toolResponse")):
                    raise wrong(
                        f"* GenerateContentRequest.contents[{index}].parts[{place}].data: required oneof field "
                        "'data' must have one initialized field\n"
                    )
            if role == "model":
                self._model(parts, index, needs_signature=index > current)
            else:
                self._user(parts)
        if self._open:
            raise _unpaired()

    def _user(self, parts: list[Object]) -> None:
        told = Told("user", [])
        for part in parts:
            if "functionResponse" in part:
                told.parts.append(self._returned(part["functionResponse"]))
            else:
                told.parts.append(_shown(part))
        if self._open:
            raise _unpaired()
        self._ask.turns.append(told)

    def _returned(self, response: Object) -> Returned:
        name, identifier = text_at(response, "name", "function_response."), response.get("id")
        call = next(
            (one for one in self._open if one.name == name and (identifier is None or one.id == identifier)),
            None,
        )
        if call is None:
            raise _unpaired()
        self._open.remove(call)
        if not isinstance(response.get("response"), dict):
            raise wrong("function_response.response: a struct is required.")
        value: Any = response["response"]
        failed = set(value) == {"error"}
        media = [_shown(one) for one in objects_at(response, "parts")]
        if media:
            words = canonical(value) if len(value) != 1 else str(next(iter(value.values())))
            value = [Said(words), *media]
        return Returned(call.id, value, failed)

    def _model(self, parts: list[Object], index: int, *, needs_signature: bool) -> None:
        if self._open:
            raise wrong(
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        told = Told("assistant", [])
        texts = [one for one in parts if "text" in one and not one.get("thought")]
        text = "".join(text_at(one, "text", "parts.") for one in texts)
        calls = 0
        for place, part in enumerate(parts):
            where = f"contents[{index}].parts[{place}]"
            if "functionCall" in part:
                calls += 1
                call = self._called(part["functionCall"])
                self._check_call(part, call, where, needed=needs_signature)
                told.parts.append(call)
                self._open.append(call)
            elif part.get("thought"):
                told.parts.append(Thought(str(part.get("text", ""))))
            elif "text" in part:
                told.parts.append(Said(text_at(part, "text", where)))
                if "thoughtSignature" in part:
                    content = f"text:{text}" if part["text"] else f"empty:{text}"
                    self._check(part, content, where)
            elif "inlineData" in part or "fileData" in part:
                told.parts.append(_shown(part))
            if "thoughtSignature" in part and part["thoughtSignature"] not in _STAND_INS:
                if part.get("thought"):
                    raise wrong(f"{where}: Thought signature is not valid.")
                told.parts.append(Thought(state=True))
        self._ask.turns.append(told)

    def _called(self, call: Object) -> Called:
        name = text_at(call, "name", "function_call.")
        self._number += 1
        arguments = call.get("args")
        if arguments is not None and not isinstance(arguments, dict):
            raise wrong("Invalid value at 'function_call.args': a struct is required.")
        return Called(call.get("id") or f"call number {self._number}", name, arguments or {})

    def _check_call(self, part: Object, call: Called, where: str, *, needed: bool) -> None:
        content = call_content(call.name, call.arguments)
        if "thoughtSignature" in part:
            self._check(part, content, where)
        elif needed and self._ask.account.recall(content):
            raise wrong(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                f"work correctly. Function call `{call.name}`, position {where}."
            )

    def _check(self, part: Object, content: str, where: str) -> None:
        signature = part["thoughtSignature"]
        if signature not in _STAND_INS and not self._ask.account.signed(signature, content):
            raise wrong(f"{where}: Thought signature is not valid.")


def call_content(name: str, arguments: object) -> str:
    """What the signature of a call is made for."""
    return f"call:{name}:{canonical(arguments)}"


def _joined(contents: list[Object]) -> list[Object]:
    """Neighbours of one role as one: the SDK keeps every chunk of a stream as a content of its own."""
    joined: list[Object] = []
    for one in contents:
        if joined and one.get("parts") and joined[-1].get("role", "user") == one.get("role", "user"):
            joined[-1] = {**one, "parts": [*_parts(joined[-1]), *_parts(one)]}
        else:
            joined.append(one)
    return joined


def _parts(content: Object) -> list[Object]:
    return objects_at(content, "parts", "contents.")


def _shown(part: Object) -> Said | Shown:
    if "text" in part:
        return Said(text_at(part, "text", "parts."))
    data = object_at(part, "inlineData") or object_at(part, "fileData")
    mime = text_at({"mimeType": ""} | data, "mimeType", "inline_data.")
    if "inlineData" in part and not mime:
        raise wrong("inline_data.mime_type: mime_type is required.")
    kind = mime.partition("/")[0]
    kind = kind if kind in ("image", "audio", "video") else "document"
    if "inlineData" in part:
        return Shown(kind, text_at(data, "data").replace("-", "+").replace("_", "/"))
    if not data:
        return Said("")
    return Shown(kind, reference=text_at(data, "fileUri"))


def _unpaired() -> Exception:
    return wrong(
        "Please ensure that the number of function response parts is equal to the number of function call parts of "
        "the function call turn."
    )
