"""A chat request as it goes to llama.cpp, and what has to be made of the answer.

What the model cannot do is refused here, because llama.cpp would leave it out without a word.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.providers.local.calling import Calls, Tool, schema_of
from freehold.providers.local.forms import FORMS, check_forms
from freehold.providers.local.models import LocalModel
from freehold.providers.local.signs import UNTRUSTED, quoted
from freehold.providers.local.thinking import BEGIN, END

_TOOL_FIELDS = ("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call")
_NO_CHOICE = (None, "auto", "none")
_WISHES = ("reasoning", "reasoning_effort", "thinking")
_BUDGETS = {"none": 0, "minimal": 128, "low": 512, "medium": 2048}
"""Tokens of thinking that an effort stands for; a higher one leaves it to the model."""
_LENGTHS = ("max_tokens", "max_completion_tokens")
_LOCAL_FILE = "data:"
_PROBABILITIES = ("logprobs", "top_logprobs", "n_probs")
_MOST_PROBABILITIES = 20
"""For each token, as in OpenAI's API. With one for each word that it knows, an answer takes gigabytes."""
_FILLED_HERE = frozenset({"messages", "tools", "add_generation_prompt", "bos_token", "eos_token"})
"""Names of a chat template that nobody else may fill: other messages than those would be asked that are on record."""


class Abilities(msgspec.Struct, frozen=True):
    """What a loaded model can do, as its chat template and its files tell."""

    tools: bool = False
    thinks: bool = False
    """Whether it thinks in `<think>` before it answers."""
    begins_with_thought: bool = False
    """Whether its prompt already ends with `<think>`."""
    images: bool = False
    signs: tuple[str, ...] = ()
    """Tokens by which its chat template parts who speaks."""


class _Url(msgspec.Struct):
    url: str


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    image_url: _Url | str | None = None


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part] | None = None


class _Wish(msgspec.Struct):
    enabled: bool | None = None
    max_tokens: int | None = None
    budget_tokens: int | None = None
    effort: str | None = None
    exclude: bool | None = None
    type: str | None = None


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Request(msgspec.Struct):
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _Options | None = None
    n: int | None = None
    tools: list[Tool] | None = None
    functions: list[Any] | None = None
    tool_choice: Any = None
    function_call: Any = None
    reasoning: _Wish | None = None
    thinking: _Wish | None = None
    reasoning_effort: str | None = None


