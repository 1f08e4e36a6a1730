"""Tasks of Inspect AI, to be compared on."""

import random
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, get_model, modelapi
from inspect_ai.scorer import (
    Score,
    Scorer,
    Target,
    accuracy,
    choice,
    exact,
    includes,
    mean,
    model_graded_qa,
    scorer,
)
from inspect_ai.solver import (
    Generate,
    Solver,
    TaskState,
    generate,
    multiple_choice,
    solver,
    system_message,
    use_tools,
)
from inspect_ai.tool import Tool, tool


def words(many: int) -> MemoryDataset:
    said = [f"word{number}" for number in range(many)]
    return MemoryDataset([Sample(input=one, target=one, id=f"case-{one}") for one in said], name="words")


@task
def echo(many: int = 60) -> Task:
    return Task(
        words(many), solver=generate(), scorer=exact(), config=GenerateConfig(max_tokens=12, temperature=0)
    )


@task
def letters() -> Task:
    samples = [
        Sample(input=f"Which is {number}?", choices=["none", str(number), "all"], target="B")
        for number in range(6)
    ]
    return Task(
        MemoryDataset(samples), solver=[system_message("Be brief."), multiple_choice()], scorer=choice()
    )


@tool
def add() -> Tool:
    async def execute(x: int, y: int) -> int:
        """Add two numbers.

        Args:
            x: One of them.
            y: The other one.
        """
        return x + y

    return execute


@task
def sums() -> Task:
    samples = [Sample(input=f"{number} + 1", target=str(number + 1), id=number) for number in range(10, 20)]
    return Task(MemoryDataset(samples), solver=[use_tools(add()), generate()], scorer=includes())


@task
def graded() -> Task:
    return Task(words(2), scorer=model_graded_qa())


@solver
def shaking() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.user_prompt.text += f" {random.random()}"
        return await generate(state)

    return solve


@task
def drawn() -> Task:
    return Task(words(2), solver=shaking(), scorer=exact())


@scorer(metrics=[mean()])
def halves() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=0.5)

    return score


@task
def twice() -> Task:
    return Task(words(3), scorer=[exact(), halves()])


@scorer(metrics=[accuracy()])
def far_too_much() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=7)

    return score


@task
def too_much() -> Task:
    return Task(words(2), scorer=far_too_much())


class Stranger(ModelAPI):
    async def generate(self, *_: Any, **__: Any) -> ModelOutput:
        return ModelOutput.from_content("stranger/model", "Yes.")


@modelapi(name="stranger")
def stranger() -> type[ModelAPI]:
    return Stranger


@solver
def elsewhere() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await generate(state)
        await get_model("stranger/model").generate("Are you there?")
        return state

    return solve


@task
def past_freehold() -> Task:
    return Task(words(2), solver=elsewhere(), scorer=exact())


@solver
def asks_a_friend() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await generate(state)
        state.output = await get_model("freehold/other/friend").generate(state.messages)
        return state

    return solve


@task
def friend() -> Task:
    return Task(words(2), solver=asks_a_friend(), scorer=exact())


@task
def contained() -> Task:
    return Task(words(2), scorer=exact(), sandbox="local")


@solver
def silence() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve


@task
def silent() -> Task:
    return Task(words(2), solver=silence(), scorer=exact())
