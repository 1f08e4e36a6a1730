"""What `check` says about a configuration."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from routers import about, trained

from freehold.config.check import ProviderPlan, Report, RoutePlan, TargetPlan, check
from freehold.config.live import Answer, ask_providers
from freehold.config.load import load
from freehold.config.problems import Finding
from freehold.core.errors import ProviderRefused, ProviderUnreachable
from freehold.rollout.routers.shelf import RouterShelf

KEYS = {"OPENAI_API_KEY": "key-o", "MISTRAL_API_KEY": "key-m"}


def checked(folder: Path, text: str) -> Report:
    path = folder / "freehold.toml"
    path.write_text(text)
    return check(path, KEYS)


def test_without_a_file_all_is_well(tmp_path: Path) -> None:
    report = check(None, {}, folder=tmp_path)
    assert report.good
    assert report.findings == ()
    assert report.path is None
    assert report.routes == (
        RoutePlan("default", (TargetPlan("local/smollm2-135m", "own machine"),), True),
        RoutePlan("embed", (TargetPlan("local/e5-small", "own machine"),), True),
    )
    assert report.providers == (ProviderPlan("local", None, None, "own-machine", ("default", "embed")),)
    assert list(tmp_path.iterdir()) == []


def test_what_would_be_done(tmp_path: Path) -> None:
    report = checked(
        tmp_path,
        """
        [providers.openai]
        [providers.mistral]
        [providers.mine]
        base_url = "http://127.0.0.1:1/v1"
        [routes.chat]
        incumbent = "openai/gpt-4o"
        fallbacks = ["mistral/mistral-large-latest", "mine/llama"]
        keep_bodies = false
        """,
    )
    assert report.good
    assert report.settings is not None
    chat = report.routes[-1]
    assert chat.name == "chat"
    assert not chat.keep_bodies
    assert [(target.model, (target.price or "-").split()[0]) for target in chat.targets] == [
        ("openai/gpt-4o", "genai-prices"),
        ("mistral/mistral-large-latest", "genai-prices"),
        ("mine/llama", "-"),
    ]
    assert report.providers[0] == ProviderPlan(
        "openai", "https://api.openai.com/v1", "env:OPENAI_API_KEY", "openai", ("chat",)
    )
    assert report.findings == (
        Finding(
            "info",
            "The price of `mine/llama` is not known; its calls will have an unknown cost.",
            'State it in `[models."mine/llama"]` with `input` and `output`.',
        ),
    )
    assert "key-o" not in repr(report)


def test_mistakes_are_findings(tmp_path: Path) -> None:
    report = checked(tmp_path, "[server]\nprot = 1\nport = 0.5")
    assert not report.good
    assert report.settings is None
    assert [finding.key for finding in report.findings] == ["server.prot", "server.port"]
    assert [finding.level for finding in report.findings] == ["error", "error"]
    (finding,) = checked(tmp_path, "[server").findings
    assert finding.where == f"{tmp_path}/freehold.toml:1"


@pytest.mark.parametrize(
    ("text", "level", "message"),
    [
        ('[server]\nhost = "0.0.0.0"', "info", "listens on `0.0.0.0`"),
        ("[local]\nenabled = false", "warning", "There is no route."),
        ('[providers.x]\nbase_url = "https://api.example.com/v1"', "info", "No key is sent to `x`."),
        (
            '[providers.openai]\nprices = "opanai"',
            "warning",
            "The price list has no `opanai`: what `openai` costs will be unknown.",
        ),
        (
            '[providers.openai]\n[routes.a]\nincumbent = "openai/gpt-4o"\nfallbacks = ["openai/gpt-4o-mini"]',
            "info",
            "The route `a` is lost together with `openai`.",
        ),
        (
            '[routes.a]\nincumbent = "local/smollm2-135m"\nfallbacks = ["local/e5-small"]',
            "warning",
            "The models of the route `a` do different things.",
        ),
        (
            '[providers.x]\nbase_url = "http://x.example.com/v1"\napi_key = "env:OPENAI_API_KEY"',
            "warning",
            "The key of `x` would travel unencrypted",
        ),
    ],
)
def test_what_deserves_a_look(tmp_path: Path, text: str, level: str, message: str) -> None:
    report = checked(tmp_path, text)
    assert report.good
    (finding,) = report.findings
    assert finding.level == level
    assert message in finding.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert not checked(tmp_path, f'data = "{closed}/deeper/data"').good


def test_a_deprecated_model_is_noticed(tmp_path: Path) -> None:
    report = checked(
        tmp_path,
        """
        [providers.x]
        base_url = "http://127.0.0.1:1/v1"
        prices = "baseten"
        [routes.a]
        incumbent = "x/zai-org/GLM-4.7"
        fallbacks = ["local/smollm2-135m"]
        """,
    )
    deprecated = [finding for finding in report.findings if "deprecated" in finding.message]
    assert len(deprecated) == 1
    assert deprecated[0].level == "warning"


LIVE = """
    [providers.openai]
    models = ["gpt-5"]
    [providers.mistral]
    [providers.gemini]
    like = "openai"
    base_url = "https://g.example.com"
    [providers.silent]
    base_url = "http://127.0.0.1:1/v1"
    models_path = ""
    [routes.chat]
    incumbent = "openai/gpt-4o"
    fallbacks = ["mistral/mistral-lrage", "gemini/gemini-2.5-flash", "silent/x"]