_decode = msgspec.json.Decoder(_Request).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Asked:
    """One request."""

    def __init__(self, body: bytes, model: LocalModel, abilities: Abilities) -> None:
        """Raises BadRequest."""
        try:
            self._request = request = _decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadRequest(f"The request is not understood: {error}.") from None
        self._model = model
        self._abilities = abilities
        self.fields = _decode_fields(body)
        """What llama.cpp is sent."""
        self.losses: list[str] = []
        """Fields that the model cannot be shown."""
        self.calls: Calls | None = None
        """What looks for calls of tools in the answer; None: there can be none."""
        self.streamed = bool(request.stream)
        options = request.stream_options
        self.wants_usage = options is not None and options.include_usage is True
        """Whether the client wants the usage as an event of the stream."""
        self._check()
        self._quote_signs()
        self._settle_tools()
        check_forms(self.fields)
        self.budget, self.shows_thoughts = self._thinking()
        """Most tokens of thinking; None: it is left to the model."""
        for name in _WISHES if abilities.thinks else ():
            self.fields.pop(name, None)

    @property
    def has_form(self) -> bool:
        """Whether the answer is held to a grammar or a schema."""
        return any(name in self.fields for name in FORMS)

    @property
    def thinks(self) -> bool:
        """Whether the answer may begin with a thought."""
        return self._abilities.thinks

    @property
    def begins_with_thought(self) -> bool:
        """Whether the prompt already ends with the tag that begins it."""
        return self._abilities.begins_with_thought

    def go_on_after(self, thought: str, tokens: int) -> None:
        """The model is to go on with its answer after what it has thought so far, in so many tokens."""
        begun = "" if self.begins_with_thought else f"{BEGIN}\n"
        told = {"role": "assistant", "content": f"{begun}{thought}\n{END}\n\n"}
        self.fields["messages"] = _raw([*_decode_items(self.fields["messages"]), told])
        for name in _LENGTHS:
            most = self.fields.get(name)
            if most is not None and bytes(most).isdigit():
                self.fields[name] = _raw(max(1, int(most) - tokens))

    def _check(self) -> None:
        name = self._model.id
        if not self._request.messages:
            raise BadRequest("`messages` is empty.", param="messages")
        for message in self._request.messages:
            for part in message.content if isinstance(message.content, list) else ():
                self._check_part(part)
        for field in _PROBABILITIES:
            told = self._decoded(field)
            if isinstance(told, int | float) and told > _MOST_PROBABILITIES:
                raise BadRequest(f"`{field}` is {_MOST_PROBABILITIES} at the most.", param=field)
        arguments = self._decoded("chat_template_kwargs")
        filled = sorted(_FILLED_HERE & set(arguments)) if isinstance(arguments, dict) else []
        if filled:
            raise BadRequest(
                f"`{filled[0]}` of the chat template is not the client's to fill.",
                param="chat_template_kwargs",
            )
        if self._request.n is not None and self._request.n != 1:
            raise BadRequest(f"`{name}` gives one answer a request.", hint="Send more requests.", param="n")

    def _decoded(self, field: str) -> Any:
        return msgspec.json.decode(self.fields[field]) if field in self.fields else None

    def _check_part(self, part: _Part) -> None:
        if part.type == "text":
            return
        if part.type != "image_url" or not self._abilities.images:
            hint = (
                "It has no projector: `mmproj` in `[local.models]` names one."
                if part.type == "image_url"
                else None
            )
            raise BadRequest(
                f"`{self._model.id}` reads text only, not `{part.type}`.", hint=hint, param="messages"
            )
        url = part.image_url.url if isinstance(part.image_url, _Url) else part.image_url or ""
        if not url.startswith(_LOCAL_FILE):  # llama.cpp would fetch it, from wherever it says
            raise BadRequest(
                f"`{self._model.id}` takes images in the request itself, as `data:` URLs, and fetches none.",
                param="messages",
            )

    def _quote_signs(self) -> None:
        """Nobody speaks for another: what a user or a tool says is text, whatever it looks like."""
        signs = self._abilities.signs
        if not any(_holds(message, signs) for message in self._request.messages if message.role in UNTRUSTED):
            return
        messages = msgspec.json.decode(self.fields["messages"])
        self.fields["messages"] = _raw([quoted(message, signs) for message in messages])

    def _settle_tools(self) -> None:
        request, fields = self._request, self.fields
        if not (request.tools or request.functions):
            return
        forced = request.tool_choice not in _NO_CHOICE or request.function_call not in _NO_CHOICE
        if not self._abilities.tools or not request.tools:
            if forced:
                raise BadRequest(
                    f"`{self._model.id}` cannot call tools, so it cannot be made to.",
                    hint="Ask for JSON with `response_format`, or choose another model for this route.",
                    param="tool_choice",
                )
            self.losses = [field for field in _TOOL_FIELDS if field in fields]
            for name in self.losses:
                del fields[name]
            return
        shown = fields["tools"]
        for name in _TOOL_FIELDS:
            fields.pop(name, None)
        if request.tool_choice == "none":
            return
        arguments = fields.get("chat_template_kwargs")
        told = _decode_fields(arguments) if arguments is not None else {}
        fields["chat_template_kwargs"] = _raw({**told, "tools": shown})
        if forced:
            form = {"name": "call", "schema": schema_of(self._demanded(request.tools))}
            fields.pop("grammar", None)
            fields["response_format"] = _raw({"type": "json_schema", "json_schema": form})
        self.calls = Calls((tool.function.name for tool in request.tools), demanded=forced)

    def _demanded(self, tools: list[Tool]) -> list[Tool]:
        """The tools of which one must be called. Raises BadRequest."""
        choice = self._request.tool_choice
        if choice == "required":
            return tools
        named = choice.get("function") if isinstance(choice, dict) else None
        name = named.get("name") if isinstance(named, dict) else None
        found = [tool for tool in tools if tool.function.name == name]
        if not found:
            raise BadRequest("`tool_choice` names none of the `tools`.", param="tool_choice")
        return found

    def _thinking(self) -> tuple[int | None, bool]:
        """How long it may think, and whether the thoughts are to be shown."""
        request = self._request
        wish, thinking = request.reasoning or _Wish(), request.thinking or _Wish()
        if wish.enabled is False or thinking.type == "disabled":
            return 0, True
        stated = wish.max_tokens if wish.max_tokens is not None else thinking.budget_tokens
        effort = request.reasoning_effort or wish.effort or ""
        budget = _BUDGETS.get(effort) if stated is None or stated < 0 else stated
        return budget, wish.exclude is not True


def _holds(message: _Message, signs: tuple[str, ...]) -> bool:
    content = message.content
    texts = [content] if isinstance(content, str) else [part.text or "" for part in content or ()]
    return any(sign in text for text in texts for sign in signs)


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
