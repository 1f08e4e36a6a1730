"""B6.4: calls are missing from the record, or parts of them, and nobody says so.

What happens when the disk is full, as it was there, is in `tests/gateway/test_endpoint_ledger_trouble.py`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from many_calls import call_many
from many_rows import count_calls
from plain_client import chat_request
from rehearsing import PLAIN, rehearsing
from running_endpoint import until

from freehold.providers.simulated import Behaviour, Cut, Lorem, Refused, Script

SCRIPT = Script(
    models={
        "m": Behaviour(text="one two three"),
        "cut": Behaviour(text=Lorem(tokens=50), faults=(Cut(after=10),)),
        "ill": Behaviour(faults=(Refused(status=500),)),
        "slow": Behaviour(text=Lorem(tokens=2000), tokens_per_s=200.0),
    }
)
EACH = 20


def test_every_call_is_on_record_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    """https://github.com/langfuse/langfuse/issues/5552: of the traces some were missing, a quarter had lost its
    user and tags, and others had zero tokens, without an error anywhere.
    """
    with rehearsing(tmp_path, SCRIPT, PLAIN) as (endpoint, provider):
        keys = {name: endpoint.make_key(name, user=name, team="search") for name in ("ana", "bob", "eve")}

        async def all_at_once() -> None:
            kinds = [("chat", 0.5), ("acme/cut", 1.0), ("acme/ill", 0.5)]
            await asyncio.gather(
                *(
                    call_many(
                        [endpoint.url],
                        key,
                        calls=EACH,
                        concurrent=10,
                        body=chat_request(model),
                        streamed=streamed,
                    )
                    for key in keys.values()
                    for model, streamed in kinds
                )
            )

        asyncio.run(all_at_once())
        left = []
        for key in keys.values():
            with endpoint.connect(key) as client:
                stream = client.stream("acme/slow")
                stream.event()
                stream.event()
                stream.leave()
                left.append(stream.call)
        total = 3 * (3 * EACH + 1)
        assert len(provider.requests) == total
        until(lambda: count_calls(endpoint.ledger.place) == total)
        assert endpoint.gaps == []
        words = [sys.executable, "-m", "freehold", "calls", "--limit", "10000", "--json"]
        done = subprocess.run(
            words, cwd=endpoint.folder, env=endpoint.environment, capture_output=True, check=True
        )
        rows: list[dict[str, Any]] = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
        assert len({row["id"] for row in rows}) == total
        assert Counter(row["key_name"] for row in rows) == dict.fromkeys(keys, 3 * EACH + 1)
        assert {row["route"] for row in rows} == {"chat", "acme/cut", "acme/ill", "acme/slow"}
        outcomes = {"chat": "answered", "acme/cut": "cut", "acme/ill": "failed", "acme/slow": "cancelled"}
        assert all(row["outcome"] == outcomes[row["route"]] for row in rows)
        told = [row for row in rows if row["route"] != "acme/ill"]
        assert all(row["usage"]["output_tokens"] for row in told), "no zeros"
        assert all(row["usage"]["input_tokens"] for row in told)
        assert set(left) <= {row["id"] for row in rows}
        figures = endpoint.figures
        assert figures["freehold_ledger_written_total"] == total
        assert figures["freehold_ledger_dropped_total"] == 0
