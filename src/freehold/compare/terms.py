"""What is compared, and on what terms."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

State = Literal["running", "done", "stopped", "failed"]
"""`stopped`: by a person, a budget or a kill; it can be gone on with. `failed`: by a scorer or a case; mended, too."""


class Prompt(msgspec.Struct, frozen=True):
    """A system prompt that candidates get in place of a case's own."""

    name: str
    text: str


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a comparison. Two comparisons with the same terms and suite are one."""

    incumbent: str
    """`provider/name`."""
    candidates: tuple[str, ...]
    """`provider/name` each; with a prompt `provider/name [prompt's name]`."""
    prompt: Prompt | None = None
    route: str | None = None
    """Whose incumbent it is; None: a model was named."""
    margin: float = 0.03
    """How much worse a candidate may be, as a difference of mean scores."""
    alpha: float = 0.05
    """The error rate that is promised for each of the two verdicts, over all candidates."""
    seed: int = 0
    """Fixes the order in which cases are drawn."""
    max_cases: int | None = None
    """Units at the most; None: as many as the suite has."""
    most_failures: float = 0.05
    """The share of a model's answers that may have failed."""
    most_without_verdict: float = 0.10
    """The share of pairs on which no judge may have given a verdict."""
    to_the_end: bool = False
    """Nothing stops early: all cases are asked, so that labels can be drawn from them."""
    fresh: bool = False
    """Answers of earlier comparisons are not used."""
    judges_allowed: tuple[str, ...] = ()
    """Judges that may judge although the provider of a compared model serves them."""

    @property
    def parties(self) -> tuple[str, ...]:
        """The incumbent and all candidates."""
        return (self.incumbent, *self.candidates)

    def model_of(self, party: str) -> str:
        """The model that is asked."""
        if self.prompt is None or party == self.incumbent:
            return party
        return party.removesuffix(f" [{self.prompt.name}]")

    def request_for(self, party: str, request: msgspec.Raw) -> msgspec.Raw:
        """What a party is asked where the case says `request`."""
        if self.prompt is None or party == self.incumbent:
            return request
        return _with_prompt(request, self.prompt.text)


def named(model: str, prompt: Prompt | None) -> str:
    """A candidate's name."""
    return model if prompt is None else f"{model} [{prompt.name}]"


def _with_prompt(request: msgspec.Raw, text: str) -> msgspec.Raw:
    fields = msgspec.json.decode(request, type=dict[str, msgspec.Raw])
    messages = msgspec.json.decode(fields.get("messages", b"[]"), type=list[dict[str, msgspec.Raw]])
    rest = [one for one in messages if bytes(one.get("role", b"")) not in (b'"system"', b'"developer"')]
    return msgspec.Raw(
        msgspec.json.encode({**fields, "messages": [{"role": "system", "content": text}, *rest]})
    )


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison as it is kept."""

    id: str
    """`comparison_…`; in the ledger its calls have it in place of a key's id."""
    suite: str
    """The suite's id."""
    terms: Terms
    state: State
    reason: str | None = None
    charged_nano: int = 0
    begun_us: int
    ended_us: int | None = None


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may use. It decides nothing, and may differ each time a comparison is gone on with."""

    budget: Decimal | None = None
    """US dollars; None: no bound but the owner's limits."""
    unpriced: bool = False
    """Models without a known price may be asked although there is a budget."""
    concurrency: int = 8
    """Calls at once to one provider."""
    ray: bool = False
    """Models are asked by stations on a Ray cluster, and not by this process."""
    ray_address: str | None = None
    """Of the cluster; None: what Ray finds, else one of this machine alone."""

    @property
    def is_free_of_prices(self) -> bool:
        """Whether a model may be asked without anybody knowing what it costs."""
        return self.unpriced or self.budget is None
