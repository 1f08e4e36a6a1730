"""The running endpoint: its configuration, its health, its local models."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from freehold import __version__
from freehold.admin.office import Checked, HealthReport, InForce, Office
from freehold.admin.operation import Asked, Operation
from freehold.core.errors import BadRequest

_MOST_DOTS = 5000


class ConfigurationText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A configuration that is not in force."""

    text: Annotated[str, Meta(max_length=100_000, description="As it would stand in `freehold.toml`.")]


class Reloading(msgspec.Struct):
    """The configuration is being looked at: it shows what came of it."""

    asked: bool = True


class LocalModelList(msgspec.Struct):
    """The embedded models and how each is: `absent`, `starting`, `ready` …"""

    local_models: dict[str, str]


class Version(msgspec.Struct):
    """Which Freehold this is."""

    version: str


def _configuration(office: Office, _asked: Asked) -> InForce:
    return office.configuration()


def _check_file(office: Office, _asked: Asked) -> Checked:
    return office.check(None)


def _check_text(office: Office, asked: Asked) -> Checked:
    text: str = asked.body.text
    if text.count(".") > _MOST_DOTS:  # reading TOML takes the square of the parts of a key
        raise BadRequest(f"A configuration with more than {_MOST_DOTS} dots is not read.", param="text")
    return office.check(text)


async def _check_live(office: Office, _asked: Asked) -> Checked:
    return await office.check_live()


async def _reload(office: Office, asked: Asked) -> Reloading:
    await office.reload(asked.actor)
    return Reloading()


async def _health(office: Office, _asked: Asked) -> HealthReport:
    return await office.health()


async def _local_models(office: Office, _asked: Asked) -> LocalModelList:
    return LocalModelList((await office.health()).local_models)


def _version(_office: Office, _asked: Asked) -> Version:
    return Version(__version__)


OPERATIONS = (
    Operation(
        method="GET", path="/configuration", least="viewer", act=_configuration, answer=InForce,
        summary="Show the configuration in force, without secrets",
    ),
    Operation(
        method="GET", path="/configuration/check", least="viewer", act=_check_file, answer=Checked,
        summary="Check the configuration as the file holds it now",
    ),
    Operation(
        method="POST", path="/configuration/check", least="operator", act=_check_text, answer=Checked,
        body=ConfigurationText, summary="Check a configuration that is given. Nobody is asked, nothing changes",
    ),
    Operation(
        method="POST", path="/configuration/check-live", least="operator", act=_check_live, answer=Checked,
        summary="Check the configuration in force, and ask its providers for their models",
    ),
    Operation(
        method="POST", path="/configuration/reload", least="operator", act=_reload, answer=Reloading, status=202,
        summary="Look at the configuration at once",
    ),
    Operation(
        method="GET", path="/health", least="viewer", act=_health, answer=HealthReport,
        summary="Show how everything is doing: breakers, quotas, ledger, spool, limits",
    ),
    Operation(
        method="GET", path="/local-models", least="viewer", act=_local_models, answer=LocalModelList,
        summary="Show how the embedded models are",
    ),
    Operation(
        method="GET", path="/version", least="viewer", act=_version, answer=Version,
        summary="Show which Freehold this is",
    ),
)  # fmt: skip
