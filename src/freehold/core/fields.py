"""JSON as it passes through: names and the untouched bytes of their values."""

from __future__ import annotations

import msgspec

Fields = dict[str, msgspec.Raw]
"""Field name -> the value's own bytes."""
