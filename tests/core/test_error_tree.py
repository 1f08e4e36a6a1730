"""The error tree: what every error has, and what the top of its file says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from freehold.core import errors
from freehold.core.errors import BadRequest, FreeholdError, ProviderRefused, ProviderTimeout, SettingsError


def tree(kind: type[FreeholdError] = FreeholdError) -> Iterator[type[FreeholdError]]:
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield below
            yield from tree(below)


def test_the_drawing_is_the_tree() -> None:
    """Every class is drawn once, below its parent, with its status where it has one number."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if "── " in line]
    parents: list[str] = ["FreeholdError"]
    drawn = {}
    for line in lines:
        branch, _, text = line.partition("── ")
        depth = len(branch) // 4 + 1
        name, said = re.split(r"\s+", text, maxsplit=1)
        parents[depth:] = [name]
        drawn[name] = (parents[depth - 1], said)
    assert set(drawn) == {kind.__name__ for kind in tree()}
    for kind in tree():
        parent, said = drawn[kind.__name__]
        assert kind.__bases__[0].__name__ == parent
        if said[:3].isdigit():
            assert kind.status == int(said[:3])


def test_every_code_is_a_word_of_its_own() -> None:
    codes = [kind.code for kind in tree()]
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)
    shared = {code for code in codes if codes.count(code) > 1}
    assert shared == {"invalid_request"}  # of ClientError, and of BadRequest, which says no more than that


def test_an_error_says_its_hint() -> None:
    assert str(BadRequest("It is wrong.")) == "It is wrong."
    assert str(BadRequest("It is wrong.", hint="Do that.")) == "It is wrong. Do that."
    error = SettingsError("It is wrong.", hint="Do that.", where="freehold.toml: x")
    assert (error.message, error.hint, error.where) == ("It is wrong.", "Do that.", "freehold.toml: x")


def test_provider_errors_name_the_provider() -> None:
    late = ProviderTimeout("late", provider="acme", phase="silence")
    assert (late.provider, late.phase, late.status) == ("acme", "silence", 504)
    refused = ProviderRefused("no", provider="acme", status=429, body=b"{}", retry_after="3")
    assert (refused.provider_status, refused.body, refused.retry_after) == (429, b"{}", "3")
