"""Schemathesis over the whole document of a running admin API, through HTTP."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
"""Not `positive_data_acceptance`: a moment or a cursor may be no such thing although its text has the form."""

_GENERATED = re.compile(r"(\d+) generated")
_TRACES = ("Traceback (most recent call last)", 'File "/', "site-packages")


class Examined(msgspec.Struct, frozen=True):
    """What examining came to."""

    good: bool
    requests: int
    said: str
    """Everything, in which no line is longer than a screen."""


def examine(url: str, document: bytes, key: str | None, folder: Path, *, seconds: int, seed: int) -> Examined:
    """Examine for about so many seconds, with a key or as somebody who has none; `url` without `/admin/v1`.

    Without a key nobody is given the document, so it is handed in. `folder` is for files of the tool's own.
    """
    (folder / "openapi.json").write_bytes(document)
    settings = "[checks.negative_data_rejection]\nexpected-statuses = [400, 401, 403, 404, 405, 408, 413, 415, 429]\n"
    if key is not None:
        settings += f'[auth.openapi.administrator]\nbearer = "{key}"\n'
    (folder / "schemathesis.toml").write_text(settings)
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", url,
            "--max-time", str(seconds), "--phases", "coverage,fuzzing,stateful", "--no-color", "--no-shrink",
            "--checks", ",".join(CHECKS), "--generation-database", "none", "--warnings", "off",
            "--request-timeout", "30", "--suppress-health-check", "all", "--continue-on-failure",
            "--seed", str(seed),
        ],
        cwd=folder, capture_output=True, text=True, check=False, timeout=3 * seconds + 120,
    )  # fmt: skip
    said = "\n".join(line[:300] for line in (done.stdout + done.stderr).splitlines())
    found = _GENERATED.search(said)
    return Examined(done.returncode == 0, int(found[1]) if found else 0, said)


def tells_where_it_failed(text: str) -> bool:
    """Whether a text has a stack trace in it."""
    return any(trace in text for trace in _TRACES)
