"""Works batches off: so many lines at once, and after a crash on from where it was."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec

from freehold.batches import anthropic_form, openai_form
from freehold.batches.asking import FACES, Asker, Told
from freehold.batches.journal import Journal
from freehold.batches.lines import Line, problems_in, read_lines
from freehold.batches.records import Batch, Problem, StoredFile, new_file_id
from freehold.batches.shelf import GOING, INPUT, Shelf, flush, place
from freehold.batches.usage import Used
from freehold.core.clock import Clock, microseconds
from freehold.core.errors import Overloaded
from freehold.wire.errors import encode_error_in

log = logging.getLogger("freehold.batches")

_AGAIN = frozenset({429, 502, 503, 504, 529})
"""Statuses that may be different a while later."""
_TRIES = 5
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 120.0
_LOOK_SECONDS = 10.0
"""Between two looks at the space that is left."""


class Run:
    """A batch under way."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.halt = asyncio.Event()
        """No further line is begun."""
        self.journals: dict[str, Journal] = {}
        self.used = Used(batch.endpoint)
        self.task: asyncio.Task[None] | None = None
        self.trouble: Exception | None = None
        """Why a result could not be kept."""


class Work:
    """All batches under way."""

    def __init__(
        self, shelf: Shelf, asker: Asker, clock: Clock, *, concurrency: int, longest_line: int
    ) -> None:
        self._shelf = shelf
        self._asker = asker
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)
        self._longest_line = longest_line
        self._runs: dict[str, Run] = {}
        self._over: set[str] = set()
        """Batches that were worked on here and are not any more."""
        self._looked = -_LOOK_SECONDS
        self._full = False

    def begin(self, batch: Batch) -> None:
        """Work a batch off, or on from where it was."""
        run = Run(batch)
        if batch.status == "cancelling":
            run.halt.set()
        self._runs[batch.id] = run
        run.task = asyncio.create_task(self._work(run))

    def current(self, batch: Batch) -> Batch:
        """The batch as it is at this moment; its row may lag behind."""
        run = self._runs.get(batch.id)
        return batch if run is None else run.batch

    async def cancel(self, batch: Batch) -> Batch:
        """Begin no further line of the batch. It ends when those under way have ended."""
        run = self._runs.get(batch.id)
        if run is None:
            return await asyncio.to_thread(self._shelf.ask_to_cancel, batch, self._now_us())
        if run.batch.status in GOING:
            await self._halt(run, self._now_us())
        return run.batch

    async def _halt(self, run: Run, cancelling_us: int) -> None:
        run.batch.status = "cancelling"
        run.batch.cancelling_us = cancelling_us
        await asyncio.to_thread(self._shelf.save, msgspec.structs.replace(run.batch))
        run.halt.set()

    async def look_around(self) -> None:
        """For one of several processes: go on with what nobody works on, heed what others were asked, and let them see
        how far everything is. Raises StoreError.
        """
        known = set(self._runs)
        for row in await asyncio.to_thread(self._shelf.unfinished):
            run = self._runs.get(row.id)
            if run is None:
                if row.id not in known and row.id not in self._over:
                    self.begin(row)
            elif row.cancelling_us is not None and run.batch.status in GOING:
                await self._halt(run, row.cancelling_us)
            elif (run.batch.succeeded, run.batch.errored) != (row.succeeded, row.errored):
                await asyncio.to_thread(self._shelf.save_progress, msgspec.structs.replace(run.batch))

    async def stop(self) -> None:
        """End now; lines under way are asked again by whoever goes on."""
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _now_us(self) -> int:
        return microseconds(self._clock.now())

    # One batch

    async def _work(self, run: Run) -> None:
        try:
            await self._go_through(run)
        except asyncio.CancelledError:
            raise
        except Exception:  # it must not take the others with it, and is gone on with after the next start
            log.exception("batch %s cannot be gone on with", run.batch.id)
        finally:
            for journal in run.journals.values():
                journal.close()
            del self._runs[run.batch.id]
            self._over.add(run.batch.id)

    async def _go_through(self, run: Run) -> None:
        batch, folder = run.batch, self._shelf.run_at(run.batch.id)
        unseen = batch.status == "validating" or (batch.status == "cancelling" and not batch.total)
        if unseen and not await self._look_through(run, folder):
            return
        if batch.status != "finalizing":
            output = folder / "output.jsonl"
            run.journals["output"] = await asyncio.to_thread(Journal, output, self._noter(run))
            for name in ("errors", "unasked"):
                run.journals[name] = await asyncio.to_thread(Journal, folder / f"{name}.jsonl")
            self._tell_usage(run)
            batch.succeeded = run.journals["output"].lines
            batch.errored = run.journals["errors"].lines
            expired = await self._ask_all(run, folder)
            await self._account_for_the_rest(run, folder, expired=expired)
            for journal in run.journals.values():
                await asyncio.to_thread(journal.close)
            run.journals.clear()
        await self._finish(run, folder)

    async def _look_through(self, run: Run, folder: Path) -> bool:
        batch = run.batch
        try:
            total, problems = await asyncio.to_thread(
                problems_in, folder / INPUT, batch.endpoint, longest=self._longest_line
            )
        except OSError as error:
            total, problems = 0, [Problem("unreadable_file", f"The input cannot be read: {error.strerror}.")]
        batch.total = total
        if problems:
            batch.status, batch.ended_us = "failed", self._now_us()
            batch.problems = msgspec.json.encode(problems).decode()
        elif batch.status == "validating":  # it may have been cancelled meanwhile
            batch.status, batch.started_us = "in_progress", self._now_us()
        await asyncio.to_thread(self._shelf.save, msgspec.structs.replace(batch))
        return not problems

    @staticmethod
    def _noter(run: Run) -> Callable[[bytes], None]:
        """What looks at each answer: only OpenAI's form tells what a batch has used."""
        return run.used.add if run.batch.form == "openai" else lambda _: None

    @staticmethod
    def _tell_usage(run: Run) -> None:
        if run.batch.form == "openai":
            run.batch.usage = run.used.told()

    def _rest(self, run: Run, folder: Path) -> Iterator[Line]:
        done = set().union(*(journal.done for journal in run.journals.values()))
        return (line for line in read_lines(folder / INPUT) if line.custom_id not in done)

    async def _ask_all(self, run: Run, folder: Path) -> bool:
        """Ask every line that has no result yet. True: the time was over before all were asked."""
        lines = self._rest(run, folder)
        tasks: set[asyncio.Task[None]] = set()
        left = run.batch.expires_us / 1e6 - self._clock.now()
        timer = asyncio.get_running_loop().call_later(max(0.0, left), run.halt.set)
        try:
            while not run.halt.is_set():
                if not await _unless(run.halt, self._slots.acquire()):
                    break
                try:
                    line = await asyncio.to_thread(next, lines, None)
                except BaseException:
                    self._slots.release()
                    raise
                if line is None or run.halt.is_set():
                    self._slots.release()
                    break
                task = asyncio.create_task(self._one(run, line))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                task.add_done_callback(lambda _: self._slots.release())
            await asyncio.gather(*tasks)
        finally:
            timer.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if run.trouble is not None:
            raise run.trouble
        return run.halt.is_set() and run.batch.status != "cancelling"

    async def _one(self, run: Run, line: Line) -> None:
        batch = run.batch
        told = await self._ask(run, line)
        form = openai_form if batch.form == "openai" else anthropic_form
        well = told.status == 200
        journal = run.journals["output" if well else "errors"]
        try:
            await asyncio.to_thread(journal.add, line.custom_id, form.result_line(line.custom_id, told))
        except Exception as error:  # noqa: BLE001 - told where the batch is worked off
            run.trouble = error
            run.halt.set()
            return
        if well:
            batch.succeeded += 1
            self._tell_usage(run)
        else:
            batch.errored += 1

    async def _ask(self, run: Run, line: Line) -> Told:
        """Ask, and ask again a while later what was refused for lack of room or because nobody was there."""
        batch, body = run.batch, bytes(line.body)
        wait = _FIRST_WAIT
        for tried in range(1, _TRIES + 1):
            if await self._is_full():
                error = Overloaded("The space for files and batches is used up.")
                return Told(503, encode_error_in(FACES[batch.endpoint].dialect, error))
            told = await self._asker.ask(
                batch.endpoint,
                body,
                key_id=batch.key_id,
                strict=batch.strict,
                keep_body=batch.keep_bodies,
            )
            if told.status not in _AGAIN or tried == _TRIES:
                break
            pause = min(_seconds(told.retry_after, wait), _LONGEST_WAIT)
            if not await _unless(run.halt, asyncio.sleep(pause, True)):
                break
            wait *= 2
        return told

    async def _is_full(self) -> bool:
        now = self._clock.tick()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            try:
                await asyncio.to_thread(self._shelf.check_room)
                self._full = False
            except Overloaded:
                self._full = True
        return self._full

    # Ends

    async def _account_for_the_rest(self, run: Run, folder: Path, *, expired: bool) -> None:
        batch = run.batch
        form = openai_form if batch.form == "openai" else anthropic_form
        unasked = run.journals["unasked"]

        def write() -> None:
            for line in self._rest(run, folder):
                unasked.add(line.custom_id, form.unasked_line(line.custom_id, expired=expired))

        if run.halt.is_set():
            await asyncio.to_thread(write)
        if batch.status == "cancelling":
            batch.cancelled = unasked.lines
        else:
            batch.expired = unasked.lines
        batch.finalizing_us = self._now_us()
        if batch.form == "openai":
            batch.output_file_id = new_file_id() if batch.succeeded else None
            batch.error_file_id = new_file_id() if batch.errored + unasked.lines else None
        batch.status = "finalizing"
        await asyncio.to_thread(self._shelf.save, msgspec.structs.replace(batch))

    async def _finish(self, run: Run, folder: Path) -> None:
        batch = run.batch
        outputs = await asyncio.to_thread(self._put_down, batch, folder)
        batch.ended_us = self._now_us()
        if batch.cancelling_us is not None:
            batch.status = "cancelled"
        elif batch.expired:
            batch.status = "expired"
        else:
            batch.status = "completed"
        await asyncio.to_thread(self._shelf.save, msgspec.structs.replace(batch), *outputs)
        if batch.form == "openai":
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _put_down(self, batch: Batch, folder: Path) -> list[StoredFile]:
        """Bring the results into their files; the same again when a crash came between."""
        _join([folder / "errors.jsonl", folder / "unasked.jsonl"], folder / "failed.jsonl")
        if batch.form == "anthropic":
            _join([folder / "output.jsonl", folder / "failed.jsonl"], folder / "results.jsonl")
            return []
        files: list[StoredFile] = []
        for file_id, name in ((batch.output_file_id, "output"), (batch.error_file_id, "failed")):
            if file_id is not None:
                source = folder / f"{name}.jsonl"
                place(source, self._shelf.file_at(file_id))
                word = "output" if name == "output" else "error"
                created_us = self._now_us()
                lifetime = batch.output_seconds
                files.append(
                    StoredFile(
                        id=file_id,
                        key_id=batch.key_id,
                        name=f"{batch.id}_{word}.jsonl",
                        purpose="batch_output",
                        size=source.stat().st_size,
                        created_us=created_us,
                        expires_us=None if lifetime is None else created_us + lifetime * 1_000_000,
                    )
                )
        return files


async def _unless(halt: asyncio.Event, wanted: Coroutine[Any, Any, bool]) -> bool:
    """Whether `wanted` came to its end before `halt` was set."""
    waiting = asyncio.create_task(halt.wait())
    asking = asyncio.create_task(wanted)
    try:
        await asyncio.wait((waiting, asking), return_when=asyncio.FIRST_COMPLETED)
        return asking.done()
    finally:
        waiting.cancel()
        asking.cancel()  # a semaphore that is being acquired is not held by whoever is cancelled
        await asyncio.gather(waiting, asking, return_exceptions=True)


def _seconds(retry_after: str | None, otherwise: float) -> float:
    try:
        return max(0.0, float(retry_after)) if retry_after is not None else otherwise
    except ValueError:
        return otherwise


def _join(sources: list[Path], target: Path) -> None:
    """Write the sources one after the other into the target, on the disk."""
    with target.open("wb") as file:
        for source in sources:
            if source.exists():
                with source.open("rb") as part:
                    shutil.copyfileobj(part, file)
    target.chmod(0o600)
    flush(target)
