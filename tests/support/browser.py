"""A page in a real browser, and everything that it did there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

CHROMIUM = Path("/usr/bin/chromium")


class Opened:
    """A page that is open."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.said: list[str] = []
        """What it wrote to the console, refused and crashed over."""
        self.asked: list[str] = []
        """Addresses that it asked for, its own file left out."""
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("dialog", self._dismiss)
        page.on("request", lambda request: self.asked.append(request.url))

    def _dismiss(self, dialog: Any) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path: Path) -> None:
        """Open a file, and wait until its charts are drawn."""
        self.page.goto(path.as_uri())
        # Not by a function that is looked at again and again: the page's policy forbids to make one of a text.
        self.page.locator("html[data-drawn=yes]").wait_for(state="attached", timeout=30_000)
        self.asked.remove(path.as_uri())

    def __call__(self, script: str, *values: Any) -> Any:
        """What an expression of JavaScript is on the page."""
        return self.page.evaluate(script, *values)


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a window; where there is none, the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM} (`apt install chromium`)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(
    started: Any, path: Path, *, width: int = 1100, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Opened]:
    """A file in a window of its own."""
    context = started.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(10_000)
    found = Opened(context.new_page())
    found.open(path)
    yield found
    context.close()
