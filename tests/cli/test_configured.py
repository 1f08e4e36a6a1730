"""`check`, `models` and `routes`: what the configuration says and would do."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

OWN = """
[providers.far]
base_url = "{url}"
models = ["m1", "m2"]

[routes.copilot]
incumbent = "far/m1"
fallbacks = ["far/m2", "local/smollm2-135m"]
keep_bodies = false

[models."far/m1"]
input = "2.50"
output = "10"
"""


def _configured(folder: Path, url: str = "http://127.0.0.1:9/v1") -> Shell:
    (folder / "freehold.toml").write_text(OWN.replace("{url}", url))
    return Shell(folder)


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_nothing_configured_works_and_is_checked(tmp_path: Path) -> None:
    done = Shell(tmp_path)("check")
    assert done.returncode == 0
    assert "none: the defaults hold" in done.stdout
    assert "local/smollm2-135m" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_check_says_what_would_happen(tmp_path: Path) -> None:
    shell = _configured(tmp_path)
    done = shell("check")
    assert done.returncode == 0
    for said in ("http://127.0.0.1:9/v1", "no key", "far/m1", "freehold.toml far/m1", "unknown", "not kept"):
        assert said in done.stdout, said
    report = shell.json("check")[0]
    assert report["good"] is True
    assert report["routes"] is not None


def test_a_check_names_what_is_configured_beyond_the_defaults_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(
        '[server]\nworkers = 3\n[database]\nurl = "env:DATABASE"\n[shared]\nurl = "env:SHARED"\n'
        '[telemetry]\nurl = "env:COLLECTOR"\n[admin]\nlisten = "127.0.0.1:8790"\n'
        '[limits.each-user]\non = "user"\nper = "day"\nmoney = 5\n'
    )
    shell = Shell(tmp_path)
    shell.environment |= {
        "DATABASE": "postgresql://me:hushhush@db.internal/freehold",
        "SHARED": "valkey://:hushhush@valkey.internal/0",
        "COLLECTOR": "https://collector.internal/hushhush",
    }
    done = shell("check")
    told = {line[:15].strip(): line[15:] for line in done.stdout.splitlines()}
    assert told["workers"] == "3"
    assert told["database"] == "postgresql://db.internal/freehold"
    assert told["shared"] == "Valkey or Redis at env:SHARED"
    assert told["limits"] == "each-user"
    assert told["collector"] == "env:COLLECTOR"
    assert told["admin API"] == "127.0.0.1:8790"
    assert shell.json("check")[0]["beyond"]["limits"] == "each-user"  # type: ignore[index]
    assert "hushhush" not in done.stdout + done.stderr + shell("check", "--json").stdout


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text('[server]\nprot = 1\n\n[routes.x]\nincumbent = "nobody/y"\n')
    done = Shell(tmp_path)("check")
    assert done.returncode == 1
    assert "freehold.toml:2: " in done.stdout
    assert "Did you mean `port`?" in done.stdout
    assert "freehold.toml:5: " in done.stdout
    assert "2 errors" in done.stderr
    other = Shell(tmp_path)("routes")
    assert (other.returncode, other.stdout) == (1, "")
    assert "2 mistakes" in other.stderr
    absent = Shell(tmp_path)("check", "--config", "nowhere.toml")
    assert absent.returncode == 1
    assert "nowhere.toml" in absent.stderr


def test_a_live_check_asks_the_providers(tmp_path: Path) -> None:
    with SimulatedProvider.in_thread(Script(models={"m1": Behaviour(), "m3": Behaviour()})) as provider:
        shell = _configured(tmp_path, provider.base_url)
        done = shell("check", "--live")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning: " in done.stdout
        assert "`far/m2` is not among the 2 models" in done.stdout
        assert shell.json("check", "--live")[0]["answers"] == [{"provider": "far", "models": ["m1", "m3"]}]
    gone = _configured(tmp_path, f"http://127.0.0.1:{_closed_port()}/v1")("check", "--live")
    assert gone.returncode == 1
    assert "error: " in gone.stdout
    assert "No connection to `far`" in gone.stdout


class _Pages(BaseHTTPRequestHandler):
    """Lists of three models in the forms of Anthropic and of Gemini, two to a page."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        names = ["m1", "m2", "m3"]
        start = int(query.get("pageToken", "0")) or names.index(query.get("after_id", "m1")) + (
            "after_id" in query
        )
        page, more = names[start : start + 2], start + 2 < len(names)
        told: dict[str, object] = {
            "data": [{"id": name} for name in page],
            "has_more": more,
            "last_id": page[-1],
        }
        if "/google/" in url.path:
            told = {"models": [{"name": f"models/{name}"} for name in page]}
            told |= {"nextPageToken": str(start + 2)} if more else {}
        good = query.get("pageSize" if "/google/" in url.path else "limit") == "1000"
        body = json.dumps(told).encode()
        self.send_response(200 if good else 400)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: object) -> None:
        """Says nothing."""


