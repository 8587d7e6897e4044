"""Backup of the database while it is written, and its way back.

A backup is a folder ``qa-20260131T020304Z``: the database as of one moment (SQLite's backup API), the keys of the audit log and of the
second factors, and ``manifest.json`` with their hashes.  It is checked before it gets its name: whole pages, foreign keys, the audit log's
chain, that the key opens the second factors.  Recordings lie beside the database and are backed up as files.

The database's own audit log is told of every backup, and of every backup that was restored on trial: the newest of these is on the
administrator's first page (:func:`newest`).

What a later purge deleted is still in an older backup: after a restore the purge has to run again, and old backups have to go (``keep``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from qa import __version__
from qa.database import sqlite_errors
from qa.errors import StoreError
from qa.people import audit, audit_search, second_factor
from qa.store import Store

DATABASE, MANIFEST = "qa.db", "manifest.json"
KEYS = (audit.KEY, second_factor.KEY)
"""Files of keys that go with a database, into its backup and back."""
HEAD = ".audit-head"
BESIDE = (*(key.suffix for key in KEYS), HEAD)
"""What lies beside a database: its keys, and the note of the audit log's head (:mod:`qa.people.audit`)."""
_NAME = re.compile(r"qa-\d{8}T\d{6}Z(-\d+)?")
_BLOCK = 1 << 20
LATE = timedelta(days=1)
"""Age of the newest backup from which the administrator is warned."""


@dataclass(frozen=True)
class Backup:
    """``files``: SHA-256 by name; ``audit_head``: of the audit log then; ``created`` ISO 8601 UTC; ``calls`` and ``bytes`` for the eye."""

    folder: Path
    created: str
    files: dict[str, str]
    audit_head: str
    calls: int
    bytes: int
    program: str = __version__


def backup(db: Path, into: Path, by: str, now: datetime | None = None, keep: int = 0) -> Backup:
    """Copy the database into a new folder of ``into`` while others go on writing; afterwards only the ``keep`` newest are left (0: all).

    The audit log tells of it: who, when, where.
    Errors: :class:`StoreError` where there is no database, the folder cannot be written, or the copy is not sound (nothing is left then).
    """
    if not by.strip():
        raise StoreError(str(db), "没有写由谁备份", "请加 --by 姓名")
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    name = f"qa-{moment:%Y%m%dT%H%M%SZ}"
    try:
        into.mkdir(parents=True, exist_ok=True)
        name = next(n for n in (name, *(f"{name}-{k}" for k in range(2, 1000))) if not (into / n).exists())
        part = into / f"{name}.part"
        part.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(str(into), f"备份的文件夹写不了（{error.strerror}）", "请检查路径和权限") from error
    try:
        with _os_errors(part):
            made = _made(db, part, moment)
            part.rename(into / name)
            _sync(into)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    _thin(into, keep)
    done = Backup(into / name, **made)  # type: ignore[arg-type]
    with Store(db, create=False) as store:
        told = {
            "folder": done.folder.absolute(),
            "created": done.created,
            "calls": done.calls,
            "bytes": done.bytes,
            "head": done.audit_head,
        }
        audit.record(store.db, by.strip(), "backup", "backup", name, told)
    return done


@dataclass(frozen=True)
class Newest:
    """The newest backup that the audit log tells of: ``created`` ISO 8601 UTC, ``folder`` where it was put, ``proved``: when it was
    restored on trial (ISO 8601 UTC, '' where it never was)."""

    name: str
    created: str
    folder: str
    by: str
    proved: str

    def late(self, now: datetime) -> bool:
        """Whether more than a day of work would be lost."""
        return now - datetime.fromisoformat(self.created) > LATE


def newest(store: Store) -> Newest | None:
    """None where there is none (that this database knows of: a restored one knows those before it)."""
    made = audit_search.newest(store.db, "backup", "backup")
    if made is None:
        return None
    told = dict(made.details)
    proof = audit_search.newest(store.db, "backup", "backup.check", made.object_id)
    held = proof is not None and dict(proof.details).get("head") == told.get("head")
    return Newest(made.object_id, told["created"], told["folder"], made.by, proof.at if proof is not None and held else "")


