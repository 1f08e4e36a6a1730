"""A live drill in its folder: whether anybody leads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.rollout.drills.live import LEASE_SECONDS, LiveDrill, LiveFolder

NOW_US = 1_000_000_000_000_000


@pytest.mark.parametrize(
    ("seconds", "is_led"),
    [
        (LEASE_SECONDS, True),
        (0.1, True),
        (0.0, False),
        (-3600.0, False),
        # The clock was set back by an hour after the leader had died, or the file is nobody's.
        (LEASE_SECONDS + 3600.0, False),
        (1e9, False),
    ],
)
def test_a_lease_is_good_for_no_longer_than_a_leader_writes_it(
    tmp_path: Path, seconds: float, is_led: bool
) -> None:
    folder = LiveFolder(tmp_path)
    drill = LiveDrill(
        id="drill_1",
        route="chat",
        lost=("one",),
        share=1.0,
        fault="refused",
        deadline_s=30.0,
        lease_us=NOW_US + int(seconds * 1e6),
    )
    folder.tell(drill)
    assert folder.read(NOW_US) == (drill if is_led else None)


def test_a_file_that_nobody_can_read_starts_no_drill(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    folder.path.mkdir()
    for content in (b"", b"{}", b"\xff", b'{"id":"\xff"}', b"[" * 100_000):
        (folder.path / "live.json").write_bytes(content)
        assert folder.read(NOW_US) is None
