"""A report's page in a real browser: drawn, readable, reachable by keyboard, and closed to what others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from browser import Opened, browser, opened
from reported import CHEAP, CLASSES, CLOSE, MODELS, TERMS, Model, cases, compared

from freehold.compare.case import Case
from freehold.compare.report.page import page_of
from freehold.compare.report.report import Report
from freehold.compare.terms import Terms

MOST_BYTES = 1_300_000
ATTACK = """</pre></script><script>window.pwned='script'</script><img src=x onerror="window.pwned='img'">"""
ATTACK += (
    """<svg onload="window.pwned='svg'"></svg><a href="javascript:window.pwned=1">x</a>'"{{7*7}}<!--\u202e"""
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    folder = tmp_path_factory.mktemp("page")
    with compared(folder, of=list(cases(320))) as found:
        report = found.report()
    path = folder / "report.html"
    path.write_text(page_of(report), "utf-8")
    return report, path


@pytest.fixture(scope="module")
def chromium(written: tuple[Report, Path], attacked: Path, bare: Path) -> Iterator[Any]:
    """A browser. Everything that it is shown is made before: its driver holds this thread's event loop."""
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def page(chromium: Any, written: tuple[Report, Path]) -> Iterator[Opened]:
    with opened(chromium, written[1]) as found:
        yield found


def quiet(page: Opened) -> None:
    assert page.said == []
    assert page.asked == []


def test_all_charts_are_drawn_and_nothing_is_asked_for(page: Opened, written: tuple[Report, Path]) -> None:
    quiet(page)
    drawn = page(
        "Object.fromEntries([...document.querySelectorAll('.chart')].map(c => "
        "[c.id, c.querySelectorAll('svg g[class*=mark-] > path, svg g.mark-text text').length]))"
    )
    assert set(drawn) == {"course-0", "course-1", "classes", "costs", "latencies"}
    assert all(marks >= 3 for marks in drawn.values()), drawn
    cells = page(
        "[...document.querySelectorAll('#classes .mark-text.role-mark text')].map(t => t.textContent)"
    )
    assert len(cells) == 2 * len(CLASSES)
    assert {cell[0] for cell in cells} <= {"✓", "✗", "?"}
    # Colours are the page's own names: what is drawn has one that the browser could read.
    line = page("getComputedStyle(document.querySelector('#course-0 .mark-line path')).stroke")
    assert line == "rgb(0, 114, 178)"
    assert written[1].stat().st_size < MOST_BYTES


