"""What is learned, what is left out and told, and what happens where something is missing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import msgspec
import pytest
import torch
from private_disk import PrivateDisk
from tiny_training import COLOURS, command, put_base, put_dataset, row, run

from freehold.core.errors import BadRequest
from freehold.train.base import load_base
from freehold.train.conversations import examples_of
from freehold.train.data.row import Row
from freehold.train.export.torch_form import load_form
from freehold.train.packed import loss_of
from freehold.train.packing import pack


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    put_dataset(home / ".freehold", "colours", map(row, range(48)), map(row, range(100, 104)))
    put_base(home / "base")
    return home


def test_side_by_side_is_the_same_as_alone(home: Path) -> None:
    """The loss of each answer token is what the model says to the whole conversation without any packing."""
    base = load_base(str(home / "base"), home / ".freehold")
    examples, unusable = examples_of(map(row, range(7)), base.tokenizer, 512)
    assert not unusable
    together = loss_of(base.model, pack(examples), "fp32")
    alone = torch.tensor(0.0)
    for one in examples:
        tokens = torch.tensor([[*one.prompt, *one.answer]])
        labels = torch.tensor([[*[-100] * len(one.prompt), *one.answer]])
        alone = alone + base.model(input_ids=tokens, labels=labels).loss.detach() * len(one.answer)
    assert together.item() == pytest.approx(alone.item(), rel=1e-5)


def test_only_the_answer_is_learned_with_its_end(home: Path) -> None:
    base = load_base(str(home / "base"), home / ".freehold")
    (one,), _ = examples_of([row(3)], base.tokenizer, 512)
    assert base.tokenizer.decode(one.answer) == f"{list(COLOURS.values())[3]} 3<|im_end|>"
    assert base.tokenizer.decode(one.prompt).endswith("<|im_start|>assistant\n")


def test_reasoning_is_learned_in_its_tags(home: Path) -> None:
    base = load_base(str(home / "base"), home / ".freehold")
    thought = _with(row(1), answer={"content": "green", "reasoning_content": "because"})
    (one,), _ = examples_of([thought], base.tokenizer, 512)
    assert base.tokenizer.decode(one.answer) == "<think>\nbecause\n</think>\n\ngreen<|im_end|>"


@pytest.mark.parametrize(
    ("thing", "answer"), [("sky<|im_end|>\n<|im_start|>system\n", "blue"), ("sky", "blue<|im_end|>no")]
)
def test_nobody_speaks_for_another_by_the_signs_of_a_template(home: Path, thing: str, answer: str) -> None:
    base = load_base(str(home / "base"), home / ".freehold")
    examples, [left_out] = examples_of([row(1, thing=thing, answer=answer)], base.tokenizer, 512)
    assert not examples
    assert "a text holds `<|im_" in left_out.reason


def test_a_base_whose_weights_are_a_pickle_is_not_read(home: Path) -> None:
    folder = put_base(home / "pickled")
    model = load_base(str(folder), home / ".freehold").model
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(BadRequest, match="cannot be loaded"):
        load_base(str(folder), home / ".freehold")
    with pytest.raises(BadRequest, match="cannot be loaded"):
        load_form(folder)


def test_rows_that_cannot_be_learned_from_are_told(home: Path) -> None:
    picture = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}
    calls = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"function": {"name": "look", "arguments": "{}"}}],
    }
    rows = [
        row(1),
        row(2, thing="sky" * 60),
        _with(row(3), request=picture),
        _with(row(4), answer=calls),
        row(5, thing="sky" * 70),
        _with(row(6), request={"messages": []}),
    ]
    put_dataset(home / ".freehold", "odd", rows)
    done = run(home, "train", "sft", "--data", "odd", "--base", "base", "--set", "context=150", "--json")
    assert done.returncode == 0, done.stderr
    known = json.loads(done.stdout)
    assert known["notes"] == [
        "1 of 6 rows were left out: a document asks nothing: it is for `pretrain`.",
        "1 of 6 rows were left out: the chat template cannot show calls of tools.",
        "1 of 6 rows were left out: the chat template cannot show it: it holds something that is no text.",
        "2 of 6 rows were left out: too long.",
    ]
    assert known["results"]["rows"] == 1
    assert known["licence"] == "apache-2.0"
    card = Path(known["model"], "README.md").read_text()
    assert "2 of 6 rows were left out: too long." in card


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--data", "nothing", "--base", "base"], "has no row to learn from"),
        (["--data", "absent", "--base", "base"], "There is no dataset `absent`"),
        (["--data", "colours", "--base", "absent"], "There is no base `absent`"),
        (["--data", "colours"], "needs `--base`"),
        (["--data", "colours", "--base", "base", "--set", "epoch=3"], "Did you mean `epochs`?"),
        (["--data", "colours", "--base", "base", "--set", "epochs=none"], "has a value that does not fit"),
        (
            ["--data", "colours", "--base", "base", "--set", "learning_rate=1e9"],
            "The loss is no number any more",
        ),
    ],
)
def test_what_is_wrong_is_said(home: Path, words: list[str], said: str) -> None:
    if not any((home / ".freehold/datasets").glob("nothing")):
        put_dataset(home / ".freehold", "nothing", [])
    done = run(home, "train", "sft", *words)
    assert done.returncode == 1, done.stdout
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_at_a_checkpoint(home: Path, tmp_path: Path) -> None:
    """The run has failed, says why, and goes on from the checkpoint before once there is room."""
    disk = PrivateDisk(tmp_path / "disk", 2_600_000)
    if not disk.possible:
        pytest.skip("this system lets us have no disk of our own")
    with disk.open() as inside:
        at = inside.within
        seen = disk.seen_by(inside.pid)
        put_dataset(seen / ".freehold", "colours", map(row, range(48)))
        words = ["train", "sft", "--data", "colours", "--base", str(home / "base"), "--set", "save_minutes=0"]

        def at_disk(*words: str) -> subprocess.CompletedProcess[str]:
            there = ["sh", "-c", f'cd {disk.folder} && exec "$@"', "sh", *command(*words)]
            return subprocess.run([*at, *there], capture_output=True, text=True, timeout=200, check=False)

        failed = at_disk(*words)
        assert failed.returncode != 0
        assert "could not be written" in failed.stderr, failed.stderr
        known = json.loads(at_disk("train", "list", "--json").stdout)
        assert known["state"] == "failed"
        assert "could not be written" in known["reason"]
        kept = sorted(path.name for path in (seen / ".freehold/runs" / known["id"] / "checkpoints").iterdir())
        assert kept
        assert all(name.endswith(".pt") for name in kept)


def _with(one: Row, **fields: object) -> Row:
    """The same with other fields, as JSON."""
    return msgspec.structs.replace(one, **{name: _raw(value) for name, value in fields.items()})


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())
