"""The folder of the routers, with what does not belong there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from routers import about, trained

from freehold.rollout.routers.shelf import RouterShelf


def test_what_is_no_file_holds_nobody_up(tmp_path: Path) -> None:
    shelf = RouterShelf(tmp_path)
    shelved = shelf.keep(about(), trained().model)
    folder = shelved.path.parent
    os.mkfifo(folder / "chat-0000000000000000.router")
    (folder / "chat-0000000000000001.router").mkdir()
    (folder / "chat-0000000000000002.router").symlink_to("nowhere")
    (folder / "chat-0000000000000003.router").symlink_to("/dev/zero")
    found: list[list[str]] = []
    looking = threading.Thread(target=lambda: found.append([one.hash for one in shelf.all()]), daemon=True)
    looking.start()
    looking.join(10)
    assert found == [[shelved.hash]]
