"""Whatever befalls the incumbent before its first token, the client notices nothing, and the ledger tells it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
import openai
import pytest
from running_endpoint import RunningEndpoint

from freehold.ledger.record import Attempt
from freehold.providers.simulated import (
    Behaviour,
    ContentType,
    Cut,
    Echo,
    Empty,
    ErrorEvent,
    Garbage,
    Gzip,
    Hang,
    Huge,
    Malformed,
    Outage,
    Page,
    Refused,
    Script,
    SimulatedProvider,
    Stale,
    ThreadedProvider,
    WrongLength,
)
from freehold.providers.simulated.faults import AnyFault, kind_of

LIMIT_MS = 400.0
"""What a provider that hangs is given. The others have all the time of a slow machine."""


class Case(msgspec.Struct, frozen=True):
    """A fault, and what the ledger is to say of the attempt that met it."""

    fault: AnyFault
    errors: tuple[str, ...]
    """Codes; which one may depend on how the bytes were cut on their way."""
    status: int | None = 200
    may_lack_status: bool = False
    """What was wrong came in one piece with the head."""
    streams: tuple[bool, ...] = (False, True)

    @property
    def most_requests(self) -> int:
        """A connection that closes without a byte may just have gone stale, so it is replaced once."""
        return 2 if isinstance(self.fault, Cut) and self.fault.after is None else 1

    @property
    def hangs(self) -> bool:
        """Whether only a time limit ends it."""
        return isinstance(self.fault, Hang)


BROKEN = ("provider_broken",)
GONE = ("provider_unreachable", "provider_broken")
CASES = (
    *(
        Case(Refused(status=status), ("provider_refused",), status)
        for status in (401, 403, 404, 408, 429, 500, 503, 529)
    ),
    Case(Refused(status=502, body="<h1>Bad gateway</h1>"), ("provider_refused",), 502),
    Case(Hang(), ("provider_timeout",), None),
    Case(Hang(after=0), ("provider_timeout",), 200),
    Case(Hang(after=1), ("provider_timeout",), 200),
    *(Case(Cut(after=None, how=how), GONE, None) for how in ("close", "reset", "half_close")),
    *(Case(Cut(after=0, how=how), BROKEN) for how in ("end", "close", "reset", "half_close")),
    *(Case(Cut(after=1, how=how), BROKEN) for how in ("end", "close", "reset", "half_close")),
    Case(Cut(after=0, inside=True), BROKEN),
    Case(Cut(after=1, inside=True), BROKEN, streams=(True,)),
    Case(Malformed(after=0), BROKEN),
    Case(Malformed(after=1), BROKEN, streams=(True,)),
    Case(ErrorEvent(after=0), ("provider_refused", "provider_broken")),
    Case(ErrorEvent(after=1), ("provider_refused", "provider_broken")),
    Case(Empty(), BROKEN),
    Case(Page(), BROKEN),
    Case(Page(status=503), ("provider_refused",), 503),
    Case(ContentType(value="application/json"), BROKEN, streams=(True,)),
    Case(ContentType(), BROKEN, streams=(True,)),
    Case(Garbage(), GONE, None),
    Case(Garbage(after=0), BROKEN, may_lack_status=True),
    Case(WrongLength(by=10), BROKEN, streams=(False,)),
    Case(WrongLength(by=-10), BROKEN, streams=(False,)),
    Case(Gzip(), BROKEN),
    Case(Huge(bytes=70_000_000), BROKEN, streams=(False,)),
)
ALL = [(case, stream) for case in CASES for stream in case.streams]


def name_of(case: Case, *, stream: bool) -> str:
    """A short name that is the only one."""
    fault = case.fault
    details = [
        str(value).replace(" ", "")[:12]
        for field, value in msgspec.structs.asdict(fault).items()
        if value != {one.name: one.default for one in msgspec.structs.fields(fault)}[field]
    ]
    return "-".join([kind_of(fault), *details, "streamed" if stream else "whole"])


NAMES = [name_of(case, stream=stream) for case, stream in ALL]


@pytest.fixture(scope="module")
def incumbent() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    incumbent: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    sound = Script(models={"*": Behaviour(text=Echo())})
    with SimulatedProvider.in_thread(sound) as other:
        toml = f"""
