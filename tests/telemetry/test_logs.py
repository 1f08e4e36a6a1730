"""Lines of the log, of the running endpoint and of anything that may be in them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Refused, Script, SimulatedProvider, ThreadedProvider
from freehold.telemetry.logs import JsonLines, TextLines

NASTY = 'a"}\n{"level": "INFO"} \u2028\x1b[31m\\ name'
OUR_KEY = "fh-" + "k" * 43


def line_of(formatter: logging.Formatter, message: str, *args: object, **extra: object) -> str:
    """What one event becomes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("freehold.test", logging.DEBUG)
    logger.addHandler(handler)
    try:
        raise ValueError(message)
    except ValueError:
        logger.exception(message.replace("%", "%%") + "%s" * len(args), *args, extra=extra)
    return stream.getvalue()


@given(st.text(), st.text(), st.text())
def test_json_is_json_whatever_it_says(message: str, argument: str, call: str) -> None:
    line = line_of(JsonLines(), message, argument, call=call, trace="0" * 32)
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    read: dict[str, Any] = msgspec.json.decode(line)
    assert read.keys() == {"time", "level", "logger", "message", "call", "trace", "exception"}
    if message.isascii() and argument.isascii():
        assert read["message"] == message + argument
    assert "ValueError" in read["exception"]


@given(st.text(), st.text())
def test_text_is_one_line_before_the_traceback(message: str, call: str) -> None:
    first, _, rest = line_of(TextLines(), message, call=call).partition("\n")
    assert "ERROR freehold.test: " in first
    assert rest.startswith("Traceback")
    assert first.isprintable() or not (message + call).isprintable()
    assert not set(first) & set("\r\x0b\x0c\x85\u2028\u2029\x1b")


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_a_key_of_ours_is_not_written_down(formatter: logging.Formatter) -> None:
    line = line_of(formatter, f"look: {OUR_KEY}", OUR_KEY, call=OUR_KEY)
    assert OUR_KEY not in line
    assert "fh-***" in line


# The endpoint


@pytest.fixture
def provider() -> Iterator[ThreadedProvider]:
    models: dict[str, Any] = {
        "turns": (Behaviour(text="a"), Behaviour(text="a", calls_itself=NASTY)),
        "sick": Behaviour(faults=(Refused(status=500),)),
    }
    with SimulatedProvider.in_thread(Script(models=models)) as running:
        yield running


def ask(endpoint: RunningEndpoint) -> list[str]:
    with endpoint.connect() as client:
        calls = [client.chat("sim/turns").call for _ in range(2)]
        calls.append(client.chat("sim/sick").call)
    until(lambda: endpoint.says(calls[-1]))
    return calls


def configured(provider: ThreadedProvider, form: str, told: str) -> str:
    return f"""
[local]
enabled = false
[server]
logs = "{form}"
[telemetry]
log_calls = "{told}"
[providers.sim]
base_url = "{provider.base_url}"
"""


def test_json_lines_of_the_endpoint(tmp_path: Path, provider: ThreadedProvider) -> None:
    with RunningEndpoint(tmp_path, configured(provider, "json", "all")) as endpoint:
        calls = ask(endpoint)
    lines: list[dict[str, Any]] = [
        msgspec.json.decode(line) for line in endpoint.log.splitlines() if line.startswith("{")
    ]
    told = {line["call"]: line for line in lines if line["logger"] == "freehold.calls"}
    assert list(told) == calls
    good, bad = told[calls[0]], told[calls[2]]
    assert (good["level"], good["outcome"], good["status"]) == ("INFO", "answered", 200)
    assert (bad["level"], bad["outcome"], bad["error"]) == ("WARNING", "failed", "provider_refused")
    assert bad["model"] == "sim/sick"
    assert any(NASTY in line["message"] for line in lines), "a name cannot break out of its line"
    assert all(line["time"].endswith("+00:00") for line in lines)


def test_text_lines_of_the_endpoint(tmp_path: Path, provider: ThreadedProvider) -> None:
    with RunningEndpoint(tmp_path, configured(provider, "text", "failed")) as endpoint:
        calls = ask(endpoint)
    assert endpoint.says("WARNING", f"call={calls[2]}", "error=provider_refused")
    assert not endpoint.says(calls[0])
    assert endpoint.says("now calls itself", "\\n", "\\x1b")
