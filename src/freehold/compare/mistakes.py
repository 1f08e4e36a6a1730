"""What is wrong with a setting, in ordinary words."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

import msgspec

from freehold.core.suggest import one_of

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?", re.DOTALL)
_WORDS = {
    "`bool`": "`true` or `false`",
    "`int`": "a whole number",
    "`int | float`": "a number",
    "`float`": "a number",
    "`str`": "text",
    "`array`": "a list",
    "`object`": "an object",
    "`null`": "`null`",
    "matching regex '^[^/\\\\s]+/\\\\S+$'": "of the form `provider/name`",
}


def setting_told(error: msgspec.DecodeError, settings: type[msgspec.Struct]) -> str:
    """msgspec's `` Expected `bool`, got `str` - at `$.trim` `` as a sentence about `trim`, one of `settings`."""
    found = _AT.fullmatch(str(error))
    assert found is not None
    what, where = found["what"], found["where"]
    for theirs, ours in _WORDS.items():
        what = what.replace(theirs, ours)
    if not where:
        return f"{what}."
    choices = get_args(get_type_hints(settings).get(where))
    if what.startswith("Invalid enum value") and all(isinstance(one, str) for one in choices):
        what = f"There are {one_of(choices)}"
    return f"`{where}`: {what[:1].lower()}{what[1:]}."
