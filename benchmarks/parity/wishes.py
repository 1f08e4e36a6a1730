"""What an application asks for, whatever the dialect it is written in."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class Picture(Struct, frozen=True):
    """A picture in the request, or behind a URL."""

    data: str | None = None
    url: str | None = None
    detail: Literal["low", "high"] | None = None


class Paper(Struct, frozen=True):
    """A PDF in the request or behind a URL, or a document of plain text."""

    name: str
    data: str | None = None
    url: str | None = None
    text: str | None = None


class Call(Struct, frozen=True):
    """A tool call in an earlier turn."""

    id: str
    name: str
    arguments: str


class Result(Struct, frozen=True):
    """What a tool gave."""

    id: str
    name: str
    text: str
    picture: Picture | None = None
    failed: bool = False


class Refused(Struct, frozen=True):
    """The words of an earlier turn that declined."""

    text: str


Piece = str | Picture | Paper | Call | Result | Refused


class Turn(Struct, frozen=True):
    """One turn of the conversation."""

    role: Literal["system", "user", "assistant"]
    pieces: tuple[Piece, ...]


class Tool(Struct, frozen=True):
    """A function that the model may call."""

    name: str
    schema: Any
    description: str = ""
    strict: bool | None = None


class Form(Struct, frozen=True):
    """The schema that the answer is to have."""

    name: str
    schema: Any


class Wish(Struct, frozen=True, kw_only=True):
    """One request. What is None was not asked for."""

    turns: tuple[Turn, ...] = ()
    system: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    choice: str | None = None
    """`auto`, `none`, `required`, or the name of a tool."""
    parallel: bool | None = None
    form: Form | None = None
    json: bool = False
    effort: str | None = None
    budget: int | None = None
    thoughts: bool = False
    """Reasoning is to be shown, and its state to come along."""
    limit: int | None = 2000
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    n: int | None = None
    logprobs: int | None = None
    own: dict[str, dict[str, Any]] = {}
    """Further fields, by dialect: what only that one has."""


def said(text: str) -> tuple[Turn, ...]:
    """A conversation of one turn."""
    return (Turn("user", (text,)),)
