"""`freehold dataset make --from route:…`: from real calls at the real endpoint, and what was said of their answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from plain_client import PlainClient
from planted import call_number, plant
from running_endpoint import RunningEndpoint, until
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

pytest.importorskip("datasketch")
pytest.importorskip("presidio_analyzer")

ANSWER = "Certainly, write to bob@example.com about the {thing}."
GEMINI = "/v1beta/models/shop:generateContent"
THINGS = (
    "silver kettle with the cracked lid",
    "tent for four people and its pegs",
    "laptop whose screen went black on Monday",
    "oak desk and the two matching chairs",
    "printer that eats every third page",
    "winter coat in the wrong size",
    "bicycle with a squeaking chain",
    "red lamp for the children's room",
    "phone that nobody can unlock",
    "set of blue plates from Porto",
    "washing machine that floods the floor",
    "guitar with a missing string",
)


def _toml(base_url: str) -> str:
    return f"""
[local]
enabled = false
[ledger]
flush_ms = 10
[providers.words]
base_url = "{base_url}"
[models."words/open"]
licence = "MIT"
[routes.shop]
incumbent = "words/open"
[routes.closed]
incumbent = "words/gpt-4o"
[routes.silent]
incumbent = "words/open"
keep_bodies = false
"""


class Customer:
    """Asks, and says what of the answer is to be thought."""

    def __init__(self, client: PlainClient) -> None:
        self._client = client
        self.calls = 0

    def ask(self, number: int, *, way: int, route: str = "shop") -> str:
        """The id of the call."""
        text = f"It is about my {THINGS[number]}. Mail anna{number}@example.com, 010-1234-{5000 + number}."
        said = {"messages": [{"role": "user", "content": text}]}
        self.calls += 1
        if way == 0:
            system = {"system": "Help the customers."}
            return self._post("/v1/messages", {"model": route, "max_tokens": 90, **system, **said})
        if way == 1:
            return self._post("/v1/responses", {"model": route, "instructions": "Help.", "input": text})
        if way == 2:
            return self._post(GEMINI, {"contents": [{"role": "user", "parts": [{"text": text}]}]})
        stream = self._client.stream(route, text, temperature=0.2)
        stream.rest()
        return stream.call

    def go_on(self, number: int) -> str:
        """A second turn."""
        first = f"It is about my {THINGS[number]}. Mail anna{number}@example.com, 010-1234-{5000 + number}."
        messages = [
            {"role": "user", "content": first},
            {"role": "assistant", "content": "I see."},
            {"role": "user", "content": "And when will you tell me more about all of that?"},
        ]
        self.calls += 1
        return self._post("/v1/chat/completions", {"model": "shop", "messages": messages})

    def say(self, call: str, **feedback: Any) -> None:
        answer = self._client.post(f"/v1/calls/{call}/feedback", feedback)
        assert answer.status == 200, answer.body

    def _post(self, path: str, body: dict[str, Any]) -> str:
        answer = self._client.post(path, body)
        assert answer.status == 200, answer.body
        return answer.call


@pytest.fixture(scope="module")
def asked() -> dict[str, str]:
    """What was said of a call -> its id."""
    return {}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, asked: dict[str, str]) -> Iterator[Shell]:
    folder: Path = tmp_path_factory.mktemp("shop")
    answer = Behaviour(text=ANSWER.format(thing="matter"))
    with ExitStack() as stack:
        provider = stack.enter_context(SimulatedProvider.in_thread(Script(models={"*": answer})))
        with RunningEndpoint(folder, _toml(provider.base_url)) as endpoint, endpoint.connect() as client:
            customer = Customer(client)
            for number in range(4):
                asked[f"liked {number}"] = customer.ask(number, way=number)
                customer.say(asked[f"liked {number}"], value=True)
            asked["liked, later turn"] = customer.go_on(3)
            customer.say(asked["liked, later turn"], value=0.9)
            asked["liked by one"] = customer.ask(4, way=3)
            customer.say(asked["liked by one"], value=True)
            customer.say(asked["liked by one"], value=0.2, name="other")
            asked["disliked"] = customer.ask(5, way=3)
            customer.say(asked["disliked"], value=False)
            asked["so-so"] = customer.ask(6, way=3)
            customer.say(asked["so-so"], value=0.7)
            asked["corrected"] = customer.ask(7, way=0)
            customer.say(asked["corrected"], correction="Rather write to carol@example.com.")
            asked["nothing said"] = customer.ask(8, way=3)
            asked["words alone"] = customer.ask(9, way=3)
            customer.say(asked["words alone"], value="thanks!")
            asked["closed"] = customer.ask(10, way=3, route="closed")
            customer.say(asked["closed"], value=True)
            asked["closed, corrected"] = customer.ask(11, way=3, route="closed")
            customer.say(asked["closed, corrected"], correction="Better.")
            asked["silent"] = customer.ask(11, way=3, route="silent")
            until(lambda: sum(one.calls for one in endpoint.ledger.sums()) == customer.calls)
    yield Shell(folder)


def _make(shell: Shell, *words: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What was made, and its rows by the ids of their calls."""
    [made] = shell.json("dataset", "make", "made", *words)
    rows = {}
    for split in ("train", "held-out"):
        for line in shell("dataset", "export", str(made["dataset"]), "--split", split).stdout.splitlines():
            row = json.loads(line)
            rows[row["id"]] = {**row, "split": split}
    return made, rows


