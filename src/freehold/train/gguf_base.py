"""A GGUF file as a model that can be trained: its weights as plain numbers, its tokenizer, its chat template.

It is done here and not by Transformers, whose own reader leaves a model that counts as quantised (it cannot be saved,
nor turned into other numbers), and wants another distribution of `gguf` than the one that comes with the converter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from freehold.core.errors import BadRequest

_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""What llama.cpp calls the parts of a Llama -> what Transformers calls them."""
_CONTROL, _USER_DEFINED = 3, 4


def model_from_gguf(path: Path) -> LlamaForCausalLM:
    """The model with its weights in 32 bits. Raises BadRequest where it is not of Llama's shape."""
    file = _Fields(path)
    if file["general.architecture"] != "llama":
        raise BadRequest(
            f"`{path.name}` is a `{file['general.architecture']}`; of GGUF files, only models of Llama's shape can be "
            "trained.",
            hint="Give the folder of the model in Hugging Face's form instead.",
        )
    tensors = {tensor.name: tensor for tensor in file.reader.tensors}
    heads = file["llama.attention.head_count"]
    key_heads = file.get("llama.attention.head_count_kv", heads)
    width = file["llama.embedding_length"]
    if "rope_freqs.weight" in tensors or file.get("llama.expert_count", 0):
        raise BadRequest(
            f"`{path.name}` stretches its positions, or has experts, which is not read from GGUF files.",
            hint="Give the folder of the model in Hugging Face's form instead.",
        )
    config = LlamaConfig(
        vocab_size=len(file["tokenizer.ggml.tokens"]),
        hidden_size=width,
        intermediate_size=file["llama.feed_forward_length"],
        num_hidden_layers=file["llama.block_count"],
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        head_dim=file.get("llama.attention.key_length", width // heads),
        max_position_embeddings=file["llama.context_length"],
        rms_norm_eps=_decimal(file["llama.attention.layer_norm_rms_epsilon"]),
        rope_parameters={
            "rope_type": "default",
            "rope_theta": _decimal(file.get("llama.rope.freq_base", 10_000.0)),
        },
        tie_word_embeddings="output.weight" not in tensors,
        bos_token_id=file.get("tokenizer.ggml.bos_token_id"),
        eos_token_id=file.get("tokenizer.ggml.eos_token_id"),
        pad_token_id=file.get("tokenizer.ggml.padding_token_id"),
        dtype="float32",
    )
    weights = {}
    for name, tensor in tensors.items():
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if ".attn_q." in name:
            numbers = _as_halves(numbers, heads)
        elif ".attn_k." in name:
            numbers = _as_halves(numbers, key_heads)
        weights[_name_of(name)] = torch.from_numpy(np.ascontiguousarray(numbers))
    model = LlamaForCausalLM(config)
    missing, surplus = model.load_state_dict(weights, strict=False)
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    if surplus or set(missing) - tied:
        raise BadRequest(
            f"`{path.name}` has not the weights of a Llama: `{', '.join([*missing, *surplus][:3])}`."
        )
    model.tie_weights()
    return model


def tokenizer_from_gguf(path: Path) -> PreTrainedTokenizerFast:
    """The tokenizer with the chat template of the file, byte for byte.

    Raises BadRequest for a kind that is not known.
    """
    file = _Fields(path)
    kind, way = file["tokenizer.ggml.model"], file.get("tokenizer.ggml.pre", "default")
    ways: dict[str, list[Any]] = {
        "smollm": [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ],
        "gpt-2": [pre_tokenizers.ByteLevel(add_prefix_space=False)],
    }
    before = ways.get(way)
    if kind != "gpt2" or before is None:
        raise BadRequest(
            f"The tokenizer of `{path.name}` is a `{kind}` that splits as `{way}`, which is not read from GGUF files.",
            hint="Give the folder of the model in Hugging Face's form instead.",
        )
    tokens = file["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in file["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: at for at, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(before)
    tokenizer.decoder = decoders.ByteLevel()
    for token, of in zip(tokens, file["tokenizer.ggml.token_type"], strict=True):
        if of == _CONTROL:
            tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True)])
        elif of == _USER_DEFINED:
            tokenizer.add_tokens([AddedToken(token, normalized=False)])
    special = {}
    for role in ("bos", "eos", "unknown", "padding"):
        at = file.get(f"tokenizer.ggml.{role}_token_id")
        if at is not None:
            special[{"unknown": "unk", "padding": "pad"}.get(role, role) + "_token"] = tokens[at]
    if file.get("tokenizer.ggml.add_bos_token", False):
        begin = special["bos_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, file["tokenizer.ggml.bos_token_id"])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=file.get("tokenizer.chat_template"),
        clean_up_tokenization_spaces=False,
        model_max_length=file.get("llama.context_length", 2048),
        **special,
    )


class _Fields:
    """What a file says of itself."""

    def __init__(self, path: Path) -> None:
        try:
            self.reader = gguf.GGUFReader(path)
        except (OSError, ValueError, IndexError) as error:
            raise BadRequest(f"`{path}` cannot be read as GGUF: {error}.") from error
        self._path = path

    def __getitem__(self, name: str) -> Any:
        if name not in self.reader.fields:
            raise BadRequest(f"`{self._path.name}` does not say its `{name}`.")
        return self.reader.fields[name].contents()

    def get(self, name: str, otherwise: Any = None) -> Any:
        return self[name] if name in self.reader.fields else otherwise


def _name_of(name: str) -> str:
    layer = ""
    if name.startswith("blk."):
        _, number, name = name.split(".", 2)
        layer = f"model.layers.{number}."
    part, _, end = name.rpartition(".")
    return f"{layer}{_NAMES.get(part, part)}.{end}"


def _as_halves(numbers: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Rows that llama.cpp has in pairs, as Transformers rotates them: first halves, then second halves."""
    rows = numbers.shape[0]
    paired = numbers.reshape(heads, rows // heads // 2, 2, *numbers.shape[1:])
    return paired.swapaxes(1, 2).reshape(numbers.shape)


def _decimal(number: float) -> float:
    """The number that was meant, where 32 bits were kept of it."""
    return float(str(np.float32(number)))
