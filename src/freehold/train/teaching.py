"""A teacher's answers to the questions of a dataset, kept in the run's folder: `answers.jsonl`, a line each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.judges.asking import Ask
from freehold.core.errors import BadRequest
from freehold.train.data.row import NOTHING, Row
from freehold.train.data.shelf import Dataset

FILE = "answers.jsonl"
_WRONG = 5
"""So many failures in a row, and no answer before them, are the teacher's and not a question's."""


class Taught(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a teacher said to a row's question."""

    row: str
    answer: msgspec.Raw = NOTHING
    """The assistant's message in the form of `openai-chat`; NOTHING: there is none."""
    why_not: str | None = None
    failed: bool = False
    """Whether the call failed, so that another one may succeed."""


async def ask_teacher(
    folder: Path,
    dataset: Dataset,
    teacher: str,
    ask: Ask,
    *,
    concurrency: int,
    tell: Callable[[int, int], None],
) -> None:
    """Ask what has no answer yet. Each answer is kept as soon as it is there. Raises BadRequest where none comes.

    A call that failed says nothing of its question: whoever goes on asks it again. `tell` is given how many answers
    there are, and of how many.
    """
    rows = list(dataset.rows("train"))
    known = {one.row for one in taught_in(folder) if not one.failed}
    waiting = [row for row in rows if row.id not in known]
    failed = 0
    with (folder / FILE).open("ab", buffering=0) as file:
        queue = iter(waiting)

        async def work() -> None:
            nonlocal failed
            for row in queue:
                answer = await ask(teacher, row.request)
                failed = failed + 1 if answer.failure else -len(rows)
                if failed >= _WRONG:
                    raise BadRequest(
                        f"The teacher `{teacher}` does not answer: `{answer.failure}`.",
                        hint=f"`freehold ask {teacher} …` shows why; `freehold train resume` goes on.",
                    )
                file.write(msgspec.json.encode(_taught(row, answer)) + b"\n")
                known.add(row.id)
                tell(len(known), len(rows))

        await _all(work, min(concurrency, len(waiting)))


def taught_in(folder: Path) -> Iterator[Taught]:
    """What has been answered so far."""
    path = folder / FILE
    decode = msgspec.json.Decoder(Taught).decode
    if path.exists():
        with path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield decode(line)


def taught_rows(folder: Path, dataset: Dataset, teacher: str) -> Iterator[Row]:
    """The rows of a dataset with the teacher's answers in place of theirs, where there is one."""
    answers = {one.row: one.answer for one in taught_in(folder)}
    for row in dataset.rows("train"):
        answer = answers.get(row.id)
        if answer:
            yield msgspec.structs.replace(row, answer=answer, maker=teacher, accepted="unchecked")


def _taught(row: Row, answer: Answer) -> Taught:
    why_not = answer.failure or ("refused" if answer.refusal else None)
    if why_not is None and answer.finish_reason == "length":
        why_not = "it was cut at its longest"
    if why_not is not None or not (answer.text or answer.tool_calls):
        return Taught(row=row.id, why_not=why_not or "it is empty", failed=answer.failure is not None)
    message: dict[str, object] = {"role": "assistant", "content": answer.text}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for number, call in enumerate(answer.tool_calls)
        ]
    return Taught(row=row.id, answer=msgspec.Raw(msgspec.json.encode(message)))


async def _all(work: Callable[[], Awaitable[None]], times: int) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(times):
            group.create_task(_task(work))


async def _task(work: Callable[[], Awaitable[None]]) -> None:
    await work()
