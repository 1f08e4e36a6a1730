"""One attempt's exchange with a provider: what is sent, and what the client gets of the answer.

Where client and provider speak the same dialect, the bytes pass through and are only read on the side. Otherwise both
directions are translated, and what cannot be carried over is among the losses.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import msgspec

from freehold.core.answer import Answer
from freehold.core.errors import BadRequest, FreeholdError, LossRefused, NotInForm
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import MediaKind, Reasoning, Text
from freehold.core.request import ChatRequest, ResponseFormat
from freehold.core.usage import Usage, total
from freehold.engine.aside import aside
from freehold.engine.asked import Asked
from freehold.engine.counting import Estimate, counting_for
from freehold.engine.embedding import embedding_for
from freehold.engine.heading import headers_for
from freehold.engine.held import HeldStream, came_to_its_end
from freehold.engine.measures import Measures, tells_probabilities
from freehold.engine.naming import is_kept, response_id_of
from freehold.engine.origins import opened_for
from freehold.engine.reasoned import ReasoningWatch
from freehold.engine.streams import ForwardedStream, ListedStream, TranslatedStream, with_maker
from freehold.engine.structured import check, cleaned, instructed, repair
from freehold.ledger.record import Operation
from freehold.providers.settings import ProviderSettings
from freehold.wire.anthropic.headers import lose as lose_headers
from freehold.wire.anthropic.hosted import host_request
from freehold.wire.dialect import STANDARD, Addressee, DialectName, NotAnAnswer, Recipient
from freehold.wire.dialects import dialect_of
from freehold.wire.facts import Facts
from freehold.wire.openai_answer import read_chat_answer, read_embeddings_answer
from freehold.wire.openai_stream import ChatStream
from freehold.wire.passing_state import Sealer
from freehold.wire.request import Request
from freehold.wire.responses.kept_answer import Said, retold, retold_event
from freehold.wire.tool_names import fit_tool_names


class AnswerStream(Protocol):
    """A streamed answer on its way to the client: pieces of the provider's bytes in, the client's bytes out."""

    facts: Facts
    started: bool
    """Something was written: text, reasoning, a refusal or a tool call."""
    finished: bool
    """The provider said that the answer is complete."""
    error: bytes | None
    """The error object of an error event."""
    broken: NotAnAnswer | None
    """Why an event was not understood."""
    hides_error: bool
    """An error event is not told: whoever reads the stream does something about it."""

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end, as opposed to being cut."""

    def feed(self, piece: bytes) -> bytes:
        """What the client gets for `piece`. Raises NotAnAnswer; what came before it in the piece is returned first."""

    def finish(self) -> bytes:
        """The provider's bytes have ended: what of them is left to be told."""

    def close(self) -> bytes:
        """What tells the client that the answer is complete, when the provider did not say so."""

    def fail(self, error: FreeholdError) -> bytes:
        """What tells the client that the answer breaks off, and why."""

    def usage_so_far(self) -> Usage:
        """The provider's usage or, when the stream ended before it came, what we counted."""


class Exchange(Protocol):
    """How one attempt speaks with its provider."""

    speech: DialectName
    """The dialect it speaks."""
    losses: Losses
    """What was lost so far; grows until the answer is complete."""
    path: str | None
    """Where to, below the provider's `base_url`; None: where such requests usually go."""
    headers: Mapping[str, str]
    """What is sent beside the provider's own headers, or in place of those of the same names."""

    def body(self) -> bytes:
        """What is sent."""

    def more(self, answer: bytes, /) -> bytes | None:
        """What is sent after this answer; None when it was the last one. Raises NotAnAnswer."""

    def read_whole(self, answer: bytes) -> tuple[bytes, Facts]:
        """The answer as the client gets it, and its facts. Raises NotAnAnswer."""

    def open_stream(self) -> AnswerStream:
        """For one streamed answer."""


