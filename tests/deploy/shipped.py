"""The files in `deploy/`, as they are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "freehold"


def compose() -> dict[str, Any]:
    """compose.yaml, with its anchors resolved."""
    value: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return value
