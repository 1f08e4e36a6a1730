"""Stub."""
from freehold.providers.simulated.dialects.openai_chat import OpenAIChat


class BedrockConverse(OpenAIChat):
    """Stub."""

    name = "bedrock"
