"""Tables of purges, and the one lawful way past the append-only triggers; made by a migration (:mod:`qa.migrations`), never edited."""

from __future__ import annotations

from sqlite_utils import Database

APPEND_ONLY = ("purges", "purged", "purge_ends")
"""Triggers refuse to change or delete a row of these: they are the proof of what was deleted."""
BLANKED: dict[str, tuple[str, ...]] = {
    "judgements": ("digest", "findings_json"),
    "verdicts": ("findings_json",),
    "text_marks": ("text", "before_json", "edges_json"),
}
"""Of append-only tables the columns that hold words of a call: a purge may blank these, and nothing else."""

DELETED = "（已按保存期限删除）"
"""Stands where a person had written something that was deleted after its time: an empty text would say that nobody gave a reason."""
HEARD = "已从头听完"
"""What the program itself writes on releasing a clip, alone or before what the person wrote."""
OWN = ("", HEARD, "复核后公布")
"""What stands there where nobody wrote anything: nothing, or words of the program."""
REMARKS: dict[str, dict[str, str]] = {
    "verdicts": {"reason": "call_id"},
    "text_marks": {"reason": "call_id"},
    "role_marks": {"reason": "call_id"},
    "grave_marks": {"reason": "call_id"},
    "reviews": {"comment": "call_id"},
    "publications": {"note": "call_id"},
    "appeals": {"text": "call_id"},
    "appeal_steps": {"text": "appeal_id"},
    "clip_decisions": {"reason": "clip_id"},
    "clips": {"note": "id"},
    "playlist_items": {"note": "clip_id"},
}
"""What persons wrote about a call or a clip: of each table the columns, and by which column the call, appeal or clip is found."""
_ALSO = {"scorecards": ("snapshot", "digest")}
"""Further columns that a purge may change, where such a text stands among other things."""
_REPEATED = {"closed_sheets": ("why",)}
"""Columns of append-only tables that repeat a text of ``REMARKS`` after words of the program."""


def create(db: Database) -> None:
    """``purges``: a run, by whom, under which periods.  ``purged``: what was deleted of an object, how many rows, bytes, and the SHA-256 of
    what was there.  ``purge_ends``: the sums of a run and whether the bytes are gone; a run without one was cut off.

    ``purging`` has its row only inside the transaction of a purge.
    """
    texts = ("started", "made_by", "rules_json")
    db.table("purges").create({"id": int, **dict.fromkeys(texts, str)}, pk="id", not_null={*texts}, strict=True)
    told = ("kind", "object_kind", "object_id", "cutoff", "digest", "created")
    numbers = ("purge_id", "scorecard_id", "count", "bytes")
    db.table("purged").create(
        {"id": int, **dict.fromkeys(told, str), **dict.fromkeys(numbers, int)},
        pk="id",
        foreign_keys=[("purge_id", "purges", "id")],
        not_null={*told, *numbers},
        strict=True,
    )
    db.table("purged").create_index(["kind", "object_id", "scorecard_id"])
    db.table("purged").create_index(["purge_id"])
    ends = ("ended", "sums_json", "digest", "wiped_json")
    db.table("purge_ends").create(
        {"purge_id": int, **dict.fromkeys(ends, str)},
        pk="purge_id",
        foreign_keys=[("purge_id", "purges", "id")],
        not_null={*ends},
        strict=True,
    )
    db.execute("create table purging (id integer primary key check (id = 1), purge_id integer not null references purges (id)) strict")
    for table in BLANKED:
        _open(db, table)


def _open(db: Database, table: str) -> None:
    """An update is refused unless a purge is under way and all columns but those of ``BLANKED`` stay what they are."""
    kept = [column.name for column in db.table(table).columns if column.name not in BLANKED[table]]
    new, old = (", ".join(f'{row}."{name}"' for name in kept) for row in ("new", "old"))
    changed = f"({new}) is not ({old})" if len(kept) > 1 else f"{new} is not {old}"
    db.execute(f"drop trigger {table}_no_update")
    db.execute(
        f"create trigger {table}_no_update before update on {table} when not exists (select 1 from purging) or {changed}"
        f" begin select raise(abort, '{table} is append only'); end"
    )


def open_remarks(db: Database) -> None:
    """What persons wrote about a call may be blanked: of such a text its end, or all of it, becomes ``DELETED``, and nothing else.

    An index of each table has the rows that still say something.
    """
    for table, columns in REMARKS.items():
        for column, key in columns.items():
            db.execute(f"create index idx_{table}_{column}_written on {table} ({key}) where {written(column)}")
    refused = {
        row["tbl_name"] for row in db.query("select tbl_name from sqlite_master where type = 'trigger' and name = tbl_name || '_no_update'")
    }
    for table in {**REMARKS, **_ALSO, **_REPEATED}:
        if table in refused:
            _open_texts(db, table, (*REMARKS.get(table, ()), *_REPEATED.get(table, ())))


def written(column: str) -> str:
    """Whether a column of ``REMARKS`` still holds what a person wrote: the same in index and query, or the index is not used."""
    return " and ".join(f"{column} <> '{text}'" for text in (*OWN, DELETED, f"{HEARD}；{DELETED}"))


def _open_texts(db: Database, table: str, texts: tuple[str, ...]) -> None:
    """As :func:`_open`; of ``texts`` the end alone may change, to ``DELETED``."""
    free = {*BLANKED.get(table, ()), *_ALSO.get(table, ()), *texts}
    kept = [column.name for column in db.table(table).columns if column.name not in free]
    new, old = (", ".join(f'{row}."{name}"' for name in kept) for row in ("new", "old"))
    wrong = [f"({new}) is not ({old})" if len(kept) > 1 else f"{new} is not {old}"]
    for text in texts:
        begins = f"substr(old.{text}, 1, length(new.{text}) - {len(DELETED)}) || '{DELETED}'"
        wrong.append(f"(new.{text} is not old.{text} and (old.{text} = '' or new.{text} is not {begins}))")
    db.execute(f"drop trigger {table}_no_update")
    db.execute(
        f"create trigger {table}_no_update before update on {table} when not exists (select 1 from purging) or {' or '.join(wrong)}"
        f" begin select raise(abort, '{table} is append only'); end"
    )


def index_payloads(db: Database) -> None:
    """What names a payload or a sound: asked whenever one is deleted, by the purge and by SQLite for its foreign keys."""
    db.table("stage_results").create_index(["digest"])
    db.table("clip_versions").create_index(["sound"])
