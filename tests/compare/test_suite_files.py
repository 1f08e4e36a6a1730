"""Files of cases: what is understood, what is told of mistakes, and what a suite's hash depends on."""

from __future__ import annotations

import csv
import io
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from freehold.compare.case import ScorerSettings, Source, Suite
from freehold.compare.suites.casefile import CaseFile, Columns
from freehold.compare.suites.description import Description
from freehold.compare.suites.exporting import lines_of
from freehold.compare.suites.lines import LONGEST
from freehold.compare.suites.reading import CASE_FIELDS
from freehold.compare.suites.recorded import ScoreRange, range_of
from freehold.compare.suites.recording import RecordedFile
from freehold.compare.suites.scorer_text import read_scorer, write_scorer
from freehold.core.errors import BadRequest

EXACT = (ScorerSettings(kind="exact"),)
ANY = (ScorerSettings(kind="recorded"),)
"""Takes any target."""
Rows = list[dict[str, Any]]

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda one: one.strip()
)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
rows = st.lists(
    st.fixed_dictionaries(
        {"input": texts, "target": st.one_of(texts, st.lists(texts, max_size=3))},
        optional={"class": names, "group": names, "system": texts},
    ),
    min_size=1,
    max_size=8,
)


def _file(folder: Path, text: str | bytes, name: str = "cases.jsonl") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _hash(folder: Path, text: str | bytes, name: str = "cases.jsonl") -> str:
    return CaseFile(_file(folder, text, name)).look_through(ANY).hash


def _refused(folder: Path, text: str | bytes, name: str = "cases.jsonl") -> str:
    with pytest.raises(BadRequest) as told:
        CaseFile(_file(folder, text, name)).look_through(EXACT)
    return str(told.value)


