"""Providers, from their presets or on their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.config.sections import ProviderSection
from freehold.config.settings import Settings
from freehold.providers.settings import ProviderSettings, Timeouts
from freehold.wire.dialect import Quirks

KEYS = {"OPENAI_API_KEY": "key-o", "AZURE_OPENAI_API_KEY": "key-a", "VLLM_API_KEY": "key-v"}


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    path = folder / "freehold.toml"
    path.write_text(text)
    return load(path, KEYS if environ is None else environ)


def test_an_empty_table_is_enough_for_a_known_provider(tmp_path: Path) -> None:
    openai = read(tmp_path, "[providers.openai]").providers["openai"]
    assert openai.base_url == "https://api.openai.com/v1"
    assert openai.auth == "bearer"
    assert openai.prices == "openai"
    assert openai.api_key is not None
    assert openai.api_key.reveal() == "key-o"


def test_a_preset_under_another_name_and_what_is_written_comes_first(tmp_path: Path) -> None:
    text = """
        [providers.mine]
        like = "vllm"
        base_url = "https://gpu.example.com/v1/"
        stream_usage = false
        headers = { x-team = "one" }
        query = { api-version = "2" }
        models = ["a", "b/c"]
        max_connections = 7
        keep_alive = false
        models_path = ""
        timeouts = { total = "2m", silence = 5 }
    """
    assert read(tmp_path, text).providers["mine"] == ProviderSettings(
        "mine",
        base_url="https://gpu.example.com/v1",
        stream_usage=False,
        headers={"x-team": "one"},
        query={"api-version": "2"},
        models=("a", "b/c"),
        max_connections=7,
        keep_alive=False,
        models_path="",
        timeouts=Timeouts(total=120.0, silence=5.0),
        quirks=Quirks(custom_tools=False),
    )


def test_defaults_are_those_of_the_client() -> None:
    ours, theirs = ProviderSection(), ProviderSettings("x")
    assert (ours.max_connections, ours.keep_alive, ours.timeouts, ours.models) == (
        theirs.max_connections,
        theirs.keep_alive,
        theirs.timeouts,
        theirs.models,
    )


def test_a_preset_fills_in_what_it_needs(tmp_path: Path) -> None:
    azure = read(tmp_path, '[providers.azure]\nresource = "contoso"').providers["azure"]
    assert azure.base_url == "https://contoso.openai.azure.com/openai/v1"
    assert azure.auth == "api-key"
    old = read(
        tmp_path, '[providers.old]\nlike = "azure-deployment"\nresource = "contoso"\ndeployment = "gpt-4o"'
    ).providers["old"]
    assert old.base_url == "https://contoso.openai.azure.com/openai/deployments/gpt-4o"
    assert old.query == {"api-version": "2024-10-21"}


def test_a_key_is_never_sent_to_another_address_than_the_presets(tmp_path: Path) -> None:
    proxied = read(tmp_path, '[providers.openai]\nbase_url = "https://proxy.example.com/v1"')
    assert proxied.providers["openai"].api_key is None
    assert proxied.providers["openai"].prices == "openai"
    said = read(
        tmp_path,
        '[providers.openai]\nbase_url = "https://proxy.example.com/v1"\napi_key = "env:OPENAI_API_KEY"',
    )
    assert said.providers["openai"].api_key is not None


def test_an_optional_key_may_be_missing_but_not_one_that_was_named(tmp_path: Path) -> None:
    assert read(tmp_path, "[providers.vllm]", {}).providers["vllm"].api_key is None
    assert read(tmp_path, "[providers.vllm]").providers["vllm"].api_key is not None
    assert read(tmp_path, "[providers.ollama]", {}).providers["ollama"].api_key is None
    with pytest.raises(InvalidSettingsError, match="VLLM_API_KEY"):
        read(tmp_path, '[providers.vllm]\napi_key = "env:VLLM_API_KEY"', {})


def test_a_server_costs_nothing_only_where_it_is_ones_own(tmp_path: Path) -> None:
    def prices(line: str) -> str | None:
        return read(tmp_path, f"[providers.ollama]\n{line}").providers["ollama"].prices

    assert prices("") == "own-machine"
    assert prices('base_url = "http://localhost:9999/v1"') == "own-machine"
    assert prices('base_url = "https://ollama.example.com/v1"') is None
    assert prices('base_url = "http://10.0.0.7:11434/v1"') is None
    assert prices('base_url = "http://10.0.0.7:11434/v1"\nprices = "own-machine"') == "own-machine"


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://gpu.example.com/v1", True),
        ("http://8.8.8.8/v1", True),
        ("https://gpu.example.com/v1", False),
        ("http://127.0.0.1:1/v1", False),
        ("http://[::1]:1/v1", False),
        ("http://10.1.2.3/v1", False),
        ("http://gpu/v1", False),
        ("http://gpu.internal/v1", False),
        ("http://llm.team.svc/v1", False),
    ],
)
def test_a_key_over_plain_http(tmp_path: Path, url: str, warned: bool) -> None:
    text = f'[providers.x]\nbase_url = "{url}"\n'
    assert read(tmp_path, text).warnings == ()
    found = read(tmp_path, f'{text}api_key = "env:OPENAI_API_KEY"').warnings
    assert [finding.key for finding in found] == (["providers.x.base_url"] if warned else [])


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "[providers.opanai]",
            "`providers.opanai.base_url` is missing, and there is no preset called `opanai`.",
            "Did you mean `openai`?",
        ),
        (
            '[providers.x]\nlike = "mistrall"',
            'There is no preset called "mistrall".',
            "Did you mean `mistral`?",
        ),
        ('[providers.x]\nlike = "zzz"', 'There is no preset called "zzz".', "There are `anthropic`,"),
        ('[providers.x]\nlike = "../openai"', 'There is no preset called "../openai".', ""),
        (
            "[providers.azure]",
            "`providers.azure.resource` is missing: the name of your Azure OpenAI resource, the first part of "
            "its address.",
            "",
        ),
        ('[providers.azure]\nresource = "evil.com/x"', "`providers.azure.resource` must be the name of", ""),
        (
            '[providers.azure]\nresource = "a"\nbase_url = "https://x.example/v1"',
            "`providers.azure.resource` has no use beside `base_url`; remove one.",
            "",
        ),
        (
            '[providers.x]\nbase_url = "api.example.com"',
            "must be a URL like `https://api.example.com/v1`.",
            "",
        ),
        ('[providers.x]\nbase_url = "ftp://api.example.com"', "must be a URL like", ""),
        ('[providers.x]\nbase_url = "https://"', "must be a URL like", ""),
        ('[providers.x]\nbase_url = "https://a:99999/v1"', "must be a URL like", ""),
        ('[providers.x]\nbase_url = "https://a.example/v1?key=1"', "must be a URL without `?` and `#`", ""),
        ('[providers.x]\nbase_url = "https://{host}/v1"', "without placeholders", ""),
        (
            '[providers.x]\nbase_url = "https://a.example/v1/chat/completions"',
            "must be the URL without `/chat/completions`",
            "",
        ),
        ('[providers.openai]\nauth = "my header"', "`providers.openai.auth` cannot name a header.", ""),
        ('[providers.openai]\nauth = "host"', "`providers.openai.auth` cannot name a header.", ""),
        ('[providers.openai]\nheaders = { "a b" = "c" }', "is not a header that can be sent.", ""),
        ('[providers.openai]\nheaders = { Host = "c" }', "is set by Freehold for each request.", ""),
        ('[providers.openai]\nheaders = { a = "b\\nc" }', "must be a text on one line", ""),
        ('[providers.openai]\nchat_path = "chat"', "must be a path that begins with `/`.", ""),
        ('[providers.openai]\nchat_path = ""', "must be a text on one line", ""),
        ('[providers."a/b"]\nlike = "openai"', "`a/b` cannot name a provider.", "no slash"),
        ("[providers.local]", "`local` is the name of the models that run on this machine.", "[local]"),
        (
            '[providers.openai]\n[providers.OpenAI]\nlike = "openai"',
            "`OpenAI` and `openai` are too much alike to name two providers.",
            "",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        read(tmp_path, text)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in (problem.hint or "")
    assert problem.where is not None
    assert problem.where.startswith(f"{tmp_path}/freehold.toml:")


def test_a_cloud_that_hosts_claude_is_signed_for_at_any_address(tmp_path: Path) -> None:
    text = """
        [providers.amazon]
        like = "bedrock-anthropic"
        base_url = "https://vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com"
        region = "eu-central-1"
        auth = "aws"
        api_key = "env:SECRET"
        access_key_id = "AKIDEXAMPLE"
        [providers.google]
        like = "vertex-anthropic"
        location = "europe-west1"
        project = "acme"
        api_key = "file:account.json"
    """
    account = '{\n  "client_email": "robot@example.com",\n  "private_key": "-----BEGIN PRIVATE KEY-----"\n}\n'
    (tmp_path / "account.json").write_text(account)
    (tmp_path / "account.json").chmod(0o600)
    settings = read(tmp_path, text, {"SECRET": "s/e+c"})
    amazon, google = settings.providers["amazon"], settings.providers["google"]
    assert (amazon.hosting, amazon.region) == ("bedrock", "eu-central-1")
    assert amazon.framing_of("anthropic-messages") == "aws-invoked"
    assert (google.hosting, google.auth) == ("vertex", "google")
    assert google.framing_of("anthropic-messages") == "sse"
    assert google.api_key is not None
    assert google.api_key.reveal() == account.strip()
    assert settings.warnings == ()
    assert (amazon.headers, google.headers) == ({}, {})


def test_a_version_of_anthropic_s_api_is_named_whatever_else_is_sent(tmp_path: Path) -> None:
    text = """
        [providers.anthropic]
        headers = { x-team = "one" }
        [providers.proxy]
        base_url = "https://proxy.example/v1"
        dialects = ["anthropic-messages"]
        headers = { Anthropic-Version = "2026-10-21" }
        [providers.bare]
        base_url = "https://bare.example/v1"
        dialects = ["anthropic-messages", "openai-chat"]
        [providers.other]
        base_url = "https://other.example/v1"
    """
    found = read(tmp_path, text, {"ANTHROPIC_API_KEY": "key-a"}).providers
    assert found["anthropic"].headers == {"anthropic-version": "2023-06-01", "x-team": "one"}
    assert found["proxy"].headers == {"Anthropic-Version": "2026-10-21"}
    assert found["bare"].headers == {"anthropic-version": "2023-06-01"}
    assert found["other"].headers == {}


def test_only_anthropic_s_dialect_is_hosted(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingsError, match="is a form of `anthropic-messages` alone"):
        read(tmp_path, '[providers.x]\nbase_url = "https://x.example/v1"\nhosting = "vertex"')
