"""Plans for serving, and for learning to reason."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from freehold.core.errors import BadRequest
from freehold.train.planning.architecture import preset, presets
from freehold.train.planning.chip import chip_of, chips
from freehold.train.planning.reasoning import Lessons, teach
from freehold.train.planning.serving import BITS, Served, serve

served = st.builds(
    Served,
    model=st.sampled_from(sorted(presets())).map(preset),
    chip=st.sampled_from(sorted(chips())).map(chip_of),
    count=st.sampled_from([1, 2, 4, 8, 64]),
    weights=st.sampled_from([form for form in BITS if form != "fp8"]),
    batch=st.integers(1, 64),
    prompt=st.integers(1, 8_000),
    answer=st.integers(1, 2_000),
)


@settings(deadline=None)
@given(wanted=served)
def test_nothing_is_faster_than_the_memory_allows(wanted: Served) -> None:
    try:
        found = serve(wanted)
    except BadRequest as error:
        assume(error.hint is None)
        raise
    assert 0 < found.decode < found.limit
    assert found.stream * found.batch == pytest.approx(found.decode)
    assert found.batch <= found.most
    assert found.weight_bytes + found.batch * found.kept_bytes <= found.memory * 1.000001


@settings(deadline=None)
@given(wanted=served)
def test_more_answers_at_once_are_slower_each_and_faster_together(wanted: Served) -> None:
    try:
        few = serve(wanted)
        many = serve(msgspec.structs.replace(wanted, batch=(wanted.batch or 1) + 1))
    except BadRequest as error:
        assume(error.hint is None)
        raise
    assert many.decode >= few.decode * 0.999999
    assert many.stream <= few.stream * 1.000001
    if few.per_million_out is not None and many.per_million_out is not None:
        assert many.per_million_out <= few.per_million_out * 1.000001


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    found = serve(Served(model=preset("llama-3-8b"), chip=chip_of("mi300x")))
    assert found.price is found.per_million_in is found.per_million_out is None
    told = serve(Served(model=preset("llama-3-8b"), chip=chip_of("mi300x"), price=2.0))
    assert told.per_million_out == pytest.approx(2.0 / 3600 / told.decode * 1e6)


def test_what_does_not_fit_is_told_what_would() -> None:
    with pytest.raises(BadRequest) as refused:
        serve(Served(model=preset("deepseek-v3"), chip=chip_of("h100")))
    assert refused.value.hint is not None
    enough = int(refused.value.hint.split(" ")[0])
    assert serve(Served(model=preset("deepseek-v3"), chip=chip_of("h100"), count=enough)).most >= 1
    with pytest.raises(BadRequest):
        serve(Served(model=preset("deepseek-v3"), chip=chip_of("h100"), count=enough - 1))


LESSONS = Lessons(
    model=preset("deepseek-v3"),
    chip=chip_of("h800"),
    count=512,
    steps=10_400,
    answer=6_000,
    longest=32_768,
    group=32,
    precision="fp8",
)


def test_learning_to_reason_is_planned_below_the_one_published_run_as_the_docs_tell() -> None:
    hours = teach(LESSONS).device_hours
    assert 0.3 < hours / 101_376 < 0.45


@settings(max_examples=10, deadline=None)
@given(answer=st.integers(100, 8_000), more=st.integers(1, 4_000))
def test_longer_answers_cost_more(answer: int, more: int) -> None:
    short = teach(msgspec.structs.replace(LESSONS, answer=answer))
    long = teach(msgspec.structs.replace(LESSONS, answer=answer + more))
    assert long.device_hours > short.device_hours * 0.98
    assert long.learning > short.learning * 0.98
    late = teach(msgspec.structs.replace(LESSONS, answer=answer, longest=65_536))
    assert late.waited >= short.waited
