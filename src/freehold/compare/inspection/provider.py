"""Freehold as Inspect AI sees it: a provider of models, `freehold/PROVIDER/NAME`. Imports Inspect AI."""

from __future__ import annotations

from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, modelapi
from inspect_ai.tool import ToolChoice, ToolInfo

from freehold.compare.inspection import turns

LOOKED_AT = "compared"
"""The model whose answers are scored just now. No model of a catalog is called so: they have a provider."""
_MOST_AT_ONCE = 10_000
"""How many are asked at once is decided where they are asked."""


class FreeholdModels(ModelAPI):
    """One model, asked through the engine of the comparison that is under way."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **_: Any,
    ) -> None:
        """`model_name`: the model's name in the catalog, or `LOOKED_AT`."""
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self._asks = None if model_name == LOOKED_AT else model_name

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """One answer."""
        answered: ModelOutput = await turns.asked_for(self._asks, input, tools, tool_choice, config)
        return answered

    def max_connections(self) -> int:
        """See `_MOST_AT_ONCE`."""
        return _MOST_AT_ONCE

    def connection_key(self) -> str:
        """All of them together."""
        return "freehold"


@modelapi(name="freehold")
def freehold() -> type[ModelAPI]:
    """Found by `get_model("freehold/PROVIDER/NAME")` of a task."""
    return FreeholdModels
