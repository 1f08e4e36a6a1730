"""Remembers who answered: in the process, and on a shelf that outlives it. Nobody waits for the shelf to write."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from freehold.core.clock import Clock, microseconds
from freehold.engine.steered.makers import AwayError, Batch, Maker, Mark, Shelf

log = logging.getLogger("freehold")

KEPT_SECONDS = 86_400.0
"""After which a maker is forgotten: a tool loop that rests longer is taken to be given up."""
_MOST = 65_536
"""Makers that are known in the process."""
_MOST_WAITING = 20_000
"""Rows that wait to be written; more are dropped."""
_REST_S = 1.0
"""For which a shelf that failed is left alone."""
_LONG_S = 0.2
"""A shelf that takes longer is no better than one that fails."""
_MARKS_S = 1.0
"""After which what others marked is read again."""
_TELL_S = 60.0


class Memory:
    """See the module. For one event loop."""

    def __init__(self, shelf: Shelf | None, clock: Clock, *, most: int = _MOST) -> None:
        """Without a shelf, what is known ends with the process."""
        self._shelf = shelf
        self._clock = clock
        self._most = most
        self._known: OrderedDict[bytes, Maker] = OrderedDict()
        self._marks: dict[tuple[str, str, str], Mark] = {}
        self._batch = Batch({}, {})
        self._under_way: Mapping[bytes, Maker | None] = {}
        """What is being written."""
        self._more = asyncio.Event()
        self._writing = asyncio.Lock()
        self._not_before = 0.0
        self._told_at = float("-inf")
        self.knows_marks = shelf is None
        """Whether it was read what was marked before this process began."""
        self.dropped = 0
        """Rows that were not written: the shelf failed, or there was no room to wait."""

    @property
    def shared(self) -> bool:
        """Whether others remember with it."""
        return self._shelf is not None and self._shelf.shared

    def now_us(self) -> int:
        """The time that makers are remembered with."""
        return microseconds(self._clock.now())

    # Makers

    def look(self, key: bytes) -> Maker | None:
        """What the process knows."""
        maker = self._known.get(key)
        if maker is not None:
            self._known.move_to_end(key)
        return maker

    async def read(
        self, keys: Sequence[bytes], patience: float, *, passing: bytes | None = None
    ) -> dict[bytes, Maker]:
        """What the shelf knows, if it says so within `patience` seconds; the process knows it from then on. `passing`:
        one of the keys that is forgotten when the shelf does not know it any more.
        """
        if self._shelf is None or self._clock.tick() < self._not_before:
            return {}
        try:
            found = await asyncio.wait_for(self._shelf.read(keys), patience)
        except AwayError as error:
            self._rest(str(error))
            return {}
        except TimeoutError:
            if patience >= _LONG_S:
                self._rest(f"no answer within {patience:g} s")
            return {}
        oldest = self.oldest_us()
        fresh = {key: maker for key, maker in found.items() if maker.at_us >= oldest}
        for key, maker in fresh.items():
            self._hold(key, maker)
        if passing is not None and passing not in fresh and not self._is_unwritten(passing):
            self._known.pop(passing, None)
        return fresh

    def _is_unwritten(self, key: bytes) -> bool:
        return key in self._batch.makers or key in self._under_way

    def remember_now(self, makers: Mapping[bytes, Maker]) -> None:
        """From now on these are known, whatever becomes of the process, if the shelf can do that at once."""
        if self._shelf is None or not self._shelf.write_now(makers):
            self.remember(makers)
            return
        self.hold(makers)

    def hold(self, makers: Mapping[bytes, Maker]) -> None:
        """From now on these are known to this process."""
        for key, maker in makers.items():
            self._hold(key, maker)

    def remember(self, makers: Mapping[bytes, Maker | None]) -> None:
        """From now on these are known, and those that are None are not."""
        for key, maker in makers.items():
            if maker is None:
                self._known.pop(key, None)
            else:
                self._hold(key, maker)
        if self._shelf is None or not makers:
            return
        if self._batch.size + len(makers) > _MOST_WAITING:
            self.dropped += len(makers)
            return
        self._batch.makers.update(makers)
        self._more.set()

    def _hold(self, key: bytes, maker: Maker) -> None:
        self._known[key] = maker
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    # Marks

    def mark(self, mark: Mark) -> None:
        """From now on this is known of a route."""
        key = (mark.kind, mark.route, mark.model)
        self._marks[key] = mark
        if self._shelf is not None:
            self._batch.marks[key] = mark
            self._more.set()

    def mark_of(self, kind: str, route: str, model: str) -> Mark | None:
        """The mark, if there is one that is not too old."""
        mark = self._marks.get((kind, route, model))
        return None if mark is None or mark.at_us < self.oldest_us() else mark

    def watches(self, route: str) -> bool:
        """Whether somebody else than its incumbent has answered on the route not long ago."""
        if not self._marks:
            return False
        oldest = self.oldest_us()
        return any(
            mark.route == route and mark.kind == "away" and mark.at_us >= oldest
            for mark in self._marks.values()
        )

    def oldest_us(self) -> int:
        """What is older is forgotten."""
        return self.now_us() - microseconds(KEPT_SECONDS)

    async def first_marks(self, patience: float) -> None:
        """Take over what was marked before this process began, if that is told within `patience` seconds."""
        try:
            await asyncio.wait_for(self.read_marks(), patience)
        except AwayError as error:
            self._rest(str(error))
        except TimeoutError:
            pass
        self.knows_marks = True

    async def read_marks(self) -> None:
        """Take over what others marked. Raises AwayError."""
        if self._shelf is None:
            return
        for mark in await self._shelf.marks():
            key = (mark.kind, mark.route, mark.model)
            here = self._marks.get(key)
            if here is None or here.at_us < mark.at_us:
                self._marks[key] = mark
        self.knows_marks = True

    # Writing

    async def run(self) -> None:
        """Write what is to be remembered, for as long as the process lives."""
        while True:
            await self._more.wait()
            await self.flush()
            wait = self._not_before - self._clock.tick()
            if wait > 0.0:
                await asyncio.sleep(wait)

    async def follow(self) -> None:
        """Keep up with what others mark, for as long as the process lives."""
        while True:
            try:
                await self.read_marks()
            except AwayError as error:
                self._rest(str(error))
            await asyncio.sleep(_MARKS_S)

    async def flush(self) -> None:
        """Write what waits now."""
        if self._shelf is None:
            return
        async with self._writing:
            self._more.clear()
            batch, self._batch = self._batch, Batch({}, {})
            if not batch.size:
                return
            self._under_way = batch.makers
            try:
                await self._shelf.write(batch)
            except AwayError as error:
                self.dropped += len(batch.makers)
                for key, mark in batch.marks.items():
                    self._batch.marks.setdefault(key, mark)  # these few are tried again
                self._more.set()
                self._rest(str(error))
            finally:
                self._under_way = {}

    async def settle(self, patience: float) -> None:
        """Wait until what is remembered is written, but no longer than `patience` seconds."""
        if self._clock.tick() >= self._not_before:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.flush()), patience)

    def _rest(self, why: str) -> None:
        now = self._clock.tick()
        self._not_before = now + _REST_S
        if now - self._told_at >= _TELL_S:
            self._told_at = now
            log.warning("who answered is remembered in this process alone for now: %s", why)

    async def close(self) -> None:
        """Write what is left, and let go."""
        await self.flush()
        if self._shelf is not None:
            await self._shelf.close()
