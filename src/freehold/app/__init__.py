"""The composition root: settings become objects here, and nowhere else.

What commands open is in `opening`, how an endpoint runs in `serving`.
What only an endpoint needs is imported when one starts.
"""

from freehold.app.forecasts import forecasts_of
from freehold.app.local_states import local_states
from freehold.app.model_lists import list_provider_models
from freehold.app.opening import (
    admin_keys_of,
    audit_of,
    books_of,
    comparisons_of,
    has_keys,
    history_of,
    keys_of,
    parquet_of,
    rollouts_of,
    settings_from,
)
from freehold.app.serving import serve, serve_as_worker
from freehold.app.started import Started

__all__ = [
    "Started",
    "admin_keys_of",
    "audit_of",
    "books_of",
    "comparisons_of",
    "forecasts_of",
    "has_keys",
    "history_of",
    "keys_of",
    "list_provider_models",
    "local_states",
    "parquet_of",
    "rollouts_of",
    "serve",
    "serve_as_worker",
    "settings_from",
]
