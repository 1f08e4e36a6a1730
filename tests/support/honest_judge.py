"""A judge over HTTP that knows right from wrong: an answer with `WRONG` in it loses against one without."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from told_provider import ToldProvider

_ANSWERS = re.compile(r"<answer-([AB])-[0-9a-f]+>\n(.*?)\n</answer-", re.DOTALL)


class HonestJudge(ToldProvider):
    """A provider whose every model judges so. Use it as a context manager."""

    def answer_to(self, body: bytes) -> bytes:
        """Which of the two answers it is shown is better."""
        request = msgspec.json.decode(body)
        self.asked.append(request)
        shown = dict(_ANSWERS.findall(_text(request)))
        wrong = {name: "WRONG" in text for name, text in shown.items()}
        better = "tie" if wrong["A"] == wrong["B"] else "B" if wrong["A"] else "A"
        said = msgspec.json.encode({"reasoning": "as it is", "better": better}).decode()
        return msgspec.json.encode(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "judge",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": said},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
            }
        )


def _text(request: dict[str, Any]) -> str:
    texts = []
    for message in request["messages"]:
        content = message["content"]
        texts += [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    return "\n".join(texts)