def test_a_live_check_reads_every_page(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        lines = ["[local]", "enabled = false"]
        for name, dialect in (("claude", "anthropic-messages"), ("google", "gemini")):
            lines += [f"[providers.{name}]", f'dialects = ["{dialect}"]']
            lines.append(f'base_url = "http://127.0.0.1:{server.server_port}/{name}/v1"')
            lines.append('models = ["m3"]')
        (tmp_path / "freehold.toml").write_text("\n".join(lines))
        try:
            report = Shell(tmp_path).json("check", "--live")[0]
        finally:
            server.shutdown()
            thread.join()
    listed = ["m1", "m2", "m3"]
    assert report["answers"] == [
        {"provider": "claude", "models": listed},
        {"provider": "google", "models": listed},
    ]
    assert report["good"] is True


def test_models_show_prices_known_and_unknown(tmp_path: Path) -> None:
    shell = _configured(tmp_path)
    models = {str(one["model"]): one for one in shell.json("models")}
    assert set(models) == {"far/m1", "far/m2", "local/e5-small", "local/smollm2-135m"}
    assert models["far/m1"]["price"] == {
        "row": "freehold.toml far/m1",
        "dollars_per_million_tokens": [{"input_above": None, "input": "2.50", "output": "10"}],
    }
    assert models["far/m2"]["price"] is None
    assert models["local/smollm2-135m"]["context_window"] == 8192
    lines = {line.split()[0]: line.split() for line in shell("models").stdout.splitlines()}
    assert lines["far/m1"][3:5] == ["$2.50", "$10.00"]
    assert lines["far/m2"][3:6] == ["unknown", "unknown", "-"]


def test_routes_show_what_stands_behind_each_name(tmp_path: Path) -> None:
    shell = _configured(tmp_path)
    routes = {str(one["route"]): one for one in shell.json("routes")}
    copilot = routes["copilot"]
    assert copilot["keep_bodies"] is False
    assert [one["model"] for one in copilot["fallbacks"]] == ["far/m2", "local/smollm2-135m"]  # type: ignore[attr-defined]
    lines = shell("routes").stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("copilot"))
    assert lines[place].split()[:4] == ["copilot", "far/m1", "incumbent", "$2.50"]
    assert lines[place + 1].split()[:4] == ["far/m2", "fallback", "1", "unknown"]
    assert lines[place + 2].split()[:3] == ["local/smollm2-135m", "fallback", "2"]


def test_routes_complete(tmp_path: Path) -> None:
    shell = _configured(tmp_path)
    done = shell(_FREEHOLD_COMPLETE="complete_bash", COMP_WORDS="freehold ask -m ", COMP_CWORD="3")
    assert done.stdout.split() == [
        "default",
        "embed",
        "copilot",
        "far/m1",
        "far/m2",
        *(word for word in done.stdout.split() if word.startswith("local/")),
    ]
