"""The library by itself, in a process of its own: `python -m benchmarks.local.library FILE SLOTS CONTEXT`.

xllamacpp binds no benchmark of llama.cpp's (neither `llama-bench` nor `batched-bench`), so this is its server asked
directly, without HTTP, without our worker, and with its own batches and environment. Each line on standard input is a
question, each on standard output what came of it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import xllamacpp

from .questions import Outcome, Question, together


class Library:
    """Its server, asked as its own examples do it."""

    def __init__(self, file: str, slots: int, context: int) -> None:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = file
        parameters.n_parallel = slots
        parameters.n_ctx = slots * context
        parameters.kv_unified = False
        parameters.cache_ram_mib = 0
        parameters.fit_params = False
        parameters.ui = False
        parameters.verbosity = 1
        self._server = xllamacpp.Server(parameters)

    def ask(self, question: Question) -> Outcome:
        """All answers of one question, at the same time."""
        with ThreadPoolExecutor(question.streams) as pool:
            return together(pool.map(self._one, question.bodies()))

    def _one(self, body: dict[str, Any]) -> Outcome:
        begun = time.perf_counter()
        times: list[float] = []
        told: list[str] = []

        def take(piece: str) -> bool:
            times.append(time.perf_counter())
            told.append(piece)
            return False

        self._server.handle_chat_completions(json.dumps(body), take)
        usage = json.loads(told[-1])["usage"]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        return Outcome(begun, times[0], times[-1], usage["prompt_tokens"], usage["completion_tokens"], cached)


def questions() -> Iterator[Question]:
    """What is asked on standard input."""
    for line in sys.stdin:
        yield Question(**json.loads(line))


if __name__ == "__main__":
    library = Library(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print("ready", flush=True)
    for question in questions():
        print(json.dumps(library.ask(question)), flush=True)
