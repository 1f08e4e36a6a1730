"""`freehold models terms`: what may be learned from a model's answers, by the providers of this installation."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.catalog.own import OwnModel

TOML = """
[providers.work]
like = "openai"
api_key = "env:KEY"

[providers.openai]
base_url = "https://elsewhere.example/v1"
api_key = "env:KEY"

[providers.cellar]
base_url = "http://10.0.0.7:8000/v1"

[providers.masked]
base_url = "https://api.x.ai/v1"
api_key = "env:KEY"
prices = "own-machine"

[providers.cloud]
like = "vertex"
api_key = "env:KEY"
location = "europe-west1"
project = "p"

[providers.world]
like = "vertex"
api_key = "env:KEY"
base_url = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google"

[models."cellar/ours"]
licence = "mit"

[models."masked/ours"]
licence = "mit"

[routes.chat]
incumbent = "work/gpt-5"
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("terms")
    (folder / "freehold.toml").write_text(TOML)
    own = folder / ".freehold" / "own" / "triage"
    own.mkdir(parents=True)
    model = OwnModel(
        name="triage",
        format="gguf",
        form="gguf:q8_0",
        file="model.gguf",
        sha256="0" * 64,
        context_window=2048,
        parameters=1,
        licence="Llama 3.2 Community License",
        run=None,
        base=None,
        dataset=None,
        made_us=1,
        margin=0.0,
    )
    (own / "own.json").write_bytes(msgspec.json.encode(model))
    shell = Shell(folder)
    shell.environment["KEY"] = "sk-of-nobody"
    return shell


def told(shell: Shell, *words: str) -> list[dict[str, Any]]:
    done = shell("models", "terms", *words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("model", "verdict", "holder"),
    [
        ("work/gpt-5", "conditional", "OpenAI"),
        ("openai/gpt-5", "unknown", "openai"),
        ("cellar/ours", "allowed", "MIT"),
        ("cellar/theirs", "unknown", "cellar/theirs"),
        ("masked/ours", "forbidden", "xAI"),
        ("cloud/gemini-2.5-pro", "conditional", "Google Cloud, Google, Gemini API"),
        ("world/gemini-2.5-pro", "conditional", "Google Cloud, Google, Gemini API"),
        ("own/triage", "conditional", "Llama 3.2 Community License"),
        ("people", "allowed", "people"),
    ],
)
def test_one_model(shell: Shell, model: str, verdict: str, holder: str) -> None:
    [found] = told(shell, model)
    assert (found["model"], found["verdict"], found["holder"]) == (model, verdict, holder)


def test_all_models_that_are_named(shell: Shell) -> None:
    found = {one["model"]: one["verdict"] for one in told(shell)}
    assert found == {
        "cellar/ours": "allowed",
        "local/e5-small": "allowed",
        "local/smollm2-135m": "allowed",
        "masked/ours": "forbidden",
        "own/triage": "conditional",
        "work/gpt-5": "conditional",
    }
    lines = shell("models", "terms").stdout.splitlines()
    assert lines[0].split()[:2] == ["MODEL", "TRAINING"]
    assert {line.split()[0]: line.split()[1] for line in lines[1:]} == found


def test_for_people_a_condition_comes_with_its_source_and_its_day(shell: Shell) -> None:
    done = shell("models", "terms", "work/gpt-5")
    assert done.returncode == 0
    assert "conditional" in done.stdout.splitlines()[0]
    assert "Condition: The model must not compete" in done.stdout
    assert "https://openai.com/policies/services-agreement/ (read on 20" in done.stdout
    assert "no legal advice" in done.stderr


def test_the_list_of_models_is_still_a_command(shell: Shell) -> None:
    done = shell("models")
    assert done.returncode == 0
    assert "local/smollm2-135m" in done.stdout
