"""What failures leave of the time."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.train.planning.failures import failures_of, goodput_of


@settings(deadline=None)
@given(
    devices=st.integers(1, 200_000),
    hours=st.floats(100, 1e6),
    checkpoint=st.floats(0.01, 600),
    restart=st.floats(0, 3600),
    factor=st.floats(0.2, 5),
)
def test_no_other_interval_loses_noticeably_less(
    devices: int, hours: float, checkpoint: float, restart: float, factor: float
) -> None:
    try:
        found = failures_of(devices=devices, device_hours=hours, checkpoint=checkpoint, restart=restart)
    except BadRequest:
        assume(False)
        raise
    assert 0 < found.goodput <= 1
    other = goodput_of(found.every * factor, checkpoint=checkpoint, between=found.between, restart=restart)
    assert other <= found.goodput * 1.02


@settings(deadline=None)
@given(devices=st.integers(1, 50_000), checkpoint=st.floats(0.1, 60))
def test_more_devices_get_on_less_of_their_time(devices: int, checkpoint: float) -> None:
    few = failures_of(devices=devices, device_hours=50_000, checkpoint=checkpoint, restart=600)
    many = failures_of(devices=devices + 1, device_hours=50_000, checkpoint=checkpoint, restart=600)
    assert many.goodput <= few.goodput
    assert many.between < few.between


def test_llama_3_1_got_on_for_more_than_nine_tenths_of_its_time() -> None:
    found = failures_of(devices=16_384, device_hours=50_700, checkpoint=2.8, restart=720)
    assert 0.9 < found.goodput < 0.95
    assert 2.9 < found.between / 3600 < 3.3  # 419 interruptions in 54 days


def test_a_run_that_would_hardly_get_on_is_refused() -> None:
    with pytest.raises(BadRequest, match="hardly get on"):
        failures_of(devices=10_000_000, device_hours=1_000, checkpoint=10, restart=720)
