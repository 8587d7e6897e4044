"""What each kind of data is, where it lies, and how it is deleted; each deletes one object inside a transaction of the caller's.

What persons wrote is in :mod:`qa.operation.remarks`, what all kinds share in :mod:`qa.operation.purge_objects`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from qa import decode, rows
from qa.clips import index
from qa.errors import QaError
from qa.operation import remarks, shared_findings
from qa.operation.blanking import blanked
from qa.operation.purge_objects import AGE, DONE, FREE, NEWEST, Gone, Kind, Old, digest_of, each
from qa.places import RemotePath, place
from qa.store import Store
from qa.types import Finding

_DIGEST = re.compile(rb"[0-9a-f]{64}")
_FILE_MAY = f"not exists (select 1 from calls c where c.sha256 = {{sha256}} and ({AGE} >= :cutoff or not ({FREE})))"
"""No call of the recording is younger, or held."""


# ---------------------------------------------------------------- recordings


def _old_audio(store: Store, cutoff: str) -> Iterator[Old]:
    done = DONE.format(kind="audio", id="r.sha256", card="0")
    sql = f"select r.sha256 from recordings r where not {done} and exists (select 1 from calls c where c.sha256 = r.sha256) and "
    for row in each(store, sql + _FILE_MAY.format(sha256="r.sha256"), cutoff):
        yield Old("recording", row["sha256"])


def _delete_audio(store: Store, one: Old) -> Gone:
    """The file of every call of the recording, where it is still the one that was scored: another file in its place is somebody else's."""
    found = store.db.rows("select distinct file from calls where sha256 = ?", one.object_id)
    sizes, problems = [], []
    for row in found:
        path = place(row["file"])
        try:
            if isinstance(path, RemotePath):
                problems.append("录音在对象存储里，请在那里设保存期限")
            elif path.exists():
                if decode.file_sha256(path) == one.object_id:
                    sizes.append(path.stat().st_size)
                    path.unlink()
                else:
                    problems.append("录音文件的内容不是评分时的，没有删除")
        except (OSError, QaError) as error:
            problems.append(f"录音文件删除不了（{type(error).__name__}）")
    return Gone(len(sizes), sum(sizes), one.object_id if sizes else "", "；".join(dict.fromkeys(problems)))


# ---------------------------------------------------------------- clips


def _old_clips(store: Store, cutoff: str) -> Iterator[Old]:
    sql = f"""select i.id from clips i join calls c using (call_id) where {FREE}
      and coalesce((select max(v.created) from clip_versions v where v.clip_id = i.id), i.created) < :cutoff"""
    for row in each(store, sql, cutoff):
        yield Old("clip", str(row["id"]))


def _delete_clip(store: Store, one: Old) -> Gone:
    versions = store.db.rows(
        "select v.*, length(s.sound) as size from clip_versions v left join clip_sounds s on s.digest = v.sound where v.clip_id = ?",
        one.object_id,
    )
    clip = store.db.rows("select * from clips where id = ?", one.object_id)
    execute = store.db.sqlite.execute
    for table, column in (("playlist_items", "clip_id"), ("clip_versions", "clip_id"), ("clips", "id")):
        execute(f"delete from {table} where {column} = ?", (one.object_id,))
    for sound in {row["sound"] for row in versions}:
        execute("delete from clip_sounds where digest = ? and not exists (select 1 from clip_versions where sound = ?)", (sound, sound))
    return Gone(len(versions), sum(row["size"] or 0 for row in versions), digest_of((*clip, *versions)))


# ---------------------------------------------------------------- the search over all calls


_NO_WORDS = index.packed(())


def _old_search(store: Store, cutoff: str) -> Iterator[Old]:
    empty = _NO_WORDS.hex()
    sql = f"select i.call_id from search_calls i join calls c using (call_id) where {AGE} < :cutoff and {FREE} and i.lines <> x'{empty}'"
    for row in each(store, sql, cutoff):
        yield Old("call", row["call_id"])


def _delete_search(store: Store, one: Old) -> Gone:
    found = store.db.rows("select lines, marks from search_calls where call_id = ?", one.object_id)
    index._remove(store, one.object_id)
    return Gone(len(found), sum(len(row["lines"]) for row in found), digest_of(found))


# ---------------------------------------------------------------- transcripts, and what was worked out on the way


_HOLDS_WORDS = "(text <> '' or before_json <> '[]' or edges_json <> '[]')"
"""Of a correction: also one that nothing was said holds the words that stood there."""


def _old_transcripts(store: Store, cutoff: str) -> Iterator[Old]:
    done = DONE.format(kind="transcripts", id="c.call_id", card=NEWEST)
    said = "exists (select 1 from utterances u where u.call_id = c.call_id)"
    corrected = f"exists (select 1 from text_marks m where m.call_id = c.call_id and {_HOLDS_WORDS})"
    sql = f"""select c.call_id, {NEWEST} as card from calls c where {AGE} < :cutoff and {FREE}
      and (not {done} or {said} or {corrected})"""
    for row in each(store, sql, cutoff):
        yield Old("call", row["call_id"], row["card"])


