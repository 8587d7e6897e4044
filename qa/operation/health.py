"""Whether the program can do its work: for the supervisor that restarts it and the balancer that sends people to it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from qa.errors import QaError
from qa.people import audit
from qa.store import Store

LEAST_FREE = 512 << 20
"""Bytes of the disk below which nothing more should be accepted: a purge and a backup need room as well."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of the database, of its write-ahead log, and free on its disk."""

    database: int
    log: int
    free: int


def problems(store: Store) -> tuple[str, ...]:
    """What is wrong (names of states, nothing of the data): empty where all is well."""
    found = []
    try:
        store.check_in_place()
        store.db.rows("select 1 from calls limit 1")
    except QaError:
        found.append("database")
    if audit.head(store.db) != "0:" and not os.access(audit.key_path(store.db), os.R_OK):
        found.append("audit-key")
    if sizes(store.path).free < LEAST_FREE:
        found.append("disk")
    return tuple(found)


def sizes(db: Path) -> Sizes:
    """What is used and what is left; 0 for a file that is not there."""
    wal = db.with_name(db.name + "-wal")
    database, log = (path.stat().st_size if path.exists() else 0 for path in (db, wal))
    return Sizes(database, log, shutil.disk_usage(db.parent).free)
