"""The page on the admin API, made from its declarations: `python -m freehold.admin.reference > docs/admin-api.md`."""

from __future__ import annotations

import sys

from freehold.admin.operations import OPERATIONS, ROOT

COMMANDS: dict[str, tuple[str, ...] | str] = {
    "up": "starts the process that answers; what it answers is the API",
    "check": ("GET /configuration/check", "POST /configuration/check"),
    "check --live": ("POST /configuration/check-live",),
    "ask": "is a call, and calls are made with keys of the endpoint: `POST /v1/chat/completions`",
    "models": ("GET /models", "GET /prices", "GET /providers", "GET /local-models"),
    "models terms": "reads a table of this release, as whoever makes datasets does where they are made",
    "routes": ("GET /routes", "GET /routes/{route}"),
    "route explain": ("GET /calls/{call}/decision",),
    "keys create": ("POST /keys",),
    "keys list": ("GET /keys", "GET /keys/{key}"),
    "keys revoke": ("POST /keys/{key}/revoke",),
    "admin-keys create": ("POST /admin-keys",),
    "admin-keys list": ("GET /admin-keys", "GET /admin-keys/{key}", "GET /me"),
    "admin-keys revoke": ("POST /admin-keys/{key}/revoke",),
    "calls": ("GET /calls", "GET /gaps"),
    "calls --follow": ("GET /recorded",),
    "calls --losses": ("GET /losses",),
    "calls show": (
        "GET /calls/{call}",
        "GET /calls/{call}/bodies",
        "GET /calls/{call}/request",
        "GET /calls/{call}/answer",
        "GET /calls/{call}/feedback",
    ),
    "calls export": ("GET /exports/calls", "GET /exports/bodies"),
    "spend": ("GET /spend",),
    "spend --forecast": ("GET /spend/forecast",),
    "limits": ("GET /limits",),
    "limits release": ("POST /limits/{limit}/release",),
    "suite add": "reads a file of whoever runs it, and of a task of Inspect AI executes it",
    "suite sample": "takes minutes of a processor, which calls need: it is run beside the endpoint",
    "suite list": ("GET /suites",),
    "suite show": ("GET /suites/{suite}",),
    "suite remove": "is for whoever makes suites, and they are made on the command line only",
    "suite export": ("GET /suites/{suite}/cases",),
    "dataset make": "reads files of whoever runs it, and the bodies of calls for minutes of a processor",
    "dataset list": "lists files of one machine's data folder, where whoever trains models sees them",
    "dataset show": "as `dataset list`; what is in a dataset may have been said in calls",
    "dataset check": "as `dataset list`: it reads all of it",
    "dataset synthesise": "asks a model for minutes or hours, in a process of its own that can be broken off",
    "dataset export": "as `dataset list`: what was said in calls leaves the machine only by who sits at it",
    "compare ROUTE": "runs for minutes or hours in a process of its own, which can be broken off and gone on with; "
    "what it has come to can be seen at any time",
    "compare list": ("GET /comparisons",),
    "compare show": ("GET /comparisons/{comparison}",),
    "compare show --rescore": "runs scorers, and with them code of answers, in the command's own process",
    "compare report": ("GET /comparisons/{comparison}/report",),
    "drill": "asks models for minutes, in a process of its own, and reads the bodies of calls",
    "judge check": "reads labels from a file and asks a judge, for minutes, in a process of its own",
    "judge list": ("GET /judge-checks",),
    "judge show": ("GET /judge-checks/{check}",),
    "judge sample": "draws lines for the file that people label, on the machine where `judge check` reads it",
    "router fit": "learns for seconds or minutes of a processor, which calls need: it is run beside the endpoint",
    "router list": "lists files of one machine's data folder, where whoever makes routers sees them",
    "router show": "as `router list`; what a router decided for a call is told by `GET /calls/{call}/decision`",
    "router check": "as `router list`: it reads all of a file",
    "export": "reckons with a model for minutes, in a process and an environment of its own, with torch",
    "independence": ("GET /independence",),
    "migrate": "writes and reads files of whoever runs it, and may ask a model",
    "rollout start": ("POST /rollouts",),
    "rollout status": ("GET /rollouts/{rollout}",),
    "rollout list": ("GET /rollouts",),
    "rollout pause": ("POST /rollouts/{rollout}/pause",),
    "rollout resume": ("POST /rollouts/{rollout}/resume",),
    "rollout promote": ("POST /rollouts/{rollout}/promote",),
    "rollout abort": ("POST /rollouts/{rollout}/abort",),
    "train plan": "reckons with what is told on its line, and knows nothing of an endpoint",
    "train sft": "takes minutes or hours of all of a machine, in a process of its own, which can be gone on with",
    "train distil": "as `train sft`: it takes all of a machine",
    "train pretrain": "as `train sft`: it takes all of a machine",
    "train prefer": "as `train sft`: it takes all of a machine",
    "train reason": "as `train sft`: it takes all of a machine",
    "train rank": "as `train sft`: it takes all of a machine",
    "train list": "lists folders of one machine, where whoever trains sees them",
    "train show": "as `train list`: it reads files of one machine",
    "train resume": "as `train sft`: it takes all of a machine",
    "own": "runs commands of this list for hours, one after the other, and stops for somebody's word between them",
    "audit list": ("GET /audit",),
    "audit verify": ("GET /audit/verify",),
    "audit export": ("GET /exports/audit",),
    "doctor": "examines the machine from outside, and is most needed where no endpoint runs; `GET /health` says what a "
    "running one knows of itself",
}
"""Every command, and options that are a matter of their own -> the operations that do it, or why there is none."""

