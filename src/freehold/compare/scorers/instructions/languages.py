"""Which language a text is in, by its script and its most frequent small words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_SCRIPTS = {
    "HANGUL": ("ko",),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "CJK": ("zh",),
    "THAI": ("th",),
    "HEBREW": ("he",),
    "GREEK": ("el",),
    "BENGALI": ("bn",),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "KANNADA": ("kn",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "MALAYALAM": ("ml",),
    "GEORGIAN": ("ka",),
    "ARMENIAN": ("hy",),
    "ARABIC": ("ar", "fa", "ur"),
    "CYRILLIC": ("ru", "uk", "bg"),
    "DEVANAGARI": ("hi", "mr", "ne"),
    "LATIN": ("en", "de", "fr", "es", "it", "pt", "nl", "fi", "sv", "pl", "tr", "vi", "id", "sw"),
}
_SMALL_WORDS = {
    "en": "the of and to in is that it for was on are with as at this be have from or by not you but an they which we",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er",
    "fr": "le la les de des et à en un une du que est dans qui pour par sur pas plus au ce avec il sont nous vous",
    "es": "el la los las de que y en un una por con para es se del al lo como más pero sus le ya o este sí porque su",
    "it": "il lo la gli le di che e è un una per con non in del della dei si da al sono come più anche nel alla ma",
    "pt": "o a os as de que e do da em um uma para com não no na por mais se dos das como foi ao são você também é",
    "nl": "de het een en van in is dat op te voor met niet zijn die aan er maar om ook als bij door naar dit wordt",
    "fi": "ja on ei se että oli hän mutta kun niin myös ovat joka voi tämä sen sekä jos mitä minä olen sinä ole vain",
    "sv": "och att det i en som är på för med den till av har inte ett om jag men var de så han från kan vi",
    "pl": "i w na z się nie do to że jest jak o co ale za po tak od przez dla są ich już był może jego które",
    "tr": "ve bir bu için da de ile çok ne daha gibi olarak en var olan kadar sonra ama mi ben değil her o",
    "vi": "và của là có trong được cho một các không người đã với này những để khi từ cũng về như đến",
    "id": "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena ada adalah bisa mereka",
    "sw": "na ya wa kwa ni katika la za kuwa hii cha kama lakini hiyo watu pia au ambao yake wakati sana mtu huu",
    "ar": "في من على أن إلى التي هذا هذه كان عن الذي مع لا ما هو كل بعد قد هي بين أو ذلك حيث",
    "fa": "و در به از که این است را با برای آن یک می تا های شود بود شده خود بر هم کند یا اما ما",
    "ur": "کے میں کی ہے اور سے کا کو اس کہ ہیں پر نے بھی کر ایک یہ تو وہ ہو جو لئے ان گیا تھا",
    "ru": "и в не на что с по это как а то но из за от для о же так все он вы мы был есть или его",
    "uk": "і в не на що з це як та до але за від для про або ви ми він є його був щоб які й у",
    "bg": "и на да се за от в не с по това е са като до че а но ще или си той който във има",
    "hi": "के में की है और से का को पर यह कि एक हैं नहीं भी ने इस कर तो हो जो लिए था वह",
    "mr": "आहे आणि या च्या मध्ये हे ते तो एक होते नाही आहेत असे करून साठी किंवा पण व हा ही त्या काही",
    "ne": "छ र को मा का लाई पनि यो छन् हो ले गर्न भने थियो तर एक हुन्छ गरेको यस लागि त्यो हरू",
}
_LISTS = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+(?:[\u0900-\u097f\u200c]+[^\W\d_]*)*")
_LEAST_SHARE = 0.05
"""Of words in a language that are small ones; names and single words stay unknown."""
_LOOKED_AT = 4000
"""Characters."""


def language_of(text: str) -> str | None:
    """The language, as ISO 639-1 has it; None: it cannot be told."""
    text = text[:_LOOKED_AT]
    letters = Counter(unicodedata.name(one, "").split(" ")[0] for one in text if one.isalpha())
    known = Counter({script: count for script, count in letters.items() if script in _SCRIPTS})
    if not known:
        return None
    # Japanese is mostly Chinese characters; the others are what makes it Japanese.
    kana = known["HIRAGANA"] + known["KATAKANA"]
    script = "HIRAGANA" if kana * 10 > known["CJK"] and kana + known["CJK"] > known.total() / 2 else ""
    script = script or known.most_common(1)[0][0]
    candidates = _SCRIPTS[script]
    if len(candidates) == 1:
        return candidates[0]
    words = _WORD.findall(text.lower())
    shares = {one: sum(word in _LISTS[one] for word in words) / max(1, len(words)) for one in candidates}
    best = max(candidates, key=lambda one: shares[one])
    return best if shares[best] >= _LEAST_SHARE else None
