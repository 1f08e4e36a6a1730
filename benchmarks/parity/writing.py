"""How an application of each dialect writes down what it asks for: the arguments of its SDK's call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from benchmarks.parity.wishes import Call, Paper, Picture, Piece, Refused, Result, Turn, Wish

Written = dict[str, Any]


def _given(**fields: Any) -> Written:
    return {name: value for name, value in fields.items() if value not in (None, "", [], (), {})}


def _bare(pieces: list[Written], kind: str) -> str | list[Written]:
    """A single text is written as a string, as most applications do."""
    if len(pieces) == 1 and pieces[0].get("type") == kind:
        return str(pieces[0]["text"])
    return pieces


# OpenAI's chat completions


def write_chat(wish: Wish) -> Written:
    """For `client.chat.completions.create`."""
    messages: list[Written] = [{"role": "system", "content": text} for text in wish.system]
    for turn in wish.turns:
        messages += _chat_messages(turn)
    form = wish.form
    response_format: Written | None = {"type": "json_object"} if wish.json else None
    if form is not None:
        schema = {"name": form.name, "schema": form.schema, "strict": True}
        response_format = {"type": "json_schema", "json_schema": schema}
    return _given(
        messages=messages,
        tools=[
            {
                "type": "function",
                "function": _given(
                    name=tool.name,
                    description=tool.description,
                    parameters=tool.schema,
                    strict=tool.strict,
                ),
            }
            for tool in wish.tools
        ],
        tool_choice=_openai_choice(
            wish.choice, lambda name: {"type": "function", "function": {"name": name}}
        ),
        parallel_tool_calls=wish.parallel,
        response_format=response_format,
        reasoning_effort=wish.effort,
        max_completion_tokens=wish.limit,
        temperature=wish.temperature,
        top_p=wish.top_p,
        stop=list(wish.stop),
        presence_penalty=wish.presence_penalty,
        frequency_penalty=wish.frequency_penalty,
        seed=wish.seed,
        n=wish.n,
        logprobs=True if wish.logprobs is not None else None,
        top_logprobs=wish.logprobs,
        extra_body=_given(top_k=wish.top_k),
    ) | wish.own.get("openai-chat", {})


def _chat_messages(turn: Turn) -> list[Written]:
    results = [
        {"role": "tool", "tool_call_id": one.id, "content": one.text}
        for one in turn.pieces
        if isinstance(one, Result)
    ]
    calls = [
        {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
        for one in turn.pieces
        if isinstance(one, Call)
    ]
    content = [_chat_part(one) for one in turn.pieces if not isinstance(one, Call | Result)]
    if not content and not calls:
        return results
    message = _given(role=turn.role, content=_bare(content, "text"), tool_calls=calls)
    return [*results, message]


def _chat_part(piece: Piece) -> Written:
    match piece:
        case str():
            return {"type": "text", "text": piece}
        case Refused(text=text):
            return {"type": "refusal", "refusal": text}
        case Picture():
            url = piece.url or f"data:image/png;base64,{piece.data}"
            return {"type": "image_url", "image_url": _given(url=url, detail=piece.detail)}
        case Paper(text=None):
            # Chat completions take no URL of a file.
            data = f"data:application/pdf;base64,{piece.data}"
            return {"type": "file", "file": {"filename": piece.name, "file_data": data}}
        case Paper(text=str(text)):
            return {"type": "text", "text": text}
    raise AssertionError(piece)


def _openai_choice(choice: str | None, named: Callable[[str], Written]) -> Any:
    return choice if choice in (None, "auto", "none", "required") else named(choice)


# OpenAI's responses


def write_responses(wish: Wish) -> Written:
    """For `client.responses.create`."""
    items: list[Written] = []
    for turn in wish.turns:
        items += _response_items(turn)
    text: Written | None = {"format": {"type": "json_object"}} if wish.json else None
    if wish.form is not None:
        schema = {"name": wish.form.name, "schema": wish.form.schema, "strict": True}
        text = {"format": {"type": "json_schema", **schema}}
    include = ["reasoning.encrypted_content"] if wish.thoughts else []
    if wish.logprobs is not None:
        include.append("message.output_text.logprobs")
    reasoning = _given(effort=wish.effort, summary="auto" if wish.thoughts else None)
    return _given(
        instructions="\n\n".join(wish.system),
        input=items,
        tools=[
            _given(
                type="function",
                name=tool.name,
                description=tool.description,
                parameters=tool.schema,
                strict=tool.strict,
            )
            for tool in wish.tools
        ],
        tool_choice=_openai_choice(wish.choice, lambda name: {"type": "function", "name": name}),
        parallel_tool_calls=wish.parallel,
        text=text,
        reasoning=reasoning,
        include=include,
        max_output_tokens=wish.limit,
        temperature=wish.temperature,
        top_p=wish.top_p,
        top_logprobs=wish.logprobs,
        store=False,
        extra_body=_given(seed=wish.seed, n=wish.n),
    ) | wish.own.get("openai-responses", {})


def _response_items(turn: Turn) -> list[Written]:
    items: list[Written] = []
    content: list[Written] = []
    for piece in turn.pieces:
        match piece:
            case Call():
                call = {"call_id": piece.id, "name": piece.name, "arguments": piece.arguments}
                items.append({"type": "function_call", **call})
            case Result(picture=None):
                items.append({"type": "function_call_output", "call_id": piece.id, "output": piece.text})
            case Result(picture=picture):
                assert picture is not None
                output = [{"type": "input_text", "text": piece.text}, _response_part(picture, turn.role)]
                items.append({"type": "function_call_output", "call_id": piece.id, "output": output})
            case _:
                content.append(_response_part(piece, turn.role))
    if not content:
        return items
    kind = "output_text" if turn.role == "assistant" else "input_text"
    message = {"role": turn.role, "content": _bare(content, kind)}
    # Calls follow what was said in the same turn; results come before it.
    after = [item for item in items if item["type"] == "function_call"]
    return [*(item for item in items if item not in after), message, *after]


def _response_part(piece: Piece, role: str) -> Written:
    match piece:
        case str():
            return {"type": "output_text" if role == "assistant" else "input_text", "text": piece}
        case Refused(text=text):
            return {"type": "refusal", "refusal": text}
        case Picture():
            url = piece.url or f"data:image/png;base64,{piece.data}"
            return {"type": "input_image", "image_url": url, "detail": piece.detail or "auto"}
        case Paper(text=str(text)):
            return {"type": "input_text", "text": text}
        case Paper(url=str(url)):
            return {"type": "input_file", "file_url": url}
        case Paper():
            data = f"data:application/pdf;base64,{piece.data}"
            return {"type": "input_file", "filename": piece.name, "file_data": data}
    raise AssertionError(piece)


# Anthropic's messages


def write_messages(wish: Wish) -> Written:
    """For `client.messages.create`."""
    choice: Written | None = None
    if wish.choice in ("auto", "none"):
        choice = {"type": wish.choice}
    elif wish.choice == "required":
        choice = {"type": "any"}
    elif wish.choice is not None:
        choice = {"type": "tool", "name": wish.choice}
    if wish.parallel is False:
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    form = {"type": "json_schema", "schema": wish.form.schema} if wish.form is not None else None
    thinking: Written | None = None
    if wish.budget is not None:
        thinking = {"type": "enabled", "budget_tokens": wish.budget}
    elif wish.effort == "none":
        thinking = {"type": "disabled"}
    elif wish.effort is not None or wish.thoughts:
        thinking = {"type": "adaptive"}
    effort = None if wish.effort == "none" else wish.effort
    system: Any = [{"type": "text", "text": text} for text in wish.system]
    return _given(
        system=wish.system[0] if len(wish.system) == 1 else system,
        messages=[
            {"role": turn.role, "content": _bare([_block(one) for one in turn.pieces], "text")}
            for turn in wish.turns
        ],
        tools=[
            _given(name=tool.name, description=tool.description, input_schema=tool.schema, strict=tool.strict)
            for tool in wish.tools
        ],
        tool_choice=choice,
        output_config=_given(format=form, effort=effort),
        thinking=thinking,
        max_tokens=wish.limit or 4096,
        stop_sequences=list(wish.stop),
        extra_body=_given(  # the SDK has arguments no longer for the first three, its API still has them
            temperature=wish.temperature,
            top_p=wish.top_p,
            top_k=wish.top_k,
            seed=wish.seed,
            n=wish.n,
            top_logprobs=wish.logprobs,
            presence_penalty=wish.presence_penalty,
            frequency_penalty=wish.frequency_penalty,
        ),
    ) | wish.own.get("anthropic-messages", {})


def _block(piece: Piece) -> Written:  # noqa: PLR0911 - one row for each kind
    match piece:
        case str() | Refused():
            return {"type": "text", "text": piece if isinstance(piece, str) else piece.text}
        case Picture(url=str(url)):
            return {"type": "image", "source": {"type": "url", "url": url}}
        case Picture():
            source = {"type": "base64", "media_type": "image/png", "data": piece.data}
            return {"type": "image", "source": source}
        case Paper(text=str(text)):
            source = {"type": "text", "media_type": "text/plain", "data": text}
            return {"type": "document", "source": source, "title": piece.name}
        case Paper(url=str(url)):
            return {"type": "document", "source": {"type": "url", "url": url}, "title": piece.name}
        case Paper():
            source = {"type": "base64", "media_type": "application/pdf", "data": piece.data}
            return {"type": "document", "source": source, "title": piece.name}
        case Call():
            arguments = json.loads(piece.arguments or "{}")
            return {"type": "tool_use", "id": piece.id, "name": piece.name, "input": arguments}
        case Result():
            content: list[Written] = [{"type": "text", "text": piece.text}] if piece.text else []
            if piece.picture is not None:
                content.append(_block(piece.picture))
            return _given(
                type="tool_result",
                tool_use_id=piece.id,
                content=_bare(content, "text"),
                is_error=piece.failed or None,
            )
    raise AssertionError(piece)


# Google's generateContent


def write_contents(wish: Wish) -> Written:
    """For `client.models.generate_content`."""
    config: Any = None
    if wish.choice is not None:
        mode = {"auto": "AUTO", "none": "NONE"}.get(wish.choice, "ANY")
        names = None if wish.choice in ("auto", "none", "required") else [wish.choice]
        config = {"function_calling_config": _given(mode=mode, allowed_function_names=names)}
    functions = [
        _given(name=tool.name, description=tool.description, parameters_json_schema=tool.schema)
        for tool in wish.tools
    ]
    thinking = _given(
        thinking_level=wish.effort if wish.effort != "none" else None,
        thinking_budget=0 if wish.effort == "none" else wish.budget,
        include_thoughts=wish.thoughts or None,
    )
    if wish.effort == "none":
        thinking["thinking_budget"] = 0
    form = wish.form
    return {
        "contents": [
            {
                "role": "model" if turn.role == "assistant" else "user",
                "parts": [_part(one) for one in turn.pieces],
            }
            for turn in wish.turns
        ],
        "config": _given(
            system_instruction=list(wish.system) if len(wish.system) != 1 else wish.system[0],
            tools=[{"function_declarations": functions}] if functions else None,
            tool_config=config,
            response_mime_type="application/json" if form is not None or wish.json else None,
            response_json_schema=None if form is None else form.schema,
            thinking_config=thinking,
            max_output_tokens=wish.limit,
            temperature=wish.temperature,
            top_p=wish.top_p,
            top_k=wish.top_k,
            stop_sequences=list(wish.stop),
            presence_penalty=wish.presence_penalty,
            frequency_penalty=wish.frequency_penalty,
            seed=wish.seed,
            candidate_count=wish.n,
            response_logprobs=True if wish.logprobs is not None else None,
            logprobs=wish.logprobs,
            **wish.own.get("gemini", {}),
        ),
    }


def _part(piece: Piece) -> Written:  # noqa: PLR0911 - one row for each kind
    match piece:
        case str() | Refused():
            return {"text": piece if isinstance(piece, str) else piece.text}
        case Picture(url=str(url)):
            return {"file_data": {"file_uri": url, "mime_type": "image/png"}}
        case Picture():
            return {"inline_data": {"data": piece.data, "mime_type": "image/png"}}
        case Paper(text=str(text)):
            return {"text": text}
        case Paper(url=str(url)):
            return {"file_data": {"file_uri": url, "mime_type": "application/pdf"}}
        case Paper():
            return {"inline_data": {"data": piece.data, "mime_type": "application/pdf"}}
        case Call():
            arguments = json.loads(piece.arguments or "{}")
            return {"function_call": {"id": piece.id, "name": piece.name, "args": arguments}}
        case Result():
            response = {"error": piece.text} if piece.failed else {"output": piece.text}
            found: Written = {"id": piece.id, "name": piece.name, "response": response}
            if piece.picture is not None:
                data = {"data": piece.picture.data, "mime_type": "image/png"}
                found["parts"] = [{"inline_data": data}]
            return {"function_response": found}
    raise AssertionError(piece)


WRITERS: dict[str, Callable[[Wish], Written]] = {
    "openai-chat": write_chat,
    "openai-responses": write_responses,
    "anthropic-messages": write_messages,
    "gemini": write_contents,
}
