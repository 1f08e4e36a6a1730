"""What a loop does with what its commands print: every gate, every stop, every way to go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.app.owning import Owning
from freehold.config.load import load
from freehold.core.errors import BadRequest, NotFound, StoreError
from freehold.train.owning.loop import STEPS, Loop, StepName
from freehold.train.owning.running import Ran

CONFIG = """
[providers.far]
base_url = "http://127.0.0.1:9/v1"
[routes.triage]
incumbent = "far/sorter"
"""

PRINTED: dict[StepName, dict[str, Any]] = {
    "sample": {"name": "tickets", "hash": "abc", "cases": 60, "scorers": [{"kind": "exact", "settings": {}}]},
    "data": {"dataset": "triage@1", "rows": {"train": 100, "held-out": 10}},
    "train": {"id": "run_1", "state": "finished", "results": {"held_out_loss": 0.5}},
    "export": {"name": "triage", "decision": "passes", "margin": 0.05, "findings": []},
    "compare": {
        "comparison": "cmp_1",
        "reason": None,
        "verdicts": [
            {
                "candidate": "own/triage",
                "incumbent": "far/sorter",
                "task_class": "",
                "decision": "replaces",
                "reason": "better.",
            }
        ],
    },
    "rollout": {"id": "rollout_1", "state": "running", "stage": "shadow"},
}
"""What each command prints when all goes well."""


class Commands:
    """Answers commands as they are told, and remembers them."""

    def __init__(self, **changed: Any) -> None:
        self.changed = changed
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, words: tuple[str, ...]) -> Ran:
        self.asked.append(words)
        if words[1] == "list":
            return Ran(0, self.changed.get("listed", ""), "", stopped=False)
        step = _step_of(words)
        told = self.changed.get(step, PRINTED[step])
        if isinstance(told, Ran):
            return told
        return Ran(
            0, json.dumps(told) + "\n", "", stopped=False
        )  # what is printed decides, whatever the status


def _step_of(words: tuple[str, ...]) -> StepName:
    first = {"suite": "sample", "dataset": "data"}.get(words[0], words[0])
    return next(step for step in STEPS if step == first)


def loop_of(folder: Path, commands: Commands) -> Owning:
    (folder / "freehold.toml").write_text(CONFIG)
    settings = load(folder / "freehold.toml", {}, overrides={"data": str(folder / "data")})
    return Owning(settings, "triage", commands)


def carried(owning: Owning, loop: Loop) -> Loop:
    while (step := loop.next) is not None:
        loop = owning.carry_on(loop, step)
        if loop.record(step).state != "passed":
            break
    return loop


def test_all_gates_pass_and_each_step_is_told_what_earlier_ones_found(tmp_path: Path) -> None:
    commands = Commands()
    owning = loop_of(tmp_path, commands)
    loop = carried(owning, owning.begin({"suite": "tickets", "dials": ("epochs=2",)}, back_to=None))
    assert loop.next is None
    assert [words[0] for words in commands.asked] == [
        "suite",
        "dataset",
        "train",
        "export",
        "compare",
        "rollout",
    ]
    train, export, compare = commands.asked[2:5]
    assert train[train.index("--data") + 1] == "triage@1"
    assert train[train.index("--set") : train.index("--set") + 2] == ("--set", "epochs=2")
    assert export[1] == "run_1"
    assert compare[compare.index("--suite") + 1] == "abc"
    assert owning.read() == loop


@pytest.mark.parametrize(
    ("step", "printed", "said"),
    [
        ("sample", {**PRINTED["sample"], "scorers": []}, "has no scorer"),
        ("data", {**PRINTED["data"], "rows": {"train": 19}}, "Fewer than 20"),
        ("train", {**PRINTED["train"], "state": "failed"}, "is `failed`"),
        ("train", {**PRINTED["train"], "results": {"loss": float("nan")}}, "came to no number"),
        (
            "export",
            {
                **PRINTED["export"],
                "decision": "refused",
                "findings": [{"check": "tokenizer", "holds": False, "told": "Other tokens."}],
            },
            "was refused: Other tokens.",
        ),
        (
            "export",
            {
                **PRINTED["export"],
                "decision": "undecided",
                "findings": [{"check": "score", "holds": None, "told": "Too few."}],
            },
            "could not be proved: Too few.",
        ),
        (
            "compare",
            {
                **PRINTED["compare"],
                "verdicts": [{**PRINTED["compare"]["verdicts"][0], "decision": "undecided"}],
            },
            "is undecided against",
        ),
        (
            "compare",
            {**PRINTED["compare"], "verdicts": [], "reason": "the budget is spent"},
            "the budget is spent",
        ),
        ("rollout", {**PRINTED["rollout"], "state": "rolled back"}, "is `rolled back`"),
        ("data", {"unheard": "of"}, "printed something else"),
    ],
)
def test_a_gate_refuses_with_its_reason_and_nothing_goes_past_it(
    tmp_path: Path, step: StepName, printed: dict[str, Any], said: str
) -> None:
    commands = Commands(**{step: printed})
    owning = loop_of(tmp_path, commands)
    loop = carried(owning, owning.begin({"suite": "tickets"}, back_to=None))
    assert loop.next == step
    assert loop.record(step).state == "refused"
    assert said in loop.record(step).told
    assert len(commands.asked) == STEPS.index(step) + 1


def test_a_verdict_is_that_of_our_candidate_over_all_of_the_suite(tmp_path: Path) -> None:
    [ours] = PRINTED["compare"]["verdicts"]
    others = [{**ours, "candidate": "own/other"}, {**ours, "task_class": "billing"}]
    owning = loop_of(tmp_path, Commands(compare={**PRINTED["compare"], "verdicts": others}))
    loop = carried(owning, owning.begin({"suite": "tickets"}, back_to=None))
    assert "no verdict" in loop.record("compare").told


def test_a_command_that_fails_is_told_and_tried_again_with_other_options(tmp_path: Path) -> None:
    commands = Commands(data=Ran(1, "", "error: no calls", stopped=False))
    owning = loop_of(tmp_path, commands)
    loop = carried(owning, owning.begin({"suite": "tickets"}, back_to=None))
    assert loop.record("data").state == "failed"
    assert "error: no calls" in loop.record("data").told
    commands.changed.clear()
    loop = carried(owning, owning.begin({"sources": ("file:rows.jsonl",)}, back_to=None))
    assert loop.next is None
    assert "file:rows.jsonl" in commands.asked[2]


def test_training_that_was_stopped_is_resumed_and_one_that_had_ended_is_taken(tmp_path: Path) -> None:
    commands = Commands(train=Ran(1, "", "", stopped=True))
    owning = loop_of(tmp_path, commands)
    loop = carried(owning, owning.begin({"suite": "tickets"}, back_to=None))
    assert loop.record("train").state == "stopped"
    begun = (loop.record("train").begun_us or 0) + 1
    ours = {"id": "run_1", "name": "triage", "dataset": "triage@1", "begun_us": begun, "state": "stopped"}
    strangers = [
        {**ours, "id": "run_0", "begun_us": 1},
        {**ours, "id": "run_2", "name": "another"},
        {**ours, "id": "run_3", "dataset": "triage@2"},
    ]
    lines = "".join(json.dumps(one) + "\n" for one in [*strangers, ours])
    commands.changed = {"listed": lines}
    again = carried(owning, owning.begin({}, back_to=None))
    assert again.next is None
    assert again.record("train").command[:3] == ("train", "resume", "run_1")

    ended = lines.replace('"stopped"', '"finished"')
    commands.changed = {"listed": ended}
    stopped = loop_of(tmp_path, commands)
    stopped.shelf.write(loop)
    assert carried(stopped, loop).record("train").command[:3] == ("train", "show", "run_1")


def test_a_rollout_that_was_begun_before_a_kill_is_not_begun_twice(tmp_path: Path) -> None:
    commands = Commands(rollout=Ran(-9, "", "", stopped=False))
    owning = loop_of(tmp_path, commands)
    loop = carried(owning, owning.begin({"suite": "tickets"}, back_to=None))
    assert loop.record("rollout").state == "failed"
    standing = {"id": "rollout_1", "route": "triage", "candidate": "own/triage", "state": "running"}
    commands.changed = {"listed": json.dumps(standing)}
    loop = carried(owning, loop)
    assert loop.next is None
    assert loop.record("rollout").command[:3] == ("rollout", "status", "rollout_1")


def test_options_that_come_too_late_are_refused_until_steps_are_gone_back(tmp_path: Path) -> None:
    owning = loop_of(tmp_path, Commands())
    carried(owning, owning.begin({"suite": "tickets"}, back_to=None))
    with pytest.raises(BadRequest, match="concerns the step `train`") as refused:
        owning.begin({"base": "own/other"}, back_to=None)
    assert refused.value.hint is not None
    assert "--back-to train" in refused.value.hint
    with pytest.raises(BadRequest, match="concerns the step `train`"):
        owning.begin({"base": "own/other"}, back_to="export")
    with pytest.raises(BadRequest, match="concerns the step `data`"):
        owning.begin({"also": {"data": ("--days", "3"), "export": ()}}, back_to="export")
    kept = owning.begin({"also": {"export": ("--margin", "0.1")}}, back_to="export")
    more = owning.begin({"also": {"export": ("--margin", "0.1"), "compare": ("--fresh",)}}, back_to=None)
    assert (kept.next, set(more.wish.also)) == ("export", {"export", "compare"})
    back = owning.begin({"base": "own/other"}, back_to="train")
    assert set(back.wish.also) == {"export", "compare"}
    assert back.next == "train"
    assert back.record("data").state == "passed"
    assert back.wish.base == "own/other"


def test_what_is_missing_at_the_beginning_is_told(tmp_path: Path) -> None:
    owning = loop_of(tmp_path, Commands())
    with pytest.raises(BadRequest, match="measured"):
        owning.begin({}, back_to=None)
    with pytest.raises(BadRequest, match="no loop"):
        owning.begin({"suite": "tickets"}, back_to="train")
    with pytest.raises(NotFound):
        Owning(load(tmp_path / "freehold.toml", {}), "nope", Commands())
    assert owning.read() is None


def test_only_one_carries_a_loop_on(tmp_path: Path) -> None:
    first, second = loop_of(tmp_path, Commands()), loop_of(tmp_path, Commands())
    with first.held(), pytest.raises(BadRequest, match="Somebody else"), second.held():
        pass
    with second.held():
        pass


def test_a_file_that_is_no_loop_is_told_and_not_overwritten(tmp_path: Path) -> None:
    owning = loop_of(tmp_path, Commands())
    owning.begin({"suite": "tickets"}, back_to=None)
    file = tmp_path / "data" / "owning" / "triage.json"
    file.write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        owning.begin({}, back_to=None)
    assert file.read_text() == "{"


outcomes = st.sampled_from(["passed", "refused", "failed", "stopped"])


@settings(deadline=None, max_examples=40)
@given(plan=st.lists(st.tuples(outcomes, st.sampled_from([None, *STEPS])), max_size=12))
def test_whatever_happens_steps_pass_in_their_order_and_what_is_kept_is_what_is_known(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, StepName | None]]
) -> None:
    commands = Commands()
    owning = loop_of(tmp_path_factory.mktemp("loop"), commands)
    loop = owning.begin({"suite": "tickets"}, back_to=None)
    for outcome, back in plan:
        step = loop.next
        if back is not None:
            loop = owning.begin({}, back_to=back)
        elif step is not None and loop.record(step).state != "refused":
            wrong = {
                "refused": {"unheard": "of"},
                "failed": Ran(1, "", "no", stopped=False),
                "stopped": Ran(1, "", "", stopped=True),
            }
            commands.changed = {} if outcome == "passed" else {step: wrong[outcome]}
            loop = owning.carry_on(loop, step)
            assert loop.record(step).state == outcome
        states = [loop.record(one).state for one in STEPS]
        done = states.count("passed")
        assert states[:done] == ["passed"] * done
        assert states[done + 1 :] == ["open"] * len(states[done + 1 :])
        assert owning.read() == loop
