"""`freehold independence`: what counts as proof, what does not, and what would raise the score most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from left_providers import TOML, Site, now_us
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.compare.terms import Prompt
from freehold.core.ids import new_id
from freehold.rollout.drills.figures import Row, proportion_low
from freehold.rollout.drills.keeping import keep
from freehold.rollout.drills.report import Report

WHOLE = 0.9736572792168257
"""100 of 100 requests arrive whole: the lower end of Wilson's interval."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def _said(site: Site, *words: str) -> dict[str, Any]:
    return Shell(site.folder).json("independence", *words)[0]


def _class(said: dict[str, Any], route: str = "copilot", task_class: str = "") -> dict[str, Any]:
    part = next(one for one in said["routes"] if one["route"] == route)
    found: dict[str, Any] = next(one for one in part["classes"] if one["task_class"] == task_class)
    return found


def test_without_a_verdict_nothing_would_go_on(site: Site) -> None:
    site.record(site.calls(150, "copilot", "rented/large"))
    said = _said(site)
    assert (said["score"], said["worst"], said["calls"]) == (0, "rented", 150)
    assert _class(said)["why_not"] == "no other provider has a model for it"
    assert said["action"]["provider"] == "rented"
    assert said["action"]["gain"] == pytest.approx(95 * WHOLE)
    assert said["action"]["command"].startswith("freehold suite sample copilot")


def test_a_verdict_raises_it_and_what_came_of_it_is_told_to_people(site: Site) -> None:
    site.record([*site.calls(150, "copilot", "rented/large"), *site.calls(50, "search", "other/medium")])
    site.judge("rented/large", "other/medium", "replaces")
    said = _said(site)
    rented = next(one for one in said["providers"] if one["provider"] == "rented")
    assert rented["independence"] == pytest.approx(25 + 75 * 0.95 * WHOLE)
    assert rented["at_once"] == 25
    assert (said["own"], said["hhi_calls"]) == (0, pytest.approx(0.75**2 + 0.25**2))
    assert rented["cost"] == "0.450000000000"
    assert said["quality_retained"] == pytest.approx(0.78 / 0.8)
    done = Shell(site.folder)("independence")
    assert done.returncode == 0
    assert "Independence 75 of 100: if `other` vanished" in done.stdout
    assert "the route is not configured any more" in done.stdout


def test_a_fallback_counts_at_once(site: Site) -> None:
    (site.folder / "freehold.toml").write_text(
        TOML.replace('incumbent = "rented/large"', 'incumbent = "rented/large"\nfallbacks = ["other/medium"]')
    )
    site.record(site.calls(200, "copilot", "rented/large"))
    site.judge("rented/large", "other/medium", "replaces")
    said = _said(site)
    assert said["at_once"] == said["score"] == pytest.approx(95 * WHOLE)


def test_classes_count_each_for_itself(site: Site) -> None:
    site.record(site.calls(200, "copilot", "rented/large"))
    classes = (("mail", 60, "replaces"), ("code", 30, "does not replace"), ("talk", 10, "undecided"))
    site.judge("rented/large", "other/medium", "replaces", classes=classes)  # type: ignore[arg-type]
    said = _said(site)
    shares = {one["task_class"]: one["calls_share"] for one in said["routes"][0]["classes"]}
    assert shares == {"code": 0.3, "mail": 0.6, "talk": 0.1}
    assert _class(said, task_class="mail")["replaceable"] == pytest.approx(0.95 * WHOLE)
    assert _class(said, task_class="code")["replaceable"] == 0
    assert _class(said, task_class="code")["why_not"] == "does not replace"
    assert _class(said, task_class="talk")["replaceable"] == pytest.approx(0.95 * WHOLE)
    assert said["score"] < 70 * 0.95 * WHOLE
    # What was refuted is not advised again.
    assert "cellar/small" in said["action"]["text"]


