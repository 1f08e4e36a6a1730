"""Counting the tokens of a request: one attempt's exchange with a provider that can count, or an estimate."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest, LossRefused, ProviderRefused
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.engine.embedding import NeverStreamed
from freehold.engine.heading import headers_for
from freehold.engine.origins import opened_for
from freehold.providers.paths import count_path, path_of
from freehold.providers.settings import ProviderSettings
from freehold.wire.anthropic.headers import lose as lose_headers
from freehold.wire.anthropic.hosted import host_count, own_count
from freehold.wire.counting import COUNTING, counter_of
from freehold.wire.dialect import DialectName, Hosting, Recipient
from freehold.wire.facts import Facts
from freehold.wire.request import Request
from freehold.wire.token_estimate import estimated_tokens
from freehold.wire.tool_names import fit_tool_names

_NOT_COUNTED = frozenset({404, 405, 501})
"""Statuses of a provider that does not count tokens after all."""
_decode_fields = msgspec.json.Decoder(Fields).decode


def is_not_counted(refused: ProviderRefused) -> bool:
    """Whether the provider does not count tokens after all. Bedrock says so, in words, of profiles of its models."""
    if refused.provider_status == 400:
        return b"support counting tokens" in refused.body
    return refused.provider_status in _NOT_COUNTED


_INNER = ("generateContentRequest", "generate_content_request")
"""Where Gemini's request to count may hold a whole other one, which names the model too."""


class Estimate:
    """Nobody can be asked."""

    def __init__(self, request: Request, provider: str) -> None:
        """Raises BadRequest, and LossRefused when the client would rather have an error than an estimate."""
        self.losses = Losses()
        self.losses.add("usage.estimated")
        if request.strict:
            raise LossRefused(self.losses.names, provider)
        self._client = request.dialect
        self._asked = _asked(request)

    def answer(self) -> bytes:
        """The count in the client's form."""
        return counter_of(self._client).encode_count(estimated_tokens(self._asked))


class PassingCount(NeverStreamed):
    """Both ends count in the same dialect: bytes pass through, but for the model's name."""

    def __init__(self, request: Request, settings: ProviderSettings, model: str, path: str) -> None:
        self.speech: DialectName = request.dialect
        self.losses = Losses()
        self.path: str | None = path
        self.headers = headers_for(request, settings, self.speech)
        self._request = request
        self._model = model

    def body(self) -> bytes:
        """The client's request, with the provider's name for the model."""
        request = self._request
        name = next((one for one in _INNER if bytes(request.fields.get(one, b"null")) != b"null"), None)
        if name is None:
            return request.for_provider(self._model, ask_for_usage=False)
        try:
            fields = msgspec.json.decode(request.fields[name], type=Fields)
        except msgspec.DecodeError:
            raise BadRequest(f"The field `{name}` is not an object.", param=name) from None
        fields["model"] = msgspec.Raw(msgspec.json.encode(f"models/{self._model}"))
        return msgspec.json.encode({**request.fields, name: msgspec.Raw(msgspec.json.encode(fields))})

    def read_whole(self, answer: bytes) -> tuple[bytes, Facts]:
        """The answer untouched. Raises NotAnAnswer."""
        counter_of(self.speech).decode_count(answer)
        return answer, Facts()


class HostedCount(NeverStreamed):
    """A cloud that hosts Anthropic's dialect counts in a form of its own; the client counts in any."""

    speech: DialectName = "anthropic-messages"

    def __init__(
        self, request: Request, settings: ProviderSettings, model: str, host: Hosting, path: str
    ) -> None:
        """Raises BadRequest, and LossRefused when the client would rather have an error than a loss."""
        self.losses = losses = Losses()
        self.path: str | None = path
        self._host = host
        self._client = request.dialect
        own = opened_for(request, settings, model) if request.dialect == self.speech else None
        if own is not None:
            body = own.for_provider(model, ask_for_usage=False)
        else:
            recipient = Recipient(model=model, origin=settings.origin, quirks=settings.quirks)
            asked, _ = fit_tool_names(_asked(request), self.speech)
            body = counter_of(self.speech).encode_count_request(asked, recipient, losses)
        headers = headers_for(request, settings, self.speech)
        hosted = host_count(_decode_fields(body), host, headers, losses)
        self._body, self.headers = hosted.body, hosted.headers
        if request.strict and losses:
            raise LossRefused(losses.names, settings.name)

    def body(self) -> bytes:
        """The request in the host's form."""
        return self._body

    def read_whole(self, answer: bytes) -> tuple[bytes, Facts]:
        """The count in the client's form. Raises NotAnAnswer."""
        own = own_count(answer, self._host)
        counted = counter_of(self.speech).decode_count(own)
        return own if self._client == self.speech else counter_of(self._client).encode_count(counted), Facts()


class TranslatingCount(NeverStreamed):
    """The provider counts in another dialect than the client's."""

    def __init__(
        self, request: Request, settings: ProviderSettings, model: str, *, speech: DialectName, path: str
    ) -> None:
        """Raises BadRequest, and LossRefused when the client would rather have an error than a loss."""
        self.speech = speech
        self.losses = losses = Losses()
        self.path: str | None = path
        self._client = request.dialect
        self.headers = headers_for(request, settings, speech)
        if request.dialect == "anthropic-messages" and speech != request.dialect:
            lose_headers(request.headers, losses)
        recipient = Recipient(model=model, origin=settings.origin, quirks=settings.quirks)
        asked, _ = fit_tool_names(_asked(request), speech)
        self._body = counter_of(speech).encode_count_request(asked, recipient, losses)
        if request.strict and losses:
            raise LossRefused(losses.names, settings.name)

    def body(self) -> bytes:
        """The request in the provider's dialect."""
        return self._body

    def read_whole(self, answer: bytes) -> tuple[bytes, Facts]:
        """The count in the client's form. Raises NotAnAnswer."""
        return counter_of(self._client).encode_count(counter_of(self.speech).decode_count(answer)), Facts()


def counting_for(
    request: Request, settings: ProviderSettings, model: str
) -> PassingCount | HostedCount | TranslatingCount | Estimate:
    """How the tokens of `request` are counted. Raises BadRequest and LossRefused."""
    if settings.hosting is not None:
        path = path_of(settings, "count", settings.dialects[0], stream=False)
        return HostedCount(request, settings, model, settings.hosting, path)
    paths = {one: count_path(settings, one) for one in settings.dialects if one in COUNTING}
    known = {dialect: path for dialect, path in paths.items() if path is not None}
    own = known.get(request.dialect)
    opened = None if own is None else opened_for(request, settings, model)
    if own is not None and opened is not None:
        return PassingCount(opened, settings, model, own)
    for speech, path in known.items():
        return TranslatingCount(request, settings, model, speech=speech, path=path)
    return Estimate(request, settings.name)


def _asked(request: Request) -> ChatRequest:
    return counter_of(request.dialect).decode_count_request(request.whole())
