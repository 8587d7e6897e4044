"""The log of who heard, read, exported and changed what: append only, each row chained to the one before it.

Every row carries an HMAC-SHA256 over its content and over the row before it; an anchor row carries how many there are and the last HMAC,
and is sealed in the same way, so that the last row cannot be taken away either.  The key lies in a file beside the database, which only
the owner may read: whoever can write the database alone can neither change, delete nor add a row that holds.

A database put back whole, with its anchor, to an earlier state holds in itself.  So the newest head (``count:mac``) is also noted in a
file beside the key, and :func:`verify` compares.  A head that the log does not lead to stays there for ever, and newer ones are noted below
it: after a power cut that took rows with it, the next rows that are taken away are found as well.  Whoever can write that file too is
found only by a head that was noted elsewhere (the server's log names it): :func:`verify` with ``noted``.
"""

from __future__ import annotations

import functools
import hmac
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa import append_only
from qa.database import Database
from qa.errors import StoreError
from qa.people.keys import KeyFile

if TYPE_CHECKING:
    from qa.people.accounts import User

_FIELDS = ("id", "user_id", "at", "by", "action", "object_kind", "object_id", "details_json", "previous")
_PAGE = 10_000
KEY = KeyFile(".audit-key", "审计日志的密钥文件", "没有它就不能核对和续写日志")
LISTED_PROBLEMS = 20
SHORT = 8
"""Characters of a seal that messages show, and that are enough to name a row by: nobody makes another one without the key."""
_FRESH: dict[Path, bytes] = {}
"""Keys made in a transaction that may still be undone."""


@dataclass(frozen=True)
class Entry:
    """One row: ``at`` is ISO 8601 UTC, ``by`` the login (or the name given to a command), ``user_id`` None for commands."""

    id: int
    at: str
    user_id: int | None
    by: str
    action: str
    object_kind: str
    object_id: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Verified:
    """``count`` rows; ``head`` is ``count:mac`` of the last.  Chinese sentences, none where all holds: ``problems`` of the rows,
    ``unguarded`` of triggers that are gone (:mod:`qa.append_only`), without which rows may be changed, whether they were or not."""

    count: int
    head: str
    problems: tuple[str, ...]
    unguarded: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """All that is wrong."""
        return (*self.problems, *self.unguarded)


def record(
    db: Database, by: User | str, action: str, object_kind: str, object_id: str, details: Mapping[str, object] | None = None
) -> None:
    """Append a row, in the caller's transaction where one is open (so that a change and its row stand or fall together), else in its own.

    ``details`` never hold words of a call or a customer's number.  Errors: :class:`StoreError` where the key is missing.
    """
    with _transaction(db):
        anchor, last = _anchor(db), _last(db)
        fresh = not (anchor[0] or last[0] or key_path(db).exists())
        if not fresh:
            _FRESH.pop(key_path(db), None)
        seal = _key(db, create=fresh)
        whole = fresh or _sound(seal, anchor, last)
        # what does not fit is never healed: a gap stays in the log for ever
        number, previous = (anchor[0] + 1, anchor[1]) if whole else (max(anchor[0], last[0]) + 2, "broken")
        row: dict[str, Any] = {
            "id": number,
            "user_id": None if isinstance(by, str) else by.id,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "by": by if isinstance(by, str) else by.login,
            "action": action,
            "object_kind": object_kind,
            "object_id": object_id,
            "details_json": json.dumps({k: str(v) for k, v in (details or {}).items()}, ensure_ascii=False, sort_keys=True),
            "previous": previous,
        }
        mac = _mac(seal, [row[name] for name in _FIELDS])
        db.insert("audit_log", row | {"mac": mac})
        db.insert("audit_anchor", {"id": 1, "count": number, "head": mac, "mac": _mac(seal, ["anchor", number, mac])}, "or replace")
        db.committed[note_path(db)] = functools.partial(_note, db, number, mac)


