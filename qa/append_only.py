"""Whether the triggers that let nobody change or delete what was judged, decided and logged are still in a database."""

from __future__ import annotations

import sqlite_utils

from qa.database import Database
from qa.migrations import migrations

_GUARDS = "select name, tbl_name, sql from sqlite_master where type = 'trigger' and instr(sql, 'is append only')"


def unguarded(db: Database) -> tuple[str, ...]:
    """A sentence (Chinese) for each table of which a trigger is gone or is another one than the program makes, by name."""
    with sqlite_utils.Database(memory=True, execute_plugins=False) as made:
        migrations.apply(made)
        wanted = list(made.query(_GUARDS))
    found = {row["name"]: (row["tbl_name"], row["sql"]) for row in db.rows(_GUARDS)}
    bare: dict[str, list[str]] = {}
    for row in wanted:
        if found.get(row["name"]) != (row["tbl_name"], row["sql"]):
            bare.setdefault(row["tbl_name"], []).append(row["name"])
    return tuple(
        f"数据库里 {table} 的保护（触发器 {'、'.join(sorted(names))}）被去掉或改过：它的行可以被直接改动或删除；"
        "请查明是谁做的，并从之前的备份恢复"
        for table, names in sorted(bare.items())
    )
