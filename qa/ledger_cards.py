"""Scorecards put beside each other: what stands, what is only proposed, and who made it stand.

A new scorecard of a call of a closed month is a proposal: it changes no figure until a person makes it stand, by an adjustment with a
name and a reason.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qa import rows, serial
from qa.bench import Card
from qa.clock import wall_clock
from qa.database import Database
from qa.errors import ConflictError, NotFoundError, StoreError
from qa.judgements import Judgements, Result, short
from qa.ledger import PROPOSED, Ledger
from qa.review.rulings import judged_on, numbers
from qa.rules.book import RuleBook
from qa.rules.model import Severity
from qa.types import AudioInfo, CallRecord, Outcome, Provenance, Roles, Scorecard
from qa.withdrawals import BY


@dataclass(frozen=True)
class Snapshot:
    """What a scorecard was judged on: the small values, and the digests of the large ones (by name: ``qa.store.PARTS``)."""

    audio: AudioInfo
    roles: Roles
    record: CallRecord | None
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Saved:
    """What became of a scorecard: its id; ``proposed`` if it does not stand; ``new`` unless an equal one was there."""

    id: int
    proposed: bool
    new: bool


@dataclass(frozen=True)
class Adjustment:
    """A scorecard of a closed month made to stand; ``before`` is the id of the one that stood until then, None if none did."""

    id: int
    call_id: str
    before: int | None
    after: int
    by: str
    reason: str
    created: str


class Cards:
    """Appends scorecards and adjustments, inside a transaction of the caller's."""

    def __init__(self, db: Database, ledger: Ledger) -> None:
        self._db, self._ledger = db, ledger
        self.judgements = Judgements(db)

    def current(self, call_id: str) -> dict[str, Any] | None:
        """The row of the scorecard that stands, also of a call that is withdrawn."""
        found = self._db.rows("select * from standing_scorecards where call_id = ?", call_id)
        return found[0] if found else None

    def append(self, card: Card, snapshot: bytes, closed: bool, another: bool = False) -> Saved:
        """Put ``card`` beside the others, or say which one is the same.

        Of a closed month only what would change a figure is put there, as a proposal, and what is judged on ``another`` recording.
        """
        self._check_ruled(card, snapshot)
        same = functools.partial(self._no_change, card=card, snapshot=snapshot, another=another)
        row = rows.scorecard_row(card) | {"snapshot": snapshot, "results_json": self.judgements.pack(card.results)}
        digest = _digest(row)
        current = self.current(card.call_id)
        if current is not None and (current["digest"] == digest or (closed and same(current))):
            self._fall(card.call_id, current["id"])
            return Saved(current["id"], False, False)
        if closed:
            newest = self._db.rows("select * from scorecards where call_id = ? order by id desc limit 1", card.call_id)
            known = newest and not newest[0]["standing"] and not self._overtaken(card)
            if known and (newest[0]["digest"] == digest or same(newest[0])):
                waits = self.pending(card.call_id) is not None
                if waits or self._decided_by(card.call_id, newest[0]["id"]) != BY:  # what a person decided on is not proposed again
                    return Saved(newest[0]["id"], waits, False)
        made = row | {"digest": digest, "created": rows.now_utc(), "standing": int(not closed)}
        return Saved(self._db.insert("scorecards", made), closed, True)

    def _fall(self, call_id: str, current: int) -> None:
        """What was proposed of a call and is not what is found now waits for nobody any more; the scorecard ``current`` stands on."""
        waiting = self.pending(call_id)
        if waiting is not None:
            row = {"call_id": call_id, "scorecard_id": current, "position": waiting, "before_id": current, "made_by": BY}
            reason = f"提议的评分 {waiting} 作废：现在算得的与有效的评分相同"
            self._db.insert("adjustments", row | {"reason": reason, "created": rows.now_utc()})

    def _decided_by(self, call_id: str, scorecard_id: int) -> str | None:
        """Who decided last on a call of which this was the newest scorecard."""
        sql = "select made_by from adjustments where call_id = ? and position >= ? order by id desc limit 1"
        return next((str(row["made_by"]) for row in self._db.rows(sql, call_id, scorecard_id)), None)

    def _check_ruled(self, card: Card, snapshot: bytes) -> None:
        """Errors: :class:`ConflictError` where a person has ruled, or taken a ruling back, since ``card`` was judged."""
        made = card.provenance
        known = numbers(self._db, card.call_id, made.rule_book, made.file_sha256, lambda: judged_on(snapshot))
        if {r.check_id: known[r.check_id] for r in card.results if r.check_id in known} != _ruled(card.results):
            raise ConflictError(card.call_id, "评分期间有人复核了这通电话", "复核的结果已经保存；请再运行一次")

    def _overtaken(self, card: Card) -> bool:
        """Whether a proposal waits that rests on other rulings of persons than ``card``: it must not be what an adjustment finds."""
        waiting = self.pending(card.call_id)
        if waiting is None:
            return False
        (row,) = self._db.rows("select results_json from scorecards where id = ?", waiting)
        return _ruled(self.judgements.unpack(row["results_json"])) != _ruled(card.results)

    def _no_change(self, row: dict[str, Any], card: Card, snapshot: bytes, another: bool) -> bool:
        """Whether ``card`` moves no figure of the scorecard ``row``: percent, points, verdicts of what counts, money; nor is of another
        recording where that may be."""
        if another and rows.from_json(row["provenance_json"], Provenance).file_sha256 != card.provenance.file_sha256:
            return False
        if (row["agent_id"], row["percent"]) != (card.agent_id, card.percent):
            return False
        if row["snapshot"] != snapshot and _record(row["snapshot"]) != _record(snapshot):
            return False  # another agent or another day
        if _figures(self.judgements.unpack(row["results_json"])) != _figures(card.results):
            return False
        made = card.provenance
        old, new = (row["rule_book"], row["rule_book_version"]), (made.rule_book, made.rule_book_version)
        return old == new or fined_alike(self._ledger.known(*old), self._ledger.known(*new), card.results)

    # ------------------------------------------------------------ adjustments

    def pending(self, call_id: str) -> int | None:
        """The call's newest scorecard, where that is a proposal which nobody has decided on."""
        found = self._db.rows(f"select s.id {PROPOSED} and s.call_id = ?", call_id)
        return int(found[0]["id"]) if found else None

    def adjust(self, call_id: str, by: str, reason: str, scorecard_id: int | None) -> Adjustment:
        """Make a scorecard of the call stand: the one given, else its newest one if that is a proposal.  Given the one that stands, what is
        proposed is refused by that.

        Errors: :class:`NotFoundError` for an unknown call or scorecard, :class:`StoreError` where nothing is proposed, the scorecard
        stands already, or name or reason is missing.
        """
        check_signed(call_id, by, reason)
        cards = self._db.rows("select id, standing from scorecards where call_id = ? order by id", call_id)
        if not cards:
            raise NotFoundError(call_id, "数据库中没有这通电话", "请核对通话编号，或先运行 qa score")
        current = self.current(call_id)
        chosen = self._chosen(call_id, cards, scorecard_id, current)
        if current is not None and current["id"] == chosen and self.pending(call_id) is None:
            raise StoreError(f"{call_id} 的评分 {chosen}", "这份评分已经有效", "不需要调整；其他评分请用 --scorecard 指定")
        row = {"call_id": call_id, "scorecard_id": chosen, "position": cards[-1]["id"], "made_by": by.strip(), "reason": reason.strip()}
        row |= {"before_id": current["id"] if current is not None else None, "created": rows.now_utc()}
        self._db.insert("adjustments", row)
        return self.adjustments(call_id)[-1]

    def adjustments(self, call_id: str) -> tuple[Adjustment, ...]:
        """Of a call, the earliest first."""
        found = self._db.rows("select * from adjustments where call_id = ? order by id", call_id)
        return tuple(
            Adjustment(row["id"], call_id, row["before_id"], row["scorecard_id"], row["made_by"], row["reason"], row["created"])
            for row in found
        )

    def _chosen(self, call_id: str, cards: list[dict[str, Any]], wanted: int | None, current: dict[str, Any] | None) -> int:
        known = [card["id"] for card in cards]
        if wanted is None:
            decided = self.pending(call_id) is None and (current is None or current["id"] != known[-1])
            if cards[-1]["standing"] or decided:
                raise StoreError(call_id, "没有待批准的评分", "请先用 qa rescore 重新评分，或用 --scorecard 指定一份旧的评分")
            return int(known[-1])
        if wanted not in known:
            raise NotFoundError(f"评分 {wanted}", f"不是通话 {call_id} 的评分", f"该通话的评分编号：{'、'.join(map(str, known))}")
        return wanted


