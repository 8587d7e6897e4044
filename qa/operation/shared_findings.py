"""Findings are kept once for all calls that have them: what a purge blanks in those of one call, a younger or held call still has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from qa import judgements
from qa.operation.purge_objects import AGE, FREE
from qa.store import Store

MARK = b"purged "
"""Begins the digest of a judgement whose words are gone: no later finding of the same words meets it."""


def note(store: Store, cutoff: str, only: str = "1") -> None:
    """Which calls that are not to be purged have which findings, in a table of this connection alone; ``only``: SQL of the scorecards ``s``
    that may have what is to be blanked."""
    execute = store.db.sqlite.execute
    execute("create temp table if not exists _quoting (judgement integer, call_id text, primary key (judgement, call_id)) without rowid")
    execute("delete from _quoting")
    sql = f"select s.call_id, s.results_json from scorecards s join calls c using (call_id) where {only} and ({AGE} >= ? or not ({FREE}))"
    cards = store.db.sqlite.conn.execute(sql, (cutoff,))
    while page := cards.fetchmany(5000):
        pairs = {(judgement, call_id) for call_id, text in page for judgement in _named([text])}
        store.db.sqlite.conn.executemany("insert or ignore into _quoting values (?, ?)", pairs)
    store.db.sqlite.conn.commit()


def blank(store: Store, call_id: str, without: Callable[[str], str], alike: bool = False) -> list[dict[str, Any]]:
    """Blank all findings of a call, of the program and of persons, but those that :func:`note` found elsewhere; the rows as they were.

    ``without``: the blanked findings (JSON), the same where there is nothing to blank.  ``alike``: what reads so from now on, when the call
    is judged again, is the same judgement.
    """
    kept: list[dict[str, Any]] = []
    named = _named(row["results_json"] for row in store.db.rows("select results_json from scorecards where call_id = ?", call_id))
    for judgement in sorted(named):
        kept += _blank(store, judgement, call_id, without, alike)
    for row in store.db.rows("select id, findings_json from verdicts where call_id = ?", call_id):
        text = without(row["findings_json"])
        if text != row["findings_json"]:
            store.db.sqlite.execute("update verdicts set findings_json = ? where id = ?", (text, row["id"]))
            kept.append(row)
    return kept


def _blank(store: Store, judgement: int, call_id: str, without: Callable[[str], str], alike: bool) -> list[dict[str, Any]]:
    (row,) = store.db.rows("select id, findings_json from judgements where id = ?", judgement)
    text = without(row["findings_json"])
    if text == row["findings_json"] or store.db.rows(
        "select 1 from temp._quoting where judgement = ? and call_id <> ? limit 1", judgement, call_id
    ):
        return []
    digest = _digest(store, judgement, text) if alike else MARK + str(judgement).encode()
    store.db.sqlite.execute("update judgements set findings_json = ?, digest = ? where id = ?", (text, digest, judgement))
    return [row]


def _digest(store: Store, judgement: int, text: str) -> bytes:
    """That of these findings, unless another judgement has it."""
    own: bytes = judgements._digest(text.encode())
    return MARK + str(judgement).encode() if store.db.rows("select 1 from judgements where digest = ?", own) else own


def _named(found: Iterable[str]) -> set[int]:
    """Rows of ``judgements`` that packed results (``qa.judgements``) name: those that decided, and the program's beside a person's."""
    results = [result for text in found for result in msgspec.json.decode(text)]
    return {result[1] for result in results} | {result[7][1] for result in results if len(result) > 7 and result[7]}
