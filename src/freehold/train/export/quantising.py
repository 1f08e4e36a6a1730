"""From a GGUF file of full precision to one in another mix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from freehold.train.export.gguf_file import GgufFile
from freehold.train.export.mixes import MIXES, type_for
from freehold.train.export.quantiser import Quantiser
from freehold.train.export.types import F32

_OF_THE_WRITER = frozenset({"general.architecture", "general.file_type", "general.quantization_version"})
_QUANTISATION_VERSION = 2


def quantise(source: GgufFile, mix_name: str, target: Path, *, advance: Callable[[int], None]) -> None:
    """Write `source`, a file in F32, as `target`. `advance` is called with how many tensors are done.

    Everything that the file says of itself is kept but for how its weights are kept.
    """
    import gguf  # noqa: PLC0415 - only where a file is written

    mix, quantiser = MIXES[mix_name], Quantiser()
    writer = gguf.GGUFWriter(target, source.metadata["general.architecture"])
    for name, value in source.metadata.items():
        if name not in _OF_THE_WRITER:
            types = source.reader.fields[name].types
            writer.add_key_value(name, value, types[0], types[-1] if len(types) > 1 else None)
    writer.add_file_type(mix.file_type)
    writer.add_quantization_version(_QUANTISATION_VERSION)
    tied = "output.weight" not in source.tensors
    for name, tensor in source.tensors.items():
        values = source.weights(name)
        type_ = type_for(mix, name, values.shape, layers=source.layers, tied=tied)
        made = quantiser.quantised(type_ if values.ndim > 1 else F32, values)
        writer.add_tensor(name, made, raw_dtype=gguf.GGMLQuantizationType(type_.number))
        advance(1)
        del tensor
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
