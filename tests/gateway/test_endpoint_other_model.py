"""A provider answers with another model than before under the same name: that is no failure, but it is told."""

from __future__ import annotations

from pathlib import Path

from openai.types.chat import ChatCompletionUserMessageParam
from running_endpoint import RunningEndpoint, until

from freehold.providers.simulated import Behaviour, Script, SimulatedProvider


def test_a_model_that_calls_itself_otherwise_is_counted_and_told(tmp_path: Path) -> None:
    names = ("tale-2", "tale-2", "tale-2-mini", "tale-2-mini", "tale-2")
    script = Script(models={"tale": tuple(Behaviour(text="Yes.", calls_itself=name) for name in names)})
    with SimulatedProvider.in_thread(script) as provider:
        toml = f"""
[server]
port = 0

[local]
enabled = false

[providers.simulated]
base_url = "{provider.base_url}"

[routes.chat]
incumbent = "simulated/tale"
"""
        with RunningEndpoint(tmp_path, toml) as endpoint:
            client = endpoint.sdk()
            for place in range(len(names)):
                question = ChatCompletionUserMessageParam(role="user", content="Is it you?")
                if place % 2:
                    assert list(
                        client.chat.completions.create(model="chat", messages=[question], stream=True)
                    )
                else:
                    answer = client.chat.completions.create(model="chat", messages=[question])
                    assert answer.choices[0].message.content == "Yes."
            until(lambda: endpoint.figures["freehold_model_changes_total"] == 2.0)
            assert endpoint.says("`simulated/tale` now calls itself `tale-2-mini`, before `tale-2`")