class Passing:
    """Both ends speak the same dialect: bytes pass through, but reasoning state is sealed on its way out."""

    def __init__(
        self,
        request: Request,
        settings: ProviderSettings,
        model: str,
        *,
        embeddings: bool = False,
        call_name: str | None = None,
    ) -> None:
        """`call_name`: the id that the answer is given in place of the provider's; None: it keeps that.

        Raises BadRequest, and LossRefused when the client would rather have an error than a loss.
        """
        self.speech: DialectName = request.dialect
        self.losses = Losses()
        self.losses.add_all(request.lost)
        if request.strict and request.lost:
            raise LossRefused(request.lost, settings.name)
        self.path: str | None = None
        self._request = request
        self._model = model
        self._framing = settings.framing_of(self.speech)
        self._ask_for_usage = settings.stream_usage
        self._embeddings = embeddings
        self._name = call_name
        self._sealer = Sealer(dialect_of(self.speech).state, origin=settings.origin, model=model)
        self._hosted: bytes | None = None
        self.headers: Mapping[str, str] = headers_for(request, settings, self.speech)
        if settings.hosting is not None:
            hosted = host_request(request.fields, settings.hosting, self.headers, self.losses)
            self._hosted, self.headers = hosted.body, hosted.headers
            refuse_losses(request, self.losses, settings)

    def body(self) -> bytes:
        """The client's request, with the provider's name for the model, and what its hosting changes."""
        if self._hosted is not None:
            # As large as the request: not held while the answer is awaited.
            body, self._hosted = self._hosted, b""
            return body
        if self._name is not None:
            return _unstored(self._request).for_provider(self._model, ask_for_usage=False)
        return self._request.for_provider(self._model, ask_for_usage=self._ask_for_usage)

    def more(self, _answer: bytes, /) -> bytes | None:
        """Nothing: one request, one answer."""
        return None

    def read_whole(self, answer: bytes) -> tuple[bytes, Facts]:
        """The answer with its state sealed, and its facts. Raises NotAnAnswer."""
        if self.speech != "openai-chat":
            decoded = dialect_of(self.speech).decode_answer(answer)
            if self._name is not None and decoded.id:
                answer = answer.replace(_quoted(decoded.id), _quoted(self._name))
            if self._retells:
                answer = retold(answer, self._said)
            return self._sealer.answer(answer), facts_of(decoded)
        if self._embeddings:
            return answer, read_embeddings_answer(answer)
        facts = read_chat_answer(answer)
        return self._sealer.answer(answer), facts

    def open_stream(self) -> AnswerStream:
        """Forwards events as they are, as a list where the client wants that."""
        if self.speech == "openai-chat":
            hide = self._ask_for_usage and not self._request.wants_usage
            return ChatStream(hide_usage=hide, sealer=self._sealer)
        if self._request.framing == "json-array":
            return ListedStream(dialect_of(self.speech), self._sealer)
        retell = None
        if self._retells:
            retell = partial(retold_event, said=self._said)
        return ForwardedStream(
            dialect_of(self.speech), self._sealer, name=self._name, retell=retell, framing=self._framing
        )

    @property
    def _retells(self) -> bool:
        """Whether Freehold keeps what the provider is not asked to keep."""
        return self._name is not None or self._request.continues is not None

    @property
    def _said(self) -> Said:
        """What the client said that the provider was not told."""
        request = self._request
        kept = self._name is not None and is_kept(request)
        return Said(kept=kept, continues=request.continues, background=request.background)


