"""Stub."""
from freehold.providers.simulated.dialects.openai_chat import OpenAIChat


class Cohere(OpenAIChat):
    """Stub."""

    name = "cohere"
