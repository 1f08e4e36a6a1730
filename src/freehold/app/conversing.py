"""Conversations, responses in the background and feedback, as the settings want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freehold.app.memory import FLUSH_SECONDS, Memory
from freehold.app.opening import history_of
from freehold.app.parts import Parts
from freehold.engine.background.background import Background
from freehold.engine.background.unfinished import UnfinishedFiles
from freehold.engine.conversations import Conversations
from freehold.ledger.opinions import Opinions

if TYPE_CHECKING:
    from freehold.config.settings import Settings
    from freehold.core.clock import Clock
    from freehold.ledger.writer import Ledger
    from freehold.store.lock import ProcessLock


_DAY_SECONDS = 86_400.0
_READ_SECONDS = 5.0
"""That a server may take over an earlier call."""


def make_conversations(parts: Parts, clock: Clock) -> tuple[Background, Conversations]:
    """What goes on by itself, and what goes on from calls on record."""
    settings, ledger, member = parts.settings, parts.ledger, parts.member
    background = _background_of(settings, ledger, clock, None if member is None else parts.presence)
    elsewhere = None
    if member is not None:
        from freehold.engine.background.elsewhere import Elsewhere  # noqa: PLC0415 - nobody needs it who is alone

        member.crew.duties.respond = background.answer
        elsewhere = Elsewhere(member.crew)
    history = history_of(settings, patience=_READ_SECONDS)
    memory = Memory(ledger, history, None if member is None else member.flush_others())
    return background, Conversations(
        memory,
        limit=settings.server.max_body_bytes,
        background=background,
        elsewhere=elsewhere,
    )


def opinions_of(parts: Parts, clock: Clock) -> Opinions:
    """Where feedback goes."""
    member = parts.member
    history = history_of(parts.settings, patience=_READ_SECONDS)
    return Opinions(parts.ledger, history, clock, None if member is None else member.flush_others())


def _background_of(
    settings: Settings, ledger: Ledger, clock: Clock, presence: ProcessLock | None
) -> Background:

    files = UnfinishedFiles(settings.data / "background", presence)
    days = settings.ledger.keep_bodies_days
    if days != "unlimited":
        files.tidy(clock.now() - days * _DAY_SECONDS)
    return Background(settings.background, files, settle=lambda: ledger.flush(FLUSH_SECONDS))