def test_colours_follow_the_scheme(chromium: Any, written: tuple[Report, Path]) -> None:
    with opened(chromium, written[1], scheme="dark") as dark:
        quiet(dark)
        assert dark("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
        assert dark("getComputedStyle(document.querySelector('#course-0 .mark-line path')).stroke") == (
            "rgb(86, 180, 233)"
        )
        # They change with the scheme, without the page being loaded again.
        dark.page.emulate_media(color_scheme="light")
        assert dark("getComputedStyle(document.querySelector('#course-0 .mark-line path')).stroke") == (
            "rgb(0, 114, 178)"
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(
    chromium: Any, written: tuple[Report, Path], scheme: Any
) -> None:
    with opened(chromium, written[1], scheme=scheme) as found:
        faint = found(CONTRASTS)
    assert faint == []


def test_nothing_overflows_on_a_phone(chromium: Any, written: tuple[Report, Path]) -> None:
    with opened(chromium, written[1], width=320) as phone:
        quiet(phone)
        phone(OPEN_ALL)
        assert phone("document.documentElement.scrollWidth") == 320
        beyond = phone(
            "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .wide') && "
            "e.getBoundingClientRect().right > 321).map(e => e.outerHTML.slice(0, 90))"
        )
        assert beyond == []
        widths = phone(
            "[...document.querySelectorAll('.chart svg')].map(s => s.getBoundingClientRect().width)"
        )
        assert all(width <= 320 for width in widths)


def test_everything_is_reached_by_the_tab_key(page: Opened) -> None:
    wanted = page(
        "(() => { let n = 0; for (const e of document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')) "
        "if (e.checkVisibility()) e.dataset.wanted = n++; return n; })()"
    )
    page("document.body.focus()")
    reached = []
    for _ in range(wanted + 60):  # what scrolls by itself is reached, too
        page.page.keyboard.press("Tab")
        found = page("document.activeElement.dataset.wanted")
        if found is not None:
            reached.append(int(found))
        if len(set(reached)) == wanted:
            break
    assert wanted > 20
    assert list(dict.fromkeys(reached)) == list(range(wanted))
    page.page.locator("#costs ~ *, figure:has(#costs) summary").first.focus()
    page.page.keyboard.press("Enter")
    assert page("document.querySelector('figure:has(#costs) details').open")
    page.page.keyboard.press("Enter")


def test_charts_have_words_and_figures(page: Opened, written: tuple[Report, Path]) -> None:
    report, _ = written
    for figure in page.page.locator("figure").all():
        label = figure.locator("[role=img]").get_attribute("aria-label")
        assert label is not None
        assert len(label) > 60
        assert figure.locator("[role=img] svg").get_attribute("aria-hidden") == "true"
        assert figure.locator("table tbody tr").count() >= 2
    for course, table in zip(report.courses, page.page.locator("#difference table").all(), strict=True):
        assert table.locator("tbody tr").count() == len(course.steps)


def test_the_outline_can_be_read_out(page: Opened) -> None:
    levels = page("[...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])")
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    targets = page(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => !!document.querySelector(a.hash))"
    )
    assert targets
    assert all(targets)
    ids = page("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    unnamed = page(
        "[...document.querySelectorAll('[role=region], section, nav')].filter(e => !e.getAttribute('aria-label') && "
        "!document.getElementById(e.getAttribute('aria-labelledby'))?.textContent.trim()).length"
    )
    assert unnamed == 0


def test_verdicts_come_first_and_in_plain_words(page: Opened) -> None:
    first = page.page.locator("main section").first
    assert first.get_attribute("id") == "verdicts"
    text = first.inner_text()
    assert f"{CHEAP} does not replace acme/large." in text
    assert f"It is undecided whether {CLOSE} may replace acme/large." in text
    assert "does not replace" in first.locator("tr", has_text="small talk").first.inner_text()


@pytest.mark.parametrize("width", [390, 1100])
def test_what_a_hurried_reader_needs_is_seen_without_scrolling(
    chromium: Any, written: tuple[Report, Path], width: int
) -> None:
    report, path = written
    with opened(chromium, path, width=width) as found:
        lines = found.page.locator("header .glance li")
        assert lines.count() == len(report.terms.candidates)
        for line, name in zip(lines.all(), report.terms.candidates, strict=True):
            verdict, text = report.of(name), line.inner_text()
            assert verdict is not None
            evidence = verdict.evidence
            assert f"{verdict.decision}" in text
            assert f"{evidence.difference:+.3f} ({evidence.low:+.3f} … {evidence.high:+.3f})" in text
            for part in (name, "margin 0.1", f"{evidence.n} pairs", "for 1,000 answers, incumbent $2"):
                assert part in text
            box = line.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 600
            assert box["x"] + box["width"] <= width


def test_on_paper_everything_that_scrolls_is_laid_open(chromium: Any, written: tuple[Report, Path]) -> None:
    with opened(chromium, written[1], scheme="dark") as found:
        found.page.emulate_media(media="print")
        assert found("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        cut = found(
            "[...document.querySelectorAll('pre')].filter(e => e.scrollHeight > e.clientHeight + 2).length"
        )
        assert cut == 0
        assert not found("document.querySelector('nav').checkVisibility()")
        assert len(found.page.pdf(format="A4")) > 20_000
        quiet(found)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which whatever others write is an attack."""
    folder = tmp_path_factory.mktemp("attacked")
    name = f"evil/{ATTACK}"
    given = [
        msgspec.structs.replace(
            case,
            id=f"{ATTACK}{at}",
            task_class=f"{ATTACK}{at % 2}",
            request=_hostile(case),
            target=msgspec.Raw(json.dumps(ATTACK).encode()),
        )
        for at, case in enumerate(cases(60))
    ]
    models = {
        "acme/large": MODELS["acme/large"],
        name: Model(right=0.2, cost="1e-7", seconds=1, losses=(ATTACK,), wrong=ATTACK),
    }
    terms = Terms(incumbent="acme/large", candidates=(name,), route=ATTACK, margin=0.1)
    with compared(folder, terms=terms, of=given, models=models, name=ATTACK, notes=(ATTACK,)) as found:
        report = found.report()
    assert report.telling
    assert report.losses
    path = folder / "attacked.html"
    path.write_text(page_of(report), "utf-8")
    return path


def _hostile(case: Case) -> msgspec.Raw:
    fields = msgspec.json.decode(case.request)
    fields["messages"][0] = {"role": ATTACK, "content": ATTACK}
    return msgspec.Raw(msgspec.json.encode(fields))


def test_what_others_wrote_never_becomes_script(chromium: Any, attacked: Path) -> None:
    with opened(chromium, attacked) as found:
        found(OPEN_ALL)
        found.page.locator("#classes .mark-rect path").first.hover(force=True)
        found.page.locator("#vg-tooltip-element.visible").wait_for()
        assert "onerror=" in found.page.locator("#vg-tooltip-element").inner_text()
        quiet(found)
        assert found("window.pwned") is None
        assert found("document.querySelectorAll('script').length") == 3
        assert (
            found("document.querySelectorAll('img, iframe, object, embed, [onerror], [onload]').length") == 0
        )
        assert found("[...document.querySelectorAll('a')].every(a => a.getAttribute('href').startsWith('#'))")
        assert "onerror=" in found.page.locator(".case pre").first.inner_text()
        assert r"\u202e may replace acme/large." in found.page.locator("#verdicts h3").inner_text()
        assert "\u202e" not in found.page.content()
        assert "{{7*7}}" in found.page.locator(".case pre").first.inner_text()


def test_even_a_script_that_got_in_would_not_run_nor_load_anything(
    chromium: Any, written: tuple[Report, Path]
) -> None:
    path = written[1].with_name("broken-in.html")
    inside = "<script>window.pwned=1</script><img src='http://127.0.0.1:9/x.png'>"
    inside += "<p onclick='window.pwned=1' id='p'>p</p>"
    path.write_text(written[1].read_text("utf-8").replace("<main>", f"<main>{inside}"), "utf-8")
    with opened(chromium, path) as found:
        found.page.locator("#p").click()
        assert found("window.pwned") is None
        assert len([line for line in found.said if "Content Security Policy" in line]) >= 3


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with nothing to draw."""
    folder = tmp_path_factory.mktemp("bare")
    models = {"acme/large": Model(right=1, cost=None, seconds=1, failing=1), CLOSE: MODELS[CLOSE]}
    terms = msgspec.structs.replace(TERMS, candidates=(CLOSE,), route=None)
    with compared(folder, terms=terms, of=list(cases(4)), models=models) as found:
        report = found.report(traffic=None)
    path = folder / "bare.html"
    cut_off = msgspec.structs.replace(
        report, state="stopped", reason="It was interrupted.", verdicts=(), latencies=(), costs=()
    )
    path.write_text(page_of(cut_off), "utf-8")
    return path


def test_a_comparison_without_anything_to_draw_is_a_page_all_the_same(chromium: Any, bare: Path) -> None:
    assert bare.stat().st_size < 40_000
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(bare.as_uri())
        text = page.inner_text("body")
    assert "has not come to its end" in text
    assert "It was interrupted." in text
    assert "There is no verdict yet." in text
    assert "No route was named" in text


def test_the_saving_shows_its_arithmetic(page: Opened, written: tuple[Report, Path]) -> None:
    report, _ = written
    saving = report.savings[0]
    text = page.page.locator("#cost").inner_text()
    assert "acme/large answered 24,000 calls of the route support in 12 days for $518.40." in text
    assert "In 30 days that is 60,000 calls for $1,296.00." in text
    assert f"${saving.saved.quantize(Decimal('0.01')):,} less a month" in text


OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
CONTRASTS = """() => {
  const numbers = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const linear = (part) => part / 255 <= .03928 ? part / 255 / 12.92 : ((part / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = 'p, li, dt, dd, th, td, h1, h2, h3, h4, summary, a, pre, figcaption, .badge';
  for (const e of document.querySelectorAll(texts)) {
    if (!e.checkVisibility() || !e.textContent.trim()) continue;
    const both = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a);
    const ratio = (both[0] + .05) / (both[1] + .05);
    if (ratio < 4.5) found.push(`${e.tagName} ${ratio.toFixed(2)} ${e.textContent.slice(0, 40)}`);
  }
  return found;
}"""
