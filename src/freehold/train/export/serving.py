"""The local runtime with a file that is not a model of the catalog yet: a process of its own, and how it is asked.

It runs the same server, set in the same way, as the local runtime does; what is asked here beyond a chat (ids of
tokens, how likely each is) is that server's own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import msgspec

from freehold.core.errors import FreeholdError
from freehold.train.export.handover import Order, Ready
from freehold.train.export.questions import Messages
from freehold.train.export.told import Probe, Told, Written

SLOTS = 4
"""Questions at the same time."""
_PATIENCE_SECONDS = 600.0
"""For one answer of the runtime."""
_LOADING_SECONDS = 300.0
_LIKELIEST = 64
_ALL = 2**20
"""More than any model has tokens."""
_CERTAIN = 1e9
"""Added to what the server thinks of a token, so that it has to write it."""


class NotServed(FreeholdError):
    """The runtime cannot load the file, or does not answer."""


class Served:
    """A file that is being served. May be asked from several threads, each with a slot of its own."""

    def __init__(self, address: str, key: str) -> None:
        self._place = urlsplit(address)
        self._key = key
        self._withheld: set[int] = set()
        """Tokens of which the server says nothing when it writes them."""

    def rendered(self, messages: Messages) -> str:
        """A chat as its template writes it, up to where the answer begins. Raises NotServed."""
        return str(self._post("/apply-template", {"messages": messages})["prompt"])

    def tokens(self, text: str, *, chat: bool = False) -> list[int]:
        """A text as ids. `chat`: as a rendered chat is read, with tokens that have a meaning of their own."""
        asked = {"content": text, "add_special": chat, "parse_special": chat}
        return [int(one) for one in self._post("/tokenize", asked)["tokens"]]

    def tell(self, probe: Probe, slot: int) -> Told:
        """What it says of a probe: one token after another, each of which it is made to write."""
        logs, choices = [], []
        for place, token in enumerate(probe.answer):
            log, choice = self._of_token([*probe.prompt, *probe.answer[:place]], token, slot)
            logs.append(log)
            choices.append(choice)
        return Told(tuple(logs), tuple(choices))

    def write(self, messages: Messages, longest: int, slot: int) -> Written:
        """What it writes to a chat, always the likeliest token."""
        asked = {
            "messages": messages,
            "max_tokens": longest,
            "temperature": 0,
            "id_slot": slot,
            "reasoning_format": "none",
        }
        (choice,) = self._post("/v1/chat/completions", asked)["choices"]
        return Written(choice["message"]["content"] or "", choice["finish_reason"] == "stop")

    def _of_token(self, before: Sequence[int], token: int, slot: int) -> tuple[float, int]:
        """How likely a token is, and which is the likeliest.

        The server says nothing of a token that ends within a character, and waits for the rest of it. Then another
        token is written in its place, and it is looked for among the likeliest, and in the end among all.
        """
        ways = ((token, 1), (self._letter, _LIKELIEST), (self._letter, _ALL))
        for written, many in ways[1:] if token in self._withheld else ways:
            asked = {
                "prompt": list(before),
                "n_predict": 1,
                "n_probs": many,
                "temperature": 0,
                "logit_bias": [[written, _CERTAIN]],
                "id_slot": slot,
                "cache_prompt": True,
            }
            for said in self._post("/completion", asked).get("completion_probabilities") or ():
                likely = said["top_logprobs"]
                for one in (said, *likely):
                    if one["id"] == token:
                        return float(one["logprob"]), int(likely[0]["id"])
            self._withheld.add(token)
        raise NotServed(f"The runtime does not say how likely the token {token} is.")

    @cached_property
    def _letter(self) -> int:
        """A token that is a whole character."""
        return self.tokens("a")[0]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection = HTTPConnection(
            self._place.hostname or "", self._place.port or 0, timeout=_PATIENCE_SECONDS
        )
        try:
            headers = {"content-type": "application/json", "authorization": f"Bearer {self._key}"}
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, HTTPException) as error:
            raise NotServed(f"The runtime does not answer: {type(error).__name__}: {error}.") from None
        finally:
            connection.close()
        if answer.status != 200:
            raise NotServed(f"The runtime refused `{path}`: {said[:300].decode('utf-8', 'replace')}")
        return msgspec.json.decode(said, type=dict[str, Any])


@contextmanager
def served(weights: Path, context: int) -> Iterator[Served]:
    """The file, served until this is left. Raises NotServed: it cannot be loaded."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "freehold.train.export.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env={name: value for name, value in os.environ.items() if name in _INHERITED} | _SPINNING,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(Order(str(weights), context, SLOTS, folder)) + b"\n")
            process.stdin.flush()
            hanging = threading.Timer(_LOADING_SECONDS, process.kill)
            hanging.start()
            line = process.stdout.readline()
            hanging.cancel()
            told = msgspec.json.decode(line, type=Ready) if line else Ready(error=_ending(process, words))
            if told.error is not None:
                raise NotServed(f"The runtime cannot load the file: {told.error}.")
            yield Served(told.address, told.key)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


_INHERITED = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PATH", "PYTHONPATH", "TMPDIR", "TZ")
_SPINNING = {"GOMP_SPINCOUNT": "1000"}
"""As of the runtime's workers."""


def _ending(process: subprocess.Popen[bytes], words: IO[bytes]) -> str:
    """Why the process ended before it had anything to say. Raises FreeholdError: the file is not to blame."""
    code = process.wait()
    words.seek(0)
    lines = [line.strip() for line in words.read().decode("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    if code >= 0:
        raise FreeholdError(f"The runtime cannot be started (status {code}): {last}")
    return f"it was killed by {signal.Signals(-code).name}, its last words were: {last}"
