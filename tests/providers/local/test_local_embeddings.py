"""The embedded embeddings model, asked through the official SDK."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
from local_models import EMBEDDINGS, sdk, served
from numpy.typing import NDArray
from openai import OpenAI

from freehold.providers.local.supervised import Address

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with served(tmp_path_factory.mktemp("data"), EMBEDDINGS) as found:
        yield found


@pytest.fixture
def client(address: Address) -> Iterator[OpenAI]:
    with sdk(address) as found:
        yield found


def embed(client: OpenAI, texts: list[str], **more: Any) -> NDArray[np.float32]:
    answer = client.embeddings.create(model=EMBEDDINGS, input=texts, **more)
    assert [row.index for row in answer.data] == list(range(len(texts)))
    return np.array([row.embedding for row in answer.data], dtype=np.float32)


def test_korean_and_english_of_one_meaning_are_nearest(client: OpenAI) -> None:
    english = ["The weather is nice today.", "The company paid the invoice.", "My cat sleeps on the sofa."]
    korean = ["오늘은 날씨가 좋습니다.", "회사가 청구서를 지불했습니다.", "내 고양이는 소파에서 잔다."]
    nearness = embed(client, korean) @ embed(client, english).T
    assert nearness.argmax(axis=1).tolist() == [0, 1, 2]
    assert nearness.argmax(axis=0).tolist() == [0, 1, 2]


def test_vectors_are_normalised_and_the_same_in_both_encodings(client: OpenAI) -> None:
    floats = client.embeddings.create(model=EMBEDDINGS, input=["a", "b c"], encoding_format="float")
    raw = client.embeddings.with_raw_response.create(
        model=EMBEDDINGS, input=["a", "b c"], encoding_format="base64"
    )
    texts = [row["embedding"] for row in raw.http_response.json()["data"]]
    unpacked = np.array([np.frombuffer(base64.b64decode(text), "<f4") for text in texts])
    assert unpacked.shape == (2, 384)
    assert np.array_equal(np.array([row.embedding for row in floats.data], dtype=np.float32), unpacked)
    assert np.allclose(np.linalg.norm(unpacked, axis=1), 1, atol=1e-5)


def test_a_text_is_embedded_alike_alone_and_among_others(client: OpenAI) -> None:
    texts = [f"text number {number} " * (1 + number % 7) for number in range(30)]
    together = embed(client, texts)
    for number in (0, 13, 29):
        assert np.allclose(embed(client, [texts[number]])[0], together[number], atol=1e-5)


def test_questions_and_passages_differ_and_questions_are_the_default(client: OpenAI) -> None:
    plain = embed(client, ["how much protein"])
    question = embed(client, ["how much protein"], extra_body={"input_type": "query"})
    passage = embed(client, ["how much protein"], extra_body={"input_type": "passage"})
    assert np.array_equal(plain, question)
    assert not np.allclose(plain, passage, atol=1e-3)


def test_usage_is_counted(client: OpenAI) -> None:
    one = client.embeddings.create(model=EMBEDDINGS, input="hello").usage
    two = client.embeddings.create(model=EMBEDDINGS, input=["hello", "hello"]).usage
    # The beginning, `query`, `:`, the word, the end; the tokeniser decides about the rest.
    assert 5 <= one.prompt_tokens <= 8
    assert two.prompt_tokens == two.total_tokens == 2 * one.prompt_tokens


def test_a_long_text_counts_in_full(client: OpenAI) -> None:
    """Beyond the model's 512 tokens: nothing is cut off in silence."""
    text = "The harvest was good this year. " * 75
    longer = text + "Submarines dive below the ice of the northern sea. " * 10
    answer = client.embeddings.create(model=EMBEDDINGS, input=[text, longer])
    assert answer.usage.prompt_tokens > 2 * 512
    first, second = (np.array(row.embedding) for row in answer.data)
    assert first @ second < 0.999


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["x"] * 2049}, "input"),
        ({"input": "word " * 9000}, "input"),
        ({"dimensions": 128}, "dimensions"),
        ({"encoding_format": "hex"}, None),
        ({"extra_body": {"input_type": "poem"}}, None),
    ],
    ids=[
        "tokens",
        "token lists",
        "no texts",
        "empty text",
        "too many",
        "too long",
        "dimensions",
        "encoding",
        "type",
    ],
)
def test_what_it_cannot_do_is_refused_and_said(
    client: OpenAI, change: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(**{"model": EMBEDDINGS, "input": "hello", **change})
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_the_full_number_of_dimensions_may_be_asked_for(client: OpenAI) -> None:
    assert embed(client, ["hello"], dimensions=384).shape == (1, 384)


def test_a_nul_does_not_hide_what_follows(client: OpenAI) -> None:
    assert np.array_equal(embed(client, ["good\0 morning"]), embed(client, ["good morning"]))


def test_a_short_request_does_not_wait_for_all_of_a_long_one(address: Address, client: OpenAI) -> None:
    long = ["A sentence of some length about nothing in particular. " * 10] * 27
    done: list[float] = []

    def embed_long() -> None:
        with sdk(address) as other:
            embed(other, long)
            done.append(time.monotonic())

    worker = threading.Thread(target=embed_long)
    worker.start()
    time.sleep(0.3)
    embed(client, ["short"])
    answered = time.monotonic()
    worker.join(60)
    assert answered < done[0]


def test_other_paths_methods_and_keys_are_refused(address: Address, client: OpenAI) -> None:
    with sdk(address, key="not-the-token") as stranger, pytest.raises(openai.AuthenticationError):
        embed(stranger, ["hello"])
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=EMBEDDINGS, messages=[{"role": "user", "content": "hello"}])
    with pytest.raises(openai.APIStatusError) as caught:
        client.get("/embeddings", cast_to=object)
    assert caught.value.status_code == 405


def test_malformed_and_oversized_bodies_are_refused(client: OpenAI) -> None:
    for body, status in ((b'{"input":', 400), (b'"x"', 400), (b"[" * 100_000, 400), (b" " * (33 << 20), 413)):
        with pytest.raises(openai.APIStatusError) as caught:
            client.post("/embeddings", content=body, cast_to=object)
        assert caught.value.status_code == status
