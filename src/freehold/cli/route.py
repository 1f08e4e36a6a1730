"""`freehold route`: one call's way to its model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.cli.options import AsJson, Config
from freehold.cli.output import plain, write, write_json
from freehold.core.errors import NotFound

if TYPE_CHECKING:
    from freehold.core.decision import Decision, Fact
    from freehold.rollout.explaining import Explained

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def route() -> None:
    """Explain which model a call was given to, and why."""


@app.command()
def explain(
    call: Annotated[str, typer.Argument(help="Its id, or a beginning of it that no other call has.")],
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Explain the decision of a route's policy for one call: what was chosen and why, and what was passed over.

    The decision is made again from the facts that are kept with it, by the code that decides today; whether the same
    comes out is said at the end.
    """
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.cli.portrait import attempt_lines  # noqa: PLC0415
    from freehold.rollout.explaining import explain as explain_entry  # noqa: PLC0415

    settings = freehold.settings_from(config)
    history = freehold.history_of(settings)
    if not history.exists:
        raise NotFound(f"No call is called `{call[:100]}`: none is on record yet in {settings.data}.")
    entry = history.call(call)
    explained = explain_entry(entry)
    if as_json:
        write_json(explained)
        return
    decision = entry.call.decision
    assert decision is not None
    lines = [*_decision(explained, decision), "", "attempts"]
    lines += [f"  {line}" for line in attempt_lines(entry.call.attempts)]
    lines += ["", f"made again   {_again(explained)}"]
    write("".join(f"{plain(line)}\n" for line in lines))


def _decision(explained: Explained, decision: Decision) -> Iterator[str]:
    from freehold.routing.explaining import REASONS, WHYS, in_words  # noqa: PLC0415 - imported when the command runs

    yield f"call         {explained.call}"
    yield f"route        {explained.route or '-'}"
    yield f"policy       {decision.policy}"
    if decision.rollout is not None:
        yield f"rollout      {decision.rollout}{f' ({decision.arm})' if decision.arm else ''}"
    yield f"chosen       {decision.chosen}: {in_words(decision.reason, REASONS)}"
    for title, one in zip(_once("passed over"), decision.rejected, strict=False):
        yield f"{title:<12} {one.model}: {in_words(one.why, WHYS)}"
    if decision.facts:
        width = max(map(len, decision.facts))
        yield ""
        yield "facts"
        yield from (f"  {name:<{width}}  {_fact(fact)}" for name, fact in decision.facts.items())


def _once(title: str) -> Iterator[str]:
    yield title
    while True:
        yield ""


def _fact(fact: Fact) -> str:
    if fact is None:
        return "unknown"
    return str(fact).lower() if isinstance(fact, bool) else str(fact)


def _again(explained: Explained) -> str:
    match explained.again:
        case "same":
            return "the same decision comes out of these facts"
        case "different":
            other = explained.replayed
            came = "nothing" if other is None else f"{other.chosen} ({other.reason})"
            return f"another decision comes out of these facts: {came}"
        case "unknown":
            return "it cannot be: its policy is not known here, or the facts do not say enough"
