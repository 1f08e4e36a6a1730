"""The gateways that are measured, and how each is started. All get the same mock, requests and core."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from .environments import BENCH, HERE, ROOT, find_tool, node_modules_of, pinned_version, python_with
from .traffic import Target

UPSTREAM_KEY = "sk-upstream"
CLIENT_KEY = "sk-bench"

_GATEWAYS = HERE / "gateways"
_CHAT = "/v1/chat/completions"


class Gateway(msgspec.Struct, frozen=True):
    """One gateway, ready to be started; without a command it is the mock itself."""

    name: str
    title: str
    """Name and version, as it is printed."""
    folder: Path
    """Its working folder, empty at the start."""
    find_target: Callable[[], Target | None]
    """Where its requests go; None while it does not know its address yet."""
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    slow: bool = False
    """Answers so few requests that it is given longer slots."""


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def all_gateways(upstream: int, names: frozenset[str] | None = None) -> Iterator[Gateway]:
    """Every gateway, or those called `names`, before a mock on the port `upstream`."""
    makers = {
        "direct": _direct,
        "nginx": _nginx,
        "freehold": _freehold,
        "tensorzero": _tensorzero,
        "portkey": _portkey,
        "litellm": _litellm,
    }
    for name, make in makers.items():
        if names is None or name in names:
            yield make(_empty_folder(name), upstream)


def _empty_folder(name: str) -> Path:
    folder = BENCH / "run" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _write_settings(name: str, folder: Path, **values: object) -> Path:
    """Fill in the `@NAME@`s of a file in `gateways/` and put it into `folder`."""
    settings = folder / name
    values["folder"] = folder
    filled = re.sub(r"@(\w+)@", lambda mark: str(values[mark[1].lower()]), (_GATEWAYS / name).read_text())
    settings.write_text(filled)
    return settings


def _at(
    port: int, key: str, path: str = _CHAT, headers: dict[str, str] | None = None
) -> Callable[[], Target]:
    target = Target(f"http://127.0.0.1:{port}{path}", key, headers=headers or {})
    return lambda: target


def _direct(folder: Path, upstream: int) -> Gateway:
    return Gateway("direct", "direct to the mock", folder, _at(upstream, UPSTREAM_KEY))


def _nginx(folder: Path, upstream: int) -> Gateway:
    nginx, port = find_tool("nginx", "nginx-light"), free_port()
    shown = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    settings = _write_settings("nginx.conf", folder, port=port, upstream=upstream, upstream_key=UPSTREAM_KEY)
    return Gateway(
        "nginx",
        f"nginx {shown.strip().rpartition('/')[2]}, proxy_pass",
        folder,
        _at(port, CLIENT_KEY),
        (str(nginx), "-c", str(settings)),
    )


def freehold(name: str, upstream: int, more: str, environment: dict[str, str]) -> Gateway:
    """The endpoint with `more` settings than the usual ones, as a gateway called `name`."""
    found = _freehold(_empty_folder(name), upstream, more, environment)
    return msgspec.structs.replace(found, name=name)


def _freehold(
    folder: Path, upstream: int, more: str = "", environment: dict[str, str] | None = None
) -> Gateway:
    port = free_port()
    key_file = folder / "upstream-key"
    key_file.write_text(UPSTREAM_KEY)
    key_file.chmod(0o600)
    settings = _write_settings("freehold.toml", folder, port=port, upstream=upstream)
    settings.write_text(settings.read_text() + more)
    command = (sys.executable, "-m", "freehold")
    environment = {"PYTHONPATH": str(ROOT / "src"), **(environment or {})}

    def ask(*arguments: str) -> str:
        return subprocess.run(
            [*command, *arguments],
            env=os.environ | environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        ).stdout.strip()

    key = ask("keys", "create", folder.name, "--config", str(settings))
    version = ask("--version").rpartition(" ")[2]
    return Gateway(
        "freehold",
        f"Freehold {version}",
        folder,
        _at(port, key),
        (*command, "up", "--config", str(settings)),
        environment,
    )


def _tensorzero(folder: Path, upstream: int) -> Gateway:
    requirements = _GATEWAYS / "tensorzero.txt"
    settings = _write_settings("tensorzero.toml", folder, upstream=upstream)
    url = folder / "url"  # it takes any free port and tells which

    def find_target() -> Target | None:
        if not url.exists() or not url.read_text():
            return None
        return Target(f"{url.read_text()}/chat/completions", CLIENT_KEY, "tensorzero::model_name::mock-gpt")

    return Gateway(
        "tensorzero",
        f"TensorZero {pinned_version(requirements, 'tensorzero')}",
        folder,
        find_target,
        (str(python_with(requirements)), str(_GATEWAYS / "tensorzero_http.py"), str(settings), str(url)),
        {"MOCK_OPENAI_KEY": UPSTREAM_KEY},
    )


def _portkey(folder: Path, upstream: int) -> Gateway:
    project, port = _GATEWAYS / "portkey", free_port()
    pinned = msgspec.json.decode((project / "package.json").read_bytes())["dependencies"]
    server = node_modules_of(project) / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
    }
    return Gateway(
        "portkey",
        f"Portkey {pinned['@portkey-ai/gateway']}",
        folder,
        _at(port, UPSTREAM_KEY, headers=headers),
        (
            str(find_tool("node", "nodejs")),
            "--import",
            str(project / "bind-local.mjs"),
            str(server),
            "--headless",
            f"--port={port}",
        ),
        {"NODE_ENV": "production"},
    )


def _litellm(folder: Path, upstream: int) -> Gateway:
    requirements, port = _GATEWAYS / "litellm.txt", free_port()
    settings = _write_settings(
        "litellm.yaml", folder, upstream=upstream, upstream_key=UPSTREAM_KEY, key=CLIENT_KEY
    )
    program = python_with(requirements).with_name("litellm")
    return Gateway(
        "litellm",
        f"LiteLLM {pinned_version(requirements, 'litellm')}",
        folder,
        _at(port, CLIENT_KEY),
        (
            str(program),
            "--config",
            str(settings),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--num_workers",
            "1",
        ),
        {
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "NO_DOCS": "True",
        },
        slow=True,
    )
