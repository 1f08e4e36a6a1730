"""`python -m freehold.providers.simulated`: the simulated provider as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from freehold.core.errors import FreeholdError
from freehold.providers.simulated.provider import SimulatedProvider
from freehold.providers.simulated.script import Script, read_script


def run(
    script: Script,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    control_port: int | None = None,
    announce: Callable[[SimulatedProvider], None],
) -> None:
    """Plays `script` until SIGINT or SIGTERM; calls `announce` once it listens.

    Raises OSError when a port is taken, ValueError when `host` is not loopback.
    """
    import uvloop  # noqa: PLC0415 - only the process form needs it

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each connection takes a file

    async def serve() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, done.set)
        async with SimulatedProvider(script, host=host, port=port, control_port=control_port) as provider:
            announce(provider)
            await done.wait()

    uvloop.run(serve())


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m freehold.providers.simulated`: prints the base URL, then the control's URL, and serves.

    Returns 1 when the script or the address is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="freehold.providers.simulated", description="Play a scripted provider."
    )
    parser.add_argument(
        "--script", type=Path, help="a .toml or .json file; without it every call is answered with lorem"
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 is any free one (default)")
    parser.add_argument(
        "--control-port", type=int, help="a second port for the control, within reach during outages"
    )
    chosen = parser.parse_args(arguments)
    try:
        script = Script() if chosen.script is None else read_script(chosen.script)
        run(
            script,
            host=chosen.host,
            port=chosen.port,
            control_port=chosen.control_port,
            announce=lambda provider: _print(provider.base_url, provider.control_url),
        )
    except (FreeholdError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
