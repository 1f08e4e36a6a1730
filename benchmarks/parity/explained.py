"""Which loss explains which difference, and which differences are not of Freehold's making. No other is excused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from msgspec import Struct

from benchmarks.parity.differences import Difference

_SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
    "logprobs",
    "max_tokens",
)

EXPLANATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    # What was asked for.
    *((f"request.sampling.{name}", (name,)) for name in _SAMPLING),
    ("request.sampling", _SAMPLING),
    ("request.n", ("n",)),
    ("request.parallel_tool_calls", ("parallel_tool_calls",)),
    ("request.tool_choice", ("tool_choice",)),
    ("request.allowed_tools", ("tool_choice",)),
    ("request.tools", ("tool_choice",)),
    ("request.tools[]", ("tool_choice",)),
    ("request.tools[].schema*", ("schema.*", "tool.custom")),
    ("request.json", ("response_format",)),
    ("request.schema*", ("response_format", "schema.*")),
    ("request.system", ("response_format", "system.position")),
    ("request.turns[]", ("system.position", "message.blank")),
    ("request.reasoning*", ("reasoning.effort", "reasoning.budget")),
    ("request.reasoning_states", ("reasoning.state", "reasoning")),
    ("request.turns[].parts[reasoning]*", ("reasoning", "reasoning.state")),
    ("request.turns[].role", ("system.position",)),
    ("request.turns[].parts[text]*", ("answer.tool_plan", "field.tool_plan", "system.position")),
    ("request.turns[].parts[reasoning]*", ("answer.tool_plan", "field.tool_plan")),
    ("request.turns[].parts[media]", ("image", "document", "tool_result.media")),
    ("request.turns[].parts[text]", ("tool_result.media", "message.blank")),
    ("request.turns[].parts[result].media", ("tool_result.media",)),
    ("request.turns[].parts[result].failed", ("tool_result.failed",)),
    ("request.turns[].parts[result].content", ("message.blank",)),
    ("request.turns[].parts[call].arguments*", ("field.arguments",)),
    # What was answered.
    ("answer.choices[]", ("n",)),
    ("answer.choices[].stop*", ("stop.reason", "stop", "part.refusal")),
    ("answer.choices[].stop.stop_details*", ("answer.stop_details", "stop.reason")),
    ("answer.choices[].text", ("stop", "answer.tool_plan", "field.tool_plan")),
    ("answer.choices[].thoughts", ("answer.tool_plan", "field.tool_plan")),
    ("answer.choices[].order*", ("answer.tool_plan", "field.tool_plan")),
    ("answer.choices[].logprobs*", ("logprobs",)),
    ("answer.choices[].citations*", ("citations", "answer.citation.*")),
    ("answer.choices[].refusal", ("part.refusal", "stop.reason")),
    ("answer.choices[].calls[].arguments*", ("field.arguments",)),
    ("answer.choices[].thoughts", ("reasoning.shown",)),
    ("answer.choices[].order*", ("reasoning.shown", "part.refusal", "stop.reason")),
    ("answer.usage*", ("usage.*",)),
    # A field that the client's own dialect does not know, and which is refused there.
    ("accepted", ("field.*",)),
)
"""Place of a difference -> losses each of which explains it; the first row that fits counts."""


class Excuse(Struct, frozen=True):
    """A difference that comes from what the provider's dialect is, not from the translation."""

    place: str
    outbound: tuple[str, ...]
    why: str
    inbound: tuple[str, ...] = ()
    """Empty: any."""
    probes: tuple[str, ...] = ()
    """Only in these; empty: in any."""
    added: bool | None = None
    """Only where something came to it, or was lost."""
    quiet: bool = False
    """Too small for a note."""


_ALL = ("openai-chat", "openai-responses", "anthropic-messages", "gemini", "bedrock-converse", "cohere")


def _but(*dialects: str) -> tuple[str, ...]:
    return tuple(one for one in _ALL if one not in dialects)


