"""What is not a call: lists of models, kept responses, health and figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec

from freehold.access.key import Key
from freehold.core.errors import BadRequest, MethodNotAllowed, NotFound
from freehold.engine.conversations import Conversations
from freehold.gateway.faces import token_in_query
from freehold.gateway.following import send_events
from freehold.gateway.gate import Gate
from freehold.gateway.intake import Heading, Scope
from freehold.gateway.replies import JSON, Headers, Send, send_whole
from freehold.gateway.settings import ServerSettings
from freehold.wire.openai_models import ModelEntry, encode_model, encode_models

_MODELS = "/v1/models"
_GEMINI_MODELS = "/v1beta/models"
_RESPONSES = "/v1/responses/"

Page = Callable[[Scope, Send], Awaitable[None]]


class Health(msgspec.Struct, omit_defaults=True):
    """What `/health/ready` says."""

    ready: bool
    parts: dict[str, str]
    """Part -> its state in a word or a sentence."""
    configuration: str = ""
    """What the configuration in force is called. Replicas that show the same one have the same."""
    workers: list[Any] = []
    """The processes that answer, where there are several."""


class Pages:
    """Everything at the door that no model is asked for."""

    def __init__(
        self,
        gate: Gate,
        *,
        settings: ServerSettings,
        figures: Callable[[], Awaitable[bytes]],
        health: Callable[[], Awaitable[Health]],
        list_models: Callable[[], list[ModelEntry]],
        conversations: Conversations,
    ) -> None:
        """`figures` gives what `/metrics` says, `list_models` every route and listed model: a key sees those it may
        call.
        """
        self._gate = gate
        self._settings = settings
        self._encode_figures = figures
        self._health = health
        self._list_models = list_models
        self._conversations = conversations
        self._pages: dict[str, Page] = {
            _MODELS: self._models,
            _GEMINI_MODELS: self._models,
            "/health/live": self._live,
            "/health/ready": self._ready,
            "/metrics": self._figures,
        }

    async def answer(self, scope: Scope, send: Send) -> None:
        """One request. Raises NotFound and MethodNotAllowed."""
        path: str = scope["path"]
        if path.startswith(_RESPONSES):
            await self._response(scope, send)
            return
        page = self._pages.get(path)
        if page is None and path.startswith((_MODELS + "/", _GEMINI_MODELS + "/")):
            page = self._model
        if page is None:
            raise NotFound(f"There is nothing at `{path[:200]}`.", hint="The API lives under `/v1`.")
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(f"`{path[:200]}` takes GET.")
        await page(scope, send)

    # Models, in the form of whoever asks

    async def _callable(
        self, scope: Scope
    ) -> tuple[list[ModelEntry], Literal["openai", "anthropic", "gemini"]]:
        heading = Heading(scope["headers"])
        gemini = heading.gemini or scope["path"].startswith(_GEMINI_MODELS)
        token = token_in_query(scope) if gemini and heading.token is None else heading.token
        key = await self._gate.let_in(token)
        entries = [entry for entry in self._list_models() if key.may_call(entry.id)]
        return entries, "gemini" if gemini else "anthropic" if heading.anthropic else "openai"

    async def _models(self, scope: Scope, send: Send) -> None:
        entries, form = await self._callable(scope)
        names = [entry.id for entry in entries]
        query = _query_of(scope)
        if form == "anthropic":
            from freehold.wire.anthropic import models as anthropic  # noqa: PLC0415 - loaded when spoken

            limit = _number_in(query, "limit", anthropic.DEFAULT_LIMIT)
            body = anthropic.encode_models(
                names, limit=limit, after_id=query.get("after_id"), before_id=query.get("before_id")
            )
        elif form == "gemini":
            from freehold.wire.gemini import models as gemini  # noqa: PLC0415

            body = gemini.encode_models(names)
        else:
            body = encode_models(entries)
        await send_whole(send, 200, [JSON], body)

    async def _model(self, scope: Scope, send: Send) -> None:
        entries, form = await self._callable(scope)
        path: str = scope["path"]
        wanted = path.removeprefix(_MODELS + "/").removeprefix(_GEMINI_MODELS + "/")
        entry = next((entry for entry in entries if entry.id == wanted), None)
        if entry is None:
            raise NotFound(
                f"No route or model is called `{wanted[:200]}`.", hint="`GET /v1/models` lists them."
            )
        if form == "anthropic":
            from freehold.wire.anthropic import models as anthropic  # noqa: PLC0415 - loaded when spoken

            body = anthropic.encode_model(entry.id)
        elif form == "gemini":
            from freehold.wire.gemini import models as gemini  # noqa: PLC0415

            body = gemini.encode_model(entry.id)
        else:
            body = encode_model(entry)
        await send_whole(send, 200, [JSON], body)

    # Responses that are kept

    async def _response(self, scope: Scope, send: Send) -> None:
        key = await self._gate.let_in(Heading(scope["headers"]).token)
        name, _, what = scope["path"].removeprefix(_RESPONSES).partition("/")
        asked = (scope["method"], what)
        query = _query_of(scope)
        headers: Headers = []
        if asked == ("GET", "") and _flag_in(query, "stream"):
            after = _number_in(query, "starting_after", -1)
            await send_events(scope, send, [], await self._conversations.replay(name, key, after=after))
            return
        if asked == ("GET", ""):
            if "starting_after" in query:
                raise BadRequest("`starting_after` is for `stream=true`.", param="starting_after")
            body, losses = await self._conversations.show(name, key)
            if losses:
                headers.append((b"x-freehold-losses", ", ".join(losses).encode("ascii", "replace")))
        elif asked == ("DELETE", ""):
            body = await self._conversations.delete(name, key)
        elif asked == ("GET", "input_items"):
            body = await self._list_input(name, key, query)
        elif asked == ("POST", "cancel"):
            body = await self._conversations.cancel(name, key)
        else:
            raise NotFound(f"There is nothing at `{scope['path'][:200]}` for {scope['method'][:20]}.")
        await send_whole(send, 200, [*headers, JSON], body)

    async def _list_input(self, name: str, key: Key, query: dict[str, str]) -> bytes:
        if query.get("order", "desc") not in ("asc", "desc"):
            raise BadRequest("`order` is neither `asc` nor `desc`.", param="order")
        order: Literal["asc", "desc"] = "asc" if query.get("order") == "asc" else "desc"
        return await self._conversations.list_input(
            name, key, after=query.get("after"), limit=_number_in(query, "limit", 20), order=order
        )

    # The endpoint itself

    async def _live(self, _scope: Scope, send: Send) -> None:
        await send_whole(send, 200, [JSON], b'{"live":true}')

    async def _ready(self, scope: Scope, send: Send) -> None:
        health = await self._health()
        if not self._settings.loopback and not await self._gate.knows(Heading(scope["headers"]).token):
            # Whoever balances the load needs the status; what is wrong here is not for everybody.
            health = Health(health.ready, {})
        await send_whole(send, 200 if health.ready else 503, [JSON], msgspec.json.encode(health))

    async def _figures(self, scope: Scope, send: Send) -> None:
        if not self._settings.loopback:
            await self._gate.let_in(Heading(scope["headers"]).token)
        headers: Headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
        await send_whole(send, 200, headers, await self._encode_figures())


def _query_of(scope: Scope) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}


def _number_in(query: dict[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise BadRequest(f"`{name}` is not a number.", param=name) from None


def _flag_in(query: dict[str, str], name: str) -> bool:
    value = query.get(name, "false").lower()
    if value not in ("true", "false"):
        raise BadRequest(f"`{name}` is neither `true` nor `false`.", param=name)
    return value == "true"