def judged_record(db: Database, call_id: str) -> CallRecord | None:
    """The record that the standing scorecard of a call was judged on; None where there is none."""
    found = db.rows("select snapshot from standing_scorecards where call_id = ?", call_id)
    return _record(found[0]["snapshot"]) if found else None


def coming(db: Database) -> dict[str, str]:
    """Calls of months that are open, or not known, which by a proposal would come into another month (``2025-06``), with that."""
    sql = f"""select s.call_id, s.snapshot, substr(c.started, 1, 7) as month {PROPOSED}
      and not exists (select 1 from closed_months m where m.month = substr(c.started, 1, 7))"""
    told = {row["call_id"]: (row["month"], _record(row["snapshot"])) for row in db.rows(sql)}
    new = {call_id: (wall_clock(record.moment) or "")[:7] for call_id, (_, record) in told.items() if record is not None}
    return {call_id: month for call_id, month in new.items() if month and month != told[call_id][0]}


def check_signed(call_id: str, by: str, reason: str) -> None:
    """Errors: :class:`StoreError` where nobody answers for a decision, or it has no reason."""
    for text, cause, cure in ((by, "没有写由谁调整", "请加 --by 姓名"), (reason, "没有写调整的理由", "请加 --reason 理由")):
        if not text.strip():
            raise StoreError(call_id, cause, cure)


