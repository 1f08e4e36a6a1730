"""What is tried, by feature."""

from __future__ import annotations

from benchmarks.parity.features import conversation, ends, errors, files, thoughts, tools

PROBES = [
    *conversation.PROBES,
    *tools.PROBES,
    *files.PROBES,
    *ends.STRUCTURED,
    *thoughts.PROBES,
    *ends.REST,
    *errors.PROBES,
]
FEATURES = tuple(dict.fromkeys(probe.feature for probe in PROBES))