EXCUSES: tuple[Excuse, ...] = (
    Excuse("answer.usage*thinking_tokens", ("bedrock-converse", "cohere"), "does not count reasoning apart"),
    Excuse("answer.usage*reasoning_tokens", ("bedrock-converse", "cohere"), "does not count reasoning apart"),
    Excuse(
        "answer.usage*thoughts_token_count", ("bedrock-converse", "cohere"), "does not count reasoning apart"
    ),
    Excuse(
        "answer.usage*candidates_token_count",
        ("bedrock-converse", "cohere"),
        "does not count reasoning apart",
    ),
    Excuse(
        "answer.usage.output_tokens_details", ("bedrock-converse", "cohere"), "does not count reasoning apart"
    ),
    Excuse(
        "answer.usage.completion_tokens_details",
        ("bedrock-converse", "cohere"),
        "does not count reasoning apart",
    ),
    Excuse("answer.usage*cache_write*", ("gemini", "cohere"), "does not count what it writes to a cache"),
    Excuse("answer.usage*cache_creation*", ("gemini", "cohere"), "does not count what it writes to a cache"),
    Excuse(
        "answer.usage.cache_creation", _but("anthropic-messages"), "does not say how long a cache is kept"
    ),
    Excuse("answer.usage_metadata.*_details*", _but("gemini"), "does not count by modality", quiet=True),
    Excuse("answer.usage.service_tier", _but("anthropic-messages"), "has no such tier", quiet=True),
    Excuse("answer.usage.cache_creation*", _ALL, "counts what others do not", added=True, quiet=True),
    Excuse("answer.usage*cache_write*", _ALL, "counts what others do not", added=True, quiet=True),
    Excuse("answer.service_tier", _ALL, "tells the tier, or nothing is known of one", added=True, quiet=True),
    Excuse("request.reasoning_states", ("openai-chat", "cohere"), "has no state of reasoning", added=False),
    Excuse("request.reasoning_states", _ALL, "has state of reasoning", inbound=("openai-chat",), added=True),
    Excuse(
        "answer.choices[].stop*",
        ("openai-chat", "openai-responses"),
        "has no word for it",
        probes=("pause", "context", "stop sequence"),
    ),
    Excuse(
        "answer.choices[].stop*",
        ("gemini",),
        "has no word for it",
        probes=("pause", "context", "stop sequence"),
    ),
    Excuse("answer.choices[].stop*", ("bedrock-converse",), "has no word for it", probes=("pause",)),
    Excuse(
        "answer.choices[].stop*",
        ("cohere",),
        "has no word for it",
        probes=("pause", "context", "content filter"),
    ),
    Excuse(
        "answer.choices[].stop.stop_sequence",
        ("bedrock-converse", "cohere"),
        "does not tell which one it met",
    ),
    *(
        Excuse(
            f"answer.choices[].{name}",
            ("gemini", "bedrock-converse", "cohere"),
            "declines in its own way",
            probes=("refusal",),
        )
        for name in ("refusal", "text", "order*", "stop*")
    ),
    *(
        Excuse(
            f"answer.choices[].{name}",
            _but("gemini"),
            "declines in words",
            inbound=("gemini",),
            probes=("refusal",),
            added=True,
        )
        for name in ("text", "order*")
    ),
    *(
        Excuse(
            f"answer.choices[].{name}",
            ("gemini",),
            "shows reasoning only when asked to, which this client cannot",
            inbound=("openai-chat",),
            added=False,
        )
        for name in ("thoughts", "order*")
    ),
    Excuse(
        "request.turns[].parts[reasoning]",
        ("gemini",),
        "shows reasoning only when asked to, which this client cannot",
        inbound=("openai-chat",),
        added=False,
    ),
    Excuse(
        "request.turns[]",
        ("anthropic-messages",),
        "demands that the user begins: a placeholder does",
        probes=("the model speaks first",),
        added=True,
    ),
    Excuse(
        "request.turns[].parts[result].content",
        ("gemini",),
        "demands a result: a placeholder stands for an empty one",
        probes=("nothing",),
    ),
    Excuse("request.tools", ("bedrock-converse",), "cannot forbid tools: none are offered", probes=("none",)),
    Excuse(
        "request.tool_choice",
        ("bedrock-converse",),
        "cannot forbid tools: none are offered",
        probes=("none",),
    ),
    Excuse(
        "request.tools[]", ("cohere",), "cannot name a tool: no other is offered", probes=("one by name",)
    ),
    Excuse(
        "request.allowed_tools",
        ("cohere",),
        "cannot name a tool: no other is offered",
        probes=("one by name",),
    ),
    Excuse("answer.error*", ("cohere",), "has no word for it", probes=("content filter", "context")),
    Excuse(
        "answer.top_logprobs",
        _ALL,
        "none were asked for, and it is said",
        inbound=("openai-responses",),
        added=True,
        quiet=True,
    ),
    Excuse(
        "request.sampling*",
        ("anthropic-messages",),
        "demands a bound: an answer that reaches it says so",
        probes=("no bound on the answer",),
        added=True,
    ),
    *(
        Excuse(
            f"request.turns[].parts[{kind}]*",
            ("openai-chat", "cohere"),
            "takes plain text in its own form",
            probes=("plain text",),
        )
        for kind in ("media", "text")
    ),
    Excuse(
        "answer.choices[].calls[].arguments*",
        ("anthropic-messages", "gemini", "bedrock-converse"),
        "wraps arguments that are no JSON by itself",
        probes=("invalid arguments",),
    ),
    Excuse(
        "answer.choices[].text", ("anthropic-messages",), "declines in words", probes=("refusal",), added=True
    ),
    Excuse("answer.choices[].citations[].encrypted_index", _but("anthropic-messages"), "has no such thing"),
    Excuse(
        "answer.choices[].citations[].content",
        ("bedrock-converse", "cohere", "anthropic-messages"),
        "quotes",
        added=True,
    ),
    Excuse(
        "answer.choices[].citations[].end_index",
        ("anthropic-messages", "bedrock-converse"),
        "cites a whole text, not a place in it",
    ),
    Excuse(
        "answer.choices[].citations[].start_index",
        ("anthropic-messages", "bedrock-converse"),
        "cites a whole text, not a place in it",
    ),
)
"""What a provider's dialect does not say, Freehold does not invent: no losses, but the reader is told."""


