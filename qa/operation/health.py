"""Whether the program can do its work: for the supervisor that restarts it and the balancer that sends people to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qa.errors import QaError, StoreError
from qa.people import audit, second_factor
from qa.store import Store

LEAST_FREE = 512 << 20
"""Bytes of the disk below which nothing more should be accepted: a purge and a backup need room as well."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of the database, of its write-ahead log, and free on its disk."""

    database: int
    log: int
    free: int


@dataclass(frozen=True)
class Problem:
    """``name``: of a state, for machines, nothing of the data; ``error``: file, cause and cure."""

    name: str
    error: QaError


def problems(store: Store) -> tuple[str, ...]:
    """What is wrong (:attr:`Problem.name`): empty where all is well."""
    return tuple(one.name for one in found(store))


def found(store: Store) -> tuple[Problem, ...]:
    """What is wrong, with what to do about it."""
    told = list[Problem]()
    for name, check in _CHECKS.items():
        if name in _OF_DATABASE and any(one.name == "database" for one in told):
            continue  # it cannot be asked
        try:
            check(store)
        except QaError as error:
            told.append(Problem(name, error))
    return tuple(told)


def _check_database(store: Store) -> None:
    store.check_in_place()
    store.db.rows("select 1 from calls limit 1")


def _check_audit_key(store: Store) -> None:
    if audit.head(store.db) != "0:":
        audit.KEY.read(store.db.path)


def _check_second_factors(store: Store) -> None:
    """Who has a second factor cannot log in without its key; one secret tells whether it is the right one."""
    second_factor.check_key(store.db, 1)


def _check_disk(store: Store) -> None:
    free = sizes(store.path).free
    if free < LEAST_FREE:
        cause = f"磁盘只剩 {free >> 20} MiB，少于 {LEAST_FREE >> 20} MiB"
        raise StoreError(str(store.path.absolute().parent), cause, "请清理磁盘，或把数据库移到更大的磁盘")


_CHECKS: dict[str, Callable[[Store], None]] = {
    "database": _check_database,
    "audit-key": _check_audit_key,
    "second-factor-key": _check_second_factors,
    "disk": _check_disk,
}
_OF_DATABASE = frozenset(("audit-key", "second-factor-key"))


def sizes(db: Path) -> Sizes:
    """What is used and what is left; 0 for a file that is not there."""
    wal = db.with_name(db.name + "-wal")
    database, log = (path.stat().st_size if path.exists() else 0 for path in (db, wal))
    return Sizes(database, log, shutil.disk_usage(db.parent).free)
