"""The policies that are put to the test. A new one is a line here."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

import msgspec

from benchmarks.faults.sicknesses import NAMELESS, SCRIPTS

DEARER = "price doubled"
"""No provider does anything: the configuration says that it costs twice as much, while calls come in."""
HEALTHY = "healthy"
FAULTS = (*(name for name in SCRIPTS if name != HEALTHY), DEARER)


class Policy(msgspec.Struct, frozen=True):
    """One policy, as `freehold.toml` has it."""

    name: str
    lines: str = ""
    """Of `[routes.NAME.policy]`, in which `SICK` and `WELL` are the two models."""
    needs: str | None = None
    """A module without which there is no such policy."""
    rollout: str | None = None
    """The plan of a rollout to the sick model that is under way."""
    incumbent: Literal["SICK", "WELL"] = "SICK"
    """Where the policy moves calls away from the incumbent, that is the healthy one."""

    @property
    def is_there(self) -> bool:
        """Whether this version of Freehold has it."""
        return self.needs is None or _has(self.needs)


POLICIES: tuple[Policy, ...] = (
    Policy("plain"),
    Policy("weighted", 'kind = "weighted"\nweights = { "SICK" = 1, "WELL" = 1 }'),
    Policy("cheapest", 'kind = "cheapest"\nunproven = true'),
    Policy("fastest", 'kind = "fastest"\nunproven = true'),
    Policy(
        "cascade",
        'kind = "cascade"\nmodels = ["SICK", "WELL"]\nconfidence = "agreement"\nsamples = 2\nthreshold = 0.5',
        "freehold.engine.cascading",
    ),
    Policy("learned", 'kind = "learned"', "freehold.app.learned", incumbent="WELL"),
    Policy("canary", needs="freehold.cli.rollout", rollout="canary:25%,cutover", incumbent="WELL"),
)


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def route_of(policy: Policy, fault: str) -> str:
    """Each fault has a route and an entry of the provider of its own under each policy: nothing learnt from one spares
    another.
    """
    return f"{policy.name}-{FAULTS.index(fault)}"


def configuration(policies: list[Policy], *, sick: int, healthy: int, doubled: bool = False) -> str:
    """`freehold.toml`. `doubled`: the sick provider costs twice as much."""
    parts = [
        "[local]\nenabled = false\n\n[server]\nport = 0\n\n"
        f'[providers.healthy]\nbase_url = "http://127.0.0.1:{healthy}/v1"\n\n'
        '[models."healthy/tale"]\ninput = 1.5\noutput = 1.5\n'
    ]
    price = 2.0 if doubled else 1.0
    for policy in policies:
        for fault in FAULTS:
            route = route_of(policy, fault)
            host = "provider.invalid" if fault == NAMELESS else "127.0.0.1"
            first, second = f"sick-{route}/tale", "healthy/tale"
            if policy.incumbent == "WELL":
                first, second = second, first
            parts.append(
                f'[providers.sick-{route}]\nbase_url = "http://{host}:{sick}/v1"\n\n'
                f'[models."sick-{route}/tale"]\ninput = {price}\noutput = {price}\n\n'
                f'[routes.{route}]\nincumbent = "{first}"\nfallbacks = ["{second}"]\nretries = 1\n'
                'deadline = "10s"\ncontinue_streams = true\n'
            )
            if policy.lines:
                lines = policy.lines.replace("SICK", f"sick-{route}/tale").replace("WELL", "healthy/tale")
                parts.append(f"[routes.{route}.policy]\n{lines}\n")
    return "\n".join(parts)
