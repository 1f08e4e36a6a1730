"""B1.6: fail-over that does not fail over, once a stream is what failed.

What befalls a stream before its first word, as in https://github.com/mnfst/llm-gateway/pull/1657, is in
`tests/gateway/test_endpoint_fallbacks.py`, fault by fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from rehearsing import rehearsing
from running_endpoint import LIMIT, RunningEndpoint

from freehold.providers.simulated import (
    Behaviour,
    Cut,
    ErrorEvent,
    Hang,
    Malformed,
    Refused,
    Script,
    ThreadedProvider,
)
from freehold.providers.simulated.faults import AnyFault
from freehold.providers.simulated.script import Recite
from freehold.providers.simulated.words import recital

WORDS = 60
TEXT = Recite(tokens=WORDS)
QUESTION = "What is there to see in Bern?"
SOUND = Behaviour(text=TEXT, tokens_per_s=2000.0)
FAULTS: dict[str, AnyFault] = {
    "cut": Cut(after=40),
    "stalled": Hang(after=20),
    "malformed": Malformed(after=10),
}


def ill(fault: AnyFault) -> Behaviour:
    return Behaviour(text=TEXT, tokens_per_s=2000.0, faults=(fault,))


LATE: dict[str, AnyFault] = {"silent": Hang(after=0), "error": ErrorEvent(after=1), "closed": Cut(after=1)}
"""Before the first word, but after the answer's head, and what a dialect begins with."""
SCRIPT = Script(
    models={
        "sound": SOUND,
        **{name: ill(fault) for name, fault in FAULTS.items()},
        **{f"late-{name}": ill(fault) for name, fault in LATE.items()},
        "recovers": (ill(ErrorEvent(after=1)), ill(Cut(after=1)), SOUND),
        "refuses": Behaviour(faults=(Refused(status=529, message="Overloaded."),)),
    }
)
TOML = """
[local]
enabled = false
[providers.chat]
base_url = "URL"
timeouts = { first_token = "400ms", silence = "400ms" }
[providers.claude]
base_url = "URL"
dialects = ["anthropic-messages"]
timeouts = { first_token = "400ms", silence = "400ms" }
[providers.gemini]
base_url = "ROOT/v1beta"
dialects = ["gemini"]
[routes.again]
incumbent = "chat/recovers"
retries = 2
"""
for _name in FAULTS:
    TOML += (
        f'[routes.{_name}]\nincumbent = "chat/{_name}"\nfallbacks = ["chat/sound"]\ncontinue_streams = true\n'
    )
    TOML += f'[routes.{_name}-ends]\nincumbent = "chat/{_name}"\nfallbacks = ["chat/sound"]\n'
for _name in LATE:
    TOML += f'[routes.late-{_name}]\nincumbent = "claude/late-{_name}"\nfallbacks = ["gemini/sound"]\n'
    TOML += f'[routes.both-{_name}]\nincumbent = "claude/late-{_name}"\nfallbacks = ["claude/refuses"]\n'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningEndpoint, ThreadedProvider]]:
    with rehearsing(tmp_path_factory.mktemp("endpoint"), SCRIPT, TOML) as stage:
        yield stage


@pytest.fixture
def provider(running: tuple[RunningEndpoint, ThreadedProvider]) -> ThreadedProvider:
    running[1].play(SCRIPT)
    running[1].forget()
    return running[1]


@pytest.fixture
def endpoint(
    provider: ThreadedProvider, running: tuple[RunningEndpoint, ThreadedProvider]
) -> RunningEndpoint:
    assert running[1] is provider, "which begins anew for each test"
    return running[0]


def ask_in_chat(endpoint: RunningEndpoint, route: str) -> tuple[str, str | None]:
    """What OpenAI's SDK got of a stream, and the code of the error that it raised in the end."""
    said = ""
    with endpoint.sdk() as sdk:
        try:
            for chunk in sdk.chat.completions.create(
                model=route, messages=[{"role": "user", "content": QUESTION}], stream=True
            ):
                said += chunk.choices[0].delta.content or ""
        except openai.APIError as error:
            return said, error.code or "?"
    return said, None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_stream_is_continued_by_the_fallback(
    fault: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/issues/40404: a stream that was cut, stalled or had one malformed piece
    ended with an error, and the fallback, which was well, got no request at all.
    """
    assert ask_in_chat(endpoint, fault) == (recital(QUESTION, WORDS), None)
    assert [request.model for request in provider.requests] == [fault, "sound"]


@pytest.mark.parametrize("fault", FAULTS)
def test_where_nobody_may_continue_it_the_client_is_told(fault: str, endpoint: RunningEndpoint) -> None:
    """https://github.com/BerriAI/litellm/issues/40404: and never is half an answer taken for a whole one."""
    said, error = ask_in_chat(endpoint, f"{fault}-ends")
    assert recital(QUESTION, WORDS).startswith(said)
    assert 0 < len(said.split()) < WORDS
    assert error == ("provider_timeout" if fault == "stalled" else "provider_broken")


def test_retries_are_made_for_streams_too(endpoint: RunningEndpoint, provider: ThreadedProvider) -> None:
    """https://github.com/BerriAI/litellm/issues/29808: the retries that were set were made for whole answers only;
    a stream that failed before its first word failed for good.
    """
    assert ask_in_chat(endpoint, "again") == (recital(QUESTION, WORDS), None)
    assert [request.model for request in provider.requests] == ["recovers"] * 3


@pytest.mark.parametrize("fault", LATE)
def test_when_the_fallback_fails_too_it_is_an_error_and_not_the_beginning_of_an_answer(
    fault: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/issues/38610: the incumbent failed after `message_start`, the fallback at
    once; the client got 200, that `message_start` and an error among the events.
    """
    body = {
        "model": f"both-{fault}",
        "max_tokens": 100,
        "stream": True,
        "messages": [{"role": "user", "content": QUESTION}],
    }
    with endpoint.connect() as client:
        answer = client.post("/v1/messages", body)
    assert answer.status in (502, 503, 529)
    assert answer.headers["content-type"].startswith("application/json")
    assert b"message_start" not in answer.body
    assert answer.json()["type"] == "error"
    assert [request.model for request in provider.requests] == [f"late-{fault}", "refuses"]
    with (
        anthropic.Anthropic(base_url=endpoint.url, api_key=endpoint.key, max_retries=0, timeout=LIMIT) as sdk,
        pytest.raises(anthropic.APIStatusError),
        sdk.messages.stream(
            model=f"both-{fault}", max_tokens=100, messages=[{"role": "user", "content": QUESTION}]
        ) as stream,
    ):
        list(stream)


@pytest.mark.parametrize("fault", LATE)
def test_the_responses_api_falls_over_as_chat_does(
    fault: str, endpoint: RunningEndpoint, provider: ThreadedProvider
) -> None:
    """https://github.com/BerriAI/litellm/issues/28216: asked through the Responses API, Anthropic's stream failed
    before its first piece, and the fallback to Google was never tried, as it was for chat.
    """
    with endpoint.sdk() as sdk:
        events: list[Any] = list(sdk.responses.create(model=f"late-{fault}", input=QUESTION, stream=True))
    kinds = [event.type for event in events]
    assert kinds.count("response.created") == kinds.count("response.completed") == 1
    assert kinds[-1] == "response.completed"
    assert events[-1].response.output_text == recital(QUESTION, WORDS)
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said == recital(QUESTION, WORDS)
    assert [request.dialect for request in provider.requests] == ["anthropic-messages", "gemini"]
