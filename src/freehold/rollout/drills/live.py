"""A drill on live calls, as its leader and the endpoint's processes tell each other of it: files in one folder.

The leader writes `live.json` again and again, each time with a lease of some seconds. Whoever finds it run out takes it
for gone: a leader that is killed ends its drill by that. Each process of the endpoint keeps count in a file of its own.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from freehold.store.database import unusable

FOLDER = "drills"
"""In the data folder."""
LEASE_SECONDS = 5.0
_FILE = "live.json"
_LONGEST_US = int(2 * LEASE_SECONDS * 1e6)
MOST_TIMES = 20_000


class LiveDrill(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done to which calls, and until when."""

    id: str
    route: str
    lost: tuple[str, ...]
    share: float
    """Of the route's conversations, 0 … 1."""
    fault: str
    """By name; the leader goes from one to the next."""
    deadline_s: float
    lease_us: int
    """Microseconds since 1970, after which nobody leads it any more."""


def is_led(drill: LiveDrill, now_us: int) -> bool:
    """Whether somebody leads it now."""
    return 0 < drill.lease_us - now_us <= _LONGEST_US


class Count(msgspec.Struct):
    """What became of the calls under one fault, in one process."""

    calls: int = 0
    """Those that ended; without those whose client hung up."""
    survived: int = 0
    late: int = 0
    errors: dict[str, int] = {}
    """By code."""
    seconds: list[float] = []
    """Of survivors; no more than MOST_TIMES."""


class Tally(msgspec.Struct):
    """What one process counted."""

    id: str
    under_way: int = 0
    left_alone: int = 0
    """Calls that were chosen and could not be taken without harm: in a tool loop, with state, with hosted tools."""
    faults: dict[str, Count] = {}


class LiveFolder:
    """The files. Methods wait for the disk and raise StoreError."""

    def __init__(self, data: Path) -> None:
        self.path = data / FOLDER

    @property
    def lock(self) -> Path:
        """Held by whoever leads."""
        return self.path / "live.lock"

    def tell(self, drill: LiveDrill) -> None:
        """From now on this is to be done."""
        self._put(_FILE, msgspec.json.encode(drill))

    def end(self) -> None:
        """Nothing is to be done any more."""
        (self.path / _FILE).unlink(missing_ok=True)

    def read(self, now_us: int) -> LiveDrill | None:
        """What is to be done; None: nothing, or nobody leads it any more.

        A lease that is longer than any leader's is none: the clock was set back, or somebody else wrote the file.
        """
        try:
            found = msgspec.json.decode((self.path / _FILE).read_bytes(), type=LiveDrill)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return found if is_led(found, now_us) else None

    def count(self, tally: Tally) -> None:
        """What this process has counted so far."""
        self._put(f"{tally.id}-{os.getpid()}.json", msgspec.json.encode(tally))

    def tallies(self, drill: str) -> list[Tally]:
        """What all processes have counted so far."""
        found = []
        for path in sorted(self.path.glob(f"{drill}-*.json")):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Tally))
            except (OSError, msgspec.DecodeError):
                continue  # it is replaced as a whole, so the next look finds it
        return found

    def forget(self, drill: str) -> None:
        """Let go of what was counted."""
        for path in self.path.glob(f"{drill}-*.json"):
            path.unlink(missing_ok=True)

    def _put(self, name: str, content: bytes) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.path / f".{name}.{os.getpid()}"
            draft.write_bytes(content)
            draft.rename(self.path / name)
        except OSError as error:
            raise unusable(self.path, error) from error


def added_up(tallies: list[Tally]) -> Tally:
    """All processes together."""
    whole = Tally(tallies[0].id if tallies else "")
    for one in tallies:
        whole.under_way += one.under_way
        whole.left_alone += one.left_alone
        for fault, count in one.faults.items():
            there = whole.faults.setdefault(fault, Count())
            there.calls += count.calls
            there.survived += count.survived
            there.late += count.late
            there.seconds = [*there.seconds, *count.seconds]
            for code, many in count.errors.items():
                there.errors[code] = there.errors.get(code, 0) + many
    return whole