[local]
enabled = false

[ledger]
flush_ms = 10

[providers.weak]
base_url = "{incumbent.base_url}"

[providers.slow]
base_url = "{incumbent.base_url}"
timeouts = {{ first_token = "{LIMIT_MS:g}ms", silence = "{LIMIT_MS:g}ms" }}

[providers.sound]
base_url = "{other.base_url}"

[routes.default]
incumbent = "weak/m"
fallbacks = ["sound/m"]

[routes.patient]
incumbent = "slow/m"
fallbacks = ["sound/m"]

[routes.long]
incumbent = "weak/one"
fallbacks = ["weak/two", "slow/three", "sound/four"]

[routes.hopeless]
incumbent = "weak/one"
fallbacks = ["weak/two"]
"""
        with RunningEndpoint(tmp_path_factory.mktemp("endpoint"), toml) as running:
            yield running


@pytest.fixture(scope="module")
def sdk(endpoint: RunningEndpoint) -> Iterator[openai.OpenAI]:
    with endpoint.sdk() as client:
        yield client


def ask(sdk: openai.OpenAI, route: str, *, stream: bool) -> str:
    """An ordinary client's call, which is answered well. Gives the id under which it is on record."""
    question = [openai.types.chat.ChatCompletionUserMessageParam(role="user", content="Are you well?")]
    create = sdk.chat.completions.with_raw_response.create
    if stream:
        raw = create(model=route, messages=question, stream=True)
        chunks = list(raw.parse())
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert len({chunk.id for chunk in chunks}) == 1, "nothing of the incumbent's is seen"
        assert chunks[-1].choices[0].finish_reason == "stop"
        call = raw.headers["x-freehold-call"]
    else:
        whole = create(model=route, messages=question)
        text = whole.parse().choices[0].message.content or ""
        call = whole.headers["x-freehold-call"]
    assert text == "Are you well?"
    assert isinstance(call, str)
    return call


def expect_order(attempts: list[Attempt], duration_ms: float) -> None:
    """The attempts followed one another within the call."""
    moments = [0.0, *itertools.chain(*((one.start_ms, one.end_ms) for one in attempts)), duration_ms]
    assert moments == sorted(moments)


@pytest.mark.parametrize(("case", "stream"), ALL, ids=NAMES)
def test_a_fallback_is_invisible(
    case: Case, endpoint: RunningEndpoint, sdk: openai.OpenAI, incumbent: ThreadedProvider, *, stream: bool
) -> None:
    """Elsewhere a 200 was taken for an answer before its first piece had come, which then stalled, was an error or
    never came: https://github.com/mnfst/llm-gateway/pull/1657.
    """
    incumbent.play(Script(models={"m": Behaviour(faults=(case.fault,))}))
    incumbent.forget()
    route, provider = ("patient", "slow") if case.hangs else ("default", "weak")
    call = endpoint.recorded(ask(sdk, route, stream=stream)).call
    assert (call.outcome, call.status, call.provider, call.route) == ("answered", 200, "sound", route)
    first, second = call.attempts
    assert (first.provider, first.first_ms) == (provider, None)
    assert first.outcome == ("refused" if first.error == "provider_refused" else "failed")
    assert first.error in case.errors
    assert first.status == case.status or (first.status is None and case.may_lack_status)
    assert (second.provider, second.outcome, second.status, second.error) == ("sound", "answered", 200, None)
    expect_order(call.attempts, call.duration_ms)
    if case.hangs:
        assert LIMIT_MS - 1 <= first.end_ms - first.start_ms < LIMIT_MS + 2000
    assert len(incumbent.requests) <= case.most_requests, "it is not asked twice"
    incumbent.until(lambda one: one.requests[0].stopped_at is not None)
    assert call.usage.output_tokens == 3


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("how", ["refuse", "reset", "hang"])
def test_a_whole_provider_away_is_invisible(
    how: str, endpoint: RunningEndpoint, sdk: openai.OpenAI, incumbent: ThreadedProvider, *, stream: bool
) -> None:
    incumbent.play(Script(outage=msgspec.convert({"how": how}, Outage)))
    call = endpoint.recorded(ask(sdk, "patient" if how == "hang" else "default", stream=stream)).call
    assert [one.outcome for one in call.attempts] == ["failed", "answered"]
    assert call.attempts[0].error == ("provider_timeout" if how == "hang" else "provider_unreachable")
    assert call.attempts[0].status is None
    incumbent.play(Script(models={"*": Behaviour(text=Echo())}))
    back = endpoint.recorded(ask(sdk, "default", stream=stream)).call
    assert [one.provider for one in back.attempts] == ["weak"], "it is asked again as soon as it is back"


