"""GGUF files written anew with something changed in them, as other tools and bad disks do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Change = Callable[[str, Any], Any]
"""A tensor's name and its numbers; the numbers that are written instead, in 32 bits."""


def written_anew(
    source: Path,
    target: Path,
    *,
    fields: Mapping[str, Any] | None = None,
    without: frozenset[str] = frozenset(),
    tensors: Change | None = None,
) -> Path:
    """`source` as `target`, with other `fields`, `without` some, and with its tensors changed."""
    import gguf  # noqa: PLC0415 - in the training environment alone
    import numpy as np  # noqa: PLC0415

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture" or name in without:
            continue
        value = (fields or {}).get(name, field.contents())
        writer.add_key_value(name, value, field.types[0], field.types[-1] if len(field.types) > 1 else None)
    for tensor in reader.tensors:
        if tensors is None:
            writer.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
            continue
        shape = tuple(int(one) for one in reversed(tensor.shape))
        numbers = np.array(gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        writer.add_tensor(
            tensor.name, np.asarray(tensors(tensor.name, numbers.reshape(shape)), dtype=np.float32)
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
