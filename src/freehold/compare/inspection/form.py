"""Between Inspect AI's messages and ours: what a model is asked, and what it answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.compare.answer import Answer

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput
    from inspect_ai.tool import ToolChoice, ToolInfo

# ruff: noqa: PLC0415 - Inspect AI takes seconds to import: only what works with a task does

_SAME = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "seed": "seed",
    "stop_seqs": "stop",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "num_choices": "n",
    "logit_bias": "logit_bias",
    "reasoning_effort": "reasoning_effort",
}
"""What an `openai-chat` request calls what a task may set. How often and how long is asked is Freehold's matter."""
_FINISHES = {
    "stop": "stop",
    "length": "max_tokens",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


async def request_of(
    messages: list[ChatMessage], tools: Sequence[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
) -> msgspec.Raw:
    """The body of an `openai-chat` request, without a model."""
    from inspect_ai.model import messages_to_openai

    body: dict[str, Any] = {"messages": await messages_to_openai(messages)}
    for theirs, ours in _SAME.items():
        value = getattr(config, theirs)
        if value is not None:
            body[ours] = value
    if config.response_schema is not None:
        wanted = config.response_schema
        schema: dict[str, Any] = {
            "name": wanted.name,
            "schema": wanted.json_schema.model_dump(exclude_none=True, by_alias=True),
        }
        if wanted.strict is not None:
            schema["strict"] = wanted.strict
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if tools:
        body["tools"] = [_tool(one) for one in tools]
        body["tool_choice"] = _choice(tool_choice)
        if config.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = config.parallel_tool_calls
    return msgspec.Raw(msgspec.json.encode(body))


def output_of(answer: Answer, turn: int) -> ModelOutput:
    """An answer as Inspect AI has it. `turn`: which one of its conversation it is, from 0."""
    from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage

    calls = [
        _call(f"call_{turn}_{number}", one.name, one.arguments)
        for number, one in enumerate(answer.tool_calls)
    ]
    message = ChatMessageAssistant(
        content=answer.text or answer.refusal or "",
        tool_calls=calls or None,
        model=answer.model,
        source="generate",
    )
    reason: Any = _FINISHES.get(answer.finish_reason or "stop", "unknown")
    usage = None
    if answer.input_tokens is not None and answer.output_tokens is not None:
        usage = ModelUsage(
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            total_tokens=answer.input_tokens + answer.output_tokens,
        )
    return ModelOutput(
        model=answer.model, choices=[ChatCompletionChoice(message=message, stop_reason=reason)], usage=usage
    )


def _tool(tool: ToolInfo) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters.model_dump(exclude_none=True, by_alias=True),
        },
    }


def _choice(choice: ToolChoice) -> Any:
    if isinstance(choice, str):
        return "required" if choice == "any" else choice
    return {"type": "function", "function": {"name": choice.name}}


def _call(id: str, name: str, arguments: str) -> Any:
    from inspect_ai.tool import ToolCall

    try:
        return ToolCall(
            id=id, function=name, arguments=msgspec.json.decode(arguments or "{}", type=dict[str, Any])
        )
    except msgspec.DecodeError as error:
        trouble = f"The arguments of `{name}` are no JSON object: {error}."
        return ToolCall(id=id, function=name, arguments={}, parse_error=trouble)
