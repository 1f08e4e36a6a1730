"""Stub."""
from freehold.providers.simulated.dialects.openai_chat import OpenAIChat


class AnthropicMessages(OpenAIChat):
    """Stub."""

    name = "anthropic"
