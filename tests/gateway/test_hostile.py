"""The endpoint under attack: the right 4xx in OpenAI's form, quickly, nothing leaked, and well afterwards."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from attacks import ALL, CHAT, ENDLESS, GOOD, Attack, chunk, chunked, head, message, whole
from hostile import (
    BODY_TIMEOUT,
    HEADER_TIMEOUT,
    PROVIDER_KEY,
    Outcome,
    keys_in,
    leaks,
    open_files,
    peak,
    processor_seconds,
    resident,
    strike,
    target,
)
from running_endpoint import RunningEndpoint

from freehold.providers.simulated import Behaviour, Echo, Endless, Script, SimulatedProvider, ThreadedProvider

SCRIPT = Script(
    key=PROVIDER_KEY, models={"m": Behaviour(text=Echo()), "endless": Behaviour(faults=(Endless(),))}
)
MEGABYTES = 1 << 20


@pytest.fixture(scope="module")
def provider() -> Iterator[ThreadedProvider]:
    with SimulatedProvider.in_thread(SCRIPT) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(
    provider: ThreadedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEndpoint]:
    with target(tmp_path_factory.mktemp("endpoint"), provider.base_url) as running:
        is_well(running)
        yield running
        assert running.running
        assert keys_in(running, running.log) == []


def port_of(endpoint: RunningEndpoint) -> int:
    return int(endpoint.url.rsplit(":", 1)[1])


def is_well(endpoint: RunningEndpoint) -> None:
    """It answers a good request, and quickly."""
    outcome = strike(port_of(endpoint), whole(endpoint.key, GOOD), limit=5, quiet=0)
    assert [answer.status for answer in outcome.answers] == [200], outcome
    assert json.loads(outcome.answers[0].body)["choices"][0]["message"]["content"] == "hello"
    assert outcome.seconds < 1


def test_attacks_without_end_are_ended(endpoint: RunningEndpoint) -> None:
    """All at once, and none of the attackers stops when he is answered."""
    before = resident(endpoint.pid)
    outcomes: dict[str, Outcome] = {}

    def send(attack: Attack) -> None:
        pieces = attack.send(endpoint.key)
        outcomes[attack.name] = strike(port_of(endpoint), pieces, limit=20, stubborn=True)

    crowd = [threading.Thread(target=send, args=(attack,)) for attack in ENDLESS]
    for one in crowd:
        one.start()
    try:
        while any(one.is_alive() for one in crowd):
            is_well(endpoint)
            time.sleep(0.2)
    finally:
        for one in crowd:
            one.join()
    for attack in ENDLESS:
        outcome = outcomes[attack.name]
        assert len(outcome.answers) == 1, f"{attack.name}: {outcome.ended}: {outcome.data[:500]!r}"
        (answer,) = outcome.answers
        assert answer.status in attack.statuses, attack.name
        assert answer.error
        assert outcome.seconds < attack.within, attack.name
        assert outcome.ended in ("fin", "reset"), attack.name
        assert outcome.lasted < 12, attack.name
    assert resident(endpoint.pid) - before < 128 * MEGABYTES


def test_a_trailer_without_end_costs_little(endpoint: RunningEndpoint) -> None:
    """A parser that joins its pieces does ever more work for each of them, and everybody waits."""
    (attack,) = (one for one in ENDLESS if one.name == "one trailer")
    before = processor_seconds(endpoint.pid)
    strike(port_of(endpoint), attack.send(endpoint.key), limit=20, stubborn=True)
    assert processor_seconds(endpoint.pid) - before < 1


@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name)
def test_an_attack(attack: Attack, endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    provider.forget()
    before = resident(endpoint.pid)
    outcome = strike(port_of(endpoint), attack.send(endpoint.key), limit=attack.within + 5)
    assert len(outcome.answers) == 1, f"{outcome.ended} after {outcome.seconds:.2f} s: {outcome.data[:500]!r}"
    (answer,) = outcome.answers
    assert answer.status in attack.statuses
    assert answer.error
    assert outcome.seconds < attack.within
    assert leaks(endpoint, outcome.data.decode("latin-1")) == []
    assert len(outcome.data) < 4096, "an attacker's own words are not sent back at length"
    assert "x-evil" not in answer.headers
    if attack.closes:
        assert outcome.ended in ("fin", "reset")
    assert provider.requests == [], "nothing of it reaches the provider"
    is_well(endpoint)
    assert resident(endpoint.pid) - before < 64 * MEGABYTES


def test_duplicate_keys_mean_the_same_to_us_and_to_the_provider(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    provider.forget()
    double = GOOD[:-1] + b',"model":"sim/other"}'
    outcome = strike(port_of(endpoint), whole(endpoint.key, double))
    (answer,) = outcome.answers
    if answer.status == 400:
        assert answer.error
        return
    (seen,) = provider.requests
    assert seen.body.count(b'"model"') == 1
    assert seen.model == "other", "the last one counts, as with every JSON reader"
    assert answer.headers["x-freehold-model"] == "sim/other"


def test_lone_surrogates_in_the_text_do_no_harm(endpoint: RunningEndpoint) -> None:
    outcome = strike(port_of(endpoint), whole(endpoint.key, GOOD.replace(b"hello", b"\\ud83d \\udc00 x")))
    (answer,) = outcome.answers
    assert answer.status in (200, 400)
    is_well(endpoint)


def test_an_old_client_is_answered_and_the_connection_closed(endpoint: RunningEndpoint) -> None:
    for body in (GOOD, message(stream=True)):
        outcome = strike(port_of(endpoint), whole(endpoint.key, body, version="HTTP/1.0"))
        assert outcome.data.startswith(b"HTTP/1.1 200")
        assert outcome.ended == "fin"
        assert b"transfer-encoding: chunked" not in outcome.data
        assert b"hello" in outcome.data


def test_an_absolute_url_is_our_own_and_never_fetched(endpoint: RunningEndpoint) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.2)
        target = f"http://127.0.0.1:{elsewhere.getsockname()[1]}{CHAT}"
        outcome = strike(port_of(endpoint), whole(endpoint.key, GOOD, target=target))
        assert [answer.status for answer in outcome.answers] in ([200], [400], [404])
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_pipelined_requests_are_answered_in_order(endpoint: RunningEndpoint) -> None:
    requests = [
        b"".join(whole(endpoint.key, GOOD.replace(b"hello", b"number-%d" % number)))  # type: ignore[arg-type]
        for number in range(50)
    ]
    outcome = strike(port_of(endpoint), [b"".join(requests)], answers=50, stubborn=True)
    said = [json.loads(answer.body)["choices"][0]["message"]["content"] for answer in outcome.answers]
    assert said == [f"number-{number}" for number in range(50)]


def test_a_long_pipeline_is_not_taken_for_long_headers(endpoint: RunningEndpoint) -> None:
    request = b"".join(whole(endpoint.key, GOOD))  # type: ignore[arg-type]
    pieces: list[bytes | float] = [request * 400 + request[:40], 0.5, request[40:]]
    outcome = strike(port_of(endpoint), pieces, answers=401, stubborn=True, limit=20)
    assert {answer.status for answer in outcome.answers} == {200}
    assert len(outcome.answers) == 401


def test_nonsense_behind_a_good_request_does_not_take_its_answer(endpoint: RunningEndpoint) -> None:
    good = b"".join(whole(endpoint.key, GOOD))  # type: ignore[arg-type]
    outcome = strike(port_of(endpoint), [good + b"nonsense\r\n\r\n"], answers=2, stubborn=True, limit=5)
    assert [answer.status for answer in outcome.answers] == [200, 400]
    assert outcome.ended == "fin"


def test_a_head_without_a_body_is_refused_without_one(endpoint: RunningEndpoint) -> None:
    outcome = strike(port_of(endpoint), [head(endpoint.key, "content-length: 0", method="HEAD")], limit=1)
    assert outcome.data.startswith(b"HTTP/1.1 405")
    assert outcome.data.endswith(b"\r\n\r\n")


def test_a_flood_of_pipelined_requests_is_held_back(endpoint: RunningEndpoint) -> None:
    """Nobody reads the answers, so at some point no more requests must be taken in."""
    request = b"".join(whole(endpoint.key, GOOD))  # type: ignore[arg-type]
    before = resident(endpoint.pid)
    with socket.create_connection(("127.0.0.1", port_of(endpoint))) as client:
        client.setblocking(False)
        sent, stuck_since = 0, time.monotonic()
        while time.monotonic() - stuck_since < 0.5 and sent < 200 * MEGABYTES:
            try:
                sent += client.send(request * 1000)
                stuck_since = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
            except ConnectionError:
                break
        assert resident(endpoint.pid) - before < 48 * MEGABYTES, f"{sent} bytes were taken in"
    is_well(endpoint)


def test_slow_headers_on_many_connections_keep_nobody_else_waiting(endpoint: RunningEndpoint) -> None:
    crowd = [socket.create_connection(("127.0.0.1", port_of(endpoint))) for _ in range(500)]
    try:
        for client in crowd:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx")
        is_well(endpoint)
        time.sleep(HEADER_TIMEOUT + 0.5)
        for client in crowd:
            client.settimeout(1)
            assert client.recv(4096).startswith(b"HTTP/1.1 408")
    finally:
        for client in crowd:
            client.close()
    is_well(endpoint)


def test_clients_that_vanish_leave_nothing_behind(endpoint: RunningEndpoint) -> None:
    before = open_files(endpoint.pid)
    for number in range(300):
        client = socket.create_connection(("127.0.0.1", port_of(endpoint)))
        client.sendall(b"".join([head(endpoint.key, f"content-length: {len(GOOD)}"), GOOD])[: 100 + number])
        if number % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    deadline = time.monotonic() + BODY_TIMEOUT + HEADER_TIMEOUT + 5
    while open_files(endpoint.pid) > before + 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert open_files(endpoint.pid) <= before + 5
    is_well(endpoint)


def test_bodies_of_people_without_a_key_are_not_taken_in(endpoint: RunningEndpoint) -> None:
    before = resident(endpoint.pid)
    outcomes = []

    def send() -> None:
        pieces = [head("fh-unknown", f"content-length: {30 * MEGABYTES}"), *[b" " * MEGABYTES] * 30]
        outcomes.append(strike(port_of(endpoint), pieces))

    crowd = [threading.Thread(target=send) for _ in range(20)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert [outcome.answers[0].status for outcome in outcomes] == [401] * 20
    assert resident(endpoint.pid) - before < 32 * MEGABYTES
    is_well(endpoint)


def test_a_stream_that_its_client_stops_reading_stops_its_provider(
    endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    provider.forget()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(("127.0.0.1", port_of(endpoint)))
        client.sendall(b"".join(whole(endpoint.key, message(model="sim/endless", stream=True))))  # type: ignore[arg-type]
        provider.until(lambda p: bool(p.requests) and p.requests[0].tokens > 0)
        (seen,) = provider.requests
        deadline = time.monotonic() + 5
        full = -1
        while seen.tokens != full and time.monotonic() < deadline:
            full = seen.tokens
            time.sleep(0.5)
        assert seen.tokens == full, "it never stopped"
        assert seen.bytes_written < 8 * MEGABYTES, "what fits into the kernel's buffers on the way"
    provider.until(lambda _: seen.ending == "abandoned", 0.5)


def test_after_everything_it_holds_little_and_lets_go_of_its_files(endpoint: RunningEndpoint) -> None:
    for _ in range(20):
        strike(port_of(endpoint), chunked(endpoint.key, [chunk(b" " * MEGABYTES)] * 40))
    is_well(endpoint)
    assert resident(endpoint.pid) < 200 * MEGABYTES
    assert peak(endpoint.pid) < 400 * MEGABYTES
    time.sleep(0.2)
    assert open_files(endpoint.pid) < 80
