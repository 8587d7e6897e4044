"""What is read, exported and changed on the command line goes into the same audit log as on the web (:mod:`qa.people.audit`)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from qa.cli_common import err
from qa.errors import DatabaseError
from qa.people.os_users import os_user

if TYPE_CHECKING:
    from qa.store import Store

__all__ = ("changed", "os_user", "seen")
_PRIMARY = 0xFF
"""The part of SQLite's extended error codes that tells the kind."""


def changed(store: Store, by: str, action: str, kind: str, object_id: str, **details: object) -> None:
    """Log a change or an export; inside the transaction of the change, so that both stand or fall together.

    ``by``: the name that was given, else the operating system's; with a given name that of the system is kept beside it.
    Errors: as of :func:`qa.people.audit.record`.
    """
    from qa.people import audit

    name = by.strip()
    audit.record(store.db, name or os_user(), action, kind, object_id, {**details, **({"os_user": os_user()} if name else {})})


def seen(store: Store, action: str, kind: str, object_id: str, **details: object) -> None:
    """Log what is about to be shown or exported.  Whoever may only read the database is not kept from it, but told.

    Errors: as of :func:`changed`, apart from a database that cannot be written.
    """
    try:
        changed(store, "", action, kind, object_id, **details)
    except DatabaseError as error:
        cause = error.__cause__
        if not isinstance(cause, sqlite3.Error) or cause.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_READONLY:
            raise
        err().print("提示：数据库是只读的，这次查看没有记入审计日志", style="yellow", markup=False, soft_wrap=True)