def entries(
    db: Database, *, before: int | None = None, limit: int = 100, kind: str = "", object_id: str = "", by: str = ""
) -> tuple[Entry, ...]:
    """The newest rows first, those before the row ``before``; ``kind``, ``object_id``, ``by`` limit them."""
    chosen = (("id < ?", before), ("object_kind = ?", kind or None), ("object_id = ?", object_id or None), ("by = ?", by or None))
    where = " and ".join(["1", *(sql for sql, value in chosen if value is not None)])
    params = [value for _, value in chosen if value is not None]
    return tuple(_entry(row) for row in db.rows(f"select * from audit_log where {where} order by id desc limit ?", *params, limit))


def head(db: Database) -> str:
    """``count:mac`` of the last row, to be noted outside the database; ``0:`` without rows."""
    count, mac, _ = _anchor(db)
    return f"{count}:{mac}"


def verify(db: Database, noted: str = "") -> Verified:
    """Check every row, the chain, the anchor and the triggers; ``noted``: a head written down earlier, which must be part of the log; of
    its seal the first ``SHORT`` characters are enough.

    Errors: :class:`StoreError` where there are rows and no key, or ``noted`` is no head.
    """
    problems: list[str] = []
    kept = _kept_notes(db)  # before the rows are looked at: what is noted is there, others may go on writing
    with _snapshot(db):
        anchor = _anchor(db)
        last = _last(db)
        if not last[0] and not anchor[0] and not key_path(db).exists():
            empty = () if noted in ("", "0:") and not kept else ("日志是空的，而记下的日志头不是",)
            return Verified(0, "0:", empty, append_only.unguarded(db))
        seal = _key(db)
        macs = dict([_noted(noted)]) if noted not in ("", "0:") else {}
        watched = {*macs, *(number for number, _ in kept)}
        found: dict[int, str] = {}
        for number, mac in _checked(db, seal, problems):
            if number in watched:
                found[number] = mac
        problems += [
            f"密钥旁记下的日志到第 {number} 行（校验值 {mac[:SHORT]}），数据库里的日志没有到过那里：数据库被换成了较早的样子"
            f"（恢复备份、断电也会如此），少了的行找不回来"
            for number, mac in kept
            if found.get(number) != mac
        ]
        if not _sound(seal, anchor, last):
            told = f"封存 {anchor[0]} 行，现有最后一行是第 {last[0]} 行" if anchor[0] or last[0] else "日志是空的，而它的密钥已经在用"
            problems.append(f"日志的末尾与封存的总数对不上：{told}；末尾的行被删除或添加过")
        problems += [f"记下的第 {number} 行现在不是当时的样子" for number, mac in macs.items() if not found.get(number, "").startswith(mac)]
        bare = append_only.unguarded(db)
    return Verified(last[0], f"{last[0]}:{last[1]}", tuple(problems), bare)


def _checked(db: Database, seal: bytes, problems: list[str]) -> Iterator[tuple[int, str]]:
    """Rows in order; what is wrong with them is added to ``problems`` (the first few in words, then no more)."""
    expected, previous, after = 1, "", None
    while True:
        # without a bound at first: a row may have the lowest number that there is
        where, params = ("", ()) if after is None else ("where id > ?", (after,))
        rows = db.rows(f"select * from audit_log {where} order by id limit ?", *params, _PAGE)
        for row in rows:
            found = []
            if row["id"] < expected:
                found.append(f"第 {row['id']} 行是添加进去的")
            elif row["id"] > expected:
                missing = f"第 {expected} 行" if row["id"] == expected + 1 else f"第 {expected} 至 {row['id'] - 1} 行"
                found.append(f"{missing}不见了")
            elif row["previous"] != previous:
                found.append(f"第 {row['id']} 行与上一行接不上")
            if not _same(_mac(seal, [row[name] for name in _FIELDS]), row["mac"]):
                found.append(f"第 {row['id']} 行被改动过（{row['at']} {row['by']} {row['action']}）")
            if len(problems) < LISTED_PROBLEMS:
                problems.extend(found)
            expected, previous, after = row["id"] + 1, row["mac"], row["id"]
            yield row["id"], row["mac"]
        if len(rows) < _PAGE:
            return


# ---------------------------------------------------------------- the seal


def key_path(db: Database) -> Path:
    """The file of the key, beside the database; it belongs into every backup of the database, and into no other hands."""
    return KEY.path(db.path)


