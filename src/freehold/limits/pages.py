"""One connection to `limits.db`, and what it does with a batch. For one thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from freehold.limits.account import PRESSED_US, WHOLE, Account, Counter, Holding
from freehold.limits.batch import Batch, Done, Standing, Sum, Verdict, Want

_KEEP_US = 24 * 3600 * 1_000_000
_PURGE_US = 3600 * 1_000_000
_MOST_KNOWN = 20_000
"""Counters that are kept in memory while nobody else writes."""

_COLUMNS = "reserved, settled, released, expired, held, spent, lapsed, pressed_us, slot_us, slots, until_us"
_READ = f"SELECT {_COLUMNS} FROM counters WHERE name = ?"  # noqa: S608 - our own names
_WRITE = f"INSERT OR REPLACE INTO counters (name, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608
_READ_HOLDING = "SELECT held, expired, spare FROM holdings WHERE owner = ? AND counter = ?"
_WRITE_HOLDING = "INSERT OR REPLACE INTO holdings (owner, counter, held, expired, spare) VALUES (?,?,?,?,?)"
_LAPSED = (
    "SELECT h.owner, h.counter, c.slot_us, c.slots, c.until_us FROM holdings h "
    "JOIN counters c ON c.name = h.counter LEFT JOIN owners o ON o.id = h.owner "
    "WHERE h.held > 0 AND (o.seen_us IS NULL OR o.seen_us < ?)"
)

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[int, int]).decode


class Pages:
    """Applies batches. What was read is remembered until somebody else writes."""

    def __init__(self, connection: sqlite3.Connection, lease_us: int, boot: str) -> None:
        self._connection = connection
        self._lease_us = lease_us
        self._boot = boot
        self._version = -1
        self._epoch = ""
        self._purged_us: int | None = None
        self._accounts: dict[str, Account] = {}
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._known_owners: set[str] = set()
        self._dirty: dict[str, Counter] = {}
        self._dirty_holdings: set[tuple[str, str]] = set()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def do(self, batch: Batch) -> Done:
        """One transaction. Raises sqlite3.Error; then nothing was done."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._look()
            done = self._apply(batch)
            self._write()
            connection.execute("COMMIT")
        except BaseException:
            self._forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return done

    def _apply(self, batch: Batch) -> Done:
        now_us, owner = batch.now_us, batch.owner
        lapsed = owner not in self._known_owners
        if not self._epoch and self._fact("boot") == self._boot:
            self._epoch = self._fact("epoch") or ""
        if batch.filled and not self._epoch:
            self._put_fact("boot", self._boot)
            self._put_fact("epoch", batch.filled)
            self._epoch = batch.filled
        for (holder, counter), settlement in batch.settlements.items():
            self._account(counter).settle(counter, self._holding(holder, counter), settlement, now_us)
        for counter, amount in batch.expirations.items():
            self._account(counter).expire(counter, self._holding(owner, counter), amount, now_us)
        for counter, charged in batch.raises.items():
            self._account(counter).raise_to(counter, charged, now_us)
        if (batch.wants or batch.truth) and lapsed:
            self._sign(owner, now_us)
        if batch.truth is not None:
            self._adjust(owner, batch.truth)
        for counter, amount in batch.spares.items():
            self._account(counter)  # so that whoever expires it knows how it counts
            self._holding(owner, counter).spare = amount
        owners = self._beat(owner, now_us) if batch.beat else ()
        if batch.leave:
            self._connection.execute("DELETE FROM owners WHERE id = ?", (owner,))
            self._known_owners.discard(owner)
        verdicts = [self._decide(owner, wants, now_us) for wants in batch.wants] if self._epoch else []
        watched = tuple(self._sum(counter, now_us) for counter in batch.watched)
        return Done(verdicts, watched, owners, epoch=self._epoch, lapsed=lapsed)

    def _decide(self, owner: str, wants: tuple[Want, ...], now_us: int) -> Verdict:
        sums = tuple([self._sum(want.counter, now_us) for want in wants])
        if any(one.used + want.amount > want.bound for one, want in zip(sums, wants, strict=True)):
            for one, want in zip(sums, wants, strict=True):
                if one.charged + want.amount <= want.bound < one.used + want.amount:
                    self._account(want.counter).pressed_us = now_us
            slots = [tuple(sorted(_slots_of(self._peek(want.counter)).items())) for want in wants]
            return Verdict(False, sums, tuple(slots))
        after = []
        for one, want in zip(sums, wants, strict=True):
            self._account(want.counter).reserve(want.amount)
            self._holding(owner, want.counter).held += want.amount
            after.append(Sum(one.charged, one.held + want.amount, one.pressed))
        return Verdict(True, tuple(after))

    def _sum(self, counter: Counter, now_us: int) -> Sum:
        account = self._peek(counter)
        pressed = account.pressed_us > 0 and abs(now_us - account.pressed_us) < PRESSED_US
        return Sum(account.charged(counter, now_us), account.held, pressed)

    def _adjust(self, owner: str, truth: dict[Counter, int]) -> None:
        """Make the books say of this process what it says of itself."""
        held = self._connection.execute(
            "SELECT h.counter, c.slot_us, c.slots, c.until_us FROM holdings h "
            "JOIN counters c ON c.name = h.counter WHERE h.owner = ? AND h.held > 0",
            (owner,),
        ).fetchall()
        counters = {row[0]: Counter(*row) for row in held}
        for holder, name in self._dirty_holdings:
            if holder == owner and name in self._dirty:
                counters[name] = self._dirty[name]
        counters |= {counter.name: counter for counter in truth}
        said = {counter.name: amount for counter, amount in truth.items()}
        for name, counter in counters.items():
            self._account(counter).adjust(self._holding(owner, counter), said.get(name, 0))

    # Who is alive

    def _beat(self, owner: str, now_us: int) -> tuple[str, ...]:
        self._write()
        execute = self._connection.execute
        last = int(self._fact("beat") or 0)
        self._put_fact("beat", str(now_us))
        # After a time in which nobody gave a sign, or a leap of the clock, everybody is given time to give one.
        leap = not 0 <= now_us - last < self._lease_us // 2
        execute("UPDATE owners SET seen_us = ?1 WHERE seen_us > ?1 OR ?2", (now_us, leap))
        self._sign(owner, now_us)
        deadline = now_us - self._lease_us
        for holder, *counted in execute(_LAPSED, (deadline,)).fetchall():
            counter = Counter(*counted)
            holding = self._holding(holder, counter)
            self._account(counter).lapse(counter, holding, now_us)
        execute("DELETE FROM owners WHERE seen_us < ?", (deadline,))
        self._known_owners = {one for (one,) in execute("SELECT id FROM owners")}
        if self._purged_us is None or abs(now_us - self._purged_us) > _PURGE_US:
            self._purge(now_us)
        return tuple(sorted(self._known_owners))

    def _sign(self, owner: str, now_us: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO owners (id, seen_us) VALUES (?, ?)", (owner, now_us))
        self._known_owners.add(owner)

    def _purge(self, now_us: int) -> None:
        self._write()
        self._purged_us = now_us
        execute = self._connection.execute
        execute(
            "DELETE FROM counters WHERE held = 0 AND until_us < ? AND slot_us = ?", (now_us - _KEEP_US, WHOLE)
        )
        for one in self.standings(now_us):
            if one.held == 0 and one.charged == 0 and one.slot_us != WHOLE:
                execute("DELETE FROM counters WHERE name = ?", (one.name,))
        execute(
            "DELETE FROM holdings WHERE held = 0 AND "
            "(expired = 0 OR NOT EXISTS (SELECT 1 FROM counters WHERE name = counter))"
        )
        self._accounts.clear()
        self._holdings.clear()

    # What is known

    def _look(self) -> None:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._accounts) > _MOST_KNOWN:
            self._forget()
            self._version = version
            self._known_owners.update(one for (one,) in self._connection.execute("SELECT id FROM owners"))

    def _forget(self) -> None:
        self._version = -1
        self._epoch = ""
        self._accounts.clear()
        self._holdings.clear()
        self._known_owners.clear()
        self._dirty.clear()
        self._dirty_holdings.clear()

    def _peek(self, counter: Counter) -> Account:
        account = self._accounts.get(counter.name)
        if account is None:
            row = self._connection.execute(_READ, (counter.name,)).fetchone()
            account = Account() if row is None else _account_of(row)
            self._accounts[counter.name] = account
        return account

    def _account(self, counter: Counter) -> Account:
        """The account, which is about to change."""
        self._dirty[counter.name] = counter
        return self._peek(counter)

    def _holding(self, owner: str, counter: Counter) -> Holding:
        key = owner, counter.name
        self._dirty_holdings.add(key)
        holding = self._holdings.get(key)
        if holding is None:
            row = self._connection.execute(_READ_HOLDING, key).fetchone()
            holding = self._holdings[key] = Holding() if row is None else Holding(*row)
        return holding

    def _write(self) -> None:
        accounts, holdings = self._accounts, self._holdings
        self._connection.executemany(_WRITE, [_row(one, accounts[name]) for name, one in self._dirty.items()])
        self._connection.executemany(
            _WRITE_HOLDING,
            [(*key, *msgspec.structs.astuple(holdings[key])) for key in self._dirty_holdings],
        )
        self._dirty.clear()
        self._dirty_holdings.clear()

    def _fact(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _put_fact(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    # For people

    def standings(self, now_us: int) -> list[Standing]:
        """Every counter."""
        rows: Iterable[tuple[str, ...]] = self._connection.execute(
            f"SELECT name, {_COLUMNS} FROM counters ORDER BY name"  # noqa: S608 - our own names
        ).fetchall()
        found = []
        for name, *row in rows:
            account = _account_of(row)
            counter = Counter(name, *(int(one) for one in row[-3:]))
            sums = (account.reserved, account.settled, account.released, account.expired, account.held)
            found.append(Standing(name, *sums, account.charged(counter, now_us), counter.slot_us))
        return found

    def release(self, names: list[str]) -> int:
        """Release what expired on these counters; how much it was."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._forget()
            total = 0
            for name in names:
                row = connection.execute(_READ, (name,)).fetchone()
                if row is not None:
                    total += self._account(Counter(name, *row[-3:])).release_expired()
                    connection.execute("UPDATE holdings SET expired = 0 WHERE counter = ?", (name,))
            self._write()
            connection.execute("COMMIT")
        except BaseException:
            self._forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return total


def _account_of(row: Iterable[object]) -> Account:
    reserved, settled, released, expired, held, spent, lapsed, pressed_us, *_ = row
    return Account(
        reserved,  # type: ignore[arg-type]  # what the database was given
        settled,  # type: ignore[arg-type]
        released,  # type: ignore[arg-type]
        expired,  # type: ignore[arg-type]
        held,  # type: ignore[arg-type]
        {} if spent is None else _unpack(spent),  # type: ignore[arg-type]
        {} if lapsed is None else _unpack(lapsed),  # type: ignore[arg-type]
        pressed_us,  # type: ignore[arg-type]
    )


def _row(counter: Counter, account: Account) -> tuple[object, ...]:
    return (
        counter.name,
        account.reserved,
        account.settled,
        account.released,
        account.expired,
        account.held,
        _pack(account.spent) if account.spent else None,
        _pack(account.lapsed) if account.lapsed else None,
        account.pressed_us,
        counter.slot_us,
        counter.slots,
        counter.until_us,
    )


def _slots_of(account: Account) -> dict[int, int]:
    slots = dict(account.spent)
    for slot, amount in account.lapsed.items():
        slots[slot] = slots.get(slot, 0) + amount
    return slots
