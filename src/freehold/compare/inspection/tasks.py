"""Tasks of Inspect AI, found by the name of a module or the path of a file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from freehold.core.errors import BadRequest, NotFound
from freehold.core.extras import how_to_install
from freehold.core.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inspect_ai import Task
    from inspect_ai.dataset import Sample

# ruff: noqa: PLC0415 - Inspect AI takes seconds to import: only what works with a task does

SCHEME = "inspect:"
_NO_SANDBOX = "Freehold has no sandboxes (containers) to run it in."


def is_task(reference: str) -> bool:
    """Whether this names a task and not a file of cases."""
    return reference.startswith(SCHEME) or reference.partition("@")[0].endswith(".py")


def read_args(told: Iterable[str]) -> dict[str, Any]:
    """What a task is called with: `NAME=VALUE`, a value as JSON, or else as text. Raises BadRequest."""
    args: dict[str, Any] = {}
    for one in told:
        name, is_there, value = one.partition("=")
        if not is_there or not name.isidentifier():
            raise BadRequest(f"`{one}` is no argument of a task.", hint="Write `--task-arg limit=100`.")
        try:
            args[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            args[name] = value
    return args


class LoadedTask:
    """A task, ready to be looked at. Its dataset is held in memory, as Inspect AI does."""

    def __init__(self, reference: str, digest: str, task: Task) -> None:
        self.reference = reference
        """By which it is found again from anywhere."""
        self.digest = digest
        self.task = task
        self.samples: dict[str, Sample] = {}
        for number, sample in enumerate(task.dataset, 1):
            name = str(number if sample.id is None else sample.id)
            if name in self.samples:
                raise BadRequest(f"Two samples of `{reference}` have the id `{name}`.")
            if sample.sandbox is not None:
                raise BadRequest(f"The sample `{name}` of `{reference}` needs a sandbox.", hint=_NO_SANDBOX)
            self.samples[name] = sample

    @property
    def name(self) -> str:
        """What it calls itself."""
        return self.task.name.rpartition("/")[2]


def load(reference: str, args: Mapping[str, Any]) -> LoadedTask:
    """The task that `reference` names. Its file is executed, with all rights that this process has.

    Raises NotFound, and BadRequest: it cannot be used here, or Inspect AI is not installed.
    """
    check_extra()
    place, _, name = reference.removeprefix(SCHEME).partition("@")
    is_file = place.endswith(".py")
    module = _of_file(Path(place)) if is_file else _of_module(place)
    name, make = _chosen(module, name, reference)
    try:
        task = make(**args)
    except Exception as error:  # it is somebody else's code
        raise BadRequest(f"`{name}` of `{place}` cannot be made: {type(error).__name__}: {error}") from error
    source = inspect.getsourcefile(inspect.unwrap(make)) or module.__file__
    digest = hashlib.sha256(Path(source).read_bytes() if source else b"").hexdigest()
    found = f"{Path(place).resolve()}@{name}" if is_file else f"{SCHEME}{place}@{name}"
    _check(found, task)
    return LoadedTask(found, digest, task)


def check_extra() -> None:
    """Raises BadRequest: Inspect AI is not installed."""
    try:
        import inspect_ai  # noqa: F401
        import openai  # noqa: F401 - in whose form Inspect AI writes messages
    except ImportError:
        raise BadRequest("Inspect AI is not installed.", hint=how_to_install("inspect")) from None


def _check(reference: str, task: Task) -> None:
    if task.sandbox is not None:
        raise BadRequest(f"`{reference}` needs a sandbox.", hint=_NO_SANDBOX)
    if not task.scorer:
        raise BadRequest(f"`{reference}` has no scorer.", hint="Give the task one.")
    if task.approval is not None:
        raise BadRequest(f"`{reference}` wants a person to approve of tool calls, and nobody is there.")


def _of_module(name: str) -> ModuleType:
    try:
        with _importing(Path.cwd()):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise NotFound(
                f"There is no module `{name}`.", hint="Install its package beside Freehold, or name a file."
            ) from None
        raise BadRequest(f"`{name}` cannot be imported: {error}.") from error
    except Exception as error:  # it is somebody else's code
        raise BadRequest(f"`{name}` cannot be imported: {type(error).__name__}: {error}") from error


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise NotFound(f"There is no file `{path}`.")
    path = path.resolve()
    name = f"freehold_task_{hashlib.sha256(bytes(path)).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        with _importing(path.parent):
            specification.loader.exec_module(module)
    except Exception as error:  # it is somebody else's code
        del sys.modules[name]
        raise BadRequest(f"`{path}` cannot be imported: {type(error).__name__}: {error}") from error
    return module


@contextmanager
def _importing(folder: Path) -> Iterator[None]:
    """What lies beside a task may be imported by it, as with Inspect AI."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _chosen(module: ModuleType, name: str, reference: str) -> tuple[str, Callable[..., Task]]:
    from inspect_ai._util.registry import is_registry_object, registry_info

    def is_one(value: object) -> bool:
        return callable(value) and is_registry_object(value) and registry_info(value).type == "task"

    there = {key: value for key, value in vars(module).items() if is_one(value)}
    if not name and len(there) == 1:
        return next(iter(there.items()))
    if name in there:
        return name, there[name]
    if not there:
        raise NotFound(f"`{reference}` has no task.", hint="A task is a function under `@task`.")
    told = ", ".join(f"`{one}`" for one in there)
    missing = f"has no task `{name}`" if name else "has several tasks"
    raise NotFound(f"`{reference}` {missing}.", hint=did_you_mean(name, tuple(there)) or f"There are {told}.")
