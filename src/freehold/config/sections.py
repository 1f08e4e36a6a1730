"""The sections of `freehold.toml`, as they are written: one struct each, closed, every setting documented.

The line below a setting is its meaning in `docs/configuration.md`, which is made from here.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from freehold.admin.settings import AdminSettings
from freehold.batches.settings import BatchSettings
from freehold.catalog.profile import Modality
from freehold.compare.settings import CompareSettings
from freehold.engine.background.settings import BackgroundSettings
from freehold.gateway.settings import ServerSettings
from freehold.ledger.settings import LedgerSettings
from freehold.limits.limit import On
from freehold.providers.fetch.settings import FetchSettings
from freehold.providers.settings import Timeouts
from freehold.rollout.settings import RolloutSettings
from freehold.routing.policies.settings import Confidence, PolicyKind
from freehold.telemetry.settings import TelemetrySettings
from freehold.wire.dialect import Hosting, Quirks


class LocalModelSection(msgspec.Struct, frozen=True):
    """One model of your own that runs on this machine, as `local/NAME`: a GGUF file."""

    file: str
    """Path of the GGUF file, relative to this one."""
    context: Annotated[int, msgspec.Meta(ge=256, le=1_000_000)] = 8192
    """Most tokens of question and answer together, for each request. Each of the `slots` takes memory for as many."""
    slots: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """Requests that are worked on at the same time."""
    temperature: Annotated[float, msgspec.Meta(ge=0, le=5)] | None = None
    """For requests that name none; without it, llama.cpp's own, 0.8."""
    mmproj: str | None = None
    """Path of the projector by which the model sees images, a GGUF file that comes beside it; without it, text only."""
    embeddings: bool = False
    """Whether it makes embeddings, and writes no text."""
    licence: str | None = None
    """Licence of the weights, or the name of the terms."""


class LocalSettings(msgspec.Struct, frozen=True):
    """Models that run on this machine: those that come with Freehold, own ones, and GGUF files."""

    enabled: bool = True
    """Whether any are served. The embedded models are started together with the endpoint, the others when they are
    first asked for."""
    memory: Annotated[int, msgspec.Meta(ge=1_000_000)] | None = None
    """Most memory that the loaded models may take together, such as `"4 GB"`; the one that was not asked for longest
    makes room for another. Without it, three quarters of what the machine, or its container, has."""
    idle: Annotated[float, msgspec.Meta(ge=1)] = 600.0
    """Time after which a model is let go of that nobody asks for; the next request loads it again."""
    models: dict[str, LocalModelSection] = {}
    """GGUF files by name, each a table `[local.models.NAME]`: see below."""


class DatabaseSection(msgspec.Struct, frozen=True):
    """Where keys and the ledger are kept."""

    url: str | None = None
    """Where the address of a PostgreSQL database is: `env:NAME` or `file:PATH`; without a password in it, itself:
    `postgresql://host/name`. Without one, keys and ledger are files in the data folder."""


class AccessSection(msgspec.Struct, frozen=True):
    """What keys are hashed with."""

    pepper: str | None = None
    """Where the pepper is, the secret of the keys' hashes: `env:NAME` or `file:PATH`; 64 hexadecimal digits. Machines
    that share a database need the same. Without it, the file `secret` in the data folder."""


