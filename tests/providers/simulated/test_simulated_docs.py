"""docs/simulated.md says what is so."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest

from freehold.providers.simulated import Behaviour, decode_script
from freehold.providers.simulated.account import Account
from freehold.providers.simulated.asking import Ask, Called, Offered, Said, Thought, Told, description
from freehold.providers.simulated.faults import AnyFault, Fault, kind_of
from freehold.providers.simulated.stage import DIALECTS

DOCUMENT = Path(__file__).parents[3].joinpath("docs", "simulated.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


def table(first: str) -> dict[str, str]:
    """Rows of the table that begins with `first`, by the name in their first column."""
    rows = DOCUMENT.split(f"| {first} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return {row.split("`")[1]: row for row in rows}


def test_its_scripts_can_be_played() -> None:
    scripts = [decode_script(text, "toml") for text in blocks("toml")]
    assert len(scripts) == 2
    assert set(scripts[0].models) == {"chatty", "flaky", "agent", "thinker", "parrot", "*"}


def test_its_program_runs() -> None:
    (program,) = blocks("python")
    exec(compile(program, "simulated.md", "exec"), {})


def test_it_lists_every_behaviour_and_every_fault_with_all_keys() -> None:
    assert list(table("key")) == list(Behaviour.__struct_fields__)
    faults: tuple[type[Fault], ...] = typing.get_args(AnyFault)
    rows = table("`kind`")
    assert list(rows) == [kind_of(fault()) for fault in faults]
    for fault in faults:
        columns = rows[kind_of(fault())].split("|")
        named = re.findall(r"`(\w+)`(?: ([^,`]+|`[^`]+`))?(?:,|$)", columns[2].strip())
        documented = {name: default.strip().strip("`") for name, default in named}
        assert list(documented) == [name for name in fault.__struct_fields__ if name != "chance"]
        for field in msgspec.structs.fields(fault):
            if documented.get(field.name):
                assert documented[field.name] == msgspec.json.encode(field.default).decode()


def test_it_lists_every_field_of_the_description_and_every_dialect() -> None:
    ask = Ask(
        model="m",
        account=Account(0, "", "", {}),
        turns=[
            Told("system", [Said("s")]),
            Told("user", [Said("u")]),
            Told("assistant", [Thought("t", state=True), Called("a", "f", "{}")]),
        ],
        tools=[Offered("f")],
        hosted=["search"],
        choice="required",
        allowed=["f"],
        parallel=False,
        schema={},
        limit=1,
        n=2,
        effort="low",
        cache_marks=1,
    )
    fields = {*description(ask), *description(Ask(model="m", account=ask.account, json=True))}
    assert set(table("field")) == fields
    assert set(table("dialect")) == set(DIALECTS)


@pytest.mark.parametrize(
    "path", ["GET /_simulated/requests", "DELETE /_simulated/requests", "POST /_simulated/script"]
)
def test_it_lists_the_control(path: str) -> None:
    assert f"| `{path}" in DOCUMENT
