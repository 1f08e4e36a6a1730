"""The page of a drill shows what others wrote as text, and lets nothing run."""

from __future__ import annotations

import base64
import hashlib
import re
from decimal import Decimal
from html.parser import HTMLParser

import msgspec

from freehold.rollout.drills.figures import Row
from freehold.rollout.drills.money import Dear, Doubling, Instead
from freehold.rollout.drills.page import page_of
from freehold.rollout.drills.quality import Quality
from freehold.rollout.drills.report import Notice, Report, RouteSample
from freehold.rollout.drills.state import Held

EVIL = "acme/<img src=x onerror=alert(1)>\u202e&\"'"


def _row(fault: str, survived: int, task: str = "") -> Row:
    return Row(
        fault=fault,
        title="connection refused",
        route=EVIL,
        task=task,
        calls=20,
        survived=survived,
        survival=survived / 20,
        low=0.1,
        verdicts={"refused": 20 - survived},
        misses={f"refused: {EVIL}": 20 - survived} if survived < 20 else {},
        first_p50_s=0.1,
        first_p99_s=0.2,
        p50_s=None,
        p99_s=None,
        models={EVIL: survived},
        joined=3,
        repeated=1,
        extra_cost=Decimal("-0.0001"),
        priced=survived,
    )


REPORT = Report(
    id="drill_1",
    made_us=1_700_000_000_000_000,
    lost=EVIL,
    providers=(EVIL,),
    conclusion="not survived",
    reasons=(f"`{EVIL}`, connection refused: 0 of 20.",),
    require=0.999,
    survivors="real",
    seed=0,
    days=30,
    routes=(
        RouteSample(
            route=EVIL,
            models=(EVIL,),
            lost_models=(EVIL,),
            deadline_s=30.0,
            deadline_is="assumed",
            found=100,
            asked=20,
            left_out={"are too long": 2},
            before_p50_s=1.0,
            before_p99_s=2.0,
            before_first_p50_s=None,
            tasks={EVIL: 20},
        ),
    ),
    rows=(_row("refused", 0), _row("refused", 0, EVIL), _row("keys", 20)),
    least=0.0,
    notices=(Notice(model=EVIL, noticed=False, why=f"`{EVIL}` does not say."),),
    doubling=Doubling(
        days=30,
        rows=(
            Dear(
                route=EVIL,
                model=EVIL,
                calls=3,
                unpriced=0,
                month=Decimal(1),
                doubled=Decimal(2),
                instead=(Instead(model=EVIL, month=Decimal(1), decision=None),),
            ),
        ),
        month=Decimal(1),
        doubled=Decimal(2),
    ),
    quality=(Quality(route=EVIL, lost=EVIL, model=EVIL, decision=None),),
    state=(Held(kind="fine-tunes", where="lost", count=None, means=f"Models: `{EVIL}`."),),
)


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_nothing_that_others_wrote_is_more_than_text() -> None:
    page = page_of(REPORT)
    seen = _Seen()
    seen.feed(page)
    assert seen.open == []
    assert seen.tags.isdisjoint({"img", "script", "a", "link", "iframe", "b"})
    assert seen.attributes.isdisjoint({"src", "href", "onerror", "style"})
    assert "\u202e" not in page
    assert "\\u202e" in page


def test_the_policy_lets_in_its_own_style_and_nothing_else() -> None:
    page = page_of(REPORT)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page


def test_what_is_unknown_is_said_to_be() -> None:
    page = page_of(REPORT)
    assert "unknown" in page
    assert "nobody compared them" in page
    nothing = msgspec.structs.replace(
        REPORT, rows=(), least=None, doubling=Doubling(days=30, rows=(), month=None, doubled=None)
    )
    assert "No call has a known cost" in page_of(nothing)


def test_what_was_left_out_is_announced_only_where_something_was() -> None:
    (route, *others) = REPORT.routes
    some = msgspec.structs.replace(route, left_out={"were not kept": 3})
    none = [msgspec.structs.replace(one, left_out={}) for one in (route, *others)]
    announced = "Below a route"
    assert announced in page_of(msgspec.structs.replace(REPORT, routes=(some, *others)))
    assert announced not in page_of(msgspec.structs.replace(REPORT, routes=tuple(none)))