class ProviderSection(msgspec.Struct, frozen=True):
    """One provider. What is left out comes from its preset, where it has one."""

    like: str | None = None
    """The preset to start from; without it, the preset of the provider's own name."""
    base_url: str | None = None
    """Address of its API, up to and with `/v1` or its like. Needed where there is no preset."""
    api_key: str | None = None
    """Where its key is: `env:NAME` or `file:PATH` (relative to this file). Never the key itself."""
    dialects: tuple[str, ...] | None = None
    """What it speaks: any of `openai-chat`, `openai-responses`, `anthropic-messages`, `gemini`,
    `bedrock-converse`, `cohere`. Requests in other dialects are translated into the first."""
    hosting: Hosting | None = None
    """Which cloud hosts `anthropic-messages` in a form of its own: `bedrock` (InvokeModel), `vertex` (rawPredict)."""
    quirks: Quirks | None = None
    """How its kind of the first dialect differs from the original: see below."""
    auth: str | None = None
    """`bearer`, or the name of the header that carries the bare key, such as `api-key`; `aws` signs requests with it,
    `google` exchanges a service account's key file for tokens."""
    access_key_id: str | None = None
    """With `auth = "aws"`: the id of the key whose secret is `api_key`: itself, `env:NAME` or `file:PATH`."""
    session_token: str | None = None
    """With `auth = "aws"`: of credentials that expire: `env:NAME` or `file:PATH`."""
    region: str | None = None
    """With `auth = "aws"`: the region, such as `eu-central-1`."""
    headers: dict[str, str] | None = None
    """Headers sent with every request; no credentials."""
    query: dict[str, str] | None = None
    """Parameters appended to every URL; no credentials."""
    chat_path: str | None = None
    """Path of chat completions behind `base_url`; usually `/chat/completions`."""
    embeddings_path: str | None = None
    """Path of embeddings behind `base_url`; usually `/embeddings`."""
    models_path: Annotated[str, msgspec.Meta(min_length=0)] | None = None
    """Path of the list of models behind `base_url`; usually `/models`, empty when it has none."""
    stream_usage: bool | None = None
    """Whether it understands `stream_options.include_usage`; without it, streams may have no token counts."""
    timeouts: Timeouts = Timeouts()
    """Time limits of a call: see below."""
    max_connections: int = 10_000
    """Most connections to it at once."""
    quota: str | None = None
    """Name of the quota that its calls are counted against; needed where several providers of this file share one
    account's. Usually its own."""
    keep_alive: bool = True
    """Whether connections are kept for further requests."""
    prices: str | None = None
    """Its id in the genai-prices list, or `own-machine` when its calls cost nothing."""
    models: tuple[str, ...] = ()
    """Names listed under `/v1/models`; others may be called all the same."""


class PoolSection(msgspec.Struct, frozen=True):
    """Providers that serve the same models: one account's keys, or one cloud's regions."""

    providers: tuple[str, ...]
    """Their names. A call of `POOL/model` goes to one that has room, and to another when that fails."""


class PriceSection(msgspec.Struct, frozen=True):
    """One price row: US dollars per million tokens."""

    input: Decimal | None = None
    """For tokens read."""
    output: Decimal | None = None
    """For tokens written."""
    cache_read: Decimal | None = None
    """For input that came from the provider's cache; without it, as `input`."""
    cache_write: Decimal | None = None
    """For input written to the provider's cache; without it, as `input`."""
    reasoning: Decimal | None = None
    """For reasoning; without it, as `output`."""
    input_audio: Decimal | None = None
    """For audio read; without it, as `input`."""
    output_audio: Decimal | None = None
    """For audio written; without it, as `output`."""
    request: Decimal | None = None
    """For each call, whatever its size: US dollars, not per million."""
    start: date | None = msgspec.field(name="from", default=None)
    """First day (UTC) on which the row holds; without it, always."""


class ModelSection(PriceSection, frozen=True):
    """What you know better than the public list: a model's price, and facts about it."""

    prices: tuple[PriceSection, ...] = ()
    """Several price rows with different `from`, each as `[[models."provider/name".prices]]`."""
    context_window: int | None = None
    """Most tokens of input and output together."""
    max_output_tokens: int | None = None
    """Most tokens of one answer. Limits reckon with it where a request does not say `max_tokens`."""
    input_modalities: frozenset[Modality] | None = None
    """What it reads: any of `text`, `image`, `audio`, `video`."""
    output_modalities: frozenset[Modality] | None = None
    """What it writes: any of `text`, `image`, `audio`, `video`, `embedding`."""
    licence: str | None = None
    """Licence of the weights, or the name of the terms."""