def _made(db: Path, part: Path, moment: datetime) -> dict[str, object]:
    _copy(db, part / DATABASE)
    for key in KEYS:  # after the database: its rows are never newer than their key
        if key.path(db).exists():
            _write(key.path(part / DATABASE), key.path(db).read_bytes())
    with Store(part / DATABASE, create=False) as store:
        head, calls = _sound(store, part), int(store.db.rows("select count(*) as n from calls")[0]["n"])
    for more in ("-wal", "-shm"):
        (part / f"{DATABASE}{more}").unlink(missing_ok=True)
    files = {path.name: _sha256(path) for path in sorted(part.iterdir())}
    size = sum(path.stat().st_size for path in part.iterdir())
    made = {"created": moment.isoformat(timespec="seconds"), "files": files, "audit_head": head, "calls": calls, "bytes": size}
    made["program"] = __version__
    _write(part / MANIFEST, (json.dumps(made, ensure_ascii=False, indent=1) + "\n").encode())
    for path in part.iterdir():
        _sync(path)
    return made


def _copy(db: Path, target: Path) -> None:
    """In one read transaction of SQLite's backup API: nobody waits for anybody, and what is written meanwhile is not in it."""
    if not db.exists():
        raise StoreError(str(db), "数据库不存在", "请用 --db 指定数据库")
    target.touch(mode=0o600)
    with sqlite_errors(db):
        source = sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True)
        made = sqlite3.connect(target)
        try:
            source.backup(made, pages=-1)
        finally:
            made.close()
            source.close()


def _sound(store: Store, where: Path) -> str:
    """The head of the copy's audit log.  Errors: :class:`StoreError` where pages, references or the log are not whole."""
    problems = [str(next(iter(row.values()))) for row in store.db.rows("PRAGMA quick_check")]
    if problems != ["ok"]:
        raise StoreError(str(where), "备份的数据库不完整", "原数据库可能已损坏，请从更早的备份恢复")
    if store.db.rows("PRAGMA foreign_key_check"):
        raise StoreError(str(where), "备份的数据库里有断开的引用", "原数据库可能已损坏，请从更早的备份恢复")
    second_factor.check_key(store.db)
    found = audit.verify(store.db)
    if found.problems:
        raise StoreError(str(where), f"审计日志不可信（{found.problems[0]}）", "请用 qa audit verify 查明")
    return found.head


def _thin(into: Path, keep: int) -> None:
    known = sorted(path for path in into.iterdir() if _NAME.fullmatch(path.name) and (path / MANIFEST).exists())
    for old in known[:-keep] if keep > 0 else []:
        shutil.rmtree(old)


# ---------------------------------------------------------------- the way back


def read(folder: Path) -> Backup:
    """A backup, every byte of it checked against its manifest.  Errors: :class:`StoreError` where it is none, or not whole."""
    try:
        told = json.loads((folder / MANIFEST).read_text("utf-8"))
        found = Backup(folder, **told)
        for name, sha256 in found.files.items():
            if name not in (DATABASE, *(key.path(Path(DATABASE)).name for key in KEYS)) or _sha256(folder / name) != sha256:
                raise StoreError(str(folder / name), "备份的文件与清单不符", "请换一份备份")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(str(folder), "不是完整的备份", "请指定 qa backup 生成的 qa-日期 文件夹") from error
    if DATABASE not in found.files:
        raise StoreError(str(folder), "备份里没有数据库", "请换一份备份")
    return found


