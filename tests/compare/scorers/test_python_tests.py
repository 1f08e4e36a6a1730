"""Answers that are Python code: what tests of them can do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import answer_of, case_of, scored, scorer, value

from freehold.compare.scorers.sandbox.pool import Job, Outcome, Sandbox
from freehold.compare.scorers.sandbox.values import NotAValue, read, written
from freehold.core.errors import BadRequest, SettingsError

ROOT = Path(__file__).parents[3]
SYSTEM = Path("/usr/bin/python3")

SQUARE = "def f(x):\n    return x * x\n"


def outcome(code: str, *tests: str, **more: Any) -> Outcome:
    async def once() -> Outcome:
        sandbox = Sandbox(most=1)
        try:
            return await sandbox.run(Job(code=code, tests=tests, **more))
        finally:
            await sandbox.close()

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (SQUARE, 1),
        (f"Here:\n```python\n{SQUARE}```\nand so on", 1),
        (f"```\n{SQUARE}```", 1),
        (f"First\n```python\nprint(f(2))\n```\nthen\n```py\n{SQUARE}```\nand\n```sh\nls\n```", 1),
        (f"```python\n{SQUARE}", 1),
        (f"~~~python\n{SQUARE}~~~", 1),
        ("I cannot do that.", 0),
        ("", 0),
        ("```python\ndef f(x): return 0\n```", 0),
    ],
)
def test_code_is_found_in_an_answer(answer: str, score: float) -> None:
    target = {"tests": "def check(one):\n    assert one(3) == 9", "entry_point": "f"}
    assert value("python-tests", target, answer) == score


def test_the_whole_answer_is_code_where_that_is_set() -> None:
    assert value("python-tests", {"tests": "assert f(3) == 9"}, SQUARE, code="whole") == 1
    assert value("python-tests", {"tests": "assert f(3) == 9"}, f"```\n{SQUARE}```", code="whole") == 0


def test_a_beginning_is_completed() -> None:
    target = {"tests": "assert f(3) == 9", "before": "import math\ndef f(x):\n"}
    assert value("python-tests", target, "    return int(math.pow(x, 2))") == 1


def test_all_or_a_share_of_the_tests() -> None:
    target = {"tests": ["assert f(2) == 4", "assert f(2) == 5", "assert f(3) == 9", "assert g"]}
    result = scored("python-tests", target, SQUARE)
    assert result.value == 0
    assert result.why.startswith("2 of 4 tests passed; test 2: AssertionError")
    assert value("python-tests", target, SQUARE, credit="share") == 0.5
    assert value("python-tests", target, "no code", credit="share") == 0


UNITTEST = """
import unittest
from solution import f

class TestF(unittest.TestCase):
    def test_square(self):
        self.assertEqual(f(3), 9)
    def test_kind(self):
        with self.assertRaises(TypeError):
            f("x")
    @unittest.skip("later")
    def test_later(self):
        self.fail()
    def test_sub(self):
        for x in range(3):
            with self.subTest(x=x):
                self.assertEqual(f(x), x * x)

if __name__ == "__main__":
    unittest.main()
