"""A suite of questions whose answers somebody corrected: the correction is the target, masked as everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("presidio_analyzer")

from ledger_samples import make_call, opened

from freehold.compare.suites.masking import Masking
from freehold.compare.suites.sampling import draw
from freehold.compare.suites.wish import Wish
from freehold.core.clock import SystemClock
from freehold.core.errors import NotFound
from freehold.ledger.feedback import Given
from freehold.ledger.opinions import Opinions
from freehold.ledger.reading import LedgerReader

QUESTIONS = ["What does the lamp cost?", "Who built the bridge of Mostar?", "How many rings has Saturn?"]
WISH = Wish(route="copilot", since_us=0, n=10, least=0, corrected=True)


def test_only_what_was_corrected_is_drawn_with_what_would_have_been_right(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    with opened(place) as ledger:
        reader = LedgerReader(place)
        opinions = Opinions(ledger, reader, SystemClock())
        ids = []
        for question in QUESTIONS:
            body = json.dumps({"model": "r", "messages": [{"role": "user", "content": question}]}).encode()
            call = make_call(request_body=body, answer_body=b"{}")
            ledger.record(call)
            ids.append(call.id)
        with pytest.raises(NotFound, match="corrected"):
            draw(reader, WISH, Masking)
        opinions.give_as(ids[0], Given(value=False, correction="Ten."), by="one")
        opinions.give_as(ids[0], Given(correction="Ask anna@example.com."), by="two")
        opinions.give_as(ids[1], Given(value=False), by="one")
        opinions.give_as(ids[2], Given(correction="Seven."), by="one")
        sample = draw(reader, WISH, Masking)
    targets = {one.id: json.loads(bytes(one.target)) for one in sample.cases}
    assert targets.keys() == {ids[0], ids[2]}
    assert targets[ids[2]] == "Seven."
    assert targets[ids[0]].startswith("Ask ")
    assert "anna" not in targets[ids[0]]
    assert any("would have been right" in note for note in sample.source.notes)
