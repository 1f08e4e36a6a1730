"""Numbers on the command line are written as in the configuration and as in other commands."""

from __future__ import annotations

import pytest
import typer

from freehold.cli.measures import Seconds, Share


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), (" 99.9% ", 0.999), ("0.05", 0.05), ("100%", 1.0), (0.25, 0.25)]
)
def test_a_share_may_be_written_in_percent(text: object, share: float) -> None:
    assert Share(min=0.0, max=1.0).convert(text, None, None) == share


@pytest.mark.parametrize("text", ["five%", "%", "nan%", "101%", "-1%", "5 percent"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        Share(min=0.0, max=1.0).convert(text, None, None)


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("250ms", 0.25), ("2m", 120), ("5", 5), (0.5, 0.5)])
def test_a_span_of_time_is_written_as_in_the_configuration(text: object, seconds: float) -> None:
    assert Seconds(min=0.1, max=3600).convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["5x", "s", "", "2h", "5%", "50ms"])
def test_what_is_no_such_span_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        Seconds(min=0.1, max=3600).convert(text, None, None)
