"""Every preset can be used as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.catalog.listed import knows_provider
from freehold.catalog.prices import OWN_MACHINE_ID
from freehold.config.address import is_own_machine, is_plain, read_base_url
from freehold.config.load import load
from freehold.providers.presets import Preset, find_preset, preset_names


def preset_called(name: str) -> Preset:
    preset = find_preset(name)
    assert preset is not None
    return preset


def test_there_are_presets_for_the_usual_providers() -> None:
    assert {
        "openai",
        "azure",
        "xai",
        "deepseek",
        "mistral",
        "groq",
        "together",
        "openrouter",
        "fireworks",
        "cerebras",
        "zai",
        "moonshot",
        "huggingface",
        "ollama",
        "vllm",
        "sglang",
        "llamacpp",
        "lmstudio",
    } <= set(preset_names())


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_makes_a_provider(tmp_path: Path, name: str) -> None:
    preset = preset_called(name)
    lines = [f"[providers.{name}]", *(f'{variable} = "word"' for variable in preset.variables)]
    path = tmp_path / "freehold.toml"
    path.write_text("\n".join(lines))
    environ = {preset.api_key.removeprefix("env:"): "key"} if preset.api_key else {}
    settings = load(path, environ)
    provider = settings.providers[name]
    assert provider.base_url is not None
    assert provider.base_url == read_base_url(provider.base_url)
    assert (provider.api_key is not None) == (preset.api_key is not None)
    assert settings.warnings == ()


@pytest.mark.parametrize("name", preset_names())
def test_a_presets_facts_are_sound(name: str) -> None:
    preset = preset_called(name)
    assert preset.documentation.startswith("https://")
    assert preset.api_key is None or preset.api_key.startswith("env:")
    if is_own_machine(preset.base_url):
        assert preset.prices == OWN_MACHINE_ID
        assert preset.api_key is None or preset.key_optional
    else:
        assert not is_plain(preset.base_url)
        assert preset.api_key is not None
        assert preset.prices is None or knows_provider(preset.prices)
    for variable in preset.variables:
        assert "{" + variable + "}" in preset.base_url


def test_mistral_is_not_asked_for_usage_because_it_refuses_the_question() -> None:
    assert not preset_called("mistral").stream_usage
    assert preset_called("openai").stream_usage


@pytest.mark.parametrize("name", ["", "nobody", "../presets/openai", "OPENAI", "__init__"])
def test_other_names_have_no_preset(name: str) -> None:
    assert find_preset(name) is None