class Translating:
    """The ends speak different dialects, or the provider its own kind of one, or part of the conversation is
    reasoning that it cannot read.
    """

    def __init__(
        self,
        asked: Asked,
        filled: ChatRequest,
        settings: ProviderSettings,
        model: str,
        speech: DialectName,
        **who: Any,
    ) -> None:
        """`filled` is the request with the files that are sent along; `speech` is what is spoken with the provider;
        `who` is what an Addressee has besides.

        Raises BadRequest, and LossRefused when the client would rather have an error than a loss.
        """
        request = asked.request
        self.speech = speech
        self.losses = losses = Losses()
        losses.add_all(request.lost)
        self.path: str | None = None
        self.headers: Mapping[str, str] = headers_for(request, settings, self.speech)
        self._sent_on = self.headers
        """The client's headers, as far as the provider's dialect has them."""
        self._settings = settings
        self._client = dialect_of(request.dialect)
        self._provider = dialect_of(self.speech)
        self._recipient = Recipient(
            model=model, origin=settings.origin, quirks=settings.quirks, stream_usage=settings.stream_usage
        )
        self.spent: Usage | None = None
        """What a first answer used that was not in the form that was asked for."""
        self._wish = _wish_in_words(filled, settings)
        told, self._tool_names = fit_tool_names(_unkept(filled), self.speech)
        if self._wish is not None:
            losses.add("response_format")
            told = instructed(told)
        if request.dialect == "anthropic-messages" and self.speech != request.dialect:
            lose_headers(request.headers, losses)
        self.measures = Measures(asked=bool(filled.logprobs)) if request.measured else None
        """How probable the words are that it writes; None: nobody wants to know."""
        if self.measures is not None and tells_probabilities(settings, speech):
            told = msgspec.structs.replace(told, logprobs=True)
        self._body = self._encode(told)
        if self._wish is None and "response_format" in losses.names:
            self._wish = filled.response_format  # the dialect has put it in words for this model
        self._told = None if self._wish is None else told
        """What another answer would be asked for with; as large as the request, and held for nothing else."""
        self._several = (filled.n or 1) > 1
        refuse_losses(request, losses, settings)
        # What has no words and no state is at the provider alone; clients of its own dialect ask for state themselves.
        state_due = self.speech == "openai-responses" != request.dialect
        self._watch = ReasoningWatch(filled.reasoning, losses, state_due=state_due)
        self._addressee = Addressee(
            request=as_asked(asked.decoded(), request), framing=request.framing, **who
        )

    def _encode(self, request: ChatRequest) -> bytes:
        body = self._provider.encode_request(request, self._recipient, self.losses)
        hosting = self._settings.hosting
        if hosting is None:
            return body
        hosted = host_request(_decode_fields(body), hosting, self._sent_on, self.losses)
        self.headers = hosted.headers
        return hosted.body

    def body(self) -> bytes:
        """The request in the provider's dialect."""
        body, self._body = self._body, b""  # as large as the request: not held while the answer is awaited
        return body

    def more(self, _answer: bytes, /) -> bytes | None:
        """Nothing: one request, one answer."""
        return None

    def second_try(self, answer: bytes) -> bytes | None:
        """The request for another answer, where this one is not in the form that the client asked for."""
        if self._wish is None:
            return None
        decoded = self._provider.decode_answer(answer)
        text = text_of(decoded)
        problem = None if text is None else self._problem_with(decoded, text)
        if text is None or problem is None:
            return None
        self.spent = decoded.usage
        return self._mend(text, problem)

    def _problem_with(self, answer: Answer, text: str) -> str | None:
        assert self._wish is not None
        return check(text, self._wish.schema) if came_to_its_end(answer.choices[0].stop) else None

    def _mend(self, text: str, problem: str) -> bytes:
        """The request for another answer than `text`."""
        assert self._told is not None
        return self._encode(repair(self._told, text, problem))

    def read_whole(self, answer: bytes) -> tuple[bytes, Facts]:
        """The answer in the client's dialect, and its facts. Raises NotAnAnswer, and NotInForm for a second try."""
        decoded = self._provider.decode_answer(answer)
        if self.measures is not None:
            self.measures.take(decoded)
        for choice in decoded.choices:
            choice.parts = [with_maker(part, self._recipient, self._tool_names) for part in choice.parts]
        text = None if self._wish is None else text_of(decoded)
        if text is not None and came_to_its_end(decoded.choices[0].stop):
            problem = None if self.spent is None else self._problem_with(decoded, text)
            if problem is not None:
                raise NotInForm(problem, provider=self._settings.name)
            _put_text(decoded, cleaned(text))
        self._watch.see_whole(decoded, decoded.usage)
        facts = facts_of(decoded)
        if self.spent is not None:
            decoded.usage = total(self.spent, decoded.usage)
            decoded.raw_usage = None  # the provider's own words are about one of both
        return self._client.encode_answer(decoded, self._addressee, self.losses), facts

    def open_stream(self) -> AnswerStream:
        """Translates event by event."""
        encoder = self._client.encode_stream(self._addressee, self.losses)
        framing = self._settings.framing_of(self.speech)
        watch = self._watch if self._watch.needed else None
        decodes = self._provider if self.measures is None else self.measures.decoding(self._provider)
        if self._wish is None or self._several:
            return TranslatedStream(
                decodes,
                encoder,
                self._recipient,
                framing=framing,
                tool_names=self._tool_names,
                watch=watch,
            )
        return HeldStream(
            decodes,
            encoder,
            self._recipient,
            self.losses,
            framing=framing,
            tool_names=self._tool_names,
            watch=watch,
            schema=self._wish.schema,
            mend=self._mend,
            provider=self._settings.name,
        )


