"""What deploy/ ships holds together: read as files, without containers, a cluster or tools."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml
from shipped import CHART, DEPLOY, ROOT, compose

from freehold.config.load import load

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
REPLICAS = [name for name in SERVICES if name.startswith("freehold-")]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def seconds(text: str) -> float:
    """Of `60s`."""
    return float(text.removesuffix("s"))


# The image


def test_the_image_is_made_of_locks_that_are_there() -> None:
    extras = re.findall(r"^# Which optional parts are installed, of: (.+)\.$", DOCKERFILE, re.MULTILINE)[
        0
    ].split()
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) == set(known) - {
        "local",
        "train",
    }  # the image serves; training has an environment of its own
    default = re.findall(r'^ARG EXTRAS="(.*)"$', DOCKERFILE, re.MULTILINE)[0].split()
    assert set(default) <= set(extras)
    for lock in (*extras, *re.findall(r"requirements/(\w+)\.txt", DOCKERFILE), "base", "run", "models"):
        assert (ROOT / "requirements" / f"{lock}.txt").is_file(), lock
    assert "--require-hashes" in DOCKERFILE
    assert "--only-binary=:all:" in DOCKERFILE


def test_the_image_has_no_root_and_no_shell_before_freehold() -> None:
    last = DOCKERFILE.rpartition("AS bare")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE), "a number, so that it can be checked"
    assert not re.search(r"^RUN ", last, re.MULTILINE)
    for word in ("ENTRYPOINT", "CMD", "  CMD"):
        (form,) = re.findall(rf"^{word} (.*)$", last, re.MULTILINE)
        assert isinstance(msgspec.json.decode(form), list), "exec form: signals reach the process"


def test_no_secret_is_sent_to_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*", "nothing but what is named"
    named = {line.removeprefix("!") for line in lines[1:] if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert all(any(one == name or one.startswith(f"{name}/") for name in named) for one in copied)
    assert not any(name.startswith("deploy/") and name != "deploy/image" for name in named)


@pytest.mark.parametrize("name", ["server", "local"])
def test_the_images_configuration_is_one_that_freehold_starts_with(name: str) -> None:
    settings = load(DEPLOY / "image" / f"{name}.toml", {})
    assert settings.server.host == "0.0.0.0"
    assert settings.data == Path("/var/lib/freehold")
    assert settings.local.enabled == (name == "local")


# Compose


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_as_little_as_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["pids_limit"] > 0
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    if name not in REPLICAS:  # theirs is in the image
        assert not str(service["user"]).startswith("0")
        assert "healthcheck" in service
        assert ":" in service["image"], "a version"


def test_the_balancer_alone_can_be_reached_and_the_databases_reach_nobody() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["balancer"]
    assert "127.0.0.1:" in SERVICES["balancer"]["ports"][0], "without TLS, from this machine only"
    assert compose()["networks"]["back"] == {"internal": True}
    for name in ("postgres", "valkey"):
        assert SERVICES[name]["networks"] == ["back"]
    assert "back" not in SERVICES["balancer"]["networks"]


def test_replicas_share_nothing_but_their_configuration() -> None:
    folders = [
        volume.split(":")[0]
        for name in REPLICAS
        for volume in SERVICES[name]["volumes"]
        if "/var/lib" in volume
    ]
    assert len(folders) == len(set(folders)) == len(REPLICAS) == 2


def test_replicas_are_where_the_balancer_looks() -> None:
    there = {f"{SERVICES[name]['networks']['front']['ipv4_address']}:8484" for name in REPLICAS}
    groups = re.findall(
        r"upstream \w+ \{(.*?)\n  \}", (DEPLOY / "nginx" / "nginx.conf").read_text(), re.DOTALL
    )
    assert len(groups) == 2
    for group in groups:
        assert set(re.findall(r"server (\S+)", group)) == there


def test_valkey_forgets_nothing() -> None:
    words = SERVICES["valkey"]["command"]
    assert words[words.index("--maxmemory-policy") + 1] == "noeviction"
    assert words[words.index("--appendonly") + 1] == "yes"


def prepared(folder: Path) -> tuple[Path, str]:
    """The folder of the secrets, made, and the configuration with them."""
    shutil.copy(DEPLOY / "make-secrets", folder)
    subprocess.run([folder / "make-secrets"], check=True, capture_output=True, timeout=20)
    (folder / "secrets" / "openai_api_key").write_text("sk-0123456789")
    toml = (DEPLOY / "config" / "freehold.toml").read_text()
    return folder / "secrets", toml.replace("/run/secrets", str(folder / "secrets"))


def test_the_configuration_is_one_that_freehold_starts_with(tmp_path: Path) -> None:
    _, toml = prepared(tmp_path)
    file = tmp_path / "freehold.toml"
    file.write_text(toml)
    settings = load(file, {})
    nginx = (DEPLOY / "nginx" / "nginx.conf").read_text()
    keep_alive = re.findall(r"^ +keepalive_timeout (\d+)s;", nginx, re.MULTILINE)
    assert settings.shared_url is not None
    assert settings.access.pepper is not None
    assert settings.limits
    # Told to stop, calls get their time, the last words two seconds, and the ledger ten.
    for name in REPLICAS:
        assert seconds(SERVICES[name]["stop_grace_period"]) >= settings.server.shutdown_timeout + 12
    keep_alive = re.findall(
        r"^ +keepalive_timeout (\d+)s;", (DEPLOY / "nginx" / "nginx.conf").read_text(), re.MULTILINE
    )
    assert settings.server.keep_alive_timeout > float(keep_alive[0]), "the replica never hangs up first"


def test_secrets_are_made_once_and_read_by_few(tmp_path: Path) -> None:
    secrets, _ = prepared(tmp_path)
    names = {path.name for path in secrets.iterdir()}
    assert names == {*(Path(one["file"]).name for one in compose()["secrets"].values()), "valkey_password"}
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    assert len(set(before.values())) == len(before)
    subprocess.run([tmp_path / "make-secrets"], check=True, capture_output=True, timeout=20)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == before
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    for path in secrets.iterdir():
        if path.name != "openai_api_key":
            assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert (tmp_path / ".env").read_text() == f"SECRETS_GROUP={os.getgid()}\n"


# The chart, as far as it can be judged without Helm: the rest is in test_chart.py


def test_the_charts_values_are_those_of_its_schema() -> None:
    """Each has a default, and the defaults hold to it."""
    schema = msgspec.json.decode((CHART / "values.schema.json").read_bytes())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    jsonschema_rs.validator_for(schema).validate(values)
    assert set(schema["properties"]) - {"global"} == set(values)


def test_every_value_is_used_and_every_used_one_is_there() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    templates = "\n".join(path.read_text() for path in (CHART / "templates").iterdir())
    used = {match[1] for match in re.finditer(r"\.Values\.(\w+)", templates)}
    assert used == set(values)


def test_the_chart_is_of_this_version() -> None:
    from freehold import __version__  # noqa: PLC0415 - here only

    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__
