"""Closing a month, and what is corrected in it afterwards: what every agent is charged is worked out and kept (:mod:`qa.ledger_sheets`).

Nothing but a recorded correction (an adjustment, a mark of 情节严重) changes what was kept.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from qa import explain, ledger_sheets
from qa.books import Books
from qa.database import Database
from qa.errors import QaError, StoreError
from qa.export import mask_name
from qa.ledger import PROPOSED, ClosedMonth
from qa.ledger_cards import Adjustment, check_signed, coming
from qa.ledger_sheets import Sheet
from qa.rules import points
from qa.withdrawals import Withdrawal

if TYPE_CHECKING:
    from qa.store import Store

NAMED = 10
"""So many calls are named in a message."""
_PERIODS = {"quarter": ("季度", 3), "year": ("年", 12)}


def close_month(store: Store, month: str, by: str, note: str = "") -> ClosedMonth:
    """Close ``month`` (``2025-06``) for good and keep every agent's money and repetitions of it.

    Errors: :class:`StoreError` as of :meth:`qa.ledger.Ledger.check_closing`; where an earlier month of the same quarter or year is
    still open and a fine counts repetitions over it; where the points of a call are not those that first warnings give now, or its
    rule book is not to be had; where a call of the month waits for a person; where something of the month was written meanwhile.
    """
    return closing_month(store, month, by, note)()


def closing_month(store: Store, month: str, by: str, note: str = "") -> Callable[[], ClosedMonth]:
    """The same in two steps: all is worked out here, while others may write; what is returned only writes it down.  Errors: as
    :func:`close_month`, of either step."""
    store.ledger.check_closing(month, by)
    before = state(store.db, month)
    _check_decided(store.db, month)
    sheets = list(_sheets(store, month, by.strip()))

    def keep() -> None:
        if state(store.db, month) != before:
            raise StoreError(month, "关账时有别的程序写入了评分", "请等它结束后再关账")
        for sheet in sheets:
            ledger_sheets.keep(store.db, sheet)

    return lambda: store.ledger.close_month(month, by, note, keep)


def _check_decided(db: Database, month: str) -> None:
    """What waits in an open month is one half of a decision on a closed one: whether it counts here is not known before that.

    Errors: :class:`StoreError` where anything does.
    """
    held = "(w.proposed or (not w.counts and w.instead <> '[]'))"
    sql = f"""select c.call_id, c.customer_number from calls c where c.started >= ? and c.started < ? and (
      exists (select 1 from withdrawals w where w.call_id = c.call_id and {held}
        and w.id = (select max(id) from withdrawals own where own.call_id = w.call_id))
      or c.call_id in (select s.call_id {PROPOSED})) order by c.call_id"""
    found = [mask_name(row["call_id"], row["customer_number"]) for row in db.rows(sql, month, f"{month}-99")]
    if found:
        named = "、".join(found[:NAMED]) + (f" 等 {len(found)} 通" if len(found) > NAMED else "")
        cause = f"有通话按更正后的记录牵涉已关账的月份，还在等待决定，不知计不计在本月：{named}"
        raise StoreError(month, cause, "请先批准（qa adjust 通话 --by 姓名 --reason 理由），或改正通话记录后重新评分，再关账")


def state(db: Database, month: str) -> object:
    """Differs when anything was written that the month's figures depend on: scorecards of its calls, and what persons decided of any."""
    cards = """select count(*) as n, max(s.id) as last from calls c cross join scorecards s using (call_id)
      where c.started >= ? and c.started < ?"""
    decided = """select (select max(id) from adjustments) as adjustments, (select max(id) from withdrawals) as withdrawals,
      (select max(id) from grave_marks) as marks, (select count(*) from closed_months) as months"""
    return [tuple(row.values()) for row in (*db.rows(cards, month, f"{month}-99"), *db.rows(decided))]


def _sheets(store: Store, month: str, by: str) -> Iterator[Sheet]:
    year, number = explain.parse_month(month)
    books, marks, stale = Books(store), store.marks(), list[str]()
    yield Sheet("", month, {}, {}, (), None, by, "关账")
    for agent_id in _agents(store.db, month):
        try:
            sheet = explain.month(store, agent_id, year, number, books, marks)
        except QaError as error:
            cause = f"坐席 {agent_id} 的罚款和次数算不出来（{error.subject}：{error.cause}）"
            raise StoreError(month, cause, "请先用 qa rescore --profile 规则书 重新评分，再关账") from error
        _check_order(store, month, sheet)
        stale += [mask_name(one.row.call_id, one.row.customer_number) for one in sheet.calls if one.stale or _another(one)]
        yield Sheet.of(agent_id, sheet.fines, sheet.before, sheet.mean, by, "关账")
    if stale:
        named = "、".join(stale[:NAMED]) + (f" 等 {len(stale)} 通" if len(stale) > NAMED else "")
        last = _last_day(year, number)
        cause = f"有评分与现在算得的不同（先警告的次数要按通话时间从月初数起）：{named}"
        raise StoreError(month, cause, f"请先运行 qa rescore --since {month}-01 --until {last}，再关账")