async def exchange_for(
    asked: Asked,
    settings: ProviderSettings,
    model: str,
    *,
    operation: Operation,
    call_id: str,
    created: int,
) -> Exchange | Estimate:
    """How the request is put to the provider. Raises BadRequest and LossRefused."""
    request = asked.request
    if operation == "embeddings":
        if request.dialect == "openai-chat" and "openai-chat" in settings.dialects:
            return Passing(request, settings, model, embeddings=True)
        return await aside(request.size, partial(embedding_for, request, settings, model))
    if operation == "count":
        return await aside(request.size, partial(counting_for, request, settings, model))
    speech = settings.dialects[0]
    if request.dialect in settings.dialects and not _must_change(request, settings):
        speech = request.dialect
        own: Request | None = request
        if request.measured and tells_probabilities(settings, speech):
            own = None  # what the client did not ask for is kept from it
        elif request.holds_state:
            own = await aside(request.size, partial(opened_for, request, settings, model))
    else:
        own = None
    if own is not None:
        # An answer that can be gone on from is found by our name for it, not by the provider's.
        kept = request.dialect == "openai-responses" and (is_kept(request) or request.background)
        name = response_id_of(call_id) if kept else None
        return Passing(own, settings, model, call_name=name)
    filled = await asked.with_files(not_fetched_by(settings, speech))
    return await aside(
        request.size,
        partial(Translating, asked, filled, settings, model, speech, id=call_id, created=created),
    )


def not_fetched_by(settings: ProviderSettings, speech: DialectName) -> list[MediaKind]:
    """Kinds of files that the provider does not fetch itself."""
    able = _urls_taken(settings, speech)
    return [kind for kind in _KINDS if kind not in able]


_KINDS: tuple[MediaKind, ...] = ("image", "audio", "video", "document")
_FETCHED_THERE: dict[DialectName, tuple[str, ...]] = {
    "openai-chat": ("image",),
    "openai-responses": ("image", "document"),
    "anthropic-messages": ("image", "document"),
    "gemini": (),
    "bedrock-converse": (),
    "cohere": ("image",),
}
"""Kinds of media that the original of each dialect takes by URL."""


def _urls_taken(settings: ProviderSettings, speech: DialectName) -> tuple[str, ...]:
    """Kinds of media that it fetches by itself. Clouds do not fetch for the models they host."""
    if settings.quirks.media_urls is not None:
        return settings.quirks.media_urls
    return () if settings.hosting is not None else _FETCHED_THERE[speech]


def refuse_losses(request: Request, losses: Losses, settings: ProviderSettings) -> None:
    """Raises LossRefused when something is lost and the client would rather have an error."""
    if request.strict and losses.possible:
        raise LossRefused(losses.possible, settings.name)


