"""The database: SQLite by sqlite-utils, in WAL mode, one transaction a call.

Stage results are kept by the content hash of the file, the stage and its settings; their payloads lie once in ``blobs``
under their own SHA-256, and a scored call points to the very payloads that it was judged on.  Scorecards are appended,
never changed (the database itself refuses); the newest one of a call that stands is its current one (:mod:`qa.ledger_cards`).

Errors: everything that goes wrong with the database is a :class:`StoreError`; an unknown call is a :class:`NotFoundError`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from qa import grave, rows, serial, set_apart
from qa.batch.kept import Batches
from qa.bench import Card
from qa.clock import wall_clock
from qa.database import BUSY_TIMEOUT_S, Database
from qa.errors import NotFoundError, StoreError
from qa.ledger import Ledger
from qa.ledger_calls import Earlier, StoredCall, stored_call, stored_calls
from qa.ledger_cards import Adjustment, Cards, Saved, Snapshot, filed
from qa.operation.missing import refuse_deleted
from qa.rows import AgentRow, CheckOutcome, Kept, ScoredCall, SearchHit, StoredScorecard
from qa.rules.money import Mark
from qa.scoring import about
from qa.switch.kept import LogRows
from qa.torn import continues, holder
from qa.types import Acoustics, Call, Scorecard, SpeakerTurns, SpeechActivity, Transcript
from qa.withdrawals import Withdrawal, Withdrawals

__all__ = ["AgentRow", "CheckOutcome", "Kept", "Saved", "ScoredCall", "SearchHit", "Store", "StoredCall", "StoredScorecard"]

T = TypeVar("T")
Day = str | date | None
Released = Callable[[dict[str, Any]], bool]
"""Whether the recording of a row of ``calls`` is another call's by now."""

PARTS: dict[str, Any] = {
    "activity": SpeechActivity,
    "turns": SpeakerTurns,
    "transcript": Transcript,
    "acoustics": Acoustics,
}


