"""Calls that no longer count because the call records of their recording were corrected; nothing of them is changed or deleted.

A recording counts for the calls that its present records give.  When these are others than before (another call id, a transfer less, a
record where there was none), the calls that it was scored as until then are withdrawn: a row says so, with what for and when, and
another one says when a call counts again.  What lies in a closed month is only proposed.

That a call gives way to another is one decision: where one side of it waits for a person, the other waits too, so that the recording
counts once at every moment.  Either the old call goes on to count (its withdrawal is proposed, the new one's scorecard is proposed, or
it is stored but held), or the new one does; :meth:`Withdrawals.linked` gives all that is decided together.

That the records of a call were taken out (``qa.switch.withdrawn``) withdraws no scorecard by itself: :meth:`Withdrawals.counting` names
those that were made through them, :meth:`Withdrawals.by_person` is the decision of a person on them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa import rows, same_recording
from qa.database import Database
from qa.errors import NotFoundError
from qa.ledger import PROPOSED, Ledger
from qa.reassigned import Counting, Whose
from qa.same_recording import Continues, Keeps, Known, Row

BY = "qa"
"""Who made a decision that no person made."""
REFUSED = "；不批准："
"""In the reason of a person's refusal, before that of the proposal."""


@dataclass(frozen=True)
class Withdrawal:
    """A decision on a call: ``counts`` from now on or not; ``proposed``: a closed month is concerned, nothing changes by it.

    ``held``: it does not count until a person decides on the call that the recording counts for.  ``sha256`` is the recording's content,
    ``created`` ISO 8601 UTC.
    """

    id: int
    call_id: str
    sha256: str
    counts: bool
    proposed: bool
    by: str
    reason: str
    created: str
    held: bool = False

    def __str__(self) -> str:
        if self.proposed:
            return f"{self.reason}；涉及已关账的月份，{'仍不计' if self.counts else '仍计入'}，等待人工决定"
        if self.held:
            return f"暂不计入任何统计，等待人工决定：{self.reason}"
        signed = "" if self.by == BY else f"（{self.by} 决定）"
        now = ("仍计入" if self.counts else "仍不计入任何统计") if self.refused else "恢复计入" if self.counts else "已撤回，不计入任何统计"
        return f"{now}：{self.reason}{signed}"

    @property
    def refused(self) -> bool:
        """Whether a person left the call as it was, of which something was proposed."""
        return not self.proposed and self.by != BY and REFUSED in self.reason


@dataclass(frozen=True)
class Moved:
    """A call whose counting changed, with the agent and the month (``2025-06``) that it counts for."""

    call_id: str
    agent_id: str | None
    month: str | None
    withdrawal: Withdrawal


