"""What the process with the tests runs. Its result is the verdict, and only it can write there."""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
import types
import unittest
from collections.abc import Callable
from typing import Any, NamedTuple

from freehold.compare.scorers.sandbox.remote import Line

_MOST_TOLD = 500
"""Characters of an explanation."""


class Tally:
    """How many tests there were, how many passed, and why the first failed one did."""

    def __init__(self) -> None:
        self.total = 0
        self.passed = 0
        self.why = ""

    def count(self, name: str, test: Callable[[], object]) -> bool:
        """Runs a test and counts it."""
        self.total += 1
        try:
            test()
        except BaseException as error:  # noqa: BLE001  # whatever a test raises, it did not pass
            self.fail(name, error)
            return False
        self.passed += 1
        return True

    def fail(self, name: str, error: BaseException) -> None:
        """Remembers the first reason."""
        if not self.why:
            told = str(error) or "it does not hold"
            self.why = f"{name}: {type(error).__name__}: {told}"[:_MOST_TOLD]


def run(line: Line, module: str, tests: list[str], entry_point: str) -> dict[str, Any]:
    """Runs the tests against the answer at the other end of the line: the verdict."""
    tally = Tally()
    try:
        names = line.names()
    except BaseException as error:  # noqa: BLE001  # the answer does not even load
        tally.fail("loading the answer", error)
        return _verdict(tally, len(tests), line)
    answer = _Answer(_proxy(line, module, names), frozenset(names), entry_point)
    for nth, code in enumerate(tests):
        name = "the tests" if len(tests) == 1 else f"test {nth + 1}"
        _run_one(tally, name, code, answer)
    return _verdict(tally, len(tests), line)


def _verdict(tally: Tally, least: int, line: Line) -> dict[str, Any]:
    if line.gone:
        return {"passed": 0, "total": max(tally.total, least), "why": tally.why or line.gone}
    return {"passed": tally.passed, "total": max(tally.total, least), "why": tally.why}


class _Answer(NamedTuple):
    """The answer as its tests know it."""

    proxy: types.ModuleType
    names: frozenset[str]
    entry_point: str


def _run_one(tally: Tally, name: str, code: str, answer: _Answer) -> None:
    proxy, entry_point = answer.proxy, answer.entry_point
    tree = ast.parse(code)
    space: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}

    def load() -> None:
        space.update(_names(tree, answer))
        exec(compile(tree, "tests.py", "exec"), space)  # noqa: S102  # what this is for
        check = space.get("check")
        # The tests' own, whatever the answer calls so.
        if entry_point and isinstance(check, types.FunctionType):
            check(getattr(proxy, entry_point))

    held = tally.count(name, load)
    functions = {one: value for one, value in space.items() if _is_test(one, value)}
    classes = [one for one in space.values() if isinstance(one, type) and issubclass(one, unittest.TestCase)]
    if held and (functions or classes) and not _asserts(tree):
        tally.total -= 1  # the tests are in the functions; to define them is none
        tally.passed -= 1
    for one, function in functions.items():
        tally.count(one, function)
    for case in classes:
        _run_case(tally, case)


def _names(tree: ast.Module, answer: _Answer) -> dict[str, Any]:
    """What of the answer the tests name without saying where it comes from.

    A name of Python's own means in a test what it always means, whatever the answer calls so: built-in functions, and
    modules that the tests use something of. An answer could else hand out a `math.isclose` that is always true.
    """
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    parts: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            parts.setdefault(node.value.id, set()).add(node.attr)
    found: dict[str, Any] = {}
    for name in sorted((used | {answer.entry_point}) & answer.names):
        if hasattr(builtins, name) or name.startswith("__"):
            continue
        if name in parts and name in sys.stdlib_module_names and name != answer.entry_point:
            module = importlib.import_module(name)
            if all(hasattr(module, part) for part in parts[name]):
                found[name] = module
                continue
        found[name] = getattr(answer.proxy, name)
    return found


def _is_test(name: str, value: object) -> bool:
    return (
        name.startswith("test") and isinstance(value, types.FunctionType) and not value.__code__.co_argcount
    )


def _asserts(tree: ast.Module) -> bool:
    """Whether the top level of a file does anything but define, import and assign."""
    quiet = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    return any(
        not isinstance(node, quiet)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in tree.body
        if not _is_main(node)
    )


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


def _run_case(tally: Tally, case: type[unittest.TestCase]) -> None:
    for test in unittest.defaultTestLoader.loadTestsFromTestCase(case):
        result = unittest.TestResult()

        def once(test: Any = test, result: unittest.TestResult = result) -> None:
            test.run(result)
            for _, told in (*result.errors, *result.failures):
                raise AssertionError(told.strip().rsplit("\n", 1)[-1])
            if result.unexpectedSuccesses:
                raise AssertionError("it was expected to fail")

        tally.count(str(test), once)
        if result.skipped:
            tally.total -= 1
            tally.passed -= 1


def _proxy(line: Line, name: str, names: list[str]) -> types.ModuleType:
    """The answer's module, for tests that import it."""

    class Answer(types.ModuleType):
        def __getattr__(self, one: str) -> Any:
            if one.startswith("__") or one not in names:
                raise AttributeError(f"the answer has no `{one}`")
            return line.ask("name", one)

    module = Answer(name)
    module.__dict__["__all__"] = [one for one in names if not one.startswith("_")]
    sys.modules[name] = module
    return module
