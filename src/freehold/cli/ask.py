"""`freehold ask`: one question to a running endpoint, the answer as it is written."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.access.names import COMMAND_LINE
from freehold.cli.actor import actor
from freehold.cli.completion import route_names
from freehold.cli.options import AsJson, Config
from freehold.cli.output import at_terminal, plain, say, write, write_json
from freehold.core.clock import microseconds
from freehold.core.errors import BadRequest, Unauthorized

if TYPE_CHECKING:
    from freehold.cli.endpoint import ChatAnswer, Endpoint
    from freehold.config.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)

OWN_KEY_SECONDS = 3600
"""How long a key is good that `ask` makes for itself."""
TAKEOVER_SECONDS = 5.0
"""Within which a running endpoint has taken an edited configuration over; most often within two."""


@app.command()
def ask(
    *,
    question: Annotated[str, typer.Argument(help="What to ask; `-` reads it from standard input.")],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="ROUTE", help="A route or `provider/model`.", autocompletion=route_names
        ),
    ] = "default",
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Instructions before the question.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="End the answer after N tokens.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            envvar="FREEHOLD_KEY", help="A key of the endpoint. Without one, `ask` makes one for an hour."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            envvar="FREEHOLD_URL", help="The endpoint. Without one, the address of the configuration."
        ),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model one question and stream its answer.

    The answer goes to standard output as it is written. Whoever can write the data folder owns the
    endpoint, so no key is needed beside it: one is made that expires after an hour.
    """
    text = sys.stdin.read() if question == "-" else question
    if not text.strip():
        raise BadRequest("There is no question.", hint='Write one: `freehold ask "What is a ledger?"`.')
    messages = [{"role": "system", "content": system}] if system else []
    body: dict[str, object] = {"model": model, "messages": [*messages, {"role": "user", "content": text}]}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    with _endpoint(url, key, config, model) as (endpoint, token):
        started = time.perf_counter()
        with endpoint.chat(token, body) as answer:
            if as_json:
                written = "".join(answer)
                write_json(_as_json(answer, written, time.perf_counter() - started))
                return
            _stream(answer)
    if sys.stderr.isatty():
        _show_facts(answer, time.perf_counter() - started)


def _stream(answer: ChatAnswer) -> None:
    ended = True
    show = plain if at_terminal() else str
    try:
        for piece in answer:
            write(show(piece))
            ended = piece.endswith("\n")
    finally:
        if not ended:
            write("\n")


def _show_facts(answer: ChatAnswer, seconds: float) -> None:
    written = answer.usage.completion_tokens if answer.usage else None
    tokens = "tokens unknown" if written is None else f"{written} tokens"
    cut = " · stopped at the limit of tokens" if answer.finish_reason == "length" else ""
    say(f"{answer.model or '?'} · {tokens} · {seconds:.1f} s · {answer.call or 'not on record'}{cut}")


def _as_json(answer: ChatAnswer, text: str, seconds: float) -> dict[str, object]:
    return {
        "call": answer.call,
        "model": answer.model,
        "text": text,
        "finish_reason": answer.finish_reason,
        "usage": answer.usage,
        "seconds": round(seconds, 3),
    }


def _await_takeover(endpoint: Endpoint, key: str, settings: Settings, model: str) -> None:
    """Wait until the endpoint knows a route that was written into the configuration a moment ago."""
    if settings.path is None or model not in settings.routes:
        return
    age = time.time() - settings.path.stat().st_mtime
    give_up_at = time.monotonic() + TAKEOVER_SECONDS - age
    while 0 <= age < TAKEOVER_SECONDS and endpoint.misses(key, model) and time.monotonic() < give_up_at:
        time.sleep(0.1)


@contextmanager
def _endpoint(url: str | None, key: str | None, config: Config, model: str) -> Iterator[tuple[Endpoint, str]]:
    """The endpoint to ask and a key for it. The configuration is read only when something is missing."""
    from freehold.cli.endpoint import Endpoint  # noqa: PLC0415 - imported when the command runs

    if url is not None and key is not None:
        yield Endpoint(url), key
        return
    from freehold import app as freehold  # noqa: PLC0415 - imported when the command runs
    from freehold.config.address import local_url  # noqa: PLC0415

    settings = freehold.settings_from(config)
    endpoint = Endpoint(url or local_url(settings.server.host, settings.server.port))
    if key is not None:
        _await_takeover(endpoint, key, settings, model)
        yield endpoint, key
        return
    if not endpoint.is_this_machine:
        raise BadRequest(
            f"The endpoint at {endpoint.url} is not on this machine, so it needs a key of its own.",
            hint="Pass --key or set FREEHOLD_KEY.",
        )
    if not endpoint.is_freehold():
        raise BadRequest(
            f"Another program answers at {endpoint.url}, and keys are not for it.",
            hint="`freehold doctor` looks at the address; `freehold up --port N` takes another.",
        )
    elsewhere = BadRequest(
        f"The endpoint at {endpoint.url} keeps its keys elsewhere than in {settings.data}.",
        hint="Run this beside its freehold.toml, name that with --config, or pass a key with --key or FREEHOLD_KEY.",
    )
    if not freehold.has_keys(settings):
        raise elsewhere
    expires_us = microseconds(time.time() + OWN_KEY_SECONDS)
    with closing(freehold.keys_of(settings)) as keys:
        keys.purge_expired(COMMAND_LINE, by=actor())
        own, token = keys.create(
            COMMAND_LINE, expires_us=expires_us, routes=frozenset({model}), numbered=True, by=actor()
        )
    try:
        _await_takeover(endpoint, token, settings, model)
        yield endpoint, token
    except Unauthorized:
        with closing(freehold.keys_of(settings)) as keys:
            keys.forget(own.id, by=actor())
        raise elsewhere from None
