"""What `freehold up` says when the endpoint is ready."""

from __future__ import annotations

import shlex

import msgspec

from freehold import __version__

QUESTION = "Name three rivers."
_VARIABLE = "FREEHOLD_KEY"
_NOBODY_ANSWERS = """\
No route or model is there to be asked yet. Write a provider and a route into freehold.toml; they are taken
over while the endpoint runs:

[providers.openai]
api_key = "file:openai.key"

[routes.default]
incumbent = "openai/gpt-4o-mini"
"""


class Greeting(msgspec.Struct, frozen=True):
    """The address, the key where a fresh one was made, and lines that ask the first question."""

    url: str
    """Without `/v1`."""
    token: str | None
    """None: one of the keys made before is to be used."""
    model: str | None
    """A route or model that can be asked; None when there is none yet."""
    command: str
    """How the command line was started: `freehold`, `.venv/bin/freehold`."""
    elsewhere: bool
    """Whether other commands have to be told where this endpoint is."""

    @property
    def base_url(self) -> str:
        """What clients of OpenAI's API want."""
        return f"{self.url}/v1"

    def lines(self) -> dict[str, str]:
        """One line each to paste: `curl`, `python`, `command line`. None where nobody would answer."""
        if self.model is None:
            return {}
        body = f'{{"model": "{self.model}", "messages": [{{"role": "user", "content": "{QUESTION}"}}]}}'
        key = self.token or f"${_VARIABLE}"
        given = f'"{self.token}"' if self.token else f'__import__("os").environ["{_VARIABLE}"]'
        where = f" --url {self.url}" if self.elsewhere else ""
        # Not as an option, which everybody on the machine can see while the command runs.
        before = f"{_VARIABLE}={shlex.quote(self.token)} " if self.elsewhere and self.token else ""
        which = "" if self.model == "default" else f" -m {shlex.quote(self.model)}"
        return {
            "curl": f'curl {self.base_url}/chat/completions -H "authorization: Bearer {key}" '
            f"-H \"content-type: application/json\" -d '{body}'",
            "python": "from openai import OpenAI; print("
            f'OpenAI(base_url="{self.base_url}", api_key={given}).chat.completions.create('
            f'model="{self.model}", messages=[{{"role": "user", "content": "{QUESTION}"}}]'
            ").choices[0].message.content)",
            "command line": f'{before}{self.command} ask{where}{which} "{QUESTION}"',
        }

    def text(self) -> str:
        """For people. The lines to paste stand alone, so that a whole line can be taken."""
        key = f"{self.token}  (shown this once; good for 30 days)"
        if self.token is None:
            key = f"one that you have; `{self.command} keys create NAME` makes another"
        head = (
            f"Freehold {__version__} is ready. Ctrl-C stops it.\n\n"
            f"  address  {self.base_url}\n"
            f"  key      {key}\n\n"
        )
        paste = self.lines()
        if not paste:
            return head + _NOBODY_ANSWERS
        return (
            f"{head}Ask it something: with curl, from Python with OpenAI's SDK, or from here.\n\n"
            f"{paste['curl']}\n\n{paste['python']}\n\n{paste['command line']}\n"
        )