class Store:
    """``with Store(path) as store``: opens or makes the database and brings its schema up to date.

    ``create=False`` refuses to make a new one (for commands that only read).  One thread at a time; several processes may
    share a database: a writer waits up to ``busy_timeout_s`` for another.
    """

    def __init__(self, path: Path | str, *, create: bool = True, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = Path(path)
        self._db = Database(self.path, create, busy_timeout_s)
        self.ledger = Ledger(self._db)
        self._cards = Cards(self._db, self.ledger)
        self.log = LogRows(self._db)
        self.batches = Batches(self._db)
        self.withdrawals = Withdrawals(self._db, self.ledger, functools.partial(continues, self._db, self._get_blob))

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def check_in_place(self) -> None:
        """Errors: :class:`DatabaseError` where the file was deleted or exchanged under this program: SQLite would write into nowhere."""
        self._db.check_in_place()

    # ------------------------------------------------------------ stage results

    def _put_blob(self, payload: bytes) -> str:
        digest = hashlib.sha256(payload).hexdigest()
        # a payload that differs was damaged by the disk: it is mended
        mend = "on conflict (digest) do update set payload = excluded.payload where payload <> excluded.payload"
        self._db.insert("blobs", {"digest": digest, "payload": payload}, suffix=mend)
        return digest

    def _get_blob(self, digest: str) -> bytes | None:
        """The payload, or None where it is missing or no longer what was stored."""
        found = self._db.rows("select payload from blobs where digest = ?", digest)
        payload = bytes(found[0]["payload"]) if found else b""
        return payload if hashlib.sha256(payload).hexdigest() == digest else None

    def part(self, digest: str, type_: type[T]) -> T | None:
        """What a call was judged on, by its digest (``PARTS``); None where it is missing or damaged."""
        payload = self._get_blob(digest)
        return None if payload is None else serial.decode(payload, type_)

    def put_stage(self, file_sha256: str, stage: str, settings_hash: str, value: object) -> None:
        """Keep the result of ``stage`` for a file's content under these settings, in place of an older one."""
        self.put_payloads(file_sha256, [(stage, settings_hash, serial.encode(value))])

    def put_payloads(self, file_sha256: str, results: Iterable[tuple[str, str, bytes]]) -> None:
        """Keep several results of a file (stage, settings, payload), encoded elsewhere by :mod:`qa.serial`, in one transaction."""
        with self._db.writing():
            for stage, settings_hash, payload in results:
                row = {"file_sha256": file_sha256, "stage": stage, "settings_hash": settings_hash, "created": rows.now_utc()}
                row_of_blob = {"schema_version": serial.SCHEMA_VERSION, "digest": self._put_blob(payload)}
                self._db.insert("stage_results", row | row_of_blob, "or replace")

    def get_stage(self, file_sha256: str, stage: str, settings_hash: str, type_: type[T]) -> T | None:
        """The stored result, or None where it has to be made again: none there, damaged, or of another payload format."""
        payload = self.stage_payload(file_sha256, stage, settings_hash)
        return None if payload is None else serial.decode(payload, type_)

    def stage_payload(self, file_sha256: str, stage: str, settings_hash: str) -> bytes | None:
        """The same, encoded."""
        found = self._db.rows(
            "select digest from stage_results where file_sha256 = ? and stage = ? and settings_hash = ? and schema_version = ?",
            *(file_sha256, stage, settings_hash, serial.SCHEMA_VERSION),
        )
        return self._get_blob(found[0]["digest"]) if found else None

    # ------------------------------------------------------------ saving a call

    def save_call(self, call: Call, scorecard: Scorecard, *, new_recording: bool = False) -> int:
        """:meth:`record`, of which only the id of the scorecard matters."""
        return self.record(call, scorecard, new_recording=new_recording).id

    def record(
        self,
        call: Call,
        scorecard: Scorecard,
        *,
        new_recording: bool = False,
        released: Released = lambda row: False,
        also: Callable[[], object] = lambda: None,
        then: Callable[[Saved], object] = lambda saved: None,
    ) -> Saved:
        """Keep a scored call; ``also`` is done before and ``then`` after it in the same transaction.

        A scorecard equal to the current one of the call is not stored twice; any other is put beside the older ones.  In a closed month
        it is a proposal: nothing that is shown of the call changes until :meth:`adjust`.  The call id may go over to another recording
        where it is withdrawn, or ``released`` says of its row of ``calls`` that the present records give its file another call.
        Errors: :class:`StoreError` if the call id already belongs to a recording of other content, unless that was cut short and this one
        is it with what was missing (:mod:`qa.torn`), or ``new_recording`` says that this is meant.
        """
        if scorecard.provenance.file_sha256 != call.audio.sha256:
            raise StoreError(scorecard.call_id, "评分与录音不是同一个文件", "请重新评分")
        parts = {name: serial.encode(getattr(call.as_heard, name)) for name in PARTS}
        digests = tuple((name, hashlib.sha256(payload).hexdigest()) for name, payload in parts.items())
        snapshot = serial.encode(Snapshot(replace(call.audio, path=""), call.roles, call.record, digests))
        with self._db.writing():
            free = lambda row: new_recording or self.withdrawals.standing(row["call_id"]) is not None or released(row)  # noqa: E731
            known, another = holder(self._db, self._get_blob, scorecard.call_id, call.audio, free)
            also()
            day = wall_clock(call.record.moment) if call.record else None
            # nor does an id go over to another recording while its own waits for a person to become another call
            waits = another and (self.pending(scorecard.call_id) is not None or self.withdrawals.gives_way(scorecard.call_id))
            closed = waits or self.ledger.is_closed(day, known["started"] if known else None)
            if known is None or not closed:
                self._save_call_row(call, scorecard.call_id, scorecard.agent_id, another)
            saved = self._cards.append(filed(scorecard, about(call).notes), snapshot, closed, another)
            if saved.new:
                for payload in parts.values():
                    self._put_blob(payload)
                if not closed:
                    self._save_utterances(call, scorecard.call_id)
            then(saved)
            return saved

    def append(self, judged: Iterable[tuple[StoredCall, Card]]) -> tuple[Saved, ...]:
        """Put new scorecards of stored calls beside the old ones, all in one transaction; what they were judged on is there already."""
        with self._db.writing():
            return self.append_within(judged)

    def append_within(self, judged: Iterable[tuple[StoredCall, Card]]) -> tuple[Saved, ...]:
        """The same inside a transaction of the caller's."""
        return tuple(self._cards.append(card, of.snapshot, self.ledger.is_closed(of.started)) for of, card in judged)

    @property
    def db(self) -> Database:
        """For the modules that keep their own tables in it."""
        return self._db

    def adjust(self, call_id: str, by: str, reason: str, scorecard_id: int | None = None) -> Adjustment:
        """Make a scorecard of the call stand that did not: by default its newest one, where that is a proposal; with it all that is one
        decision with it (:func:`qa.ledger_closing.decide`).

        What is shown of the call (agent, times, words) becomes that which this scorecard was judged on; what was kept of a closed
        month is kept anew.
        Errors: :class:`NotFoundError` for an unknown call or scorecard, :class:`StoreError` where nothing is proposed, the scorecard
        stands already, name or reason is missing, or its first warnings are counted on other calls than those that stand.
        """
        from qa import ledger_closing  # explains scorecards, and so knows the store

        if scorecard_id is None and self.pending(call_id) is None:
            with self._db.writing():
                return self.adjust_one(call_id, by, reason, None, {})  # says what is wrong with it
        _, made = ledger_closing.decide(self, [call_id], by, reason, scorecard_id)
        return next(one for one in made if one.call_id == call_id)

    def adjust_month(self, month: str, by: str, reason: str) -> tuple[tuple[Withdrawal, ...], tuple[Adjustment, ...]]:
        """All that is proposed in a closed month (``2025-06``) at once, as :meth:`adjust`."""
        from qa import ledger_closing

        return ledger_closing.decide_month(self, month, by, reason)

    def adjust_one(self, call_id: str, by: str, reason: str, scorecard_id: int | None, files: Mapping[str, str]) -> Adjustment:
        """One scorecard of a decision (:func:`qa.ledger_closing.decide`), in its transaction; ``files``: where each content lies."""
        from qa import ledger_closing
        from qa.review import publications

        before = ledger_closing.places(self, call_id)
        made = self._cards.adjust(call_id, by, reason, scorecard_id)
        (row,) = self._db.rows("select s.*, c.file, c.sha256 from scorecards s join calls c using (call_id) where s.id = ?", made.after)
        content = serial.decode(row["snapshot"], Snapshot).audio.sha256
        call = self._call(call_id, row["snapshot"], files.get(content, row["file"]))
        self._save_call_row(call, call_id, row["agent_id"], content != row["sha256"] and content in files)
        self._save_utterances(call, call_id)
        ledger_closing.check_adjusted(self, made)
        publications.follow(self._db, call_id, made.before, Saved(made.after, False, True), made.by, f"调整：{made.reason}")
        ledger_closing.corrected(self, before | ledger_closing.places(self, call_id), made.by, f"调整 {call_id}：{made.reason}")
        return made

    def pending(self, call_id: str) -> int | None:
        """The proposed scorecard of a call that waits for an adjustment: its newest one, where that does not stand; else None."""
        return self._cards.pending(call_id)

    def adjustments(self, call_id: str) -> tuple[Adjustment, ...]:
        """Adjustments of a call, the earliest first."""
        return self._cards.adjustments(call_id)

    def marks(self, call_id: str | None = None) -> tuple[Mark, ...]:
        """What persons called grave (情节严重) or took back, of all calls or of one, in the order in which they did."""
        return grave.marks(self._db, call_id)

    def mark_grave(self, call_id: str, rule_id: str, by: str, reason: str, is_grave: bool = True, *, closed_month: bool = False) -> Mark:
        """Call what a call breached of a rule grave, or (``is_grave`` False) take that back; its fines are multiplied from now on.

        ``closed_month``: consent that the money of a closed month changes.
        Errors: :class:`NotFoundError` for an unknown call or rule, :class:`StoreError` where name or reason is missing, the standing
        scorecard has no breach of the rule, its fine has no multiples, nothing would change, or consent is missing.
        """
        from qa import ledger_closing  # in a closed month a mark is a correction like an adjustment

        made = grave.new(call_id, rule_id, by, reason, is_grave)
        with self._db.writing():
            grave.check(self, made, closed_month)
            grave.insert(self._db, made)
            ledger_closing.corrected(self, ledger_closing.places(self, call_id), made.by, grave.told(made))
        return made

    def closed_month_of(self, call_id: str) -> str | None:
        """The closed month (``2025-06``) that a call lies in; None where there is none."""
        found = self._db.rows("select substr(started, 1, 7) as month from calls where call_id = ?", call_id)
        return next((row["month"] for row in found if self.ledger.is_closed(row["month"])), None)

    def _save_call_row(self, call: Call, call_id: str, agent_id: str | None, another: bool = False) -> None:
        """``another``: recording than the call had until now."""
        if another:
            grave.left_behind(self._db, call_id, call.audio.path)
        self._db.insert("recordings", rows.recording_row(call.audio), "or ignore")
        row = rows.call_row(call.audio, call.record, call_id, agent_id)
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in (*row, "updated"))
        now = rows.now_utc()
        self._db.insert("calls", row | {"created": now, "updated": now}, suffix=f"on conflict (call_id) do update set {changes}")

    def _save_utterances(self, call: Call, call_id: str) -> None:
        """What was said, for reading and searching: the newest transcript replaces the older one's rows."""
        execute = self._db.sqlite.execute
        execute("delete from utterances_fts where rowid in (select id from utterances where call_id = ?)", (call_id,))
        execute("delete from utterances where call_id = ?", (call_id,))
        for position, u in enumerate(call.transcript.utterances):
            row = {"call_id": call_id, "position": position, "speaker": u.speaker, "role": call.roles.role_of(u.speaker).value}
            row |= {"start_ms": u.span.start_ms, "end_ms": u.span.end_ms, "text": u.text}
            rowid = self._db.insert("utterances", row)
            self._db.insert("utterances_fts", {"rowid": rowid, "characters": rows.index_characters(u.text)})

    def call(self, call_id: str) -> Call:
        """The call as its current scorecard was judged on; the path is where the file was last seen."""
        row = self._current(call_id)
        return self._call(call_id, row["snapshot"], row["file"])

    def stored_calls(self, since: str | date | None = None, until: str | date | None = None) -> Iterator[StoredCall]:
        """All calls of a period (as :meth:`calls`), also those without a standing scorecard, by start; read page by page."""
        yield from stored_calls(self._db, self._cards, since, until)

    def stored_call(self, call_id: str, scorecard_id: int | None = None) -> StoredCall | None:
        """One of these, also with another of its scorecards; None where no call of that id counts."""
        return stored_call(self._db, self._cards, call_id, scorecard_id)

    def earlier(self, without: Collection[str] = ()) -> Earlier:
        """For rules that warn first: breaches earlier in the month, but for those of the calls ``without``."""
        return Earlier(self._db, self._cards.judgements, without)

    def load(self, stored: Kept) -> Call:
        """The call of a row of :meth:`stored_calls`.  Errors: :class:`StoreError` where a part of it is missing or damaged."""
        return self._call(stored.call_id, stored.snapshot, stored.file)

    def _call(self, call_id: str, judged_on: bytes, file: str) -> Call:
        refuse_deleted(self._db, call_id)
        snapshot = serial.decode(judged_on, Snapshot)
        parts = {}
        for name, digest in snapshot.parts:
            if (payload := self._get_blob(digest)) is None:
                raise StoreError(call_id, f"保存的数据（{name}）缺失或已损坏", "请重新运行评分，或从备份恢复数据库")
            parts[name] = serial.decode(payload, PARTS[name])
        return set_apart.applied(Call(replace(snapshot.audio, path=file), roles=snapshot.roles, record=snapshot.record, **parts))

    def scorecard(self, call_id: str) -> Scorecard:
        """The current scorecard of a call."""
        return self._scorecard(self._current(call_id))

    def history(self, call_id: str) -> tuple[StoredScorecard, ...]:
        """All scorecards of a call, oldest first; among them those that are only proposed."""
        found = self._db.rows("select * from scorecards where call_id = ? order by id", call_id)
        if not found:
            self._current(call_id)  # says what is wrong
        return tuple(StoredScorecard(row["id"], row["created"], self._scorecard(row), bool(row["standing"])) for row in found)

    def _current(self, call_id: str) -> dict[str, Any]:
        found = self._db.rows("select s.*, c.file from current_scorecards s join calls c using (call_id) where call_id = ?", call_id)
        if found:
            return found[0]
        withdrawn = self.withdrawals.standing(call_id)
        if withdrawn is not None:
            raise NotFoundError(call_id, str(withdrawn), "它的评分都还保留着；请看该录音现在的通话")
        if self._db.rows("select 1 from calls where call_id = ?", call_id):
            cure = "请由负责人用 qa adjust 批准这份评分"
            raise NotFoundError(call_id, "这通电话所在的月份已关账，它的评分还没有批准", cure)
        raise NotFoundError(call_id, "数据库中没有这通电话", "请核对通话编号，或先运行 qa score")

    def _scorecard(self, row: dict[str, Any]) -> Scorecard:
        return rows.scorecard(row, self._cards.judgements.whole(row["results_json"]))

    def calls(
        self, agent: str | None = None, since: Day = None, until: Day = None, *, withdrawn: bool = False, call_id: str | None = None
    ) -> tuple[ScoredCall, ...]:
        """Calls with their current scorecards, by start (unknown starts last); ``withdrawn``: instead of these those that count no more.

        ``since`` is inclusive; ``until`` takes in the whole day if it is a date, else it is exclusive; both are wall clock
        of UTC+8.  A call without a known start is in no bounded period.  ``call_id``: that call alone.
        """
        low, high = rows.period(since, until)
        chosen = (("c.agent_id = ?", agent), ("c.started >= ?", low), ("c.started < ?", high), ("c.call_id = ?", call_id))
        cards = "standing_scorecards" if withdrawn else "current_scorecards"
        known = "c.call_id in (select call_id from withdrawn_calls)" if withdrawn else "1"
        where = " and ".join([known, *(sql for sql, value in chosen if value is not None)])
        params = [value for _, value in chosen if value is not None]
        found = self._db.rows(
            "select c.*, s.id as scorecard_id, s.percent, s.coverage, s.provenance_json, s.results_json, s.created as scored_at"
            f" from calls c join {cards} s using (call_id) where {where} order by c.started is null, c.started, call_id",
            *params,
        )
        unpack = self._cards.judgements.unpack
        return tuple(rows.scored_call(row, [rows.check_outcome(r) for r in unpack(row["results_json"])]) for row in found)

    def scored(
        self, agent: str | None = None, since: Day = None, until: Day = None, *, withdrawn: bool = False
    ) -> Iterator[tuple[ScoredCall, Scorecard]]:
        """The calls of :meth:`calls`, each with its whole scorecard."""
        for row in self.calls(agent, since, until, withdrawn=withdrawn):
            found = self._db.rows("select * from scorecards where id = ?", row.scorecard_id)
            yield row, self._scorecard(found[0])

    def agents(self) -> tuple[AgentRow, ...]:
        """Agents with scored calls, by id; name and team as in their latest call."""
        return rows.agents(
            self._db.rows(
                "select c.agent_id, c.agent_name, c.team, c.started, s.demo from calls c join current_scorecards s using (call_id)"
                " where c.agent_id <> '' order by c.agent_id, c.started is not null, c.started, call_id"
            )
        )

    def search(self, text: str, agent: str | None = None, limit: int = 100) -> tuple[SearchHit, ...]:
        """Utterances that contain ``text`` (also one or two characters), newest call first, at most ``limit``.

        Case, full width, spaces and punctuation make no difference.  ``agent`` limits it to that agent's calls.
        """
        if not (characters := rows.index_characters(text)):
            return ()
        found = self._db.rows(
            "select u.*, c.agent_id, s.demo from utterances_fts f join utterances u on u.id = f.rowid"
            " join calls c using (call_id) join current_scorecards s using (call_id)"
            " where utterances_fts match ? and (? is null or c.agent_id = ?)"
            " order by c.started is null, c.started desc, call_id, u.position limit ?",
            *(f'"{characters}"', agent, agent, limit),
        )
        return tuple(rows.search_hit(row) for row in found)
