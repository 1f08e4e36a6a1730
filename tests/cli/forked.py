"""Runs command lines one after another, each in a fork of a process that has imported everything already.

Starting an interpreter and importing SQLAlchemy takes ten times as long as most commands do. What runs is
`freehold.cli.main.main`, in a process, folder and environment of its own, as for a person.
"""

from __future__ import annotations

import os
import sys
import time
import warnings

import msgspec


class Request(msgspec.Struct):
    """One command to run. The files stand for its standard input, output and error."""

    words: list[str]
    folder: str
    environment: dict[str, str]
    files: tuple[str, str, str]


def serve() -> None:
    """For each request on standard input, one line with the exit status on standard output."""
    import alembic.command  # noqa: F401, PLC0415 - the point of all this
    import genai_prices.data  # noqa: F401, PLC0415

    import freehold.access.keys  # noqa: PLC0415
    import freehold.app  # noqa: PLC0415
    import freehold.app.comparing  # noqa: PLC0415
    import freehold.cli.compare_shown  # noqa: PLC0415
    import freehold.cli.main  # noqa: PLC0415
    import freehold.compare.asking  # noqa: PLC0415
    import freehold.compare.judges.findings  # noqa: PLC0415
    import freehold.compare.running.comparing  # noqa: PLC0415
    import freehold.config.check  # noqa: PLC0415
    import freehold.engine.engine  # noqa: PLC0415
    import freehold.ledger.reading  # noqa: F401, PLC0415
    from freehold.cli.commands import SUMMARIES, load  # noqa: PLC0415

    for name in SUMMARIES:
        load(name)
    for line in sys.stdin.buffer:
        process = os.fork()
        if process == 0:
            _become(msgspec.json.decode(line, type=Request))
        _, status = os.waitpid(process, 0)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(request: Request) -> None:
    """Never returns."""
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY, os.O_WRONLY | os.O_APPEND)
    for number, (name, flag) in enumerate(zip(request.files, flags, strict=True)):
        os.dup2(os.open(name, flag), number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    warnings.simplefilter("error")
    sys.argv = ["freehold", *request.words]
    status = 120
    try:
        from freehold.cli.main import main  # noqa: PLC0415

        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as an interpreter would
        import traceback  # noqa: PLC0415

        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
