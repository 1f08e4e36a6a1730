"""A model that is trained in seconds and sorts tickets by a word in them, for tests of what becomes of models."""

from __future__ import annotations

# ruff: noqa: PLC0415 - torch and its like are imported where a model is made
import json
import random
from pathlib import Path
from typing import Any

import msgspec

from freehold.train.data.row import Row, Split
from freehold.train.data.shelf import VERSION_DIGITS, Manifest, hash_of
from freehold.train.run import Run, RunFolder

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LABELS = {
    "printer": "hardware",
    "screen": "hardware",
    "bill": "billing",
    "refund": "billing",
    "password": "access",
    "login": "access",
    "환불": "billing",
    "화면": "hardware",
}
"""The word that decides, and the answer."""
RUN_ID = "run_0000000000010000000000000000abcd"


def question_and_answer(number: int) -> tuple[str, str]:
    """The ticket of that number, and its label."""
    word = list(LABELS)[number % len(LABELS)]
    return f"{number}: {word}?", LABELS[word]


def rows(numbers: range) -> list[Row]:
    """Tickets as rows of a dataset."""
    found = []
    for number in numbers:
        question, answer = question_and_answer(number)
        found.append(
            Row(
                id=f"row-{number}",
                request=msgspec.Raw(
                    msgspec.json.encode({"messages": [{"role": "user", "content": question}]})
                ),
                answer=msgspec.Raw(msgspec.json.encode({"role": "assistant", "content": answer})),
                maker="people",
                origin=f"file tickets line {number}",
                group=f"ticket-{number}",
                accepted="people",
            )
        )
    return found


def make_dataset(data: Path, *, train: int = 64, held_out: int = 96) -> str:
    """A dataset of tickets; its reference."""
    splits: dict[Split, list[Row]] = {
        "train": rows(range(train)),
        "held-out": rows(range(1000, 1000 + held_out)),
    }
    lines = {split: [msgspec.json.encode(row) for row in some] for split, some in splits.items()}
    digest = hash_of(lines.items())
    folder = data / "datasets" / "tickets" / digest[:VERSION_DIGITS]
    folder.mkdir(parents=True)
    for split, some in lines.items():
        (folder / f"{split}.jsonl").write_bytes(b"".join(line + b"\n" for line in some))
    manifest = Manifest(
        name="tickets",
        hash=digest,
        rows={split: len(some) for split, some in splits.items()},
        source="file:tickets",
        makers={"people": train + held_out},
        made_us=1,
    )
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return f"tickets@{digest[:VERSION_DIGITS]}"


def make_run(data: Path, model: Any, tokenizer: Any, dataset: str | None, *, name: str = "tiny") -> Run:
    """A finished run that left this model."""
    folder = RunFolder(data / "runs" / RUN_ID)
    run = Run(
        id=RUN_ID,
        name=name,
        recipe="sft",
        state="finished",
        base=None,
        dataset=dataset,
        dataset_hash=None,
        dials={},
        seed=0,
        versions={},
        begun_us=1,
        ended_us=2,
        makers={"people": 160},
    )
    folder.write(run)
    model.save_pretrained(folder.model)
    tokenizer.save_pretrained(folder.model)
    return run


def tiny_tokenizer() -> Any:
    """Byte-level, with a few merges of the tickets' words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    inner.decoder = decoders.ByteLevel()
    texts = [*LABELS, *LABELS.values(), "user", "assistant", "system"] * 5
    inner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=TEMPLATE,
    )


def tiny_model(tokenizer: Any, *, width: int = 64, steps: int = 150) -> Any:
    """A Llama of two layers that has learned to sort tickets."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=2,
            tie_word_embeddings=True,
        )
    )
    learn(model, tokenizer, steps=steps)
    return model


def learn(model: Any, tokenizer: Any, *, steps: int, rate: float = 3e-3) -> float:
    """Train it on tickets, all weights that may change; the last loss."""
    import torch

    examples = []
    for number in range(400):
        question, answer = question_and_answer(number)
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=False
        )
        asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        said = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        examples.append((asked + said, [-100] * len(asked) + said))
    width = max(len(ids) for ids, _ in examples)
    ids = torch.tensor([one + [2] * (width - len(one)) for one, _ in examples])
    targets = torch.tensor([one + [-100] * (width - len(one)) for _, one in examples])
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], rate)
    draw = random.Random(0)
    loss = 0.0
    for _ in range(steps):
        some = torch.tensor(draw.sample(range(len(examples)), 32))
        out = model(input_ids=ids[some], labels=targets[some])
        out.loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss = float(out.loss.detach())
    model.eval()
    return loss


def metadata_of(proof: bytes) -> dict[str, Any]:
    """A proof, by its checks."""
    told = json.loads(proof)
    return {one["check"]: one for one in told["findings"]}
