"""Makes the dictionary that bodies are compressed with: `python -m benchmarks.ledger.make_dictionary FILE`.

It holds what requests and answers have in common (the field names of the dialects, English, a little code), so that
a short body need not spell it out. A dictionary that was released is never changed, because bodies compressed with
it need it for ever; a better one is a new file beside it.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

SIZE = 8192
"""Bytes. Twice as much saves another 4 %, and is loaded into every process."""
ROOT = Path(__file__).parent.parent.parent
MODELS = (
    "gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-5", "claude-sonnet-4-5", "gemini-2.5-flash", "mistral-large-latest",
    "deepseek-chat", "meta-llama/Llama-3.3-70B-Instruct", "llama3.2", "qwen3", "local/smollm2-135m", "default",
    "copilot",
)  # fmt: skip
SYSTEM = (
    "You are a helpful assistant.",
    "You are a helpful, respectful and honest assistant. Answer in the language of the question.",
    "You are an expert software engineer. Answer with code and a short explanation.",
    "Answer only from the context below. If the answer is not in it, say that you do not know.",
    "Classify the text. Answer with one word.",
    "Translate into English.",
    "Summarize the following text in three sentences.",
    "Extract the fields as JSON. Do not add anything else.",
)
QUESTIONS = (
    "What is the capital of France?", "Can you explain this to me?", "Please write a function that ",
    "How do I ", "Why does this not work? ```python\ndef ", "Give me a list of ", "Summarize: ", "Thank you! And ",
    "Write an email to ", "Was ist ", "Pourquoi ", "What are the differences between ",
)  # fmt: skip
ANSWERS = (
    "Sure! Here is ", "Certainly! ", "The capital of France is Paris.", "Here's an example:\n\n```python\nimport ",
    "I'm sorry, but I can't ", "To do this, you can use the following steps:\n\n1. **", "There are several ",
    "The answer is ", "Yes, ", "No, ", "In summary, ", "\n\n- **", "\n\n### ", "Let me know if you have any questions!",
)  # fmt: skip

ERRORS = (
    ("invalid_request_error", None),
    ("rate_limit_error", "rate_limit_exceeded"),
    ("authentication_error", "invalid_api_key"),
)


class Samples:
    """Requests and answers as they are on the wire, with the repository's own prose in them."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
        text = " ".join(re.sub(r"[|`*#>\[\]]+", " ", page.read_text()) for page in pages)
        docstrings = re.findall(
            r'"""(.*?)"""', " ".join(file.read_text() for file in (ROOT / "src").rglob("*.py")), re.S
        )
        self.sentences = [
            re.sub(r"\s+", " ", one).strip() for one in re.split(r"(?<=[.:])\s", text) + docstrings
        ]

    def prose(self, longest: int) -> str:
        """Some sentences."""
        text = ""
        length = self.random.randint(20, longest)
        while len(text) < length:
            text += self.random.choice(self.sentences) + " "
        return text[:length]

    def digits(self, count: int) -> str:
        """Random hexadecimal digits."""
        return f"{self.random.getrandbits(count * 4):0{count}x}"

    def request(self) -> bytes:
        """A chat request."""
        pick = self.random.choice
        messages: list[dict[str, Any]] = [{"role": "user", "content": pick(QUESTIONS) + self.prose(600)}]
        if self.random.random() < 0.4:
            messages = [
                *messages,
                {"role": "assistant", "content": pick(ANSWERS) + self.prose(400)},
                {"role": "user", "content": pick(QUESTIONS) + self.prose(100)},
            ]
        if self.random.random() < 0.7:
            messages.insert(0, {"role": "system", "content": pick(SYSTEM)})
        body: dict[str, Any] = {"model": pick(MODELS), "messages": messages}
        if self.random.random() < 0.5:
            body = {"messages": messages, "model": body["model"]}
        options = {
            "temperature": pick([0, 0.2, 0.7, 1.0]), "max_tokens": pick([64, 256, 512, 1024, 4096]), "stream": True,
            "stream_options": {"include_usage": True}, "top_p": 1, "n": 1, "presence_penalty": 0,
            "frequency_penalty": 0,
            "max_completion_tokens": 1024, "response_format": {"type": "json_object"}, "seed": 42, "user": "user-1",
            "tool_choice": "auto", "parallel_tool_calls": True, "reasoning_effort": pick(["low", "medium", "high"]),
            "tools": [self.tool()],
        }  # fmt: skip
        for name in self.random.sample(sorted(options), self.random.randint(0, 4)):
            body[name] = options[name]
        return self.encoded(body)

    def tool(self) -> dict[str, Any]:
        """A tool that a request offers."""
        name = self.random.choice(["get_weather", "search", "read_file", "run_query", "send_email"])
        parameters = {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": self.prose(60)},
                "limit": {"type": "integer"},
            },
            "required": ["query"],
            "additionalProperties": False,
        }
        return {
            "type": "function",
            "function": {
                "name": name,
                "description": self.prose(80),
                "parameters": parameters,
                "strict": True,
            },
        }

    def usage(self) -> dict[str, Any]:
        """Tokens used, in short or at length."""
        read, wrote = self.random.randint(5, 3000), self.random.randint(1, 1500)
        usage: dict[str, Any] = {
            "prompt_tokens": read,
            "completion_tokens": wrote,
            "total_tokens": read + wrote,
        }
        if self.random.random() < 0.6:
            usage["prompt_tokens_details"] = {"cached_tokens": 0, "audio_tokens": 0}
            details = (
                "reasoning_tokens",
                "audio_tokens",
                "accepted_prediction_tokens",
                "rejected_prediction_tokens",
            )
            usage["completion_tokens_details"] = dict.fromkeys(details, 0)
        return usage

    def head(self, kind: str) -> dict[str, Any]:
        """How answers and pieces of answers begin."""
        created = self.random.randint(1_750_000_000, 1_850_000_000)
        name = self.random.choice(["chatcmpl-", "gen-", ""])
        return {
            "id": name + self.digits(29),
            "object": kind,
            "created": created,
            "model": self.random.choice(MODELS),
        }

    def answer(self) -> bytes:
        """A whole chat answer."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self.random.choice(ANSWERS) + self.prose(600),
        }
        finish = "stop"
        style = self.random.random()
        if style < 0.5:
            message.update(refusal=None, annotations=[])
        elif style < 0.65:
            arguments = json.dumps({"query": self.prose(40), "limit": 10})
            function = {"name": "search", "arguments": arguments}
            message = {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_" + self.digits(24), "type": "function", "function": function}],
            }
            finish = "tool_calls"
        elif style < 0.75:
            message["reasoning_content"] = self.prose(300)
        body = self.head("chat.completion")
        body["choices"] = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
        body["usage"] = self.usage()
        if style < 0.5:
            body.update(service_tier="default", system_fingerprint="fp_" + self.digits(10))
        return self.encoded(body)

    def stream(self) -> bytes:
        """The first pieces and the end of a streamed answer."""
        head = self.head("chat.completion.chunk")
        pieces: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
        pieces += [{"content": word} for word in re.findall(r"\s?\S+", self.prose(80))]
        events = [
            {**head, "choices": [{"index": 0, "delta": piece, "logprobs": None, "finish_reason": None}]}
            for piece in pieces
        ]
        events.append(
            {**head, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}
        )
        events.append({**head, "choices": [], "usage": self.usage()})
        return b"".join(b"data: " + self.encoded(one) + b"\n\n" for one in events) + b"data: [DONE]\n\n"

    def embedding(self) -> bytes:
        """A request for embeddings."""
        texts = [self.prose(300) for _ in range(self.random.randint(1, 3))]
        return self.encoded(
            {"model": "embed", "input": texts if len(texts) > 1 else texts[0], "encoding_format": "float"}
        )

    def error(self) -> bytes:
        """An answer that says no."""
        kind, code = self.random.choice(ERRORS)
        return self.encoded(
            {"error": {"message": self.prose(100), "type": kind, "param": None, "code": code}}
        )

    def encoded(self, body: dict[str, Any]) -> bytes:
        """JSON as SDKs and servers write it: mostly without blanks."""
        separators = (",", ":") if self.random.random() < 0.75 else (", ", ": ")
        return json.dumps(body, separators=separators, ensure_ascii=False).encode()

    def draw(self, count: int) -> list[bytes]:
        """Samples of every kind, in the proportions of ordinary traffic."""
        kinds: list[Callable[[], bytes]] = [
            self.request,
            self.answer,
            self.stream,
            self.embedding,
            self.error,
        ]
        chosen = self.random.choices(kinds, weights=[40, 40, 8, 8, 4], k=count)
        return [kind() for kind in chosen]


def make_dictionary() -> bytes:
    """A fresh dictionary."""
    samples: list[bytes | bytearray | memoryview[int]] = [*Samples().draw(6000)]
    return zstandard.train_dictionary(SIZE, samples).as_bytes()


def main() -> None:
    """Write the dictionary to the file that is named, unless there is one."""
    path = Path(sys.argv[1])
    if path.exists():
        raise SystemExit(f"{path} is there already, and a released dictionary is never changed")
    path.write_bytes(make_dictionary())


if __name__ == "__main__":
    main()
