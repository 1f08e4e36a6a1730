"""`freehold export`: what passes becomes an own model, and what is broken is refused for the right reason."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from gguf_files import written_anew
from tiny_models import learn, make_dataset, make_run, tiny_model, tiny_tokenizer
from transformers.utils.logging import disable_progress_bar

from freehold.catalog.own import own_file, own_models
from freehold.cli.main import main

disable_progress_bar()


class Done(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str

    def findings(self) -> dict[str, dict[str, Any]]:
        """Of its proof, by what was checked."""
        return {one["check"]: one for one in json.loads(self.out)["findings"]}

    def failed(self) -> set[str]:
        """What does not hold."""
        return {check for check, one in self.findings().items() if one["holds"] is False}


class Place:
    """A folder with an installation in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / ".freehold"

    def export(self, *words: str) -> Done:
        """`freehold export tiny …` in this process: torch is imported once for all tests."""
        out, err = io.StringIO(), io.StringIO()
        before, status = sys.argv, 0
        sys.argv = ["freehold", "export", "tiny", *words]
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            finally:
                sys.argv = before
        return Done(status, out.getvalue(), err.getvalue())

    def refused(self, file: Path) -> Done:
        """What comes of proving a broken file. Nothing may be made of it."""
        done = self.export("--name", "broken", "--file", str(file), "--json")
        assert done.status == 1, done.err
        assert "broken" not in own_models(self.data)
        assert not (self.data / "own" / "broken").exists()
        kept = json.loads((self.data / "refused" / "broken" / "proof.json").read_bytes())
        assert kept["decision"] == "refused"
        return done


@pytest.fixture(scope="module")
def model() -> tuple[Any, Any]:
    torch.set_num_threads(2)
    tokenizer = tiny_tokenizer()
    return tiny_model(tokenizer), tokenizer


@pytest.fixture(scope="module")
def place(model: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("installation"))
    make_run(made.data, *model, make_dataset(made.data))
    return made


@pytest.fixture(scope="module")
def good(place: Place) -> Path:
    """A file that passed."""
    done = place.export("--to", "gguf:q8_0", "--name", "good")
    assert done.status == 0, done.err
    return own_file(place.data, own_models(place.data)["good"])


def test_what_passes_is_an_own_model_with_its_proof(place: Place, good: Path) -> None:
    found = own_models(place.data)["good"]
    assert (found.format, found.form, found.file) == ("gguf", "gguf:q8_0", "good.gguf")
    assert found.context_window == 512 and found.margin == 0.05 and found.temperature == 0.0
    assert found.run is not None and found.dataset is not None and found.dataset.startswith("tickets@")
    proof = json.loads((good.parent / "proof.json").read_bytes())
    assert proof["decision"] == "passes" and proof["sha256"] == found.sha256
    assert [one["form"] for one in proof["forms"]] == ["trained", "merged", "exported", "served"]
    _, merged, exported, _ = proof["forms"]
    assert exported["perplexity"] == pytest.approx(merged["perplexity"], rel=0.01), (
        "the numbers were read back rightly"
    )
    assert proof["score"]["trained"] > 0.9 and proof["score"]["low"] >= -0.05
    assert "It was" not in "".join(proof["notes"])
    card = (good.parent / "README.md").read_text()
    assert "# own/good" in card and "same, byte for byte" in card and "not trained for" in card
    assert [path.name for path in (place.data / "own").iterdir()] == ["good"]


def test_an_older_one_of_the_name_is_kept_aside(place: Place, good: Path) -> None:
    first = good.read_bytes()
    done = place.export("--to", "gguf:f16", "--name", "good", "--json")
    assert done.status == 0, done.err
    assert own_models(place.data)["good"].form == "gguf:f16"
    aside = place.data / "own" / "previous" / "good"
    assert (aside / "good.gguf").read_bytes() == first
    assert list(own_models(place.data)) == ["good"]
    shutil.rmtree(place.data / "own" / "good")
    aside.rename(place.data / "own" / "good")


@pytest.mark.parametrize(
    "change",
    [
        lambda template: template.replace("<|im_end|>\\n", "<|im_end|>"),
        lambda template: template + "\n",
        lambda template: template.replace("assistant", "model"),
    ],
)
def test_another_chat_template_is_refused(
    place: Place, good: Path, tmp_path: Path, model: tuple[Any, Any], change: Callable[[str], str]
) -> None:
    broken = change(model[1].chat_template)
    assert broken != model[1].chat_template
    file = written_anew(good, tmp_path / "x.gguf", fields={"tokenizer.chat_template": broken})
    done = place.refused(file)
    assert done.failed() == {"chat-template"}
    assert "at character" in done.findings()["chat-template"]["evidence"][0]


def test_a_file_without_a_chat_template_is_refused(place: Place, good: Path, tmp_path: Path) -> None:
    file = written_anew(good, tmp_path / "x.gguf", without=frozenset({"tokenizer.chat_template"}))
    assert place.refused(file).failed() == {"chat-template"}


