"""The image at work under runc: no user, no capabilities, a root file system that cannot be written, one folder."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

from running_endpoint import LIMIT, until
from shipped import DEPLOY

RUNC = shutil.which("runc", path="/usr/sbin:/usr/bin:/usr/local/bin")
USER = 65532


def said_in_dockerfile(word: str) -> list[str]:
    """The words behind ENTRYPOINT, CMD, or the CMD of HEALTHCHECK (`  CMD`)."""
    (form,) = re.findall(rf"^{word} (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    words: list[str] = json.loads(form)
    return words


def environment() -> list[str]:
    """What ENV sets."""
    last = (DEPLOY / "Dockerfile").read_text().partition("AS bare")[2]
    (block,) = re.findall(r"^ENV (.*?[^\\])\n", last, re.MULTILINE | re.DOTALL)
    return str(block).replace("\\\n", " ").split()


class Container:
    """A root file system of the image, and a folder for its data. Its network is this machine's loopback."""

    def __init__(self, root: Path, folder: Path, toml: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        shutil.chown(self.data, USER, USER)
        (folder / "etc").mkdir()
        (folder / "etc" / "freehold.toml").write_text(toml)
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._name = ""

    def _bundle(self, words: list[str]) -> Path:
        bundle = self.folder / f"bundle-{secrets.token_hex(4)}"
        bundle.mkdir()
        assert RUNC is not None
        subprocess.run([RUNC, "spec"], cwd=bundle, check=True, timeout=LIMIT)
        spec: dict[str, Any] = json.loads((bundle / "config.json").read_text())
        spec["root"] = {"path": str(self._root.resolve()), "readonly": True}
        spec["process"] |= {
            "terminal": False,
            "user": {"uid": USER, "gid": USER},
            "args": words,
            "env": environment(),
            "cwd": "/var/lib/freehold",
            "noNewPrivileges": True,
            "capabilities": {kind: [] for kind in spec["process"]["capabilities"]},
        }
        for inside, outside, mode in (
            ("/var/lib/freehold", self.data, "rw"),
            ("/etc/freehold", self.folder / "etc", "ro"),
        ):
            options = ["rbind", mode, "nosuid", "nodev", "noexec"]
            spec["mounts"].append(
                {"destination": inside, "type": "bind", "source": str(outside), "options": options}
            )
        spec["linux"]["namespaces"] = [
            one for one in spec["linux"]["namespaces"] if one["type"] not in ("network", "cgroup")
        ]
        (bundle / "config.json").write_text(json.dumps(spec))
        return bundle

    def run(self, *words: str) -> str:
        """One command of Freehold, to its end; what it says on standard output."""
        assert RUNC is not None
        bundle = self._bundle([*said_in_dockerfile("ENTRYPOINT"), *words])
        done = subprocess.run(
            [RUNC, "run", f"freehold-{secrets.token_hex(6)}"],
            cwd=bundle,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        """What the image does when nothing is said."""
        assert RUNC is not None
        bundle = self._bundle([*said_in_dockerfile("ENTRYPOINT"), *said_in_dockerfile("CMD")])
        self._name = f"freehold-{secrets.token_hex(6)}"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [RUNC, "run", self._name], cwd=bundle, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(lambda: self.asked(*said_in_dockerfile("  CMD")).returncode == 0)

    def asked(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command inside the running container."""
        assert RUNC is not None
        return subprocess.run(
            [RUNC, "exec", self._name, *words], capture_output=True, text=True, timeout=LIMIT, check=False
        )

    def stop(self) -> int:
        """As every runtime does: SIGTERM to process 1."""
        assert RUNC is not None
        assert self._process is not None
        subprocess.run([RUNC, "kill", self._name, "TERM"], check=True, timeout=LIMIT)
        return self._process.wait(LIMIT)

    def end(self) -> None:
        """Whatever happened, nothing goes on."""
        if self._process is not None and self._process.poll() is None:
            assert RUNC is not None
            subprocess.run([RUNC, "kill", self._name, "KILL"], check=False, timeout=LIMIT)
            self._process.wait(LIMIT)

    @property
    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text()
