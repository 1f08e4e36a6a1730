"""The books in Valkey or Redis: for the replicas of an installation, on however many machines.

One script for each batch, so that all levels of all its calls are looked at and changed in one round trip and nothing
comes between. The time is the server's, of which every replica knows the difference to its own.
"""

from __future__ import annotations

import asyncio
from importlib import resources
from typing import Any

import msgspec

from freehold.core.clock import Clock
from freehold.limits.account import WHOLE, Account, Counter
from freehold.limits.batch import Batch, Done, Standing, Sum, UnavailableError, Verdict
from freehold.store.valkey import open_valkey

LEASE_US = 20_000_000
_ANSWER_S = 10.0
"""After which a connection is given up; calls have long gone by their share."""
_LEAP_S = 0.05
"""Clocks that differ by less are the same."""
_SCAN = 500

_pack = msgspec.msgpack.Encoder().encode


class _Ruling(msgspec.Struct, array_like=True):
    granted: bool
    sums: list[tuple[int, int, bool]]
    slots: list[tuple[tuple[int, int], ...]]


class _Reply(msgspec.Struct, array_like=True):
    verdicts: list[_Ruling]
    watched: list[tuple[int, int, bool]]
    owners: list[str]
    epoch: str
    repeated: bool
    lapsed: bool
    server_us: int


_unpack = msgspec.msgpack.Decoder(_Reply).decode


class ServerClock:
    """The server's wall time, as far as it is known; what differs between replicas are their clocks, not theirs."""

    def __init__(self, clock: Clock, *, follow: bool = True) -> None:
        """Without `follow` it is just `clock`: for rehearsals that set the time themselves."""
        self._clock = clock
        self._follow = follow
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock.now() + self._ahead

    def tick(self) -> float:
        """As the clock's."""
        return self._clock.tick()

    def learn(self, server_us: int, before: float, after: float) -> None:
        """What the server's clock showed between two readings of `tick`."""
        if not self._follow or after - before > 1.0:
            return
        ahead = server_us / 1_000_000 - (self._clock.now() - (after - before) / 2)
        if abs(ahead - self._ahead) > _LEAP_S:
            self._ahead = ahead


