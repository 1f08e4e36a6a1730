"""Packages that not everybody needs: the extras of pyproject.toml."""

from __future__ import annotations


def how_to_install(extra: str) -> str:
    """The next step where the packages of `extra` are missing."""
    return (
        f"Install it with `make extras EXTRAS={extra}`, in the folder of Freehold; an image has its `EXTRAS`."
    )
