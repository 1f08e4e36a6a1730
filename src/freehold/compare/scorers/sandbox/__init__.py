"""Python of strangers, run where it can do no harm, and tests of it whose result it cannot forge.

A *keeper* (`keeper`) is a small process of its own with an empty environment. It shuts itself away (`walls`), and for
every job makes two processes that lock themselves down (`lock`): one has the answer's code (`answering`), one the tests
(`testing`). They speak over a pipe in plain values (`values`), so the tests see what the answer's functions return, and
nothing of the answer's code runs where the result is made. `pool` is the side of whoever wants answers judged.

What holds, and by what:

| guarantee | by | without it |
|---|---|---|
| reads Python's own library and nothing else | a root of its own (mount namespace), Landlock | one is enough |
| writes only to an empty folder of its own, 32 MiB | a tmpfs in that root | nothing can be written: seccomp |
| no network, no sockets of any kind | seccomp; a network namespace | refused without seccomp |
| no other process is made, seen, signalled, traced | seccomp; a process namespace | refused without seccomp |
| processor time, wall-clock time, memory, files, threads | rlimits; the keeper's clock | always there |
| no capability, no way to a new one | `no_new_privs`, capabilities dropped, another user than root | always there |

Modules below `pool` import nothing but Python's own library: the keeper sees nothing else.
"""
