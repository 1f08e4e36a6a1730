"""Counting the tokens of a request: one attempt's exchange with a provider that can count, or an estimate."""

from __future__ import annotations

import msgspec

from freehold.core.errors import BadRequest, LossRefused
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.request import ChatRequest
from freehold.engine.embedding import NeverStreamed
from freehold.engine.origins import opened_for
from freehold.providers.paths import count_path
from freehold.providers.settings import ProviderSettings
from freehold.wire.counting import COUNTING, counter_of
from freehold.wire.dialect import DialectName, Recipient
from freehold.wire.facts import Facts
from freehold.wire.request import Request
from freehold.wire.token_estimate import estimated_tokens
from freehold.wire.tool_names import fit_tool_names

NOT_COUNTED = frozenset({404, 405, 501})
"""Statuses of a provider that does not count tokens after all."""

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

    def __init__(self, request: Request, model: str, path: str) -> None:
        self.speech: DialectName = request.dialect
        self.losses = Losses()
        self.path: str | None = path
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
) -> PassingCount | TranslatingCount | Estimate:
    """How the tokens of `request` are counted. Raises BadRequest and LossRefused."""
    paths = {one: count_path(settings, one) for one in settings.dialects if one in COUNTING}
    known = {dialect: path for dialect, path in paths.items() if path is not None}
    own = known.get(request.dialect)
    opened = None if own is None else opened_for(request, settings, model)
    if own is not None and opened is not None:
        return PassingCount(opened, model, own)
    for speech, path in known.items():
        return TranslatingCount(request, settings, model, speech=speech, path=path)
    return Estimate(request, settings.name)


def _asked(request: Request) -> ChatRequest:
    return counter_of(request.dialect).decode_count_request(request.whole())