"""


def ask(folder: Path, listed: dict[str, list[str] | Exception], seconds: float = 5.0) -> dict[str, Answer]:
    path = folder / "freehold.toml"
    path.write_text(LIVE)
    settings = load(path, KEYS)

    async def list_models(provider: str) -> list[str]:
        found = listed[provider]
        await asyncio.sleep(60 if isinstance(found, TimeoutError) else 0)
        if isinstance(found, Exception):
            raise found
        return found

    answers = asyncio.run(ask_providers(settings, list_models, seconds=seconds))
    return {answer.provider: answer for answer in answers}


def test_providers_are_asked_for_their_models(tmp_path: Path) -> None:
    answers = ask(
        tmp_path,
        {
            "openai": ["gpt-4o", "gpt-5"],
            "mistral": ["mistral-large", "mistral-small"],
            "gemini": ["models/gemini-2.5-flash"],
        },
    )
    assert list(answers) == ["openai", "mistral", "gemini", "silent"]
    assert answers["openai"] == Answer("openai", ("gpt-4o", "gpt-5"))
    assert answers["gemini"].findings == ()
    assert answers["mistral"].findings == (
        Finding(
            "warning",
            "`mistral/mistral-lrage` is not among the 2 models that `mistral` lists.",
            "Did you mean `mistral-large`?",
            key="routes.chat",
        ),
    )
    assert answers["silent"].models is None
    assert answers["silent"].findings[0].level == "info"


def test_providers_that_do_not_answer(tmp_path: Path) -> None:
    refused = ProviderRefused("`openai` said no.", provider="openai", status=401, body=b"")
    unreachable = ProviderUnreachable("No connection to `gemini`.", provider="gemini")
    answers = ask(
        tmp_path, {"openai": refused, "mistral": TimeoutError(), "gemini": unreachable}, seconds=0.05
    )
    said = {name: answer.findings[0] for name, answer in answers.items()}
    assert said["openai"].level == "error"
    assert said["openai"].hint == "It does not accept the key from `env:OPENAI_API_KEY`."
    assert said["mistral"].message == "`mistral` did not answer within 0.05 s."
    assert said["gemini"].hint == "It was asked at https://g.example.com/models."
    assert "key-o" not in repr(answers)


def test_a_model_that_is_listed_but_not_offered_by_name_is_told_from_where(tmp_path: Path) -> None:
    answers = ask(
        tmp_path, {"openai": ["gpt-4o"], "mistral": ["mistral-lrage"], "gemini": ["gemini-2.5-flash"]}
    )
    (finding,) = answers["openai"].findings
    assert finding.key == "providers.openai.models"
    assert "`openai/gpt-5`" in finding.message


def test_a_mistake_of_ours_is_not_taken_for_the_providers(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        ask(tmp_path, {"openai": ZeroDivisionError(), "mistral": [], "gemini": []})


@pytest.mark.parametrize(
    ("policy", "without"),
    [
        ('kind = "learned"', "its incumbent answers all calls"),
        (
            'kind = "cascade"\nmodels = ["local/smollm2-135m", "openai/gpt-4o"]\n'
            'confidence = "learned"\nthreshold = 0.8',
            "it goes without its cascade",
        ),
    ],
)
def test_a_route_that_waits_for_its_router_says_so(tmp_path: Path, policy: str, without: str) -> None:
    text = f"""
[providers.openai]
[routes.chat]
incumbent = "openai/gpt-4o"
fallbacks = ["local/smollm2-135m"]
[routes.chat.policy]
{policy}
"""
    found = [one for one in checked(tmp_path, text).findings if one.level == "warning"]
    assert [one.message for one in found] == [f"The route `chat` has no router yet, so {without}."]
    assert found[0].hint is not None
    assert "freehold router fit chat" in found[0].hint
    made = about(route="chat", incumbent="openai/gpt-4o", model="local/smollm2-135m")
    RouterShelf(tmp_path / ".freehold").keep(made, trained().model)
    assert [one for one in checked(tmp_path, text).findings if one.level == "warning"] == []
