"""The worker process of one model: `python -m freehold.providers.local.worker FOLDER PARENT`.

It is started by `supervised`, which hands it the order over standard input and keeps that open. When
standard input ends, the endpoint is gone or wants it gone, and it ends at once. It listens on a
random port of 127.0.0.1 and says which on standard output.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

import uvloop

from freehold.catalog.embedded import CHAT, EMBEDDINGS, LOCAL
from freehold.providers.local.door import CHAT_PATH, EMBEDDINGS_PATH, Door, Handler, listen, refuse
from freehold.providers.local.gguf import Malformed, check_whole
from freehold.providers.local.handover import LEAVE, Doing, Order, Report, read_order
from freehold.providers.local.models import LocalModel
from freehold.providers.local.openmp import provide_openmp

# ruff: noqa: PLC0415 - a worker loads only its own runtime

_PR_SET_PDEATHSIG = 1
_STDIN, _STDOUT, _STDERR = 0, 1, 2
_FAREWELL_SECONDS = 0.2


def main(folder: Path, parent: int) -> None:
    """Serve the model that standard input names until standard input ends. `parent`: process id of who started us."""
    _die_with_parent(parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        # They are meant for the endpoint, which may still be finishing calls and then ends us.
        signal.signal(number, signal.SIG_IGN)
    provide_openmp(folder)
    report = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)  # native code prints there, and only the report belongs in the pipe
    line = _read_line()
    if not line:
        return
    try:
        serve(read_order(line), report)
    except Malformed as damage:
        os.write(report, Report(damage=str(damage)).line())
    except Exception as error:  # whatever it is, the endpoint is told and shows it
        os.write(report, Report(error=f"{type(error).__name__}: {error}").line())
        raise


def serve(order: Order, report: int) -> None:
    """Load the model, listen, report, answer."""
    model = order.model
    answer = _loaded(model, order.weights)
    if model.embeds:
        refusal = refuse(
            f"`{model.id}` makes embeddings and writes no text.", f"Ask a model that does: `{LOCAL}/{CHAT}`."
        )
        paths = {EMBEDDINGS_PATH: answer, CHAT_PATH: refusal}
    else:
        refusal = refuse(
            f"`{model.id}` writes text and makes no embeddings.",
            f"Ask a model that does: `{LOCAL}/{EMBEDDINGS}`.",
        )
        paths = {CHAT_PATH: answer, EMBEDDINGS_PATH: refusal}
    door = Door(paths, order.token, lambda: _tell(door, report))

    async def run() -> None:
        asyncio.get_running_loop().add_reader(_STDIN, _listen_to_parent, door)
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        os.write(report, Report(port=listener.getsockname()[1]).line())
        await listen(door, listener)

    uvloop.run(run())


def _loaded(model: LocalModel, weights: str) -> Handler:
    """What answers its requests. Raises Malformed, and whatever the runtime does when it cannot."""
    if model.runtime != "llama.cpp":
        from freehold.providers.local.embeddings import Embedder

        return Embedder(model, weights).answer
    check_whole(Path(weights))
    if model.mmproj is not None:
        check_whole(Path(model.mmproj))
    if model.embeds:
        from freehold.providers.local.vectors import Vectors

        return Vectors(model, weights).answer
    from freehold.providers.local.chat import Chat

    return Chat(model, weights).answer


def _die_with_parent(parent: int) -> None:
    """Linux kills us when the process that started us ends, however it ends and whatever we are doing."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it ended before we could say so
        os._exit(0)


def _read_line() -> bytes:
    """Up to the line's end and no further: what follows, if only the end, is for the event loop."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(_STDIN, 1)
        if not byte:
            return b""
        line += byte
    return line


def _tell(door: Door, report: int) -> None:
    """Somebody waits for an answer now, or nobody does any more."""
    os.write(report, Doing(door.busy).line())
    if door.leaving and not door.busy:
        # The last answer's last bytes may still be on their way.
        asyncio.get_running_loop().call_later(_FAREWELL_SECONDS, _leave_if_done, door)


def _listen_to_parent(door: Door) -> None:
    if os.read(_STDIN, len(LEAVE)) != LEAVE:  # it has ended, or wants us to end
        os._exit(0)
    door.leaving = True
    _leave_if_done(door)


def _leave_if_done(door: Door) -> None:
    if door.leaving and not door.busy:
        os._exit(0)  # there is nothing to save, and native threads must not delay us


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
