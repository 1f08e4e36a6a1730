"""What a recipe may begin from, and where it is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from freehold.catalog.own import OwnModel
from freehold.core.errors import BadRequest, NotFound
from freehold.train.base import find_base
from freehold.train.run import Run, RunFolder

RUN = Run(
    id="run_01a207449ea94af04018385aa24b56a0",
    name="triage",
    recipe="sft",
    state="finished",
    base="local/smollm2-135m",
    dataset=None,
    dataset_hash=None,
    dials={},
    seed=0,
    versions={},
    begun_us=1,
    licence="Apache-2.0",
)


def put_run(data: Path, *, finished: bool = True) -> Path:
    folder = RunFolder(data / "runs" / RUN.id)
    folder.write(RUN if finished else msgspec.structs.replace(RUN, state="stopped"))
    if finished:
        folder.model.mkdir()
        (folder.model / "config.json").write_text("{}")
    return folder.model


def put_own(data: Path) -> Path:
    own = OwnModel(
        name="triage",
        format="gguf",
        form="gguf:q8_0",
        file="triage.gguf",
        sha256="0" * 64,
        context_window=512,
        parameters=1,
        licence="Apache-2.0",
        run=RUN.id,
        base=RUN.base,
        dataset=None,
        made_us=1,
        margin=0.02,
    )
    folder = data / "own/triage"
    folder.mkdir(parents=True)
    (folder / "own.json").write_bytes(msgspec.json.encode(own))
    return folder / own.file


def test_a_run_by_its_id_or_its_name(tmp_path: Path) -> None:
    model = put_run(tmp_path)
    for reference in (RUN.id, RUN.id[:14], "triage"):
        found = find_base(reference, tmp_path)
        assert (found.path, found.licence, found.reference) == (model, "Apache-2.0", RUN.id)


def test_a_run_without_a_model(tmp_path: Path) -> None:
    put_run(tmp_path, finished=False)
    with pytest.raises(BadRequest, match="is `stopped` and has no model yet") as refused:
        find_base("triage", tmp_path)
    assert refused.value.hint == f"`freehold train resume {RUN.id}` goes on with it."


def test_an_own_model_is_its_run_as_long_as_that_is_there(tmp_path: Path) -> None:
    weights = put_own(tmp_path)
    assert find_base("own/triage", tmp_path).path == weights
    assert find_base("own/triage", tmp_path).path != put_run(tmp_path)
    assert find_base("own/triage", tmp_path).path == RunFolder(tmp_path / "runs" / RUN.id).model
    with pytest.raises(NotFound, match="`own/other`"):
        find_base("own/other", tmp_path)


@pytest.mark.parametrize(
    ("head", "licence"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ('---\ntags: [x]\nlicense: "apache-2.0"  # both\n---\n', "apache-2.0"),
        ("---\ntags: [x]\n---\nlicense: mit\n", None),
        ("no head", None),
    ],
)
def test_a_folder_has_the_licence_of_its_card(tmp_path: Path, head: str, licence: str | None) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "README.md").write_text(head)
    assert find_base(str(tmp_path), tmp_path).licence == licence


def test_what_is_no_base(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRequest, match=r"has no `config\.json`"):
        find_base(str(tmp_path / "empty"), tmp_path)
    with pytest.raises(NotFound, match="There is no base `nobody`"):
        find_base("nobody", tmp_path)
    with pytest.raises(NotFound, match="`local/e5-small`"):
        find_base("local/e5-small", tmp_path)
