"""The SQLite file under the store: opening, checking whose it is, migrating, transactions, errors.

WAL mode (https://sqlite.org/wal.html): readers do not wait for a writer; a writer waits for another up to a time-out.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlite_utils

from qa.errors import DatabaseError, StoreError
from qa.migrations import APPLICATION_ID, migrations

BUSY_TIMEOUT_S = 10.0
WEIGHED = 1000
"""So many rows of an index are looked at to weigh it."""
TURN_S = 0.002
"""So often a writer asks whether the write lock is free."""

_CAUSES = (
    ("locked", "数据库正被另一个程序占用", "请等另一个程序结束后再试"),
    ("busy", "数据库正被另一个程序占用", "请等另一个程序结束后再试"),
    ("readonly", "数据库是只读的", "请检查文件和文件夹的写权限，或用 --db 指定另一个位置"),
    ("not a database", "该文件不是 SQLite 数据库", "请用 --db 指定正确的数据库文件"),
    ("malformed", "数据库文件已损坏", "请从备份恢复，或用 --db 指定另一个位置重新评分"),
    ("unable to open", "数据库文件无法打开", "请检查文件夹是否存在、是否有读写权限"),
    ("is full", "磁盘空间不足", "请清理磁盘后再试"),
    ("disk i/o", "数据库所在的磁盘读写出错，或空间已满", "请检查磁盘和网络存储后再试"),
    ("no such module", "本机的 SQLite 没有全文检索（FTS5）", "请安装带 FTS5 的 SQLite"),
    ("append only", "已有的评分不能修改或删除", "请重新评分，新的评分会另存一份"),
)


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Every error of SQLite as one clear :class:`StoreError`; a :class:`DatabaseError` where it is not for what was to be kept."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error).lower()
        cause, cure = next(((c, k) for sign, c, k in _CAUSES if sign in text), (f"数据库出错（{error}）", "请检查数据库文件"))
        kinds = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
        for_what_was_asked = isinstance(error, kinds) or "not a database" in text
        raise (StoreError if for_what_was_asked else DatabaseError)(str(path), cause, cure) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise StoreError(str(path), f"该数据无法保存（{error}）", "请检查文件名和文字是否为合法的 UTF-8") from error


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _touch(path: Path) -> None:
    """A new file is its owner's alone, and so are those that SQLite lays beside it; one that is there keeps its mode."""
    with suppress(OSError):  # what is wrong with the place SQLite says
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


