"""What persons wrote about a call: reasons, comments, appeals and their answers, notes of clips.  They quote customers and name people.

Of such a text :data:`qa.operation.tables.DELETED` is left: that there was one, and not what it said.  Who decided what, and when, stays.
It goes from wherever the program repeats it as well: findings of verdicts, roles as a call was judged on, sheets of closed months.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from qa import grave, ledger_cards, rows, serial
from qa.ledger_cards import Snapshot
from qa.operation import shared_findings
from qa.operation.blanking import unexplained, unremarked
from qa.operation.purge_objects import AGE, FREE, NEWEST, Gone, Old, digest_of, each
from qa.operation.tables import DELETED, HEARD, REMARKS, written
from qa.rules.money import Mark
from qa.store import Store
from qa.types import Finding

RULED = "s.call_id in (select call_id from verdicts)"
"""SQL of scorecards ``s`` that may have findings of persons."""
_CLIP_KEYS = {"id", "clip_id"}
_Rows = list[dict[str, Any]]


def _columns(of_clips: bool) -> Iterator[tuple[str, str, str]]:
    """Table, column, and by what the rows are found: those of clips, or those of calls."""
    for table, columns in REMARKS.items():
        yield from ((table, column, key) for column, key in columns.items() if (key in _CLIP_KEYS) is of_clips)


def _holding(of_clips: bool) -> str:
    """SQL of the calls (their appeals' included) or clips of which something is still to be read, as ``id``."""
    call_of = "select call_id from appeals where appeals.id = {table}.appeal_id"
    found = []
    for table, column, key in _columns(of_clips):
        named = f"({call_of.format(table=table)})" if key == "appeal_id" else key
        found.append(f"select {named} as id from {table} where {written(column)}")
    return " union ".join(found)


_AGAIN = f"""select c.call_id from purged p join calls c on c.call_id = p.object_id where p.kind = 'remarks' and p.object_kind = 'call'
  group by 1 having max(p.scorecard_id) < {NEWEST}"""
"""Calls that were scored since: what was read before the texts went may have been written after."""


def old(store: Store, cutoff: str) -> Iterator[Old]:
    """Calls by their time, clips by their last cutting; of a clip that is gone, what QA decided on it by the last decision."""
    found = f"{_holding(of_clips=False)} union {_AGAIN}"
    sql = f"""select c.call_id, {NEWEST} as card from ({found}) f cross join calls c on c.call_id = f.id where {AGE} < :cutoff and {FREE}"""
    for row in each(store, sql, cutoff):
        yield Old("call", row["call_id"], row["card"])
    cutting = "select max(v.created) from clip_versions v where v.clip_id = f.id"
    decided = "select max(d.created) from clip_decisions d where d.clip_id = f.id"
    sql = f"""select f.id from ({_holding(of_clips=True)}) f left join clips i on i.id = f.id left join calls c on c.call_id = i.call_id
      where coalesce(({cutting}), i.created, ({decided})) < :cutoff and {FREE}"""
    for row in each(store, sql, cutoff):
        yield Old("clip", str(row["id"]))


def delete(store: Store, one: Old) -> Gone:
    """All that persons wrote about a call, or about a clip."""
    if one.object_kind == "clip":
        return _gone([(table, _blank(store, table, column, key, one.object_id)) for table, column, key in _columns(of_clips=True)])
    call_id = one.object_id
    repeated = [("closed_sheets", _sheets(store, call_id))]  # named by the marks, and so before these
    own = [(table, _blank(store, table, column, key, call_id)) for table, column, key in _columns(of_clips=False)]
    findings = [("findings", shared_findings.blank(store, call_id, _unremarked, alike=True))]
    return _gone(own + findings + repeated + [("scorecards", _roles(store, call_id))])


def _gone(found: list[tuple[str, _Rows]]) -> Gone:
    some = [(table, rows_) for table, rows_ in found if rows_]
    texts = [text for _, rows_ in some for row in rows_ for text in row.values() if isinstance(text, str)]
    count = sum(len(rows_) for _, rows_ in some)
    return Gone(count, sum(len(text.encode()) for text in texts), digest_of(some) if some else "")


def _blank(store: Store, table: str, column: str, key: str, object_id: str) -> _Rows:
    """The texts of a call, of its appeals or of a clip; the rows as they were."""
    of = "in (select id from appeals where call_id = ?)" if key == "appeal_id" else "= ?"
    found = store.db.rows(f"select id, {column} from {table} where {key} {of} and {written(column)} order by id", object_id)
    for row in found:
        text = f"{HEARD}；{DELETED}" if row[column].startswith(f"{HEARD}；") else DELETED
        store.db.sqlite.execute(f"update {table} set {column} = ? where id = ?", (text, row["id"]))
    return [dict(row) for row in found]


def _unremarked(findings_json: str) -> str:
    return rows.to_json(unremarked(rows.from_json(findings_json, tuple[Finding, ...])))


def _sheets(store: Store, call_id: str) -> _Rows:
    """Sheets of closed months that were kept anew for a mark name it with its reason."""
    kept: _Rows = []
    mine = "select agent_id from scorecards where call_id = ?1 union select agent_id from calls where call_id = ?1"
    for row in store.db.rows(f"select * from grave_marks where call_id = ? and {written('reason')} order by id", call_id):
        mark = Mark(call_id, row["rule_id"], row["made_by"], row["reason"], row["created"], bool(row["grave"]))
        of = f"where agent_id in ({mine}) and why = ?2"
        kept += store.db.rows(f"select id, why from closed_sheets {of} order by id", call_id, grave.told(mark))
        told = grave.told(replace(mark, reason=DELETED))
        store.db.sqlite.execute(f"update closed_sheets set why = ?3 {of}", (call_id, grave.told(mark), told))
    return kept


def _roles(store: Store, call_id: str) -> _Rows:
    """Scorecards say why a person set the roles that they were judged on; the rows as they were."""
    if not store.db.rows("select 1 from role_marks where call_id = ? limit 1", call_id):
        return []
    kept: _Rows = []
    for row in store.db.rows("select * from scorecards where call_id = ? order by id", call_id):
        snapshot = serial.decode(row["snapshot"], Snapshot)
        roles = unexplained(snapshot.roles)
        if roles != snapshot.roles:
            text = serial.encode(replace(snapshot, roles=roles))
            told = {name: value for name, value in row.items() if name not in ("id", "created", "standing", "digest")}
            known = ledger_cards._digest(told) == row["digest"]  # of an older program's row nobody can tell
            digest = ledger_cards._digest(told | {"snapshot": text}) if known else row["digest"]
            store.db.sqlite.execute("update scorecards set snapshot = ?, digest = ? where id = ?", (text, digest, row["id"]))
            kept.append({"id": row["id"], "snapshot": row["snapshot"]})
    return kept
