"""Examples side by side: each of them is there whole, sees itself and what all begin with, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.train.conversations import Example
from freehold.train.packing import Pack, packs, steps_of

tokens = st.lists(st.integers(0, 3), min_size=1, max_size=8).map(tuple)
several = st.lists(st.tuples(tokens, tokens), min_size=1, max_size=12).map(
    lambda pairs: [Example(row=str(at), prompt=one, answer=two) for at, (one, two) in enumerate(pairs)]
)


def unpacked(one: Pack) -> list[tuple[list[int], list[int]]]:
    """Each example's tokens as it sees them, and what it learns."""
    shared = [token for token, owner in zip(one.tokens, one.owner, strict=True) if owner == 0]
    found = []
    for number in range(1, max(one.owner) + 1):
        mine = [at for at, owner in enumerate(one.owner) if owner == number]
        places = [one.positions[at] for at in mine]
        assert places == list(range(len(shared), len(shared) + len(mine)))
        learned = [target for at, target in zip(one.predicting, one.targets, strict=True) if at in mine]
        assert [at for at in one.predicting if at in mine] == mine[len(mine) - len(learned) :]
        found.append((shared + [one.tokens[at] for at in mine], learned))
    return found


@examples
@given(several, st.integers(1, 60))
def test_nothing_is_lost_and_nothing_added(given_examples: list[Example], longest: int) -> None:
    made = packs(given_examples, longest)
    found = sorted(pair for one in made for pair in unpacked(one))
    assert found == sorted(([*one.prompt, *one.answer[:-1]], list(one.answer)) for one in given_examples)
    assert sum(one.read for one in made) == sum(map(len, given_examples))
    for one in made:
        assert len(one.tokens) <= longest or max(one.owner) == 1
        assert len(one.tokens) <= one.read


def test_a_common_beginning_stands_there_once() -> None:
    asked = [Example(row=str(n), prompt=(1, 2, 3, 4, n), answer=(7, 8)) for n in range(10)]
    (one,) = packs(asked, 100)
    assert len(one.tokens) == 4 + 10 * 2
    assert one.read == 70


@examples
@given(several, st.integers(1, 5), st.integers(1, 3), st.integers(0, 9))
def test_each_time_through_every_example_once(
    given_examples: list[Example], batch: int, epochs: int, seed: int
) -> None:
    steps = list(steps_of(given_examples, batch=batch, epochs=epochs, seed=seed))
    seen = [one.row for step in steps for one in step]
    per = len(given_examples)
    for epoch in range(epochs):
        assert sorted(seen[epoch * per : (epoch + 1) * per]) == sorted(one.row for one in given_examples)
    assert steps == list(steps_of(given_examples, batch=batch, epochs=epochs, seed=seed))
