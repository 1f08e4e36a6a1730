"""llama.cpp's own server, inside the worker: it batches, caches prompts and applies the file's chat template."""

from __future__ import annotations

import os
import secrets

import xllamacpp

from freehold.core.secret import Secret
from freehold.providers.local.models import LocalModel
from freehold.providers.settings import ProviderSettings, Timeouts

_CONTEXT = 8192
_LONGEST_ANSWER = 2048
"""Tokens written for a request that sets no limit. A small model may ramble; `finish_reason` says `length`."""
_BATCH = 256
"""Tokens of prompts read in one go. Between two goes streams get their next token, and requests are given up."""
_CONNECTIONS = 72
"""A few more than the door lets in: each connection occupies one of its threads."""
_MOST_THREADS = 8
"""More do not make a model of this size faster."""
_DAY = 86_400.0
_ERRORS_ONLY = 1


class LlamaServer:
    """Runs as long as this object lives, on a random port of 127.0.0.1 behind a random key."""

    def __init__(self, model: LocalModel, weights: str) -> None:
        """Load `weights`, a GGUF file. Raises whatever llama.cpp does when it cannot."""
        key = secrets.token_urlsafe(32)
        context = model.profile.context_window or _CONTEXT
        parameters = xllamacpp.CommonParams()
        parameters.model.path = weights
        parameters.model_alias = {model.name}
        parameters.api_keys = [key]
        # A slot's context is its own. With one shared by all slots, long requests make each other fail.
        parameters.n_ctx = context * model.slots
        parameters.n_parallel = model.slots
        parameters.kv_unified = False
        parameters.cache_ram_mib = 0
        parameters.n_batch = parameters.n_ubatch = _BATCH
        parameters.n_predict = _LONGEST_ANSWER
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = _threads()
        parameters.n_threads_http = _CONNECTIONS
        parameters.fit_params = False
        parameters.ui = False
        parameters.verbosity = _ERRORS_ONLY
        if model.temperature is not None:
            parameters.sampling.temp = model.temperature
        if model.top_p is not None:
            parameters.sampling.top_p = model.top_p
        self._server = xllamacpp.Server(parameters)
        self.settings = ProviderSettings(
            name="llama.cpp",
            base_url=f"{self._server.listening_address}/v1",
            api_key=Secret(key, "made at random"),
            # An idle connection occupies one of its threads.
            keep_alive=False,
            max_connections=_CONNECTIONS,
            # The endpoint keeps the time; here only its hanging up ends a request.
            timeouts=Timeouts(connect=10.0, first_token=_DAY, silence=_DAY, total=_DAY),
        )
        """How to reach it."""


def _threads() -> int:
    """All processors we may use but one, which is for the endpoint; on two processors both."""
    ours = len(os.sched_getaffinity(0))
    return min(max(ours - 1, min(ours, 2)), _MOST_THREADS)
