"""`freehold suite sample`: from real calls at the real endpoint to a suite, masked, and of first turns."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from plain_client import PlainClient
from planted import call_number, plant
from running_endpoint import RunningEndpoint, until
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.compare.case import hash_of
from freehold.compare.suites.masking import Masking
from freehold.compare.suites.sampling import Sample, draw
from freehold.compare.suites.wish import Wish
from freehold.ledger.reading import LedgerReader
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

pytest.importorskip("sklearn")
pytest.importorskip("presidio_analyzer")

SECRET = "sk-proj-a1B2c3D4e5F6g7H8i9J0"
ITEMS = [
    "lamp",
    "chair",
    "table",
    "kettle",
    "phone",
    "laptop",
    "bike",
    "tent",
    "shoes",
    "coat",
    "desk",
    "printer",
]
FORMS = {
    "refund": "Refund the {item} of order {number}, it came broken; a refund of {number} dollars is fair.",
    "invoice": "Which account is the invoice {number} for one {item} booked on? The invoice is of {number} euros.",
}
EACH = 40
GEMINI = "/v1beta/models/shop:generateContent"


def _questions() -> list[str]:
    dice = random.Random(3)
    return [
        form.format(item=dice.choice(ITEMS), number=dice.randrange(10_000, 99_999))
        for form in FORMS.values()
        for _ in range(EACH)
    ]


def _say(client: PlainClient, path: str, body: dict[str, Any]) -> None:
    answer = client.post(path, body)
    assert answer.status == 200, answer.body


def _make_calls(client: PlainClient) -> int:
    """How many were made."""
    for number, question in enumerate(_questions()):
        text = f"{question} Mail anna{number}@example.com으로, 010-1234-{5000 + number}."
        if number % 4 == 0:
            _say(
                client, "/v1/messages", {"model": "shop", "max_tokens": 90, "system": "Help.", **_said(text)}
            )
        elif number % 4 == 1:
            _say(
                client,
                "/v1/responses",
                {"model": "shop", "instructions": "Help.", "input": text, "user": "u7"},
            )
        elif number % 4 == 2:
            contents = [{"role": "user", "parts": [{"text": text}]}]
            system = {"parts": [{"text": "Help."}]}
            _say(client, GEMINI, {"contents": contents, "systemInstruction": system})
        else:
            stream = client.stream("shop", text, temperature=0.2, metadata={"customer": "anna"})
            stream.rest()
    again = _questions()[0]
    for number in range(5):
        _say(
            client,
            "/v1/chat/completions",
            {"model": "shop", **_said(f"{again} Mail ANNA{number}@example.com!")},
        )
    later = [*_said("Hello")["messages"], {"role": "assistant", "content": "Hi."}]
    _say(
        client,
        "/v1/chat/completions",
        {
            "model": "shop",
            "messages": [*later, {"role": "user", "content": f"My key is {SECRET}, is it good?"}],
        },
    )
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]
    _say(
        client,
        "/v1/chat/completions",
        {
            "model": "shop",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Who?"}, *picture]}],
        },
    )
    _say(client, "/v1/chat/completions", {"model": "other", **_said("Not asked of the shop.")})
    return 2 * EACH + 8


def _said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder: Path = tmp_path_factory.mktemp("shop")
    script = Script(models={"m": Behaviour(text="Certainly, write to bob@example.com.")})
    with SimulatedProvider.in_thread(script) as provider:
        toml = "\n".join(
            [
                "[local]\nenabled = false",
                "[ledger]\nflush_ms = 10",
                f'[providers.words]\nbase_url = "{provider.base_url}"',
                '[routes.shop]\nincumbent = "words/m"',
                '[routes.other]\nincumbent = "words/m"',
                '[routes.silent]\nincumbent = "words/m"\nkeep_bodies = false',
            ]
        )
        with RunningEndpoint(folder, toml) as endpoint, endpoint.connect() as client:
            made = _make_calls(client)
            _say(client, "/v1/chat/completions", {"model": "silent", **_said("Nothing is kept of this.")})
            until(lambda: sum(one.calls for one in endpoint.ledger.sums()) == made + 1)
    yield Shell(folder)


def _cases(shell: Shell, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shell("suite", "export", name).stdout.splitlines()[1:]]


def test_a_sample_is_of_all_dialects_masked_and_of_classes(shell: Shell) -> None:
    [made] = shell.json("suite", "sample", "shop", "--n", "40", "--scorer", "exact", "--answers")
    assert (made["name"], made["cases"], made["new"]) == ("shop", 40, True)
    cases = _cases(shell, "shop")
    said = json.dumps(cases, ensure_ascii=False)
    for gone in ("anna", "@example.com", "010-1234", SECRET, "u7"):
        assert gone not in said
    for case in cases:
        assert case["id"].startswith("call_")
        assert case["target"] == "Certainly, write to <EMAIL_1>." or "<EMAIL_2>" in case["target"]
        assert "<EMAIL_1>으로" in (text := case["request"]["messages"][-1]["content"]) or "<EMAIL_1>!" in text
        assert not {"model", "stream", "user", "metadata"} & set(case["request"])
    roles = {tuple(message["role"] for message in case["request"]["messages"]) for case in cases}
    assert roles >= {("system", "user"), ("user",)}
    of_form: dict[str, set[str]] = {"Refund": set(), "Which": set()}
    for case in cases:
        of_form[case["request"]["messages"][-1]["content"].split()[0]].add(case["class"])
    assert all(of_form.values())
    assert of_form["Refund"].isdisjoint(of_form["Which"]), of_form
    told = str(made["source"])
    for note in (
        "87 answered chat calls of `shop`",
        "Nearly the same as another one: 4 calls.",
        "Left out, as later turns of conversations: 1 call.",
        "Left out, as they hold pictures, sounds or files, in which nothing can be masked: 1 call.",
        "classes of tasks, by TF-IDF and k-means",
        "Masked in 40 cases: EMAIL 80, PHONE ",
        "The target of 40 cases is what was answered then. It is no right answer",
    ):
        assert note in told, told


def _drawn(shell: Shell, **wish: Any) -> Sample:
    history = LedgerReader(shell.folder / ".freehold" / "ledger.db")
    return draw(history, Wish(**{"route": "shop", "since_us": 0, "n": 500, **wish}), Masking)


def test_the_same_seed_draws_the_same_and_another_another(shell: Shell) -> None:
    first, same, other = (
        hash_of((), _drawn(shell, n=20, masked=False, seed=seed).cases) for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


def test_later_turns_are_an_explicit_choice_that_is_told(shell: Shell) -> None:
    sample = _drawn(shell, all_turns=True)
    asked = [msgspec.json.decode(case.request)["messages"] for case in sample.cases]
    later = [messages[2]["content"] for messages in asked if len(messages) == 3]
    assert later == ["My key is <SECRET_1>, is it good?"]
    assert all(case.group for case in sample.cases)
    assert "put others at a disadvantage" in str(sample.source)


def test_unmasked_is_an_explicit_choice_that_is_told(shell: Shell) -> None:
    sample = _drawn(shell, masked=False)
    said = b"".join(bytes(case.request) for case in sample.cases)
    assert b"anna7@example.com" in said
    assert b"image_url" in said
    assert "Nothing is masked" in str(sample.source)


def test_what_comparisons_ask_is_no_traffic(shell: Shell, tmp_path: Path) -> None:
    asked = (
        call_number(
            number,
            key_id=f"{key}_{number:032x}",
            request_body=json.dumps({"model": "default", **_said(question)}).encode(),
        )
        for number, (question, key) in enumerate(zip(_questions(), ("comparison", "key") * EACH, strict=True))
    )
    plant(tmp_path, asked)
    sample = _drawn(Shell(tmp_path), route="default")
    assert len(sample.cases) == EACH
    assert all(int(case.id.removeprefix("call_"), 16) % 2 == 1 for case in sample.cases)


def test_a_class_gets_cases_in_proportion_to_its_calls_and_not_to_its_questions(tmp_path: Path) -> None:
    refunds, invoices = _questions()[:EACH], _questions()[EACH:]
    asked = refunds + invoices * 3
    plant(
        tmp_path,
        (
            call_number(
                number,
                request_body=json.dumps({"model": "default", **_said(f"{text}{'!' * number}")}).encode(),
            )
            for number, text in enumerate(asked)
        ),
    )
    sample = _drawn(Shell(tmp_path), route="default", n=20, least=1, masked=False)
    of_form = Counter(
        msgspec.json.decode(case.request)["messages"][0]["content"].split()[0] for case in sample.cases
    )
    # Three of four calls are of invoices, and half of the questions.
    assert of_form["Which"] in (14, 15, 16)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("shop",), "Nothing says how answers to `shop` are judged."),
        (("shp", "--scorer", "exact"), "Did you mean `shop`?"),
        (
            ("silent", "--scorer", "exact"),
            "The bodies of `silent` are not kept: 1 call is on record without.",
        ),
        (("other", "--scorer", "exact"), "which is too few"),
        (("shop", "--scorer", "exat"), "Did you mean `exact`?"),
    ],
)
def test_what_cannot_be_sampled_is_told(shell: Shell, words: tuple[str, ...], told: str) -> None:
    refused = shell("suite", "sample", *words)
    assert refused.returncode == 1
    assert told in refused.stderr, refused.stderr
