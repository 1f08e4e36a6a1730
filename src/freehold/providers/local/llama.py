"""llama.cpp's own server, inside the worker: it batches, caches prompts and applies the file's chat template."""

from __future__ import annotations

import http.client
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
import xllamacpp

from freehold.core.secret import Secret
from freehold.providers.local.asked import Abilities
from freehold.providers.local.gguf import read_header
from freehold.providers.local.memory import BATCH, CONTEXT
from freehold.providers.local.models import LocalModel
from freehold.providers.local.signs import signs_in
from freehold.providers.local.thinking import BEGIN
from freehold.providers.settings import ProviderSettings, Timeouts

_LONGEST_ANSWER = 2048
"""Tokens written for a request that sets no limit. A small model may ramble; `finish_reason` says `length`."""
_CONNECTIONS = 136
"""A few more than the door lets in: each connection occupies one of its threads."""
_MOST_THREADS = 8
"""More do not make a model of this size faster."""
_DAY = 86_400.0
_PATIENCE_SECONDS = 30.0
_ERRORS_ONLY = 1


class LlamaServer:
    """Runs as long as this object lives, on a random port of 127.0.0.1 behind a random key."""

    def __init__(self, model: LocalModel, weights: str) -> None:
        """Load `weights`, a GGUF file. Raises whatever llama.cpp does when it cannot."""
        key = secrets.token_urlsafe(32)
        context = model.profile.context_window or CONTEXT
        embeds = model.embeds
        parameters = xllamacpp.CommonParams()
        parameters.model.path = weights
        parameters.model_alias = {model.name}
        parameters.api_keys = [key]
        # A slot's context is its own. With one shared by all slots, long requests make each other fail.
        parameters.n_ctx = context * model.slots
        parameters.n_parallel = model.slots
        parameters.kv_unified = False
        parameters.cache_ram_mib = 0
        parameters.n_batch = parameters.n_ubatch = context if embeds else BATCH
        # Thoughts are told apart here, for every template alike.
        parameters.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
        if embeds:
            parameters.embedding = True
            parameters.pooling_type = _pooling(weights)
        if model.mmproj is not None:
            parameters.mmproj.path = model.mmproj
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
        self._key = key
        self._thinks = model.thinks

    def abilities(self) -> Abilities:
        """What the loaded model can do."""
        properties = self._ask("GET", "/props")
        template = properties.get("chat_template") or ""
        question = {"messages": [{"role": "user", "content": "?"}]}
        prompt = self._ask("POST", "/apply-template", question).get("prompt") or ""
        begins = prompt.rstrip().endswith(BEGIN)
        return Abilities(
            tools=bool((properties.get("chat_template_caps") or {}).get("supports_tools")),
            thinks=self._thinks or begins or BEGIN in template,
            begins_with_thought=begins,
            images=bool((properties.get("modalities") or {}).get("vision")),
            signs=tuple(sign for sign in signs_in(template) if self._is_sign(sign)),
        )

    def _is_sign(self, text: str) -> bool:
        """Whether it is one token that no text is made of."""
        told = {"content": text, "with_pieces": False, "add_special": False}
        tokens = [
            self._ask("POST", "/tokenize", {**told, "parse_special": special})["tokens"]
            for special in (True, False)
        ]
        return len(tokens[0]) == 1 and tokens[0] != tokens[1]

    def goes_on(self, within: float) -> bool:
        """Whether the thread that works for all requests took something in within so many seconds."""
        try:
            self._told("GET", "/slots", seconds=within)
        except TimeoutError:
            return False
        except (OSError, http.client.HTTPException):  # requests are told, too
            return True
        return True

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return msgspec.json.decode(self._told(method, path, body), type=dict[str, Any])

    def _told(self, method: str, path: str, body: object = None, seconds: float = _PATIENCE_SECONDS) -> bytes:
        address = self._server.listening_address.removeprefix("http://")
        connection = http.client.HTTPConnection(address, timeout=seconds)
        try:
            headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
            connection.request(method, path, msgspec.json.encode(body), headers)
            return connection.getresponse().read()
        finally:
            connection.close()


def _pooling(weights: str) -> Any:
    """How vectors of tokens become one: as the file says, and where it says nothing, as their mean."""
    kinds = xllamacpp.llama_pooling_type
    said = read_header(Path(weights)).pools
    return kinds.LLAMA_POOLING_TYPE_UNSPECIFIED if said else kinds.LLAMA_POOLING_TYPE_MEAN


def _threads() -> int:
    """All processors we may use but one, which is for the endpoint; on two processors both."""
    ours = len(os.sched_getaffinity(0))
    return min(max(ours - 1, min(ours, 2)), _MOST_THREADS)