class HealthSettings(msgspec.Struct, frozen=True):
    """What is made of how providers are doing."""

    enabled: bool = True
    """Whether models that cannot be expected to answer are left alone for a time: circuit breakers, and what answers
    say about rate limits. Without it, each route is tried in its own order, whatever happened before."""
    probe: Annotated[float, msgspec.Meta(ge=0.1)] | None = None
    """Seconds after which each provider is asked for its list of models, which costs nothing: one that cannot be
    reached or does not let the account in is known before a call needs it, and known to be well again without one.
    At least a tenth of one. Without it, only calls tell."""


class PolicySection(msgspec.Struct, frozen=True):
    """What chooses the model of each call."""

    kind: PolicyKind
    """`weighted` gives each model its part of the conversations; `cheapest` and `fastest` take such a one of the models
    that replace the incumbent; `cascade` asks a cheap model first, and the next one when nobody can be sure of what it
    said; `learned` takes the cheapest that the route's router, made with `freehold router fit`, finds good enough."""
    weights: dict[str, Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]] = {}
    """With `weighted`: by `provider/name`, how many parts of the conversations it gets. Models that are not named get
    none."""
    among: tuple[str, ...] = ()
    """With `cheapest` and `fastest`: what is chosen from beside the incumbent, as `provider/name`; without it, the
    route's fallbacks."""
    unproven: bool = False
    """With `cheapest` and `fastest`: whether models are chosen, too, of which no comparison has found that they replace
    the incumbent."""
    models: tuple[str, ...] = ()
    """With `cascade`: the models that are asked, the cheapest first, as `provider/name`. The answer of the last one is
    taken as it is."""
    confidence: Confidence | None = None
    """With `cascade`: by what an answer is judged. `logprobs`: how probable the model found its own words, on average;
    `agreement`: how much of it the model says again when it is asked again; `schema`: whether it has the form that was
    asked for, and calls tools as they want to be called; `learned`: how likely the route's router finds it that the
    model answers no worse than the incumbent."""
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    """With `cascade` but by `schema`: the score from 0 to 1 from which on an answer is good enough."""
    samples: Annotated[int, msgspec.Meta(ge=2, le=10)] | None = None
    """With `cascade` by `agreement`: how many answers a model is asked for; 3 where nothing is said."""


class RouteSection(msgspec.Struct, frozen=True):
    """A name that applications call as their model."""

    incumbent: str
    """The model that answers, as `provider/name`."""
    fallbacks: tuple[str, ...] = ()
    """Models that take over, in this order, when the incumbent does not answer."""
    keep_bodies: bool = True
    """Whether requests and answers of this route are kept in the ledger."""
    deadline: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Seconds within which the answer is to be complete, over all attempts; without it, the providers' own time limits
    hold. With it and a fallback, no model gets more than half of what is left."""
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 0
    """How often a model is asked again that could not be reached or said that it cannot answer now. Most clients ask
    again by themselves."""
    hedge_after: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Seconds without a first word after which the next model is asked as well; the first to answer is taken, and the
    other one is paid for, too. Without it, never."""
    continue_streams: bool = False
    """Whether a fallback goes on where a stream broke off; the seam is a declared loss. Otherwise such a stream ends
    with an error."""
    policy: PolicySection | None = None
    """What chooses the model of each call: see below. Without it, the incumbent answers."""