class Database:
    """A connection to one database of this program, at the newest schema.  One thread at a time."""

    def __init__(self, path: Path, create: bool, busy_timeout_s: float) -> None:
        self.path, self._busy_timeout_s = path, busy_timeout_s
        self.rolled_back: list[Callable[[], None]] = []
        """Called when a transaction was undone: whoever remembers ids that it gave must forget them."""
        self.committed: dict[object, Callable[[], None]] = {}
        """Called once, when the outermost transaction is committed; what was put here in a transaction, or a part of one, that is undone
        is as it was before it."""
        self._depth = 0
        if not create and not path.exists():
            raise StoreError(str(path), "数据库不存在", "请先运行 qa score，或用 --db 指定数据库")
        with sqlite_errors(path):
            if create:
                _touch(path)
            uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
            conn = sqlite3.connect(uri, uri=True, timeout=busy_timeout_s)
            try:
                self.sqlite = sqlite_utils.Database(conn, execute_plugins=False)
                self._prepare(busy_timeout_s)
                self._file = _inode(path)
            except BaseException:
                conn.close()
                raise

    def close(self) -> None:
        with sqlite_errors(self.path):
            self.sqlite.close()

    def check_in_place(self) -> None:
        """Errors: :class:`DatabaseError` where the file is gone or another one lies in its place."""
        if _inode(self.path) != self._file:
            raise DatabaseError(str(self.path), "数据库文件被删除、移走或替换", "请检查磁盘和网络存储，恢复后重新运行")

    def changes(self) -> int:
        """A number that is another one once somebody else has written to the file.

        Errors: :class:`DatabaseError` as of :meth:`check_in_place`.  Source: https://www.sqlite.org/pragma.html#pragma_data_version
        """
        self.check_in_place()
        with sqlite_errors(self.path):
            return int(self.sqlite.execute("PRAGMA data_version").fetchone()[0])

    def _prepare(self, busy_timeout_s: float) -> None:
        db = self.sqlite
        with db.atomic():  # one view of the file, while another program may be making it
            pending = self._pending()
        db.execute("PRAGMA foreign_keys = on")
        # a power cut loses nothing that was committed: a score can be made again, a verdict, an appeal, a row of the audit log cannot
        db.execute("PRAGMA synchronous = full")
        if pending:
            self._enable_wal(busy_timeout_s)
            with self.writing():
                migrations.apply(db)
                self._weigh()

    def _weigh(self) -> None:
        """New indexes among weighed ones (``ANALYZE``, which somebody ran) pass for better than they are until they are weighed too."""
        if self.sqlite.execute("select 1 from sqlite_master where name = 'sqlite_stat1'").fetchone():
            self.sqlite.execute(f"PRAGMA analysis_limit = {WEIGHED}")
            self.sqlite.execute("analyze")

    def _enable_wal(self, busy_timeout_s: float) -> None:
        """SQLite does not wait for its turn when the journal mode changes, so two programs that make one file would collide."""
        deadline = time.monotonic() + busy_timeout_s
        while True:
            try:
                self.sqlite.enable_wal()
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _pending(self) -> int:
        """How many changes of the schema the file still needs; refuses files of other programs and of newer versions."""
        application = self.sqlite.execute("PRAGMA application_id").fetchone()[0]
        tables = self.sqlite.execute("select count(*) from sqlite_master").fetchone()[0]
        if application != APPLICATION_ID and (application or tables):
            raise StoreError(str(self.path), "这是别的程序的数据库", "请用 --db 指定本程序的数据库，或一个新文件")
        newer = self._newer_migrations()
        if newer:
            raise StoreError(str(self.path), f"数据库由更新版本的程序建立（{newer[0]}）", "请升级本程序")
        return len(migrations.pending(self.sqlite))

    def _newer_migrations(self) -> list[str]:
        """Names of changes made to the file that this program does not know."""
        with sqlite_utils.Database(memory=True) as empty:
            known = {m.name for m in migrations.pending(empty)}
        return sorted({m.name for m in migrations.applied(self.sqlite)} - known)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction that takes the write lock at once, so that it waits for its turn instead of failing half-way.

        Within another one it is a part of that, which is undone alone where it fails: what was written in it is kept with the outermost.
        """
        part, execute = f"part_{self._depth}", self.sqlite.conn.execute
        whole, before = self._depth == 0, dict(self.committed)
        with sqlite_errors(self.path):
            if whole:
                self._begin()
            else:
                execute(f"savepoint {part}")
            self._depth += 1
            try:
                yield
                execute("commit" if whole else f"release {part}")
            except BaseException:
                self.committed = before
                if self.sqlite.conn.in_transaction:  # some errors of SQLite end it themselves
                    for undo in ("rollback",) if whole else (f"rollback to {part}", f"release {part}"):
                        execute(undo)
                for forget in self.rolled_back:
                    forget()
                raise
            finally:
                self._depth -= 1
        if whole:
            then, self.committed = self.committed, {}
            for one in then.values():
                one()

    def _begin(self) -> None:
        """Take the write lock as soon as it is free: SQLite itself, once it has waited for 0.1 s, looks only every 50 to 100 ms."""
        execute, deadline = self.sqlite.conn.execute, time.monotonic() + self._busy_timeout_s
        execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    execute("begin immediate")
                    return
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(TURN_S)
        finally:
            execute(f"PRAGMA busy_timeout = {int(1000 * self._busy_timeout_s)}")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One view of the database for several queries, whatever is written meanwhile: for reading alone; it keeps nobody from writing.

        Within a transaction it is a part of that.
        """
        with sqlite_errors(self.path):
            if self.sqlite.conn.in_transaction:
                yield
                return
            self.sqlite.conn.execute("begin")
            try:
                yield
            finally:
                if self.sqlite.conn.in_transaction:
                    self.sqlite.conn.execute("rollback")

    def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        """All rows of a query."""
        with sqlite_errors(self.path):
            return list(self.sqlite.query(sql, params))

    def insert(self, table: str, row: dict[str, Any], conflict: str = "", suffix: str = "") -> int:
        """Insert one row; returns its rowid.  ``conflict`` is ``or ignore`` and the like, ``suffix`` an upsert clause.

        Three times as fast as ``sqlite_utils.Table.insert``, which looks at the schema on every call (20 against 60 µs).
        """
        columns = ", ".join(f'"{name}"' for name in row)
        sql = f"insert {conflict} into {table} ({columns}) values ({', '.join('?' * len(row))}) {suffix}"
        return int(self.sqlite.conn.execute(sql, tuple(row.values())).lastrowid or 0)
