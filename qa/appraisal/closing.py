"""Sign-offs of a team's month, and closing the month for the whole house; what comes later is an adjustment.

Nobody is charged what no person has confirmed: a month with fines that wait for confirmation is not closed.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from qa import explain, ledger_closing, read_ahead, rows
from qa.appraisal import correcting, month_table
from qa.appraisal.changed import Change as Change
from qa.appraisal.changed import changes as changes
from qa.appraisal.month_table import Table
from qa.appraisal.periods import month_of
from qa.books import Books
from qa.clock import house_day
from qa.errors import ConflictError, StoreError
from qa.export import mask_name
from qa.ledger import COUNTS_NOT, ClosedMonth
from qa.ledger_cards import coming
from qa.read_ahead import Ahead
from qa.review.appeal_records import misattributed
from qa.review.recounting import at_hand, counted_again
from qa.store import Store

LONGEST = 500
_NO_TEAM = ""


@dataclass(frozen=True)
class SignOff:
    """Somebody has checked a team's table; ``holds``: its figures are still those that were signed.  ``created`` is ISO 8601 UTC."""

    month: str
    team: str
    by: str
    note: str
    created: str
    holds: bool

    @property
    def day(self) -> datetime.date:
        """The day of the house."""
        return house_day(self.created)


@dataclass(frozen=True)
class Proposal:
    """What waits for a decision in a closed month: a scorecard; percents as of
    :class:`qa.appraisal.changed.Change`.  ``call``: as it is shown.

    ``withdrawal`` (Chinese): that the call counts no more, or again, "" where that is not proposed; ``scorecard_id`` is 0 where nothing
    else waits of it.
    """

    call_id: str
    call: str
    agent_id: str
    started: str
    before: float | None
    after: float | None
    scorecard_id: int
    withdrawal: str = ""


@dataclass(frozen=True)
class Waiting:
    """How many corrections and how many withdrawals wait in a closed month (``2025-06``)."""

    month: str
    corrections: int
    withdrawals: int


# ---------------------------------------------------------------- sign-off


def signoffs(store: Store, month: str, table: Table) -> tuple[SignOff, ...]:
    """The last sign-off of each team in a month's whole table, by team."""
    found = store.db.rows("select * from month_signoffs where month = ? order by id", month)
    last = {row["team"]: row for row in found}
    digests = {team: _part(table, team).digest for team in last}
    return tuple(
        SignOff(month, team, row["made_by"], row["note"], row["created"], digests.get(team) == row["digest"])
        for team, row in sorted(last.items())
    )


def teams(table: Table) -> tuple[str, ...]:
    """The teams of a table; '' stands for agents without one."""
    return table.teams


def _part(table: Table, team: str) -> Table:
    """A team's part; places within the whole house are no part of what is signed."""
    return Table(table.month, team, table.of_team(team), table.closed)


def sign(store: Store, month: str, team: str, by: str, note: str, digest: str, day: datetime.date | None = None) -> None:
    """Sign a team's table as it is now.  ``digest``: of what the person had before the eyes (:func:`digest`).

    Errors: :class:`StoreError` where the month is closed or has no calls of the team, the figures are others by now, the name is missing.
    """
    _check_note(month, by, note)
    table = month_table.table(store, month, team, day, budget_s=None, ranked=False)
    if table.closed is not None:
        raise StoreError(month, "该月已关账", "关账后的更正请走调整")
    if not table.rows:
        raise StoreError(month, f"{team} 在该月没有通话", "请核对月份")
    if _part(table, team).digest != digest:
        raise StoreError(month, "数字刚刚有变", "请看过新的数字再签字")
    with store.db.writing():
        row = {"month": month, "team": team, "digest": digest, "made_by": by.strip(), "note": note.strip(), "created": rows.now_utc()}
        store.db.insert("month_signoffs", row)


def digest(table: Table, team: str) -> str:
    """What :func:`sign` is to be given of a team's or the house's table."""
    return _part(table, team).digest


# ---------------------------------------------------------------- closing


def unsigned(store: Store, month: str, table: Table) -> tuple[str, ...]:
    """Teams of the month without a sign-off that still holds; of a closed month those that it was closed without: nobody signs any more,
    and what changed a signed figure since is an adjustment."""
    held = {one.team for one in signoffs(store, month, table) if one.holds or table.closed is not None}
    return tuple(team for team in teams(table) if team != _NO_TEAM and team not in held)


