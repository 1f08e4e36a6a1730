"""One of several processes on a socket. Started by a supervisor, never by hand: `freehold up --workers N`."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from typing import NoReturn


def main(arguments: list[str]) -> NoReturn:
    """Serve. `arguments` are numbers of open sockets: to the supervisor, and all those that are listened on."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # these are for the supervisor, who says what they mean
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s %(name)s [{os.getpid()}]: %(message)s",
    )
    for noisy in ("alembic", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    end, *listeners = (socket.socket(fileno=int(one)) for one in arguments)
    for one in (end, *listeners):
        one.set_inheritable(False)
        one.setblocking(False)
    from freehold.app import serve_as_worker  # noqa: PLC0415 - so that signals are heeded from the first moment

    sys.exit(serve_as_worker(listeners, end))


if __name__ == "__main__":
    main(sys.argv[1:])
