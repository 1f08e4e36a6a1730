"""A request taken apart."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.fields import Fields
from freehold.core.parts import CacheMark
from freehold.core.request import ChatRequest, ResponseFormat
from freehold.wire.openai_chat.messages_in import messages_of
from freehold.wire.openai_chat.names import NAME, packed
from freehold.wire.openai_chat.reasoning_wish import wish_of
from freehold.wire.openai_chat.tools import choice_of, function_of, tools_of
from freehold.wire.reading import Object, Unreadable, is_text

_FORMATS = {"text": "text", "json_object": "json", "json_schema": "schema"}


def decode_request(body: bytes) -> ChatRequest:
    """Raises BadRequest, which names the field."""
    try:
        if not body.isascii():
            body.decode()
        return _decode(Object(body))
    except Unreadable as error:
        raise BadRequest(str(error), param=error.path or None) from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is not UTF-8 (byte {error.start}).") from None


def _decode(body: Object) -> ChatRequest:
    model = body.need("model", str)
    if not model:
        raise Unreadable("model", "is empty")
    messages = body.take_objects("messages")
    if not messages:
        raise Unreadable("messages", "is not a list with messages in it")
    request = ChatRequest(model=model, messages=messages_of(messages), dialect=NAME)
    _read_tools(body, request)
    form = _format(body, request)
    request.reasoning, template = wish_of(body)
    _read_sampling(body, request)
    _read_rest(body, request)
    options = _stream_options(body, request)
    request.extra = {**body.rest(), **form}
    for name, fields in (("stream_options", options), ("chat_template_kwargs", template)):
        if fields:
            request.extra[name] = packed(fields)
    return request


def _read_tools(body: Object, request: ChatRequest) -> None:
    request.tools = tools_of(body.take_list("tools") or [])
    choice = body.take_raw("tool_choice")
    functions = body.take_objects("functions")
    legacy_choice = body.take_raw("function_call")
    if functions is not None:
        request.legacy = True
        request.tools += [function_of(function) for function in functions]
        choice = choice or legacy_choice
    if choice is not None:
        request.tool_choice = choice_of(choice)
    request.parallel_tool_calls = body.take("parallel_tool_calls", bool)


def _format(body: Object, request: ChatRequest) -> Fields:
    """The field `response_format`; back as it is when its type is one of some server alone (a grammar, say)."""
    raw = body.take_raw("response_format")
    if raw is None:
        return {}
    held = Object(raw, "response_format")
    kind = held.need("type", str)
    if kind not in _FORMATS:
        return {"response_format": msgspec.Raw(raw)}
    wanted = ResponseFormat(kind=_FORMATS[kind])  # type: ignore[arg-type]
    schema = held.take_object("json_schema")
    if schema is not None:
        wanted.name = schema.take("name", str)
        wanted.description = schema.take("description", str)
        wanted.schema = schema.take_raw("schema")
        wanted.strict = schema.take("strict", bool)
        wanted.extra = schema.rest()
    request.response_format = wanted
    return {}


def _read_sampling(body: Object, request: ChatRequest) -> None:
    bound = body.take("max_tokens", int)
    completion = body.take("max_completion_tokens", int)
    request.max_tokens = bound if completion is None else completion
    request.temperature = body.take("temperature", float)
    request.top_p = body.take("top_p", float)
    request.top_k = body.take("top_k", int)
    request.min_p = body.take("min_p", float)
    request.presence_penalty = body.take("presence_penalty", float)
    request.frequency_penalty = body.take("frequency_penalty", float)
    stop = body.take_raw("stop")
    if stop is not None:
        listed = b"[%b]" % stop if is_text(stop) else stop
        request.stop = Object(b'{"stop":%b}' % listed).take("stop", list[str]) or []
    request.seed = body.take("seed", int)
    request.n = body.take("n", int)
    request.logprobs = body.take("logprobs", bool)
    request.top_logprobs = body.take("top_logprobs", int)
    request.logit_bias = body.take_raw("logit_bias")


def _read_rest(body: Object, request: ChatRequest) -> None:
    request.modalities = body.take("modalities", list[str]) or []
    request.audio = body.take_raw("audio")
    request.verbosity = body.take("verbosity", str)
    request.prediction = body.take_raw("prediction")
    request.service_tier = body.take("service_tier", str)
    request.user = body.take("user", str)
    request.metadata = body.take_raw("metadata")
    request.store = body.take("store", bool)
    request.cache_key = body.take("prompt_cache_key", str)
    request.safety_key = body.take("safety_identifier", str)
    cache = body.take_object("cache_control")
    request.cache = None if cache is None else CacheMark(cache.take("ttl", str))


def _stream_options(body: Object, request: ChatRequest) -> Fields:
    request.stream = body.take("stream", bool) or False
    options = body.take_object("stream_options")
    if options is None:
        return {}
    request.stream_usage = options.take("include_usage", bool) or False
    return options.rest()
