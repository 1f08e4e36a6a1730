"""Who vanishes with whom, and what is no name of anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.catalog.models import Catalog
from freehold.catalog.prices import OWN_MACHINE_ID, PriceList
from freehold.core.errors import NotFound
from freehold.providers.settings import ProviderSettings
from freehold.rollout.carrying.landscape import Landscape
from freehold.routing.routes import Route, Target

NAMES = ("a", "b", "c", "d", "e")


def _landscape(
    providers: list[ProviderSettings], pools: dict[str, tuple[str, ...]] | None = None
) -> Landscape:
    return Landscape(
        {"copilot": Route("copilot", Target("a", "x"))},
        {one.name: one for one in providers},
        pools or {},
        (),
        PriceList(own={}, lists={}),
        Catalog(own={}, lists={}),
    )


@given(
    st.lists(st.sampled_from(("one.example", "two.example", "three.example:8000")), min_size=5, max_size=5),
    st.lists(st.none() | st.sampled_from(("q", "r")), min_size=5, max_size=5),
    st.dictionaries(
        st.sampled_from(("p", "o")), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple)
    ),
)
def test_whoever_shares_an_address_a_quota_or_a_pool_is_one(
    hosts: list[str], quotas: list[str | None], pools: dict[str, tuple[str, ...]]
) -> None:
    providers = [
        ProviderSettings(name, base_url=f"https://{host}/v1", quota=quota)
        for name, host, quota in zip(NAMES, hosts, quotas, strict=True)
    ]
    landscape = _landscape(providers, pools)
    group = {name: {name} for name in NAMES}
    for at, one in enumerate(providers):
        for other in providers[:at]:
            at_one_place = one.base_url == other.base_url
            of_one_quota = one.quota is not None and one.quota == other.quota
            in_one_pool = any(one.name in members and other.name in members for members in pools.values())
            if at_one_place or of_one_quota or in_one_pool:
                together = group[one.name] | group[other.name]
                for member in together:
                    group[member] = together
    for name in NAMES:
        for another in NAMES:
            same = landscape.house_of(name) == landscape.house_of(another)
            assert same == (another in group[name])
    for pool, members in pools.items():
        assert landscape.house_of(pool) == landscape.house_of(members[0])


def test_own_hardware_is_what_is_said_to_be() -> None:
    own = ProviderSettings("own", base_url="http://10.0.0.1/v1", prices=OWN_MACHINE_ID)
    landscape = _landscape(
        [own, ProviderSettings("local", kind="local"), ProviderSettings("far", base_url="https://x/v1")]
    )
    assert [landscape.is_own(name) for name in ("own", "local", "far", "gone")] == [True, True, False, False]


def test_what_is_not_configured_is_a_house_of_its_own_and_no_provider() -> None:
    landscape = _landscape([ProviderSettings("a", base_url="https://x/v1")])
    assert landscape.house_of("gone") == "gone"
    with pytest.raises(NotFound, match="`gone`"):
        landscape.check_provider("gone")
    with pytest.raises(NotFound) as raised:
        landscape.check_route("copilt")
    assert raised.value.hint == "Did you mean `copilot`?"
