"""A port changes what is known to be another maker's, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.rollout.migration.makers import Maker, maker_of
from freehold.rollout.migration.porting import RULES, difference, port, with_beginning

MAKERS: list[Maker | None] = ["openai", "anthropic", "google", "meta", "mistral", "qwen", "deepseek", None]
MARKS = (
    "You are ChatGPT, a large language model trained by OpenAI.", "You are Claude, made by Anthropic.", "<|im_start|>",
    "<|im_", "end|>", "[INST]", "<<SYS>>", "Knowledge cutoff: 2024-06", "Formatting re-enabled", "/no_think",
    "Environment: ipython", "You are", " GPT", "\n", " ", "Answer briefly.", "<start_of_turn>",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(MARKS) | st.text(max_size=8), max_size=8).map("".join)


@pytest.mark.parametrize(
    ("text", "maker", "leaves", "after", "rules"),
    [
        (
            "You are ChatGPT, a large language model trained by OpenAI.\nBe kind.",
            "anthropic",
            "openai",
            "You are a helpful assistant.\nBe kind.",
            ["identity"],
        ),
        (
            "You are Claude, made by Anthropic, and help.",
            "openai",
            "anthropic",
            "You are a helpful assistant, and help.",
            ["identity"],
        ),
        ("You are Claude.", "anthropic", None, "You are Claude.", []),
        ("You are GPT-4o. Help.", "google", "openai", "You are a helpful assistant. Help.", ["identity"]),
        ("Knowledge cutoff: 2023-10\nHelp.", None, None, "Help.", ["cutoff"]),
        ("Formatting re-enabled\nHelp.", "anthropic", "openai", "Help.", ["formatting"]),
        ("Formatting re-enabled\nHelp.", "openai", "openai", "Formatting re-enabled\nHelp.", []),
        ("<|im_start|>Help.<|im_end|>", "anthropic", "qwen", " Help. ", ["template"]),
        ("Help. /no_think", "openai", "qwen", "Help. ", ["thinking switch"]),
        ("Open /think in the shell.", "openai", "openai", "Open /think in the shell.", []),
        (
            "Compare GPT-4 with Claude; you are an expert.",
            "mistral",
            "openai",
            "Compare GPT-4 with Claude; you are an expert.",
            [],
        ),
    ],
)
def test_what_is_known_is_said_otherwise(
    text: str, maker: Maker | None, leaves: Maker | None, after: str, rules: list[str]
) -> None:
    ported, findings = port(text, maker, leaves)
    assert (ported, [one.rule for one in findings]) == (after, rules)
    assert bool(difference(text, ported)) == (text != ported)


@given(TEXTS, st.sampled_from(MAKERS), st.sampled_from(MAKERS))
def test_a_port_of_a_port_is_itself(text: str, maker: Maker | None, leaves: Maker | None) -> None:
    ported, findings = port(text, maker, leaves)
    assert port(ported, maker, leaves) == (ported, [])
    assert bool(findings) == (ported != text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="<[/"), max_size=200))
def test_plain_text_is_left_as_it_is(text: str) -> None:
    words = ("you are", "you're", "i am", "your name is", "knowledge", "formatting", "environment")
    if not any(one in text.lower() for one in words):
        assert port(text, "anthropic", "openai") == (text, [])


def test_every_rule_is_used_by_something_here() -> None:
    found = {one.rule for mark in MARKS for leaves in MAKERS for one in port(mark, None, leaves)[1]}
    assert found == {rule.name for rule in RULES}


@pytest.mark.parametrize(
    ("model", "maker"),
    [
        ("gpt-5-mini", "openai"), ("o3", "openai"), ("claude-sonnet-4-5", "anthropic"), ("gemini-2.5-pro", "google"),
        ("meta-llama/Llama-3.3-70B", "meta"), ("mistral-large", "mistral"), ("Qwen/Qwen3-8B", "qwen"),
        ("proto3x", None),
        ("command-a", "cohere"), ("in-house", None),
    ],
)  # fmt: skip
def test_a_models_name_tells_its_maker(model: str, maker: Maker | None) -> None:
    assert maker_of(model) == maker


def test_a_beginning_is_asked_for_in_words() -> None:
    assert with_beginning("Be brief.", "{").startswith("Be brief.\n\nBegin your answer")
    assert with_beginning("", "{").endswith("\n{")