_HEAD = f"""\
# The admin API

Made by `python -m freehold.admin.reference > docs/admin-api.md`; a test holds the two together.

Everything that the command line can do, over HTTP, under `{ROOT}`, for those who hold an administrator's key. It is
off until it is configured:

```toml
[admin]
listen = "127.0.0.1:8790"   # a port of its own
# on_data_port = true       # on the endpoint's own port too, if that is wanted
```

```bash
export ADMIN=$(freehold admin-keys create alice --role operator)
curl -H "authorization: Bearer $ADMIN" http://127.0.0.1:8790{ROOT}/health
```

The connection is not encrypted: let it listen on loopback or a network of its own, or put it behind something that
speaks TLS. The settings are in [configuration.md](configuration.md); they need a restart.

## Keys and roles

Administrators' keys begin with `fha-`. They are good for nothing else, and a key of the endpoint is not good here.
They are kept as keyed hashes like the others, shown once, and may expire. One that was taken back is refused within a
second.

| role | may |
| --- | --- |
| `viewer` | see figures, settings, keys (never their secrets) and the audit log; not what was said in calls |
| `operator` | make and take back keys, release limits, reload, end batches; and see what was said in calls |
| `owner` | decide about administrators' keys, too |

Each operation declares the least role it takes; there is no default. Whoever shows no good key is answered 401,
whatever the path. Wrong keys from an address that showed 20 at once are then heard once a second only (429).

## Answers

JSON, never cached. Money and other amounts that must lose no digit are strings; times are ISO 8601 in UTC; what is
unknown is `null`. Lists come in pages: ask again with `after` set to the `next` of the page before. Errors are
`application/problem+json` (RFC 9457) with a stable `code` and, where there is one, the next step as `hint`. An
unknown parameter or field is an error. `GET {ROOT}/openapi.json` is the description of all of it in OpenAPI 3.1, made
from the same declarations that serve.

What waits for a database is done in four threads of the API's own, and 32 requests at once are worked on, so that no
call waits for an administrator. A report and what a check found are made in a process of their own, one at a time,
within two minutes; that takes the extra `compare`. The report is a page of HTML that may run its own scripts and
nothing else. A comparison shows the name of the prompt that candidates were given, and not what it says: that was said
in calls.

A configuration that somebody sends to be checked is never asked live: its addresses would be sent the keys it refers
to. It may refer to variables and files, and the answer says whether they are there, so it takes an operator.

## The audit log

Every administrative act, of the command line (`cli:USER`), of the API (`admin:ID:NAME`) and of the endpoint itself
(`reload`: a changed configuration was taken; `freehold`: it started), is an entry in the database of the keys. A
configuration is named by the hash of its text there (`configuration`, `before`), as in `/health/ready`; `digest` is
that of the settings, however they are written. Who reads through the API what was said in calls is an entry too
(`bodies.read` with the call, `bodies.export` with what was asked for, `suites.export` with the suite,
`comparisons.read` with the comparison whose report it was).

Keys and their entries are written in one transaction; what is done elsewhere is written
down before it is done, and again when it failed. Each entry has a hash over itself and the hash before it, so
`freehold audit verify` finds any entry that was changed, removed, moved or put in, and says the first. What was
removed at the end is found with the head that was printed earlier (`--head`): keep it where whoever can write the
database cannot. Whoever can write the database can also write the whole log anew; the head that you kept is what
shows it.

    hash = SHA-256(hash before ‖ JSON ["freehold audit 1", number, at_us, actor, act, subject, detail])

The JSON is as short as it can be, `detail` a string with the JSON text of the details (names sorted), and before the
first entry come 32 bytes of zero.

## Tested

A test goes over every operation with every role and with none, and expects exactly the table below. Schemathesis goes
over the whole document against a running endpoint, for half a minute in the tests; for longer:

```bash
python -m benchmarks.admin --minutes 10
```
"""


def reference() -> str:
    """The whole page."""
    lines = [_HEAD, "## Operations\n", "| operation | least role | what it does |", "| --- | --- | --- |"]
    lines.append("| `GET /openapi.json` | `viewer` | This document |")
    lines += [f"| `{one.name}` | `{one.least}` | {one.summary} |" for one in OPERATIONS]
    lines += ["\n## Commands and operations\n", "| command | operations |", "| --- | --- |"]
    for command, done_by in COMMANDS.items():
        told = f"none: it {done_by}" if isinstance(done_by, str) else ", ".join(f"`{one}`" for one in done_by)
        lines.append(f"| `freehold {command}` | {told} |")
    lines.append(
        "\nBesides, as the command line has nothing of the kind: "
        + ", ".join(f"`{one.name}`" for one in OPERATIONS if one.name not in _named())
        + ".\n"
    )
    return "\n".join(lines)


def _named() -> set[str]:
    return {name for done_by in COMMANDS.values() if isinstance(done_by, tuple) for name in done_by}


if __name__ == "__main__":
    sys.stdout.write(reference())