def test_evidence_ages_and_so_does_its_suite(site: Site) -> None:
    site.record(site.calls(200, "copilot", "rented/large"))
    site.judge("rented/large", "other/medium", "replaces", age_days=90)
    assert _said(site)["score"] == pytest.approx(95 * WHOLE / 2, rel=1e-3)
    site.judge("rented/large", "other/medium", "replaces", age_days=1, suite_age_days=300)
    assert _said(site)["score"] == pytest.approx(95 * WHOLE / 4, rel=1e-3)
    site.judge("rented/large", "other/medium", "replaces", age_days=0.5, suite_age_days=731)
    said = _said(site)
    assert said["score"] == 0
    assert _class(said)["why_not"] == "the evidence is too old"
    assert "again" in said["action"]["text"]


def test_a_model_that_calls_itself_otherwise_has_no_verdict_any_more(site: Site) -> None:
    site.judge("rented/large", "other/medium", "replaces", reported={"rented/large": ["large-2026"]})
    site.record(site.calls(150, "copilot", "rented/large"))
    assert _said(site)["score"] > 90
    site.record([site.call("copilot", "rented/large", reported_model="large-2027")])
    said = _said(site)
    assert said["score"] == 0
    assert "calls itself otherwise" in _class(said)["why_not"]
    assert any("does not count" in note for note in said["notes"])


def test_what_calls_use_has_to_arrive(site: Site) -> None:
    (site.folder / "freehold.toml").write_text(
        TOML.replace("[providers.other]", '[providers.other]\ndialects = ["anthropic-messages"]')
    )
    site.record(
        [*site.calls(100, "copilot", "rented/large"), *site.calls(100, "copilot", "rented/large", {"n": 3})]
    )
    site.judge("rented/large", "other/medium", "replaces")
    found = _class(_said(site))
    assert 0.3 < found["replaceable"] < 0.6
    assert "would not arrive whole: `n`" in found["why_not"]


def test_without_requests_the_dialect_has_to_do(site: Site) -> None:
    site.record(site.calls(150, "copilot", "rented/large", request_body=None))
    site.judge("rented/large", "other/medium", "replaces")
    assert _said(site)["score"] == pytest.approx(95 * WHOLE)
    (site.folder / "freehold.toml").write_text(
        TOML.replace("[providers.other]", "[providers.other]\nquirks = { json = false }")
    )
    said = _said(site)
    assert said["score"] == 0
    assert "their requests are not kept" in _class(said)["why_not"]


def test_a_verdict_turned_round_counts_when_its_interval_says_so(site: Site) -> None:
    (site.folder / "freehold.toml").write_text(
        TOML.replace('incumbent = "rented/large"', 'incumbent = "other/medium"')
    )
    site.record(site.calls(150, "copilot", "other/medium"))
    site.judge("rented/large", "other/medium", "replaces", high=0.02)
    found = _class(_said(site))
    assert found["best"]["proof"] == "turned round"
    assert found["replaceable"] == pytest.approx(0.95 * WHOLE)
    site.judge("rented/large", "other/medium", "replaces", high=0.2, age_days=0.1)
    assert _class(_said(site))["replaceable"] == 0


def test_the_routes_incumbent_may_take_its_own_place_again(site: Site) -> None:
    site.record(site.calls(150, "copilot", "other/medium"))
    found = _class(_said(site))
    assert (found["best"]["model"], found["best"]["proof"]) == ("rented/large", "incumbent")
    assert found["replaceable"] == pytest.approx(WHOLE)


def test_a_verdict_on_another_prompt_is_none(site: Site) -> None:
    site.record(site.calls(150, "copilot", "rented/large"))
    prompt = Prompt("terse", "Be brief.")
    site.judge("rented/large", "other/medium [terse]", "replaces", prompt=prompt)
    assert "only with the prompt `terse`" in _class(_said(site))["why_not"]