def test_answers_that_people_liked_or_corrected_are_learned_from(shell: Shell, asked: dict[str, str]) -> None:
    made, rows = _make(shell, "--from", "route:shop")
    taken = {what for what, call in asked.items() if call in rows}
    assert taken == {*(f"liked {number}" for number in range(4)), "liked, later turn", "corrected"}
    for row in rows.values():
        said = json.dumps(row, ensure_ascii=False)
        assert "@example.com" not in said
        assert "010-1234" not in said
        assert not {"model", "stream", "user", "metadata"} & set(row["request"])
        assert row["origin"] == row["id"]
    liked = [rows[asked[f"liked {number}"]] for number in range(4)]
    for row, roles in zip(liked, (["system", "user"], ["system", "user"], ["user"], ["user"]), strict=True):
        messages = row["request"]["messages"]
        assert [one["role"].replace("developer", "system") for one in messages] == roles
        assert (row["maker"], row["accepted"]) == ("words/open", "feedback")
        # The address of the answer is another one than that of the question, and the placeholders say so.
        assert row["answer"]["content"] == "Certainly, write to <EMAIL_2> about the matter."
    corrected = rows[asked["corrected"]]
    assert (corrected["maker"], corrected["accepted"]) == ("people", "correction")
    assert corrected["answer"]["content"] == "Rather write to <EMAIL_2>."
    assert corrected["rejected"]["content"] == "Certainly, write to <EMAIL_3> about the matter."
    later = rows[asked["liked, later turn"]]
    assert (later["group"], later["split"]) == (liked[3]["group"], liked[3]["split"])
    assert len({row["group"] for row in rows.values()}) == 5
    report = made["report"]
    why = {one["why"]: one["rows"] for one in report["left_out"]}
    assert why["have an answer that somebody said was not good"] == 3
    assert why["were not said to have a good answer"] == 1
    assert report["makers"][0]["terms"]["holder"].startswith("MIT")


def test_from_which_number_an_answer_is_good_can_be_said(shell: Shell, asked: dict[str, str]) -> None:
    _, rows = _make(shell, "--from", "route:shop", "--accept", "feedback", "--good", "0.7")
    assert asked["so-so"] in rows
    assert asked["corrected"] not in rows


