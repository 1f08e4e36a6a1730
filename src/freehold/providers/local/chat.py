"""Chat requests of a local model, handed to llama.cpp's server.

llama.cpp notices that a client hung up only between the pieces of a stream, not while it writes a
whole answer, and may then keep a slot busy for minutes. So it is always asked for a stream, and whole
answers are put together here. What the model cannot do is refused here, too, because llama.cpp would
leave it out without a word.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from freehold.catalog.embedded import LOCAL
from freehold.core.errors import BadRequest, FreeholdError, ProviderBroken
from freehold.providers.client import ProviderClient
from freehold.providers.local.door import Answer
from freehold.providers.local.errors import ContextExceeded
from freehold.providers.local.llama import LlamaServer
from freehold.providers.local.models import LocalModel
from freehold.providers.local.whole import StreamFailed, WholeAnswer

_TOOL_FIELDS = ("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call")
_NO_CHOICE = (None, "auto", "none")


class _Part(msgspec.Struct):
    type: str


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None


class _Request(msgspec.Struct):
    messages: list[_Message]
    stream: bool | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: Any = None
    function_call: Any = None


class _Refusal(msgspec.Struct):
    message: str
    type: str | None = None


class _Refused(msgspec.Struct):
    error: _Refusal


_decode = msgspec.json.Decoder(_Request).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_refused = msgspec.json.Decoder(_Refused).decode


class Chat:
    """Answers chat requests with one model."""

    def __init__(self, model: LocalModel, weights: str) -> None:
        """Loads the model, which takes about a second."""
        self._model = model
        self._server = LlamaServer(model, weights)
        self._client: ProviderClient | None = None

    async def answer(self, body: bytes, answer: Answer) -> None:
        """Answer one request body, whole or streamed. Raises FreeholdError before anything is sent."""
        request, losses = self._read(body)
        fields = _decode_fields(body)
        for name in losses:
            del fields[name]
        if not request.stream:
            fields["stream"] = msgspec.Raw(b"true")
            fields["stream_options"] = msgspec.Raw(b'{"include_usage":true}')
        if self._client is None:
            self._client = ProviderClient(self._server.settings, tls=None)
        response = await self._client.send("chat", self._model.name, msgspec.json.encode(fields))
        headers = {"x-freehold-losses": ",".join(losses)} if losses else {}
        try:
            if response.status != 200:
                raise _refusal(response.status, await response.read())
            if request.stream:
                await answer.stream(headers)
                while piece := await response.read_some():
                    await answer.piece(piece)
                await answer.end()
            else:
                whole = WholeAnswer()
                while piece := await response.read_some():
                    whole.feed(piece)
                if not whole.done:
                    raise ProviderBroken("The model's answer broke off.", provider=LOCAL)
                await answer.whole(whole.encode(), headers=headers)
        except StreamFailed as failure:
            raise _refusal(failure.status, failure.body) from None
        finally:
            response.close()

    def _read(self, body: bytes) -> tuple[_Request, list[str]]:
        """The request, and the fields of it that the model cannot be shown. Raises BadRequest."""
        name = self._model.id
        try:
            request = _decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRequest(f"The request is not understood: {error}.") from None
        if not request.messages:
            raise BadRequest("`messages` is empty.", param="messages")
        for message in request.messages:
            for part in message.content if isinstance(message.content, list) else ():
                if part.type != "text":
                    raise BadRequest(f"`{name}` reads text only, not `{part.type}`.", param="messages")
        if request.n is not None and request.n != 1:
            raise BadRequest(f"`{name}` gives one answer a request.", hint="Send more requests.", param="n")
        if not (request.tools or request.functions):
            return request, []
        if request.tool_choice not in _NO_CHOICE or request.function_call not in _NO_CHOICE:
            raise BadRequest(
                f"`{name}` cannot call tools, so it cannot be made to.",
                hint="Ask for JSON with `response_format`, or choose another model for this route.",
                param="tool_choice",
            )
        return request, [field for field in _TOOL_FIELDS if field in _decode_fields(body)]


def _refusal(status: int, body: bytes) -> FreeholdError:
    """llama.cpp's error as one of ours."""
    try:
        said = _decode_refused(body).error
    except msgspec.DecodeError:
        return ProviderBroken(f"llama.cpp answered {status}.", provider=LOCAL)
    if said.type == "exceed_context_size_error":
        return ContextExceeded(said.message, param="messages")
    if 400 <= status < 500:
        return BadRequest(said.message)
    return ProviderBroken(f"llama.cpp answered {status}: {said.message}", provider=LOCAL)