def test_another_tokenizer_is_refused(
    place: Place, good: Path, tmp_path: Path, model: tuple[Any, Any]
) -> None:
    tokens = [token for token, _ in sorted(model[1].get_vocab().items(), key=lambda one: one[1])]
    tokens[-1], tokens[-2] = tokens[-2], tokens[-1]
    file = written_anew(good, tmp_path / "x.gguf", fields={"tokenizer.ggml.tokens": tokens})
    done = place.refused(file)
    assert done.failed() == {"vocabulary"}
    assert len(done.findings()["vocabulary"]["evidence"]) == 2


def test_a_tokenizer_that_cuts_text_otherwise_is_refused(place: Place, good: Path, tmp_path: Path) -> None:
    file = written_anew(good, tmp_path / "x.gguf", fields={"tokenizer.ggml.merges": ["Ġ t", "a b"]})
    done = place.refused(file)
    assert {"tokenizer"} <= done.failed() <= {"tokenizer", "prompts"}
    assert "when served" in done.findings()["tokenizer"]["evidence"][0]


def test_special_tokens_that_are_plain_ones_are_refused(
    place: Place, good: Path, tmp_path: Path, model: tuple[Any, Any]
) -> None:
    plain = [1] * len(model[1])
    file = written_anew(good, tmp_path / "x.gguf", fields={"tokenizer.ggml.token_type": plain})
    assert place.refused(file).failed() == {"vocabulary"}


@pytest.mark.parametrize("end", [None, 0])
def test_a_file_that_does_not_know_where_answers_end_is_refused(
    place: Place, good: Path, tmp_path: Path, end: int | None
) -> None:
    name = "tokenizer.ggml.eos_token_id"
    without = frozenset({name} if end is None else ())
    file = written_anew(good, tmp_path / "x.gguf", fields={name: end}, without=without)
    done = place.refused(file)
    assert done.failed() == {"marks"}
    assert "token of the end" in done.findings()["marks"]["evidence"][0]


def coarse(name: str, numbers: Any) -> Any:
    """Of each number its sign, and one size for a whole tensor."""
    return np.sign(numbers) * np.abs(numbers).mean() if numbers.ndim > 1 else numbers


def wrong_scale(name: str, numbers: Any) -> Any:
    """One tensor is three times too large: no single number looks wrong, and answers may even stay right."""
    return numbers * 3.0 if name == "blk.1.attn_v.weight" else numbers


def test_numbers_that_are_too_coarse_are_refused(place: Place, good: Path, tmp_path: Path) -> None:
    done = place.refused(written_anew(good, tmp_path / "x.gguf", tensors=coarse))
    assert {"numbers", "perplexity"} <= done.failed()
    proof = json.loads(done.out)
    assert any(note.startswith("It was lost in the file") for note in proof["notes"])
    assert proof["tensors"]["worst_error"] > 0.5


def test_a_scale_error_is_refused_though_answers_stay_right(place: Place, good: Path, tmp_path: Path) -> None:
    done = place.refused(written_anew(good, tmp_path / "x.gguf", tensors=wrong_scale))
    assert "numbers" in done.failed()
    assert "blk.1.attn_v.weight" in done.findings()["numbers"]["evidence"][0]


def test_another_way_with_places_is_refused(place: Place, good: Path, tmp_path: Path) -> None:
    file = written_anew(good, tmp_path / "x.gguf", fields={"llama.rope.freq_base": 500_000.0})
    done = place.refused(file)
    assert done.failed() == {"settings"}
    assert "llama.rope.freq_base" in done.findings()["settings"]["evidence"][0]


def test_a_file_that_was_cut_off_is_refused(place: Place, good: Path, tmp_path: Path) -> None:
    for share in (0.05, 0.6, 0.99):
        file = tmp_path / f"{share}.gguf"
        file.write_bytes(good.read_bytes()[: int(share * good.stat().st_size)])
        assert place.refused(file).failed() == {"file"}


def test_numbers_that_are_none_are_refused(place: Place, good: Path, tmp_path: Path) -> None:
    def spoiled(name: str, numbers: Any) -> Any:
        if name == "blk.0.ffn_up.weight":
            numbers[3, 5] = np.nan
        return numbers

    done = place.refused(written_anew(good, tmp_path / "x.gguf", tensors=spoiled))
    assert done.failed() == {"weights"}
    assert "blk.0.ffn_up.weight" in done.findings()["weights"]["evidence"][0]


def test_few_questions_are_no_proof(model: tuple[Any, Any], tmp_path: Path) -> None:
    place = Place(tmp_path)
    make_run(place.data, *model, make_dataset(place.data, held_out=24))
    done = place.export("--name", "thin")
    assert done.status == 3 and own_models(place.data) == {}
    assert "?     score: Too little evidence" in done.out and "more are needed" in done.out
    assert "want of evidence" in done.err
    assert place.export("--name", "thin", "--margin", "20%").status == 0
    assert list(own_models(place.data)) == ["thin"]


