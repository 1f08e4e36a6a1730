"""What the terms of services and licences say about learning from answers."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.catalog.embedded import CHAT, EMBEDDED, LOCAL
from freehold.catalog.terms.finding import Known, terms_of
from freehold.catalog.terms.page import page
from freehold.catalog.terms.tables import family_of, licence_called, tables
from freehold.catalog.terms.terms import Terms, Verdict, strictest_of
from freehold.providers.presets import preset_names

TODAY = date(2026, 11, 23)
DOCS = Path(__file__).parents[2] / "docs" / "training-terms.md"
STRICTEST: list[Verdict] = ["forbidden", "unknown", "conditional", "allowed"]


def verdict(model: str, on: date = TODAY, known: Known | None = None) -> Verdict:
    return terms_of(model, on, known=known or Known()).verdict


@pytest.mark.parametrize(
    ("model", "expected", "kind"),
    [
        ("people", "allowed", None),
        ("openai/gpt-4o", "conditional", "no-competing-model"),
        ("anthropic/claude-opus-4-5", "conditional", "no-competing-model"),
        ("gemini/gemini-2.5-pro", "conditional", "no-competing-model"),
        ("deepseek/deepseek-chat", "allowed", None),
        ("xai/grok-4", "forbidden", "no-training"),
        ("mistral/mistral-large-latest", "allowed", None),
        ("ollama/llama3.1:8b", "conditional", "naming"),
        ("ollama/llama3:8b", "forbidden", "only-its-own-family"),
        ("vllm/openai/gpt-oss-20b", "allowed", None),
        ("vllm/google/gemma-3-4b-it", "conditional", "inherited-terms"),
        ("vllm/google/gemma-4-31b-it", "allowed", None),
        ("vllm/LGAI-EXAONE/EXAONE-4.0-32B", "conditional", "non-commercial"),
        ("groq/llama-3.3-70b-versatile", "conditional", "no-competing-model+naming"),
        ("groq/llama3-8b-8192", "forbidden", "only-its-own-family"),
        ("openrouter/x-ai/grok-4", "forbidden", "no-training"),
        ("openrouter/anthropic/claude-opus-4.5", "conditional", "no-competing-model"),
        ("cohere/command-a", "unknown", None),
        ("bedrock/us.anthropic.claude-sonnet-4-5-v1:0", "unknown", None),
    ],
)
def test_well_known_models(model: str, expected: Verdict, kind: str | None) -> None:
    found = terms_of(model, TODAY)
    assert (found.verdict, found.kind) == (expected, kind)
    assert (found.condition is not None) == (expected == "conditional")


@pytest.mark.parametrize(
    "model",
    ["", "openai", "/", "openai/", "nobody/anything", "ollama/my-own", "vllm/somebody/llama-3.1-8b", "own/x"],
)
def test_what_nobody_knows_is_unknown_and_says_why(model: str) -> None:
    found = terms_of(model, TODAY)
    assert found.verdict == "unknown"
    assert found.summary.endswith(".")


def test_the_models_that_come_with_freehold_are_allowed() -> None:
    assert EMBEDDED
    for name in EMBEDDED:
        assert verdict(f"{LOCAL}/{name}") == "allowed"
    assert terms_of(f"{LOCAL}/{CHAT}", TODAY).holder == "Apache-2.0"


def test_an_own_model_has_what_its_manifest_says() -> None:
    known = Known(own={"triage": "Apache-2.0", "named": "llama3.1", "open": None})
    assert verdict("own/triage", known=known) == "allowed"
    assert verdict("own/named", known=known) == "conditional"
    assert verdict("own/open", known=known) == "unknown"
    assert verdict("own/other", known=known) == "unknown"


def test_a_provider_is_what_it_is_and_not_what_it_is_called() -> None:
    known = Known(services={"deepseek": None, "work": "openai", "cellar": "own-machine"})
    assert verdict("deepseek/deepseek-chat", known=known) == "unknown"
    assert verdict("work/gpt-5", known=known) == "conditional"
    assert verdict("cellar/granite-4.0-h-small", known=known) == "allowed"


def test_a_stated_licence_comes_before_the_models_name_and_never_before_the_hosts_terms() -> None:
    known = Known(
        licences={"vllm/llama-3.1-8b": "MIT", "together/x": "MIT", "groq/x": "MIT", "vllm/y": "Mine 1.0"}
    )
    assert verdict("vllm/llama-3.1-8b", known=known) == "allowed"
    assert verdict("together/x", known=known) == "unknown"
    assert verdict("groq/x", known=known) == "conditional"
    assert "`Mine 1.0`" in terms_of("vllm/y", TODAY, known=known).summary


def test_terms_hold_from_the_day_they_came_into_force() -> None:
    dated = 0
    for key, service in tables().services.items():
        if service.serves != "own" or not service.readings:
            continue
        model = f"{service.presets[0]}/x"
        first = service.readings[0].since
        assert first is not None, key
        assert verdict(model, first - timedelta(days=1)) == "unknown", key
        for reading in service.readings:
            assert reading.since is not None
            assert verdict(model, reading.since) == reading.verdict, key
            dated += 1
    assert dated > 5


def test_every_preset_has_one_place_in_the_table() -> None:
    named = [preset for service in tables().services.values() for preset in service.presets]
    assert sorted(named) == sorted(preset_names())


def test_the_tables_are_whole() -> None:
    read = [(key, one.reading) for key, one in tables().licences.items()]
    read += [(key, one) for key, service in tables().services.items() for one in service.readings]
    for key, reading in read:
        assert reading.source.startswith("https://"), key
        assert reading.summary.endswith("."), key
        assert (reading.condition is not None) == (reading.verdict == "conditional"), key
        assert (reading.kind is not None) == (reading.verdict in ("conditional", "forbidden")), key
        assert not (reading.quoted and reading.verdict == "allowed"), key
    for key, service in tables().services.items():
        assert service.readings or service.terms or service.serves == "here", key
        since = [one.since for one in service.readings if one.since is not None]
        assert since == sorted(since), key
    for family in tables().families:
        assert (family.licence in tables().licences) != (family.service in tables().services), family.names
        assert family.owners, family.names


def test_a_licences_names_are_its_own() -> None:
    names = [
        name.casefold()
        for key, one in tables().licences.items()
        for name in {key, one.title.casefold(), *one.names}
    ]
    assert len(names) == len(set(names))
    assert licence_called("apache-2.0") is licence_called("APACHE-2.0 ") is not None
    assert licence_called("nothing of the kind") is None


@given(st.text(), st.dates())
def test_whatever_the_name_there_is_an_answer(model: str, on: date) -> None:
    found = terms_of(model, on)
    if found.verdict == "allowed":
        assert model == "people" or "/" in model


@given(st.text(alphabet="abcdefgh-.:/0123456789", min_size=1, max_size=24))
def test_a_stranger_in_front_of_a_name_makes_it_unknown(name: str) -> None:
    assert family_of(f"a-stranger-of-mine/{name.rpartition('/')[2]}") is None


def given_terms(verdict: Verdict) -> Terms:
    condition = "Do." if verdict == "conditional" else None
    return Terms(verdict=verdict, summary="So.", holder="H", condition=condition)


@given(st.lists(st.sampled_from(STRICTEST), min_size=1))
def test_the_strictest_of_several_holds(verdicts: list[Verdict]) -> None:
    expected = min(verdicts, key=STRICTEST.index)
    assert strictest_of([given_terms(one) for one in verdicts]).verdict == expected


def test_conditions_add_up_and_each_keeps_its_source() -> None:
    found = terms_of("groq/llama-3.3-70b-versatile", TODAY)
    assert [part.holder for part in found.parts] == ["Groq", "Llama 3.3 Community License"]
    assert all(
        part.condition is not None and part.condition in (found.condition or "") for part in found.parts
    )
    assert all(part.source is not None for part in found.parts)


def test_the_page_is_what_the_tables_say() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), (
        "python -m freehold.catalog.terms.page > docs/training-terms.md"
    )
