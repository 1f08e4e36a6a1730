"""`freehold train plan` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.train.planning.quantity import read_quantity, show_quantity


def run(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "freehold", "train", "plan", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def planned(*words: str) -> dict[str, Any]:
    status, printed, said = run(*words, "--json")
    assert status == 0, said
    found: dict[str, Any] = json.loads(printed)
    return found


FIVE_HUNDRED = ("--params", "500B", "--tokens", "10T", "--gpu", "h100")


def test_it_tells_time_money_energy_memory_layout_and_failures() -> None:
    status, printed, said = run(*FIVE_HUNDRED, "--count", "8192")
    assert (status, said) == (0, "")
    for word in ("days", "device-hours", "$", "MWh", "FLOPs", "DP ", "GB", "MFU", "a checkpoint every"):
        assert word in printed
    assert "e+04 MWh" not in printed  # nobody reads megawatt-hours so


def test_a_price_of_ones_own_is_what_the_bill_is_made_of() -> None:
    found = planned(*FIVE_HUNDRED, "--count", "8192", "--price", "2")
    assert found["bill"]["dollars"] == pytest.approx(2 * found["device_hours"])
    assert found["days"] == pytest.approx(found["device_hours"] / 24 / 8192)
    assert planned(*FIVE_HUNDRED, "--count", "8192", "--pue", "1.5")["bill"]["site_mwh"] == pytest.approx(
        found["bill"]["site_mwh"] * 1.5 / 1.2
    )


def test_what_does_not_fit_is_told_how_many_would_do_and_they_do() -> None:
    status, printed, said = run(*FIVE_HUNDRED, "--count", "8")
    assert (status, printed) == (1, "")
    assert "do not fit on 8 x `h100`" in said
    enough = said.split("next: ")[1].split(" ")[0].replace(",", "")
    assert planned(*FIVE_HUNDRED, "--count", enough)["chosen"]["fits"] is True
    status, _, _ = run(*FIVE_HUNDRED, "--count", str(int(enough) // 2))
    assert status == 1


def test_a_layout_that_is_told_is_judged_as_it_is() -> None:
    words = ("--preset", "llama-3-70b", "--tokens", "15T", "--count", "1024")
    told = planned(*words, "--layout", "dp=128,tp=8")
    assert told["chosen"]["layout"]["tensor"] == 8
    assert told["chosen"]["fits"] is False
    assert any("does not fit" in note for note in told["notes"])
    best = planned(*words)
    assert best["chosen"]["fits"] is True


def test_experts_are_planned_from_both_numbers() -> None:
    found = planned(
        "--params", "670B", "--active", "37B", "--tokens", "15T", "--gpu", "h800", "--count", "2048"
    )
    assert 0.9 < found["active"] / 37e9 < 1.1
    assert 0.95 < found["parameters"] / 670e9 < 1.05
    assert found["chosen"]["layout"]["expert"] > 1


def test_serving_and_reasoning_are_planned_too() -> None:
    serving = planned("--serve", "8B", "--gpu", "h100", "--batch", "16", "--weights", "fp8")
    assert serving["decode"] < serving["limit"]
    status, printed, _ = run("--serve", "smollm2-135m", "--weights", "q8_0", "--gpu", "this-cpu")
    assert status == 0
    assert "unknown for a million tokens" in printed
    status, printed, _ = run(
        "--preset", "llama-3-8b", "--reason", "500", "--answer", "2000", "--count", "64", "--gpu", "h100"
    )
    assert status == 0
    assert "wait for the longest answers" in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tokens", "1T"), "What is the model to be?"),
        (("--params", "8B"), "How much is to be learned from?"),
        (("--params", "8B", "--preset", "gpt-3", "--tokens", "1T"), "What is the model to be?"),
        (("--params", "eight", "--tokens", "1T"), "`eight` is no number of parameters."),
        (("--params", "-8B", "--tokens", "1T"), "`-8B` is no number of parameters."),
        (("--params", "8B", "--tokens", "0"), "`0` is no number of tokens."),
        (("--params", "5", "--tokens", "1T"), "none that could be planned for"),
        (("--params", "8B", "--active", "9B", "--tokens", "1T"), "cannot be active"),
        (("--params", "8B", "--tokens", "1T", "--gpu", "h10"), "Did you mean `h100`?"),
        (("--params", "8B", "--tokens", "1T", "--count", "1e20"), "none that could be planned with"),
        (
            ("--params", "8B", "--tokens", "1T", "--gpu", "a100", "--precision", "fp8"),
            "has no fp8 arithmetic",
        ),
        (("--params", "8B", "--tokens", "1T", "--batch", "100"), "shorter than one sequence"),
        (("--params", "8B", "--tokens", "1T", "--layout", "tp"), "no part of a layout"),
        (("--params", "8B", "--tokens", "1T", "--layout", "tp=0"), "whole numbers from 1"),
        (("--params", "8B", "--tokens", "1T", "--layout", "tp=64"), "more than the model's"),
        (("--params", "8B", "--tokens", "1T", "--layout", "tp=8"), "takes 8 devices"),
        (("--params", "8B", "--tokens", "1T", "--layout", "xp=2"), "is no layout"),
        (("--serve", "deepseek-v3"), "does not fit on 1 x `h100`"),
        (("--preset", "llama-9"), "no architecture that is known here"),
        (("--preset", "gpt-3", "--reason", "10"), "How long answers become"),
    ],
)
def test_what_cannot_be_planned_is_told_with_the_next_step(words: tuple[str, ...], said: str) -> None:
    status, printed, told = run(*words)
    assert (status, printed) == (1, "")
    assert said in told
    assert " next: " in told


@pytest.mark.parametrize("words", [("--gpu", "?"), ("--preset", "?"), ("--published",)])
def test_what_is_known_can_be_listed(words: tuple[str, ...]) -> None:
    status, printed, _ = run(*words)
    assert status == 0
    assert len(printed.splitlines()) > 10
    status, lines, _ = run(*words, "--json")
    assert status == 0
    assert all(isinstance(json.loads(line), dict) for line in lines.splitlines())


def test_every_chip_of_the_field_is_known_with_its_source() -> None:
    _, lines, _ = run("--gpu", "?", "--json")
    known = {one["name"]: one for one in map(json.loads, lines.splitlines())}
    wanted = "a100 h100 h200 h800 b200 gb200 mi300x mi325x tpu-v4 tpu-v5e tpu-v5p tpu-v6e tpu-v7 trainium1 trainium2"
    assert set(wanted.split()) | {"laptop-npu", "this-cpu"} <= known.keys()
    assert all(one["source"] for one in known.values())
    assert all((one["price"] is None) == (one["priced"] is None) for one in known.values())


@settings(deadline=None)
@given(number=st.integers(1, 10**18))
def test_a_number_is_read_as_it_is_written(number: int) -> None:
    assert read_quantity(str(number), "things") == number
    shown = read_quantity(show_quantity(number), "things")
    assert abs(shown / number - 1) < 0.01 or number < 10


@settings(deadline=None)
@given(text=st.text(max_size=20))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        assert read_quantity(text, "things") > 0
    except BadRequest as refused:
        assert refused.hint is not None
