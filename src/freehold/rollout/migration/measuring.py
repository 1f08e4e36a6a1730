"""Asks the target the calls of a prompt, with the prompt as it is and as it was ported, and sets both side by side.

It is no verdict: what is compared is whether there is an answer, whether it has the form that was asked for, and how
like it is to what is on record.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.halting import Halted
from freehold.compare.scorers.similarity import chrf
from freehold.compare.suites.asked import DROPPED, answer_in
from freehold.core.errors import FreeholdError
from freehold.core.fields import Fields
from freehold.core.losses import Losses
from freehold.core.parts import Message, Text
from freehold.core.request import ChatRequest, HostedTool
from freehold.engine.structured import check
from freehold.ledger.record import Call
from freehold.rollout.carrying.carried import request_of
from freehold.rollout.carrying.features import goes_on, is_given
from freehold.rollout.migration.prompts import Ported
from freehold.rollout.migration.report import Measured, Migration
from freehold.wire.dialect import Recipient
from freehold.wire.dialects import dialect_of

Ask = Callable[[str, msgspec.Raw], Awaitable[Answer]]
Recorded = Callable[[str], Call | None]
"""A call by its id, with its bodies; None: it is gone."""

_AT_ONCE = 8
_INSTRUCTIONS = ("system", "developer")
_RECIPIENT = Recipient(model="any", origin="")
_decode = msgspec.json.Decoder(Fields).decode
_encode = msgspec.json.Encoder().encode


class Asked(msgspec.Struct):
    """One question, and what came of it with either prompt."""

    before: msgspec.Raw
    after: msgspec.Raw
    wish: tuple[str, bytes | None] | None
    """The form that was asked for, and its schema."""
    recorded: str | None
    answers: tuple[Answer, Answer] | None = None


async def measured(
    migration: Migration, prompts: Sequence[Ported], ask: Ask, recorded: Recorded, *, most: int
) -> Migration:
    """The report with what was measured; as many questions as the budget has room for, and at most `most`."""
    model, spent, notes = migration.target, Decimal(0), list(migration.notes)
    known, shown = True, []
    for part, questions in zip(migration.prompts, _shared(prompts, recorded, most), strict=True):
        halted = await _ask_all(questions, model, ask)
        done = [one for one in questions if one.answers is not None]
        answers = [answer for one in done for answer in one.answers or ()]
        costs = [one.cost for one in answers if one.cost is not None]
        known = known and len(costs) == len(answers)
        spent += sum(costs, Decimal(0))
        if done:
            part = msgspec.structs.replace(part, before=_sum(done, 0), after=_sum(done, 1))  # noqa: PLW2901 - the same, measured
        shown.append(part)
        if halted is not None:
            notes.append(f"Not all was measured: {halted}")
            shown += migration.prompts[len(shown) :]
            break
    return msgspec.structs.replace(migration, prompts=shown, spent=spent if known else None, notes=notes)


def _shared(prompts: Sequence[Ported], recorded: Recorded, most: int) -> list[list[Asked]]:
    """The questions of each prompt: each in turn gets one, as long as there are any."""
    left = [list(one.calls) for one in prompts]
    found: list[list[Asked]] = [[] for _ in prompts]
    while sum(map(len, found)) < most and any(left):
        for at, calls in enumerate(left):
            if calls and sum(map(len, found)) < most:
                question = _question(recorded(calls.pop(0)), prompts[at])
                if question is not None:
                    found[at].append(question)
    return found


def _question(call: Call | None, prompt: Ported) -> Asked | None:
    """None: it is gone, or cannot be asked again without doing something besides."""
    request = None if call is None else request_of(call)
    if call is None or request is None or goes_on(request) or is_given(request.fields, "prompt"):
        return None
    try:
        decoded = request.decoded()
        if any(isinstance(one, HostedTool) for one in decoded.tools):
            return None
        before, after = _body(decoded), _body(_with_port(decoded, prompt))
    except FreeholdError:
        return None
    wish = decoded.response_format
    return Asked(
        before=before,
        after=after,
        wish=None if wish is None or wish.kind == "text" else (wish.kind, wish.schema),
        recorded=answer_in(call),
    )


def _with_port(decoded: ChatRequest, prompt: Ported) -> ChatRequest:
    """The request with the ported instructions in place of those at its beginning."""
    first = next(
        (at for at, one in enumerate(decoded.messages) if one.role not in _INSTRUCTIONS),
        len(decoded.messages),
    )
    rest = decoded.messages[first:]
    if any(one.rule == "beginning" for one in prompt.findings):
        rest = rest[:-1]
    words = [Message(role="system", parts=[Text(text=prompt.text)], plain=True)] if prompt.text else []
    return msgspec.structs.replace(decoded, messages=[*words, *rest])


def _body(decoded: ChatRequest) -> msgspec.Raw:
    fields = _decode(dialect_of("openai-chat").encode_request(decoded, _RECIPIENT, Losses()))
    return msgspec.Raw(_encode({name: value for name, value in fields.items() if name not in DROPPED}))


async def _ask_all(questions: Sequence[Asked], model: str, ask: Ask) -> str | None:
    """Why not all could be asked; None: they were."""
    room = asyncio.Semaphore(_AT_ONCE)
    halted: list[str] = []

    async def ask_both(one: Asked) -> None:
        async with room:
            if halted:
                return
            try:
                one.answers = (await ask(model, one.before), await ask(model, one.after))
            except Halted as error:
                halted.append(error.message)

    await asyncio.gather(*map(ask_both, questions))
    return halted[0] if halted else None


def _sum(done: Sequence[Asked], which: int) -> Measured:
    answers = [one.answers[which] for one in done if one.answers is not None]
    good = [one for one in done if one.answers is not None and one.answers[which].failure is None]
    formed = [one for one in done if one.wish is not None]
    in_form = sum(
        one.wish is not None
        and one.answers is not None
        and check(one.answers[which].text, one.wish[1]) is None
        for one in formed
    )
    alike = [
        chrf(one.answers[which].text, one.recorded)
        for one in good
        if one.recorded is not None and one.answers is not None
    ]
    times = [one.latency_s for one in answers if one.latency_s is not None and one.failure is None]
    costs = [one.cost for one in answers]
    tokens = [one.output_tokens for one in answers if one.output_tokens is not None]
    return Measured(
        asked=len(answers),
        failed=sum(one.failure is not None for one in answers),
        in_form=in_form if formed else None,
        of_form=len(formed),
        alike=statistics.fmean(alike) if alike else None,
        of_alike=len(alike),
        cost=sum((one for one in costs if one is not None), Decimal(0)) if None not in costs else None,
        median_s=statistics.median(times) if times else None,
        output_tokens=sum(tokens) if tokens else None,
    )
