"""The order in which units are drawn: fixed in advance by the seed, and found without holding it in memory."""

from __future__ import annotations

import hashlib

_ROUNDS = 4


class Order:
    """A permutation of the numbers from 0 below `size`; every seed has its own.

    A Feistel network over the smallest square that holds them; what falls outside is sent through again (cycle
    walking), so that every number comes exactly once. Needs no memory, and any place of it can be asked for.
    """

    def __init__(self, seed: int, size: int) -> None:
        self.size = size
        self._half = max(1, (max(1, size - 1).bit_length() + 1) // 2)
        self._mask = (1 << self._half) - 1
        self._keys = [
            hashlib.blake2b(f"freehold order {seed} {turn}".encode(), digest_size=16).digest()
            for turn in range(_ROUNDS)
        ]

    def __getitem__(self, place: int) -> int:
        """The number at a place. Raises IndexError: there is no such place."""
        if not 0 <= place < self.size:
            raise IndexError(place)
        while True:
            place = self._mixed(place)
            if place < self.size:
                return place

    def _mixed(self, number: int) -> int:
        left, right = number >> self._half, number & self._mask
        for key in self._keys:
            drawn = hashlib.blake2b(right.to_bytes(8, "big"), digest_size=8, key=key).digest()
            left, right = right, left ^ (int.from_bytes(drawn, "big") & self._mask)
        return left << self._half | right
