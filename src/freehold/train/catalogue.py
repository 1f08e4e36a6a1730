"""Which recipes there are, and how their dials are read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.resources import files
from typing import Any, Literal, Protocol, cast

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean
from freehold.train.order import Order, Outcome, Progress

Need = Literal["needed", "optional", "none"]


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is made."""

    name: str
    """Also that of its file in `recipes`, and of the TOML beside it."""
    summary: str
    dataset: Need = "needed"
    base: Need = "needed"
    spread: bool = False
    """Whether several processes can share its steps."""


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="pretrain",
            summary="Make a small model and its tokenizer from nothing but text.",
            base="none",
            spread=True,
        ),
        Recipe(name="sft", summary="Teach a model to answer as the answers of a dataset do.", spread=True),
        Recipe(name="distil", summary="Teach a model to answer as a bigger one does."),
        Recipe(name="prefer", summary="Teach a model which of two answers is the better one."),
        Recipe(
            name="reason",
            summary="Teach a model to think before it answers, by rewarding right answers.",
        ),
        Recipe(
            name="rank", summary="Teach a small head to tell classes of questions apart.", base="optional"
        ),
    )
}
"""By name."""


class Module(Protocol):
    """What a recipe's file holds."""

    Dials: type[msgspec.Struct]
    """What can be set, every dial with its kind."""
    train: Callable[[Order, Any, Progress], Outcome]


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises BadRequest."""
    if name not in RECIPES:
        raise BadRequest(
            f"There is no recipe `{name}`.",
            hint=did_you_mean(name, RECIPES) or f"There are {', '.join(f'`{one}`' for one in RECIPES)}.",
        )
    return RECIPES[name]


def check_spread(recipe: str) -> None:
    """Raises BadRequest for a recipe whose steps cannot be shared."""
    if not find_recipe(recipe).spread:
        able = " and ".join(f"`{one.name}`" for one in RECIPES.values() if one.spread)
        raise BadRequest(
            f"The recipe `{recipe}` cannot be trained by several processes.",
            hint=f"Train it in one; {able} can.",
        )


def module_of(recipe: str) -> Module:
    """Its file, imported, and with it PyTorch."""
    return cast("Module", import_module(f"freehold.train.recipes.{recipe}"))


def defaults_of(recipe: str) -> dict[str, Any]:
    """The dials as the recipe's TOML has them."""
    return tomllib.loads(_dials_file(recipe))


def meanings_of(recipe: str) -> dict[str, str]:
    """What each dial does, as the comment behind it in the recipe's TOML says."""
    return {one["dial"]: one["meaning"] for one in _DIAL.finditer(_dials_file(recipe))}


def _dials_file(recipe: str) -> str:
    return files("freehold.train.recipes").joinpath(f"{recipe}.toml").read_text(encoding="utf-8")


_DIAL = re.compile(r"^(?P<dial>\w+) = (?:\"[^\"]*\"|[^\"#]*?)\s*# (?P<meaning>.+)$", re.MULTILINE)


def dials_of(recipe: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """The dials with these values in place of their defaults, as TOML writes them; quotes may be left out.

    Raises BadRequest for a dial that there is not. Whether a value is fit is known when they become `Dials`.
    """
    dials = defaults_of(recipe)
    for name, text in settings.items():
        if name not in dials:
            raise BadRequest(
                f"The recipe `{recipe}` has no dial `{name}`.",
                hint=did_you_mean(name, dials) or f"It has {', '.join(f'`{one}`' for one in dials)}.",
            )
        try:
            dials[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            dials[name] = text
    return dials


def fitted(recipe: str, dials: Mapping[str, Any]) -> msgspec.Struct:
    """The dials as the recipe is handed them. Raises BadRequest for a value that does not fit."""
    try:
        return msgspec.convert(dict(dials), module_of(recipe).Dials)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"A dial of `{recipe}` has a value that does not fit: {error}",
            hint=f"`freehold train {recipe} --dials` lists them.",
        ) from None
