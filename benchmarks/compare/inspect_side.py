"""The task of the throughput benchmark as Inspect AI has it, and its own runner at it: a process of its own.

`python -m benchmarks.compare.inspect_side BASE_URL CASES CONCURRENCY LOGS`; the summary is printed as JSON.
"""

from __future__ import annotations

import json
import os
import sys

from benchmarks.compare.words import question


def main(base_url: str, cases: int, concurrency: int, logs: str) -> None:
    """Evaluate both models on all cases, with as little shown and written besides as its settings allow."""
    os.environ["STANDIN_BASE_URL"], os.environ["STANDIN_API_KEY"] = base_url, "none"
    from inspect_ai import Task  # noqa: PLC0415 - after its environment is there
    from inspect_ai import eval as evaluate  # noqa: PLC0415
    from inspect_ai.dataset import MemoryDataset, Sample  # noqa: PLC0415
    from inspect_ai.scorer import exact  # noqa: PLC0415
    from inspect_ai.solver import generate  # noqa: PLC0415

    samples = [Sample(id=number, input=question(number), target=question(number)) for number in range(cases)]
    results = evaluate(
        Task(MemoryDataset(samples, name="words"), solver=generate(), scorer=exact(), name="words"),
        model=["openai-api/standin/old", "openai-api/standin/new"],
        max_tokens=32,
        max_connections=concurrency,
        max_samples=concurrency,
        max_tasks=2,
        display="none",
        log_level="error",
        log_realtime=False,
        log_dir=logs,
    )
    done = [log.results.completed_samples for log in results if log.results is not None]
    right = [log.results.scores[0].metrics["mean"].value for log in results if log.results is not None]
    print(json.dumps({"answers": sum(done), "right": sum(right) / max(1, len(right))}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
