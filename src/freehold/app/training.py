"""Training: settings become a run, and a run becomes a model."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from freehold.app.together import check_together, leading
from freehold.core.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from freehold.config.settings import Settings
    from freehold.train.run import Run, RunFolder, Runs
    from freehold.train.running.following import Seen

# ruff: noqa: PLC0415 - PyTorch is imported when a model is trained, and not to list runs

DISTIL = "distil"
"""The recipe with a teacher."""
_NEEDED = ("torch", "transformers", "peft", "gguf")


def runs_of(settings: Settings) -> Runs:
    """All runs there are."""
    from freehold.train.run import Runs

    return Runs(settings.data)


def dials_with(recipe: str, changes: Mapping[str, str]) -> dict[str, Any]:
    """The dials of a recipe with their values. Raises BadRequest for a recipe or a dial that there is not."""
    from freehold.train.catalogue import dials_of, find_recipe

    return dials_of(find_recipe(recipe).name, changes)


def make_run(
    settings: Settings,
    recipe: str,
    *,
    dataset: str | None,
    base: str | None,
    dials: Mapping[str, Any],
    seed: int,
    name: str | None,
    by: str,
) -> RunFolder:
    """A run of which nothing is trained yet. Raises SettingsError where training is not installed.

    `by`: who is at the command line, for the audit log.
    """
    check_installed()
    from freehold.train.threads import patient_threads

    with patient_threads():
        from freehold.train.running.runner import begin_run

    check_together(recipe)
    from freehold.app.terms import known_of

    in_memory = None
    if recipe == DISTIL:
        from freehold.app.teaching import check_teacher

        terms = check_teacher(settings, dials, by=by)
        in_memory = terms if dials["learn"] == "logits" else None
    return begin_run(
        settings.data,
        recipe=recipe,
        dataset=dataset,
        base=base,
        dials=dials,
        seed=seed,
        name=name,
        teacher=dials["teacher"] if recipe == DISTIL and dials["learn"] == "answers" else None,
        taught=in_memory,
        known=known_of(settings),
    )


def train_run(
    settings: Settings,
    folder: RunFolder,
    tell: Callable[[Seen], None],
    asked: Callable[[int, int], None] = lambda answers, of: None,
    *,
    resume: bool = False,
) -> Run:
    """Train it to its end, or until it is told to stop. Raises SettingsError where training is not installed.

    `asked` is told how many answers a teacher has given, and of how many.
    """
    check_installed()
    from freehold.train.threads import patient_threads

    with patient_threads():
        from freehold.train.running.checkpoints import has_checkpoint
        from freehold.train.running.runner import carry_out

    def prepare() -> None:
        run = folder.read()
        # Once something was learned, other answers would make it another run.
        begun = resume and has_checkpoint(folder.folder)
        if run.recipe == DISTIL and run.dials["learn"] == "answers" and not begun:
            from freehold.app.teaching import ask_teacher

            ask_teacher(settings, folder, asked)

    with leading(folder, resume=resume):
        return carry_out(settings.data, folder, tell, resume=resume, prepare=prepare)


def head_in(settings: Settings, which: str) -> Path:
    """The head that a run of `rank` made. Raises NotFound, BadRequest."""
    from freehold.compare.suites.head import FILE
    from freehold.core.errors import BadRequest

    run = runs_of(settings).find(which)
    path = run.model / FILE
    if not path.exists():
        raise BadRequest(
            f"The run `{run.folder.name}` has no classes.",
            hint="Make some: `freehold train rank --data DATASET`.",
        )
    return path


def check_installed() -> None:
    """Raises SettingsError where training is not installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"Training needs {', '.join(f'`{name}`' for name in missing)}: not installed here.",
            hint="`make train-env`, in the folder of Freehold, makes an environment for it; then type "
            "`.venv-train/bin/freehold` in the place of `freehold`. Elsewhere it is `pip install 'freehold[train]'`.",
        )


def card_shown(settings: Settings, folder: RunFolder) -> str:
    """The model card as it is now: of a run that has not ended, too. Raises NotFound."""
    from freehold.train.running.runner import card_now

    return card_now(settings.data, folder)
