"""Where the replicas' notes hang: one hash at the Valkey or Redis server, read and written in one round trip."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from freehold.replicas.note import Heard, Note, packed, unpacked
from freehold.store.valkey import open_valkey

LEASE_S = 5.0
"""A replica that wrote nothing for so long is gone."""
_ANSWER_S = 2.0

_EXCHANGE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], 60)
local found = {}
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local space = string.find(all[at + 1], ' ', 1, true)
  local age = now - tonumber(string.sub(all[at + 1], 1, space - 1))
  if age > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], all[at])
  elseif all[at] ~= ARGV[1] then
    found[#found + 1] = {all[at], string.format('%.0f', age), string.sub(all[at + 1], space + 1)}
  end
end
return found
"""


class AwayError(Exception):
    """The board cannot be reached; the message says why."""


class Board(Protocol):
    """Notes of all replicas."""

    async def exchange(self, replica: str, note: Note) -> list[Heard]:
        """Hang up this replica's note, and read those of the others. Raises AwayError."""

    async def leave(self, replica: str) -> None:
        """Take this replica's note away. Raises AwayError."""

    async def close(self) -> None:
        """Let go."""


class SharedBoard:
    """At a server. Making it connects to nothing."""

    def __init__(self, url: str, *, prefix: str = "freehold") -> None:
        """Raises SettingsError, as `open_valkey`."""
        self._key = f"{{{prefix}}}:replicas"
        self._client: Any = open_valkey(url, answer_s=_ANSWER_S)  # its commands have no types

    async def exchange(self, replica: str, note: Note) -> list[Heard]:
        """As Board. A note that this version cannot read says only that its replica is there."""
        lease_us = str(int(LEASE_S * 1_000_000))
        found = await self._ask("EVAL", _EXCHANGE, 1, self._key, replica, packed(note), lease_us)
        return [
            Heard(name.decode(), unpacked(data) or Note(""), int(age) / 1_000_000)
            for name, age, data in found
        ]

    async def leave(self, replica: str) -> None:
        """As Board."""
        await self._ask("HDEL", self._key, replica)

    async def close(self) -> None:
        """As Board."""
        await self._client.aclose()

    async def _ask(self, *words: Any) -> Any:
        from valkey.exceptions import ValkeyError  # noqa: PLC0415 - an extra

        try:
            async with asyncio.timeout(_ANSWER_S):
                return await self._client.execute_command(*words)
        except (ValkeyError, OSError, TimeoutError) as error:
            raise AwayError(f"Valkey: {str(error) or 'no answer'}") from error
