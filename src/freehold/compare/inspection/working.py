"""A task's solvers and scorers at work on one sample. Whatever they ask, they ask us: Inspect AI knows us as a provider
of models, `freehold/…`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from freehold.compare.inspection.turns import Turns, under_way
from freehold.core.errors import BadRequest

if TYPE_CHECKING:
    from inspect_ai.model import Model
    from inspect_ai.solver import TaskState

    from freehold.compare.inspection.tasks import LoadedTask

# ruff: noqa: PLC0415 - Inspect AI takes seconds to import: only what works with a task does

T = TypeVar("T")


async def first_request(loaded: LoadedTask, sample_id: str) -> msgspec.Raw:
    """What the task's solvers ask first. Raises BadRequest: nothing, or they fail before."""
    turns = Turns()
    asked = await _within(turns, _solve(loaded, sample_id, None))
    if isinstance(asked, msgspec.Raw):
        return asked
    raise BadRequest(f"The sample `{sample_id}` of `{loaded.reference}` asks no model anything.")


async def scores_of(loaded: LoadedTask, sample_id: str, turns: Turns, grader: str | None) -> dict[str, Any]:
    """What the task's scorers say, by their names, once the solvers are through. Raises what `ask` raises, StepFailed,
    BadRequest, and what the task raises.
    """
    from inspect_ai._util.registry import registry_unqualified_name
    from inspect_ai.event import ModelEvent
    from inspect_ai.log import transcript
    from inspect_ai.model._model import init_active_model
    from inspect_ai.scorer import Target

    async def work() -> dict[str, Any]:
        state = await _solve(loaded, sample_id, grader)
        turns.is_scoring = True
        if grader is not None:
            init_active_model(_model_called(grader), loaded.task.config)
        found = {}
        for one in loaded.task.scorer or ():
            found[registry_unqualified_name(one)] = await one(state, Target(loaded.samples[sample_id].target))
        asked = [event.model for event in transcript().events if isinstance(event, ModelEvent)]
        strangers = [name for name in asked if not name.startswith("freehold/")]
        if strangers:
            raise BadRequest(
                f"The task asked `{strangers[0]}` past Freehold: such calls are in no ledger and under no budget.",
                hint="Have it ask `freehold/PROVIDER/NAME`, or leave the model's name out.",
            )
        return found

    found = await _within(turns, work())
    assert isinstance(found, dict)
    return found


async def _within(turns: Turns, work: Coroutine[Any, Any, T]) -> T | msgspec.Raw:
    """The end of `work`, or what halted it. It has a context of its own."""

    async def contained() -> T:
        under_way.set(turns)
        return await work

    task = asyncio.create_task(contained())
    either: list[asyncio.Future[Any]] = [task, turns.halted]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
    if turns.halted.done():
        if not task.cancelled():
            task.exception()  # looked at: it came of the halt
        return turns.halted.result()
    return task.result()


async def _solve(loaded: LoadedTask, sample_id: str, grader: str | None) -> TaskState:
    from inspect_ai._eval.context import init_task_context
    from inspect_ai._eval.task.generate import task_generate
    from inspect_ai._eval.task.util import sample_messages
    from inspect_ai.log._transcript import Transcript, init_transcript
    from inspect_ai.model import GenerateConfig
    from inspect_ai.scorer import Target
    from inspect_ai.solver import TaskState, chain
    from inspect_ai.solver._task_state import set_sample_state
    from inspect_ai.util._store import init_subtask_store

    task, sample = loaded.task, loaded.samples[sample_id]
    model = _model_called(None)
    roles: dict[str, Any] = {} if grader is None else {"grader": _model_called(grader)}
    init_transcript(Transcript())
    init_task_context(model, roles, task.config)
    state = TaskState(
        model=model.name,  # type: ignore[arg-type] # a name, as Inspect AI hands it to its own solvers
        sample_id=sample.id if sample.id is not None else sample_id,
        epoch=1,
        input=sample.input,
        messages=sample_messages(sample),
        target=Target(sample.target),
        choices=list(sample.choices) if sample.choices else [],
        message_limit=task.message_limit,
        metadata=deepcopy(sample.metadata) if sample.metadata else {},
    )
    set_sample_state(state)
    init_subtask_store(state.store)

    async def generate(
        state: TaskState, tool_calls: Any = "loop", cache: Any = False, **told: Any
    ) -> TaskState:
        config = task.config.merge(GenerateConfig(**told))
        return await task_generate(model, state, tool_calls, False, config)

    for solver in [] if task.setup is None else [task.setup] if callable(task.setup) else list(task.setup):
        state = await solver(state, generate)
    return await chain(task.solver)(state, generate)


def _model_called(name: str | None) -> Model:
    """A model of ours; None: the one that is looked at."""
    from inspect_ai.model import get_model

    from freehold.compare.inspection import provider

    return get_model(f"freehold/{provider.LOOKED_AT if name is None else name}")
