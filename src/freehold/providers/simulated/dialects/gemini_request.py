"""What a request to Gemini's generateContent asks for, and what Google refuses of it."""

from __future__ import annotations

import re
from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import (
    Ask,
    Called,
    Offered,
    Returned,
    Said,
    Shown,
    Thought,
    Told,
    canonical,
)
from freehold.providers.simulated.dialect import (
    Object,
    Place,
    count_at,
    list_at,
    number_at,
    object_at,
    objects_at,
    text_at,
    wrong,
)
from freehold.providers.simulated.schemas import foreign_key

_KNOWN = frozenset(
    "contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels model "
    "serviceTier store modelArmorConfig".split()
)
_KNOWN_CONFIG = frozenset(
    "stopSequences responseMimeType responseSchema responseJsonSchema _responseJsonSchema responseModalities "
    "candidateCount maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs "
    "logprobs enableEnhancedCivicAnswers speechConfig thinkingConfig imageConfig mediaResolution audioTimestamp "
    "routingConfig modelConfig modelSelectionConfig responseFormat".split()
)
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_OPAQUE = frozenset(
    "args response parameters parametersJsonSchema responseSchema responseJsonSchema _responseJsonSchema labels "
    "responseFormat".split()
)
"""Their keys are the client's own."""
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_STAND_INS = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""Documented by Google for calls that another model made."""
_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
)


def camel(value: Any) -> Any:
    """Keys in the form of the documentation; both forms are taken."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = {
        re.sub(r"(?<=[a-z0-9])_([a-z])", lambda found: found[1].upper(), key): one
        for key, one in value.items()
    }
    return {key: one if key in _OPAQUE else camel(one) for key, one in named.items()}


def read(body: Object, place: Place, account: Account, *, counting: bool = False) -> Ask:
    """What `body` asks for. `counting`: only its tokens matter. Raises Refusal."""
    body = camel(body)
    if counting:
        body = object_at(body, "generateContentRequest") or {
            key: one for key, one in body.items() if key in _KNOWN
        }
    _known(body, _KNOWN, "")
    config = object_at(body, "generationConfig")
    _known(config, _KNOWN_CONFIG, " at 'generation_config'")
    ask = Ask(model=place.model or "", account=account, stream=place.stream, sampling={})
    ask.cache_marks = int("cachedContent" in body)
    _read_config(ask, config)
    system = body.get("systemInstruction")
    if system is not None:
        parts = [{"text": system}] if isinstance(system, str) else objects_at(system, "parts")
        ask.turns.append(
            Told("system", [Said(text_at(one, "text", "system_instruction.parts.")) for one in parts])
        )
    if isinstance(body.get("tools"), dict):
        body["tools"] = [body["tools"]]
    for index, tool in enumerate(objects_at(body, "tools")):
        for declaration in objects_at(tool, "functionDeclarations"):
            _read_function(ask, declaration, f"tools[{index}].function_declarations")
        ask.hosted += [key for key in tool if key != "functionDeclarations"]
    _read_choice(ask, object_at(object_at(body, "toolConfig"), "functionCallingConfig"))
    contents = objects_at(body, "contents")
    if not contents:
        raise wrong("* GenerateContentRequest.contents: contents is not specified\n")
    _Contents(ask).read(contents)
    return ask


def _known(value: Object, known: frozenset[str], where: str) -> None:
    for key in value:
        if key not in known:
            raise wrong(f'Invalid JSON payload received. Unknown name "{key}"{where}: Cannot find field.')


