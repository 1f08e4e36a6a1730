"""What must hold of memory and time, whatever the model, the chip and the layout."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.train.planning.architecture import Architecture, presets
from freehold.train.planning.chip import chips
from freehold.train.planning.layout import Layout
from freehold.train.planning.memory import memory_of
from freehold.train.planning.search import Order, candidates, judge
from freehold.train.planning.shape import shape_for
from freehold.train.planning.step import step_of
from freehold.train.planning.work import six_n_d, work_of

MODELS = sorted(presets())
CHIPS = sorted(chips())

models = st.sampled_from(MODELS).map(lambda name: presets()[name])
devices = st.sampled_from(CHIPS).map(lambda name: chips()[name])


def powers(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most).map(lambda power: 2**power)


@settings(deadline=None)
@given(
    model=models,
    layout=st.builds(
        Layout,
        data=powers(8),
        tensor=powers(3),
        pipeline=powers(3),
        zero=st.sampled_from([0, 1, 2, 3]),
        micro=powers(2),
    ),
    context=powers(5).map(lambda size: 512 * size),
)
def test_memory_falls_with_every_kind_of_splitting(model: Architecture, layout: Layout, context: int) -> None:
    held = memory_of(model, layout, context)
    finer = msgspec.structs.replace(layout, tensor=layout.tensor * 2)
    assert memory_of(model, finer, context).total < held.total
    more_replicas = msgspec.structs.replace(layout, data=layout.data * 2)
    assert memory_of(model, more_replicas, context).total <= held.total
    if layout.zero < 3:
        states = ("gradients", "optimizer") if layout.zero else ("optimizer",)
        sharded = memory_of(model, msgspec.structs.replace(layout, zero=layout.zero + 1), context)
        assert all(getattr(sharded, state) <= getattr(held, state) for state in states)
    longer = memory_of(model, layout, context * 2)
    assert longer.activations > held.activations
    kept = [
        memory_of(model, msgspec.structs.replace(layout, recompute=again), context).activations
        for again in ("none", "light")
    ]
    assert kept[1] < kept[0]


@settings(deadline=None)
@given(model=models, chip=devices, data=powers(6), tensor=powers(3), pipeline=powers(3))
def test_more_devices_never_take_longer_to_compute(
    model: Architecture, chip: object, data: int, tensor: int, pipeline: int
) -> None:
    assert isinstance(chip, type(chips()["h100"]))
    batch = 2**22

    def computing(layout: Layout) -> float:
        step = step_of(model, chip, layout, batch=batch, context=4096, precision="bf16")
        assert step.seconds >= step.computing > 0
        return step.computing

    layout = Layout(data=data, tensor=tensor, pipeline=pipeline)
    least = computing(layout) * 1.000001
    assert computing(msgspec.structs.replace(layout, data=data * 2)) <= least
    assert computing(msgspec.structs.replace(layout, tensor=tensor * 2)) <= least
    assert computing(msgspec.structs.replace(layout, pipeline=pipeline * 2)) <= least


@settings(deadline=None)
@given(model=models, chip=devices, data=powers(6), tensor=powers(3), pipeline=powers(3))
def test_no_step_is_faster_than_the_chips_could_compute(
    model: Architecture, chip: object, data: int, tensor: int, pipeline: int
) -> None:
    assert isinstance(chip, type(chips()["h100"]))
    layout = Layout(data=data, tensor=tensor, pipeline=pipeline)
    step = step_of(model, chip, layout, batch=2**22, context=4096, precision="bf16")
    best = work_of(model, 4096).total * 2**22 / (chip.peak("bf16") * layout.devices)
    assert step.seconds > best


@settings(max_examples=20, deadline=None)
@given(
    size=st.floats(7, 12.5).map(lambda power: int(10**power)),
    chip=devices,
    count=st.integers(1, 20_000),
)
def test_layouts_use_no_more_devices_than_there_are_and_the_best_comes_first(
    size: int, chip: object, count: int
) -> None:
    assert isinstance(chip, type(chips()["h100"]))
    order = Order(model=shape_for(size), chip=chip, count=count, batch=2**22, context=4096, precision="bf16")
    judged = candidates(order)
    assert judged
    assert all(one.layout.devices <= count for one in judged)
    fitting = [one for one in judged if one.fits]
    assert judged[: len(fitting)] == fitting
    assert all(judged[0].seconds <= one.seconds for one in fitting)
    assert judge(order, judged[0].layout) == judged[0]


@settings(deadline=None)
@given(size=st.floats(6, 15).map(lambda power: int(10**power)))
def test_a_made_up_model_has_about_the_parameters_that_were_asked_for(size: int) -> None:
    shape = shape_for(size)
    assert 0.85 < shape.parameters / size < 1.15
    assert shape.width >= 64
    assert six_n_d(shape, 1.0) == 6 * shape.parameters


@settings(deadline=None)
@given(
    size=st.floats(9, 13).map(lambda power: int(10**power)),
    share=st.floats(0.02, 0.5),
)
def test_a_made_up_model_with_experts_has_about_both_numbers(size: int, share: float) -> None:
    shape = shape_for(size, int(size * share))
    assert 0.85 < shape.parameters / size < 1.15
    assert 0.8 < shape.active / (size * share) < 1.25


def test_the_architectures_have_the_parameters_that_their_makers_name() -> None:
    named = {
        "llama-3-8b": 8.03e9,
        "llama-3-70b": 70.6e9,
        "llama-3.1-405b": 405e9,
        "llama-1-65b": 65.2e9,
        "gpt-3": 175e9,
        "palm-540b": 540e9,
        "bloom-176b": 176.2e9,
        "olmo-2-32b": 32.2e9,
        "deepseek-v2": 236e9,
        "deepseek-v3": 671e9,
        "smollm2-135m": 134.5e6,
    }
    for name, parameters in named.items():
        assert abs(presets()[name].parameters / parameters - 1) < 0.005, name
    for name, active in {"deepseek-v2": 21e9, "deepseek-v3": 37e9, "llama-4-scout": 17e9}.items():
        assert abs(presets()[name].active / active - 1) < 0.03, name
