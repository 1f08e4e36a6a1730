"""Which type each tensor of a model gets, whatever shape it has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from freehold.train.export.mixes import MIXES, type_for
from freehold.train.export.types import F32, IQ4_NL, Q2_K, Q4_K, Q5_0, Q6_K, Q8_0, TYPES

NAMES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def bits(number: int) -> float:
    type_ = TYPES[number]
    return 8 * type_.size / type_.block


@given(
    mix=st.sampled_from(sorted(MIXES)),
    part=st.sampled_from(NAMES),
    layers=st.integers(1, 64),
    length=st.integers(1, 2048),
    data=st.data(),
)
def test_blocks_fill_a_row_and_no_tensor_is_coarser_than_its_mix(
    mix: str, part: str, layers: int, length: int, data: st.DataObject
) -> None:
    layer = data.draw(st.integers(0, layers - 1))
    found = type_for(MIXES[mix], f"blk.{layer}.{part}.weight", (8, length), layers=layers, tied=True)
    assert length % found.block == 0
    assert bits(found.number) >= bits(MIXES[mix].most.number)


def test_what_counts_for_a_whole_row_is_never_made_coarser() -> None:
    for mix in MIXES.values():
        for name, shape in (
            ("blk.0.attn_norm.weight", (256,)),
            ("blk.0.attn_q.bias", (256,)),
            ("rope", (32,)),
        ):
            assert type_for(mix, name, shape, layers=2, tied=True) == F32


def test_the_output_is_kept_finer_wherever_it_is() -> None:
    mix = MIXES["q4_k_m"]
    assert type_for(mix, "token_embd.weight", (900, 256), layers=2, tied=True) == Q6_K
    assert type_for(mix, "token_embd.weight", (900, 256), layers=2, tied=False) == Q4_K
    assert type_for(mix, "output.weight", (900, 256), layers=2, tied=False) == Q6_K


def test_rows_that_do_not_fill_a_large_block_get_a_small_one() -> None:
    q = "blk.0.attn_q.weight"
    assert type_for(MIXES["q4_k_m"], q, (576, 576), layers=30, tied=True) == Q5_0
    assert type_for(MIXES["q6_k"], q, (576, 576), layers=30, tied=True) == Q8_0
    assert type_for(MIXES["q2_k"], q, (576, 576), layers=30, tied=True) == IQ4_NL
    assert type_for(MIXES["q2_k"], q, (576, 512), layers=30, tied=True) == Q2_K
