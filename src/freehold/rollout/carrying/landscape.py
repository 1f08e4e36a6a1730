"""What is configured, as far as it matters to leaving a provider: routes, models, and who vanishes with whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from freehold.catalog.models import Catalog
from freehold.catalog.prices import OWN_MACHINE_ID, PriceList
from freehold.core.errors import NotFound
from freehold.core.suggest import did_you_mean, one_of
from freehold.providers.settings import ProviderSettings
from freehold.routing.routes import Route, Target


class Landscape(msgspec.Struct, frozen=True):
    """See the module."""

    routes: Mapping[str, Route]
    providers: Mapping[str, ProviderSettings]
    pools: Mapping[str, tuple[str, ...]]
    """Providers by the name of their pool."""
    models: tuple[Target, ...]
    """Every model that is named anywhere."""
    prices: PriceList
    catalog: Catalog

    def settings_of(self, provider: str) -> ProviderSettings | None:
        """Of a provider, or of the first in a pool; None: it is not configured any more."""
        members = self.pools.get(provider, (provider,))
        return next((self.providers[one] for one in members if one in self.providers), None)

    def is_own(self, provider: str) -> bool:
        """Whether it runs on hardware of the organisation's own."""
        found = self.settings_of(provider)
        return found is not None and (found.kind == "local" or found.prices == OWN_MACHINE_ID)

    def house_of(self, provider: str) -> str:
        """Who vanishes when this provider does: the name of the first provider at the same address, of the same quota
        or in the same pool. One that is not configured any more is a house of its own.
        """
        return self._houses().get(provider, provider)

    def outside(self, house: str) -> Iterator[Target]:
        """The models that are named somewhere and are not of this house."""
        return (one for one in self.models if self.house_of(one.provider) != house)

    def check_provider(self, name: str) -> None:
        """Raises NotFound: there is no provider and no pool of this name."""
        known = (*self.providers, *self.pools)
        if name not in known:
            near = did_you_mean(name, known) or (f"There are {one_of(known)}." if known else None)
            raise NotFound(f"There is no provider `{name[:100]}`.", hint=near)

    def check_route(self, name: str) -> Route:
        """The route of this name. Raises NotFound."""
        if name not in self.routes:
            near = did_you_mean(name, self.routes) or "`freehold routes` lists them."
            raise NotFound(f"There is no route `{name[:100]}`.", hint=near)
        return self.routes[name]

    def _houses(self) -> dict[str, str]:
        """Provider or pool -> its house."""
        of_sign: dict[str, str] = {}
        found: dict[str, str] = {}
        for name, one in self.providers.items():
            signs = [f"{kind} {value}" for kind, value in (("at", _host(one)), ("quota", one.quota)) if value]
            signs += [f"pool {pool}" for pool, members in self.pools.items() if name in members]
            house = next((of_sign[sign] for sign in signs if sign in of_sign), name)
            joined = {of_sign[sign] for sign in signs if sign in of_sign} - {house}
            for other in [other for other, its in found.items() if its in joined]:
                found[other] = house
            of_sign |= dict.fromkeys(
                [*signs, *(sign for sign, its in of_sign.items() if its in joined)], house
            )
            found[name] = house
        for pool, members in self.pools.items():
            found[pool] = next((found[one] for one in members if one in found), pool)
        return found


def _host(settings: ProviderSettings) -> str | None:
    """Host and port of its address."""
    if settings.base_url is None:
        return None
    return settings.base_url.partition("://")[2].partition("/")[0].lower()
