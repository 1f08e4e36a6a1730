"""What the gateway itself reads of a request before any dialect does, what it passes on, and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from freehold.engine.counting import PassingCount
from freehold.engine.embedding import PassingEmbeddings
from freehold.engine.exchange import Passing
from freehold.providers.settings import ProviderSettings
from freehold.wire.counting import COUNTING, counter_of
from freehold.wire.dialect import DialectName
from freehold.wire.request import (
    Request,
    read_chat_request,
    read_gemini_count_request,
    read_gemini_embeddings_request,
    read_gemini_request,
    read_messages_request,
    read_responses_request,
)

from . import chat
from .damage import Frames
from .judging import need_json
from .target import Target
from .vectors import seeds_of

_COUNTED: list[Any] = [
    {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
    {"generateContentRequest": {"model": "models/m", "contents": [{"parts": [{"text": "Hello"}]}]}},
    {"generate_content_request": {"model": "models/m", "contents": [{"parts": [{"text": "Hello"}]}]}},
]
_EMBEDDED: list[Any] = [
    {"model": "models/m", "content": {"parts": [{"text": "a"}]}},
    {"requests": [{"model": "models/m", "content": {"parts": [{"text": "a"}]}}] * 2},
]


def targets_in(folder: Path) -> list[Target]:
    """One for each client's dialect, and the two of Gemini's that are more than chat."""
    readers: dict[DialectName, Callable[[bytes], Request]] = {
        "openai-chat": read_chat_request,
        "openai-responses": read_responses_request,
        "anthropic-messages": read_messages_request,
        "gemini": partial(read_gemini_request, model="m", stream=True),
    }
    found = []
    for name, read in readers.items():
        seeds = next(one.seeds for one in chat.targets_of(name, folder) if one.name.endswith(" request"))
        found.append(Target(f"{name} door", seeds, partial(_read, name, read)))
    return [
        *found,
        Target("gemini count-door", seeds_of(_COUNTED), _read_gemini_count),
        Target("gemini embeddings-door", seeds_of(_EMBEDDED), _read_gemini_embeddings),
    ]


def settings_of(dialect: DialectName) -> ProviderSettings:
    """A provider that speaks it."""
    return ProviderSettings(name="p", base_url="https://p.example", dialects=(dialect,))


def _read(name: DialectName, read: Callable[[bytes], Request], frames: Frames) -> None:
    request = read(b"".join(frames))
    for kept in (None, "resp_1") if name == "openai-responses" else (None,):
        passing = Passing(request, settings_of(name), "m", embeddings=False, call_name=kept)
        need_json(passing.body(), name)
    if name in COUNTING:
        need_json(PassingCount(request, settings_of(name), "m", "/x").body(), name)
        counter_of(name).decode_count_request(request.whole())
    request.decoded()


def _read_gemini_count(frames: Frames) -> None:
    request = read_gemini_count_request(b"".join(frames), "m")
    need_json(PassingCount(request, settings_of("gemini"), "m", "/x").body(), "gemini")
    counter_of("gemini").decode_count_request(request.whole())


def _read_gemini_embeddings(frames: Frames) -> None:
    request = read_gemini_embeddings_request(b"".join(frames), "m")
    need_json(PassingEmbeddings(request, settings_of("gemini"), "m").body(), "gemini")
