"""Who is at the command line, for the audit log."""

from __future__ import annotations

import os


def actor() -> str:
    """`cli:USER`, by the user that the system runs this process as: variables can say anything."""
    import pwd  # noqa: PLC0415 - only acts need it

    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"cli:{os.getuid()}"
