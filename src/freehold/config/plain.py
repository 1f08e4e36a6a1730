"""Settings as plain values without secrets, what tells two of them apart, and a hash that replicas can compare."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath
from typing import Any

import msgspec

from freehold.config.settings import Settings
from freehold.core.secret import Secret
from freehold.store.places import Server

_LIKE_A_CREDENTIAL = re.compile(r"auth|cookie|credential|key|passw|secret|signature|token", re.IGNORECASE)
_LEFT_OUT = ("path", "secret_files", "version", "warnings")
"""Where they were read and how they were written, and what was noticed: not what they are."""


def plain(settings: Settings) -> dict[str, Any]:
    """Every setting. A secret is shown as where it is from, and headers that may be credentials are not shown."""
    values = {
        name: msgspec.to_builtins(_bare(getattr(settings, name)), enc_hook=_shown)
        for name in settings.__struct_fields__
        if name not in _LEFT_OUT
    }
    for provider in values["providers"].values():
        for table in ("headers", "query"):
            provider[table] = {
                name: "***" if _LIKE_A_CREDENTIAL.search(name) else value
                for name, value in provider[table].items()
            }
    return values


def digest_of(settings: Settings) -> str:
    """SHA-256 of the plain settings as JSON with sorted names: 64 hexadecimal digits. Secrets do not go into it."""
    return hashlib.sha256(msgspec.json.encode(plain(settings), order="deterministic")).hexdigest()


def changes_between(old: Settings, new: Settings) -> list[str]:
    """Names of the settings that differ, down to a table or a setting in it: `routes.chat`, `ledger.bodies`."""
    found: list[str] = []
    for name in Settings.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before == after or name in _LEFT_OUT:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            found += [f"{name}.{one}" for one in sorted(before | after) if before.get(one) != after.get(one)]
        elif isinstance(before, msgspec.Struct) and type(before) is type(after):
            fields = before.__struct_fields__
            found += [f"{name}.{one}" for one in fields if getattr(before, one) != getattr(after, one)]
        else:
            found.append(name)
    return found


def _bare(value: object) -> object:
    return _shown(value) if isinstance(value, Server) else value


def _shown(value: object) -> object:
    if isinstance(value, Secret):
        return f"from {value.source}"
    if isinstance(value, Server | PurePath):
        return str(value)
    raise TypeError(f"a setting of the type {type(value).__name__} cannot be shown")
