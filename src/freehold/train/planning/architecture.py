"""What a model is made of: how many parameters, how many of them work on a token, and what attention costs."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean


class Experts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a model of which each token uses a few."""

    count: int
    active: int
    """Of those, for each token."""
    shared: int = 0
    """Besides, for every token."""
    inner: int
    """Width within one expert."""
    dense_layers: int = 0
    """Layers without experts."""
    nodes: int = 0
    """A token's experts lie on at most so many machines; 0: no such bound."""


class Latent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Attention whose keys and values are kept compressed (MLA)."""

    query: int
    """Width of the compressed query; 0: it is not compressed."""
    kept: int
    """Width of what is kept of keys and values."""
    turned: int
    """Part of a head that carries the position, kept once for all heads."""
    plain: int
    """The rest of a head of queries and keys."""
    value: int
    """Width of a head of values."""


class Architecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transformer that writes one token after another."""

    name: str
    layers: int
    width: int
    heads: int
    kept_heads: int
    """Heads of keys and values (GQA); as many as `heads` where nothing is shared."""
    head: int
    """Width of one head."""
    inner: int
    """Width within the feed-forward part of a dense layer."""
    vocabulary: int
    matrices: int = 3
    """Of the feed-forward part: 3 with a gate, 2 without."""
    tied: bool = False
    """Whether the first and the last matrix are one."""
    experts: Experts | None = None
    latent: Latent | None = None
    source: str = ""

    @property
    def attention_parameters(self) -> int:
        """Of one layer."""
        if (latent := self.latent) is not None:
            turned = latent.plain + latent.turned
            if latent.query:
                asked = self.width * latent.query + latent.query * self.heads * turned
            else:
                asked = self.width * self.heads * turned
            kept = self.width * (latent.kept + latent.turned)
            opened = latent.kept * self.heads * (latent.plain + latent.value)
            return asked + kept + opened + self.heads * latent.value * self.width
        return self.width * self.head * (2 * self.heads + 2 * self.kept_heads)

    @property
    def expert_parameters(self) -> int:
        """Of one expert."""
        return 0 if self.experts is None else self.matrices * self.width * self.experts.inner

    @property
    def expert_layers(self) -> int:
        """Layers with experts."""
        return 0 if self.experts is None else self.layers - self.experts.dense_layers

    @property
    def dense_parameters(self) -> int:
        """All that is no routed expert."""
        parameters = self.layers * self.attention_parameters
        parameters += (self.layers - self.expert_layers) * self.matrices * self.width * self.inner
        if self.experts is not None:
            always = self.experts.shared * self.expert_parameters + self.width * self.experts.count
            parameters += self.expert_layers * always
        return parameters + self.vocabulary * self.width * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All of them."""
        routed = 0 if self.experts is None else self.experts.count
        return self.dense_parameters + self.expert_layers * routed * self.expert_parameters

    @property
    def routed_active(self) -> int:
        """Parameters of routed experts that work on a token."""
        return (
            0 if self.experts is None else self.expert_layers * self.experts.active * self.expert_parameters
        )

    @property
    def active(self) -> int:
        """Parameters that work on a token."""
        return self.dense_parameters + self.routed_active

    @property
    def worked(self) -> int:
        """Of those, the ones that cost a multiplication: looking a token up in the first matrix costs none."""
        return self.active - (0 if self.tied else self.vocabulary * self.width)

    def attention_flops(self, context: int) -> float:
        """FLOPs of one token forward for looking at those before it, half of `context` on average."""
        per_head = 2 * self.head
        if self.latent is not None:
            per_head = self.latent.plain + self.latent.turned + self.latent.value
        return 2.0 * self.layers * self.heads * per_head * context / 2

    def answering_flops(self, length: int) -> float:
        """The same for a token of an answer, with `length` tokens before it. Compressed ones are not opened for it: all
        heads look at what is kept.
        """
        per_head = 2 * self.head if self.latent is None else 2 * self.latent.kept + self.latent.turned
        return 2.0 * self.layers * self.heads * per_head * length

    @property
    def kept_per_token(self) -> int:
        """Numbers that are kept of each token while a model is served."""
        if self.latent is not None:
            return self.layers * (self.latent.kept + self.latent.turned)
        return self.layers * 2 * self.kept_heads * self.head


@cache
def presets() -> dict[str, Architecture]:
    """The known ones, by name."""
    table = tomllib.loads(Path(__file__).with_name("architectures.toml").read_text(encoding="utf-8"))
    return {name: msgspec.convert({"name": name, **facts}, Architecture) for name, facts in table.items()}


def preset(name: str) -> Architecture:
    """The one called so. Raises BadRequest."""
    known = presets()
    if name.lower() not in known:
        raise BadRequest(
            f"`{name[:50]}` is no architecture that is known here.",
            hint=did_you_mean(name, known) or "`--preset ?` lists them; `--params 8B` makes one up.",
        )
    return known[name.lower()]
