"""The catalog: models, named `provider/name`, and what is known about each."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freehold.catalog import listed
from freehold.catalog.embedded import EMBEDDED, LOCAL
from freehold.catalog.prices import OWN_MACHINE_ID
from freehold.catalog.profile import UNKNOWN_PROFILE, Profile


class Model(msgspec.Struct, frozen=True):
    """An entry of the catalog."""

    provider: str
    """Its name in the configuration."""
    name: str
    """The provider's own name for the model; it may contain slashes."""
    profile: Profile = UNKNOWN_PROFILE
    source: str | None = None
    """Where the profile is from; None when nothing is known."""

    @property
    def id(self) -> str:
        """`provider/name`."""
        return f"{self.provider}/{self.name}"


_NONE: Mapping[str, Model] = {}


class Catalog:
    """Finds what is known about models: from the user, else from ourselves, else from the public list."""

    def __init__(
        self,
        *,
        own: Mapping[str, Profile],
        lists: Mapping[str, str],
        source: str = "freehold.toml",
        here: Mapping[str, Model] = _NONE,
    ) -> None:
        """`own`: the user's facts by `provider/model`; `lists`: a provider's name to its id in the list; `here`: what
        is served on this machine beside the embedded models, by id.
        """
        self._own = dict(own)
        self._here = here
        self._lists = dict(lists)
        self._source = source

    def find(self, provider: str, name: str) -> Model:
        """The model, with whatever is known about it. Facts of the user's own win one by one."""
        profile, source = self._found(provider, name)
        own = self._own.get(f"{provider}/{name}")
        if own is None or own == UNKNOWN_PROFILE:
            return Model(provider, name, profile, source)
        stated = {
            field: value for field in own.__struct_fields__ if (value := getattr(own, field)) is not None
        }
        sources = self._source if source is None else f"{self._source}, {source}"
        return Model(provider, name, msgspec.structs.replace(profile, **stated), sources)

    def _found(self, provider: str, name: str) -> tuple[Profile, str | None]:
        if provider == LOCAL and name in EMBEDDED:
            return EMBEDDED[name], "freehold"
        here = self._here.get(f"{provider}/{name}")
        if here is not None:
            return here.profile, here.source
        provider_id = self._lists.get(provider)
        if provider_id is None or provider_id == OWN_MACHINE_ID:
            return UNKNOWN_PROFILE, None
        listing = listed.find_listing(provider_id, name)
        if listing is None:
            return UNKNOWN_PROFILE, None
        profile = Profile(context_window=listing.context_window, deprecated=listing.deprecated)
        return (profile, listed.SOURCE) if profile != UNKNOWN_PROFILE else (UNKNOWN_PROFILE, None)
