"""What a request to Gemini's generateContent asks for, and what Google refuses of it."""

from __future__ import annotations

import re
from typing import Any

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import (
    Ask,
    Offered,
    Said,
    Told,
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
    texts_at,
    wrong,
)
from freehold.providers.simulated.dialects.gemini_contents import Contents
from freehold.providers.simulated.schemas import foreign_key

_MOST_CANDIDATES = 8
_KNOWN = frozenset(
    """
    contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels
    model serviceTier store modelArmorConfig
    """.split()  # noqa: SIM905 - a list literal would be three times as long
)
_KNOWN_CONFIG = frozenset(
    """
    stopSequences responseMimeType responseSchema responseJsonSchema _responseJsonSchema
    responseModalities candidateCount maxOutputTokens temperature topP topK seed presencePenalty
    frequencyPenalty responseLogprobs logprobs enableEnhancedCivicAnswers speechConfig thinkingConfig
    imageConfig mediaResolution audioTimestamp routingConfig modelConfig modelSelectionConfig
    responseFormat
    """.split()  # noqa: SIM905 - a list literal would be three times as long
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
    """
    args response parameters parametersJsonSchema responseSchema responseJsonSchema _responseJsonSchema
    labels responseFormat
    """.split()  # noqa: SIM905 - a list literal would be three times as long
)
"""Their keys are the client's own."""
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")


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
    Contents(ask).read(contents)
    return ask


def _known(value: Object, known: frozenset[str], where: str) -> None:
    for key in value:
        if key not in known:
            raise wrong(f'Invalid JSON payload received. Unknown name "{key}"{where}: Cannot find field.')


def _read_config(ask: Ask, config: Object) -> None:
    ask.limit = count_at(config, "maxOutputTokens")
    ask.n = count_at(config, "candidateCount", most=_MOST_CANDIDATES) or 1
    if ask.n > 8:
        raise wrong("Invalid value at 'generation_config.candidate_count': must be between 1 and 8.")
    ask.stop = texts_at(config, "stopSequences")
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
