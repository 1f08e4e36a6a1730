"""Routes, models, providers and prices."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from freehold.admin.office import Office, ShownProvider
from freehold.admin.operation import Asked, Operation
from freehold.admin.pages import Word, given
from freehold.catalog.shown import PricedModel, ShownModel
from freehold.core.errors import NotFound
from freehold.routing.shown import ShownRoute


class RouteList(msgspec.Struct):
    """The routes, in the order of the configuration."""

    routes: list[ShownRoute]


class ModelList(msgspec.Struct):
    """The models that the configuration names."""

    models: list[ShownModel]


class ProviderList(msgspec.Struct):
    """The providers, in the order of the configuration."""

    providers: list[ShownProvider]


class PriceList(msgspec.Struct):
    """What models cost now."""

    prices: list[PricedModel]


class PricesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which model."""

    model: Word | UnsetType = UNSET


def _routes(office: Office, _asked: Asked) -> RouteList:
    return RouteList(office.routes())


def _route(office: Office, asked: Asked) -> ShownRoute:
    for route in office.routes():
        if route.route == asked.path["route"]:
            return route
    raise NotFound(f"No route is called `{asked.path['route'][:100]}`.")


def _models(office: Office, _asked: Asked) -> ModelList:
    return ModelList(office.models())


def _providers(office: Office, _asked: Asked) -> ProviderList:
    return ProviderList(office.providers())


def _prices(office: Office, asked: Asked) -> PriceList:
    model = given(asked.query.model)
    found = office.models() if model is None else [office.price_of(model)]
    return PriceList([PricedModel(one.model, one.price) for one in found])


OPERATIONS = (
    Operation(
        method="GET", path="/routes", least="viewer", act=_routes, answer=RouteList, summary="List the routes",
    ),
    Operation(
        method="GET", path="/routes/{route}", least="viewer", act=_route, answer=ShownRoute,
        summary="Show a route",
    ),
    Operation(
        method="GET", path="/models", least="viewer", act=_models, answer=ModelList,
        summary="List the models that the configuration names",
    ),
    Operation(
        method="GET", path="/providers", least="viewer", act=_providers, answer=ProviderList,
        summary="List the providers",
    ),
    Operation(
        method="GET", path="/prices", least="viewer", act=_prices, answer=PriceList, query=PricesQuery,
        summary="List prices, or that of any model of a configured provider",
    ),
)  # fmt: skip
