"""Decisions in words."""

from __future__ import annotations

from typing import Literal

from freehold.core.decision import Decision

Again = Literal["same", "different", "unknown"]
"""What comes of making a decision again from its own facts.

same       the same decision
different  another one: what decided then was not the code of today
unknown    it cannot be made: nobody here has such a policy, or the facts do not say enough
"""

REASONS = {
    "drawn": "the conversation's draw fell on it",
    "cheapest": "it is the cheapest that may be chosen",
    "fastest": "it is the fastest that may be chosen",
    "no price known": "the price of none is known, so the incumbent stays",
    "no pace known": "the pace of none is known, so the incumbent stays",
    "asked first": "nothing speaks against asking it first, and its answer was not looked at",
    "sure": "its answer is good enough",
    "nothing to check": "the request asks for no form, and its answer calls no tool",
    "too long": "its answer was too long to be held until its end",
    "escalated": "nobody could be sure of those before it",
    "others failed": "those after it did not answer",
    "lock.tool_loop": "the request answers tool calls, and who made them has to see what came of them",
    "lock.state": "the request holds state, or goes on from an answer, that only its maker can read",
    "lock.conversation": "it has answered the conversation so far",
    "lock.unread": "the request is not understood, so nobody knows what it goes on from",
    "lock.free": "the route has no policy any more, and the conversation may go to the incumbent",
    "good enough": "it is the cheapest whose predicted answer is good enough",
    "none good enough": "no cheaper one is predicted to be good enough, so the incumbent answers",
    "alarm": "the router's promise is no longer taken to hold, so the incumbent answers",
    "another incumbent": "the router was made beside another incumbent, so this one answers",
    "nothing to read": "the request has no text that the router reads, so the incumbent answers",
}
"""What the words mean that a decision gives as its reason."""

WHYS = {
    "locked": "the conversation may not be taken from the chosen one",
    "not drawn": "the conversation's draw fell on another",
    "no weight": "it has no weight",
    "dearer": "it costs more",
    "slower": "it takes longer",
    "no verdict": "no standing verdict says that it replaces the incumbent",
    "not needed": "one before it was good enough",
    "unsure": "its answer did not come up to the threshold",
    "no score": "nothing says how sure one may be of its answer",
    "not in form": "its answer was not in the form that was asked for",
    "wrong arguments": "it called a tool that there is not, or not as the tool wants it",
    "refused": "it declined, or a filter stopped it",
    "broken off": "its answer did not come to its end",
    "failed": "it could not be asked, or did not answer",
    "not well": "it does not answer at the moment, so it was not asked",
    "hosted tools": "what a tool at a provider does would be done twice, so it was not asked",
    "unpromising": "its answer was predicted to be not good enough, so it was not asked",
    "no prediction": "nothing is predicted of its answer, so it was not asked",
    "unread": "the request is not understood here, so no answer of it could be judged",
    "the conversation left it": "another has answered the conversation so far",
    "not among": "it is none of those that are chosen from",
    "price unknown": "what it costs is unknown",
    "pace unknown": "how long it takes is unknown",
    "not good enough": "its predicted answer is not good enough",
    "alarm": "the router's promise is no longer taken to hold",
    "another incumbent": "the router was made beside another incumbent",
    "nothing to read": "the request has no text that the router reads",
}
"""What the words mean for which a model is passed over."""


def in_one_line(decision: Decision) -> str:
    """`weighted chose openai/gpt-4o-mini (drawn)`, and which rollout it is part of."""
    of = "" if decision.rollout is None else f", {decision.rollout}"
    arm = "" if decision.arm is None else f", {decision.arm}"
    return f"{decision.policy} chose {decision.chosen} ({decision.reason}){of}{arm}"


def in_words(word: str, meanings: dict[str, str]) -> str:
    """A word of a decision with what it means, where that is known."""
    meaning = meanings.get(word)
    return word if meaning is None else f"{word}, that is, {meaning}"