class LimitSection(msgspec.Struct, frozen=True):
    """What may be used. Every limit that a call falls under holds: a particular one does not lift a general one."""

    on: On
    """Whom it is on: `organisation` (all together), or each `team`, `user`, `key`, `route`, `model` or `provider`. Keys
    that have no team, or no user, are under none of their limits."""
    only: tuple[str, ...] = ()
    """Names of those it is on; without it, each of them, for itself. Keys are named by name or id."""
    per: Literal["hour", "day", "week", "month", "last 60 seconds", "last 24 hours"] | None = None
    """Over which time: a calendar `hour`, `day`, `week` or `month`, or what is just past: `last 60 seconds`,
    `last 24 hours`. Not needed for `concurrency`."""
    zone: str = "UTC"
    """Time zone in which days, weeks and months begin, such as `Europe/Berlin`. Weeks begin on Monday."""
    money: Annotated[Decimal, msgspec.Meta(extra={"unlimited": True})] | None = None
    """Most US dollars. Models whose price is not known are refused."""
    tokens: Annotated[int, msgspec.Meta(ge=0)] | Literal["unlimited"] | None = None
    """Most tokens, read and written together."""
    input_tokens: Annotated[int, msgspec.Meta(ge=0)] | Literal["unlimited"] | None = None
    """Most tokens read."""
    output_tokens: Annotated[int, msgspec.Meta(ge=0)] | Literal["unlimited"] | None = None
    """Most tokens written, reasoning included."""
    requests: Annotated[int, msgspec.Meta(ge=0)] | Literal["unlimited"] | None = None
    """Most calls."""
    concurrency: Annotated[int, msgspec.Meta(ge=0)] | Literal["unlimited"] | None = None
    """Most calls at once."""
    allow_unpriced: bool = False
    """Whether a model without a known price may be called under a limit in `money`, which then does not count it."""
    output_when_unsaid: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 32_768
    """Tokens of an answer that are reckoned with where neither the request nor the catalog bounds it."""


class SharedSettings(msgspec.Struct, frozen=True):
    """The server that replicas on several machines share their limits through."""

    url: str | None = None
    """Where the address of a Valkey or Redis server is: `env:NAME` or `file:PATH`, as with keys. The address itself is
    `valkey://:PASSWORD@HOST:6379/0`, or `valkeys://…` with TLS. Without it, limits are kept in `limits.db`."""
    prefix: Annotated[str, msgspec.Meta(min_length=1)] = "freehold"
    """What its keys there begin with; installations that share a server have different ones."""
    replicas: Annotated[int, msgspec.Meta(ge=1)] = 1
    """How many share it at the most. One that starts while the server cannot be reached knows of no other: it may use
    so small a part of what its ledger does not know to be used."""


class File(msgspec.Struct, frozen=True):
    """Everything that `freehold.toml` may contain."""

    data: str = ".freehold"
    """Folder for the ledger, the keys and the secret they are hashed with; relative to this file."""
    server: ServerSettings = ServerSettings()
    """How the endpoint listens."""
    database: DatabaseSection = DatabaseSection()
    """Where keys and the ledger are kept."""
    access: AccessSection = AccessSection()
    """What keys are hashed with."""
    local: LocalSettings = LocalSettings()
    """The embedded models."""
    ledger: LedgerSettings = LedgerSettings()
    """What is kept of calls."""
    fetch: FetchSettings = FetchSettings()
    """Files that requests name by URL, for providers that do not fetch them."""
    batches: BatchSettings = BatchSettings()
    """How batches are worked off."""
    compare: CompareSettings = CompareSettings()
    """How comparisons are run."""
    rollout: RolloutSettings = RolloutSettings()
    """How rollouts are looked after."""
    background: BackgroundSettings = BackgroundSettings()
    """Responses that run on when their client has gone."""
    shared: SharedSettings = SharedSettings()
    """What replicas share."""
    telemetry: TelemetrySettings = TelemetrySettings()
    """Spans and metrics for others."""
    admin: AdminSettings = AdminSettings()
    """The admin API."""
    providers: dict[str, ProviderSection] = {}
    """One table each."""
    health: HealthSettings = HealthSettings()
    """How it counts how providers are doing."""
    pools: dict[str, PoolSection] = {}
    """One table each."""
    routes: dict[str, RouteSection] = {}
    """One table each."""
    models: dict[str, ModelSection] = {}
    """One table each."""
    limits: dict[str, LimitSection] = {}
    """One table each."""