class Withdrawals:
    """``store.withdrawals``."""

    def __init__(self, db: Database, ledger: Ledger, continues: Continues = lambda row, sha256, path: False) -> None:
        self._db, self._ledger, self._continues = db, ledger, continues

    def of(self, call_id: str) -> tuple[Withdrawal, ...]:
        """All decisions on a call, the earliest first."""
        return tuple(map(_read, self._db.rows("select * from withdrawals where call_id = ? order by id", call_id)))

    def standing(self, call_id: str) -> Withdrawal | None:
        """Why a call does not count; None where it does."""
        found = self._db.rows("select * from withdrawn_calls where call_id = ?", call_id)
        return _read(found[0]) if found else None

    def all(self, agent: str | None = None, since: str | None = None, until: str | None = None) -> tuple[Withdrawal, ...]:
        """The last decision on each call of a period (as ``Store.calls``) that does not count or is proposed not to, by call."""
        low, high = rows.period(since, until)
        sql = """select w.* from withdrawals w join calls c using (call_id)
          where w.id = (select max(id) from withdrawals own where own.call_id = w.call_id) and (w.proposed or not w.counts)
          and (? is null or c.agent_id = ?) and (? is null or c.started >= ?) and (? is null or c.started < ?) order by w.call_id"""
        return tuple(map(_read, self._db.rows(sql, agent, agent, low, low, high, high)))

    def pending(self, call_id: str) -> Withdrawal | None:
        """The last decision on a call, where that is a proposal which nobody has decided on."""
        return next((one for one in self.of(call_id)[-1:] if one.proposed), None)

    def gives_way(self, call_id: str) -> bool:
        """Whether it waits for a person that a call which counts gives way to another one."""
        waits = self.pending(call_id)
        return waits is not None and not waits.counts and self.standing(call_id) is None

    def waiting(self, month: str) -> tuple[Withdrawal, ...]:
        """All proposals of a month (``2025-06``) that nobody has decided on, by call."""
        sql = """select w.* from withdrawals w cross join calls c using (call_id) where w.proposed and c.started >= ? and c.started < ?
          and w.id = (select max(id) from withdrawals own where own.call_id = w.call_id) order by w.call_id"""
        return tuple(map(_read, self._db.rows(sql, month, f"{month}-99")))

    def waiting_months(self) -> dict[str, int]:
        """How many they are, by month (``2025-06``)."""
        sql = """select substr(c.started, 1, 7) as month, count(*) as n from withdrawals w cross join calls c using (call_id)
          where w.proposed and c.started is not null
          and w.id = (select max(id) from withdrawals own where own.call_id = w.call_id) group by 1"""
        return {row["month"]: row["n"] for row in self._db.rows(sql)}

    def accept(self, proposal: Withdrawal, by: str, reason: str) -> Withdrawal:
        """Make a proposal stand, inside a transaction of the caller's (:mod:`qa.ledger_closing`)."""
        return self._answered(proposal.call_id, proposal.sha256, proposal.counts, by, f"{reason}；{proposal.reason}")

    def release(self, call_id: str, by: str, reason: str) -> Withdrawal | None:
        """Have a call count that was held; None where it was not.  Inside a transaction of the caller's."""
        last = self.of(call_id)[-1:]
        return self._answered(call_id, last[0].sha256, True, by, reason) if last and last[0].held else None

    def refuse(self, call_ids: Iterable[str], by: str, reason: str) -> tuple[Withdrawal, ...]:
        """Leave calls as they are, counted or not; what nothing stands of, and is to come in another one's place, does not count.  The same
        is not proposed again.  Those of which something waits, alone or with others.  Inside a transaction of the caller's."""
        held = [(json.loads(row["instead"]), row["reason"]) for row in self._db.rows(f"{_WAITING} order by w.id")]
        found = []
        for call_id in call_ids:
            last, whose = self.of(call_id)[-1:], self.whose(call_id)
            if last and (last[0].proposed or last[0].held):
                found.append((call_id, last[0].sha256, self.standing(call_id) is None, last[0].reason))
            elif whose is not None and not self._stands(call_id) and len(self.linked([call_id])) > 1:
                why = next((why for others, why in held if call_id in others), "计入这通电话")
                found.append((call_id, whose.sha256, False, why))
        return tuple(self._answered(call_id, sha256, counts, by, reason + REFUSED + why) for call_id, sha256, counts, why in found)

    def _answered(self, call_id: str, sha256: str, counts: bool, by: str, reason: str) -> Withdrawal:
        """A person's word on what waits of a call."""
        row = {"call_id": call_id, "sha256": sha256, "counts": int(counts), "proposed": 0, "made_by": by, "reason": reason}
        self._db.insert("withdrawals", row | {"created": rows.now_utc()})
        return self.of(call_id)[-1]

    def whose(self, call_id: str) -> Whose | None:
        """Whose a stored call is; None for one that is not stored."""
        found = self._db.rows("select call_id, agent_id, started, sha256, file from calls where call_id = ?", call_id)
        return next((Whose(row["call_id"], row["agent_id"], _month(row), row["sha256"], row["file"]) for row in found), None)

    # ------------------------------------------------------------ a recording as its records are now

    def known(self, path: Path, sha256: str, keeps: Keeps = lambda row: False) -> Known:
        """What is stored of the recording at ``path``."""
        return same_recording.known(self._db, self._continues, path, sha256, keeps)

    def settle(
        self,
        path: Path,
        sha256: str,
        call_ids: Sequence[str],
        with_records: bool,
        keeps: Keeps = lambda row: False,
        out: Collection[str] = (),
    ) -> tuple[Moved, ...]:
        """The recording at ``path`` was scored as ``call_ids`` just now: these count, the others that it was scored as do not.

        Without a record nothing says which call it is: then a call that it was scored as by a record goes on to count, and the one without
        does not.  Copies of one name are one call without a record, and so are settled by content.  Of two copies that the records tell as
        one call of one agent the one that counts already goes on to, as long as it is there.  Again with the same records it changes
        nothing.  ``keeps``: as of :func:`qa.same_recording.known`; ``out``: calls that stay as they are, as :meth:`taken_out` says.
        """
        found = self.known(path, sha256, keeps)
        kinds = found.same, found.elsewhere, found.gone
        same, elsewhere, gone = ([row for row in some if row["call_id"] not in call_ids] for some in kinds)
        named_alike = [row for row in (*elsewhere, *gone) if Path(row["file"]).stem == path.stem]
        if with_records:
            same += [row for one in call_ids for row in self._alike(one, gone)]
            copies = self._copies(call_ids, elsewhere)
            moved = [self._decide(mine, sha256, False, _copy_reason(other)) for mine, other in copies.items()]
            left = [row["call_id"] for row in (*same, *(row for row in named_alike if row["direction"] is None))]
            return _told((*moved, *self._exchange(sha256, left, [one for one in call_ids if one not in copies], out)))
        known = [row["call_id"] for row in (*same, *named_alike) if row["direction"] is not None]
        recorded = [one for one in known if self.standing(one) is None]
        if recorded:
            reason = f"没有通话记录；该录音已按通话记录评为通话 {'、'.join(recorded)}"
            return _told(self._decide(one, sha256, False, reason) for one in call_ids)
        return _told(self._exchange(sha256, [row["call_id"] for row in same if row["direction"] is None], call_ids))

    def _exchange(self, sha256: str, left: Sequence[str], kept: Sequence[str], out: Collection[str] = ()) -> list[Moved | None]:
        """Have the calls ``kept`` count in place of those ``left``; where one of them waits for a person, all of it; where a person refused
        it, nothing of it."""
        if kept and all(self._refused(one, sha256) for one in kept):
            return []
        reason = f"按现在的通话记录，该录音是通话 {'、'.join(kept)}"
        fixed = [one for one in left if self.standing(one) is None and self._stands(one) and self._closed(one)]
        left = [one for one in left if not self._replaced(one, sha256)]
        unsettled = [one for one in kept if not self._stands(one, sha256) or (self.standing(one) is not None and self._closed(one))]
        moved = [self._decide(one, sha256, False, reason, instead=kept, waits=bool(unsettled)) for one in left]
        held = f"该录音已计为已关账月份的通话 {'、'.join(fixed)}，只能计一个"
        for one in kept:
            if one in out:
                continue
            if fixed and self._stands(one, sha256) and not self._closed(one):
                moved.append(self._decide(one, sha256, False, held, instead=fixed, hold=True))
            else:
                # what stands of it may be of another recording, which must not count by this
                moved.append(self._decide(one, sha256, True, reason, waits=one in unsettled))
        return moved

    def _copies(self, call_ids: Sequence[str], elsewhere: Sequence[Row]) -> dict[str, str]:
        """Which of these calls are counted already for a copy of the recording: of the same agent, begun at the same time."""
        found = {}
        for one in call_ids:
            alike = (row["call_id"] for row in self._alike(one, elsewhere) if row["direction"] is not None)
            other = next((call_id for call_id in alike if self._counts(call_id)), None)
            if other is not None:
                found[one] = other
        return found

    def _alike(self, call_id: str, rows_: Iterable[Row]) -> list[Row]:
        """Of these calls those that the records tell as this one: of the same agent, begun at the same time."""
        mine = self._db.rows("select agent_id, started from calls where call_id = ? and agent_id <> '' and started is not null", call_id)
        whose = {(own["agent_id"], own["started"]) for own in mine}
        return [row for row in rows_ if (row["agent_id"], row["started"]) in whose]

    def _refused(self, call_id: str, sha256: str) -> bool:
        """Whether a person refused that the recording of this content counts for the call."""
        last = self.of(call_id)[-1:]
        if last and last[0].refused:
            return not last[0].counts and last[0].sha256 == sha256
        return bool(self._db.rows(_REFUSED_CARD, call_id, sha256, BY))

    def _replaced(self, call_id: str, sha256: str) -> bool:
        """Whether the call's scorecard of this content gives way to the proposed one of another recording: then nothing is withdrawn."""
        return any(one["content"] != sha256 for one in self._proposed_cards(call_id))

    def _stands(self, call_id: str, sha256: str | None = None) -> bool:
        """Whether a scorecard of the call stands (of this content, if one is given), whether or not the call counts."""
        sql = "select 1 from standing_scorecards where call_id = ? and (? is null or json_extract(provenance_json, '$.file_sha256') = ?)"
        return bool(self._db.rows(sql, call_id, sha256, sha256))

    def _counts(self, call_id: str) -> bool:
        return bool(self._db.rows("select 1 from current_scorecards where call_id = ?", call_id))

    def _closed(self, call_id: str) -> bool:
        return self._ledger.is_closed(*(row["started"] for row in self._db.rows("select started from calls where call_id = ?", call_id)))

    # ------------------------------------------------------------ what is decided together

    def linked(self, call_ids: Iterable[str]) -> frozenset[str]:
        """These calls and all whose decisions wait together with theirs: the recording of one is to count for the other."""
        ties: dict[str, set[str]] = {}
        for one, other in self._ties():
            ties.setdefault(one, set()).add(other)
            ties.setdefault(other, set()).add(one)
        group, asked = set(call_ids), list(call_ids)
        while asked:
            new = ties.get(asked.pop(), set()) - group
            group |= new
            asked += new
        return frozenset(group)

    def _ties(self) -> Iterable[tuple[str, str]]:
        for row in self._db.rows(f"{_WAITING} order by w.id"):
            yield from ((row["call_id"], other) for other in json.loads(row["instead"]))
        cards = self._proposed_cards()
        displaced: dict[str, list[str]] = {}
        for row in cards:
            if row["content"] != row["sha256"]:
                displaced.setdefault(row["sha256"], []).append(row["call_id"])
        for row in cards:
            yield from ((row["call_id"], other) for other in displaced.get(row["content"], ()) if other != row["call_id"])

    def _proposed_cards(self, call_id: str | None = None) -> list[Row]:
        """Calls (or one) whose newest scorecard waits for a person: its content, and that of the recording which the call has till then."""
        only, params = ("", ()) if call_id is None else ("and s.call_id = ?", (call_id,))
        sql = f"select s.call_id, json_extract(s.provenance_json, '$.file_sha256') as content, c.sha256 {PROPOSED} {only}"
        return self._db.rows(sql, *params)

    def counting(self, call_ids: Iterable[str]) -> tuple[Counting, ...]:
        """Calls of these ids, and the parts that further agents had in them (``#2``), that have a scorecard which counts."""
        sql = """select c.call_id, c.agent_id, c.started from calls c where (c.call_id = ? or (c.call_id > ? and c.call_id < ?))
          and exists (select 1 from current_scorecards s where s.call_id = c.call_id) order by c.call_id"""
        found = {row["call_id"]: row for one in call_ids for row in self._db.rows(sql, one, f"{one}#", f"{one}$")}
        return tuple(Counting(row["call_id"], row["agent_id"], _month(row)) for _, row in sorted(found.items()))

    def not_counting(self, call_id: str) -> tuple[str, ...]:
        """Stored calls of this id, and the parts that further agents had in it, that were withdrawn."""
        sql = "select call_id from withdrawn_calls where call_id = ? or (call_id > ? and call_id < ?) order by call_id"
        return tuple(row["call_id"] for row in self._db.rows(sql, call_id, f"{call_id}#", f"{call_id}$"))

    def taken_out(self, call_id: str, sha256: str) -> Withdrawal | None:
        """The decision of a person, by which a call with this recording does not count, that no proposal of the program's led to."""
        all_ = self.of(call_id)
        if not all_ or all_[-1].counts or all_[-1].proposed or all_[-1].by == BY or all_[-1].sha256 != sha256:
            return None
        accepted = any(one.proposed and one.by == BY and all_[-1].reason.endswith(f"；{one.reason}") for one in all_[-2:-1])
        return None if accepted else all_[-1]

    def kept_out(self, call_id: str) -> str:
        """Why a person's putting back what persons took out does not concern a call that does not count; "" where it does.

        What the present records took from it is theirs to give back, and a recording counts once.
        """
        why = self.standing(call_id)
        if why is None or why.by == BY:
            return "" if why is None else f"{why}；按通话记录决定的，改正记录后重新评分即恢复"
        sql = """select c.call_id from current_scorecards s join calls c using (call_id) join calls own on own.sha256 = c.sha256
          where own.call_id = ? and c.call_id <> own.call_id order by c.call_id"""
        whole = call_id.partition("#")[0]
        others = [row["call_id"] for row in self._db.rows(sql, call_id) if row["call_id"].partition("#")[0] != whole]
        return f"它的录音现在计为通话 {'、'.join(others)}，只能计一个" if others else ""

    def by_person(self, call_ids: Iterable[str], counts: bool, by: str, reason: str) -> tuple[Moved, ...]:
        """A person's decision that stored calls count from now on or not; in a closed month only a proposal.  What changes by it.

        Errors: :class:`qa.errors.NotFoundError` for a call that is not stored; then nothing is decided.
        """
        known = {one: self._db.rows("select sha256 from calls where call_id = ?", one) for one in call_ids}
        if missing := next((one for one, rows_ in known.items() if not rows_), None):
            raise NotFoundError(missing, "数据库里没有这通电话", "请用 qa agents 或 qa export 查看通话编号")
        return _told(self._decide(one, rows_[0]["sha256"], counts, reason, by) for one, rows_ in known.items())

    def _decide(
        self,
        call_id: str,
        sha256: str,
        counts: bool,
        reason: str,
        by: str = BY,
        *,
        instead: Collection[str] = (),
        waits: bool = False,
        hold: bool = False,
    ) -> Moved | None:
        """Note that a call counts or not, where that is not so already; only as a proposal where that ``waits`` or its month is closed.

        ``instead``: the calls on the other side, where this waits for a person; ``hold``: it does not count as long as it does.  A call
        that nothing stands of is in no figure, in any month.
        """
        last = next(iter(self._db.rows("select * from withdrawals where call_id = ? order by id desc limit 1", call_id)), None)
        same = counts == (self.standing(call_id) is None)
        waiting = last is not None and (bool(last["proposed"]) or (_held(last) and not hold))
        if same and not waiting and (not hold or (last is not None and _held(last))):
            return None
        if by == BY and last is not None and _was_refused(last, sha256, reason):
            return None
        (call,) = self._db.rows("select agent_id, started from calls where call_id = ?", call_id)
        # what it is already needs nobody: a proposal falls
        proposed = not same and self._stands(call_id) and (waits or self._ledger.is_closed(call["started"]))
        other_side = json.dumps(list(instead), ensure_ascii=False) if proposed or hold else "[]"
        row = {"counts": int(counts), "proposed": int(proposed), "reason": reason, "instead": other_side}
        if last is not None and proposed and all(last[name] == value for name, value in row.items()):
            return None
        with self._db.writing():
            self._db.insert("withdrawals", row | {"call_id": call_id, "sha256": sha256, "made_by": by, "created": rows.now_utc()})
        return Moved(call_id, call["agent_id"], _month(call), self.of(call_id)[-1])


