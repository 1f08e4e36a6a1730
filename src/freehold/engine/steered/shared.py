"""The shelf at a Valkey or Redis server: for the replicas on several machines."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from freehold.engine.steered.makers import AwayError, Batch, Maker, Mark
from freehold.store.valkey import open_valkey

_ANSWER_S = 1.0
_KEPT_S = "86400"
_WRITE = """
for at = 2, #KEYS do
  local value = ARGV[at]
  if value == '' then
    redis.call('DEL', KEYS[at])
  else
    redis.call('SET', KEYS[at], value, 'EX', ARGV[1])
  end
end
for at = #KEYS + 1, #ARGV, 2 do
  local there = redis.call('HGET', KEYS[1], ARGV[at])
  if not there or tonumber(there) < tonumber(ARGV[at + 1]) then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  end
end
if #ARGV > #KEYS then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return 1
"""
_AT_ONCE = 500
"""Keys of one script: it has the server to itself."""


class SharedShelf:
    """A shelf at a server. Making it connects to nothing."""

    shared = True

    def __init__(self, url: str, *, prefix: str = "freehold") -> None:
        """Raises SettingsError, as `open_valkey`."""
        self._prefix = f"{{{prefix}}}:maker:"
        self._marked = f"{{{prefix}}}:steering-marks"
        self._client: Any = open_valkey(url, answer_s=_ANSWER_S)  # its commands have no types
        # The client has two connections, and refuses whoever would need a third.
        self._reading, self._writing = asyncio.Lock(), asyncio.Lock()

    async def read(self, keys: Sequence[bytes]) -> dict[bytes, Maker]:
        """As Shelf."""
        if not keys:
            return {}
        values = await self._ask(self._reading, "MGET", *(self._prefix + key.hex() for key in keys))
        return {key: _maker(value) for key, value in zip(keys, values, strict=True) if value is not None}

    async def marks(self) -> list[Mark]:
        """As Shelf."""
        found = []
        for name, at_us in (await self._ask(self._reading, "HGETALL", self._marked)).items():
            kind, route, model = name.decode(errors="surrogatepass").split("\0")
            found.append(Mark(kind, route, model, int(at_us)))
        return found

    async def write(self, batch: Batch) -> None:
        """As Shelf, but for large batches, which are written in portions."""
        makers = list(batch.makers.items())
        marks: list[str | bytes] = []
        for one in batch.marks.values():
            name = f"{one.kind}\0{one.route}\0{one.model}"
            marks += [name.encode(errors="surrogatepass"), str(one.at_us)]
        for at in range(0, max(len(makers), 1), _AT_ONCE):
            some = makers[at : at + _AT_ONCE]
            keys = [self._marked, *(self._prefix + key.hex() for key, _ in some)]
            values = [_KEPT_S, *(_written(maker) for _, maker in some)]
            await self._ask(self._writing, "EVAL", _WRITE, len(keys), *keys, *values, *marks)
            marks = []

    def write_now(self, makers: Mapping[bytes, Maker]) -> bool:
        """As Shelf: never, as it is a way to the server."""
        return False

    async def close(self) -> None:
        """As Shelf."""
        await self._client.aclose()

    async def _ask(self, line: asyncio.Lock, *words: Any) -> Any:
        from valkey.exceptions import ValkeyError  # noqa: PLC0415 - an extra

        try:
            async with asyncio.timeout(_ANSWER_S), line:
                return await self._client.execute_command(*words)
        except (ValkeyError, OSError, TimeoutError) as error:
            raise AwayError(f"Valkey: {str(error) or 'no answer'}") from error


def _written(maker: Maker | None) -> bytes:
    return b"" if maker is None else f"{maker.at_us} {maker.model}".encode(errors="surrogatepass")


def _maker(value: bytes) -> Maker:
    at_us, _, model = value.decode(errors="surrogatepass").partition(" ")
    return Maker(model, int(at_us))
