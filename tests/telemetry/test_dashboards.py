"""What the dashboard and the alert rules ask Prometheus for is in a real `/metrics` after real calls."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Refused, Script, SimulatedProvider, UsageNumbers

DEPLOY = Path(__file__).parents[2] / "deploy"

_NAME = re.compile(r"\b(?:freehold|gen_ai)_[a-z0-9_]+\b")
_SELECTOR = re.compile(r"\b((?:freehold|gen_ai)_[a-z0-9_]+)\{([^}]*)\}")
_GROUPED = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
_OF_PROMETHEUS = {"instance", "job", "le"}


def panels() -> list[dict[str, Any]]:
    dashboard = msgspec.json.decode((DEPLOY / "grafana" / "freehold.json").read_bytes())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return asked + [rule["expr"] for rule in rules()]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """Every name in `/metrics`, with its labels."""
    usage = UsageNumbers(cache_read_tokens=1, reasoning_tokens=1)
    models: dict[str, Any] = {
        "sick": Behaviour(faults=(Refused(status=503),)),
        "*": Behaviour(text="one two three", usage=usage),
    }
    with SimulatedProvider.in_thread(Script(models=models)) as provider:
        toml = f"""
[local]
enabled = false
[health]
enabled = true
[providers.sim]
base_url = "{provider.base_url}"
[models."sim/good"]
input = "1"
output = "2"
[routes.falls]
incumbent = "sim/sick"
fallbacks = ["sim/good"]
[limits.few]
on = "route"
only = ["limited"]
per = "day"
requests = 1
[routes.limited]
incumbent = "sim/good"
"""
        folder = tmp_path_factory.mktemp("endpoint")
        with RunningEndpoint(folder, toml) as endpoint, endpoint.connect() as client:
            for _ in range(8):
                client.chat("falls", stream=True)
            assert {client.chat("limited").status for _ in range(3)} == {200, 429}

            def whole() -> dict[str, float] | None:
                client.chat("sim/sick")  # its breaker closes again after a while
                figures = endpoint.figures
                is_open = figures.get('freehold_breaker_open{kind="model",name="sim/sick"}') == 1
                return figures if is_open and _counted(figures) else None

            figures = until(whole)
    found: dict[str, set[str]] = {}
    for line in figures:
        name, _, labels = line.partition("{")
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    yield found


def _counted(figures: dict[str, float]) -> bool:
    return any(name.startswith("gen_ai_server_time_to_first_token") for name in figures)


def test_every_metric_that_is_asked_for_exists(shown: dict[str, set[str]]) -> None:
    asked = {name for expression in expressions() for name in _NAME.findall(_without_labels(expression))}
    assert len(asked) > 25
    assert asked - shown.keys() == set()


def _without_labels(expression: str) -> str:
    """Labels may be called like metrics."""
    return _GROUPED.sub("", re.sub(r"\{[^}]*\}", "", expression))


def test_every_label_that_is_asked_for_exists(shown: dict[str, set[str]]) -> None:
    for expression in expressions():
        for name, selector in _SELECTOR.findall(expression):
            wanted = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) - _OF_PROMETHEUS
            assert wanted <= shown[name], (expression, wanted)
        known = {
            label
            for name in _NAME.findall(_without_labels(expression))
            for label in shown[name] | _OF_PROMETHEUS
        }
        for group in _GROUPED.findall(expression):
            assert {one.strip() for one in group.split(",")} <= known, expression


def test_expressions_are_whole() -> None:
    for expression in expressions():
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), expression


def test_legends_name_labels_that_are_left() -> None:
    for panel in panels():
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            left = {one.strip() for group in _GROUPED.findall(target["expr"]) for one in group.split(",")}
            assert named <= left, panel["title"]


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    dashboard = msgspec.json.decode((DEPLOY / "grafana" / "freehold.json").read_bytes())
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_says_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "runbook"}
        assert "\n" not in rule["annotations"]["runbook"]


def test_the_commands_of_the_runbook_exist() -> None:
    found = {
        found[0].strip("`").split()[1]
        for rule in rules()
        for found in re.finditer(r"`freehold [^`]*`", rule["annotations"]["runbook"])
    }
    assert {"calls", "limits", "doctor", "check"} <= found
    for command in sorted(found):
        done = subprocess.run(
            [sys.executable, "-m", "freehold", command, "--help"],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, command
