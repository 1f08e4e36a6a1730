"""The audit log: acts and their entries belong together, and nothing in it can be changed unnoticed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from databases import change, text_of
from hypothesis import given
from hypothesis import strategies as st

from freehold.access.admin_keys import AdminKeys
from freehold.access.audit import BEGINNING, AuditLog, Entry, verify
from freehold.access.keys import Keys
from freehold.access.pepper import pepper_of
from freehold.core.errors import BadRequest, NotFound
from freehold.store.places import Place

PEPPER = pepper_of("0123456789abcdef" * 4)
WRITERS, EACH = 4, 12
PROGRAM = """
import sys
from pathlib import Path
from freehold.access.audit import AuditLog
from freehold.core.secret import Secret
from freehold.store.places import Server
each, place, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
log = AuditLog(Server(Secret(place, "test")) if "://" in place else Path(place))
for subject in range(each):
    log.append(name, "act", str(subject))
log.close()
"""


def chain(acts: list[tuple[str, str, str, dict[str, Any]]]) -> list[Entry]:
    """Entries as the log makes them."""
    entries: list[Entry] = []
    before = BEGINNING
    for number, (who, act, subject, detail) in enumerate(acts, start=1):
        text = msgspec.json.encode(detail, order="sorted").decode()
        bare = Entry(number, 1_000_000 + number, who, act, subject, text, b"")
        before = bare.follows(before)
        entries.append(msgspec.structs.replace(bare, hash=before))
    return entries


words = st.text(st.characters(codec="utf-8"), max_size=12)
chains = st.lists(
    st.tuples(words, words, words, st.dictionaries(words, words | st.integers(), max_size=2)),
    min_size=1,
    max_size=8,
).map(chain)


@given(chains)
def test_a_log_that_nobody_changed_is_good(entries: list[Entry]) -> None:
    verdict = verify(iter(entries), entries[0].hash.hex())
    assert (verdict.good, verdict.entries, verdict.head) == (True, len(entries), entries[-1].hash.hex())


@given(chains, st.data())
def test_any_change_of_any_field_of_any_entry_is_found(entries: list[Entry], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from(Entry.__struct_fields__))
    old = getattr(entries[place], name)
    kinds: dict[type, st.SearchStrategy[Any]] = {
        int: st.integers(),
        str: words,
        bytes: st.binary(max_size=40),
    }
    new = data.draw(kinds[type(old)].filter(lambda value: value != old))
    changed = [*entries]
    changed[place] = msgspec.structs.replace(entries[place], **{name: new})
    verdict = verify(iter(changed))
    assert not verdict.good
    assert verdict.broken == place + 1


@given(chains, st.data())
def test_what_was_removed_put_in_or_swapped_is_found(entries: list[Entry], data: st.DataObject) -> None:
    head = entries[-1].hash.hex()
    place = data.draw(st.integers(0, len(entries) - 1))
    removed = entries[:place] + entries[place + 1 :]
    verdict = verify(iter(removed), head)
    assert not verdict.good
    assert verdict.broken == place + 1
    without_the_head = verify(iter(removed))
    assert without_the_head.good == (place == len(entries) - 1)  # only the end leaves no trace
    copied = [*entries[:place], entries[place], *entries[place:]]
    assert not verify(iter(copied)).good
    if place > 0:
        swapped = [*entries]
        swapped[place - 1], swapped[place] = swapped[place], swapped[place - 1]
        assert verify(iter(swapped)).broken == place
        renumbered = [
            msgspec.structs.replace(entry, number=number) for number, entry in enumerate(swapped, start=1)
        ]
        assert verify(iter(renumbered)).broken == place


def test_an_act_and_its_entry_are_there_together_or_not_at_all(place: Place) -> None:
    with closing(Keys(place, PEPPER)) as keys, closing(AuditLog(place)) as log:
        key, token = keys.create("laptop", routes=frozenset({"b", "a"}), team="red", by="cli:me")
        with pytest.raises(BadRequest):
            keys.create("laptop", by="cli:me")
        with pytest.raises(NotFound):
            keys.revoke("phone", by="cli:me")
        keys.revoke("laptop", by="admin:alice")
        keys.revoke("laptop", by="admin:alice")  # it was already
        found = list(log.all())
        assert [(one.actor, one.act, one.subject) for one in found] == [
            ("cli:me", "keys.create", key.id),
            ("admin:alice", "keys.revoke", key.id),
        ]
        assert msgspec.json.decode(found[0].detail) == {
            "name": "laptop", "expires": None, "routes": ["a", "b"], "strict": False, "team": "red", "user": None
        }  # fmt: skip
        assert token[3:] not in str(found)
        assert log.verify().entries == 2


def test_administrators_keys_are_found_by_their_secret_until_they_are_taken_back(place: Place) -> None:
    with (
        closing(Keys(place, PEPPER)) as keys,
        closing(AdminKeys(place, keys.digest)) as admins,
        closing(AuditLog(place)) as log,
    ):
        key, token = admins.create("alice", "owner", by="cli:me")
        _, of_the_endpoint = keys.create("alice")
        assert admins.is_stale
        admins.refresh()
        assert admins.known(token.encode()) == key
        assert admins.known(of_the_endpoint.encode()) is None
        assert keys.find(token) is None
        assert admins.known(token.encode()[:-1]) is None
        with pytest.raises(BadRequest, match="There is an administrator's key called `alice`"):
            admins.create("alice", "viewer", by="cli:me")
        assert admins.revoke("alice", by="cli:me").revoked_us is not None
        admins.refresh(again=True)
        assert admins.known(token.encode()) is None
        assert [one.act for one in log.newest()] == ["admin_keys.revoke", "keys.create", "admin_keys.create"]


def test_an_act_that_is_done_elsewhere_is_written_down_first_and_its_failure_after(place: Place) -> None:
    with closing(AuditLog(place)) as log:
        with log.of("cli:me", "limits.release", "team", {"who": "red"}):
            assert log.newest()[0].act == "limits.release"
        with pytest.raises(NotFound), log.of("cli:me", "limits.release", "team"):
            raise NotFound("It is away.")
        assert [(one.act, one.detail) for one in log.newest()] == [
            ("limits.release.failed", '{"why":"It is away."}'),
            ("limits.release", "{}"),
            ("limits.release", '{"who":"red"}'),
        ]


def test_several_processes_write_one_chain(place: Place) -> None:
    with closing(AuditLog(place)) as log:
        log.append("first", "begin")
    command = [sys.executable, "-c", PROGRAM, str(EACH), text_of(place)]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(WRITERS)]
    assert [one.wait(60) for one in writers] == [0] * WRITERS
    with closing(AuditLog(place)) as log:
        verdict = log.verify()
        assert verdict.good, verdict.problem
        assert verdict.entries == 1 + WRITERS * EACH
        found = [entry for entry in log.all() if entry.actor != "first"]
        for number in range(WRITERS):
            assert [one.subject for one in found if one.actor == str(number)] == [str(n) for n in range(EACH)]


CHANGES = ("number = 7", "at_us = at_us + 1", "actor = 'x'", "act = 'x'", "subject = 'x'", "detail = '{ }'")


@pytest.mark.parametrize("change_made", CHANGES)
def test_any_column_that_is_changed_in_the_database_is_found(place: Place, change_made: str) -> None:
    with closing(AuditLog(place)) as log:
        for number in range(4):
            log.append("me", "act", str(number))
        head = log.verify().head
        change(place, f"UPDATE audit SET {change_made} WHERE number = 2", "access")
        assert log.verify().broken == 2
        change(place, "DELETE FROM audit", "access")
        assert log.verify().good
        assert log.verify(head).broken == 1


def test_a_page_goes_on_behind_the_one_before(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "access.db")
    assert not log.newest()
    assert not log.exists  # looking makes no file
    assert log.verify().entries == 0
    for number in range(5):
        log.append("me", "act", str(number))
    assert [one.number for one in log.newest(2)] == [5, 4]
    assert [one.number for one in log.newest(9, before=4)] == [3, 2, 1]
