"""The forms that a model can be exported in, as they are asked for: `gguf:q8_0`, `hf`."""

from __future__ import annotations

from typing import Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.suggest import did_you_mean, one_of

Format = Literal["gguf", "hf"]


class Form(msgspec.Struct, frozen=True):
    """One form."""

    format: Format
    mix: str = ""
    """How its weights are kept, of GGUF: `q8_0`, `q4_k_m` …"""

    def __str__(self) -> str:
        return f"{self.format}:{self.mix}" if self.mix else self.format


HF = Form("hf")
"""The merged model as Hugging Face's libraries read it. It is written and not served, so nothing has to be proved."""

FORMS: dict[str, Form] = {
    str(one): one
    for one in (
        *(
            Form("gguf", mix)
            for mix in ("f32", "f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_1", "q4_0", "q3_k_m", "q2_k")
        ),
        HF,
    )
}
"""By how they are asked for."""


def form_of(asked: str) -> Form:
    """The form that is asked for. Raises BadRequest, with the nearest one there is."""
    found = FORMS.get(asked.lower())
    if found is None:
        hint = did_you_mean(asked.lower(), FORMS) or f"There are {one_of(FORMS)}."
        raise BadRequest(f"There is no form `{asked}`.", hint=hint, param="to")
    return found
