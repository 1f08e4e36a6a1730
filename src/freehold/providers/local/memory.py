"""How much memory a model takes, estimated before it is loaded, and how much there is for all of them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from freehold.providers.local.gguf import Malformed, read_header
from freehold.providers.local.models import LocalModel

CONTEXT = 8192
"""Tokens of question and answer together, for a model of which nothing is said."""
BATCH = 512
"""Tokens of prompts that are read in one go."""
_PROCESS = 90 * 10**6
"""Of a worker before it has loaded anything: Python, llama.cpp, its threads."""
_OTHER_RUNTIME = 20 * 10**6
"""The same for one that runs without llama.cpp."""
_SHARE = 0.75
"""Of the machine's memory, for models of which nobody said how much they may take."""
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def need_of(model: LocalModel, weights: Path) -> int:
    """Bytes that its worker will take, about. Raises OSError and Malformed."""
    size = weights.stat().st_size
    if model.runtime != "llama.cpp":
        return size + _OTHER_RUNTIME
    header = read_header(weights)
    context = (model.profile.context_window or CONTEXT) * model.slots
    # What is computed with: a few vectors for each token of a batch, and the likelihood of each word for some of them.
    batch = context // model.slots if model.embeds else BATCH
    work = batch * (16 * header.width + header.vocabulary) * 4
    projector = _projector_size(Path(model.mmproj)) if model.mmproj else 0
    return size + projector + context * header.cache_bytes + work + _PROCESS


def _projector_size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise Malformed(f"goes with the projector `{file}`, which cannot be read: {error.strerror}") from None


def usual_memory() -> int:
    """Bytes that local models together may take where nobody says: three quarters of what the machine, or our
    container, has.
    """
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _LIMITS:
        with contextlib.suppress(OSError, ValueError):
            whole = min(whole, int(limit.read_text()))
    return int(whole * _SHARE)