def _ruled(results: Iterable[Result]) -> dict[str, int]:
    """Which verdicts of persons decided, by rule."""
    return {r.check_id: r.verdict for r in results if r.verdict}


def filed(card: Scorecard, call_notes: tuple[str, ...]) -> Card:
    """A scorecard as it is filed."""
    plain = {name: getattr(card, name) for name in ("call_id", "agent_id", "percent", "coverage", "provenance", "notes")}
    return Card(**plain, results=tuple(map(short, card.results)), call_notes=call_notes)


def verdicts(results: Iterable[Result]) -> tuple[tuple[str, Outcome, int, float, float | None], ...]:
    """What of a scorecard counts: rule, outcome, how often, worth and points, in its order."""
    return tuple([(r.check_id, r.outcome, _times(r), r.weight, r.points) for r in results])


def _times(result: Result) -> int:
    """How often a rule was broken, or a bonus earned; how often a rule was kept is nothing to anybody."""
    counts = result.outcome is Outcome.FAIL or (result.outcome is Outcome.PASS and result.points not in (None, result.weight))
    return result.occurrences if counts else 0


def _figures(results: Iterable[Result]) -> frozenset[tuple[str, Outcome, int, float | None]]:
    """What of a scorecard enters any sum: rule, outcome, how often, and points beside the whole worth (0 of a rule that was kept, however
    much it weighs).  Advisory rules count for nothing."""
    counted = (r for r in results if r.rule.severity != Severity.ADVISORY.value)
    return frozenset((r.check_id, r.outcome, _times(r), None if r.points is None else r.points - r.weight) for r in counted)


def fined_alike(old: RuleBook | None, new: RuleBook | None, results: Iterable[Result]) -> bool:
    """Whether the breaches among ``results`` cost the same under two versions; None: a version that is not to be had, whose money nobody
    knows."""
    failed = [result.check_id for result in results if result.outcome is Outcome.FAIL]
    if old is None or new is None:
        return old is new or not any(_fine(book, rule_id) for book in (old, new) if book is not None for rule_id in failed)
    fines = [[_fine(book, rule_id) for rule_id in failed] for book in (old, new)]
    return fines[0] == fines[1] and (old.id == new.id or not any(fines[0]))  # what a house counts is nothing to another


def _fine(book: RuleBook, rule_id: str) -> tuple[object, ...] | None:
    """What decides the money of a rule's breach."""
    rule = book.rule(rule_id)
    if rule is None or rule.fine is None or rule.severity is Severity.ADVISORY:
        return None
    return rule.fine, *((rule.points.warn_first, rule.points.per) if rule.points is not None and rule.points.warn_first else ())


def _record(snapshot: bytes) -> CallRecord | None:
    return serial.decode(snapshot, Snapshot).record


def _digest(row: dict[str, Any]) -> str:
    """Of all that a scorecard's row says; equal results have equal rows in one database."""
    told = [value for name, value in sorted(row.items()) if name != "snapshot"]
    return hashlib.sha256(row["snapshot"] + rows.to_json(told).encode()).hexdigest()
