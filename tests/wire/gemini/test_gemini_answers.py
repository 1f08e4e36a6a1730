"""The traps of Gemini's answers, errors and small endpoints, one by one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from google.genai import types

from freehold.core.answer import Answer, Choice, Stop, StopReason
from freehold.core.errors import BadRequest
from freehold.core.losses import Losses
from freehold.core.parts import Citation, Foreign, Media, Part, Reasoning, Refusal, State, Text, ToolCall
from freehold.core.request import ChatRequest
from freehold.core.usage import Usage
from freehold.wire.dialect import Addressee, NotAnAnswer, Recipient, WireError
from freehold.wire.gemini.count_tokens import (
    decode_count,
    decode_count_request,
    encode_count,
    encode_count_request,
)
from freehold.wire.gemini.dialect import DIALECT
from freehold.wire.gemini.embeddings import (
    EmbeddingAnswer,
    decode_embeddings,
    decode_embeddings_request,
    encode_embeddings,
    encode_embeddings_request,
)
from freehold.wire.gemini.models import decode_models, encode_model, encode_models

CLIENT = Addressee(request=ChatRequest(model="asked", messages=[]), id="call_1", created=1)


def decode(*candidates: Any, **fields: Any) -> Answer:
    return DIALECT.decode_answer(json.dumps({"candidates": candidates, **fields}).encode())


def encode(answer: Answer) -> tuple[dict[str, Any], tuple[str, ...]]:
    losses = Losses()
    out = DIALECT.encode_answer(answer, CLIENT, losses)
    types.GenerateContentResponse.model_validate_json(out)
    body: dict[str, Any] = json.loads(out)
    return body, losses.names


def said(*parts: Any, **fields: Any) -> Any:
    return {"content": {"role": "model", "parts": parts}, **fields}


CALL = {"functionCall": {"name": "f", "args": {"a": 1}}}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "malformed_tool_call"),
        ("UNEXPECTED_TOOL_CALL", "malformed_tool_call"),
        ("LANGUAGE", "other"),
        ("NO_IMAGE", "other"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_finish_reasons(word: str, reason: StopReason) -> None:
    answer = decode(said({"text": "a"}, finishReason=word))
    assert answer.choices[0].stop == Stop(reason=reason, raw=word)
    body, losses = encode(answer)
    assert body["candidates"][0]["finishReason"] == (word if word != "SOMETHING_NEW" else "OTHER")
    assert losses == ()


@pytest.mark.parametrize(
    ("reason", "word", "lost"),
    [
        ("stop", "STOP", False),
        ("stop_sequence", "STOP", True),
        ("length", "MAX_TOKENS", False),
        ("context", "MAX_TOKENS", True),
        ("tool_calls", "STOP", False),
        ("refusal", "SAFETY", True),
        ("content_filter", "SAFETY", False),
        ("pause", "OTHER", True),
        ("malformed_tool_call", "MALFORMED_FUNCTION_CALL", False),
        ("error", "OTHER", True),
        ("other", "OTHER", False),
    ],
)
def test_reasons_of_others(reason: StopReason, word: str, lost: bool) -> None:
    body, losses = encode(
        Answer(choices=[Choice(parts=[Text(text="a")], stop=Stop(reason=reason, raw="end_turn"))])
    )
    assert body["candidates"][0]["finishReason"] == word
    assert losses == (("stop.reason",) if lost else ())


def test_stop_with_calls_means_that_it_waits_for_them() -> None:
    answer = decode(said(CALL, CALL, finishReason="STOP"), responseId="r")
    assert answer.choices[0].stop == Stop(reason="tool_calls", raw="STOP")
    ids = [part.id for part in answer.choices[0].parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    again = decode(said(CALL, CALL, finishReason="STOP"), responseId="r")
    other = decode(said(CALL, CALL, finishReason="STOP"), responseId="s")
    assert again == answer and other.choices != answer.choices
    assert "id" not in encode(answer)[0]["candidates"][0]["content"]["parts"][0]["functionCall"]


def test_a_blocked_prompt_is_an_answer() -> None:
    body = b'{"promptFeedback":{"blockReason":"SAFETY","x":1},"usageMetadata":{"promptTokenCount":3}}'
    answer = DIALECT.decode_answer(body)
    assert answer.choices == [Choice(stop=Stop(reason="content_filter", raw="SAFETY"))]
    encoded, losses = encode_loosely(answer)
    assert encoded["promptFeedback"] == {"blockReason": "SAFETY", "x": 1} and "candidates" not in encoded
    assert losses == ()


def encode_loosely(answer: Answer) -> tuple[dict[str, Any], tuple[str, ...]]:
    losses = Losses()
    body: dict[str, Any] = json.loads(DIALECT.encode_answer(answer, CLIENT, losses))
    return body, losses.names


def test_usage_totals_include_their_subsets() -> None:
    raw = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 25,
        "promptTokensDetails": [
            {"modality": "AUDIO", "tokenCount": 6},
            {"modality": "TEXT", "tokenCount": 4},
        ],
        "toolUsePromptTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 2}],
        "serviceTier": "STANDARD",
    }
    answer = decode(said(), usageMetadata=raw)
    assert answer.usage == Usage(
        input_tokens=15,
        output_tokens=10,
        cache_read_tokens=4,
        reasoning_tokens=3,
        input_audio_tokens=11,
        output_image_tokens=2,
        source="provider",
    )
    assert answer.service_tier == "standard"
    assert encode_loosely(answer)[0]["usageMetadata"] == raw
    answer.dialect = "openai-chat"
    body, losses = encode_loosely(answer)
    assert body["usageMetadata"] == {
        "promptTokenCount": 15,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 25,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 4},
            {"modality": "AUDIO", "tokenCount": 11},
        ],
        "candidatesTokensDetails": [
            {"modality": "TEXT", "tokenCount": 5},
            {"modality": "IMAGE", "tokenCount": 2},
        ],
        "serviceTier": "standard",
    }
    assert losses == ()


def test_absent_usage_is_not_zero() -> None:
    assert decode(said(), usageMetadata={"trafficType": "ON_DEMAND_FLEX"}).usage == Usage()
    assert decode(said(), usageMetadata={"trafficType": "ON_DEMAND_FLEX"}).service_tier == "flex"
    assert DIALECT.decode_usage(b'{"promptTokenCount":"many"}') == Usage()
    body, losses = encode(Answer(usage=Usage(input_tokens=1, cache_write_tokens=1), choices=[Choice()]))
    assert body["usageMetadata"] == {"promptTokenCount": 1, "totalTokenCount": 1}
    assert losses == ("usage.cache_write_tokens",)


def test_citations_count_in_characters() -> None:
    text = "Zürich is größer. Yes."
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"retrievedContext": {"text": "quote", "title": "B"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 20, "text": "Zürich is größer."}, "groundingChunkIndices": [0]},
            {
                "segment": {"startIndex": 21, "endIndex": 25, "text": "Yes."},
                "groundingChunkIndices": [0, 1, 7],
            },
        ],
    }
    answer = decode(said({"text": "pondering", "thought": True}, {"text": text}, groundingMetadata=grounding))
    found = answer.choices[0].parts[1]
    assert isinstance(found, Text)
    assert found.citations == [
        Citation(kind="url", url="https://a", title="A", start=0, end=17),
        Citation(kind="url", url="https://a", title="A", start=18, end=22),
        Citation(kind="file", title="B", quote="quote", start=18, end=22),
    ]
    assert encode(answer)[0]["candidates"][0]["groundingMetadata"] == grounding
    answer.dialect, answer.choices[0].extra = "anthropic-messages", {}
    body, losses = encode(answer)
    made = body["candidates"][0]["groundingMetadata"]
    assert made["groundingChunks"] == grounding["groundingChunks"]
    assert [one["segment"].get("startIndex", 0) for one in made["groundingSupports"]] == [0, 21, 21]
    assert [one["segment"]["endIndex"] for one in made["groundingSupports"]] == [20, 25, 25]
    assert {one["segment"]["partIndex"] for one in made["groundingSupports"]} == {1}
    assert losses == ()


def test_recitations_are_citations() -> None:
    sources = {"citationSources": [{"startIndex": 1, "endIndex": 3, "uri": "https://a", "license": "mit"}]}
    answer = decode(said({"text": "abcd"}, citationMetadata=sources))
    found = answer.choices[0].parts[0]
    assert isinstance(found, Text) and found.citations == [
        Citation(kind="url", url="https://a", start=1, end=3)
    ]
    assert encode(answer)[0]["candidates"][0]["citationMetadata"] == sources


def test_logprobs_in_openais_form_and_back() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "tokenId": 5, "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "é", "tokenId": 5, "logProbability": -0.5}]}],
    }
    answer = decode(said({"text": "é"}, logprobsResult=result))
    token = {"token": "é", "logprob": -0.5, "bytes": [195, 169], "token_id": 5}
    assert json.loads(answer.choices[0].logprobs or b"") == {"content": [{**token, "top_logprobs": [token]}]}
    assert encode(answer)[0]["candidates"][0]["logprobsResult"] == result


def test_candidates_keep_their_numbers() -> None:
    for first in ({"index": 0}, {}):
        answer = decode(said({"text": "b"}, index=1), said({"text": "a"}, **first))
        assert [choice.parts for choice in answer.choices] == [[Text(text="a")], [Text(text="b")]]
    answer = decode(said({"text": "a"}, index=1), said({"text": "b"}, index=1))
    assert [choice.parts for choice in answer.choices] == [[Text(text="b")], [Text(text="a")]]


def test_an_answer_of_another_model() -> None:
    state = State(data="s", kind="signature", origin="anthropic")
    parts: list[Part] = [
        Reasoning(text="hm", summary=["in short"], state=state),
        Text(text="a"),
        Refusal(text="no"),
        Media(kind="audio", mime_type="audio/wav", data="AAAA", transcript="hello"),
        ToolCall(id="toolu_1", name="f", arguments="[1]"),
        Foreign(dialect="anthropic-messages", kind="server_tool_use", raw=b"{}"),
    ]
    answer = Answer(
        choices=[Choice(parts=parts)],
        model="claude",
        dialect="anthropic-messages",
        extra={"x": msgspec.Raw(b"1")},
    )
    body, losses = encode(answer)
    written = body["candidates"][0]["content"]["parts"]
    assert written[0].pop("thoughtSignature").startswith("freehold")
    assert written == [
        {"text": "hm\n\nin short", "thought": True},
        {"text": "a"},
        {"text": "no"},
        {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
        {"functionCall": {"id": "toolu_1", "name": "f", "args": {"INVALID_JSON": "[1]"}}},
    ]
    assert (body["modelVersion"], body["responseId"]) == ("claude", "call_1")
    assert set(losses) == {
        "part.refusal",
        "answer.transcript",
        "field.arguments",
        "part.server_tool_use",
        "answer.x",
    }


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"error":{"code":500}}', b'{"candidates":[{"content":5}]}']
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        DIALECT.decode_answer(body)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 429, 499, 500, 502, 503, 504, 529])
def test_errors_keep_their_class(status: int) -> None:
    error = WireError(status=status, message="no", retry_after=1.5, code="c", param="p")
    body = DIALECT.encode_error(error)
    again = DIALECT.decode_error(status, body)
    assert (again.status, again.message, again.retry_after, again.code, again.param) == (
        status,
        "no",
        1.5,
        "c",
        "p",
    )
    assert again.kind and again.kind.isupper()
    assert DIALECT.decode_error(status, b"[" + body + b"]") == again


def test_errors_that_are_no_status() -> None:
    assert DIALECT.decode_error(502, b"<html>") == WireError(status=502, message="<html>")
    error = DIALECT.decode_error(429, b'{"error":{"message":"Please retry in 7.5s."}}')
    assert error.retry_after == 7.5


def test_counting_takes_both_forms() -> None:
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}]
    plain = decode_count_request(json.dumps({"model": "m", "contents": contents}).encode())
    inner = {"model": "models/x", "contents": contents, "systemInstruction": "Be brief."}
    whole = decode_count_request(json.dumps({"model": "m", "generateContentRequest": inner}).encode())
    assert plain.model == whole.model == "m"
    assert whole.messages[1:] == plain.messages
    sent = json.loads(encode_count_request(plain, Recipient(model="g", origin="o"), Losses()))
    assert sent == {"generateContentRequest": {"model": "models/g", "contents": contents}}
    assert decode_count(encode_count(7)) == 7
    with pytest.raises(NotAnAnswer):
        decode_count(b"{}")
    with pytest.raises(BadRequest):
        decode_count_request(b'{"model":"m"}')


def test_models_are_listed_as_google_does() -> None:
    assert (
        types.Model.model_validate_json(
            encode_model("a").replace(b"supportedGenerationMethods", b"supportedActions")
        ).name
        == "models/a"
    )
    assert decode_models(encode_models(["a", "b"])) == (["a", "b"], None)


def test_embeddings_there_and_back() -> None:
    request = decode_embeddings_request(
        b'{"model":"models/e","requests":[{"content":{"parts":[{"text":"a"}]},"title":"t","taskType":"RETRIEVAL_DOCUMENT",'
        b'"outputDimensionality":2},{"content":"b","task_type":"RETRIEVAL_DOCUMENT","output_dimensionality":2}]}'
    )
    assert (request.model, request.texts, request.titles, request.dimensions) == (
        "e",
        ["a", "b"],
        ["t", None],
        2,
    )
    sent = json.loads(encode_embeddings_request(request, "g"))
    assert sent["requests"][0] == {
        "model": "models/g",
        "content": {"parts": [{"text": "a"}]},
        "taskType": "RETRIEVAL_DOCUMENT",
        "title": "t",
        "outputDimensionality": 2,
    }
    answer = EmbeddingAnswer(vectors=[[1.0, 2.0], [3.0, 4.0]], input_tokens=2)
    assert decode_embeddings(encode_embeddings(answer, request)) == answer
    single = decode_embeddings_request(b'{"model":"e","content":{"parts":[{"text":"a"}]}}')
    one = EmbeddingAnswer(vectors=[[1.0]])
    out = encode_embeddings(one, single)
    assert json.loads(out) == {"embedding": {"values": [1.0]}} and decode_embeddings(out) == one
    for body in (b"{}", b'{"model":"e"}', b'{"model":"e","content":{"parts":[{"inlineData":{}}]}}'):
        with pytest.raises(BadRequest):
            decode_embeddings_request(body)
