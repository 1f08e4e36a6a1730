"""What a process keeps for itself: what the books would free when it dies is never more than what no call can have."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from freehold.limits.account import Counter
from freehold.limits.batch import Sum, Want
from freehold.limits.floats import Floats
from freehold.limits.shares import Seen

DAY = Counter("team|tokens|1|search", until_us=2**60)
BOUND = 100_000


@example([([10], []), ([10], []), ([10] * 20, [20_000]), ([50] * 100, [])])
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(1, 20_000), max_size=20),  # what calls want between two batches
            st.lists(st.integers(1, 20_000), max_size=5),  # and while one is on its way
        ),
        min_size=2,
        max_size=20,
    )
)
def test_what_the_books_take_to_be_spare_can_be_given_to_no_call(
    turns: list[tuple[list[int], list[int]]],
) -> None:
    floats, now, held, spare = Floats(), 0.0, 0, 0
    given_out = 0

    def take(amounts: list[int]) -> int:
        return sum(amount for amount in amounts if floats.take((Want(DAY, amount, BOUND),), now, away=False))

    for before, meanwhile in turns:
        now += 0.1
        given_out += take(before)
        assert given_out <= held - spare, "what a dead process is charged covers its calls"
        granted = 0
        plan = floats.plan({DAY: Seen(Sum(0, held), 0, held)}, 1, now, away=False)
        for want, by in plan:
            if by < 0:
                floats.add(want.counter, by)
                held += by
            else:
                granted += by
        spare = floats.telling().get(DAY, spare)
        given_out += take(meanwhile)
        floats.heard()
        if granted and floats.has(DAY):
            held += granted
            floats.add(DAY, granted)
