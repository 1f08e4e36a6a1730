"""Answers whose code wants to do harm, or to be scored as right without being it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from freehold.compare.scorers.sandbox.pool import Job, Outcome, Sandbox
from freehold.core.errors import SettingsError

T = TypeVar("T")

TESTS = ("assert f(2) == 4", "assert f(3) == 9")
RIGHT = "def f(x):\n    return x * x\n"
SYSTEM = "/usr/bin/python3"

LAYERS = {
    "all": (),
    "no Landlock": ("landlock",),
    "no namespaces": ("namespaces",),
}
"""What a machine may lack, and is safe all the same."""


class Runner:
    """A sandbox with an event loop that lives as long as the module's tests."""

    def __init__(self, without: tuple[str, ...]) -> None:
        self._loop = asyncio.new_event_loop()
        # Elsewhere than in a root of its own, root becomes a user who has to find Python all the same.
        python = SYSTEM if without == ("namespaces",) and os.geteuid() == 0 else sys.executable
        self.sandbox = Sandbox(most=2, without=without, python=python)

    def __call__(self, code: str, *tests: str, **more: Any) -> Outcome:
        job = Job(code=code, tests=tests or TESTS, **{"cpu_seconds": 1, **more})
        return self.wait(self.sandbox.run(job))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        self._loop.run_until_complete(self.sandbox.close())
        self._loop.close()


@pytest.fixture(scope="module", params=LAYERS)
def run(request: pytest.FixtureRequest) -> Iterator[Runner]:
    without = LAYERS[request.param]
    if without == ("namespaces",) and os.geteuid() == 0 and not Path(SYSTEM).exists():
        pytest.skip(f"there is no {SYSTEM}, which everybody may read")
    runner = Runner(without)
    yield runner
    runner.close()


def is_wrong(outcome: Outcome) -> bool:
    return outcome.passed < outcome.total


def test_right_and_wrong_answers_are_told_apart(run: Runner) -> None:
    assert run(RIGHT) == Outcome(2, 2)
    assert run("def f(x):\n    return x + x\n").passed == 1
    assert set(run.sandbox.layers) == {"namespaces", "landlock", "seccomp"} - set(run.sandbox.without)