def warnings(store: Store, table: Table) -> tuple[str, ...]:
    """What speaks against closing the month but does not forbid it (Chinese)."""
    told = []
    missing = unsigned(store, table.month, table)
    if missing:
        told.append(f"班组长还没有签字，或签字后数字有变：{'、'.join(missing)}")
    if table.open_appeals:
        told.append(f"还有 {table.open_appeals} 件申诉没有结束")
    owed = {one.call_id for one in misattributed(store.db, table.month)}
    if owed:
        named = "、".join(sorted(map(mask_name, owed))[: ledger_closing.NAMED]) + _more(len(owed), "通")
        told.append(f"有 {len(owed)} 通申诉成立、不是本人的电话，通话归属还没有更正：{named}")
    if table.unpublished:
        told.append(f"还有 {table.unpublished} 通没有公布给坐席")
    if table.unseen:
        told.append(f"{table.unseen} 处罚款在坐席看不到的通话里，公布以后才能申诉：{_unseen(store, table)}")
    demo = sum(row.of.demo for row in table.rows)
    if demo:
        told.append(f"{demo} 通由演示模型识别，不能用于考核")
    return (*told, *table.left_out)


def _unseen(store: Store, table: Table) -> str:
    """The agents and their calls with fines that they do not see, as far as they are named."""
    concerned = [row.of for row in table.rows if row.of.fines.unseen]
    named = []
    for one in concerned[: ledger_closing.NAMED]:
        calls = list(dict.fromkeys(one.fines.unseen))
        told = rows.to_json(calls[: ledger_closing.NAMED])
        found = store.db.rows("select call_id, customer_number from calls where call_id in (select value from json_each(?))", told)
        ids = sorted(mask_name(row["call_id"], row["customer_number"] or "") for row in found)
        named.append(f"{one.agent_id}（{'、'.join(ids)}{_more(len(calls), '通')}）")
    return "、".join(named) + _more(len(concerned), "位坐席")


def _more(number: int, of: str) -> str:
    return f" 等 {number} {of}" if number > ledger_closing.NAMED else ""


def close(store: Store, month: str, by: str, note: str, confirmed: str, accepted: bool, day: datetime.date | None = None) -> ClosedMonth:
    """Close the month for good, with the name of who answers for it.

    ``confirmed``: the month typed once more; ``accepted``: closed all the same, whatever :func:`warnings` say.
    Errors: :class:`StoreError` where the confirmation is missing, the month has no calls, a fine waits for confirmation, a warning is not
    accepted, something of the month was written meanwhile, or as of :func:`qa.ledger_closing.close_month`.
    """
    return closing(store, month, by, note, confirmed, accepted, day)()


def closing(
    store: Store, month: str, by: str, note: str, confirmed: str, accepted: bool, day: datetime.date | None = None
) -> Callable[[], ClosedMonth]:
    """The same in two steps: all is worked out here, while others may write; what is returned only writes it down.  Errors: as
    :func:`close`, of either step."""
    _check_note(month, by, note)
    if confirmed.strip() != month:
        raise StoreError(month, "没有确认要关账的月份", f"请在确认栏里输入 {month}")
    if day is not None and month >= month_of(day):
        raise StoreError(month, "该月还没有过完，不能关账", "请在下个月关账")
    before = _state(store, month)
    table = month_table.table(store, month, None, day, budget_s=None, ranked=False)
    _check_table(table)
    told = warnings(store, table)
    if told and not accepted:
        raise StoreError(month, "；".join(told), "请先处理，或勾选“仍要关账”")
    keep = ledger_closing.closing_month(store, month, by.strip(), note.strip())

    def kept() -> ClosedMonth:
        with store.db.writing():
            if _state(store, month) != before:
                raise StoreError(month, "关账时该月的评分、公布、申诉或签字又有变化", "请看过新的情况再关账")
            return keep()

    return kept


