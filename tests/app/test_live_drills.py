"""An endpoint follows live drills, whatever the disk does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from loops import on_uvloop

from freehold.app.live_drills import follow_live_drills
from freehold.app.parts import Parts
from freehold.config.load import load
from freehold.core.errors import StoreError
from freehold.providers.simulated import SimulatedProvider
from freehold.rollout.drills.live import LEASE_SECONDS, LiveDrill, LiveFolder, Tally
from freehold.routing.plans import ProvidersHealth


def parts_in(folder: Path) -> Any:
    """Of an endpoint, as far as drills need them."""
    file = folder / "freehold.toml"
    file.write_text('[providers.acme]\nbase_url = "http://127.0.0.1:9/v1"\n')
    return SimpleNamespace(
        settings=SimpleNamespace(data=folder, providers=load(file, {}).providers),
        engine=SimpleNamespace(rehearsing=None),
        health_of_providers=ProvidersHealth(lambda: 0.5),
    )


@on_uvloop
async def test_a_drill_that_cannot_be_counted_leaves_no_stand_in_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each further try started another one."""
    open_: list[SimulatedProvider] = []
    start, stop = SimulatedProvider.start, SimulatedProvider.stop

    async def started(provider: SimulatedProvider) -> None:
        await start(provider)
        open_.append(provider)

    async def stopped(provider: SimulatedProvider) -> None:
        await stop(provider)
        open_.remove(provider)

    def no_room(folder: LiveFolder, tally: Tally) -> None:
        assert len(open_) == 1
        raise StoreError("No space left on device.")

    monkeypatch.setattr(SimulatedProvider, "start", started)
    monkeypatch.setattr(SimulatedProvider, "stop", stopped)
    monkeypatch.setattr(LiveFolder, "count", no_room)
    parts = parts_in(tmp_path)
    lease_us = int((time.time() + LEASE_SECONDS) * 1e6)
    LiveFolder(tmp_path).tell(
        LiveDrill(
            id="drill_1",
            route="r",
            lost=("acme",),
            share=1.0,
            fault="failing",
            deadline_s=5.0,
            lease_us=lease_us,
        )
    )
    with pytest.raises(StoreError):
        async with asyncio.timeout(10):
            await follow_live_drills(cast("Parts", parts))
    assert parts.engine.rehearsing is None
    assert not open_