def _wish_in_words(request: ChatRequest, settings: ProviderSettings) -> ResponseFormat | None:
    """The form of the answer, when the provider can only be asked for it in words."""
    wish, quirks = request.response_format, settings.quirks
    if wish is None or wish.kind == "text":
        return None
    able = quirks.schema if wish.kind == "schema" else quirks.json
    return None if able and "response_format" not in quirks.unsupported else wish


def text_of(answer: Answer) -> str | None:
    """The words of a whole answer; None when it is something else: calls of tools, a refusal, more than one."""
    if len(answer.choices) != 1:
        return None
    parts = [part for part in answer.choices[0].parts if not isinstance(part, Reasoning)]
    texts = [part.text for part in parts if isinstance(part, Text)]
    return "".join(texts) if len(texts) == len(parts) else None


def _put_text(answer: Answer, text: str) -> None:
    choice = answer.choices[0]
    first = next((part for part in choice.parts if isinstance(part, Text)), None)
    if first is not None and first.text != text:
        first.text, first.citations = text, []
        choice.parts = [part for part in choice.parts if part is first or not isinstance(part, Text)]


def _must_change(request: Request, settings: ProviderSettings) -> bool:
    """Whether the provider would misunderstand the client's bytes although both speak the same dialect."""
    quirks = settings.quirks
    if settings.hosting is not None:
        return not _urls_taken(settings, request.dialect) and b'"url"' in bytes(request.fields["messages"])
    if quirks is STANDARD or request.dialect != "openai-chat":
        return False
    fields = request.fields
    return (
        (quirks.max_tokens == "max_tokens" and "max_completion_tokens" in fields)
        or (not quirks.developer_role and b'"developer"' in bytes(fields["messages"]))
        or (not quirks.schema and b"json_schema" in bytes(fields.get("response_format", b"")))
        or (not quirks.json and b"json_object" in bytes(fields.get("response_format", b"")))
        or (quirks.reasoning_wish != "effort" and "reasoning_effort" in fields)
        or any(name in fields for name in quirks.unsupported)
    )


def facts_of(answer: Answer) -> Facts:
    """What the ledger wants to know of an answer."""
    stop = answer.choices[0].stop if answer.choices else None
    return Facts(
        answer.model, None if stop is None else stop.raw or stop.reason, answer.usage, answer.raw_usage
    )


def _unstored(request: Request) -> Request:
    """The request for a provider that need not keep what Freehold keeps: the reasoning's state comes along instead."""
    fields = dict(request.fields)
    fields["store"] = msgspec.Raw(b"false")
    try:
        include = _decode_words(fields.get("include", b"[]")) or []
    except msgspec.DecodeError:
        raise BadRequest("The field `include` is not a list of words.", param="include") from None
    if _ENCRYPTED not in include:
        fields["include"] = msgspec.Raw(msgspec.json.encode([*include, _ENCRYPTED]))
    return msgspec.structs.replace(request, fields=fields)


def as_asked(decoded: ChatRequest, request: Request) -> ChatRequest:
    """What the answer repeats of the request: also what was Freehold's to do, and no provider's."""
    said: Fields = {}
    if request.continues is not None:
        said["previous_response_id"] = msgspec.Raw(msgspec.json.encode(request.continues))
    if request.background:
        said["background"] = msgspec.Raw(b"true")
    return msgspec.structs.replace(decoded, extra={**decoded.extra, **said}) if said else decoded


def _unkept(decoded: ChatRequest) -> ChatRequest:
    """The same for one that is translated: what a client of the Responses API wants kept, Freehold keeps."""
    if decoded.dialect != "openai-responses" or not decoded.store:
        return decoded
    return msgspec.structs.replace(decoded, store=None)


def _quoted(name: str) -> bytes:
    return b'"%b"' % name.encode()


_decode_fields = msgspec.json.Decoder(Fields).decode
_ENCRYPTED = "reasoning.encrypted_content"
_decode_words = msgspec.json.Decoder(list[str] | None).decode
