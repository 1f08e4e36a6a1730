from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from freehold.cli.greeting import Greeting

TOKEN = "fh-a-token_of-ours"
URL = "http://127.0.0.1:8484"


@pytest.mark.parametrize("token", [TOKEN, None])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_the_line_for_the_command_keeps_the_key_out_of_its_words(
    tmp_path: Path, token: str | None, elsewhere: bool
) -> None:
    told = tmp_path / "tell"
    told.write_text('#!/bin/sh\necho "$FREEHOLD_KEY"\nprintf "%s\\n" "$@"\n')
    told.chmod(0o700)
    line = Greeting(URL, token, "my model", str(told), elsewhere).lines()["command line"]
    environment = {**os.environ, "FREEHOLD_KEY": "mine"}
    done = subprocess.run(
        ["sh", "-c", line], env=environment, capture_output=True, text=True, check=True, timeout=20
    )
    key, *words = done.stdout.splitlines()
    assert key == (TOKEN if elsewhere and token else "mine")
    where = ["--url", URL] if elsewhere else []
    assert words == ["ask", *where, "-m", "my model", "Name three rivers."]
