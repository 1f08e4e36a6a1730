"""What is known to belong to one maker's models in a prompt, and how to say it to another's.

Only what is certain is changed: a text without these marks comes out as it went in, and what came out goes in again
unchanged. Whether the port is better is not known before it is measured.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

import msgspec

from freehold.rollout.migration.makers import Maker

_VERSION = r"[0-9A-Za-z][\w-]*(?:\.[\w-]+)*"
_NUMBER = r"[0-9][\w-]*(?:\.[\w-]+)*"
_NAMES: dict[Maker, str] = {
    "openai": rf"Chat-?GPT|GPT(?:-?{_NUMBER})?",
    "anthropic": rf"Claude(?: (?:{_NUMBER}|Opus|Sonnet|Haiku))*",
    "google": rf"Gemini(?: (?:{_NUMBER}|Pro|Flash))*|Bard",
    "meta": rf"Llama(?:[ -]?{_NUMBER})?",
    "mistral": r"Mistral(?: Large| Small)?|Le Chat",
    "qwen": rf"Qwen(?:-?{_VERSION})?|Tongyi",
    "deepseek": rf"DeepSeek(?:-{_VERSION})?",
    "cohere": r"Command(?: R\+?| A)",
    "xai": rf"Grok(?:[ -]?{_NUMBER})?",
    "zai": rf"GLM-{_VERSION}|ChatGLM",
    "moonshot": rf"Kimi(?:-{_VERSION})?",
}
_BY = (
    r"(?:,? an? (?:large )?(?:language model|AI assistant|AI model|assistant|AI))?"
    r"(?:,? (?:trained|made|created|developed|built) by "
    r"(?:OpenAI|Anthropic|Google(?: DeepMind)?|Meta(?: AI)?|Mistral(?: AI)?|Alibaba(?: Cloud)?|DeepSeek|Cohere|xAI|"
    r"Zhipu(?: AI)?|Z\.ai|Moonshot(?: AI)?))?"
)
_TEMPLATE: dict[str, tuple[Maker, ...]] = {
    r"<\|(?:im_start|im_end|im_sep|endoftext|endofprompt)\|>": ("openai", "qwen"),
    r"<\|(?:begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|python_tag)\|>": ("meta",),
    r"\[/?INST\]|<</?SYS>>": ("mistral", "meta"),
    r"<(?:start|end)_of_turn>": ("google",),
}
"""Marks of chat templates, and whose they are."""
_CUTOFF = re.compile(
    r"^[ \t]*(?:cutting )?knowledge (?:cut-?off(?: date)?|date)[ \t]*:[^\n]*$\n?",
    re.IGNORECASE | re.MULTILINE,
)
_REENABLED = re.compile(r"^[ \t]*Formatting re-enabled[ \t]*$\n?", re.MULTILINE)
_SOFT_SWITCH = re.compile(r"(?<![\w/])/(?:no_)?think(?![\w/])")
_ENVIRONMENT = re.compile(r"^[ \t]*Environment:[ \t]*ipython[ \t]*$\n?", re.MULTILINE)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a prompt that belongs to another maker's models."""

    rule: str
    why: str


class Rule(msgspec.Struct, frozen=True):
    """One thing that is known."""

    name: str
    why: str
    apply: Callable[[str, Maker | None], str]
    """The text for a model of this maker; None: the maker is not known."""
    leaves: Maker | None = None
    """Only in prompts for this maker's models, as it could mean anything elsewhere; None: in any."""


def _identity(text: str, maker: Maker | None) -> str:
    for owner, names in _NAMES.items():
        if owner != maker:
            pattern = rf"\b(You are|You're|Your name is) (?:{names})(?![\w-]){_BY}"
            text = re.sub(pattern, _anonymous, text)
    return text


def _anonymous(found: re.Match[str]) -> str:
    begin = found[1]
    if begin == "Your name is":
        return "Your name is Assistant"
    return f"{begin} a helpful assistant"


def _template(text: str, maker: Maker | None) -> str:
    for marks, owners in _TEMPLATE.items():
        if maker not in owners:
            # A blank, so that what is left around a mark makes no other one.
            text = re.sub(marks, " ", text)
    return text


def _without(pattern: re.Pattern[str], *keep: Maker) -> Callable[[str, Maker | None], str]:
    """Takes away what matches, for models of all makers but those to keep it for."""

    def apply(text: str, maker: Maker | None) -> str:
        return text if maker in keep else pattern.sub("", text)

    return apply


RULES = (
    Rule(
        "template",
        "These marks belong to another model's chat template, and would be read as text.",
        _template,
    ),
    Rule("cutoff", "It gives another model's knowledge cut-off.", _without(_CUTOFF)),
    Rule(
        "formatting",
        "`Formatting re-enabled` is a switch of OpenAI's reasoning models.",
        _without(_REENABLED, "openai"),
    ),
    Rule(
        "thinking switch",
        "`/think` and `/no_think` are switches of Qwen's models.",
        _without(_SOFT_SWITCH, "qwen"),
        leaves="qwen",
    ),
    Rule(
        "environment",
        "`Environment: ipython` switches on tools of Llama's template.",
        _without(_ENVIRONMENT, "meta"),
        leaves="meta",
    ),
    Rule("identity", "It tells the model that it is another maker's, and it would say so.", _identity),
)


def port(text: str, maker: Maker | None, leaves: Maker | None = None) -> tuple[str, list[Finding]]:
    """The text for a model of `maker`, as it was written for one of `leaves`, and what was changed in it and why."""
    found = []
    for rule in (one for one in RULES if one.leaves in (None, leaves)):
        after = rule.apply(text, maker)
        if after != text:
            found.append(Finding(rule=rule.name, why=rule.why))
            text = after
    return text, found


def with_beginning(text: str, beginning: str) -> str:
    """The instructions for a model that does not go on from an answer that was begun for it."""
    words = f"Begin your answer with exactly the following, and put nothing before it:\n{beginning}"
    return f"{text}\n\n{words}" if text else words


def difference(before: str, after: str) -> str:
    """What changed, as a unified diff; empty: nothing."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "prompt", "prompt for the target", lineterm="", n=2
    )
    return "\n".join(lines)
