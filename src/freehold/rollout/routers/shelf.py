"""The folder of the routers: a file for each, named by its route and its content's hash."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path

import msgspec

from freehold.core.errors import BadRequest, NotFound, StoreError
from freehold.routing.learned.form import MAGIC, MAX_BYTES, MAX_HEADER, read_about, read_router, write_router
from freehold.routing.learned.model import Model
from freehold.routing.learned.router import About, Router

FOLDER = "routers"
_SUFFIX = ".router"
_HASH = 16
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,60}}-([0-9a-f]{{{_HASH}}}){re.escape(_SUFFIX)}")


class Shelved(msgspec.Struct, frozen=True):
    """A router that is there, of which nothing is read but what it says of itself."""

    path: Path
    hash: str
    """The first digits."""
    about: About


class RouterShelf:
    """See the module. Nothing is made before something is kept."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RouterShelf) and self._folder == other._folder

    def __hash__(self) -> int:
        return hash(self._folder)

    def keep(self, about: About, model: Model) -> Shelved:
        """A new router, from now on the one of its route. Raises StoreError."""
        content, digest = write_router(about, model)
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", about.route)[:40] or "route"
        path = self._folder / f"{plain}-{digest[:_HASH]}{_SUFFIX}"
        draft = path.with_suffix(".draft")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            draft.rename(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _unusable(path, error) from error
        return Shelved(path, digest[:_HASH], about)

    def all(self, route: str | None = None) -> list[Shelved]:
        """The newest first. Files that are no routers are passed over."""
        found = []
        for path in self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ():
            named = _NAME.fullmatch(path.name)
            if named is not None and path.is_file():  # whoever opens a pipe waits for ever
                try:
                    about = read_about(_start(path), path.name)
                except StoreError:
                    continue
                if route is None or about.route == route:
                    found.append(Shelved(path, named[1], about))
        return sorted(found, key=lambda one: (one.about.made_us, one.hash), reverse=True)

    def find(self, which: str) -> Shelved:
        """By its route, of which the newest is meant, or by the beginning of its hash. Raises NotFound, BadRequest."""
        everything = self.all()
        of_route = [one for one in everything if one.about.route == which]
        found = of_route[:1] or [one for one in everything if which and one.hash.startswith(which)]
        if len(found) > 1:
            raise BadRequest(f"Several routers begin with `{which}`.", hint="Write more of the hash.")
        if not found:
            raise NotFound(
                f"There is no router `{which}`.", hint="`freehold router list` shows those there are."
            )
        return found[0]

    def load(self, shelved: Shelved) -> Router:
        """All of it. Raises StoreError: it cannot be read, or is not what its name says."""
        try:
            content = _start(shelved.path, MAX_BYTES + 1)
        except OSError as error:
            raise _unusable(shelved.path, error) from error
        if not sha256(content).hexdigest().startswith(shelved.hash):
            raise StoreError(
                f"`{shelved.path.name}` was changed since it was certified.",
                hint="Make it anew: `freehold router fit`.",
            )
        return read_router(content, shelved.path.name)


def _start(path: Path, most: int = len(MAGIC) + 8 + MAX_HEADER) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"`{path}` cannot be used: {error.strerror}.", hint="Look at the folder and the disk.")
