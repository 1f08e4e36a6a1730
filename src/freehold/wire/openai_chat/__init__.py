"""The dialect `openai-chat`: Chat Completions as OpenAI and the many compatible servers speak it."""
