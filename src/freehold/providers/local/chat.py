"""Chat requests of a local model, handed to llama.cpp's server.

llama.cpp notices that a client hung up only between the pieces of a stream, not while it writes a
whole answer, and may then keep a slot busy for minutes. So it is always asked for a stream, and whole
answers are put together here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext

import msgspec

from freehold.core.errors import BadRequest, FreeholdError, ProviderBroken
from freehold.providers.client import ProviderClient, Response
from freehold.providers.local.asked import Asked
from freehold.providers.local.door import Answer
from freehold.providers.local.errors import ContextExceeded
from freehold.providers.local.interpreting import Chunk, Interpretation
from freehold.providers.local.llama import LlamaServer
from freehold.providers.local.models import LocalModel
from freehold.providers.local.watching import PATIENCE_SECONDS, Watch
from freehold.providers.local.whole import StreamFailed, WholeAnswer, chunks_of
from freehold.wire.sse import EventSplitter

_USAGE_TOO = msgspec.Raw(b'{"include_usage":true}')
_encode = msgspec.json.Encoder().encode


class _Refusal(msgspec.Struct):
    message: str
    type: str | None = None


class _Refused(msgspec.Struct):
    error: _Refusal


_decode_refused = msgspec.json.Decoder(_Refused).decode


class Chat:
    """Answers chat requests with one model."""

    def __init__(self, model: LocalModel, weights: str, *, patience: float = PATIENCE_SECONDS) -> None:
        """Loads the model, which takes about a second. `patience`: with a form that is hard to work out; after it the
        process ends.
        """
        self._model = model
        self._server = LlamaServer(model, weights)
        self._watch = Watch(self._server.goes_on, patience)
        self._abilities = self._server.abilities()
        self._client: ProviderClient | None = None

    async def answer(self, body: bytes, answer: Answer) -> None:
        """Answer one request body, whole or streamed. Raises FreeholdError before anything is sent."""
        asked = Asked(body, self._model, self._abilities)
        with self._watch.over_form() if asked.has_form else nullcontext():
            await self._answer(asked, answer)

    async def _answer(self, asked: Asked, answer: Answer) -> None:
        headers = {"x-freehold-losses": ",".join(asked.losses)} if asked.losses else {}
        if asked.thinks or asked.calls is not None:
            await self._interpret(asked, answer, headers)
            return
        if not asked.streamed:
            asked.fields |= {"stream": msgspec.Raw(b"true"), "stream_options": _USAGE_TOO}
        response = await self._send(asked.fields)
        try:
            if asked.streamed:
                await answer.stream(headers)
                while piece := await response.read_some():
                    await answer.piece(piece)
                await answer.end()
                return
            whole = WholeAnswer()
            while piece := await response.read_some():
                whole.feed(piece)
            await self._finish(whole, answer, headers)
        except StreamFailed as failure:
            raise self._refusal(failure.status, failure.body) from None
        finally:
            response.close()

    async def _interpret(self, asked: Asked, answer: Answer, headers: dict[str, str]) -> None:
        """An answer that may think first, or call tools."""
        usage_wanted = asked.wants_usage
        asked.fields |= {"stream": msgspec.Raw(b"true"), "stream_options": _USAGE_TOO}
        whole = WholeAnswer()
        try:
            async with aclosing(self._interpreted(asked)) as chunks:
                async for chunk in chunks:
                    if not asked.streamed:
                        whole.take(chunk)
                        continue
                    if not answer.begun:
                        await answer.stream(headers)
                    if chunk.get("choices") or usage_wanted:
                        await answer.piece(b"data: " + _encode(chunk) + b"\n\n")
        except StreamFailed as failure:
            raise self._refusal(failure.status, failure.body) from None
        if asked.streamed:
            await answer.piece(b"data: [DONE]\n\n")
            await answer.end()
        else:
            whole.done = True
            await self._finish(whole, answer, headers)

    async def _interpreted(self, asked: Asked) -> AsyncGenerator[Chunk, None]:
        interpretation = Interpretation(asked)
        if asked.budget == 0 and asked.thinks:
            asked.go_on_after(*interpretation.cut_short())
        while True:
            async with aclosing(self._chunks(asked)) as chunks:
                async for chunk in chunks:
                    yield interpretation.take(chunk)
                    if interpretation.over_budget:
                        break
                else:
                    return
            asked.go_on_after(*interpretation.cut_short())

    async def _chunks(self, asked: Asked) -> AsyncGenerator[Chunk, None]:
        response = await self._send(asked.fields)
        splitter = EventSplitter()
        try:
            while piece := await response.read_some():
                for chunk in chunks_of(splitter, piece):
                    if chunk is None:
                        return
                    yield chunk
        finally:
            response.close()
        raise self._broken()

    async def _send(self, fields: dict[str, msgspec.Raw]) -> Response:
        """Raises FreeholdError when llama.cpp does not begin to answer."""
        if self._client is None:
            self._client = ProviderClient(self._server.settings, tls=None)
        response = await self._client.send("chat", self._model.name, _encode(fields))
        if response.status == 200:
            return response
        try:
            raise self._refusal(response.status, await response.read())
        finally:
            response.close()

    async def _finish(self, whole: WholeAnswer, answer: Answer, headers: dict[str, str]) -> None:
        if not whole.done:
            raise self._broken()
        await answer.whole(whole.encode(), headers=headers)

    def _broken(self) -> ProviderBroken:
        return ProviderBroken("The model's answer broke off.", provider=self._model.provider)

    def _refusal(self, status: int, body: bytes) -> FreeholdError:
        """llama.cpp's error as one of ours."""
        return refusal(self._model.provider, status, body)


def refusal(provider: str, status: int, body: bytes) -> FreeholdError:
    """llama.cpp's error as one of ours."""
    try:
        said = _decode_refused(body).error
    except msgspec.DecodeError:
        return ProviderBroken(f"llama.cpp answered {status}.", provider=provider)
    if said.type == "exceed_context_size_error" or "too large to process" in said.message:
        return ContextExceeded(said.message, param="messages")
    if 400 <= status < 500:
        return BadRequest(said.message)
    return ProviderBroken(f"llama.cpp answered {status}: {said.message}", provider=provider)