def _another(one: explain.CallSum) -> bool:
    """Whether the call was counted with another version than its own, which the database does not have."""
    return one.book.stamp != one.card.provenance.rule_book_version


def _last_day(year: int, month: int) -> datetime.date:
    return datetime.date(year + month // 12, month % 12 + 1, 1) - datetime.timedelta(days=1)


def _agents(db: Database, month: str) -> list[str]:
    sql = """select distinct c.agent_id from calls c join current_scorecards using (call_id)
      where c.agent_id <> '' and c.started >= ? and c.started < ? order by c.agent_id"""
    return [row["agent_id"] for row in db.rows(sql, month, f"{month}-99")]


def _check_order(store: Store, month: str, sheet: explain.MonthSum) -> None:
    """Repetitions of a quarter or a year begin in its first month: it must not change any more."""
    for book in {one.book.content_hash: one.book for one in sheet.calls}.values():
        periods = {rule.fine.period for rule in book.rules if rule.fine is not None and rule.fine.escalation}
        for name, (title, length) in _PERIODS.items():
            first = sheet.month - (sheet.month - 1) % length
            before = [f"{sheet.year}-{number:02d}" for number in range(first, sheet.month)]
            open_ = [one for one in before if name in periods and not store.ledger.is_closed(one) and _agents(store.db, one)]
            if open_:
                cause = f"规则书 {book.id} 的罚款按{title}累进，同一{title}的 {'、'.join(open_)} 还没有关账，次数还会变"
                raise StoreError(month, cause, f"请先关账：qa months close {open_[0]} --by 姓名")


# ---------------------------------------------------------------- corrections


def places(store: Store, call_id: str) -> frozenset[tuple[str, str]]:
    """The agent and month (``2025-06``) that a call counts for, where both are known."""
    found = store.db.rows("select agent_id, started from calls where call_id = ?", call_id)
    return frozenset((row["agent_id"], row["started"][:7]) for row in found if row["agent_id"] and row["started"])


def corrected(store: Store, concerned: Iterable[tuple[str, str]], by: str, why: str) -> None:
    """Keep anew what closed months say of agents in whose calls something was corrected; inside the transaction of the correction."""
    kept = ledger_sheets.kept_months(store.db)
    for agent_id, month in sorted(concerned):
        if month in kept:
            sheet = explain.month(store, agent_id, *explain.parse_month(month), Books(store), store.marks())
            ledger_sheets.keep(store.db, Sheet.of(agent_id, sheet.fines, sheet.before, sheet.mean, by, why))


def accept_withdrawal(store: Store, call_id: str, by: str, reason: str) -> Withdrawal:
    """Make the proposal stand that a call counts no more, or again, with all that is one decision with it (:func:`decide`).

    Errors: :class:`StoreError` where nothing is proposed, or name or reason is missing.
    """
    if store.withdrawals.pending(call_id) is None:
        raise StoreError(call_id, "没有待批准的撤回", "请用 qa show 核对")
    withdrawn, _ = decide(store, [call_id], by, reason)
    return next(one for one in withdrawn if one.call_id == call_id)


def decide(
    store: Store, call_ids: Iterable[str], by: str, reason: str, scorecard_id: int | None = None
) -> tuple[tuple[Withdrawal, ...], tuple[Adjustment, ...]]:
    """Make all stand that waits of these calls and of those that are one decision with them: what counts no more, or again, then what
    was held, then scorecards in order of time; what was kept of closed months is kept anew beside it.

    ``scorecard_id``: of the one call that is asked for, another scorecard than its newest one.
    Errors: :class:`StoreError` where nothing waits, or name or reason is missing; as :meth:`qa.store.Store.adjust`.
    """
    asked = tuple(call_ids)
    with store.db.writing():
        return _decided(store, asked, by, reason, scorecard_id)


def decide_month(store: Store, month: str, by: str, reason: str) -> tuple[tuple[Withdrawal, ...], tuple[Adjustment, ...]]:
    """The same of all that waits in a closed month (``2025-06``), or to come into it.  Errors: as :func:`decide`."""
    with store.db.writing():
        calls = [one.call_id for one in store.withdrawals.waiting(month)]
        calls += [row.call_id for row in explain.waiting(store, month)]
        calls += [call_id for call_id, into in coming(store.db).items() if into == month]
        if not calls:
            raise StoreError(month, "该月没有待批准的评分或撤回", "请用 qa months list 核对")
        return _decided(store, tuple(calls), by, reason, None)


def _decided(
    store: Store, asked: Sequence[str], by: str, reason: str, scorecard_id: int | None
) -> tuple[tuple[Withdrawal, ...], tuple[Adjustment, ...]]:
    group = store.withdrawals.linked(asked)
    check_signed(asked[0], by, reason)
    _check_refusal(store, asked[0], group, scorecard_id)
    rows = {row["call_id"]: row for one in group for row in store.db.rows("select * from calls where call_id = ?", one)}
    files = {row["sha256"]: row["file"] for row in rows.values()}
    proposals = [one for call_id in sorted(group) if (one := store.withdrawals.pending(call_id)) is not None]
    made = [_accepted(store, one, by, reason) for one in proposals]
    for call_id in sorted(group):
        released = store.withdrawals.release(call_id, by.strip(), f"{reason.strip()}；与它一并决定的撤回已批准")
        if released is not None:
            corrected(store, places(store, call_id), by.strip(), f"恢复计入 {call_id}：{reason.strip()}")
            made.append(released)
    cards = [one for one in rows if store.pending(one) is not None and store.withdrawals.standing(one) is None]
    if scorecard_id is not None or not (made or cards):
        cards += [one for one in asked if one not in cards]  # says what is wrong with it
    cards.sort(key=lambda one: (rows[one]["started"] or "" if one in rows else "", one))
    chosen = {asked[0]: scorecard_id}
    return tuple(made), tuple(store.adjust_one(one, by, reason, chosen.get(one), files) for one in cards)


def refuse(store: Store, call_ids: Iterable[str], by: str, reason: str) -> tuple[tuple[Withdrawal, ...], tuple[Adjustment, ...]]:
    """Leave all as it is of these calls and of those that are one decision with them: calls that count go on to, by the scorecards that
    stand; the others do not.  The same is not proposed again.

    Errors: :class:`StoreError` where nothing waits of a call, nothing of it stands that it could stay with, or name or reason is missing.
    """
    asked = tuple(call_ids)
    with store.db.writing():
        group, made = sorted(store.withdrawals.linked(asked)), []
        check_signed(asked[0], by, reason)
        waits = [one for one in group if store.pending(one) is not None]
        withdrawn = store.withdrawals.refuse(group, by.strip(), reason.strip())
        for call_id in waits:
            stands = store.db.rows("select id from current_scorecards where call_id = ?", call_id)
            made += [store.adjust_one(call_id, by, reason, row["id"], {}) for row in stands]
        done = {*(one.call_id for one in withdrawn), *(one.call_id for one in made)}
        left = next((one for one in group if one not in done), None)
        if left is not None:
            cause = "此前没有有效的评分，没有可维持的" if left in waits else "没有待批准的评分或撤回"
            raise StoreError(mask_name(left), cause, _NOT_REFUSED[left in waits])
        return withdrawn, tuple(made)


_NOT_REFUSED = {True: "请批准，或改正通话记录后重新评分", False: "请核对，可能刚刚已经决定"}


def _check_refusal(store: Store, call_id: str, group: Collection[str], scorecard_id: int | None) -> None:
    """Errors: :class:`StoreError` where a proposal is refused that is only one half of a decision."""
    stands = store.db.rows("select 1 from standing_scorecards where call_id = ? and id = ?", call_id, scorecard_id)
    if stands and (len(group) > 1 or store.withdrawals.pending(call_id) is not None):
        others = "、".join(sorted(set(group) - {call_id})) or "它的撤回"
        raise StoreError(call_id, f"它的评分与 {others} 是一个决定，不能只驳回一半", "请批准或驳回（qa adjust 通话 --refuse）整个决定")


def _accepted(store: Store, proposal: Withdrawal, by: str, reason: str) -> Withdrawal:
    made = store.withdrawals.accept(proposal, by.strip(), reason.strip())
    what = "恢复计入" if made.counts else "撤回"
    corrected(store, places(store, made.call_id), made.by, f"{what} {made.call_id}：{reason.strip()}")
    return made


def check_adjusted(store: Store, made: Adjustment) -> None:
    """Whether a scorecard that stands from now on is what first warnings give, counted after the calls that stand before it.

    Errors: :class:`StoreError` where its points would be others: several proposals of a month depend on each other.
    """
    if made.before == made.after:
        return  # what was proposed is refused: the figures are what they were
    card = store.scorecard(made.call_id)
    book = store.ledger.known(card.provenance.rule_book, card.provenance.rule_book_version)
    days = [explain.days_of(*explain.parse_month(month)) for _, month in places(store, made.call_id)]
    row = next((row for since, until in days for row in store.calls(card.agent_id, since, until, call_id=made.call_id)), None)
    if book is None or row is None or row.started is None:
        return  # what it was judged by is not to be had: an older program's scorecard, taken as it is
    total = points.tally(card.results, book, store.earlier().of(book, row.agent_id, row.started, row.call_id))
    if not explain.CallSum(row, card, book, total, ()).stale:
        return
    month = row.started[:7]
    waiting = (one for one in explain.waiting(store, month) if one.agent_id == row.agent_id and (one.started or "") < row.started)
    earlier = "、".join(mask_name(one.call_id, one.customer_number) for one in waiting)
    now, was = ("不评分" if percent is None else f"{float(percent):g}" for percent in (total.percent, card.percent))
    cause = f"按现在有效的评分数先警告的次数，这通电话会得 {now}，而这份评分是 {was}"
    order = f"请按通话时间先调整 {earlier}，或一次调整全月：qa adjust --month {month} --by 姓名 --reason 理由"
    raise StoreError(f"{made.call_id} 的评分 {made.after}", cause, order if earlier else "请先用 qa rescore 重评该月，再批准新的评分")
