"""What a cascade's configuration has to say, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from freehold.config.load import load
from freehold.config.problems import InvalidSettingsError
from freehold.routing.routes import Target

PROVIDER = '[providers.p]\nbase_url = "http://127.0.0.1:1/v1"\n'
ROUTE = '[routes.chat]\nincumbent = "p/dear"\n[routes.chat.policy]\nkind = "cascade"\n'
MODELS = 'models = ["p/cheap", "p/dear"]\n'


def test_a_cascade_brings_the_models_that_are_not_on_its_route(tmp_path: Path) -> None:
    file = tmp_path / "freehold.toml"
    file.write_text(f'{PROVIDER}{ROUTE}{MODELS}confidence = "agreement"\nthreshold = 0.75\nsamples = 5')
    policy = load(file, {}).policies["chat"]
    assert policy.models == (Target("p", "cheap"), Target("p", "dear"))
    assert policy.brings == (Target("p", "cheap"),)
    assert (policy.confidence, policy.threshold, policy.samples) == ("agreement", 0.75, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('confidence = "schema"', "`routes.chat.policy` names no models, and a cascade has two at least."),
        ('models = ["p/dear"]\nconfidence = "schema"', "names one model, and"),
        (MODELS, "does not say when an answer is good enough"),
        (f'{MODELS}confidence = "hope"', "hope"),
        (f'{MODELS}confidence = "logprobs"', "does not say from which score on"),
        (f'{MODELS}confidence = "logprobs"\nthreshold = 1.5', "threshold"),
        (f'{MODELS}confidence = "schema"\nthreshold = 0.5', "means nothing to `schema`"),
        (f'{MODELS}confidence = "logprobs"\nthreshold = 0.5\nsamples = 3', "is for `agreement` alone"),
        (f'{MODELS}confidence = "agreement"\nthreshold = 0.5\nsamples = 1', "samples"),
        ('models = ["p/dear", "p/dear"]\nconfidence = "schema"', "`p/dear` is named twice."),
        ('models = ["p/dear", "q/x"]\nconfidence = "schema"', "`q/x` is of an unknown provider."),
        (
            f'{MODELS}confidence = "schema"\nweights = {{ "p/dear" = 1 }}',
            "means nothing to a policy `cascade`",
        ),
    ],
)
def test_what_makes_no_cascade_is_said(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "freehold.toml"
    file.write_text(f"{PROVIDER}{ROUTE}{text}")
    with pytest.raises(InvalidSettingsError) as refused:
        load(file, {})
    assert message in "\n".join(one.message for one in refused.value.problems)


@pytest.mark.parametrize("setting", ["threshold = 0.0", "samples = 3", 'confidence = "schema"', MODELS])
def test_what_is_a_cascades_means_nothing_to_others(tmp_path: Path, setting: str) -> None:
    file = tmp_path / "freehold.toml"
    weighted = ROUTE.replace("cascade", "weighted")
    file.write_text(f'{PROVIDER}{weighted}weights = {{ "p/dear" = 1 }}\n{setting}')
    with pytest.raises(InvalidSettingsError) as refused:
        load(file, {})
    assert "means nothing to a policy `weighted`" in refused.value.problems[0].message
