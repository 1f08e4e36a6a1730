"""Count how many scored answers a second of one core our runner and Inspect AI's own make, and what memory ours takes.

Both ask the same two models the same questions over HTTP, of a stand-in in a process and on a core of its own, and
score every answer with exact match. Each runs at the concurrency that suits it best. Starting up is not counted: the
rates are of what a long run takes more than a short one.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.compare.part import Occasion, Part, Wanted
from benchmarks.compare.throughput_page import Measured, Rate, Run, figures_of, tables, write_page
from benchmarks.compare.words import SCRIPT, question
from benchmarks.gateway.environments import ROOT, find_tool, pinned_version, python_with, say
from benchmarks.gateway.machine import GATEWAY_CORE, LOAD_CORE

LATENCY = 0.02
"""Seconds until the stand-in answers."""
CONCURRENCIES = (16, 64, 256)
SHORT, LONG = 20, 1000
SIZES = (1_000, 10_000, 50_000)
PROMISED = 5.0
"""Times as many scored answers for a second of a core."""
_INSPECT = Path(__file__).parent / "inspect-ai.txt"
_TOML = """
[local]
enabled = false
[providers.standin]
base_url = "{base_url}"
[routes.words]
incumbent = "standin/old"
"""


def measure_throughput(wanted: Wanted) -> Run:
    """Both runners in turn, and then memory, which short runs leave out."""
    occasion = Occasion()
    tried, long = ((64,), 300) if wanted.quick else (CONCURRENCIES, LONG)
    inspect, version = _python_with_inspect()
    with tempfile.TemporaryDirectory() as folder, _standin(Path(folder)) as base_url:
        place = Path(folder)
        ours = _best("Freehold", lambda many, at: _ours(place, base_url, many, at), tried, long)
        theirs = None
        if inspect:
            words = [inspect, "-m", "benchmarks.compare.inspect_side", base_url]
            theirs = _best("Inspect AI", lambda many, at: _theirs(place, words, many, at), tried, long)
        memory: dict[int, Measured] = {}
        for many in () if wanted.quick else SIZES:
            memory[many] = one = _ours(place, base_url, many, ours.concurrency)
            say(f"{many:,} cases: {one.peak_mb:,.0f} MB at the most, {one.wall_s:,.0f} s")
    where = f"{occasion} The stand-in answers after {LATENCY * 1000:.0f} ms."
    return Run(where, ours, theirs, memory, version)


def broken_promises(run: Run) -> list[str]:
    """Fewer answers beside Inspect AI than promised."""
    ratio = figures_of(run)["cases_per_s_ratio_inspect"]
    if ratio is None or ratio >= PROMISED:
        return []
    return [f"{ratio} times as many scored answers for a second of a core as Inspect AI, not {PROMISED:g}"]


def _best(name: str, run: Callable[[int, int], Measured], tried: Sequence[int], long: int) -> Rate:
    """The rate at the concurrency that suits it best."""
    rates = []
    for concurrency in tried:
        short, whole = run(SHORT, concurrency), run(long, concurrency)
        answers = whole.answers - short.answers
        rate = Rate(
            concurrency,
            answers / (whole.processor_s - short.processor_s),
            whole.answers / whole.processor_s,
            whole.answers / whole.wall_s,
            whole.peak_mb,
        )
        say(f"{name}, {concurrency} at once: {rate.per_core_s:,.0f} scored answers for a second of a core")
        rates.append(rate)
    return max(rates, key=lambda one: one.per_core_s)


def _ours(place: Path, base_url: str, cases: int, concurrency: int) -> Measured:
    """`freehold compare` on a suite that is there, all of it: equally good models and no margin leave it undecided."""
    folder = Path(tempfile.mkdtemp(dir=place))
    (folder / "freehold.toml").write_text(_TOML.format(base_url=base_url))
    with (folder / "words.jsonl").open("w") as file:
        for number in range(cases):
            asked = {"messages": [{"role": "user", "content": question(number)}], "max_tokens": 32}
            file.write(json.dumps({"id": str(number), "request": asked, "target": question(number)}) + "\n")
    command = [sys.executable, "-m", "freehold"]
    add = [*command, "suite", "add", "words.jsonl", "--scorer", "exact"]
    subprocess.run(add, cwd=folder, env=_environment(), check=True, capture_output=True)
    compare = [*command, "compare", "words", "--with", "standin/new", "--suite", "words", "--margin", "0"]
    measured, said = _measure([*compare, "--concurrency", str(concurrency), "--json"], folder)
    found = json.loads(said)
    evidence = found["verdicts"][0]["evidence"]
    if evidence["n"] != cases or evidence["candidate_mean"] != 1.0:
        raise SystemExit(f"Not all of it was run: {evidence}")
    return msgspec.structs.replace(measured, answers=int(found["asked"]))


def _theirs(place: Path, words: list[str], cases: int, concurrency: int) -> Measured:
    logs = tempfile.mkdtemp(dir=place)
    measured, said = _measure([*words, str(cases), str(concurrency), logs], ROOT)
    found = json.loads(said.splitlines()[-1])
    if found != {"answers": 2 * cases, "right": 1.0}:
        raise SystemExit(f"Not all of it was run: {found}")
    return msgspec.structs.replace(measured, answers=found["answers"])


def _measure(words: list[str], folder: Path) -> tuple[Measured, str]:
    """Run a command on the core for what is measured. Raises SystemExit where it fails."""
    with tempfile.TemporaryFile() as errors:
        begun = time.monotonic()
        process = subprocess.Popen(
            _pinned(GATEWAY_CORE, words),
            cwd=folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        with process.stdout:
            said = process.stdout.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(words)} failed:\n{errors.read().decode()[-3000:]}")
    wall = time.monotonic() - begun
    return Measured(0, used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024), said


@contextmanager
def _standin(folder: Path) -> Iterator[str]:
    script = folder / "script.toml"
    script.write_text(SCRIPT % {"latency": LATENCY})
    words = [sys.executable, "-m", "freehold.providers.simulated", "--script", str(script)]
    with subprocess.Popen(_pinned(LOAD_CORE, words), env=_environment(), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()


def _python_with_inspect() -> tuple[str | None, str]:
    """This one, where Inspect AI is installed; else one of an environment that holds exactly what is pinned. None: it
    cannot be made here. With Inspect AI's version.
    """
    if importlib.util.find_spec("inspect_ai") is not None:
        return sys.executable, importlib.metadata.version("inspect_ai")
    try:
        return str(python_with(_INSPECT)), pinned_version(_INSPECT, "inspect_ai")
    except SystemExit as error:
        say(f"{error}\nInspect AI could not be installed: its runner is left out.")
        return None, ""


def _pinned(core: int, words: list[str]) -> list[str]:
    return [str(find_tool("taskset", "util-linux")), "-c", str(core), *words]


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "OPENBLAS_NUM_THREADS": "1",
    }


THROUGHPUT = Part(
    "throughput",
    Run,
    measure_throughput,
    tables,
    write_page,
    figures_of,
    broken_promises,
    lambda run: run.theirs is not None,
)