def test_a_connection_gone_stale_is_replaced_without_a_fallback(
    endpoint: RunningEndpoint, sdk: openai.OpenAI, incumbent: ThreadedProvider
) -> None:
    incumbent.play(Script(models={"m": Behaviour(text=Echo(), faults=(Stale(),))}))
    for _ in range(3):
        call = endpoint.recorded(ask(sdk, "default", stream=False)).call
        assert [one.provider for one in call.attempts] == ["weak"]


def test_a_long_way_down(endpoint: RunningEndpoint, sdk: openai.OpenAI, incumbent: ThreadedProvider) -> None:
    faults: dict[str, AnyFault] = {"one": Refused(status=500), "two": Cut(after=1), "three": Hang(after=1)}
    incumbent.play(Script(models={name: Behaviour(faults=(fault,)) for name, fault in faults.items()}))
    call = endpoint.recorded(ask(sdk, "long", stream=True)).call
    assert [(one.provider, one.model, one.outcome, one.error) for one in call.attempts] == [
        ("weak", "one", "refused", "provider_refused"),
        ("weak", "two", "failed", "provider_broken"),
        ("slow", "three", "failed", "provider_timeout"),
        ("sound", "four", "answered", None),
    ]
    expect_order(call.attempts, call.duration_ms)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_when_all_fail_the_last_reason_is_told(
    endpoint: RunningEndpoint, sdk: openai.OpenAI, incumbent: ThreadedProvider, *, stream: bool
) -> None:
    faults = {"one": Refused(status=500), "two": Refused(status=429, retry_after="11")}
    incumbent.play(Script(models={name: Behaviour(faults=(fault,)) for name, fault in faults.items()}))
    with pytest.raises(openai.RateLimitError) as caught:
        sdk.chat.completions.create(
            model="hopeless", messages=[{"role": "user", "content": "?"}], stream=stream
        )
    assert caught.value.response.headers["retry-after"] == "11"
    assert caught.value.response.headers["x-freehold-model"] == "weak/two"
    call = endpoint.recorded(caught.value.response.headers["x-freehold-call"]).call
    assert (call.outcome, call.status, len(call.attempts)) == ("refused", 429, 2)


def test_a_request_at_fault_is_not_tried_elsewhere(
    endpoint: RunningEndpoint, sdk: openai.OpenAI, incumbent: ThreadedProvider
) -> None:
    incumbent.play(Script(models={"m": Behaviour(faults=(Refused(status=400, message="Too long."),))}))
    with pytest.raises(openai.BadRequestError, match=r"Too long\.") as caught:
        sdk.chat.completions.create(model="default", messages=[{"role": "user", "content": "?"}])
    call = endpoint.recorded(caught.value.response.headers["x-freehold-call"]).call
    assert [one.status for one in call.attempts] == [400]
