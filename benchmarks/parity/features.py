from __future__ import annotations
from benchmarks.parity.probes import Probe
from benchmarks.parity.wishes import Wish, said
PROBES = [Probe(feature="text", name="words", asks=(Wish(turns=said("Grüezi 你好 👋, how are you?")),))]