def test_unchecked_answers_are_an_explicit_choice(shell: Shell, asked: dict[str, str]) -> None:
    made, rows = _make(shell, "--from", "route:shop", "--accept", "unchecked")
    assert {asked["nothing said"], asked["disliked"], asked["words alone"]} <= set(rows)
    assert made["report"]["accepted"] == {"unchecked": len(rows)}
    _, some = _make(shell, "--from", "route:shop", "--accept", "unchecked,feedback")
    assert asked["disliked"] not in some
    assert some[asked["liked 1"]]["accepted"] == "feedback"
    assert "accepted" not in some[asked["nothing said"]]


def test_what_a_closed_model_wrote_stays_out_and_its_corrections_come_in(
    shell: Shell, asked: dict[str, str]
) -> None:
    made, rows = _make(shell, "--from", "route:closed")
    assert list(rows) == [asked["closed, corrected"]]
    [row] = rows.values()
    assert (row["maker"], row["answer"]["content"]) == ("people", "Better.")
    assert "rejected" not in row
    assert made["report"]["rejected_left_out"] == 1
    judged = {one["maker"]: one for one in made["report"]["makers"]}
    assert judged["words/gpt-4o"]["let_in"] is False


def test_unmasked_is_an_explicit_choice_that_is_told(shell: Shell, asked: dict[str, str]) -> None:
    made, rows = _make(shell, "--from", "route:shop", "--unmasked")
    assert "anna0@example.com" in json.dumps(rows[asked["liked 0"]])
    assert "Nothing is masked" in str(made["notes"])
    assert made["report"]["is_masked"] is False


def test_a_sample_that_models_are_measured_on_is_not_learned_from(shell: Shell) -> None:
    pytest.importorskip("sklearn")
    sampled = shell("suite", "sample", "shop", "--n", "100", "--scorer", "chrf", "--name", "sampled")
    assert sampled.returncode == 0, sampled.stderr
    try:
        done = shell("dataset", "make", "made", "--from", "route:shop")
        # The later turn, too: it repeats what the conversation began with, which was sampled.
        assert done.returncode == 1
        assert "6 lines were left out, as they hold what the suite `sampled` asks or answers" in done.stderr
    finally:
        shell("suite", "remove", "sampled")


def test_what_comparisons_asked_is_no_traffic(tmp_path: Path) -> None:
    plant(
        tmp_path,
        (
            call_number(
                number,
                key_id=f"{key}_{number:032x}",
                request_body=json.dumps(
                    {"model": "default", "messages": [{"role": "user", "content": f"About the {thing}?"}]}
                ).encode(),
                answer_body=json.dumps(
                    {
                        "choices": [
                            {
                                "message": {"role": "assistant", "content": f"It is the {thing}."},
                                "finish_reason": "length" if number == 3 else "stop",
                            }
                        ]
                    }
                ).encode(),
            )
            for number, (thing, key) in enumerate(zip(THINGS, ("comparison", "key") * 6, strict=True))
        ),
    )
    shell = Shell(tmp_path)
    (tmp_path / "freehold.toml").write_text(
        '[local]\nenabled = false\n[providers.big]\nbase_url = "http://127.0.0.1:9"\n'
        '[models."big/one"]\nlicence = "MIT"\n'
    )
    made, rows = _make(shell, "--from", "route:default", "--accept", "unchecked")
    assert [int(one.removeprefix("call_"), 16) for one in sorted(rows)] == [1, 5, 7, 9, 11]
    why = {one["why"]: one["rows"] for one in made["report"]["left_out"]}
    assert why == {"have an answer that was cut off or filtered": 1}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("route:shp",), "Did you mean `shop`?"),
        (("route:silent",), "Nobody has said anything of an answer of `silent` in that time."),
        (("route:silent", "--accept", "unchecked"), "The bodies of `silent` are not kept"),
        (("route:shop", "--accept", "scorer"), "No suite was sampled from the calls of `shop`"),
    ],
)
def test_what_cannot_be_made_is_told(shell: Shell, words: tuple[str, ...], told: str) -> None:
    refused = shell("dataset", "make", "made", "--from", *words)
    assert refused.returncode == 1
    assert told in refused.stderr, refused.stderr
