"""Conversations and texts of all kinds, by which templates and tokenizers are told apart."""

from __future__ import annotations

CONVERSATIONS: tuple[list[dict[str, str]], ...] = (
    [{"role": "user", "content": "What is the capital of France?"}],
    [
        {"role": "system", "content": "You answer in one word."},
        {"role": "user", "content": "Is water wet?"},
    ],
    [
        {"role": "user", "content": "Name a colour."},
        {"role": "assistant", "content": "Blue."},
        {"role": "user", "content": "And another one, please."},
    ],
    [
        {"role": "system", "content": "Antworte höflich."},
        {"role": "user", "content": "  Leading and trailing spaces  "},
        {"role": "assistant", "content": "Line one\n\nLine three\twith a tab"},
        {"role": "user", "content": "ok\n"},
    ],
    [{"role": "user", "content": "주문한 물건이 아직 오지 않았어요. 환불해 주세요."}],
    [{"role": "user", "content": "Family: 👨‍👩‍👧‍👦, flag: 🇰🇷, thumbs: 👍🏽, heart: ❤️"}],
    [{"role": "user", "content": 'def f(x):\n    return {"a": [1, 22, 333]}  # 3.14159 <tag> & \\n'}],
)
"""Chats."""

TEXTS: tuple[str, ...] = (
    "Hello, world!",
    " two  spaces   and a tab\tand\r\nlines\n\n\n",
    "1 12 123 1234 12345 3.1415 1,000,000 0x1F",
    "안녕하세요, 세계! 오늘은 2026년 11월 23일입니다.",
    "日本語と中文的混合",
    "naïve café — “quotes” … ½ ﬁ Å",
    "😀😃 👩🏾‍🚀 🇫🇷 ❤️‍🔥",
    "we've I'LL don't DON'T it's",
    '{\'key\': [1, 2.5e-3, null], "text": "a\\"b"}',
    "supercalifragilisticexpialidocious ÄÖÜß ñ",
    "\u200b\ufeff\u00a0end",
)
"""Texts outside of chats."""
