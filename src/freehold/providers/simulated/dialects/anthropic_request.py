"""What a request to Anthropic's Messages API asks for, and what Anthropic refuses of it."""

from __future__ import annotations

import re

from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Offered, Said, Told
from freehold.providers.simulated.dialect import (
    Object,
    Refusal,
    count_at,
    encode,
    known_only,
    number_at,
    object_at,
    objects_at,
    text_at,
    texts_at,
    wrong,
)
from freehold.providers.simulated.dialects.anthropic_messages import Messages, text_of
from freehold.providers.simulated.faults import Refused
from freehold.providers.simulated.schemas import loose_object

_KNOWN = frozenset(
    """
    model messages max_tokens system metadata stop_sequences stream temperature top_p top_k tools
    tool_choice thinking service_tier container context_management mcp_servers output_config
    output_format cache_control inference_geo speed betas diagnostics fallbacks thread
    """.split()  # noqa: SIM905 - a list literal would be three times as long
)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_MOST_CACHE_MARKS = 4


def _no_threads() -> Refusal:
    """Nothing is held between two requests; the SDK then sends everything."""
    details = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    error = {"type": "invalid_request_error", "message": "thread: not supported here", "details": details}
    return Refusal(Refused(status=400, body=encode({"type": "error", "error": error}).decode()))


def read(body: Object, account: Account, *, counting: bool = False, version: str) -> Ask:
    """What `body` asks for, in a version of the API. `counting`: only its tokens matter. Raises Refusal."""
    known_only(body, _KNOWN, "{}: Extra inputs are not permitted")
    if version == "2026-10-21":
        _check_newer(body)
    if body.get("thread") is not None:
        raise _no_threads()
    if body.get("max_tokens") is None and not counting:
        raise wrong("max_tokens: Field required")
    thinking, output = object_at(body, "thinking"), object_at(body, "output_config")
    ask = Ask(
        model=text_at(body, "model"),
        account=account,
        stream=body.get("stream") is True,
        limit=count_at(body, "max_tokens"),
        stop=texts_at(body, "stop_sequences"),
        sampling={key: body.get(key) for key in ("temperature", "top_p", "top_k")},
        effort="none" if thinking.get("type") == "disabled" else output.get("effort"),
        budget=thinking.get("budget_tokens"),
        shows_thoughts=thinking.get("display") != "omitted",
        call_prefix="toolu_",
    )
    number_at(body, "temperature", 0, 1)
    number_at(body, "top_p", 0, 1)
    if any(not one.strip() for one in ask.stop):
        raise wrong("stop_sequences: each stop sequence must contain non-whitespace")
    _read_system(ask, body.get("system"))
    for index, tool in enumerate(objects_at(body, "tools")):
        _read_tool(ask, tool, f"tools.{index}")
    _read_choice(ask, object_at(body, "tool_choice"))
    if not counting:
        _check_thinking(ask, thinking, body)
    Messages(ask, thinking).read(objects_at(body, "messages"))
    wanted = object_at(output, "format") or object_at(body, "output_format")
    if wanted:
        if wanted.get("type") != "json_schema":
            raise wrong("output_config.format.type: Input should be 'json_schema'")
        ask.schema = object_at(wanted, "schema", "output_config.format.")
        if (path := loose_object(ask.schema, all_required=False)) is not None:
            raise wrong(
                "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to "
                f"false ({path})"
            )
    ask.cache_marks += "cache_control" in body
    if ask.cache_marks > _MOST_CACHE_MARKS:
        raise wrong(f"A maximum of 4 blocks with cache_control may be provided. Found {ask.cache_marks}.")
    return ask


def _check_newer(body: Object) -> None:
    """The version takes nothing that says how to sample."""
    for name in ("temperature", "top_p", "top_k"):
        if body.get(name) is not None:
            raise wrong(f"{name}: not supported in API version 2026-10-21")


def _read_system(ask: Ask, system: object) -> None:
    if isinstance(system, str):
        if system:
            ask.turns.append(Told("system", [Said(system)]))
    elif isinstance(system, list):
        told = Told("system", [])
        for index, block in enumerate(system):
            if not isinstance(block, dict) or block.get("type") != "text":
                raise wrong(f"system.{index}: Input should be a text block")
            told.parts.append(text_of(ask, block, f"system.{index}"))
        ask.turns.append(told)
    elif system is not None:
        raise wrong("system: Input should be a valid string or list")


def _read_tool(ask: Ask, tool: Object, where: str) -> None:
    ask.cache_marks += tool.get("cache_control") is not None
    kind = tool.get("type") or "custom"
    if kind != "custom":
        ask.hosted.append(kind)
        return
    name = text_at(tool, "name", f"{where}.custom.")
    if not _NAME.fullmatch(name):
        raise wrong(f"{where}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    schema = tool.get("input_schema")
    if not isinstance(schema, dict):
        raise wrong(f"{where}.custom.input_schema: Field required")
    if schema.get("type") != "object":
        raise wrong(f"{where}.custom.input_schema.type: Field required")
    if any(one.name == name for one in ask.tools):
        raise wrong("tools: Tool names must be unique.")
    ask.tools.append(Offered(name, tool.get("description") or "", schema))


def _read_choice(ask: Ask, choice: Object) -> None:
    if not choice:
        return
    kind = choice.get("type")
    if kind not in ("auto", "any", "tool", "none"):
        raise wrong(
            f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )
    if not ask.tools and not ask.hosted and kind != "none":
        raise wrong("tool_choice may only be specified while providing tools")
    ask.choice = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}[kind]  # type: ignore[assignment]
    if kind == "tool":
        name = text_at(choice, "name", "tool_choice.")
        if not any(tool.name == name for tool in ask.tools) and not ask.hosted:
            raise wrong(f"tool_choice.tool: Tool '{name}' not found in provided tools")
        ask.allowed.append(name)
    ask.parallel = choice.get("disable_parallel_tool_use") is not True


def _check_thinking(ask: Ask, thinking: Object, body: Object) -> None:
    if not thinking:
        return
    kind = thinking.get("type")
    if kind not in ("enabled", "disabled", "adaptive"):
        raise wrong(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )
    if kind == "disabled":
        return
    if kind == "enabled":
        budget = count_at(thinking, "budget_tokens")
        if budget is None:
            raise wrong("thinking.enabled.budget_tokens: Field required")
        if budget < 1024:
            raise wrong("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if ask.limit is not None and budget >= ask.limit:
            raise wrong("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature") not in (None, 1):
        raise wrong("`temperature` may only be set to 1 when thinking is enabled.")
    if body.get("top_k") is not None:
        raise wrong("`top_k` must be unset when thinking is enabled.")
    if (body.get("top_p") or 1) < 0.95:
        raise wrong("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    if ask.choice == "required" and kind == "enabled":
        raise wrong("Thinking may not be enabled when tool_choice forces tool use.")
