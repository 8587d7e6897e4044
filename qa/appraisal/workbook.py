"""The workbook of a month, beside the web app where it is large: a thousand agents take seconds of one processor."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from qa.appraisal import files, month_table
from qa.appraisal.month_table import Arithmetic, Row, Table
from qa.errors import StoreError
from qa.store import Store
from qa.web import language

WAIT_S = 60.0
"""So long one workbook waits for another one."""
_one_at_a_time = threading.Lock()


def taken(store: Store, month: str, team: str | None, day: datetime.date | None) -> tuple[Table, list[tuple[Row, Arithmetic]]]:
    """The table and the arithmetic behind each row as of one moment, whatever is written meanwhile.  Figures are taken as they are kept
    (:func:`qa.appraisal.figures.ensure`): where some are still to be counted (``behind``) there is no arithmetic, as it would not be
    theirs."""
    with store.db.reading():
        table = month_table.table(store, month, team, day, budget_s=-1.0)
        rows = () if table.behind else table.rows
        return table, [(row, month_table.arithmetic(store, row.of.agent_id, month, team)) for row in rows]


def made(store: Store, month: str, team: str | None, day: datetime.date | None) -> tuple[bytes, Table]:
    """The workbook with table, arithmetic and notes, and its table; of a table that is ``behind`` there is none (empty)."""
    table, how = taken(store, month, team, day)
    return (b"" if table.behind else files.xlsx_bytes(files.to_sheets(table, how))), table


def apart(db: Path, month: str, team: str | None, day: datetime.date | None) -> tuple[bytes, Table]:
    """As :func:`made`, in a process of its own, so that no other page waits, in the language of the page that asks; one at a time.

    Errors: :class:`StoreError` where others are in front for too long, or the process ends before it is done.
    """
    if not _one_at_a_time.acquire(timeout=WAIT_S):
        raise StoreError(month, "正在生成别的表格", "请过一会儿再下载")
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            return process.submit(_opened, db, month, team, day, language.current()).result()
    except BrokenProcessPool as error:
        raise StoreError(month, "表格没有生成", "请稍后再试；内存可能不够") from error
    finally:
        _one_at_a_time.release()


def _opened(db: Path, month: str, team: str | None, day: datetime.date | None, spoken: str) -> tuple[bytes, Table]:
    with language.speaking(spoken), Store(db, create=False) as store:
        return made(store, month, team, day)
