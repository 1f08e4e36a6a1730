"""Feedback on calls: what was said of their answers, and what an administrator has to say."""

from __future__ import annotations

import msgspec

from freehold.admin.office import Office
from freehold.admin.operation import Asked, Operation
from freehold.core.errors import NotFound
from freehold.ledger.feedback import Given, ShownFeedback, show_feedback
from freehold.ledger.reading import Subject


class FeedbackList(msgspec.Struct):
    """Everything that was said of a call's answer, the oldest first."""

    feedback: list[ShownFeedback]


def _list(office: Office, asked: Asked) -> FeedbackList:
    subject = _subject(office, asked)
    if any(one.text is not None or one.correction is not None for one in subject.feedback):
        # Who reads what was said is on record before it is shown.
        office.audit.append(asked.actor, "bodies.read", subject.id, {"what": "feedback"})
    return FeedbackList([show_feedback(one, words=True) for one in subject.feedback])


def _give(office: Office, asked: Asked) -> ShownFeedback:
    given: Given = asked.body
    by = f"admin:{asked.who.name}"
    kept = office.opinions.give_as(asked.path["call"], given, by=by)
    office.audit.append(asked.actor, "feedback.give", kept.call_id, {"name": kept.name, "kind": kept.kind})
    return show_feedback(kept, words=True)


def _subject(office: Office, asked: Asked) -> Subject:
    which = asked.path["call"]
    found = office.history.subject(which) if office.history.exists and which.isascii() else None
    if found is None:
        raise NotFound(f"No call is called `{which[:100]}`.", hint="`GET /calls` lists them, with whole ids.")
    return found


OPERATIONS = (
    Operation(
        method="GET", path="/calls/{call}/feedback", least="operator", act=_list, answer=FeedbackList,
        summary="Show what was said of a call's answer",
    ),
    Operation(
        method="POST", path="/calls/{call}/feedback", least="operator", act=_give, answer=ShownFeedback,
        body=Given, summary="Say how good a call's answer was, and what would have been right",
    ),
)  # fmt: skip