def _delete_transcript(store: Store, one: Old) -> Gone:
    """Words by person and index, payloads of all that the call was judged on, corrections of persons.

    Without its words a call is never judged again, so that the other payloads of its scorecards go with them.
    """
    execute = store.db.sqlite.execute
    said = store.db.rows("select * from utterances where call_id = ? order by position", one.object_id)
    marks = store.db.rows("select id, text, before_json, edges_json from text_marks where call_id = ? order by id", one.object_id)
    execute("delete from utterances_fts where rowid in (select id from utterances where call_id = ?)", (one.object_id,))
    execute("delete from utterances where call_id = ?", (one.object_id,))
    blank = "update text_marks set text = '', before_json = '[]', edges_json = '[]'"
    execute(f"{blank} where call_id = ? and {_HOLDS_WORDS}", (one.object_id,))
    snapshots = store.db.rows("select snapshot from scorecards where call_id = ?", one.object_id)
    payloads = {found.decode() for row in snapshots for found in _DIGEST.findall(row["snapshot"])}
    stages = _stages_of(store, one.object_id)
    execute("delete from temp._needs where call_id = ?", (one.object_id,))
    index.changed(store, one.object_id)  # found by its results alone
    freed, size = _unused(store, payloads | stages)
    return Gone(len(said) + len(marks) + freed, size, digest_of((said, marks, sorted(payloads | stages))))


def _stages_of(store: Store, call_id: str) -> set[str]:
    """Results of the stages of the call's recording are deleted with it, where no other call of the recording is younger or held."""
    mine = "select sha256 from calls where call_id = ?"
    said = "exists (select 1 from utterances u where u.call_id = c.call_id)"
    others = f"select 1 from calls c where c.sha256 = ({mine}) and c.call_id <> ? and {said}"
    if store.db.rows(others, call_id, call_id):
        return set()
    found = {row["digest"] for row in store.db.rows(f"select digest from stage_results where file_sha256 = ({mine})", call_id)}
    store.db.sqlite.execute(f"delete from stage_results where file_sha256 = ({mine})", (call_id,))
    return found


def _old_caches(store: Store, cutoff: str) -> Iterator[Old]:
    age = "not exists (select 1 from calls c where c.sha256 = r.file_sha256) and r.created >= :cutoff"
    sql = f"select distinct r.file_sha256 as sha256 from stage_results r where not ({age}) and {_FILE_MAY.format(sha256='r.file_sha256')}"
    for row in each(store, sql, cutoff):
        yield Old("recording", row["sha256"])


def _delete_caches(store: Store, one: Old) -> Gone:
    found = store.db.rows("select stage, settings_hash, digest from stage_results where file_sha256 = ?", one.object_id)
    store.db.sqlite.execute("delete from stage_results where file_sha256 = ?", (one.object_id,))
    freed, size = _unused(store, {row["digest"] for row in found})
    return Gone(len(found) + freed, size, digest_of(found))


def _unused(store: Store, payloads: set[str]) -> tuple[int, int]:
    """Delete those payloads that nothing needs any more; how many, and their bytes."""
    count = size = 0
    for digest in sorted(payloads):
        if not _needed(store, digest):
            for row in store.db.rows("select length(payload) as size from blobs where digest = ?", digest):
                count, size = count + 1, size + row["size"]
            store.db.sqlite.execute("delete from blobs where digest = ?", (digest,))
    return count, size


def _needed(store: Store, digest: str) -> bool:
    sql = "select 1 from stage_results where digest = ?1 union all select 1 from temp._needs where digest = ?1 limit 1"
    return bool(store.db.rows(sql, digest))


def note_needs(store: Store) -> None:
    """Which call needs which payload, in a table of this connection alone: what was judged on it, or roles that a person set on it.

    A call whose transcript was deleted needs none, unless it was scored anew since.
    """
    execute = store.db.sqlite.execute
    execute("create temp table if not exists _needs (digest text, call_id text, primary key (digest, call_id)) without rowid")
    execute("create index if not exists temp._needs_of_call on _needs (call_id)")  # each deletion asks for both, while others wait
    execute("delete from _needs")
    gone = DONE.format(kind="transcripts", id="s.call_id", card="s.id")
    cards = store.db.sqlite.conn.execute(f"select s.call_id, s.snapshot from scorecards s where not {gone}")
    while page := cards.fetchmany(5000):
        pairs = {(found.decode(), call_id) for call_id, snapshot in page for found in _DIGEST.findall(snapshot)}
        store.db.sqlite.conn.executemany("insert or ignore into _needs values (?, ?)", pairs)
    execute("insert or ignore into _needs select turns_digest, call_id from role_marks")
    store.db.sqlite.conn.commit()


# ---------------------------------------------------------------- words quoted in findings


def _old_quotes(store: Store, cutoff: str) -> Iterator[Old]:
    done = DONE.format(kind="quotes", id="c.call_id", card=NEWEST)
    sql = f"select c.call_id, {NEWEST} as card from calls c where {AGE} < :cutoff and {FREE} and not {done}"
    for row in each(store, sql, cutoff):
        yield Old("call", row["call_id"], row["card"])


def _delete_quotes(store: Store, one: Old) -> Gone:
    """Blank the words in what the program and persons found in the call; outcome, seconds, figures, points stay.

    Findings that a younger or held call has as well, word for word, are blanked with the last of these.
    """
    kept = shared_findings.blank(store, one.object_id, _without_words)
    return Gone(len(kept), sum(len(row["findings_json"].encode()) for row in kept), digest_of(kept) if kept else "")


def _without_words(findings_json: str) -> str:
    return rows.to_json(blanked(rows.from_json(findings_json, tuple[Finding, ...])))


KIND = {
    "audio": Kind(_old_audio, _delete_audio),
    "clips": Kind(_old_clips, _delete_clip),
    "search": Kind(_old_search, _delete_search),
    "transcripts": Kind(_old_transcripts, _delete_transcript),
    "caches": Kind(_old_caches, _delete_caches),
    "quotes": Kind(_old_quotes, _delete_quotes),
    "remarks": Kind(remarks.old, remarks.delete),
}
"""By the names of :data:`qa.operation.retention.KINDS`."""
