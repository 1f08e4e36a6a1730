"""The dialect `anthropic-messages`: Anthropic's Messages API."""
