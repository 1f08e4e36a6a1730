"""The program `freehold`; `python -m freehold` is the same."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

INTERRUPTED = 130
"""Exit status after Ctrl-C; what shells report for it."""


def main() -> NoReturn:
    """Run the command line of this process and exit with its status; Ctrl-C ends it quietly from the first moment.

    An exception in the middle of an import can come out as anything, and nothing is to be put in order before
    a command runs, so until then the process just ends.
    """
    heeded = (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )  # not what `nohup` and others ignore
    try:
        if heeded:
            signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
        from freehold.cli.main import main as run  # noqa: PLC0415 - this takes a tenth of a second

        if heeded:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
