"""A process knows its place among those that `torchrun` started."""

from __future__ import annotations

import pytest

from freehold.core.errors import BadRequest
from freehold.train.spreading.place import ALONE, Place, place_of


def test_a_place_is_what_torchrun_says() -> None:
    assert place_of({"PATH": "/bin"}) == ALONE == Place(0, 1)
    assert place_of({"RANK": "3", "WORLD_SIZE": "4"}) == Place(3, 4)


@pytest.mark.parametrize(
    "environment",
    [
        {"RANK": "0"},
        {"WORLD_SIZE": "2"},
        {"RANK": "2", "WORLD_SIZE": "2"},
        {"RANK": "-1", "WORLD_SIZE": "2"},
        {"RANK": "one", "WORLD_SIZE": "2"},
    ],
)
def test_half_a_place_is_none(environment: dict[str, str]) -> None:
    with pytest.raises(BadRequest, match="is no place"):
        place_of(environment)