def _state(store: Store, month: str) -> object:
    """Differs when anything was written that the table or :func:`warnings` go by: scorecards, publications, appeals, sign-offs."""
    own = "(select substr(c.started, 1, 7) from calls c where c.call_id = a.call_id) = ?1"  # a join would look through all calls
    sql = f"""select (select count(*) from unpublished where started >= ?1 and started < ?2) as unpublished,
      (select max(id) from month_signoffs where month = ?1) as signed,
      (select max(a.id) from appeals a where {own}) as appealed,
      (select max(s.id) from appeal_steps s join appeals a on a.id = s.appeal_id where {own}) as answered"""
    return ledger_closing.state(store.db, month), store.db.rows(sql, month, f"{month}-99")


def check_confirmed(store: Store, month: str) -> None:
    """Errors: :class:`StoreError` where the month has no calls, or no person has confirmed yet what a fine of it would be charged for."""
    _check_table(month_table.table(store, month, budget_s=None, ranked=False))


def _check_table(table: Table) -> None:
    month = table.month
    if table.empty:
        raise StoreError(month, "该月没有通话，没有可关的账", "请核对月份")
    if table.pending:
        raise StoreError(month, f"有 {table.pending} 处罚款还没有人确认，不能计入", "请质检复核或判定这些通话，再关账")
    unlike = [row.of.agent_id for row in table.rows if row.of.fines.open]
    if unlike:
        cause = f"表上的罚款与关账要计的不同（有影响它的违规还没有人确认）：{'、'.join(unlike[: ledger_closing.NAMED])}"
        raise StoreError(month, cause, "请质检复核这些坐席本月和以前各月的通话，再关账")


def _check_note(month: str, by: str, note: str) -> None:
    if not by.strip():
        raise StoreError(month, "没有写由谁签字", "请写明姓名")
    if len(note) > LONGEST:
        raise StoreError(month, "说明太长", f"最多 {LONGEST} 字")


# ---------------------------------------------------------------- after it


def closed(store: Store) -> tuple[month_table.Closing, ...]:
    """All closed months, the newest first."""
    found = store.db.rows("select * from closed_months order by month desc")
    return tuple(month_table.Closing(row["month"], row["closed_by"], row["note"], row["closed"]) for row in found)


_WAITING = f"""select s.id, s.call_id, s.percent, c.agent_id, c.started, c.customer_number, now.percent as was
  from scorecards s indexed by idx_scorecards_proposed cross join calls c on c.call_id = s.call_id
  left join current_scorecards now on now.call_id = s.call_id
  where s.standing = 0 and s.id = (select max(own.id) from scorecards own where own.call_id = s.call_id)
  and not exists (select 1 from adjustments a where a.call_id = s.call_id and a.position >= s.id)
  and not {COUNTS_NOT}
  and (c.started >= ?1 and c.started < ?2 or c.call_id in (select value from json_each(?3))) order by c.started limit ?4"""
_WITHDRAWN = """select c.call_id, c.agent_id, c.started, c.customer_number, now.percent as was
  from calls c left join standing_scorecards now using (call_id) where c.call_id = ?"""


def proposals(store: Store, month: str, limit: int = 200) -> tuple[Proposal, ...]:
    """What waits for a decision in a closed month, or to come into it, by start."""
    found = list(_proposals(store, month, limit))
    known = {one.call_id for one in found}
    alone = [one for one in store.withdrawals.waiting(month) if one.call_id not in known]
    found += [_withdrawn(store, one.call_id) for one in alone[: limit - len(found)]]
    return tuple(sorted(found, key=lambda one: (one.started, one.call_id)))


def _proposals(store: Store, month: str, limit: int) -> Iterator[Proposal]:
    into = [call_id for call_id, of in coming(store.db).items() if of == month]
    for row in store.db.rows(_WAITING, month, f"{month}-99", rows.to_json(into), limit):
        yield _proposal(store, row, row["percent"], row["id"])


def _withdrawn(store: Store, call_id: str) -> Proposal:
    (row,) = store.db.rows(_WITHDRAWN, call_id)
    return _proposal(store, row, None, 0)


def _proposal(store: Store, row: dict[str, Any], after: float | None, scorecard_id: int) -> Proposal:
    number = row["customer_number"] or ""
    withdrawal = store.withdrawals.pending(row["call_id"])
    told = mask_name(str(withdrawal), number) if withdrawal is not None else ""
    who = row["agent_id"] or "", row["started"] or ""
    return Proposal(row["call_id"], mask_name(row["call_id"], number), *who, row["was"], after, scorecard_id, told)


