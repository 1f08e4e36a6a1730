"""The page: one HTML file that loads nothing.

Whatever others wrote (models, cases, answers, judges) reaches it as text that Jinja escapes, or as JSON in which no `<`
is left. Should anything get through all the same, the policy in its head lets no script run but the two that are ours,
by their hashes, and nothing be loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files

import jinja2
import msgspec
from markupsafe import Markup

from freehold.compare.report.charts import Chart, charts_of
from freehold.compare.report.content import content_of
from freehold.compare.report.report import Report
from freehold.compare.report.wording import dollars, mean, seconds, signed

# Overrides and embeddings of the direction of text, and control characters.
_HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f]")
_PARTS = files("freehold.compare.report")


def page_of(report: Report) -> str:
    """The page of a report: about 1 MB, of which nine tenths are the library that draws."""
    charts = charts_of(report)
    style, drawing, bundle = _read("style.css"), _read("drawing.js"), _bundle() if charts else ""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    template = environment.from_string(_read("page.html"))
    return template.render(
        report=report,
        charts=charts,
        style=Markup(style),  # noqa: S704 - ours
        drawing=Markup(drawing),  # noqa: S704
        bundle=Markup(bundle),  # noqa: S704
        specs=_inert_json({name: one.spec for name, one in charts.items()}),
        policy=_policy(style, (bundle, drawing)),
        dollars=dollars,
        mean=mean,
        seconds=seconds,
        signed=signed,
        courses=_courses(charts),
        **msgspec.structs.asdict(content_of(report, has=frozenset(charts))),
    )


def _courses(charts: dict[str, Chart]) -> list[Chart]:
    return [one for name, one in charts.items() if name.startswith("course-")]


def _read(name: str) -> str:
    return (_PARTS / name).read_text("utf-8").strip()


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed, from the package that carries them."""
    import vl_convert  # noqa: PLC0415 - large, and only for this

    # In a script element it may not say what would end it.
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _visible(value: object) -> object:
    """Text in which characters that would turn our own words round, or that nobody could see, are written out."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def _inert_json(value: object) -> Markup:
    text = json.dumps(_all_visible(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _all_visible(value: object) -> object:
    if isinstance(value, dict):
        return {key: _all_visible(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_all_visible(one) for one in value]
    return _visible(value)


def _policy(style: str, scripts: tuple[str, ...]) -> str:
    allowed = " ".join(f"'sha256-{_digest(one)}'" for one in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'sha256-{_digest(style)}'; base-uri 'none'; "
        "form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