_REFUSED_CARD = """select 1 from scorecards s join adjustments a on a.call_id = s.call_id and a.position >= s.id
  where s.id = (select max(id) from scorecards where call_id = ?) and not s.standing
  and json_extract(s.provenance_json, '$.file_sha256') = ? and a.made_by <> ? and a.scorecard_id = a.before_id
  and a.id = (select max(id) from adjustments own where own.call_id = s.call_id)"""
_WAITING = """select w.* from withdrawals w where w.instead <> '[]' and (w.proposed or not w.counts)
  and w.id = (select max(id) from withdrawals own where own.call_id = w.call_id)"""


def _held(row: Row) -> bool:
    return not row["counts"] and not row["proposed"] and row["instead"] != "[]"


def _was_refused(row: Row, sha256: str, reason: str) -> bool:
    """Whether by the decision ``row`` a person refused what is to be proposed for this reason, of this content."""
    return row["made_by"] != BY and row["sha256"] == sha256 and str(row["reason"]).endswith(REFUSED + reason)


def _month(row: Row) -> str | None:
    return (row["started"] or "")[:7] or None


def _copy_reason(other: str) -> str:
    return f"与通话 {other} 是同一录音的两份（同一坐席、同一开始时间），只计一次"


def _told(moved: Iterable[Moved | None]) -> tuple[Moved, ...]:
    return tuple(one for one in moved if one is not None)


def _read(row: dict[str, Any]) -> Withdrawal:
    plain = {name: row[name] for name in ("id", "call_id", "sha256", "reason", "created")}
    return Withdrawal(**plain, counts=bool(row["counts"]), proposed=bool(row["proposed"]), by=row["made_by"], held=_held(row))
