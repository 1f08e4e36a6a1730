"""Stub."""
from freehold.providers.simulated.dialects.openai_chat import OpenAIChat


class Gemini(OpenAIChat):
    """Stub."""

    name = "gemini"