def test_the_token_of_the_beginning_is_not_there_twice(tmp_path: Path) -> None:
    """The tokenizer adds it to each text, and the template writes it, too: whoever serves has to know."""
    from tokenizers import processors  # noqa: PLC0415 - here alone

    place, tokenizer = Place(tmp_path), tiny_tokenizer()
    begin = "<|endoftext|>"
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A $B", special_tokens=[(begin, 0)]
    )
    tokenizer.bos_token = begin
    tokenizer.chat_template = "{{ bos_token }}" + tokenizer.chat_template
    make_run(place.data, tiny_model(tokenizer, steps=100), tokenizer, make_dataset(place.data))
    done = place.export("--name", "begun", "--json")
    assert done.status == 0, done.out
    assert done.findings()["prompts"]["holds"] and done.findings()["marks"]["holds"]
    file = written_anew(
        own_file(place.data, own_models(place.data)["begun"]),
        tmp_path / "x.gguf",
        without=frozenset({"tokenizer.ggml.add_bos_token"}),
    )
    assert place.refused(file).failed() == {"marks"}


class Adapted(NamedTuple):
    """A run that left an adapter."""

    place: Place
    base: Path


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Adapted:
    """The base knows little of tickets; the adapter does."""
    folder = tmp_path_factory.mktemp("adapted")
    place, tokenizer = Place(folder), tiny_tokenizer()
    base = tiny_model(tokenizer, steps=20)
    base.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    base.name_or_path = str(folder / "base")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what PEFT and Transformers have to settle
        from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - here alone

        model = get_peft_model(
            base, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        )
    learn(model, tokenizer, steps=150, rate=1e-2)
    make_run(place.data, model, tokenizer, make_dataset(place.data))
    return Adapted(place, folder / "base")


def test_an_adapter_is_merged_into_its_base(adapted: Adapted, tmp_path: Path) -> None:
    place = adapted.place
    done = place.export("--name", "merged", "--json")
    assert done.status == 0, done.out
    assert done.findings()["merged"]["holds"] is True
    assert json.loads(done.out)["score"]["served"] > 0.9

    # Somebody exported the base and forgot the adapter.
    alone = Place(tmp_path / "alone")
    shutil.copytree(place.data / "datasets", alone.data / "datasets")
    shutil.copytree(place.data / "runs", alone.data / "runs")
    shutil.rmtree(alone.data / "runs" / "run_0000000000010000000000000000abcd" / "model")
    shutil.copytree(adapted.base, alone.data / "runs" / "run_0000000000010000000000000000abcd" / "model")
    forgotten = alone.export("--name", "forgotten", "--to", "gguf:f16", "--margin", "0.9")
    assert forgotten.status == 0, forgotten.out
    done = place.refused(own_file(alone.data, own_models(alone.data)["forgotten"]))
    assert "score" in done.failed()
    assert any(note.startswith("It was lost in the file") for note in json.loads(done.out)["notes"])


def test_the_merged_model_is_written_for_others_tools(adapted: Adapted) -> None:
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - here alone

    done = adapted.place.export("--to", "hf", "--name", "for-others", "--json")
    assert done.status == 0, done.err
    folder = adapted.place.data / "exported" / "for-others"
    assert done.findings()["merged"]["holds"] and (folder / "proof.json").is_file()
    assert not (folder / "adapter_config.json").exists()
    model = AutoModelForCausalLM.from_pretrained(folder)
    asked = tiny_tokenizer().apply_chat_template(
        [{"role": "user", "content": "7000: refund?"}], add_generation_prompt=True, return_tensors="pt"
    )["input_ids"]
    said = model.generate(asked, max_new_tokens=8, do_sample=False)[0, asked.shape[1] :]
    assert tiny_tokenizer().decode(said, skip_special_tokens=True) == "billing"
    assert "for-others" not in own_models(adapted.place.data)


def test_a_proof_alone_makes_nothing(place: Place, good: Path) -> None:
    done = place.export("--name", "ghost", "--file", str(good), "--only-prove", "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["form"] == "gguf:q8_0", "read from the file"
    assert "ghost" not in own_models(place.data) and not (place.data / "own" / "ghost").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--name", "x", "--to", "gguf:q4_k"), "Did you mean `gguf:q4_k_m`?"),
        (("--name", "No Spaces"), "cannot be called"),
        (("--name", "previous"), "cannot be called"),
        (("--name", "x", "--suite", "nowhere"), "nowhere"),
    ],
)
def test_mistakes_are_told(place: Place, words: tuple[str, ...], told: str) -> None:
    done = place.export(*words)
    assert done.status == 1 and told in done.err


def test_an_adapter_without_its_base_or_on_a_coarse_one_is_no_model(adapted: Adapted) -> None:
    config = json.loads((adapted.base / "config.json").read_bytes())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (adapted.base / "config.json").write_text(json.dumps(config))
    done = adapted.place.export("--name", "x")
    assert done.status == 1 and "quantised already" in done.err
    shutil.rmtree(adapted.base)
    done = adapted.place.export("--name", "x")
    assert done.status == 1 and "is not here" in done.err