def waiting(store: Store) -> tuple[Waiting, ...]:
    """The closed months in which anything waits for a decision, the newest first."""
    months, withdrawn = reversed(store.ledger.closed_months()), store.withdrawals.waiting_months()
    found = (Waiting(one.month, one.proposals, withdrawn.get(one.month, 0)) for one in months)
    return tuple(one for one in found if one.corrections or one.withdrawals)


def adjust(store: Store, month: str, call_ids: Sequence[str], by: str, reason: str, on: Mapping[str, int] = MappingProxyType({})) -> int:
    """Make proposals of a closed month stand, with all that is one decision with them; returns how many calls were decided on.  First
    warnings are counted again then: what that moves in a closed month is proposed.

    ``on``: of calls the proposal that the person had before the eyes.
    Errors: :class:`StoreError` where a call has no proposal in this month, a fine would come into a closed month that no person has
    confirmed, or as of :func:`qa.ledger_closing.decide`;
    :class:`ConflictError` where another one is proposed than ``on`` says.
    """
    return adjusting(store, month, call_ids, by, reason, on)()


def adjusting(
    store: Store, month: str, call_ids: Sequence[str], by: str, reason: str, on: Mapping[str, int] = MappingProxyType({})
) -> Callable[[], int]:
    """The same in two steps: the agents' months are read and reckoned here, while others may write; what is returned decides, where the
    proposals are still those.  Errors: as :func:`adjust`, of either step."""
    _check_waiting(store, month, call_ids)
    if not call_ids:
        raise StoreError(month, "没有选通话", "请选至少一通")
    seen = {call_id: on.get(call_id, store.pending(call_id)) for call_id in call_ids}
    _check_seen(store, seen)
    waits = correcting.of_calls(store, call_ids)
    group, ahead = store.withdrawals.linked(call_ids), Ahead(store)
    for call_id in sorted(group):
        at_hand(store, call_id)
    with read_ahead.using(ahead):
        for agent_id, of in sorted({place for one in group for place in ledger_closing.places(store, one)}):
            explain.month(store, agent_id, *explain.parse_month(of), Books(store))

    def kept() -> int:
        with store.db.writing(), read_ahead.using(ahead):
            _check_seen(store, seen)
            return _adjusted(store, month, call_ids, by, reason, waits)

    return kept


def _check_waiting(store: Store, month: str, call_ids: Sequence[str]) -> None:
    waiting = {one.call_id for one in proposals(store, month)}
    for call_id in call_ids:
        if call_id not in waiting:
            raise StoreError(mask_name(call_id), "没有待批准的评分", "请核对，可能刚刚已经决定")


def _check_seen(store: Store, seen: Mapping[str, int | None]) -> None:
    for call_id, proposal in seen.items():
        if store.pending(call_id) != proposal:
            raise ConflictError(mask_name(call_id), "您打开之后，提议的更正又变了", "一份也没有批准；请看过新的更正再批准")


def _adjusted(
    store: Store, month: str, call_ids: Sequence[str], by: str, reason: str, waits: Mapping[correcting.Place, correcting.Waits]
) -> int:
    concerned = {place for one in call_ids for place in ledger_closing.places(store, one)}
    withdrawn, made = ledger_closing.decide(store, call_ids, by, reason)
    decided = [*(one.call_id for one in withdrawn), *(one.call_id for one in made)]
    correcting.check(store, month, waits, decided)
    concerned |= {place for one in decided for place in ledger_closing.places(store, one)}
    counted_again(store, concerned, by, f"先警告的次数重算（{month} 的更正批准后）")
    return len(set(decided))


def refuse(store: Store, month: str, call_ids: Sequence[str], by: str, reason: str, on: Mapping[str, int] = MappingProxyType({})) -> int:
    """Leave what stands of calls of a closed month, and of those that are one decision with them: what is proposed of them is refused, and
    not proposed again.  Returns of how many.

    Errors: as :func:`adjust` and :func:`qa.ledger_closing.refuse`.
    """
    if not call_ids:
        raise StoreError(month, "没有选通话", "请选至少一通")
    with store.db.writing():
        _check_waiting(store, month, call_ids)
        _check_seen(store, {call_id: on.get(call_id, store.pending(call_id)) for call_id in call_ids})
        withdrawn, made = ledger_closing.refuse(store, call_ids, by, reason)
    return len({*(one.call_id for one in withdrawn), *(one.call_id for one in made)})
