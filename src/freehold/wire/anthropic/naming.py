"""What this dialect calls itself."""

from __future__ import annotations

from typing import Final, Literal

NAME: Final[Literal["anthropic-messages"]] = "anthropic-messages"
