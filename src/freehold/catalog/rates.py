"""What a model charges per million tokens, and the sum for one call."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from freehold.core.usage import Usage

_NOTHING = Decimal(0)
_MILLION = Decimal(1_000_000)


class Rates(msgspec.Struct, frozen=True):
    """US dollars per million tokens. A part without a rate of its own is billed as the whole it belongs to.

    Cached and audio input fall back to `input`, reasoning and audio output to `output`. A call that
    used something for which there is no rate at all has an unknown amount, not a smaller one.
    """

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    request: Decimal | None = None
    """US dollars for each call, whatever its size."""

    def amount_of(self, usage: Usage) -> Decimal | None:
        """US dollars for `usage`, exact; None when it does not say enough, or contradicts itself."""
        if usage.source == "unknown":
            return None
        read = self._dollars_read(usage)
        written = self._dollars_written(usage)
        if read is None or written is None:
            return None
        amount = (read + written) / _MILLION
        return amount if self.request is None else amount + self.request

    def _dollars_read(self, usage: Usage) -> Decimal | None:
        """For a million times the input. Cached audio is counted as cached and as audio, and nothing
        tells how much of it there is: where both have their own rates, the amount is unknown.
        """
        total = usage.input_tokens
        if total is None:
            return None
        cached = usage.cache_read_tokens or 0
        kept = usage.cache_write_tokens or 0
        heard = usage.input_audio_tokens or 0
        if not (cached or kept or heard) and total >= 0:
            return _with_rest(_NOTHING, self.input, total)
        if min(total, cached, kept, heard) < 0 or cached + kept > total or heard > total:
            return None
        amount = _NOTHING
        rest = total
        if cached and self.cache_read is not None:
            amount += self.cache_read * cached
            rest -= cached
        if kept and self.cache_write is not None:
            amount += self.cache_write * kept
            rest -= kept
        if heard and self.input_audio is not None:
            if rest != total:
                return None
            amount += self.input_audio * heard
            rest -= heard
        return _with_rest(amount, self.input, rest)

    def _dollars_written(self, usage: Usage) -> Decimal | None:
        """For a million times the output; reasoning spoken aloud is as unknowable as cached audio."""
        total = usage.output_tokens
        if total is None:
            return None
        thought = usage.reasoning_tokens or 0
        spoken = usage.output_audio_tokens or 0
        if not (thought or spoken) and total >= 0:
            return _with_rest(_NOTHING, self.output, total)
        if min(total, thought, spoken) < 0 or thought > total or spoken > total:
            return None
        amount = _NOTHING
        rest = total
        if thought and self.reasoning is not None:
            amount += self.reasoning * thought
            rest -= thought
        if spoken and self.output_audio is not None:
            if rest != total:
                return None
            amount += self.output_audio * spoken
            rest -= spoken
        return _with_rest(amount, self.output, rest)


def _with_rest(amount: Decimal, rate: Decimal | None, rest: int) -> Decimal | None:
    if not rest:
        return amount
    return None if rate is None else amount + rate * rest
