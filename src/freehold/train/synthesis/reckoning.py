"""Reckoning with the whole numbers of a template: `a * b + c`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from freehold.core.errors import BadRequest

_LONGEST = 200
_LARGEST = 10**12
_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def names_in(expression: str) -> set[str]:
    """The numbers that it is reckoned from. Raises BadRequest: it is no sum, difference, product, `//` or `%`."""
    tree = _parsed(expression)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def reckon(expression: str, numbers: Mapping[str, int]) -> int:
    """Its value. Raises BadRequest: it divides by zero, grows too large, or is none."""
    try:
        return _value(_parsed(expression), numbers)
    except ZeroDivisionError:
        raise _bad(expression, "divides by zero") from None
    except OverflowError:
        raise _bad(expression, "grows beyond 10^12") from None


def _parsed(expression: str) -> ast.expr:
    try:
        if len(expression) > _LONGEST:
            raise ValueError
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _bad(expression, "is no arithmetic") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            fits = type(node.op) in _BINARY
        elif isinstance(node, ast.Constant):
            fits = type(node.value) is int
        else:
            fits = isinstance(node, ast.Name | ast.Load | ast.operator | ast.UnaryOp | ast.USub)
        if not fits:
            raise _bad(
                expression, "may have `+`, `-`, `*`, `//`, `%`, brackets, names and whole numbers alone"
            )
    return tree


def _value(node: ast.expr, numbers: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            found = value
        case ast.Name(id=name):
            found = numbers[name]
        case ast.UnaryOp(operand=operand):
            found = -_value(operand, numbers)
        case ast.BinOp(left=left, op=op, right=right):
            found = _BINARY[type(op)](_value(left, numbers), _value(right, numbers))
        case _:
            raise AssertionError(node)
    if abs(found) > _LARGEST:
        raise OverflowError
    return found


def _bad(expression: str, why: str) -> BadRequest:
    return BadRequest(f"The `target` of the template, `{expression}`, {why}.", param="target")
