"""What providers tell of their quotas in headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import examples
from freehold.core.allowance import Allowance
from freehold.wire.allowances import MOST_SECONDS, allowance_in, wait_in

NOW = 1_790_000_000.0  # 2026-09-21T14:13:20Z


def told(**headers: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


def test_openai_and_those_who_follow_it() -> None:
    headers = told(
        content_type="application/json",
        x_ratelimit_limit_requests="5000",
        x_ratelimit_remaining_requests="4999",
        x_ratelimit_reset_requests="12ms",
        x_ratelimit_limit_tokens="160000",
        x_ratelimit_remaining_tokens="159976",
        x_ratelimit_reset_tokens="6m0s",
    )
    assert allowance_in(headers, NOW) == Allowance(5000, 4999, 0.012, 160000, 159976, 360.0)


def test_anthropic_tells_the_time_of_the_reset() -> None:
    headers = told(
        anthropic_ratelimit_requests_limit="50",
        anthropic_ratelimit_requests_remaining="0",
        anthropic_ratelimit_requests_reset="2026-09-21T14:13:50Z",
        anthropic_ratelimit_input_tokens_limit="40000",
        anthropic_ratelimit_tokens_remaining="39000",
    )
    assert allowance_in(headers, NOW) == Allowance(
        requests_limit=50, requests_left=0, requests_reset=30.0, tokens_left=39000
    )


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        (str(int(NOW) + 60), 60.0),
        (f"{int(NOW) + 60}000", 60.0),
        ("1h2m3s", 3723.0),
    ],
)
def test_plain_limits_are_of_requests(reset: str, seconds: float) -> None:
    found = allowance_in(told(ratelimit_limit="100", ratelimit_remaining="7", ratelimit_reset=reset), NOW)
    assert found == Allowance(requests_limit=100, requests_left=7, requests_reset=pytest.approx(seconds))  # type: ignore[arg-type]


def test_without_such_headers_nothing_is_known() -> None:
    assert allowance_in(told(content_type="application/json", x_request_id="a"), NOW) is None
    assert allowance_in(told(x_ratelimit_remaining_requests="soon"), NOW) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "Mon, 21 Sep 2026 14:14:20 GMT"}, 60.0),
        ({"retry_after": "Mon, 21 Sep 2020 14:14:20 GMT"}, 0.0),
        ({"retry_after": "1", "retry_after_ms": "250"}, 0.25),
        ({"retry_after": "a while"}, None),
        ({"retry_after": "-3"}, None),
        ({}, None),
    ],
)
def test_when_to_come_again(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_in(told(**headers), NOW) == seconds


@examples
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"retry-after", b"retry-after-ms", b"x-ratelimit-reset-tokens", b"ratelimit-reset"]
            ),
            st.binary(max_size=60) | st.from_regex(rb"[0-9.msh:TZ-]{0,30}"),
        )
    )
)
def test_whatever_is_said_is_a_time_to_wait_or_nothing(headers: list[tuple[bytes, bytes]]) -> None:
    wait = wait_in(headers, NOW)
    assert wait is None or 0.0 <= wait <= MOST_SECONDS
    found = allowance_in(headers, NOW)
    if found is not None:
        assert all(
            reset is None or 0.0 <= reset <= MOST_SECONDS
            for reset in (found.tokens_reset, found.requests_reset)
        )
