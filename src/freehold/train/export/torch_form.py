"""A form of the model that PyTorch reckons with, every number in 32 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from freehold.core.errors import BadRequest
from freehold.train.export.questions import Messages
from freehold.train.export.told import Probe, Told, Written
from freehold.train.export.watching import nothing

_TOKENS_AT_ONCE = 2048
"""That are reckoned with together, fillers included."""
_ANSWERS_AT_ONCE = 16
_SURE = 0.5


class TorchForm:
    """One model in memory, with the tokenizer beside it."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer."""
        said = self.model.generation_config.eos_token_id
        several = said if isinstance(said, list) else [said, self.tokenizer.eos_token_id]
        return frozenset(one for one in several if one is not None)

    def ids(self, text: str) -> tuple[int, ...]:
        """A text as ids of tokens, nothing added."""
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def rendered(self, messages: Messages) -> str:
        """A chat as the template writes it, up to where the answer begins."""
        return str(self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))

    def prompt(self, messages: Messages) -> tuple[int, ...]:
        """The same as ids of tokens."""
        return self.ids(self.rendered(messages))

    def tell(self, probes: Sequence[Probe], *, advance: Callable[[int], None] = nothing) -> list[Told]:
        """What it says of each probe, in their order."""
        found: dict[int, Told] = {}
        for places in _batches([len(one.prompt) + len(one.answer) for one in probes]):
            rows = [list(probes[place].prompt + probes[place].answer) for place in places]
            ids, mask = self._together(rows, at_the_left=False)
            with torch.inference_mode():
                logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            for place, one in zip(places, logits, strict=True):
                probe = probes[place]
                begin, end = len(probe.prompt) - 1, len(probe.prompt) + len(probe.answer) - 1
                logs = torch.log_softmax(one[begin:end].float(), dim=-1)
                best, choices = logs.max(dim=-1)
                told = logs.gather(1, torch.tensor(probe.answer)[:, None])[:, 0]
                found[place] = Told(
                    tuple(told.tolist()), tuple(choices.tolist()), tuple((best.exp() > _SURE).tolist())
                )
            advance(len(places))
        return [found[place] for place in range(len(probes))]

    def write(self, prompts: Sequence[Sequence[int]], longest: int) -> list[tuple[int, ...]]:
        """What it writes to each prompt, always the likeliest token, the one that ends it included."""
        from transformers import GenerationConfig  # noqa: PLC0415 - whoever reckons only does not need it

        filler = self._filler
        plan = GenerationConfig(
            do_sample=False, max_new_tokens=longest, eos_token_id=sorted(self.ends), pad_token_id=filler
        )
        found: dict[int, tuple[int, ...]] = {}
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        for begin in range(0, len(order), _ANSWERS_AT_ONCE):
            places = order[begin : begin + _ANSWERS_AT_ONCE]
            ids, mask = self._together([list(prompts[place]) for place in places], at_the_left=True)
            with torch.inference_mode():
                made = self.model.generate(input_ids=ids, attention_mask=mask, generation_config=plan)
            for place, row in zip(places, made[:, ids.shape[1] :].tolist(), strict=True):
                found[place] = tuple(self._up_to_the_end(row))
        return [found[place] for place in range(len(prompts))]

    def text_of(self, tokens: Sequence[int]) -> Written:
        """Tokens that were written, as text."""
        ended = bool(tokens) and tokens[-1] in self.ends
        return Written(
            self.tokenizer.decode(tokens[:-1] if ended else tokens, skip_special_tokens=True), ended
        )

    @property
    def _filler(self) -> int:
        for one in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if one is not None:
                return int(one)
        return 0

    def _together(self, rows: list[list[int]], *, at_the_left: bool) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(map(len, rows))
        ids, mask = [], []
        for row in rows:
            filling = [self._filler] * (width - len(row))
            ids.append(filling + row if at_the_left else row + filling)
            shown, hidden = [1] * len(row), [0] * len(filling)
            mask.append(hidden + shown if at_the_left else shown + hidden)
        return torch.tensor(ids), torch.tensor(mask)

    def _up_to_the_end(self, row: list[int]) -> Iterator[int]:
        for token in row:
            yield token
            if token in self.ends:
                return


def load_form(folder: Path) -> TorchForm:
    """The model in a folder in Hugging Face's form. Raises BadRequest."""
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - seconds
    from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415

    disable_progress_bar()  # what is shown is ours to show
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise BadRequest(f"The model in `{folder}` cannot be loaded: {error}") from error
    return TorchForm(model, load_tokenizer(folder))


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in such a folder. Raises BadRequest."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - seconds

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise BadRequest(f"The tokenizer in `{folder}` cannot be loaded: {error}") from error


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of rows that are reckoned with together: those of about one length."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[place] > _TOKENS_AT_ONCE:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
