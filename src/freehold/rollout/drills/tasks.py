"""Classes of tasks in a sample of calls: by what is asked where that can be found out, else by the request's form."""

from __future__ import annotations

from importlib.util import find_spec

import msgspec

from freehold.rollout.drills.sample import Replayable, Sample


def with_tasks(sample: Sample, *, seed: int) -> Sample:
    """The sample with the classes that suites have, where scikit-learn is installed and there are enough calls."""
    from freehold.compare.suites.classes import FEWEST_TEXTS, classes_of  # noqa: PLC0415 - its libraries are heavy

    calls = sample.calls
    if len(calls) < 2 * FEWEST_TEXTS or find_spec("sklearn") is None:
        return sample
    classes = classes_of([one.question for one in calls], [one.instructions for one in calls], seed=seed)
    if len(classes.names) < 2:
        return sample
    named: list[Replayable] = [
        msgspec.structs.replace(one, task=classes.names[place])
        for one, place in zip(calls, classes.of, strict=True)
    ]
    return msgspec.structs.replace(sample, calls=named)
