"""`freehold migrate`: what breaks for whom, what it would cost, and what to do; nothing is sent."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from browser import browser, opened
from left_providers import DAY_US, TOML, Site, now_us
from shell import Shell, forks  # noqa: F401 - a fixture of every test here

from freehold.core.usage import Usage
from freehold.providers.simulated import Behaviour, Script, SimulatedProvider

OPENING = "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06"
PROMPT = f"{OPENING}\nAnswer from the handbook."
ABROAD = TOML.replace("[providers.other]", '[providers.other]\ndialects = ["anthropic-messages"]')
TO = ("migrate", "copilot", "--from", "rented", "--to", "other/medium")
ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"It says yes."}}]}'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, ABROAD)


def _asked(text: str, prompt: str = PROMPT) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": prompt}, {"role": "user", "content": text}]}


def _said(site: Site, *words: str) -> dict[str, Any]:
    return Shell(site.folder).json(*TO, *words)[0]


def _spread(site: Site, days: float, many: int = 60, **more: Any) -> None:
    """Calls over so many days."""
    step = days * DAY_US / (many - 1)
    first = now_us() - int(days * DAY_US) - 60_000_000
    site.record(
        [
            site.call(
                "copilot", "rented/large", _asked(f"question {at}"), started_us=first + int(at * step), **more
            )
            for at in range(many)
        ]
    )


def test_what_breaks_is_told_by_feature_loss_and_key(site: Site) -> None:
    Shell(site.folder)("keys", "create", "evaluation")
    key = Shell(site.folder).json("keys", "list")[0]["id"]
    site.record(
        [
            *site.calls(40, "copilot", "rented/large", key_id="key_web"),
            *site.calls(20, "copilot", "rented/large", {"n": 2, "seed": 4}, key_id=key),
            *site.calls(10, "copilot", "rented/large", {"seed": 4}, key_id="key_web"),
        ]
    )
    said = _said(site)
    assert (said["sampled"], said["broken"], said["weakened"], said["whole"]) == (70, 20, 10, 40)
    by_key = {one["name"]: (one["calls"], one["broken"], one["weakened"]) for one in said["by_key"]}
    assert by_key == {"evaluation": (20, 20, 0), "key_web": (50, 0, 10)}
    losses = {one["loss"]: (one["gravity"], one["calls"], one["keys"]) for one in said["losses"]}
    assert losses["n"] == ("breaks", 20, ["evaluation"])
    assert losses["seed"] == ("weakens", 30, ["evaluation", "key_web"])
    features = {one["feature"]: (one["calls"], one["broken"], one["weakened"]) for one in said["features"]}
    assert features == {"several answers": (20, 20, 0), "seed": (30, 0, 30)}
    assert said["plan"][0]["text"].startswith("Mend what breaks first: 20 calls of 70")
    assert said["enough"] is True


def test_an_example_can_be_looked_up(site: Site) -> None:
    site.record(site.calls(30, "copilot", "rented/large", {"n": 2}))
    example = _said(site)["losses"][0]["example"]
    assert Shell(site.folder)("calls", "show", example).returncode == 0


def test_losses_on_record_stand_beside_those_to_come(site: Site) -> None:
    site.record(site.calls(30, "copilot", "rented/large", {"seed": 4}, losses=("seed",)))
    assert _said(site)["losses"][0]["now"] == 30


def test_a_month_is_told_from_a_day_on(site: Site) -> None:
    _spread(site, 6)
    said = _said(site)
    assert (said["span"]["extrapolates"], said["cost"]["unit"]) == (True, "month")
    assert said["span"]["days"] == pytest.approx(6, abs=0.01)
    assert said["cost"]["calls"] == pytest.approx(60 * 30 / 6, rel=0.01)
    # A call reads 1,000 tokens and writes 100: 0.003 dollars now, 0.0015 then.
    assert Decimal(said["cost"]["now"]) == pytest.approx(Decimal("0.9"), rel=Decimal("0.01"))
    assert Decimal(said["cost"]["then"]) == pytest.approx(Decimal("0.45"), rel=Decimal("0.01"))


def test_less_than_a_day_says_nothing_about_a_month(site: Site) -> None:
    _spread(site, 0.9)
    said = _said(site)
    assert (said["span"]["extrapolates"], said["cost"]["unit"], said["cost"]["calls"]) == (
        False,
        "1,000 calls",
        1000,
    )
    assert (Decimal(said["cost"]["now"]), Decimal(said["cost"]["then"])) == (Decimal(3), Decimal("1.5"))
    assert "nothing is said about a month" in said["cost"]["note"]
    assert "a month cost" not in Shell(site.folder)(*TO).stdout


def test_a_cache_that_is_gone_is_reckoned_in_full_and_as_it_is(site: Site) -> None:
    (site.folder / "freehold.toml").write_text(
        ABROAD.replace(
            '[models."other/medium"]\ninput = 1', '[models."other/medium"]\ncache_read = 0.1\ninput = 1'
        )
    )
    usage = Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=500, source="provider")
    site.record(site.calls(30, "copilot", "rented/large", usage=usage))
    cost = _said(site)["cost"]
    assert (Decimal(cost["then"]), Decimal(cost["then_cached"])) == (Decimal("1.5"), Decimal("1.05"))
    assert "50 % of what is read" in cost["note"]


def test_an_unknown_price_is_unknown_and_no_smaller_sum(site: Site) -> None:
    site.record(site.calls(30, "copilot", "rented/large"))
    said: dict[str, Any] = Shell(site.folder).json(*TO[:-1], "other/unheard-of")[0]
    assert said["cost"]["then"] is None
    assert any("No price of `other/unheard-of` is known" in note for note in said["notes"])
    texts = [step["text"] for step in said["plan"]]
    (stated,) = [place for place, text in enumerate(texts) if text.startswith("State the price of")]
    assert "rollout start" in said["plan"][stated + 1]["command"]
    assert "would cost unknown" in Shell(site.folder)(*TO[:-1], "other/unheard-of").stdout


def test_latency_of_the_target_is_what_is_on_record_or_unknown(site: Site) -> None:
    site.record(site.calls(30, "copilot", "rented/large"))
    assert [one["model"] for one in _said(site)["latencies"]] == ["rented/large"]
    assert "`other/medium` is here is unknown" in _markdown(site)
    site.record(site.calls(5, "elsewhere", "other/medium", duration_ms=500.0))
    target = _said(site)["latencies"][1]
    assert (target["model"], target["of"], target["calls"]) == ("other/medium", "any route", 5)
    assert target["median_ms"] == pytest.approx(500, rel=0.05)


def test_prompts_are_ported_with_a_reason_and_a_difference(site: Site) -> None:
    _spread(site, 2)
    prompt = _said(site)["prompts"][0]
    assert prompt["calls"] == 60
    assert [one["rule"] for one in prompt["findings"]] == ["cutoff", "identity"]
    assert prompt["port"] == "You are a helpful assistant.\nAnswer from the handbook."
    assert "-Knowledge cutoff: 2024-06" in prompt["diff"]
    assert (prompt["before"], prompt["after"]) == (None, None)


def test_an_answer_that_was_begun_and_instructions_further_on_are_found(site: Site) -> None:
    begun = [*_asked("a", "Be brief.")["messages"], {"role": "assistant", "content": "{"}]
    late = [
        *_asked("a", "Be brief.")["messages"],
        {"role": "system", "content": "Now in French."},
        {"role": "user", "content": "b"},
    ]
    site.record(site.calls(30, "copilot", "rented/large", {"messages": late}))
    assert [one["rule"] for one in _said(site)["prompts"][0]["findings"]] == ["placement"]
    (site.folder / "freehold.toml").write_text(TOML)
    site.record(site.calls(30, "copilot", "rented/large", {"messages": begun}))
    prompt = _said(site)["prompts"][0]
    assert [one["rule"] for one in prompt["findings"]] == ["beginning"]
    assert prompt["port"].endswith("\n{")


def test_a_verdict_is_told_and_spares_a_step(site: Site) -> None:
    site.record(site.calls(30, "copilot", "rented/large"))
    assert any(
        "freehold compare copilot --with other/medium" in (one["command"] or "")
        for one in _said(site)["plan"]
    )
    site.judge("rented/large", "other/medium", "replaces", classes=[("mail", 10, "undecided")], age_days=3)
    said = _said(site)
    assert [(one["task_class"], one["decision"], one["age_days"]) for one in said["verdicts"]] == [
        ("", "replaces", 3),
        ("mail", "undecided", 3),
    ]
    commands = [one["command"] for one in said["plan"] if one["command"]]
    assert (
        commands[0]
        == "freehold rollout start copilot --to other/medium --plan shadow:60,canary:5%,25%,cutover"
    )
    assert commands[1] == "freehold drill --lose rented --on copilot"
    assert said["back"][0]["command"] == "freehold rollout abort copilot"


def test_measuring_asks_the_target_with_either_prompt_within_a_budget(tmp_path: Path) -> None:
    script = Script(models={"*": Behaviour(text="It says yes.")})
    with SimulatedProvider.in_thread(script) as provider:
        site = Site(tmp_path, TOML.replace("https://other.example/v1", provider.base_url))
        site.record(
            site.calls(
                30, "copilot", "rented/large", {**_asked("what?"), "max_tokens": 20}, answer_body=ANSWER
            )
        )
        said = _said(site, "--measure", "6", "--budget", "1")
        prompt = said["prompts"][0]
        for one in (prompt["before"], prompt["after"]):
            assert (one["asked"], one["failed"], one["alike"], one["of_alike"]) == (6, 0, 1.0, 6)
        assert 0 < Decimal(said["spent"]) < 1
        systems = [_system(one.body) for one in provider.requests]
        assert sorted(set(systems)) == [PROMPT, "You are a helpful assistant.\nAnswer from the handbook."]
        assert len(systems) == 12
        # They are in the ledger, and no traffic of the route.
        assert _said(site)["calls"] == 30
        little = _said(site, "--measure", "6", "--budget", "0.0000001")
        assert little["prompts"][0]["before"] is None
        assert any("Not all was measured" in note for note in little["notes"])
        assert len(provider.requests) == 12


def test_measuring_says_why_it_asked_nothing(site: Site) -> None:
    site.record(site.calls(30, "copilot", "rented/large"))
    notes = _said(site, "--measure", "5", "--budget", "1")["notes"]
    assert "Nothing was measured: no prompt has to be ported." in notes
    site.record(site.calls(30, "copilot", "rented/large", _asked("what?")))
    done = Shell(site.folder)(*TO[:-1], "other/unheard-of", "--measure", "5", "--budget", "1")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "What `other/unheard-of` costs is not known" in done.stderr
    assert "--unpriced" not in done.stderr


def _system(body: bytes) -> str:
    found = re.search(rb'"role":\s*"system",\s*"content":\s*"((?:[^"\\]|\\.)*)"', body)
    assert found is not None, body
    return found[1].decode().replace("\\n", "\n")


def test_nothing_is_changed_and_nothing_sent(site: Site) -> None:
    _spread(site, 2)
    before = sorted((path.name, path.stat().st_size) for path in site.folder.rglob("*.db"))
    _said(site)
    assert sorted((path.name, path.stat().st_size) for path in site.folder.rglob("*.db")) == before


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        (("migrate", "copilots", "--from", "rented", "--to", "other/medium"), "no route `copilots`", "`copilot`"),
        (("migrate", "copilot", "--from", "rente", "--to", "other/medium"), "There is no provider `rente`", "`rented`"),
        (("migrate", "copilot", "--from", "rented", "--to", "othr/medium"), "There is no provider `othr`", "`other`"),
        (("migrate", "copilot", "--from", "rented", "--to", "medium"), "`medium` is no model", "provider/name"),
        (("migrate", "copilot", "--from", "rented", "--to", "rented/x"), "of the provider that is left", "another"),
        (("migrate", "copilot", "--from", "cellar", "--to", "other/medium"), "answers no call of `copilot`", "spend"),
        ((*TO, "--measure", "5"), "Measuring asks the target", "--budget"),
        ((*TO, "--since", "soon"), "`soon` is not a moment", "2h"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_a_clear_mistake(
    site: Site, words: tuple[str, ...], told: str, hint: str
) -> None:
    site.record(site.calls(30, "copilot", "rented/large"))
    done = Shell(site.folder)(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert hint in done.stderr


def test_too_little_traffic_is_declared(site: Site) -> None:
    for many, told in ((0, "0 answered calls"), (19, "19 answered calls")):
        site.record(site.calls(many, "copilot", "rented/large"))
        done = Shell(site.folder)(*TO)
        assert done.returncode == 3
        assert "Not enough evidence" in done.stderr
        assert told in done.stderr
    done = Shell(site.folder)(*TO, "--json")
    assert done.returncode == 3
    assert '"enough":false' in done.stdout


def test_without_requests_only_what_breaks_is_unknown(site: Site) -> None:
    site.record(site.calls(30, "copilot", "rented/large", request_body=None))
    done = Shell(site.folder)(*TO)
    assert done.returncode == 3
    assert "No request of these calls is kept" in done.stderr
    assert "1,000 calls cost $3.00 now and would cost $1.50 then" in done.stdout


# Pages


def _markdown(site: Site) -> str:
    done = Shell(site.folder)(*TO, "--markdown", "report.md")
    assert done.returncode == 0, done.stderr
    return (site.folder / "report.md").read_text()


ATTACK = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\u202e| `a` ```\n# not a title"


def test_what_others_wrote_stays_text_in_markdown(site: Site) -> None:
    site.record(
        site.calls(
            30,
            "copilot",
            "rented/large",
            {**_asked("x", f"{PROMPT}\n{ATTACK}"), "n": 2},
            key_id=f"key {ATTACK}",
        )
    )
    text = _markdown(site)
    outside = re.sub(r"^( *)(`{3,})\w*\n.*?^\1\2$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "\n# not a title" not in outside
    assert "<script" not in outside.replace("\\<script", "")
    assert "\u202e" not in text
    assert outside.count("\n# ") == 0
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) > 1 for row in rows)


def test_the_page_runs_nothing_and_fits_a_phone(site: Site) -> None:
    site.record(
        site.calls(
            30,
            "copilot",
            "rented/large",
            {**_asked("x", f"{PROMPT}\n{ATTACK}"), "n": 2},
            key_id=f"key {ATTACK}",
        )
    )
    done = Shell(site.folder)(*TO, "--html", "report.html")
    assert done.returncode == 0, done.stderr
    page = site.folder / "report.html"
    assert "<script" not in page.read_text()
    with browser() as started:
        for width in (390, 1280):
            for scheme in ("light", "dark"):
                with opened(started, page, width=width, scheme=scheme) as found:
                    assert found("document.documentElement.scrollWidth") <= width
                    assert (found.said, found.asked) == ([], [])
                    assert "helpful assistant" in found("document.body.innerText")
                    assert found("document.querySelectorAll('script, img').length") == 0


def test_a_page_that_cannot_be_written_is_your_mistake(site: Site) -> None:
    site.record(site.calls(30, "copilot", "rented/large"))
    done = Shell(site.folder)(*TO, "--html", "nowhere/report.html")
    assert done.returncode == 1
    assert "`nowhere/report.html` cannot be written" in done.stderr


def test_questions_that_are_asked_again_and_again_are_no_trouble(site: Site) -> None:
    asked = [f"the {word} of an order is late" for word in ("parcel", "refund", "invoice")]
    site.record(
        [
            call
            for text in asked
            for call in site.calls(40, "copilot", "rented/large", _asked(text, "Be kind."))
        ]
    )
    done = Shell(site.folder)(*TO)
    assert (done.returncode, done.stderr) == (0, "")
