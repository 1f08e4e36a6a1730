"""The simulated provider, the real endpoint in front of it as a process of its own, and its ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

import freehold
from freehold.providers.simulated import Script, SimulatedProvider
from freehold.providers.simulated.observation import ReceivedRequest

LIMIT = 30.0
PROVIDER_KEY = "sk-of-the-provider"
SECOND = "second-"
"""Before the name of a provider: another account with the same API."""

TOO_LARGE = 256 * 1024
"""Bytes that no request may have."""

_PLACES: dict[str, tuple[str, str]] = {
    "openai-chat": ("/v1", "bearer"),
    "openai-responses": ("/v1", "bearer"),
    "anthropic-messages": ("/v1", "x-api-key"),
    "gemini": ("/v1beta", "x-goog-api-key"),
    "bedrock-converse": ("", "bearer"),
    "cohere": ("/v2", "bearer"),
}
"""Where each dialect is spoken, and how the key is shown."""
_HOSTED = {"bedrock": "", "vertex": "/v1/projects/acme/locations/europe-west1/publishers/anthropic"}
"""Where Anthropic's messages are spoken when a cloud hosts them."""
_VERSION = {"anthropic-messages": 'headers = { anthropic-version = "2023-06-01" }\n'}


class Stage:
    """Use it as `with Stage(folder, script) as stage`."""

    def __init__(self, folder: Path, script: Script, files: str, hosting: str | None = None) -> None:
        """`files` is the URL of the files that requests name. `hosting`: the cloud that hosts Anthropic's dialect;
        None: Anthropic itself.
        """
        self._hosting = hosting
        self._files = urlsplit(files)
        self._folder = folder
        self._provider = SimulatedProvider.in_thread(script)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        """The endpoint's, without a path."""
        self.key = ""

    @property
    def provider_url(self) -> str:
        """The simulated provider's, without a path."""
        return self._provider.root_url

    def __enter__(self) -> Self:
        self._provider.__enter__()
        try:
            self._start()
        except BaseException:
            self._provider.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._provider.__exit__(kind, error, trace)

    def _start(self) -> None:
        (self._folder / "freehold.toml").write_text(self._settings())
        with (self._folder / "log").open("wb") as log:
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "freehold", "up", "--json", "--new-key", "--port", "0"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._folder,
                env=self._environment,
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            self.stop()
            raise RuntimeError(f"the endpoint did not start: {self.log}")
        started = msgspec.json.decode(line)
        self.url, self.key = started["url"].removesuffix("/v1"), started["key"]

    def stop(self) -> None:
        """End the endpoint as a service manager does; its ledger stays."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(LIMIT)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()

    @property
    def log(self) -> str:
        """What the endpoint said on standard error."""
        return (self._folder / "log").read_text(errors="replace")

    @property
    def received(self) -> list[ReceivedRequest]:
        """What reached the simulated provider."""
        return self._provider.requests

    def ledger(self) -> list[dict[str, Any]]:
        """Every call on record, as `freehold calls export` writes them."""
        done = subprocess.run(
            [sys.executable, "-m", "freehold", "calls", "export"],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            check=True,
            timeout=LIMIT,
        )
        return [msgspec.json.decode(line) for line in done.stdout.splitlines()]

    @property
    def _environment(self) -> dict[str, str]:
        assert freehold.__file__ is not None
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(freehold.__file__).parent.parent),
            "PYTHONWARNINGS": "error",
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "PROVIDER_KEY": PROVIDER_KEY,
            "SECOND_KEY": f"{PROVIDER_KEY}-2",
        }

    def _settings(self) -> str:
        settings = [
            f"[local]\nenabled = false\n\n[health]\nenabled = false\n\n[server]\nmax_body_bytes = {TOO_LARGE}\n\n"
            f'[fetch]\nports = [{self._files.port}]\nallow = ["{self._files.hostname}"]\n'
        ]
        places = dict(_PLACES)
        if self._hosting is not None:
            places["anthropic-messages"] = (_HOSTED[self._hosting], "bearer")
        for dialect, (path, auth) in places.items():
            hosted = self._hosting is not None and dialect == "anthropic-messages"
            more = f'hosting = "{self._hosting}"\n' if hosted else _VERSION.get(dialect, "")
            for before, key in (("", "PROVIDER_KEY"), (SECOND, "SECOND_KEY")):
                settings.append(
                    f"[providers.{provider_named(before + dialect)}]\n"
                    f'base_url = "{self.provider_url}{path}"\ndialects = ["{dialect}"]\n'
                    f'api_key = "env:{key}"\nauth = "{auth}"\n{more}'
                )
        return "\n".join(settings)


def provider_named(dialect: str) -> str:
    """The configured provider that speaks `dialect`."""
    return f"sim-{dialect}"