def _key(db: Database, create: bool = False) -> bytes:
    """The key; ``create``: it is made for the first row, and forgotten if that is undone.

    Errors: :class:`StoreError` where it is missing.
    """
    if not create:
        return KEY.read(db.path)
    path = key_path(db)
    made = _FRESH[path] = KEY.make(db.path)
    db.rolled_back.append(functools.partial(_forget, db, path, made))
    return made


def _forget(db: Database, path: Path, made: bytes) -> None:
    """The first row was undone: so is its key; a later transaction that is undone leaves rows that need it."""
    if _FRESH.get(path) == made:
        del _FRESH[path]
        if not db.rows("select 1 from audit_log limit 1"):
            path.unlink(missing_ok=True)


# ---------------------------------------------------------------- the note beside the key


def note_path(db: Database) -> Path:
    """The file beside the key that holds the newest head in its last line, above it heads that the log does not lead to."""
    return db.path.with_name(db.path.name + ".audit-head")


def _kept_notes(db: Database) -> tuple[tuple[int, str], ...]:
    """In the order in which they were noted; lines that are no heads are nothing."""
    try:
        lines = note_path(db).read_text("ascii").splitlines()
    except (OSError, ValueError):
        return ()
    parts = (line.strip().partition(":") for line in lines)
    return tuple((int(number), mac) for number, colon, mac in parts if colon and number.isdigit() and len(number) < 19)


def _stands(db: Database, number: int, mac: str) -> bool:
    return bool(db.rows("select 1 from audit_log where id = ? and mac = ?", number, mac))


def _note(db: Database, number: int, mac: str) -> None:
    """Keep the head, once it is committed, in the place of the last one.  A head that the log does not lead to stays: it tells of rows that
    are gone, and the new one stands below it."""
    known = _kept_notes(db)
    on = bool(known) and _stands(db, *known[-1])
    if (on and known[-1][0] >= number) or not _stands(db, number, mac):
        return
    kept = (*(known[:-1] if on else known), (number, mac))
    path = note_path(db)
    half = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.writelines(f"{one}:{of}\n" for one, of in kept)
        half.replace(path)
    except OSError:  # what was done is committed: it is noted with the next row
        half.unlink(missing_ok=True)


def _mac(seal: bytes, values: list[Any]) -> str:
    return hmac.new(
        seal, json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace"), "sha256"
    ).hexdigest()


def _sound(seal: bytes, anchor: tuple[int, str, str], last: tuple[int, str]) -> bool:
    """Whether the anchor is ours and names the last row; a log whose key is in use is never empty."""
    count, at_head, mac = anchor
    return _same(_mac(seal, ["anchor", count, at_head]), mac) and (count, at_head) == last


def _same(expected: str, given: str) -> bool:
    """Compared as bytes: what somebody wrote into the database may be any text."""
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "backslashreplace"))


def _anchor(db: Database) -> tuple[int, str, str]:
    found = db.rows("select * from audit_anchor where id = 1")
    return (found[0]["count"], found[0]["head"], found[0]["mac"]) if found else (0, "", "")


def _last(db: Database) -> tuple[int, str]:
    found = db.rows("select id, mac from audit_log order by id desc limit 1")
    return (found[0]["id"], found[0]["mac"]) if found else (0, "")


def _noted(text: str) -> tuple[int, str]:
    number, _, mac = text.strip().partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19) or len(mac) < SHORT:
        raise StoreError(text, "不是日志头", "应是「行数:校验值」，如 qa audit verify 所显示的；校验值至少写开头 8 个字符")
    return int(number), mac


def _entry(row: dict[str, Any]) -> Entry:
    details = tuple(json.loads(row["details_json"]).items())
    names = ("id", "at", "user_id", "by", "action", "object_kind", "object_id")
    return Entry(**{name: row[name] for name in names}, details=details)


@contextmanager
def _transaction(db: Database) -> Iterator[None]:
    if db.sqlite.conn.in_transaction:
        yield
    else:
        with db.writing():
            yield


@contextmanager
def _snapshot(db: Database) -> Iterator[None]:
    """Rows and anchor as of one moment, while others go on writing."""
    if db.sqlite.conn.in_transaction:
        yield
        return
    db.sqlite.execute("BEGIN")
    try:
        yield
    finally:
        db.sqlite.conn.rollback()
