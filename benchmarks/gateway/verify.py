"""Whether a gateway's answers are right: byte for byte the mock's, or at least the same words and counts."""

from __future__ import annotations

import http.client
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import msgspec

from .traffic import COMPLETION_TOKENS, MARK, PROMPT_TOKENS, STREAMED_ANSWER, WHOLE_ANSWER, Target

_ID = re.compile(rb'"id": ?"[^"]+"')
_CALL_NUMBER = re.compile(rb"mock([0-9a-f]{8})")
_CLIENTS = 16


class Verdict(msgspec.Struct, frozen=True):
    """What came of a few hundred calls, many at a time, whole and streamed in turn."""

    answers: int
    wrong: int
    """Another status than 200, other words, or another count of tokens."""
    verbatim: int
    """Equal to what the mock sent for this very call, byte for byte."""
    distinct: int
    """Different ids that the answers carry."""
    refused_key: bool
    """Whether a wrong key is refused before the provider is asked."""

    @property
    def right(self) -> bool:
        """Whether each answer was right and had an id of its own."""
        return self.wrong == 0 and self.distinct == self.answers


def ask(
    target: Target, *, streamed: bool, key: str | None = None, timeout: float = 30.0
) -> tuple[int, bytes]:
    """One call on a connection of its own: status and body."""
    address = urlsplit(target.url)
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=timeout)
    try:
        headers = target.all_headers() | ({"authorization": f"Bearer {key}"} if key else {})
        connection.request("POST", address.path, target.body(streamed=streamed), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def check_answers(target: Target, *, calls: int) -> Verdict:
    """Make `calls` calls from several clients at once and look at each answer."""
    kinds = [number % 2 == 1 for number in range(calls)]
    with ThreadPoolExecutor(_CLIENTS) as pool:
        answers = list(pool.map(lambda streamed: ask(target, streamed=streamed), kinds))
    pairs = list(zip(kinds, answers, strict=True))
    status, _ = ask(target, streamed=False, key="sk-nobody-has-this")
    return Verdict(
        answers=calls,
        wrong=sum(status != 200 or not _is_right(body, streamed) for streamed, (status, body) in pairs),
        verbatim=sum(_is_verbatim(body, streamed) for streamed, (_, body) in pairs),
        distinct=len({found[0] for _, (_, body) in pairs if (found := _ID.search(body))}),
        refused_key=400 <= status <= 403,
    )


def _call_number(body: bytes) -> bytes:
    found = _CALL_NUMBER.search(body)
    return found[0] if found else b""


def _is_verbatim(body: bytes, streamed: bool) -> bool:
    template = STREAMED_ANSWER if streamed else WHOLE_ANSWER
    return body == template.replace(MARK, _call_number(body) or MARK)


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    delta: _Message = msgspec.field(default_factory=_Message)


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


class _Answer(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


_USAGE = _Usage(PROMPT_TOKENS, COMPLETION_TOKENS)


def _read(body: bytes, streamed: bool) -> tuple[str, _Usage | None]:
    """The words of an answer, and its usage."""
    if not streamed:
        answer = msgspec.json.decode(body, type=_Answer)
        return answer.choices[0].message.content or "", answer.usage
    words, usage = [], None
    for line in body.splitlines():
        if line.startswith(b"data: {"):
            event = msgspec.json.decode(line.removeprefix(b"data: "), type=_Answer)
            words += [choice.delta.content or "" for choice in event.choices]
            usage = event.usage or usage
    return "".join(words), usage


_EXPECTED = {False: _read(WHOLE_ANSWER, False), True: _read(STREAMED_ANSWER, True)}


def _is_right(body: bytes, streamed: bool) -> bool:
    try:
        words, usage = _read(body, streamed)
    except msgspec.MsgspecError:
        return False
    return words == _EXPECTED[streamed][0] and usage == _USAGE