@cache
def _pattern(place: str) -> re.Pattern[str]:
    return re.compile(re.escape(place).replace(r"\*", ".*"))


def explaining(difference: Difference, losses: Iterable[str]) -> tuple[str, ...]:
    """Those of `losses` that explain it; none: it is silent."""
    for place, wanted in EXPLANATIONS:
        if _pattern(place).fullmatch(difference.place):
            found = tuple(loss for loss in losses if any(_pattern(one).fullmatch(loss) for one in wanted))
            if found:
                return found
    return ()


def excused(difference: Difference, *, inbound: str, outbound: str, probe: str) -> Excuse | None:
    """Why it is none of the translation's making; None: it is."""
    for one in EXCUSES:
        if (
            outbound in one.outbound
            and (not one.inbound or inbound in one.inbound)
            and (not one.probes or probe in one.probes)
            and (one.added is None or one.added == difference.added)
            and _pattern(one.place).fullmatch(difference.place)
        ):
            return one
    return None


UNSEEN = (
    "image.detail",
    "strict",
    "store",
    "field.name",
)
"""Losses of what the simulated provider or the comparison does not look at: no difference shows."""


class Refusal(Struct, frozen=True):
    """Something that is refused, with a reason, instead of being done differently."""

    probe: str
    outbound: tuple[str, ...]
    says: str
    """Words of the message that the client gets."""
    reason: str
    inbound: tuple[str, ...] = ()
    switched: str | None = None


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "the model's beginning is given",
        ("cohere",),
        "the last message must be from the user or a tool",
        "Cohere's models do not go on from a beginning",
    ),
    *(
        Refusal(
            probe,
            ("cohere",),
            "The provider failed while it wrote the answer.",
            "Cohere says no more than that there was an error",
            inbound=("openai-responses",),
        )
        for probe in ("content filter", "context")
    ),
)
"""The only refusals that are as they should be."""

STATUSES: dict[tuple[int, int], str] = {
    (401, 502): "the provider does not take our key: the client cannot mend that",
    (500, 502): "a server behind the server failed",
    (503, 503): "what an overloaded provider says of itself is in the ledger alone",
    (529, 529): "what an overloaded provider says of itself is in the ledger alone",
}
"""The provider's status and the one the client gets, where they differ on purpose, or where its words are
not passed on."""
KINDS = {
    ("error event", "APIError"): "the SDK raises the one form of the event itself, and hands out the other"
}
"""Exceptions that amount to the same."""
