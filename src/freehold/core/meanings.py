"""What the fields of a struct mean, as its source says it below each."""

from __future__ import annotations

import ast
import inspect as python
import textwrap

import msgspec


def meanings_of(section: type[msgspec.Struct]) -> dict[str, str]:
    """The text below each field of a struct, on one line."""
    meanings: dict[str, str] = {}
    for one in reversed([kind for kind in section.__mro__ if issubclass(kind, msgspec.Struct)]):
        if one is msgspec.Struct:
            continue
        (body,) = ast.parse(textwrap.dedent(python.getsource(one))).body
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                meanings[field.target.id] = " ".join(str(text.value.value).split())
    return meanings