class SharedBooks:
    """Books at a server. Making it connects to nothing."""

    beat_s = 1.0
    patience_s = 0.1

    def __init__(
        self, url: str, clock: ServerClock, *, prefix: str = "freehold", lease_us: int = LEASE_US
    ) -> None:
        """Raises SettingsError: the client is not installed, or `url` is not one that it understands.

        `prefix`: installations that share a server have different ones.
        """
        self._clock = clock
        self._prefix = f"{{{prefix}}}:limits"
        self._lease_us = lease_us
        # A batch is sent again under its number, and not otherwise.
        self._client = open_valkey(url, answer_s=_ANSWER_S)
        text = resources.files("freehold.limits").joinpath("shared.lua").read_text(encoding="utf-8")
        self._script = text
        self._digest: str | None = None

    async def do(self, batch: Batch) -> Done:
        """One round trip. Raises UnavailableError."""
        payload = _pack(self._written(batch))
        before = self._clock.tick()
        reply = _unpack(await self._run(payload))
        self._clock.learn(reply.server_us, before, self._clock.tick())
        return Done(
            verdicts=[_verdict_of(one) for one in reply.verdicts],
            watched=tuple(Sum(*one) for one in reply.watched),
            owners=tuple(reply.owners),
            epoch=reply.epoch,
            repeated=reply.repeated,
            lapsed=reply.lapsed,
        )

    def _written(self, batch: Batch) -> list[object]:
        return [
            batch.owner,
            batch.number,
            batch.now_us,
            [
                (holder, _plain(counter), one.amount, one.actual, one.over, one.unused)
                for (holder, counter), one in batch.settlements.items()
            ],
            [(_plain(counter), amount) for counter, amount in batch.expirations.items()],
            [(_plain(counter), amount) for counter, amount in batch.raises.items()],
            batch.truth is not None
            and [(_plain(counter), amount) for counter, amount in batch.truth.items()],
            [(_plain(counter), amount) for counter, amount in batch.spares.items()],
            [[(_plain(want.counter), want.amount, want.bound) for want in wants] for wants in batch.wants],
            [_plain(counter) for counter in batch.watched],
            batch.beat,
            batch.leave,
            batch.filled,
            self._lease_us,
        ]

    async def _run(self, payload: bytes) -> bytes:
        from valkey.exceptions import NoScriptError, ValkeyError  # noqa: PLC0415 - an extra

        try:
            if self._digest is None:
                self._digest = await self._ask("SCRIPT LOAD", self._script)
            try:
                reply = await self._ask("EVALSHA", self._digest, 1, self._prefix, payload)
            except NoScriptError:
                self._digest = await self._ask("SCRIPT LOAD", self._script)
                reply = await self._ask("EVALSHA", self._digest, 1, self._prefix, payload)
        except (ValkeyError, OSError, TimeoutError) as error:
            raise UnavailableError(f"Valkey: {error}") from error
        assert isinstance(reply, bytes)
        return reply

    async def _ask(self, *words: Any) -> Any:
        async with asyncio.timeout(_ANSWER_S):
            client: Any = self._client  # its commands have no types
            return await client.execute_command(*words)

    async def standings(self, now_us: int) -> list[Standing]:
        """Every counter. Raises UnavailableError."""
        from valkey.exceptions import ValkeyError  # noqa: PLC0415 - an extra

        head = f"{self._prefix}:c:"
        try:
            names = [
                bytes(key).decode().removeprefix(head)
                async for key in self._client.scan_iter(match=f"{_escaped(head)}*", count=_SCAN)
            ]
            return [await self._standing(name, now_us) for name in sorted(names)]
        except (ValkeyError, OSError, TimeoutError) as error:
            raise UnavailableError(f"Valkey: {error}") from error

    async def _standing(self, name: str, now_us: int) -> Standing:
        fields = ("reserved", "settled", "released", "expired", "held", "slot_us", "slots", "until_us")
        read = await self._ask("HMGET", f"{self._prefix}:c:{name}", *fields)
        reserved, settled, released, expired, held, *how = (int(one or 0) for one in read)
        counter = Counter(name, *how)
        account = Account(reserved, settled, released, expired, held)
        if counter.slot_us > WHOLE:
            account.spent = await self._slots(f"{self._prefix}:s:{name}")
            account.lapsed = await self._slots(f"{self._prefix}:l:{name}")
        charged = account.charged(counter, now_us)
        return Standing(name, reserved, settled, released, expired, held, charged, counter.slot_us)

    async def _slots(self, key: str) -> dict[int, int]:
        found = await self._ask("HGETALL", key)
        items = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
        return {int(slot): int(amount) for slot, amount in items}

    async def release(self, names: list[str]) -> int:
        """Release what expired; how much it was. Raises UnavailableError."""
        from valkey.exceptions import ValkeyError  # noqa: PLC0415 - an extra

        try:
            released: int = await self._ask("EVAL", _RELEASE, 1, self._prefix, *names)
        except (ValkeyError, OSError, TimeoutError) as error:
            raise UnavailableError(f"Valkey: {error}") from error
        return released

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()


_RELEASE = """
local total = 0
for _, name in ipairs(ARGV) do
  local key = KEYS[1] .. ':c:' .. name
  local expired = tonumber(redis.call('HGET', key, 'expired') or '0')
  if expired > 0 then
    total = total + expired
    redis.call('HINCRBY', key, 'expired', string.format('%.0f', -expired))
    redis.call('HINCRBY', key, 'released', string.format('%.0f', expired))
    redis.call('DEL', KEYS[1] .. ':l:' .. name)
    for _, holder in ipairs(redis.call('SMEMBERS', KEYS[1] .. ':w:' .. name)) do
      redis.call('HDEL', KEYS[1] .. ':e:' .. holder, name)
    end
    redis.call('DEL', KEYS[1] .. ':w:' .. name)
  end
end
return total
"""


def _plain(counter: Counter) -> tuple[str, int, int, int]:
    return counter.name, counter.slot_us, counter.slots, counter.until_us


def _verdict_of(one: _Ruling) -> Verdict:
    return Verdict(one.granted, tuple(Sum(*sums) for sums in one.sums), tuple(one.slots))


def _escaped(text: str) -> str:
    """For a pattern of SCAN."""
    return "".join(f"\\{letter}" if letter in "[]?*\\^-" else letter for letter in text)
