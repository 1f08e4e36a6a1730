"""Where keys and the ledger are kept, and the pepper: secrets by reference, checked as far as that goes from here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from freehold.config.problems import Problems
from freehold.config.secrets import NoSecretError, find_secret, place_of
from freehold.config.sections import AccessSection, DatabaseSection
from freehold.config.source import Key, written
from freehold.core.secret import Secret
from freehold.store.places import Server, fault_of_url, has_password

_URL_KEY = ("database", "url")
_PEPPER_KEY = ("access", "pepper")


class DatabaseReader:
    """Reads `[database]` and `[access]`."""

    def __init__(self, folder: Path, environ: Mapping[str, str], problems: Problems) -> None:
        self._folder = folder
        self._environ = environ
        self._problems = problems
        self.secret_files: list[Path] = []
        """Files that were referred to."""

    def server(self, section: DatabaseSection) -> Server | None:
        """The server, where one is configured."""
        written_url = section.url
        if written_url is None:
            return None
        url: Secret | None
        if "://" in written_url:
            if has_password(written_url):
                self._problems.error(
                    _URL_KEY,
                    "`database.url` holds a password; passwords are not written into this file.",
                    'Refer to it: `url = "env:FREEHOLD_DATABASE"`.',
                )
                return None
            url = Secret(written_url, written(_URL_KEY))
        else:
            url = self._find(written_url, _URL_KEY)
        if url is None:
            return None
        if (fault := fault_of_url(url.reveal())) is not None:
            self._problems.error(
                _URL_KEY,
                f"`database.url` leads to something that is no address of a PostgreSQL database: {fault}.",
                "It is written `postgresql://user:password@host:5432/database`.",
            )
            return None
        return Server(url)

    def pepper(self, section: AccessSection) -> Secret | None:
        """The pepper, where one is configured: 64 hexadecimal digits."""
        if section.pepper is None:
            return None
        found = self._find(section.pepper, _PEPPER_KEY)
        if found is not None and not _is_pepper(found.reveal()):
            self._problems.error(
                _PEPPER_KEY,
                "`access.pepper` leads to something that is not 64 hexadecimal digits.",
                "`openssl rand -hex 32` makes one; `xxd -p -c 32 .freehold/secret` shows the one there is.",
            )
            return None
        return found

    def _find(self, reference: str, here: Key) -> Secret | None:
        if reference.startswith("file:"):
            self.secret_files.append(place_of(reference, self._folder))
        try:
            found = find_secret(reference, folder=self._folder, environ=self._environ)
        except NoSecretError as missing:
            self._problems.error(here, f"`{written(here)}` {missing.message}.", missing.hint)
            return None
        if found.readable_by_all:
            self._problems.warn(
                here,
                f"Every user of this machine can read the secret in `{found.file}`.",
                f"`chmod 600 {found.file}`",
            )
        return found.secret


def _is_pepper(digits: str) -> bool:
    return len(digits) == 64 and all(digit in "0123456789abcdefABCDEF" for digit in digits)
