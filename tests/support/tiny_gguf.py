"""GGUF files for tests: a Llama of two layers with weights at random, and the embedded model's words and templates.

It answers in nonsense, but ten times as fast as the embedded model, and what is said does not matter here.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from own_models import embedded_weights

_STRING, _ARRAY, _U32 = 8, 9, 4
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_LAYERS, _WIDTH, _HEADS, _INNER = 2, 64, 2, 128
_ALIGNMENT = 32

TOOLS = """{%- if tools %}{{- '<|im_start|>system\\n# Tools\\n' }}
{%- for tool in tools %}{{- tool | tojson }}{%- endfor %}{{- '<|im_end|>\\n' }}{%- endif %}
{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') }}
{%- for call in (message.tool_calls or []) %}{{- '<tool_call>' + (call.function | tojson) }}{%- endfor %}
{{- '<|im_end|>\\n' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""
"""A chat template that has a place for tools."""
THINKS = """{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.role == 'assistant' and '</think>' in message.content %}{{- message.content.split('</think>')[-1] }}
{%- else %}{{- message.content }}{%- endif %}{{- '<|im_end|>\\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}{#- <think> #}"""
"""One of a model that thinks in `<think>` before it answers, and is not shown what it thought before."""


def write_tiny_model(path: Path, *, template: str | None = None, context: int = 8192, seed: int = 0) -> Path:
    """A model that llama.cpp loads in a moment. `template`: in place of the embedded model's."""
    values = _values_of(embedded_weights().read_bytes())
    for name, number in {
        "llama.block_count": _LAYERS,
        "llama.embedding_length": _WIDTH,
        "llama.feed_forward_length": _INNER,
        "llama.attention.head_count": _HEADS,
        "llama.attention.head_count_kv": 1,
        "llama.rope.dimension_count": _WIDTH // _HEADS,
        "llama.context_length": context,
    }.items():
        values[name] = struct.pack("<II", _U32, number)
    if template is not None:
        values["tokenizer.chat_template"] = struct.pack("<I", _STRING) + _text(template)
    tensors = _tensors(seed)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    head += b"".join(_text(name) + value for name, value in values.items())
    data = b""
    for name, tensor in tensors.items():
        kind = 1 if tensor.dtype == np.float16 else 0
        shape = tensor.shape[::-1]
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += _aligned(tensor.tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_aligned(head) + data)
    return path


def _tensors(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return (random.standard_normal((rows, columns)) * 0.1).astype(np.float16)

    ones = np.ones(_WIDTH, dtype=np.float32)
    head = _WIDTH // _HEADS
    found = {"token_embd.weight": matrix(49152, _WIDTH), "output_norm.weight": ones}
    for layer in range(_LAYERS):
        parts = {
            "attn_norm": ones,
            "attn_q": matrix(_WIDTH, _WIDTH),
            "attn_k": matrix(head, _WIDTH),
            "attn_v": matrix(head, _WIDTH),
            "attn_output": matrix(_WIDTH, _WIDTH),
            "ffn_norm": ones,
            "ffn_gate": matrix(_INNER, _WIDTH),
            "ffn_up": matrix(_INNER, _WIDTH),
            "ffn_down": matrix(_WIDTH, _INNER),
        }
        found |= {f"blk.{layer}.{name}.weight": part for name, part in parts.items()}
    return found


def _values_of(file: bytes) -> dict[str, bytes]:
    """What a file says of itself: each value with its type, as it stands there."""
    (count,) = struct.unpack_from("<Q", file, 16)
    at, found = 24, {}
    for _ in range(count):
        length = struct.unpack_from("<Q", file, at)[0]
        name = file[at + 8 : at + 8 + length].decode()
        start = at + 8 + length
        (kind,) = struct.unpack_from("<I", file, start)
        at = _end(file, kind, start + 4)
        found[name] = file[start:at]
    return found


def _end(file: bytes, kind: int, at: int) -> int:
    if kind == _STRING:
        return int(at + 8 + struct.unpack_from("<Q", file, at)[0])
    if kind != _ARRAY:
        return at + _SIZES[kind]
    inner, length = struct.unpack_from("<IQ", file, at)
    at += 12
    if inner != _STRING:
        return int(at + _SIZES[inner] * length)
    for _ in range(length):
        at = _end(file, inner, at)
    return at


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _aligned(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGNMENT)