def test_providers_at_one_address_vanish_together(site: Site) -> None:
    (site.folder / "freehold.toml").write_text(
        TOML.replace("https://other.example/v1", "https://rented.example/second/v1")
    )
    site.record(site.calls(150, "copilot", "rented/large"))
    site.judge("rented/large", "other/medium", "replaces")
    said = _said(site)
    assert (said["score"], said["providers"][0]["with_it"]) == (0, ["other"])


def test_calls_by_a_models_own_name_and_embeddings_hang_on_their_provider(site: Site) -> None:
    site.record(
        [
            *site.calls(80, "rented/large", "rented/large"),
            *site.calls(40, "copilot", "rented/large", operation="embeddings"),
        ]
    )
    site.judge("rented/large", "other/medium", "replaces", route=None)
    said = _said(site)
    assert said["score"] == 0
    assert "Put a route in front of `rented/large`" in said["action"]["text"]
    assert any("embeddings" in note for note in said["notes"])


def test_what_freehold_asks_for_itself_is_no_traffic(site: Site) -> None:
    site.record(
        [
            *site.calls(120, "copilot", "cellar/small"),
            *site.calls(500, "rented/large", "rented/large", key_id="comparison_1"),
            *site.calls(500, "rented/large", "rented/large", operation="count"),
            *site.calls(500, "copilot", "rented/large", outcome="failed"),
            *site.calls(500, "copilot", "rented/large", operation="mirror", key_id="rollout_1"),
        ]
    )
    said = _said(site)
    assert (said["calls"], said["score"], said["worst"], said["own_now"]) == (120, 100, None, 100)
    assert "own models answered all" in Shell(site.folder)("independence").stdout


def test_too_little_traffic_is_declared(site: Site) -> None:
    for many in (0, 99):
        site.record(site.calls(many, "copilot", "rented/large"))
        done = Shell(site.folder)("independence")
        assert (done.returncode, done.stdout) == (3, "")
        assert "Not enough evidence" in done.stderr
    done = Shell(site.folder)("independence", "--json")
    assert done.returncode == 3
    assert '"enough":false' in done.stdout
    assert '"score":null' in done.stdout


def test_what_is_not_there_is_a_clear_mistake(site: Site) -> None:
    site.record(site.calls(150, "copilot", "rented/large"))
    done = Shell(site.folder)("independence", "--route", "copilots")
    assert done.returncode == 1
    assert "There is no route `copilots`" in done.stderr
    assert "Did you mean `copilot`?" in done.stderr
    done = Shell(site.folder)("independence", "--since", "soon")
    assert (done.returncode, "`soon` is not a moment" in done.stderr) == (1, True)


def test_of_a_drill_counts_what_survives_at_least(site: Site) -> None:
    fallback = 'incumbent = "rented/large"\nfallbacks = ["other/medium"]'
    (site.folder / "freehold.toml").write_text(TOML.replace('incumbent = "rented/large"', fallback))
    site.record(site.calls(200, "copilot", "rented/large"))
    site.judge("rented/large", "other/medium", "replaces")
    before = _said(site)["score"]
    for survived, low in ((100, 0.9704), (80, 0.7228)):
        assert proportion_low(survived, 100) == pytest.approx(low, abs=1e-4)
        share = survived / 100
        row = Row(
            fault="refused", title="refused", route="copilot", calls=100, survived=survived, survival=share, low=low,
            verdicts={}, misses={}, first_p50_s=None, first_p99_s=None, p50_s=None, p99_s=None, models={}, joined=0,
            repeated=0, extra_cost=None, priced=0,
        )  # fmt: skip
        report = Report(
            id=new_id("drill"), made_us=now_us(), lost="rented", providers=("rented",), conclusion="survived",
            reasons=(), require=0.999, survivors="real", seed=0, days=1, routes=(), rows=(row,), least=share,
        )  # fmt: skip
        keep(site.data, report)
        assert _said(site)["score"] == pytest.approx(before * low)
    assert _class(_said(site))["why_not"] == (
        "its drill proves of no more than 72 % of its calls that they survive"
    )
