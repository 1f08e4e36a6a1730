"""Scripts from files: TOML or JSON, closed to unknown keys."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from freehold.core.errors import SettingsError
from freehold.providers.simulated.script import Script

Form = Literal["toml", "json"]


def decode_script(text: bytes | str, form: Form, *, where: str = "the script") -> Script:
    """The script written in `text`. Raises SettingsError, which names the place of the mistake."""
    try:
        if form == "toml":
            return msgspec.toml.decode(text, type=Script)
        return msgspec.json.decode(text, type=Script)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"`{where}` is not a script: {error}.",
            hint="docs/simulated.md lists every key.",
            where=where,
        ) from None


def read_script(path: Path) -> Script:
    """The script in a `.toml` or `.json` file. Raises SettingsError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"`{path}` cannot be read: {error.strerror}.", where=str(path)) from None
    return decode_script(text, "json" if path.suffix == ".json" else "toml", where=str(path))
