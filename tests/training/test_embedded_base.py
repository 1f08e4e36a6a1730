"""The model that comes with Freehold, as something to begin from."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from freehold.train.base import find_base, load_base


@pytest.mark.model
def test_the_embedded_model_says_what_it_says(tmp_path: Path) -> None:
    """Its chat template is the file's, byte for byte; its answer is the one that llama.cpp gives, too."""
    base = load_base("local/smollm2-135m", tmp_path)
    file = gguf.GGUFReader(find_base("local/smollm2-135m", tmp_path).path)
    assert base.tokenizer.chat_template == file.fields["tokenizer.chat_template"].contents()
    assert base.licence == "Apache-2.0"
    assert sum(weight.numel() for weight in base.model.parameters()) == 134_515_008
    asked = base.tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    said = base.model.generate(**asked, max_new_tokens=12, do_sample=False)[0, asked["input_ids"].shape[1] :]
    assert base.tokenizer.decode(said, skip_special_tokens=True) == "The capital of France is Paris."
    (unpacked,) = (tmp_path / "bases").iterdir()
    written = (unpacked / "model.safetensors").stat().st_mtime_ns
    load_base("local/smollm2-135m", tmp_path)
    assert (unpacked / "model.safetensors").stat().st_mtime_ns == written
