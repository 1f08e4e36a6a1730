"""The table of every setting, made from the sections themselves.

`python -m freehold.config.reference docs/configuration.md` writes the tables anew between their markers.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec
from msgspec import inspect

from freehold.admin.settings import AdminSettings
from freehold.batches.settings import BatchSettings
from freehold.compare.settings import CompareSettings
from freehold.config.reading import fields_of, unit_of
from freehold.config.sections import (
    AccessSection,
    DatabaseSection,
    File,
    HealthSettings,
    LimitSection,
    LocalModelSection,
    LocalSettings,
    ModelSection,
    PolicySection,
    PoolSection,
    PriceSection,
    ProviderSection,
    RouteSection,
    SharedSettings,
)
from freehold.core.meanings import meanings_of
from freehold.engine.background.settings import BackgroundSettings
from freehold.gateway.settings import ServerSettings
from freehold.ledger.settings import LedgerSettings
from freehold.providers.fetch.settings import FetchSettings
from freehold.providers.presets import Preset, find_preset, preset_names
from freehold.providers.settings import Timeouts
from freehold.rollout.settings import RolloutSettings
from freehold.telemetry.settings import TelemetrySettings
from freehold.wire.dialect import Quirks

SECTIONS: dict[str, type[msgspec.Struct]] = {
    "file": File,
    "server": ServerSettings,
    "database": DatabaseSection,
    "access": AccessSection,
    "local": LocalSettings,
    "local_model": LocalModelSection,
    "ledger": LedgerSettings,
    "fetch": FetchSettings,
    "batches": BatchSettings,
    "compare": CompareSettings,
    "rollout": RolloutSettings,
    "background": BackgroundSettings,
    "provider": ProviderSection,
    "timeouts": Timeouts,
    "quirks": Quirks,
    "health": HealthSettings,
    "pool": PoolSection,
    "route": RouteSection,
    "policy": PolicySection,
    "model": ModelSection,
    "price": PriceSection,
    "limit": LimitSection,
    "shared": SharedSettings,
    "telemetry": TelemetrySettings,
    "admin": AdminSettings,
}
"""Marker in the document -> what its table is made from."""

_MARKED = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table_of(section: type[msgspec.Struct]) -> str:
    """A Markdown table of one section: name, default, meaning."""
    meanings = meanings_of(section)
    rows = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for name, field in fields_of(section).items():
        if isinstance(field.type, inspect.StructType | inspect.DictType) and section is File:
            continue  # these have tables of their own
        inherited = section is ModelSection and name in fields_of(PriceSection)
        if not inherited:
            rows.append(f"| `{name}` | {_default(section, field)} | {meanings[field.name]} |")
    return "\n".join(rows) + "\n"


def preset_table() -> str:
    """A Markdown table of the presets."""
    rows = ["| preset | provider | address | key | needs |", "| --- | --- | --- | --- | --- |"]
    for name in preset_names():
        preset = find_preset(name)
        assert preset is not None
        key = f"`{preset.api_key.removeprefix('env:')}`" if preset.api_key else "none"
        cells = (
            f"`{name}`",
            f"[{preset.title}]({preset.documentation})",
            f"`{preset.base_url}`",
            f"{key} (optional)" if preset.key_optional else key,
            ", ".join(f"`{variable}`" for variable in preset.variables),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def rewritten(document: str) -> str:
    """The document with every table made anew."""

    def make(found: re.Match[str]) -> str:
        table = preset_table() if found[2] == "presets" else table_of(SECTIONS[found[2]])
        return found[1] + table + found[3]

    return _MARKED.sub(make, document)


def _default(section: type[msgspec.Struct], field: inspect.Field) -> str:
    if field.required:
        return "needed"
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if default is None and section is ProviderSection and field.name in fields_of(Preset):
        return "the preset's"
    if isinstance(default, msgspec.Struct):
        return "see below"
    if isinstance(field.type, inspect.FloatType) and field.type.le == 1:
        return f"`{default:g}`"  # a share, and no time
    return "" if default in (None, (), {}) else f"`{_as_written(default, unit_of(field.encode_name))}`"


def _as_written(value: object, unit: str) -> str:
    match value:
        case tuple():
            written = "[" + ", ".join(_as_written(one, unit) for one in value) + "]"
        case bool():
            written = "true" if value else "false"
        case int():
            written = {
                "bytes": f'"{_size(value)}"',
                "days": f'"{value}d"',
                "milliseconds": f'"{value}ms"',
            }.get(unit, str(value))
        case float():
            written = f'"{value:g}s"'
        case _:
            written = f'"{value}"'
    return written


def _size(size: int) -> str:
    units = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    whole = [(size // factor, unit) for unit, factor in units.items() if size % factor == 0]
    return "{}{}".format(*min(whole))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")
