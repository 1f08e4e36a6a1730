"""Figures of several processes, summed: nothing is lost, whoever has ended meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from freehold.gateway.metrics import BUCKETS
from freehold.gateway.sums import Count, Figures, departed, packed, sum_of

NAMES = st.sampled_from(["a", "b", "other"])
WHOLE = st.integers(0, 1_000_000)
SPREAD = st.lists(WHOLE, min_size=len(BUCKETS) + 1, max_size=len(BUCKETS) + 1)
COUNTS = st.builds(
    Count,
    calls=WHOLE,
    duration_ms=WHOLE.map(float),
    durations=SPREAD,
    first_ms=WHOLE.map(float),
    firsts=SPREAD,
    input_tokens=WHOLE,
    output_tokens=WHOLE,
)
FIGURES = st.builds(
    Figures,
    counts=st.dictionaries(st.tuples(NAMES, NAMES, NAMES, NAMES), COUNTS, max_size=4).map(
        lambda found: list(found.items())
    ),
    strangers=WHOLE,
    reading=st.fixed_dictionaries(
        {
            "freehold_written": st.tuples(st.just("counter"), st.just("x"), WHOLE.map(float)),
            "freehold_active": st.tuples(st.just("gauge"), st.just("x"), WHOLE.map(float)),
            "freehold_ledger_ok": st.tuples(st.just("gauge"), st.just("x"), st.sampled_from([0.0, 1.0])),
        }
    ),
)


def calls(figures: Figures) -> int:
    return sum(count.calls for _, count in figures.counts)


@given(st.lists(FIGURES, min_size=1, max_size=4), st.lists(FIGURES, max_size=4))
def test_the_sum_is_the_sum_whoever_is_gone(living: list[Figures], gone: list[Figures]) -> None:
    everybody = [packed(one) for one in (*living, *gone)]
    left = b""
    for one in gone:  # they end one after the other
        left = departed([left, packed(one)] if left else [packed(one)])
    total = sum_of([packed(one) for one in living] + ([left] if left else []))
    whole = sum_of(everybody)
    assert dict(total.counts) == dict(whole.counts)
    assert calls(total) == sum(calls(one) for one in (*living, *gone))
    assert total.strangers == whole.strangers
    assert total.reading["freehold_written"] == whole.reading["freehold_written"]
    assert total.reading["freehold_active"][2] == sum(one.reading["freehold_active"][2] for one in living)
    assert total.reading["freehold_ledger_ok"][2] == min(
        one.reading["freehold_ledger_ok"][2] for one in living
    )