def _shuffled(row: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    return dict(dice.sample(list(row.items()), len(row)))


layouts = st.fixed_dictionaries({"ascii": st.booleans(), "spaces": st.booleans(), "crlf": st.booleans()})


@limits(deadline=None)  # the first example imports what reads requests
@given(rows=rows, seed=st.integers(0, 2**16), layout=layouts)
def test_the_hash_depends_on_values_and_not_on_their_layout(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows, seed: int, layout: dict[str, bool]
) -> None:
    folder = tmp_path_factory.mktemp("layout")
    dice = random.Random(seed)
    plain = "".join(json.dumps(row) + "\n" for row in rows)
    separators = (" ,  ", " :\t") if layout["spaces"] else (",", ":")
    lines = [
        json.dumps(_shuffled(row, dice), ensure_ascii=layout["ascii"], separators=separators) for row in rows
    ]
    other = ("\r\n" if layout["crlf"] else "\n\n").join(lines)
    assert _hash(folder, plain) == _hash(folder, b"\xef\xbb\xbf" + other.encode())


@given(rows=rows, place=st.integers(0, 7), other=texts)
def test_the_hash_changes_with_the_content_and_the_order(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows, place: int, other: str
) -> None:
    folder = tmp_path_factory.mktemp("content")
    rows = [{**row, "id": str(number)} for number, row in enumerate(rows)]
    before = _hash(folder, "\n".join(map(json.dumps, rows)))
    place %= len(rows)
    if rows[place]["input"] != other:
        changed = [{**row, "input": other} if at == place else row for at, row in enumerate(rows)]
        assert _hash(folder, "\n".join(map(json.dumps, changed))) != before
    if len(rows) > 1:
        assert _hash(folder, "\n".join(map(json.dumps, reversed(rows)))) != before


@given(rows=rows)
def test_what_is_exported_is_the_same_suite(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> None:
    folder = tmp_path_factory.mktemp("export")
    file = CaseFile(_file(folder, "\n".join(map(json.dumps, rows))))
    contents = file.look_through(ANY)
    suite = Suite(
        id="suite_1",
        name="a",
        hash=contents.hash,
        source=Source(kind="file", name="a"),
        scorers=ANY,
        cases=contents.cases,
        made_us=0,
    )
    exported = CaseFile(_file(folder, b"".join(lines_of(suite, file.cases())), "again.jsonl"))
    assert exported.look_through() == contents
    other = (*ANY, read_scorer("rubric-judge:model=a/b"))
    assert exported.look_through(other).hash != contents.hash


@given(rows=rows, delimiter=st.sampled_from(",;\t"))
def test_a_table_makes_the_same_suite_as_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: Rows, delimiter: str
) -> None:
    folder = tmp_path_factory.mktemp("table")
    told = [
        {"input": row["input"], "target": "a", "class": row.get("class", ""), "id": str(number)}
        for number, row in enumerate(rows)
        if not set(row["input"]) & set("\r\n\0")
    ]
    if not told:
        return
    table = io.StringIO()
    writer = csv.DictWriter(table, list(told[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(told)
    lines = [{name: value for name, value in row.items() if value} for row in told]
    assert _hash(folder, table.getvalue(), "a.csv") == _hash(folder, "\n".join(map(json.dumps, lines)))


def test_a_line_may_be_a_conversation_or_a_whole_request(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    same = [
        {"input": chat, "target": "a", "tools": tools},
        {"input": "Hi", "system": "Be short.", "target": "a", "tools": tools},
        {"request": {"messages": chat, "tools": tools, "model": "gpt-4o", "stream": True}, "target": "a"},
    ]
    assert len({_hash(tmp_path, json.dumps(row)) for row in same}) == 1


def test_every_mistake_is_told_with_its_line_and_field(tmp_path: Path) -> None:
    good = '{"input": "a", "target": "b"}'
    mistakes = [
        (b'{"input": "", "target": "a"}', "line 2, field `input`: It is empty."),
        (
            b'{"inputs": "a", "target": "a"}',
            "line 3, field `inputs`: There is no such field. Did you mean `input`?",
        ),
        (b"nope", "line 4: The line is not JSON"),
        (b'{"input": "a", "target": NaN}', "line 5: The line is not JSON: there is no `NaN` in JSON"),
        (b"[1]", "line 6: The line is a list and not an object."),
        (b'{"input": 5, "target": "a"}', "line 7, field `input`: It has to be text or a list of messages"),
        (
            b'{"input": "a", "target": "b", "id": "1"}',
            "line 8, field `id`: The id `1` is that of line 1, too.",
        ),
        (b'{"input": "a", "target": {"b": 1}}', "line 9, field `target`"),
        (b'{"input": [], "target": "b"}', "line 10, field `input`: There are no messages in it."),
        (b'{"input": [{"role": "user", "content": 5}], "target": "b"}', "line 11, field `input`"),
        (b'{"target": "b"}', "line 12, field `input`: `input` and `request` are both missing."),
        (b'{"input": "a\xff", "target": "b"}', "line 13: The line is not UTF-8: byte 13 of it is 0xff."),
        (b'{"input": "a", "target": "b", "class": ["x"]}', "line 14, field `class`: It has to be text"),
        (
            b'{"request": {"messages": [{"role": "user", "content": "a"}], "n": 3}}',
            "line 15, field `request.n`",
        ),
        (b'{"request": {"messages": [{"role": "nobody"}]}, "target": "a"}', "line 16, field `request."),
        (b'{"input": "a", "target": 1e999}', "line 17: A number in the line is too large."),
        (b'{"input": "\\ud800", "target": "a"}', "line 18: The line is not JSON"),
    ]
    told = _refused(tmp_path, b"\n".join([good.encode(), *(line for line, _ in mistakes)]))
    assert f"has {len(mistakes)} mistakes" in told
    for _, message in mistakes:
        assert f"cases.jsonl, {message}" in told, told


@pytest.mark.parametrize(
    "line",
    [
        '{"input": "a", "target": "b", "target": "c"}',
        '{"request": {"messages": [{"role": "user", "content": "good", "content": "evil"}]}, "target": "b"}',
        '{"request": {"messages": [], "messages": [{"role": "user", "content": "a"}]}, "target": "b"}',
        '{"input": [{"role": "user", "content": "good", "cont\\u0065nt": "evil"}], "target": "b"}',
    ],
)
def test_a_name_that_is_twice_in_an_object_is_a_mistake(tmp_path: Path, line: str) -> None:
    """Providers differ in which one they read, and an answer would be found again for a question that nobody asked."""
    assert "twice." in _refused(tmp_path, line)


def test_a_name_that_is_twice_in_a_cell_is_a_mistake(tmp_path: Path) -> None:
    table = io.StringIO()
    request = '{"messages": [{"role": "user", "content": "good", "content": "evil"}]}'
    csv.writer(table).writerows([["request", "target"], [request, "b"]])
    assert "twice." in _refused(tmp_path, table.getvalue(), "cases.csv")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("cost", "1e10", "cannot be more than 1,000,000"),
        ("cost", "1e300", "cannot be more than"),
        ("latency_s", "1e308", "cannot be more than"),
        ("input_tokens", "1e300", "cannot be more than"),
        ("failure", '"time\\u0000out"', "control characters"),
        ("failure", '"time\\u001b[2Jout"', "control characters"),
        ("reported_model", '"gpt\\u202e"', "control characters"),
    ],
)
def test_what_nobody_could_have_recorded_is_a_mistake(
    tmp_path: Path, field: str, value: str, told: str
) -> None:
    said = "" if field == "failure" else ', "answer": "x"'
    line = f'{{"case": "1", "model": "a/b", "input": "q", "target": "t"{said}, "{field}": {value}}}'
    description = Description(name="x", cases=_file(tmp_path, line), scorers=EXACT)
    with pytest.raises(BadRequest, match=f"field `{field}`.*{told}"):
        RecordedFile(description, ScoreRange()).look_through()


def test_a_range_of_scores_that_cannot_be_divided_by_is_none() -> None:
    for text in ("-1e308:1e308", "1:1", "nan:1", "0:inf", "5:1"):
        with pytest.raises(BadRequest, match="no range of scores"):
            range_of(text)


def test_no_more_than_twenty_mistakes_are_told(tmp_path: Path) -> None:
    told = _refused(tmp_path, "nope\n" * 100)
    assert told.count("not JSON") == 20
    assert "has 20 mistakes or more:" in told


def test_files_that_are_none_are_told_apart(tmp_path: Path) -> None:
    assert "There is no case" in _refused(tmp_path, "\n\n")
    assert "UTF-16" in _refused(tmp_path, '{"input": "a"}'.encode("utf-16"))
    assert "`….jsonl`" in _refused(tmp_path, "{}", "cases.json")
    with pytest.raises(BadRequest, match="cannot be read: No such file"):
        CaseFile(tmp_path / "none.jsonl").look_through(EXACT)
    deep = '{"input": "a", "target": ' + "[" * 5000 + "]" * 5000 + "}"
    assert "line 1: The line is nested too deeply." in _refused(tmp_path, deep)
    huge = b'{"input": "' + b"a" * LONGEST + b'"}\n{"input": "a"}'
    assert "line 1: The line is longer than 16.0 MB." in _refused(tmp_path, huge)


def test_a_table_tells_of_its_mistakes_at_their_lines(tmp_path: Path) -> None:
    table = 'input,target,tools\n"a\nb",c,\n"d",e\nf,g,nope\n\n"h"i,j,\n'
    told = _refused(tmp_path, table, "cases.csv")
    assert "cases.csv, line 4: There are 2 cells under 3 columns." in told
    assert "cases.csv, line 5, field `tools`: The cell is not JSON" in told
    assert "cases.csv, line 7: The record cannot be read" in told
    assert "the column `input` is there twice" in _refused(tmp_path, "input,input\na,b\n", "cases.csv")


def test_a_mistake_of_many_lines_is_told_once_and_with_what_to_do(tmp_path: Path) -> None:
    table = "id,question,expected,url\n1,a,b,c\n2,d,e,f\n"
    told = _refused(tmp_path, table, "cases.csv").splitlines()
    assert told == [
        f"`{tmp_path / 'cases.csv'}` has 3 mistakes:",
        "cases.csv, line 2 and 1 line more, field `question`: There is no such field. If it is `input` by another "
        "name, say `--field input=question`. If it means nothing here: `--ignore question`.",
        "cases.csv, line 2 and 1 line more, field `expected`: There is no such field. If it is `target` by another "
        "name, say `--field target=expected`. If it means nothing here: `--ignore expected`.",
        "cases.csv, line 2 and 1 line more, field `url`: There is no such field. If it is one of ours by another name, "
        "say `--field OURS=url`. If it means nothing here: `--ignore url`.",
    ]
    recorded = '{"case":"1","model":"a/b","answer":"c"}\n' * 40
    assert _refused(tmp_path, recorded) == (
        "cases.jsonl, line 1 and 39 lines more: It is a recorded answer and no case: say `--recorded`."
    )


def test_tables_come_as_spreadsheets_write_them(tmp_path: Path) -> None:
    plain = _hash(tmp_path, "input,target\n서울은?,대한민국\n", "cases.csv")
    for table in (
        "sep=;\r\ninput;target\r\n서울은?;대한민국\r\n",
        "\ufeffinput,target,,\r\n서울은?,대한민국,,\r\n",
    ):
        assert _hash(tmp_path, table, "cases.csv") == plain
    told = _refused(tmp_path, "input,target,\na,b,c\n", "cases.csv")
    assert told == 'cases.csv, line 2: Column 3 has no name, and there is something in it: `"c"`.'
    told = _refused(tmp_path, "input,target\n서울,한국\n한글,세종\n".encode("cp949"), "cases.csv")
    assert told.startswith("cases.csv, line 2 and 1 line more: The line is not UTF-8")
    assert told.endswith("Excel calls it `CSV UTF-8`.")


def test_a_header_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"line 1: the header cannot be read: "):
        CaseFile(_file(tmp_path, b"input\rtarget,id\nWhy?,so,1\n", "cases.csv")).look_through(ANY)


def test_a_table_without_a_header_is_told_to_have_none(tmp_path: Path) -> None:
    told = _refused(tmp_path, "What is 2+2?,4\nWhat is 3+3?,6\n", "cases.csv")
    assert told.startswith(
        "cases.csv, line 1: none of these columns is a field of a case: `What is 2+2?`, `4`."
    )
    assert "Did you mean `input`?" in _refused(tmp_path, "Input,Target\na,b\n", "cases.csv")


def test_fields_may_have_other_names(tmp_path: Path) -> None:
    path = _file(tmp_path, '{"question": "a", "answer": "b", "url": "c"}\n')
    columns = Columns({"question": "input", "answer": "target"}, ("url",))
    assert CaseFile(path, columns).look_through(ANY).hash == _hash(tmp_path, '{"input": "a", "target": "b"}')
    both = _file(tmp_path, '{"question": "a", "input": "b", "target": "c"}\n')
    with pytest.raises(BadRequest, match="by our name and by yours"):
        CaseFile(both, Columns({"question": "input"})).look_through(EXACT)


values = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(st.text("ab,=\"'", max_size=5), max_size=3),
)


@given(
    kind=st.sampled_from(["exact", "json-schema", "rubric-judge"]),
    settings=st.dictionaries(st.from_regex(r"[a-z_][a-z_-]{0,8}", fullmatch=True), values, max_size=4),
)
def test_a_scorer_reads_as_it_is_written(kind: str, settings: dict[str, Any]) -> None:
    scorer = ScorerSettings(kind=kind, settings=json_raw(settings))
    read = read_scorer(write_scorer(scorer))
    assert read.kind == kind
    assert json.loads(bytes(read.settings)) == settings


def json_raw(value: object) -> Any:
    return msgspec.Raw(msgspec.json.encode(value))


def test_scorers_are_written_as_people_would() -> None:
    read = read_scorer('rubric-judge:model=openai/gpt-4o, repeats=3,rubric="a, b", only=["x"], strict=true')
    assert json.loads(bytes(read.settings)) == {
        "model": "openai/gpt-4o",
        "repeats": 3,
        "rubric": "a, b",
        "only": ["x"],
        "strict": True,
    }
    for wrong in (
        "",
        ":",
        "exact:",
        "judge:model",
        "judge:=a",
        'judge:a="b"c',
        "judge:a=1,a=2",
        'judge:a="b',
    ):
        with pytest.raises(BadRequest):
            read_scorer(wrong)


GOOD = json.dumps(
    {"input": [{"role": "user", "content": "Hi"}], "target": "a", "tools": [], "class": "x"}
).encode()


@given(
    name=st.sampled_from(["cases.jsonl", "cases.csv"]),
    lines=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.just(GOOD),
            st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=3)).map(
                lambda cut: GOOD[: cut[0]] + cut[1] + GOOD[cut[0] + 1 :]
            ),
            st.recursive(values, lambda some: st.dictionaries(st.sampled_from(CASE_FIELDS), some)).map(
                msgspec.json.encode
            ),
        ),
        max_size=4,
    ),
)
def test_whatever_is_in_a_file_it_is_a_suite_or_a_mistake_that_is_told(
    tmp_path_factory: pytest.TempPathFactory, name: str, lines: list[bytes]
) -> None:
    path = _file(tmp_path_factory.mktemp("any"), b"\n".join(lines), name)
    try:
        contents = CaseFile(path).look_through(ANY)
    except BadRequest as error:
        assert str(error)
    else:
        assert contents.cases == len(list(CaseFile(path).cases())) > 0
    described = Description(name="any", cases=path, scorers=ANY)
    with suppress(BadRequest):
        RecordedFile(described, ScoreRange()).look_through()
