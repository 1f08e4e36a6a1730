"""The tables of scorers' settings, made from the settings themselves.

`python -m freehold.compare.scorers.reference docs/scorers.md` writes them anew between their markers.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec

from freehold.compare.scorers import python_tests
from freehold.compare.scorers.instructions.following import ids, instruction_of
from freehold.compare.scorers.registry import settings_of_kind
from freehold.compare.scorers.tools import WantedCall
from freehold.core.meanings import meanings_of

_MARKED = re.compile(r"(<!-- settings: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TARGETS: dict[str, type[msgspec.Struct]] = {
    "target-of-python-tests": python_tests.PythonTests,
    "target-of-tool-call": WantedCall,
}


def rewritten(document: str) -> str:
    """The document with every table made anew."""

    def make(found: re.Match[str]) -> str:
        name = found[2]
        if name == "instruction-ids":
            return found[1] + _instructions() + found[3]
        return found[1] + _table(_TARGETS.get(name) or settings_of_kind(name)) + found[3]

    return _MARKED.sub(make, document)


def _table(section: type[msgspec.Struct]) -> str:
    meanings = meanings_of(section)
    rows = ["| name | default | meaning |", "| --- | --- | --- |"]
    for field in msgspec.structs.fields(section):
        if field.required:
            default = "needed"
        else:
            value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            default = "" if value in (None, "", (), [], {}) else f"`{msgspec.json.encode(value).decode()}`"
        rows.append(f"| `{field.encode_name}` | {default} | {meanings.get(field.name, '')} |")
    return "\n".join(rows) + "\n"


def _instructions() -> str:
    rows = ["| id | arguments | an answer that follows it |", "| --- | --- | --- |"]
    for one in ids():
        kind = instruction_of(one)
        arguments = ", ".join(f"`{field.encode_name}`" for field in msgspec.structs.fields(kind))
        rows.append(f"| `{one}` | {arguments} | {' '.join((kind.__doc__ or '').split())} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")
