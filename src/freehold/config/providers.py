"""One `[providers.NAME]` table and its preset into ProviderSettings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from freehold.catalog.prices import OWN_MACHINE_ID
from freehold.config.address import is_near, is_own_machine, is_plain, read_base_url
from freehold.config.local import SERVED_HERE
from freehold.config.problems import Problems
from freehold.config.reading import fields_of, read_section
from freehold.config.secrets import NoSecretError, UnsetVariableError, find_secret, place_of
from freehold.config.sections import ProviderSection
from freehold.config.source import Key, written
from freehold.config.values import UnfitError, is_credential, shown
from freehold.core.secret import Secret
from freehold.core.suggest import did_you_mean, one_of
from freehold.providers.presets import Preset, find_preset, preset_names
from freehold.providers.settings import ProviderSettings
from freehold.wire.anthropic.headers import FIRST, VERSION
from freehold.wire.dialects import NAMES

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FILLING = re.compile(r"[A-Za-z0-9._-]+")
_CREDENTIALS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "api-key",
        "x-api-key",
        "key",
        "api_key",
        "token",
        "access_token",
    }
)
"""Headers and parameters that are there to carry secrets."""
_OURS = frozenset({"host", "connection", "content-length", "transfer-encoding", "te", "upgrade"})


class ProviderReader:
    """Reads every provider of one file."""

    def __init__(self, folder: Path, environ: Mapping[str, str], problems: Problems) -> None:
        """`folder`: where relative paths of secrets start."""
        self._folder = folder
        self._environ = environ
        self._problems = problems
        self.secret_files: list[Path] = []
        """Files that secrets were looked for in, found or not."""

    def read_all(self, tables: object) -> dict[str, ProviderSettings]:
        """The providers by name, as far as they can be made."""
        if not isinstance(tables, Mapping):
            self._problems.error(("providers",), "`providers` must be a table of tables.")
            return {}
        found: dict[str, ProviderSettings] = {}
        spelled: dict[str, str] = {}
        for name, table in tables.items():
            if self._fits(name, spelled):
                provider = self._read(name, table)
                if provider is not None:
                    found[name] = provider
        return found

    def _fits(self, name: str, spelled: dict[str, str]) -> bool:
        key = ("providers", name)
        if not _NAME.fullmatch(name):
            self._problems.error(
                key,
                f"`{name}` cannot name a provider.",
                "Use letters, digits, dots and dashes, but no slash.",
            )
            return False
        if name in SERVED_HERE:
            self._problems.error(
                key,
                f"`{name}` is the name of {SERVED_HERE[name]}.",
                "Choose another name; what runs here is set up under `[local]`.",
            )
            return False
        if name.lower() in spelled:
            self._problems.error(
                key, f"`{name}` and `{spelled[name.lower()]}` are too much alike to name two providers."
            )
            return False
        spelled[name.lower()] = name
        return True

    def _read(self, name: str, table: object) -> ProviderSettings | None:
        key: Key = ("providers", name)
        like = table.get("like") if isinstance(table, Mapping) else None
        preset = find_preset(like if isinstance(like, str) else name)
        variables = preset.variables if preset else {}
        section = read_section(ProviderSection, table, key, self._problems, besides=variables)
        if section is None or not isinstance(table, Mapping):
            return None
        if section.like is not None and preset is None:
            hint = did_you_mean(section.like, preset_names()) or f"There are {one_of(preset_names())}."
            self._problems.error((*key, "like"), f"There is no preset called {shown(section.like)}.", hint)
            return None
        base_url = self._base_url(section, preset, table, key)
        facts = self._facts(section, preset, key)
        api_key = self._api_key(section, preset, key, document=facts.get("auth") == "google")
        if base_url is None:
            return None
        if section.base_url is not None and section.prices is None and not is_own_machine(base_url):
            facts = _without_own_machine(facts)
        self._warn_of_listeners(api_key, base_url, key)
        access_key_id = self.find(section.access_key_id, (*key, "access_key_id"), plain=True)
        session_token = self.find(section.session_token, (*key, "session_token"))
        if facts.get("auth") == "aws" and (
            api_key is None or access_key_id is None or section.region is None
        ):
            self._problems.error(
                (*key, "auth"),
                f"`{name}` signs for AWS and needs `api_key`, `access_key_id` and `region`.",
                '`api_key` is the secret access key, by reference: `api_key = "env:AWS_SECRET_ACCESS_KEY"`.',
            )
        return ProviderSettings(
            name,
            base_url=base_url,
            api_key=api_key,
            access_key_id=None if access_key_id is None else access_key_id.reveal(),
            session_token=session_token,
            region=section.region,
            timeouts=section.timeouts,
            max_connections=section.max_connections,
            keep_alive=section.keep_alive,
            models=section.models,
            quota=section.quota,
            known_as=None if preset is None else preset.known_as,
            paths={} if preset is None else preset.paths,
            **facts,
        )

    def _facts(self, section: ProviderSection, preset: Preset | None, key: Key) -> dict[str, Any]:
        """What the preset and, before it, the file say."""
        facts: dict[str, Any] = {}
        for source in (preset, section):
            for field in _SHARED if source is not None else ():
                value = getattr(source, field)
                if value is not None:
                    facts[field] = value
        self._check_facts(facts, key)
        return _with_version(facts)

    def _warn_of_listeners(self, api_key: Secret | None, base_url: str, key: Key) -> None:
        here = (*key, "base_url")
        if api_key is not None and is_plain(base_url) and not is_near(base_url):
            self._problems.warn(
                here,
                f"The key of `{key[-1]}` would travel unencrypted: `{written(here)}` is not https.",
                "Use https, or whoever is on the way can read the key and every call.",
            )

    def _base_url(
        self, section: ProviderSection, preset: Preset | None, table: Mapping[str, object], key: Key
    ) -> str | None:
        here = (*key, "base_url")
        if section.base_url is not None:
            given = [variable for variable in preset.variables if variable in table] if preset else []
            for unused in (variable for variable in given if variable not in _SETTINGS):
                self._problems.error(
                    (*key, unused), f"`{written((*key, unused))}` has no use beside `base_url`; remove one."
                )
            try:
                return read_base_url(section.base_url)
            except UnfitError as unfit:
                self._problems.error(here, f"`{written(here)}` must be {unfit}.")
                return None
        if preset is None:
            if self._problems.wrong(key):
                return None
            name = str(key[-1])
            near = did_you_mean(name, preset_names())
            hint = f"{near} " if near else ""
            self._problems.error(
                here,
                f"`{written(here)}` is missing, and there is no preset called `{name}`.",
                f'{hint}Give its address, or start from a preset: `like = "vllm"`.',
            )
            return None
        return self._filled(preset, table, key)

    def _filled(self, preset: Preset, table: Mapping[str, object], key: Key) -> str | None:
        url = preset.base_url
        whole = True
        for variable, meaning in preset.variables.items():
            here = (*key, variable)
            value = table.get(variable)
            if isinstance(value, str) and _FILLING.fullmatch(value):
                url = url.replace("{" + variable + "}", value)
                continue
            whole = False
            if value is None:
                self._problems.error(here, f"`{written(here)}` is missing: {meaning}.")
            else:
                self._problems.error(
                    here, f"`{written(here)}` must be {meaning}: letters, digits, dots and dashes."
                )
        return url if whole else None

    def _api_key(
        self, section: ProviderSection, preset: Preset | None, key: Key, *, document: bool
    ) -> Secret | None:
        here = (*key, "api_key")
        reference = section.api_key
        if reference is None and preset is not None and section.base_url is None:
            # A preset's key belongs to the preset's address and is never sent to another.
            reference = preset.api_key
        if reference is None:
            return None
        if reference.startswith("file:"):
            self.secret_files.append(place_of(reference, self._folder))
        try:
            found = find_secret(reference, folder=self._folder, environ=self._environ, document=document)
        except UnsetVariableError as missing:
            if section.api_key is None and preset is not None and preset.key_optional:
                return None
            self._problems.error(here, f"`{written(here)}` {missing.message}.", missing.hint)
            return None
        except NoSecretError as missing:
            self._problems.error(here, f"`{written(here)}` {missing.message}.", missing.hint)
            return None
        if found.readable_by_all:
            self._problems.warn(
                here,
                f"Every user of this machine can read the key in `{found.file}`.",
                f"`chmod 600 {found.file}`",
            )
        return found.secret

    def find(
        self, reference: str | None, here: Key, *, plain: bool = False, words: bool = False
    ) -> Secret | None:
        """What a reference refers to. `plain`: what is none stands for itself. `words`: it may be more than one."""
        if reference is None:
            return None
        if plain and not reference.startswith(("env:", "file:")):
            return Secret(reference, written(here))
        if reference.startswith("file:"):
            self.secret_files.append(place_of(reference, self._folder))
        try:
            found = find_secret(reference, folder=self._folder, environ=self._environ, document=words)
        except NoSecretError as missing:
            self._problems.error(here, f"`{written(here)}` {missing.message}.", missing.hint)
            return None
        return found.secret

    def _check_facts(self, facts: Mapping[str, Any], key: Key) -> None:
        dialects = facts.get("dialects", ("openai-chat",))
        self._check_dialects(dialects, (*key, "dialects"))
        if "hosting" in facts and tuple(dialects) != ("anthropic-messages",):
            self._problems.error(
                (*key, "hosting"),
                f"`{written((*key, 'hosting'))}` is a form of `anthropic-messages` alone.",
                'Say `dialects = ["anthropic-messages"]`, or leave it out.',
            )
        auth = facts.get("auth", "bearer")
        if not _HEADER_NAME.fullmatch(auth) or auth.lower() in _OURS:
            self._problems.error((*key, "auth"), f"`{written((*key, 'auth'))}` cannot name a header.")
        for name, value in facts.get("headers", {}).items():
            self._check_header(name, value, (*key, "headers", name))
        for name, value in facts.get("query", {}).items():
            if name.lower() in _CREDENTIALS or is_credential(value):
                self._refuse_secret((*key, "query", name))
        for path in ("chat_path", "embeddings_path", "models_path"):
            value = facts.get(path, "/")
            if value and (not value.startswith("/") or not value.isascii() or set(value) & set(" ?#")):
                self._problems.error(
                    (*key, path), f"`{written((*key, path))}` must be a path that begins with `/`."
                )

    def _check_dialects(self, dialects: tuple[str, ...], here: Key) -> None:
        if not dialects:
            self._problems.error(here, f"`{written(here)}` is empty.", f"There are {one_of(NAMES)}.")
        for dialect in dialects:
            if dialect not in NAMES:
                hint = did_you_mean(dialect, NAMES) or f"There are {one_of(NAMES)}."
                self._problems.error(here, f"There is no dialect called {shown(dialect)}.", hint)

    def _check_header(self, name: str, value: str, here: Key) -> None:
        if not _HEADER_NAME.fullmatch(name) or not value.isascii():
            self._problems.error(here, f"`{written(here)}` is not a header that can be sent.")
        elif name.lower() in _OURS:
            self._problems.error(here, f"`{written(here)}` is set by Freehold for each request.")
        elif name.lower() in _CREDENTIALS or is_credential(value):
            self._refuse_secret(here)

    def _refuse_secret(self, here: Key) -> None:
        self._problems.error(
            here,
            f"`{written(here)}` looks like a secret; keys are not written into this file.",
            'Refer to it with `api_key = "env:NAME"` and say with `auth` which header carries it.',
        )


def _without_own_machine(facts: dict[str, Any]) -> dict[str, Any]:
    """What costs nothing at the preset's own address may well cost something elsewhere."""
    if facts.get("prices") != OWN_MACHINE_ID:
        return facts
    return {name: value for name, value in facts.items() if name != "prices"}


def _with_version(facts: dict[str, Any]) -> dict[str, Any]:
    """Anthropic's API refuses requests that name no version, and only its own clients name one; its hosts want none."""
    headers = facts.get("headers", {})
    if "anthropic-messages" not in facts.get("dialects", ()) or "hosting" in facts:
        return facts
    if any(name.lower() == VERSION for name in headers):
        return facts
    return {**facts, "headers": {VERSION: FIRST, **headers}}


_SETTINGS = frozenset(fields_of(ProviderSection))
"""What a variable may be called that has a use beside `base_url` all the same: the region that is signed for."""

_SHARED = (
    "dialects",
    "hosting",
    "quirks",
    "auth",
    "headers",
    "query",
    "chat_path",
    "embeddings_path",
    "models_path",
    "stream_usage",
    "prices",
)
"""Facts that a preset gives and the file may override."""

assert set(_SHARED) <= {field.name for field in msgspec.structs.fields(Preset)}