"""


def test_unittest_and_functions_count_one_by_one() -> None:
    assert outcome(SQUARE, UNITTEST) == Outcome(3, 3)
    assert (
        outcome("def f(x):\n    return x * 3\n", UNITTEST).passed == 1
    )  # 3 * 3, but not 1 * 1, and "x" * 3 works
    functions = "import solution\ndef test_one():\n    assert solution.f(1) == 1\n"
    functions += "def test_two():\n    assert f(2) == 5\n"
    told = outcome(SQUARE, functions)
    assert (told.passed, told.total) == (1, 2)
    assert told.why.startswith("test_two: AssertionError")
    assert outcome(SQUARE, "from solution import *\nassert f(2) == 4") == Outcome(1, 1)


HOLDS: dict[str, tuple[str, str]] = {
    "plain values come back as they are": (
        "from decimal import Decimal\nfrom fractions import Fraction\nimport datetime, collections\n"
        "def f(): return [1, -2.5, 1j, None, True, 'é\\ud800', b'x', (1, 2), {1: {2}, (3,): [4]}, frozenset({5}),\n"
        "    range(3), Decimal('1.10'), Fraction(1, 3), datetime.date(2026, 1, 2), float('inf'), 10**50,\n"
        "    collections.deque([1])]",
        "from decimal import Decimal\nfrom fractions import Fraction\nimport datetime, collections\n"
        "assert f() == [1, -2.5, 1j, None, True, 'é\\ud800', b'x', (1, 2), {1: {2}, (3,): [4]}, frozenset({5}),\n"
        "    range(3), Decimal('1.10'), Fraction(1, 3), datetime.date(2026, 1, 2), float('inf'), 10**50,\n"
        "    collections.deque([1])]\nassert type(f()[7]) is tuple and f()[4] is True and f()[0] is not True\n"
        "import math\nassert isinstance(f(), list)",
    ),
    "subclasses are equal to what they are made from": (
        "import collections, enum\nP = collections.namedtuple('P', 'x y')\nclass E(enum.IntEnum):\n    A = 3\n"
        "def f(): return P(1, 2), collections.Counter('aab'), E.A, collections.OrderedDict(a=1)",
        "p, c, e, o = f()\nassert p == (1, 2) and p.x == 1 and c == {'a': 2, 'b': 1} and e == 3 and o == {'a': 1}\n"
        "assert c['a'] == 2 and list(p) == [1, 2] and len(p) == 2 and e + 1 == 4 and sorted(c) == ['a', 'b']",
    ),
    "what is handed over is changed": (
        "def f(a, d, s):\n    a.sort()\n    d['x'] = 1\n    s.clear()",
        "a, d, s = [3, 1, 2], {}, {1}\nassert f(a, d, s) is None\nassert (a, d, s) == ([1, 2, 3], {'x': 1}, set())\n"
        "b = [2, 1]\nf(d=d, s=s, a=b)\nassert b == [1, 2]",
    ),
    "exceptions": (
        "class Mine(ValueError): pass\ndef f(x):\n    raise Mine('no', x)\ndef g(): return {}['k']\n",
        "try:\n    f(1)\n    raise RuntimeError\nexcept Mine as error:\n    assert error.args == ('no', 1)\n"
        "try:\n    f(1)\nexcept ValueError: pass\n"
        "try:\n    g()\nexcept KeyError as error:\n    assert error.args == ('k',)",
    ),
    "generators": (
        "def f(n):\n    for x in range(n): yield x\n",
        "assert list(f(4)) == [0, 1, 2, 3]\nassert next(f(1)) == 0\nassert sum(f(5)) == 10",
    ),
    "functions are handed over and called back": (
        "def f(g, xs): return [g(x) for x in xs]\ndef h(n): return lambda x: x + n\n",
        "assert f(lambda x: x * 2, [1, 2]) == [2, 4]\nassert f(str, [1]) == ['1']\nassert h(3)(4) == 7\n"
        "def bad(x): raise KeyError(x)\ntry:\n    f(bad, [1])\nexcept KeyError: pass\nelse: raise AssertionError",
    ),
    "classes are made, asked and changed": (
        "class Stack:\n    size = 2\n    def __init__(self): self.items = []\n"
        "    def push(self, x): self.items.append(x)\n"
        "    def pop(self): return self.items.pop()\n    def __len__(self): return len(self.items)\n"
        "    def __iter__(self): return iter(self.items)\n    def __getitem__(self, at): return self.items[at]\n"
        "    def __str__(self): return 'stack'\n",
        "s = Stack()\ns.push(1)\ns.push('two')\n"
        "assert len(s) == 2 and s.items == [1, 'two'] and list(s) == [1, 'two']\n"
        "assert s[1] == 'two' and isinstance(s, Stack) and not isinstance(1, Stack) and str(s) == 'stack'\n"
        "assert s.pop() == 'two' and Stack.size == 2 and bool(s)\ns.size = 5\nassert s.size == 5",
    ),
    "modules of Python": (
        "import math\nimport collections as c\n",
        "assert math.gcd(4, 6) == 2 and c.Counter('aa')['a'] == 2",
    ),
    "helpers of the answer": (
        "def half(x): return x // 2\ndef f(x): return half(x)\n",
        "assert half(f(8)) == 2",
    ),
    "copies": (
        "def f(xs): return xs[::-1]\n",
        "import copy\nxs = [[1], [2]]\nassert f(copy.deepcopy(xs)) == [[2], [1]]",
    ),
    "dataclasses": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int = 2\n",
        "p = P(1)\nassert (p.x, p.y) == (1, 2) and repr(p) == 'P(x=1, y=2)'",
    ),
    "coroutines": (
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x\n"
        "def g(x): return asyncio.run(f(x))\n",
        "assert g(3) == 3",
    ),
    "threads": (
        "import threading\ndef f():\n    found = []\n    t = threading.Thread(target=found.append, args=(1,))\n"
        "    t.start()\n    t.join()\n    return found\n",
        "assert f() == [1]",
    ),
    "chance is the same each time": (
        "import random\ndef f(): return random.random()\n",
        "assert f() == 0.8444218515250481",
    ),
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_tests_can_do(name: str) -> None:
    code, tests = HOLDS[name]
    assert outcome(code, tests) == Outcome(1, 1)


OPERATORS = (
    "class V:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return self.x == o.x\n"
    "    def __add__(self, o): return V(self.x + o.x)\n    def __lt__(self, o): return self.x < o.x\n"
    "    def __neg__(self): return V(-self.x)\n    def __hash__(self): return 1\n"
    "    def __contains__(self, n): return n == 1\n"
)


def test_operators_of_the_answers_own_classes_are_asked_only_where_that_is_set() -> None:
    tests = "assert V(1) + V(2) == V(3)\nassert V(1) < V(2) and not V(2) < V(1) and -V(1) == V(-1) and V(1) != V(2)"
    tests += "\nassert 1 in V(5)"
    assert outcome(OPERATORS, tests, objects=True) == Outcome(1, 1)
    assert outcome(OPERATORS, tests).passed == 0
    assert outcome(
        OPERATORS, "v = V(1)\nassert v == v and V(1) != V(1) and v != 1 and not v == 1"
    ) == Outcome(1, 1)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=20,
)


def refused(*told: object) -> Any:
    raise NotAValue(told)


@given(PLAIN)
def test_plain_values_cross_unchanged(told: object) -> None:
    back = read(written(told, refused), refused)
    assert back == told
    assert repr(back) == repr(told)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_nonsense_from_the_other_side_does_no_more_than_raise(told: object) -> None:
    for name in (
        "tuple",
        "dict",
        "set",
        "float",
        "complex",
        "bytes",
        "range",
        "decimal",
        "fraction",
        "datetime",
        "date",
    ):
        for message in (told, {name: told}, {name: [told]}):
            try:
                read(message, refused)
            except (NotAValue, TypeError, ValueError, LookupError, ArithmeticError):
                continue


@pytest.mark.parametrize(
    "target",
    [
        {"tests": ""},
        {"tests": []},
        {"tests": "assert f("},
        {"tests": "assert f(1)", "module": "a b"},
        {"tests": "assert f(1)", "entrypoint": "f"},
        {},
        "assert f(1)",
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: object) -> None:
    with pytest.raises(BadRequest, match="The target of case `one`"):
        scorer("python-tests").check(case_of(target))


def test_tests_that_pass_without_looking_at_anything_pass() -> None:
    assert outcome("x = 1", "def test_nothing(): pass") == Outcome(1, 1)
    assert outcome("x = 1", "y = 2") == Outcome(1, 1)


def test_an_ordinary_user_is_as_safe_as_root() -> None:
    if os.geteuid() != 0 or not SYSTEM.exists():
        pytest.skip("only root can become an ordinary user")
    packages = [one for one in sys.path if one.endswith("site-packages")]
    done = subprocess.run(
        [
            *(str(SYSTEM), "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", "--tb=short"),
            *("-k", "(told_apart or left_behind or users or parent or socket or fork or folder) and all"),
            "tests/compare/scorers/test_locked_down_answers.py",
        ],
        cwd=ROOT,
        user=65534,
        group=65534,
        extra_groups=[],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *packages]), "HOME": "/"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    if "unrecognized" in done.stderr or "No module named" in done.stderr or "PermissionError" in done.stderr:
        pytest.skip("an ordinary user cannot read this installation")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_many_answers_a_second(show: Callable[[str], None]) -> None:
    async def run() -> float:
        one = scorer("python-tests", processes=2)
        case, answer = case_of({"tests": "assert f(3) == 9"}), answer_of(SQUARE)
        try:
            await asyncio.gather(*[one.score(case, answer) for _ in range(2)])
            begun = time.monotonic()
            told = await asyncio.gather(*[one.score(case, answer) for _ in range(60)])
            took = time.monotonic() - begun
        finally:
            await one.close()
        assert {each.value for each in told} == {1.0}
        return len(told) / took

    rate = asyncio.run(run())
    show(f"python-tests: {rate:.0f} small answers/s in two processes")
    assert rate > 10


def test_settings_of_a_machine_that_cannot_guard() -> None:
    async def once() -> Outcome:
        sandbox = Sandbox(most=1, without=("seccomp", "landlock", "namespaces"))
        try:
            return await sandbox.run(Job(code=SQUARE, tests=("assert f(1) == 1",)))
        finally:
            await sandbox.close()

    with pytest.raises(SettingsError, match="unguarded"):
        asyncio.run(once())


def test_closing_in_the_middle_ends_everything() -> None:
    async def once() -> None:
        one = scorer("python-tests", seconds=60)
        work = asyncio.create_task(
            one.score(case_of({"tests": "f()"}), answer_of("import time\ndef f(): time.sleep(60)"))
        )
        await asyncio.sleep(0.5)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await one.close()
        await one.close()

    begun = time.monotonic()
    asyncio.run(once())
    assert time.monotonic() - begun < 5
