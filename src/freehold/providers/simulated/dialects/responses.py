"""Stub."""
from freehold.providers.simulated.dialects.openai_chat import OpenAIChat


class OpenAIResponses(OpenAIChat):
    """Stub."""

    name = "responses"
