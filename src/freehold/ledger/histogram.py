"""Times in few bytes: how many calls took how long, exact to within 5 %.

A time is counted in the bucket that it falls into. Each bucket ends a tenth above its beginning, and the middle
stands for what is in it, so a percentile is off by no more than `ERROR`. Times under a millisecond share the first
bucket, times over an hour the last.
"""

from __future__ import annotations

import math
import sys
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat

GROWTH = 1.1
_HALF = math.sqrt(GROWTH)
ERROR = _HALF - 1
"""The greatest relative error of a percentile between a millisecond and an hour: 4.9 %."""
_ENDS = [round(1000 * GROWTH**number) for number in range(160)]
"""Of the buckets, in microseconds; the last goes on for ever."""
_CODES = {array(code).itemsize: code for code in "BHIQ"}
"""Of arrays, by the bytes of an item."""

_LANE = 64
_LANE_MASK = 2**_LANE - 1

Histogram = dict[int, int]
"""Bucket -> calls."""


def count(times_us: Iterable[int | None]) -> Histogram:
    """The histogram of some times; None is none."""
    known = [time for time in times_us if time is not None]
    return dict(Counter(map(bisect_right, repeat(_ENDS), known)))


def merge(into: Histogram, other: Mapping[int, int]) -> None:
    """Add the calls of another histogram to this one."""
    for bucket, calls in other.items():
        into[bucket] = into.get(bucket, 0) + calls


def pack(histogram: Mapping[int, int]) -> bytes:
    """As it is kept: bytes of a count, first bucket, and the counts from there on, the lowest byte of each first."""
    if not histogram:
        return b""
    first, last, most = min(histogram), max(histogram), max(histogram.values())
    code = next(one for size, one in _CODES.items() if most < 256**size)
    counts = array(code, [histogram.get(bucket, 0) for bucket in range(first, last + 1)])
    if sys.byteorder == "big":
        counts.byteswap()
    return bytes((counts.itemsize, first)) + counts.tobytes()


def unpack(packed: bytes | None) -> Histogram:
    """The histogram that was packed."""
    if not packed:
        return {}
    counts = _counts(packed)
    return {bucket: calls for bucket, calls in enumerate(counts, packed[1]) if calls}


def widen(packed: bytes) -> int:
    """What was packed as one number, of which every bucket has 64 bits.

    So adding any number of histograms up is adding numbers: some five times as fast as bucket by bucket.
    """
    if not packed:
        return 0
    counts = _counts(packed)
    wide = array("Q", counts)
    if sys.byteorder == "big":
        wide.byteswap()
    return int.from_bytes(wide.tobytes(), "little") << (_LANE * packed[1])


def narrow(wide: int) -> Histogram:
    """The histogram of such a number."""
    found = {bucket: (wide >> (_LANE * bucket)) & _LANE_MASK for bucket in range(len(_ENDS) + 1)}
    return {bucket: calls for bucket, calls in found.items() if calls}


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The time in microseconds that this share of the calls did not exceed; None when there are none."""
    rank = share * sum(histogram.values())
    reached = 0
    for bucket in sorted(histogram):
        reached += histogram[bucket]
        if reached >= rank:
            return _middle(bucket)
    return None


def percentiles(histogram: Mapping[int, int], shares: Sequence[float]) -> tuple[float | None, ...]:
    """Several of them."""
    return tuple(percentile(histogram, share) for share in shares)


def _counts(packed: bytes) -> array[int]:
    counts = array(_CODES[packed[0]])
    counts.frombytes(packed[2:])
    if sys.byteorder == "big":
        counts.byteswap()
    return counts


def _middle(bucket: int) -> float:
    edge = _ENDS[bucket - 1] if bucket else _ENDS[0] / GROWTH
    return float(edge * _HALF)
