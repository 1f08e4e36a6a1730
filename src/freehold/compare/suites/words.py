"""The words of a text, as classes of tasks are found and named by: English, Korean, and whatever is written alike."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_][\w']*[^\W_]|[^\W\d_]{2,}")
_ADDRESS = re.compile(r"\S+@\S+|\w+://\S+|www\.\S+|<[a-z]+_\d+>")
"""Of mail and pages: whose it is says nothing of what is asked."""
_HANGUL = re.compile(r"[\uac00-\ud7a3]+")
_ENDINGS = """
    에서는 에게서 으로는 이라고 입니다 습니다 합니다 됩니다 하세요 해주세요 인가요 까지는 에서 에게 으로 부터 까지 라고
    이나 처럼 보다 하고 이랑 에는 와의 과의 해줘 하는 하기 했는데 인데 이며 은 는 이 가 을 를 의 에 로 와 과 도 만
"""
_SAYS_NOTHING = """
    a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing don't down during each few for from further get give had has have having he hello her
    here hers hi him his how i i'd i'll i'm i've if in into is isn't it it's its itself just let like make me more most
    my need no nor not of off on once one only or other our out over own please same she should so some such tell than
    thank thanks that that's the their them then there these they this those through to too under until up use using
    very want was we were what what's when where which while who whom why will with would you your yours write
    그리고 그런데 하지만 그래서 또는 다음 대한 대해 위한 위해 있는 있나요 있습니다 없습니다 무엇 어떻게 어떤 알려 주세요
    알려주세요 해주세요 부탁 드립니다 부탁드립니다 제가 저는 나는 우리 이것 그것 저것 안녕하세요 감사합니다 합니다
    입니다 때문 경우 관련 싶어요 싶습니다 싶은데 되나요 됩니까 하나요 합니까 언제 얼마나 어디 해야 하면 하는데 할까요
    가능한가요 궁금합니다 주시겠어요 있을까요 무엇인가요 인가요 좋을까요
"""
STOP = frozenset(_SAYS_NOTHING.split())
"""Words that say nothing of what a text is about."""
_BY_LENGTH = sorted(_ENDINGS.split(), key=len, reverse=True)
"""Endings that Korean nouns take. They are taken off, the longest first, where two syllables are left."""


def words_in(text: str) -> list[str]:
    """Its words in small letters, without numbers and without what only joins others. Korean ones without endings."""
    found = []
    for word in _WORD.findall(_ADDRESS.sub(" ", text.casefold())):
        stem = stem_of(word)
        if len(stem) > 1 and word not in STOP and stem not in STOP:
            found.append(stem)
    return found


def stem_of(word: str) -> str:
    """A Korean word without the ending that its place in the sentence gave it; any other as it is."""
    if not _HANGUL.fullmatch(word):
        return word
    for ending in _BY_LENGTH:
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            return word[: -len(ending)]
    return word