def restore(folder: Path, db: Path, by: str, *, replace: bool = False) -> Backup:
    """Put a backup in the place of ``db``; with ``replace`` what lies there is put aside (``….before-<time>``), never deleted.

    Nobody stays logged in, and the audit log tells of the restore.
    Errors: :class:`StoreError` where the backup is not whole, the place is taken, or a program has the database open.
    """
    found = read(folder)
    if not by.strip():
        raise StoreError(str(db), "没有写由谁恢复", "请加 --by 姓名")
    if db.exists() and not replace:
        raise StoreError(str(db), "这里已有数据库", "请换一个 --db，或加 --replace（原来的会改名留下）")
    with _os_errors(db):
        db.parent.mkdir(parents=True, exist_ok=True)
        new = db.with_name(f"{db.name}.restoring")
        try:
            _take(folder, found, new, by.strip())
            if db.exists():
                _put_aside(db)
            for more in BESIDE:
                if (beside := new.with_name(new.name + more)).exists():
                    beside.rename(db.with_name(db.name + more))
            new.rename(db)
            _sync(db.parent)
        finally:
            for rest in (new, *(Path(f"{new}{more}") for more in ("-wal", "-shm", *BESIDE))):
                rest.unlink(missing_ok=True)
    return found


def rehearse(folder: Path, db: Path, by: str) -> Backup:
    """Restore a backup on trial, beside ``db``, where a real restore needs the same room; what was restored is deleted again.

    Where ``db`` is there, its audit log tells that this backup is proved.
    Errors: as of :func:`restore`.
    """
    with _os_errors(db):
        scratch = tempfile.TemporaryDirectory(prefix=f"{db.name}.trial-", dir=db.absolute().parent)
    with scratch as beside:
        found = restore(folder, Path(beside) / DATABASE, by)
    if db.exists():
        with Store(db, create=False) as store:
            audit.record(store.db, by.strip(), "backup.check", "backup", folder.absolute().name, {"head": found.audit_head})
    return found


def _take(folder: Path, found: Backup, new: Path, by: str) -> None:
    for rest in (new, *(new.with_name(new.name + more) for more in BESIDE)):  # of a restore that was cut off
        rest.unlink(missing_ok=True)
    for source, target in ((folder / DATABASE, new), *((key.path(folder / DATABASE), key.path(new)) for key in KEYS)):
        if source.name in found.files:
            target.touch(mode=0o600)
            shutil.copyfile(source, target)
    with Store(new, create=False) as store:
        head = _sound(store, folder)
        if head != found.audit_head:
            raise StoreError(str(folder), "审计日志与清单所记的不同", "请换一份备份")
        with store.db.writing():
            for table in ("sessions", "login_attempts", "pending_logins", "pending_factors"):
                store.db.sqlite.execute(f"delete from {table}")
            audit.record(store.db, by, "restore", "backup", folder.name, {"audit_head": head, "created": found.created})
        store.db.sqlite.execute("PRAGMA wal_checkpoint(truncate)")
    _sync(new)


def _put_aside(db: Path) -> None:
    """Errors: :class:`StoreError` where a program has the database open."""
    with sqlite_errors(db):
        alone = sqlite3.connect(db, timeout=1)
        try:
            alone.execute("PRAGMA locking_mode = exclusive")
            alone.execute("begin exclusive")
            alone.rollback()
        finally:
            alone.close()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    for more in ("-wal", "-shm", *BESIDE, ""):
        path = db.with_name(db.name + more)
        if path.exists():
            path.rename(db.with_name(f"{db.name}.before-{stamp}{more}"))


def keys_in(made: Backup, db: Path) -> tuple[str, ...]:
    """Names of the files of keys in a backup, as they are called beside ``db``."""
    return tuple(key.path(db).name for key in KEYS if key.path(Path(DATABASE)).name in made.files)


def as_json(made: Backup) -> dict[str, object]:
    """For other programs."""
    return asdict(made) | {"folder": str(made.folder)}


# ---------------------------------------------------------------- files


@contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(str(path), f"读写出错（{error.strerror or error}）", "请检查磁盘空间和权限") from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


def _sync(path: Path) -> None:
    """What was written survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
