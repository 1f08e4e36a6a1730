"""The same conversation in every dialect, and how to send it."""

from __future__ import annotations

from typing import Any

from raw_exchange import Received, exchange, request_bytes

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
OWN_SCHEMA = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
PICTURE = "iVBORw0KGgo="
ANTHROPIC = ("anthropic-version: 2023-06-01",)

CONVERSATION: dict[str, dict[str, Any]] = {
    "openai-chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather here?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
                ],
            },
            {
                "role": "assistant",
                "content": "Looking.",
                "tool_calls": [
                    {
                        "id": "a",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"city":"Bern"}'},
                    },
                    {
                        "id": "b",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"city": "Rom"}'},
                    },
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "rain"},
            {"role": "tool", "tool_call_id": "b", "content": '{"sky": "blue"}'},
            {"role": "user", "content": "Well?"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": SCHEMA}}
        ],
        "tool_choice": "required",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 300,
        "stop": ["END"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
    },
    "openai-responses": {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Weather here?"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
                ],
            },
            {"role": "assistant", "content": "Looking."},
            {"type": "function_call", "call_id": "a", "name": "look", "arguments": '{"city":"Bern"}'},
            {"type": "function_call", "call_id": "b", "name": "look", "arguments": '{"city":"Rom"}'},
            {"type": "function_call_output", "call_id": "a", "output": "rain"},
            {"type": "function_call_output", "call_id": "b", "output": '{"sky": "blue"}'},
            {"role": "user", "content": "Well?"},
        ],
        "tools": [{"type": "function", "name": "look", "description": "Looks.", "parameters": SCHEMA}],
        "tool_choice": "required",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 300,
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA}},
    },
    "anthropic-messages": {
        "model": "m",
        "system": "Be brief.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather here?"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PICTURE},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Looking."},
                    {"type": "tool_use", "id": "a", "name": "look", "input": {"city": "Bern"}},
                    {"type": "tool_use", "id": "b", "name": "look", "input": {"city": "Rom"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "rain"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "b",
                        "content": [{"type": "text", "text": '{"sky": "blue"}'}],
                    },
                    {"type": "text", "text": "Well?"},
                ],
            },
        ],
        "tools": [{"name": "look", "description": "Looks.", "input_schema": SCHEMA}],
        "tool_choice": {"type": "any"},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 300,
        "stop_sequences": ["END"],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "Weather here?"},
                    {"inlineData": {"mimeType": "image/png", "data": PICTURE}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Looking."},
                    {"functionCall": {"name": "look", "args": {"city": "Bern"}}},
                    {"functionCall": {"name": "look", "args": {"city": "Rom"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "look", "response": {"output": "rain"}}},
                    {"functionResponse": {"name": "look", "response": {"sky": "blue"}}},
                    {"text": "Well?"},
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "look", "description": "Looks.", "parametersJsonSchema": SCHEMA}
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {
            "temperature": 0.5,
            "topP": 0.9,
            "maxOutputTokens": 300,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseJsonSchema": SCHEMA,
        },
    },
    "bedrock-converse": {
        "system": [{"text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "Weather here?"},
                    {"image": {"format": "png", "source": {"bytes": PICTURE}}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"text": "Looking."},
                    {"toolUse": {"toolUseId": "a", "name": "look", "input": {"city": "Bern"}}},
                    {"toolUse": {"toolUseId": "b", "name": "look", "input": {"city": "Rom"}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "a", "content": [{"text": "rain"}]}},
                    {"toolResult": {"toolUseId": "b", "content": [{"json": {"sky": "blue"}}]}},
                    {"text": "Well?"},
                ],
            },
        ],
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "look", "description": "Looks.", "inputSchema": {"json": SCHEMA}}}
            ],
            "toolChoice": {"any": {}},
        },
        "inferenceConfig": {"temperature": 0.5, "topP": 0.9, "maxTokens": 300, "stopSequences": ["END"]},
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {
                    "jsonSchema": {
                        "schema": '{"type": "object", "properties": {"city": {"type": "string"}}, '
                        '"required": ["city"], "additionalProperties": false}'
                    }
                },
            }
        },
    },
    "cohere": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather here?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
                ],
            },
            {
                "role": "assistant",
                "tool_plan": "Looking.",
                "tool_calls": [
                    {
                        "id": "a",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"city":"Bern"}'},
                    },
                    {
                        "id": "b",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"city":"Rom"}'},
                    },
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "rain"},
            {
                "role": "tool",
                "tool_call_id": "b",
                "content": [{"type": "document", "document": {"data": {"sky": "blue"}}}],
            },
            {"role": "user", "content": "Well?"},
        ],
        "tools": [
            {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": SCHEMA}}
        ],
        "tool_choice": "REQUIRED",
        "temperature": 0.5,
        "p": 0.9,
        "max_tokens": 300,
        "stop_sequences": ["END"],
    },
}
DIALECTS = list(CONVERSATION)

_PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic-messages": "/v1/messages",
    "cohere": "/v2/chat",
    "anthropic-on-bedrock": "/model/{model}/invoke-with-response-stream",
    "anthropic-on-vertex": "/v1/projects/p/locations/l/publishers/anthropic/models/{model}:streamRawPredict",
}
_HOSTED = {name: value for name, value in CONVERSATION["anthropic-messages"].items() if name != "model"}
HOSTED: dict[str, dict[str, Any]] = {
    "anthropic-on-bedrock": {"anthropic_version": "bedrock-2023-05-31", **_HOSTED},
    "anthropic-on-vertex": {"anthropic_version": "vertex-2023-10-16", **_HOSTED, "stream": True},
}
"""The same conversation where clouds host Anthropic's dialect."""


def path_of(dialect: str, *, stream: bool = False, model: str = "m") -> str:
    match dialect:
        case "gemini":
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            return f"/v1beta/models/{model}:{method}"
        case "bedrock-converse":
            return f"/model/{model}/converse{'-stream' if stream else ''}"
        case _:
            return _PATHS[dialect].format(model=model)


def hello(dialect: str) -> dict[str, Any]:
    """The shortest request."""
    match dialect:
        case "openai-responses":
            return {"input": "hello"}
        case "gemini":
            return {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
        case "bedrock-converse":
            return {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
        case _:
            limit = {"max_tokens": 100} if dialect == "anthropic-messages" else {}
            return {"messages": [{"role": "user", "content": "hello"}], **limit}


async def send(
    port: int,
    dialect: str,
    body: dict[str, Any],
    *,
    stream: bool = False,
    model: str = "m",
    headers: tuple[str, ...] = (),
    limit: float = 5.0,
) -> Received:
    if dialect not in ("gemini", "bedrock-converse"):
        body = {**body, "model": model, "stream": stream}
    more = (*headers, *(ANTHROPIC if dialect == "anthropic-messages" else ()), "connection: close")
    path = path_of(dialect, stream=stream, model=model)
    return await exchange(port, request_bytes(body, path=path, headers=more), limit=limit)