FORGERIES = {
    "leaves at once": "import os\nos._exit(0)",
    "leaves when called": "import os\ndef f(x):\n    os._exit(0)",
    "leaves politely": "import sys\nsys.exit(0)",
    "leaves politely when called": "import sys\ndef f(x):\n    sys.exit(0)",
    "contains everything": "class Yes:\n    def __contains__(self, other): return True\n"
    "    def __iter__(self): return iter([])\ndef f(x):\n    return Yes() if x else None",
    "a module that ends the tests": "import types\ndef f(x):\n    return types.ModuleType('unittest.__main__')",
    "equal to everything": "class Yes:\n    def __eq__(self, other): return True\n    __hash__ = None\n"
    "    def __ne__(self, other): return False\n    def __bool__(self): return True\n"
    "def f(x):\n    return Yes()",
    "a number that is equal to everything": "class Yes(int):\n    def __eq__(self, other): return True\n"
    "    __req__ = __eq__\ndef f(x):\n    return Yes(0)",
    "other builtins": "import builtins\nbuiltins.AssertionError = None\nbuiltins.__build_class__ = None\n"
    "builtins.isinstance = lambda *a: True\ndef f(x):\n    return None",
    "other modules": "import sys, types\nfor n in ('unittest', 'tests', 'freehold', 'json', 'os'):\n"
    "    sys.modules[n] = types.ModuleType(n)\ndef f(x):\n    return None",
    "other test cases": "import unittest\nunittest.TestCase.run = lambda *a: None\n"
    "unittest.TestCase.assertEqual = lambda *a: None\ndef f(x):\n    return None",
    "reads what is expected": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        for one in frame.f_code.co_consts:\n            if one in (4, 9): return one\n"
    "        frame = frame.f_back",
    "writes a result into every pipe": "import os, json\n"
    "m = json.dumps({'passed': 2, 'total': 2, 'why': ''}).encode()\n"
    "m = len(m).to_bytes(4, 'big') + m\nfor place in range(64):\n    try: os.write(place, m)\n"
    "    except OSError: pass\nos._exit(0)",
    "writes a result instead of returning": "import os, json\ndef f(x):\n"
    "    m = json.dumps({'passed': 2, 'total': 2, 'why': ''}).encode()\n"
    "    m = len(m).to_bytes(4, 'big') + m\n    for place in range(64):\n        try: os.write(place, m)\n"
    "        except OSError: pass\n    os._exit(0)",
    "a skipped test": "import unittest\ndef f(x):\n    raise unittest.SkipTest('no')",
    "prints that all is well": "print('OK')\nprint('2 passed')\ndef f(x):\n    return None",
    "other ways to speak": "import freehold.compare.scorers.sandbox.frames as frames\n"
    "frames.send = frames.receive = lambda *a, **k: {'passed': 2, 'total': 2}\ndef f(x):\n    return None",
    "another main": "import sys\nsys.modules['__main__'].passed = 2\nsys.settrace(lambda *a: None)\n"
    "def f(x):\n    raise KeyboardInterrupt",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_result_cannot_be_forged(run: Runner, name: str) -> None:
    outcome = run(FORGERIES[name])
    assert outcome.passed == 0
    assert outcome.total >= 1


def test_what_a_test_expects_is_not_told_to_the_answer(run: Runner) -> None:
    spy = (
        "seen = []\nclass Spy:\n    def __eq__(self, other):\n        seen.append(other)\n        return True\n"
        "    __lt__ = __gt__ = __add__ = __sub__ = __radd__ = __rsub__ = __eq__\ndef f(x):\n    return Spy()\n"
    )
    assert run(spy, "r = f(1)\nassert not r == 5\nassert r != 5\nassert seen == []") == Outcome(1, 1)
    for lie in ("f(1) - 5", "5 - f(1)", "f(1) < 5", "abs(f(1) - 5) < 1e-9"):
        assert run(spy, f"assert {lie}").passed == 0
    for lie in (
        "f(1) in (1, 5)",
        "5 in [f(1)]",
        "[f(1)] == [5]",
        "{'a': f(1)} == {'a': 5}",
        "(1, f(1)) == (1, 5)",
        "5 in f(1)",
        "f(1) in f(1)",
    ):
        assert run(spy, f"assert {lie}").passed == 0


def test_whether_an_answers_object_contains_something_is_told_by_what_it_iterates_over(run: Runner) -> None:
    bag = (
        "class Bag:\n    def __init__(self, *held): self.held = held\n    def __iter__(self): return iter(self.held)\n"
        "    def __contains__(self, one): return True\ndef f(x): return Bag(x, 7)\n"
    )
    assert run(bag, "assert 7 in f(1) and 1 in f(1) and 5 not in f(1)") == Outcome(1, 1)
    case = "import unittest\nclass T(unittest.TestCase):\n    def test_it(self): self.assertIn(5, f(1))\n"
    assert run(bag, case).passed == 0


def test_what_ends_the_tests_is_no_answer(run: Runner) -> None:
    """Tests that expect a program to end are not ended by a module that the answer hands out."""
    ending = "import types\ndef f(x):\n    return types.ModuleType('unittest.__main__')"
    assert run(ending, "try:\n    f(1)\nexcept SystemExit:\n    pass").passed == 0


FORGED = {
    "more than all": '{"passed": 5, "total": 1, "why": ""}',
    "less than none": '{"passed": -5, "total": 1, "why": ""}',
    "of nothing": '{"passed": 0, "total": 0, "why": ""}',
    "no object": "[1]",
    "no whole numbers": '{"passed": NaN, "total": 1e309, "why": ""}',
    "other reasons": '{"passed": 1, "total": 1, "why": 3, "clean": false}',
    "no JSON": "{",
    "too long": '{"passed": 0, "total": 1, "why": "' + "y" * 100_000 + '"}',
}


@pytest.mark.parametrize("name", FORGED)
def test_tests_that_write_their_own_result_are_no_worse_than_wrong(run: Runner, name: str) -> None:
    forging = (
        f"import os\ntold = {FORGED[name]!r}.encode()\nfor place in range(3, 64):\n"
        "    try: os.write(place, len(told).to_bytes(4, 'big') + told)\n    except OSError: pass\nos._exit(0)"
    )
    outcome = run(RIGHT, forging)
    assert (outcome.passed, outcome.total) == (0, 1)
    assert len(outcome.why) <= 1000
    assert run(RIGHT) == Outcome(2, 2)


def test_the_answers_process_has_never_had_tests_or_other_answers_in_its_memory(run: Runner) -> None:
    """Memory that was given back is searched, too: whoever forks inherits it."""
    for _ in range(3):
        planted = "first = 'a needle of the answer'\ndef f(x): return 4"
        assert run(planted, "assert f('a needle of the tests') == 4") == Outcome(1, 1)
    search = (
        "import ctypes, gc\n"
        "def f(x):\n"
        "    gc.unfreeze()\n"
        "    pages = {id(part) >> 12 for one in gc.get_objects() for part in gc.get_referents(one)}\n"
        "    memory = b'|'.join(ctypes.string_at(one << 12, 1 << 12) for one in pages)\n"
        "    return b'needle of'.join([b'a ', b' the']) in memory\n"
    )
    assert run(search, "x = ''.join(['needle ', 'of the tests'])\nassert f(1) is False") == Outcome(1, 1)
    # What the keeper is told is found, so the search is a good one.
    assert run(search, "assert f(1) is True", entry_point="a needle of the") == Outcome(1, 1)


def test_no_exception_of_the_answer_ends_a_test_early(run: Runner) -> None:
    loop = "assert all(map(lambda one: f(one[0]) == one[1], [(2, 4), (3, 9)]))"
    assert run(RIGHT, loop) == Outcome(1, 1)
    for error in (
        "StopIteration",
        "StopAsyncIteration",
        "GeneratorExit",
        "KeyboardInterrupt",
        "SystemExit",
        "Exception",
    ):
        raising = f"def f(x):\n    raise {error}\n"
        assert run(raising, loop).passed == 0
        assert run(raising, "for x in (2, 3):\n    assert f(x) == x * x").passed == 0
        assert run(raising, "assert all(f(x) == x * x for x in (2, 3))").passed == 0
        assert run(raising, "assert list(zip([4], map(f, [2]))) == [(4, 4)]").passed == 0
    own = "class Odd(StopIteration): pass\ndef f(x):\n    raise Odd\n"
    assert run(own, loop).passed == 0


def test_names_of_the_tests_mean_what_the_tests_say(run: Runner) -> None:
    taken = "def check(one): pass\ndef test_it(): pass\ndef helper(x): return True\ndef f(x): return None\n"
    assert run(taken, "def check(one):\n    assert one(2) == 4", entry_point="f").passed == 0
    assert run(taken, "def test_it():\n    assert f(2) == 4").passed == 0
    assert run(taken, "def helper(x):\n    return x == 4\nassert helper(f(2))").passed == 0
    assert run(taken, "from operator import eq as helper\nassert helper(f(2), 4)").passed == 0


def test_names_of_python_mean_in_tests_what_they_always_mean(run: Runner) -> None:
    liar = "def abs(x): return 0\nlen = sum = all = isinstance = lambda *a: True\ndef f(x): return 7.0\n"
    assert run(liar, "assert abs(f(1) - 2.0) < 1e-6").passed == 0
    assert run(liar, "assert isinstance(f(1), str)").passed == 0
    close = "class math:\n    isclose = staticmethod(lambda *a: True)\ndef f(x): return 7.0\n"
    assert run(close, "assert math.isclose(f(1), 2.0)").passed == 0
    assert run("import math\ndef f(x): return 2.0\n", "assert math.isclose(f(1), 2.0)") == Outcome(1, 1)
    # An answer's own thing of that name is used where it is not the module that is meant.
    own = "class queue:\n    def first(): return 1\n"
    assert run(own, "assert queue.first() == 1") == Outcome(1, 1)


HARM = {
    "an endless loop": "def f(x):\n    while True: pass",
    "an endless loop while loading": "while True: pass",
    "sleeps": "import time\ndef f(x):\n    time.sleep(1000)",
    "sleeping threads": "import threading, time\nfor _ in range(10):\n"
    "    threading.Thread(target=time.sleep, args=(1000,)).start()\ndef f(x):\n    time.sleep(1000)",
    "threads without end": "import threading, time\nthreading.stack_size(32768)\nwhile True:\n"
    "    threading.Thread(target=time.sleep, args=(1000,)).start()",
    "a fork bomb": "import os\nwhile True:\n    os.fork()",
    "a patient fork bomb": "import os\ndef f(x):\n    while True:\n        try: os.fork()\n"
    "        except OSError: pass",
    "a balloon": "def f(x):\n    held = []\n    while True: held.append(bytearray(10_000_000))",
    "a large number": "def f(x):\n    return 10 ** (10 ** 9)",
    "a large answer": "def f(x):\n    return 'x' * 100_000_000",
    "an endless answer": "def f(x):\n    while True: yield 1",
    "an answer in itself": "def f(x):\n    a = []\n    a.append(a)\n    return a",
    "a deep answer": "def f(x):\n    a = []\n    for _ in range(100000): a = [a]\n    return a",
    "much output": "import sys\nwhile True:\n    sys.stdout.write('x' * 1000000)\n    sys.stderr.write('y' * 1000000)",
    "a crash": "import ctypes\ndef f(x):\n    ctypes.string_at(0)",
    "an abort": "import os\ndef f(x):\n    os.abort()",
    "deaf to signals": "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\ndef f(x):\n    while True: pass",
    "recursion": "def f(x):\n    return f(x)",
    "no Python": "this is not Python",
    "raises": "raise RuntimeError('no')",
    "a zero byte": "def f(x): return 4\0",
}


SAME_EVERYWHERE = (
    *(
        "an endless loop while loading",
        "sleeps",
        "a large number",
        "a large answer",
        "an endless answer",
        "a balloon",
    ),
    *(
        "an answer in itself",
        "a deep answer",
        "much output",
        "recursion",
        "no Python",
        "raises",
        "a zero byte",
    ),
)


@pytest.mark.parametrize("name", HARM)
def test_harm_is_survived_and_scored_as_wrong(run: Runner, name: str) -> None:
    if run.sandbox.without and name in SAME_EVERYWHERE:
        pytest.skip("what bounds it is the same whatever the machine lacks")
    begun = time.monotonic()
    test = "assert list(f(2)) == [4]" if name == "an endless answer" else "assert f(2) == 4"
    outcome = run(HARM[name], test, seconds=0.7)
    assert outcome.passed == 0
    assert outcome.why
    assert time.monotonic() - begun < 10
    assert run(RIGHT) == Outcome(2, 2)  # the next one is judged as if nothing had been


FORBIDDEN = {
    "the list of users": "open('/etc/passwd').read()",
    "folders": "os.listdir('/var') + os.listdir('/home')",
    "our processes": "open('/proc/self/environ').read()",
    "the memory of others": f"open('/proc/{os.getpid()}/mem', 'rb').read()",
    "the home": "os.listdir(os.path.expanduser('~root'))",
    "a disk": "open('/dev/sda', 'rb')",
    "another program": "os.execv('/bin/sh', ['sh'])",
    "a program": "__import__('subprocess').run(['true'])",
    "a process": "os.fork()",
    "a spawned process": "os.posix_spawn('/bin/true', ['true'], {})",
    "an internet socket": "socket.socket()",
    "an IPv6 socket": "socket.socket(socket.AF_INET6)",
    "a unix socket": "socket.socket(socket.AF_UNIX)",
    "a netlink socket": "socket.socket(16, socket.SOCK_RAW)",
    "a raw socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "a connection": "socket.create_connection(('127.0.0.1', 80))",
    "the parent's life": "os.kill(os.getppid(), 9)",
    "a process's life": f"os.kill({os.getpid()}, 9)",
    "everybody's life": "os.kill(-1, 9)",
    "a signal through a file": "__import__('fcntl').fcntl(3, 8, os.getppid())",
    "the parent's limits": "__import__('resource').prlimit(os.getppid() or 1, 0, (1, 1))",
    "a higher limit": "__import__('resource').setrlimit(0, (100, 100))",
    "root": "os.setuid(0)",
    "Python's library": "open(os.__file__, 'a')",
    "a file's rights": "os.chmod(os.__file__, 0o777)",
    "a file's owner": "os.chown(os.__file__, 0, 0)",
    "a file's time": "os.utime(os.__file__)",
    "a link": "os.symlink('/etc/passwd', 'x')",
    "a removal": "os.remove(os.__file__)",
    "a move": "os.rename(os.__file__, os.__file__ + 'x')",
    "a mount": "call(b'none', b'/', b'tmpfs', 0, 0, name='mount')",
    "a namespace": "call(0x10000000, name='unshare')",
    "tracing": "call(16, os.getppid(), 0, 0, name='ptrace')",
    "another root": "os.chroot('.')",
    "a host name": "__import__('socket').sethostname('x')",
    "memory without a name": "os.memfd_create('x')",
    "a priority": "os.nice(-5)",
}
PRELUDE = """
import os, socket
def call(*arguments, name):
    import ctypes
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
"""


@pytest.mark.parametrize("name", FORBIDDEN)
def test_nothing_outside_can_be_touched(run: Runner, name: str) -> None:
    code = f"{PRELUDE}def f(x):\n    try:\n        {FORBIDDEN[name]}\n"
    code += "    except (OSError, ValueError):\n        return 'refused'\n"
    assert run(code + "    return 'done'", "assert f(1) == 'refused'") == Outcome(1, 1)


def test_the_environment_and_the_data_folder_are_not_there(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREEHOLD_TEST_SECRET", "sk-secret")
    (tmp_path / "secret").write_text("pepper")
    tmp_path.chmod(0o755)
    code = (
        f"import os\ndef f(x):\n    return dict(os.environ), os.path.exists({str(tmp_path / 'secret')!r})\n"
    )
    # A machine without namespaces lets it see that there is a file, not what is in it.
    seen = "namespaces" not in run.sandbox.layers
    assert run(code, f"e, seen = f(1)\nassert e == {{}}\nassert seen in (False, {seen})") == Outcome(1, 1)
    look = f"def f(x):\n    return open({str(tmp_path / 'secret')!r}).read()\n"
    assert is_wrong(run(look, "f(1)"))


def test_a_listening_neighbour_is_not_reached(run: Runner) -> None:
    reached = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)

        def listen() -> None:
            try:
                server.accept()[0].close()
                reached.set()
            except TimeoutError:
                pass

        listening = threading.Thread(target=listen)
        listening.start()
        port = server.getsockname()[1]
        code = f"import socket\ndef f(x):\n    socket.create_connection(('127.0.0.1', {port}), 1)\n    return 4\n"
        assert run(code).passed == 0
        listening.join()
    assert not reached.is_set()


def test_it_has_an_empty_folder_of_its_own_of_a_bounded_size(run: Runner) -> None:
    assert run(RIGHT) == Outcome(2, 2)
    if "namespaces" not in run.sandbox.layers:
        refused = "def f(x):\n    try: open('x', 'w')\n    except OSError: return 'refused'"
        assert run(refused, "assert f(1) == 'refused'") == Outcome(1, 1)
        return
    code = (
        "import os, tempfile\nbefore = os.listdir()\nopen('mine', 'w').write('4')\n"
        "def f(x):\n    with tempfile.TemporaryFile() as file: file.write(b'x')\n"
        "    return before, open('mine').read()\n"
    )
    for _ in range(2):  # nothing is left for the next one
        assert run(code, "assert f(1) == ([], '4')") == Outcome(1, 1)
    filling = (
        "def f(x):\n    written = 0\n    try:\n        for nth in range(100):\n"
        "            with open(str(nth), 'wb') as file: written += file.write(bytes(10_000_000))\n"
        "    except OSError:\n        return written\n"
    )
    assert run(filling, "assert 20_000_000 <= f(1) <= 34_000_000") == Outcome(1, 1)
    many = (
        "def f(x):\n    try:\n        for nth in range(5000): open(str(nth), 'w').close()\n"
        "    except OSError:\n        return nth\n"
    )
    assert run(many, "assert f(1) < 2000") == Outcome(1, 1)


def test_a_long_file_is_cut_off(run: Runner) -> None:
    code = "def f(x):\n    with open('x', 'wb') as file: file.write(bytes(30_000_000))\n    return 4\n"
    assert run(code, "assert f(1) == 4").passed == 0


def test_nothing_is_left_behind(run: Runner) -> None:
    run(RIGHT)
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    for name in ("sleeping threads", "a patient fork bomb", "leaves at once"):
        run({**HARM, **FORGERIES}[name], seconds=0.7)
    after = {one.pid for one in psutil.Process().children(recursive=True)}
    assert after == before


def test_a_keeper_that_dies_is_replaced_and_its_job_done_again(run: Runner) -> None:
    assert run(RIGHT) == Outcome(2, 2)
    for child in psutil.Process().children():
        child.kill()
    assert run(RIGHT) == Outcome(2, 2)

    async def while_it_works() -> Outcome:
        slow = Job(code="import time\ndef f(x):\n    time.sleep(0.5)\n    return x * x\n", tests=TESTS)
        work = asyncio.create_task(run.sandbox.run(slow))
        await asyncio.sleep(0.3)
        for child in psutil.Process().children():
            child.kill()
        return await work

    assert run.wait(while_it_works()) == Outcome(2, 2)


def test_what_cannot_be_made_safe_is_not_run() -> None:
    async def once(**more: Any) -> Outcome:
        sandbox = Sandbox(most=1, **more)
        try:
            return await sandbox.run(Job(code=RIGHT, tests=TESTS))
        finally:
            await sandbox.close()

    with pytest.raises(SettingsError) as refused:
        asyncio.run(once(without=("seccomp",)))
    assert "cannot be run safely" in refused.value.message
    assert "`processes`" in refused.value.message
    assert asyncio.run(once(without=("seccomp",), lacking=("processes",))) == Outcome(2, 2)


def test_several_answers_are_judged_at_once(run: Runner) -> None:
    sleeping = (
        "import time\ndef f(x):\n    begun = time.monotonic()\n    time.sleep(0.5)\n"
        "    return begun, time.monotonic()\n"
    )

    async def both() -> list[Outcome]:
        job = Job(code=sleeping, tests=("raise ValueError(f(1))",))
        return list(await asyncio.gather(run.sandbox.run(job), run.sandbox.run(job)))

    run.wait(both())  # now there are two keepers
    (begun, ended), (other_begun, other_ended) = (
        [float(one) for one in re.findall(r"\d+\.\d+", outcome.why)] for outcome in run.wait(both())
    )
    assert max(begun, other_begun) < min(ended, other_ended)
