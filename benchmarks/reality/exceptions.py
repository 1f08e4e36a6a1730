"""What may differ though no loss tells of it, each with its reason. The list is to shrink."""

from __future__ import annotations

import re

import msgspec

from freehold.wire.dialect import DialectName

from .recordings import Recorded


class Exemption(msgspec.Struct, frozen=True):
    """Differences of one kind, between some dialects."""

    problem: str
    """A regular expression."""
    reason: str
    source: str = ".*"
    target: str = ".*"
    what: str = ".*"


EXEMPTIONS = (
    Exemption(
        problem=r"the SDK: .*tool_calls.*'function'.*'custom'",
        target="openai-chat",
        what=".*stream",
        reason="OpenAI's SDK has no type for custom calls in chunks; it reads them all the same",
    ),
    Exemption(
        problem=r"service tier \w+, then None",
        target="gemini",
        what=".*stream",
        reason="it is told with the usage in the last piece; what reads a stream wants it in the first",
    ),
    Exemption(
        problem=r"(as the SDK puts it together: )?stop Stop\(reason='stop', raw='end_turn'.*Stop\(reason='tool_calls'",
        source="anthropic-messages",
        reason="a turn that has ended and holds calls: the others always say that the calls are waited for",
    ),
    Exemption(
        problem=r"(user|media) .*",
        source="anthropic-messages",
        target="openai-chat",
        what="request",
        reason="a document that is plain text is said as text, all of it",
    ),
)


def reason_for(one: Recorded, what: str, target: DialectName, problem: str) -> str | None:
    """Why the problem may be; None where nothing in the table says so."""
    for exemption in EXEMPTIONS:
        if (
            re.fullmatch(exemption.source, one.dialect)
            and re.fullmatch(exemption.target, target)
            and re.fullmatch(exemption.what, what)
            and re.match(exemption.problem, problem, re.DOTALL)
            and (exemption.target != "openai-chat" or what != "request" or _is_text_document(one))
        ):
            return exemption.reason
    return None


_TEXT_DOCUMENT = re.compile(rb'"media_type":\s*"text/plain"')


def _is_text_document(one: Recorded) -> bool:
    return one.request is not None and _TEXT_DOCUMENT.search(one.request) is not None
