"""What was asked and answered already, on disk, so that nothing is asked or paid for twice."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec

from freehold.compare.answer import Answer
from freehold.compare.halting import Halted
from freehold.compare.judges.asking import Ask
from freehold.store.folders import make_private

ANSWERS = "answers.jsonl"
_OWED = "owed.json"


class CallsSpent(Halted):
    """No further call is allowed."""


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: a call that was made."""

    key: str
    answer: Answer


class Memory:
    """The calls of one synthesis. Of one event loop, and one process: whoever opens it holds its lock."""

    def __init__(self, folder: Path, *, most_calls: int | None = None) -> None:
        """Reads what is there. `most_calls`: all in all, those of earlier runs among them; None: no bound."""
        make_private(folder)
        self._folder = folder
        self._answers: dict[str, Answer] = {}
        self._most = most_calls
        self._running = 0
        self.calls = 0
        """That were made, answered or not, in earlier runs and this one."""
        self.asked = 0
        """That were made in this run."""
        self.spent: Decimal | None = Decimal(0)
        """US dollars for all of them; None: unknown."""
        self.written_tokens = 0
        """Of all answers, as far as providers said."""
        self._read()
        self._file = os.open(folder / ANSWERS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def asking(self, attempt: int, ask: Ask) -> Ask:
        """Asks for one attempt: what it was answered before comes from here, in the order in which it was asked."""
        times: Counter[str] = Counter()

        async def asked(model: str, request: msgspec.Raw) -> Answer:
            told = hashlib.sha256(model.encode() + b"\0" + bytes(request)).hexdigest()[:16]
            key = f"{attempt}/{told}/{times[told]}"
            times[told] += 1
            known = self._answers.get(key)
            if known is not None:
                return known
            return await self._ask(key, ask, model, request)

        return asked

    async def _ask(self, key: str, ask: Ask, model: str, request: msgspec.Raw) -> Answer:
        if self._most is not None and self.calls + self._running >= self._most:
            raise CallsSpent(f"All {self._most:,} calls are made.", hint="Go on with more: `--calls NUMBER`.")
        self._running += 1
        try:
            answer = await ask(model, request)
        finally:
            self._running -= 1
        self.asked += 1
        os.write(self._file, msgspec.json.encode(_Kept(key, answer)) + b"\n")
        self._take(key, answer)
        return answer

    def _take(self, key: str, answer: Answer) -> None:
        self.calls += 1
        self.spent = None if self.spent is None or answer.cost is None else self.spent + answer.cost
        self.written_tokens += answer.output_tokens or 0
        if answer.failure is None:  # else it is asked again
            self._answers[key] = answer

    def _read(self) -> None:
        path = self._folder / ANSWERS
        if not path.exists():
            return
        whole = 0
        with path.open("rb") as lines:
            for line in lines:
                try:
                    kept = msgspec.json.decode(line, type=_Kept)
                except msgspec.DecodeError:
                    break  # the process was killed as it wrote this
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                self._take(kept.key, kept.answer)
        if whole < path.stat().st_size:
            os.truncate(path, whole)

    # What may have been paid for without an answer

    def owed(self) -> int:
        """Billionths of a US dollar that earlier runs may have spent."""
        try:
            return msgspec.json.decode((self._folder / _OWED).read_bytes(), type=int)
        except FileNotFoundError:
            return 0

    def owe(self, nano: int) -> None:
        """Put on record that so much may have been spent, before it is."""
        new = self._folder / f"{_OWED}.new"
        new.write_bytes(msgspec.json.encode(nano))
        new.replace(self._folder / _OWED)


def calls_in(folder: Path) -> int:
    """How many calls were made in a folder's earlier runs."""
    try:
        with (folder / ANSWERS).open("rb") as lines:
            return sum(1 for _ in lines)
    except FileNotFoundError:
        return 0