def _read_config(ask: Ask, config: Object) -> None:
    ask.limit = count_at(config, "maxOutputTokens")
    ask.n = count_at(config, "candidateCount") or 1
    if ask.n > 8:
        raise wrong("Invalid value at 'generation_config.candidate_count': must be between 1 and 8.")
    ask.stop = list_at(config, "stopSequences")
    if len(ask.stop) > 5:
        raise wrong("Unable to submit request because it has more than 5 stop sequences.")
    number_at(config, "temperature", 0, 2)
    number_at(config, "topP", 0, 1)
    ask.sampling = {name: config.get(key) for name, key in _SAMPLING.items()}
    if config.get("responseLogprobs"):
        ask.logprobs = int(number_at(config, "logprobs", 0, 20) or 0)
    thinking = object_at(config, "thinkingConfig")
    level, ask.budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    if level is not None and ask.budget is not None:
        raise wrong("You can only set only one of thinking budget and thinking level.")
    ask.effort = "none" if ask.budget == 0 else str(level).lower() if level else None
    ask.budget = None if ask.budget == 0 else ask.budget
    ask.shows_thoughts = thinking.get("includeThoughts") is True
    own = config.get("responseSchema")
    free = config.get("responseJsonSchema") or config.get("_responseJsonSchema")
    form = config.get("responseMimeType")
    if own is not None and free is not None:
        raise wrong("Only one of response_schema and response_json_schema may be set.")
    if (own is not None or free is not None) and form not in ("application/json", "text/x.enum"):
        raise wrong(
            "* GenerateContentRequest.generation_config.response_mime_type: must be 'application/json'"
        )
    if own is not None and (key := foreign_key(camel(own))) is not None:
        raise wrong(
            f"Invalid JSON payload received. Unknown name \"{key}\" at 'generation_config.response_schema': "
            "Cannot find field."
        )
    ask.schema = own if own is not None else free
    ask.json = form == "application/json"


def _read_function(ask: Ask, function: Object, where: str) -> None:
    name = text_at(function, "name", f"{where}.")
    if not _NAME.fullmatch(name):
        raise wrong(f"* GenerateContentRequest.{where}.name: Invalid function name.")
    own, free = function.get("parameters"), function.get("parametersJsonSchema")
    if own is not None and free is not None:
        raise wrong(f"{where}: parameters and parameters_json_schema are mutually exclusive.")
    if own is not None and (key := foreign_key(camel(own))) is not None:
        raise wrong(
            f"Invalid JSON payload received. Unknown name \"{key}\" at '{where}.parameters': Cannot find field."
        )
    if any(tool.name == name for tool in ask.tools):
        raise wrong(f"Duplicate function declaration found: {name}")
    ask.tools.append(Offered(name, function.get("description") or "", own if own is not None else free))


def _read_choice(ask: Ask, config: Object) -> None:
    mode = str(config.get("mode") or "AUTO").upper()
    if mode not in ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"):
        raise wrong(f"Invalid value at 'tool_config.function_calling_config.mode': \"{mode}\"")
    ask.allowed = list_at(config, "allowedFunctionNames")
    if ask.allowed and mode not in ("ANY", "VALIDATED"):
        raise wrong(
            "allowed_function_names should only be set when function calling mode is ANY or VALIDATED."
        )
    for name in ask.allowed:
        if not any(tool.name == name for tool in ask.tools):
            raise wrong(f"allowed_function_names: '{name}' is not declared.")
    if mode == "ANY" and not ask.tools:
        raise wrong("Function calling config is set without function_declarations.")
    ask.choice = "required" if mode == "ANY" else "none" if mode == "NONE" else "auto"


class _Contents:
    """Goes through the contents, which hang together."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._open: list[Called] = []
        self._number = 0

    def read(self, contents: list[Object]) -> None:
        """Takes them all. Raises Refusal."""
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
        text = "".join(one["text"] for one in parts if "text" in one and not one.get("thought"))
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


def _parts(content: Object) -> list[Object]:
    return objects_at(content, "parts", "contents.")


def _shown(part: Object) -> Said | Shown:
    if "text" in part:
        return Said(text_at(part, "text", "parts."))
    data = object_at(part, "inlineData") or object_at(part, "fileData")
    mime = data.get("mimeType") or ""
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
