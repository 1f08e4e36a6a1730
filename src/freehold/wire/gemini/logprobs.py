"""Log-probabilities: Gemini's `logprobsResult` and OpenAI's form of them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freehold.wire.gemini.fields import Json, encode


class _Candidate(msgspec.Struct, rename="camel"):
    token: str | None = None
    token_id: int | None = None
    log_probability: float | None = None


class _Top(msgspec.Struct):
    candidates: list[_Candidate] | None = None


class _Result(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Candidate] | None = None
    top_candidates: list[_Top] | None = None


class _Token(msgspec.Struct):
    token: str = ""
    logprob: float = 0.0
    token_id: int | None = None


class _Entry(_Token):
    top_logprobs: list[_Token] | None = None


class _Content(msgspec.Struct):
    content: list[_Entry] | None = None
    refusal: list[_Entry] | None = None


_decode_result = msgspec.json.Decoder(_Result).decode
_decode_content = msgspec.json.Decoder(_Content).decode


def logprobs_in(raw: bytes | msgspec.Raw) -> bytes | None:
    """OpenAI's form, with the tokens' numbers beside their words; None when it is not understood."""
    try:
        result = _decode_result(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    tops = result.top_candidates or []
    content = []
    for at, chosen in enumerate(result.chosen_candidates or []):
        entry = _token_in(chosen)
        top = tops[at].candidates if at < len(tops) else None
        entry["top_logprobs"] = [_token_in(candidate) for candidate in top or []]
        content.append(entry)
    return encode({"content": content})


def _token_in(candidate: _Candidate) -> Json:
    word = candidate.token or ""
    entry: Json = {"token": word, "logprob": candidate.log_probability or 0.0, "bytes": list(word.encode())}
    if candidate.token_id is not None:
        entry["token_id"] = candidate.token_id
    return entry


def logprobs_out(pieces: Iterable[bytes]) -> Json | None:
    """The `logprobsResult` of one or more pieces in OpenAI's form; None when they say nothing."""
    entries: list[_Entry] = []
    for piece in pieces:
        try:
            found = _decode_content(piece)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        entries += [*(found.content or []), *(found.refusal or [])]
    if not entries:
        return None
    result: Json = {"chosenCandidates": [_token_out(entry) for entry in entries]}
    if any(entry.top_logprobs for entry in entries):
        result["topCandidates"] = [
            {"candidates": [_token_out(top) for top in entry.top_logprobs or []]} for entry in entries
        ]
    return result


def _token_out(token: _Token) -> Json:
    entry: Json = {"token": token.token, "logProbability": token.logprob}
    if token.token_id is not None:
        entry["tokenId"] = token.token_id
    return entry
