"""How probable a model found its own words: taken out of the answer before the client gets it."""

from __future__ import annotations

from freehold.core.answer import Answer
from freehold.core.events import Event, LogProbs
from freehold.engine.streams import Decodes
from freehold.providers.settings import ProviderSettings
from freehold.wire.dialect import DialectName, StreamDecoder

_TELLING: tuple[DialectName, ...] = ("openai-chat", "openai-responses", "gemini", "cohere")


def tells_probabilities(settings: ProviderSettings, speech: DialectName) -> bool:
    """Whether the provider can be asked for log-probabilities in this dialect."""
    return speech in _TELLING and "logprobs" not in settings.quirks.unsupported


class Measures:
    """Collects the log-probabilities of an answer's first choice."""

    def __init__(self, *, asked: bool) -> None:
        """`asked`: the client wants them as well."""
        self.pieces: list[bytes] = []
        """JSON in OpenAI's form, in the order in which they came."""
        self._asked = asked

    def take(self, answer: Answer) -> None:
        """Those of a whole answer."""
        self.pieces = [one.logprobs for one in answer.choices[:1] if one.logprobs is not None]
        if not self._asked:
            for one in answer.choices:
                one.logprobs = None

    def decoding(self, dialect: Decodes) -> Decodes:
        """The dialect, read so that they are taken out of streams."""
        return _Measuring(dialect, self)

    def seen(self, events: list[Event]) -> list[Event]:
        """What of these events goes on."""
        found = [one for one in events if isinstance(one, LogProbs)]
        if not found:
            return events
        self.pieces += [one.raw for one in found if one.choice == 0]
        return events if self._asked else [one for one in events if not isinstance(one, LogProbs)]


class _Measuring:
    def __init__(self, dialect: Decodes, measures: Measures) -> None:
        self._dialect = dialect
        self._measures = measures

    def decode_stream(self) -> StreamDecoder:
        """For one answer: what was taken from one before it is forgotten."""
        self._measures.pieces = []
        return _MeasuringDecoder(self._dialect.decode_stream(), self._measures)


class _MeasuringDecoder:
    def __init__(self, decoder: StreamDecoder, measures: Measures) -> None:
        self._decoder = decoder
        self._measures = measures

    def read(self, frame: bytes) -> list[Event]:
        """What the frame says, but for what was taken."""
        return self._measures.seen(self._decoder.read(frame))

    def finish(self) -> list[Event]:
        """What is still to be said."""
        return self._measures.seen(self._decoder.finish())
