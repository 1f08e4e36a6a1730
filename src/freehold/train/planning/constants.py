"""The few numbers that are no fact of a model or a chip. The same for every plan; none is set for a single run."""

from __future__ import annotations

KERNELS = 0.58
"""Of the best matrix product's speed, what whole layers reach: matrices of real shapes, launches, chips that throttle
and wait for each other. Set once, so that the four LLaMA 1 runs and Llama 2 70B come out right together.
"""
EXPERTS = 0.34
"""Of that, what the routed experts reach: many small matrices, with unequal numbers of tokens. Set on DeepSeek-V2."""
LINKS = 0.75
"""Of a link's stated bandwidth, what collective operations reach."""
OVERLAP = 0.8
"""Of the time of computing, how much can hide communication that nothing waits for."""
HIDDEN = 0.5
"""Of the communication between parts of a matrix, what computing hides."""
PASSES = 4
"""How often the activations that a layer keeps travel to memory and back: written and read, forward and backward."""
MOST_INTERLEAVED = 8
"""Parts of the model on one stage of a pipeline, at most."""

RESERVED_SHARE = 0.08
RESERVED_BYTES = 2e9
"""Of a chip's memory, what plans leave free: the runtime, buffers of communication, fragments."""

DEVICE_HOURS_PER_FAILURE = 50_700.0
"""Unexpected interruptions of Llama 3.1 405B: 419 in 54 days of 16,384 devices (arxiv.org/abs/2407.21783, 3.3.4)."""
RESTART_SECONDS = 720.0
"""From an interruption to the next step. That run was at work for more than 90% of its time with 466 interruptions, so
each cost at most 17 minutes, lost steps included.
"""
STORAGE_PER_DEVICE, STORAGE = 1e9, 2e12
"""Bytes a second that checkpoints are written with: what one device gets, and all of them (the same source, 3.3.1)."""

DRAW = 0.77
"""Of a chip's stated power, what it draws in training: OLMo 3 32B took 681 MWh in 1.05 million hours of H100 with a PUE
of 1.2.
"""
HOST = 0.4
"""Of the chips' stated power, what everything else in the machines and between them takes. An assumption."""
PUE = 1.2
"""What a data centre takes for each watt-hour of its machines."""

READING = 0.75
"""Serving: of a memory's stated bandwidth, what reading weights and kept tokens reaches."""
ALL_REDUCE_SECONDS = 1.2e-5
"""Serving: of a small all-reduce within a domain. Each layer that is split has two."""
NETWORK_SECONDS = 3e-5
"""Serving: the same between domains."""
