"""The command of each step, as a person would type it."""

from __future__ import annotations

import shlex

from freehold.train.owning.loop import Loop, StepName

WHAT: dict[StepName, str] = {
    "sample": "set questions aside to measure on, before anything is learned from",
    "data": "make a dataset of accepted answers, without what the suite asks",
    "train": "train a model on it",
    "export": "export it, and prove the file as good as what was trained",
    "compare": "find out whether it may replace the route's incumbent",
    "rollout": "begin to move the route to it, in stages",
}


def command_of(loop: Loop, step: StepName) -> tuple[str, ...]:
    """The words behind `freehold`."""
    wish = loop.wish
    words = {
        "sample": _sample,
        "data": _data,
        "train": _train,
        "export": _export,
        "compare": _compare,
        "rollout": _rollout,
    }[step](loop)
    words = [*words, *wish.also.get(step, ())]
    return with_config(loop, words)


def with_config(loop: Loop, words: list[str]) -> tuple[str, ...]:
    """The same with the loop's configuration, for programs to read."""
    config = [] if loop.wish.config is None else ["--config", loop.wish.config]
    return (*words, *config, "--json")


def typed(command: tuple[str, ...]) -> str:
    """As it is typed."""
    return shlex.join(("freehold", *command))


def _sample(loop: Loop) -> list[str]:
    wish = loop.wish
    if wish.suite is not None:
        return ["suite", "show", wish.suite, "--cases", "0"]
    scorers = [word for scorer in wish.scorers for word in ("--scorer", scorer)]
    name = f"own-{wish.name}"
    return ["suite", "sample", wish.route, "--n", str(wish.cases), "--name", name, *scorers]


def _data(loop: Loop) -> list[str]:
    sources = loop.wish.sources or (f"route:{loop.wish.route}",)
    return ["dataset", "make", loop.wish.name, *(word for one in sources for word in ("--from", one))]


def _train(loop: Loop) -> list[str]:
    wish = loop.wish
    dials = [word for dial in wish.dials for word in ("--set", dial)]
    words = ["train", wish.recipe, "--data", loop.found("data"), "--base", wish.base]
    return [*words, "--seed", str(wish.seed), "--name", wish.name, *dials]


def _export(loop: Loop) -> list[str]:
    return ["export", loop.found("train"), "--to", loop.wish.form, "--name", loop.wish.name]


def _compare(loop: Loop) -> list[str]:
    wish = loop.wish
    budget = [] if wish.budget is None else ["--budget", wish.budget]
    words = ["compare", wish.route, "--with", f"own/{wish.name}", "--suite", loop.found("sample")]
    return [*words, *budget]


def _rollout(loop: Loop) -> list[str]:
    return ["rollout", "start", loop.wish.route, "--to", f"own/{loop.wish.name}"]
