"""JSON with something wrong in it: values, names, types, order, depth and size."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**53 + 1, 2**63, 2**64, -(2**70), 10**400, 1e308, -1e308, 5e-324, -0.0, 0.5,
    1.0, 3.0, "", " ", "a", "null", "0", "1", "-1", "1e999", "9" * 400, "NaN", "true", "{}", "[]", "{", '{"a":', "\x00",
    "\n\n", "\r\ndata: {}\n\n", "[DONE]", "\ud800", "\udfff", "é\u2028😀", "x" * 300, "data:image/png;base64,AAAA",
    "data:,", "data:text/plain;base64,!", "https://a/b.png", "freehold", "freeholdAAAA", "http://[", "text", "function",
    "user", "assistant", "tool", "stop", [], {}, [None], [[]], [{}], [""], {"type": None}, {"type": "text"},
    {"type": "text", "text": None}, {"type": "text", "text": "x"}, {"type": "function"}, {"": ""}, [1, "a", None],
)  # fmt: skip
_WORDS = ("type", "id", "text", "content", "index", "name", "role", "data", "arguments", "input", "x", "")
_TWICE = "\x7ftwice\x7f"


def places_in(tree: Any) -> list[tuple[Any, Any]]:
    """Every value in the tree as its container and key."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        inner: Iterable[Any] = (
            one if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        )
        for key in inner:
            found.append((one, key))
            if isinstance(one[key], dict | list):
                waiting.append(one[key])
    return found


def damaged_tree(tree: Any, donor: Sequence[bytes], dice: random.Random) -> Any:  # noqa: PLR0912 - one for each kind
    """The JSON value with one thing wrong; it may be changed itself. `donor`: other JSON, for pieces of it."""
    places = places_in(tree)
    if not places:
        return dice.choice(ODD)
    holder, key = dice.choice(places)
    value = holder[key]
    match dice.randrange(18):
        case 0 | 1 | 2:
            holder[key] = dice.choice(ODD)
        case 3:
            del holder[key]
        case 4:
            other_holder, other_key = dice.choice(places)
            holder[key] = _copy(other_holder[other_key])
        case 5 | 6:
            holder[key] = _part_of(donor, places, key, dice)
        case 7 if isinstance(holder, list):
            holder[key:key] = [value] * dice.choice((1, 3, 60, 200))
        case 7:
            holder[dice.choice(_WORDS)] = dice.choice(ODD)
        case 8:
            holder[key] = dice.choice(
                ([value], {"type": value}, {"text": value}, [{"type": "text", "text": value}])
            )
        case 9:
            holder[key] = _other_type(value, dice)
        case 10 if isinstance(holder, dict):  # renamed
            named = [one for _, one in places if isinstance(one, str)] or list(_WORDS)
            holder[dice.choice((*_WORDS, dice.choice(named), _recased(key)))] = holder.pop(key)
        case 11:  # exchanged
            other_holder, other_key = dice.choice(places)
            holder[key], other_holder[other_key] = _copy(other_holder[other_key]), _copy(value)
        case 12 if isinstance(holder, dict):  # twice
            holder[_TWICE + key] = dice.choice((dice.choice(ODD), value))
        case 13:
            deep = dice.choice((3, 30, 70, 300))
            for _ in range(deep):
                value = [value] if dice.random() < 0.5 else {str(key): value}
            holder[key] = value
        case 14 if isinstance(value, list) and value:
            theirs = _part_of(donor, places, key, dice)
            value += theirs[:20] if isinstance(theirs, list) else [theirs]
            dice.shuffle(value)
        case 15 if isinstance(value, dict):
            for inner in value:
                value[inner] = dice.choice((None, value[inner]))
        case _:
            holder[key] = _other_value(value, dice)
    return tree


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _part_of(donor: Sequence[bytes], places: Sequence[tuple[Any, Any]], key: Any, dice: random.Random) -> Any:
    """A piece of the donor, one with the same name if there is one."""
    try:
        theirs = places_in(json.loads(dice.choice(donor)))
    except (ValueError, RecursionError):
        theirs = []
    same = [place for place in theirs if place[1] == key]
    holder, name = dice.choice(same or theirs or list(places))
    return _copy(holder[name])


def _other_type(value: Any, dice: random.Random) -> Any:
    if isinstance(value, bool | int | float):
        return dice.choice((str(value), [value], bool(value), str(value) + ".0"))
    if isinstance(value, str):
        return dice.choice((len(value), [value], list(value[:5]), {value[:20]: value}, value.encode().hex()))
    if isinstance(value, dict):
        return dice.choice((list(value.values()), list(value), json.dumps(value), [value, value]))
    if isinstance(value, list):
        return dice.choice(
            (value[0] if value else None, {str(at): one for at, one in enumerate(value)}, [value])
        )
    return dice.choice(("", 0, [], {}))


def _other_value(value: Any, dice: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        many = (
            value + 1,
            value - 1,
            -value,
            value * 1000,
            float(value) if abs(value) < 1e300 else 0,
            2**63 - 1,
        )
        return dice.choice((*many, 1e-7, 1e22))
    if isinstance(value, str):
        half = len(value) // 2
        shorter = (value[:half], value[half:], value[::-1], dice.choice(_WORDS))
        longer = (value + "\ud83d", value * 30, value + "\x00", f" {value}", f"{value}\n")
        return dice.choice((*shorter, *longer, value.upper(), value.lower(), value.replace("e", "é")))
    if isinstance(value, list):
        return value[::-1] * dice.choice((1, 2))
    return {} if value else dice.choice(ODD)


def _recased(name: str) -> str:
    if "_" in name:
        first, *others = name.split("_")
        return first + "".join(other.capitalize() for other in others)
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def dumped(tree: Any, dice: random.Random) -> bytes:
    """The value as JSON, now and then with names that come twice, or with something around it."""
    text = (
        json.dumps(tree, ensure_ascii=dice.random() < 0.7)
        .replace(json.dumps(_TWICE)[1:-1], "")
        .replace(_TWICE, "")
    )
    body = text.encode("utf-8", "surrogatepass")
    if dice.random() < 0.05 and body.startswith(b"{") and len(body) > 2:
        body = body[:-1] + b"," + body[1:]  # every field twice
    if dice.random() < 0.05:
        body = dice.choice((b" %b ", b"\n%b\n", b"\xef\xbb\xbf%b", b"%b,", b"[%b]")) % body
    return body
