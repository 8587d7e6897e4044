"""The arithmetic behind stored scorecards: a call's points, an agent's month in points and money, to be done again by hand.

Results are taken as they were stored; the version of the rule book that they were made with says what they are worth.  Where another one
has to stand in, or the figures come out differently, that is said.  A scorecard of a closed month that is only proposed is explained too,
and enters no figure.
"""

from __future__ import annotations

import datetime
import itertools
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from qa import read_ahead
from qa.books import Books
from qa.clock import house_day, moment
from qa.errors import NotFoundError, StoreError
from qa.ledger_calls import Earlier, StoredCall
from qa.ledger_sheets import Sheet
from qa.rows import ScoredCall
from qa.rules import money, points
from qa.rules.book import RuleBook
from qa.rules.explain_text import figure, totals_text
from qa.types import Scorecard

if TYPE_CHECKING:
    from qa.store import Store

LISTED = 12
"""So many percentages of a month are shown one by one."""
_PERIOD_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class CallSum:
    """A call's arithmetic; ``notes`` say where it departs from the stored scorecard, and whether that is only proposed (Chinese).

    ``marks``: what persons called grave (情节严重) in it and did not take back; they bear on money alone.
    """

    row: ScoredCall | StoredCall
    card: Scorecard
    book: RuleBook
    total: points.Tally
    notes: tuple[str, ...]
    marks: tuple[money.Mark, ...] = ()

    @property
    def stale(self) -> bool:
        """Whether the stored scorecard has other points than the sum."""
        now = None if self.total.percent is None else float(self.total.percent)
        kept = [None if line.worth.kept is None else float(line.worth.kept) for line in self.total.lines]
        return now != self.card.percent or kept != [result.points for result in self.card.results]


@dataclass(frozen=True)
class MonthSum:
    """An agent's month: its calls in order of time, counted with the first warnings of the month, and the fines.

    ``mean``: of the calls that have a percent, rounded like the calls; None without any.  ``proposed``: calls of a closed month without a
    scorecard that stands, which are in no figure.  ``before``: how often rules were charged in earlier months of their periods.
    ``kept``: of a closed month what was kept at its closing and after each adjustment, oldest first; the percentages of such a month are
    those of the scorecards, and its repetitions go on from where they stood at the closing.  ``fines`` are over all breaches, whether a
    person has confirmed them or not (:mod:`qa.appraisal.fines` tells these apart); ``sums``: those of the notes that tell such money.
    """

    agent_id: str
    year: int
    month: int
    calls: tuple[CallSum, ...]
    fines: money.Month
    mean: Decimal | None
    notes: tuple[str, ...]
    proposed: tuple[CallSum, ...] = ()
    before: money.Counted = field(default_factory=dict)
    kept: tuple[Sheet, ...] = ()
    closed: bool = False
    sums: tuple[str, ...] = ()

    @property
    def percents(self) -> tuple[Decimal, ...]:
        return tuple(_percents(self.calls, self.closed))


def proposed(store: Store, agent_id: str | None = None, month: str | None = None) -> Iterator[StoredCall]:
    """Calls that have only a proposed scorecard, by start; of one agent, of one month (``2025-06``)."""
    for closed in store.ledger.closed_months():  # nothing is proposed elsewhere
        if closed.proposals and month in (None, closed.month):
            for row in _with_proposals(store, closed.month, agent_id):
                if not row.standing:
                    yield row


def waiting(store: Store, month: str) -> Iterator[StoredCall]:
    """Calls of a closed month (``2025-06``) whose newest scorecard is a proposal that nobody has decided on, by start."""
    for row in _with_proposals(store, month):
        if store.pending(row.call_id) is not None:
            yield row


_PROPOSED = """select distinct c.call_id, c.started from scorecards s indexed by idx_scorecards_proposed
  cross join calls c on c.call_id = s.call_id
  where s.standing = 0 and c.started >= ? and c.started < ? and coalesce(?, c.agent_id) is c.agent_id order by c.started, c.call_id"""


def _with_proposals(store: Store, month: str, agent_id: str | None = None) -> Iterator[StoredCall]:
    """Calls of a month that count and of which any scorecard was only proposed, by start: no other call of the house is looked at."""
    for row in store.db.rows(_PROPOSED, month, f"{month}-99", agent_id):
        found = store.stored_call(row["call_id"])
        if found is not None:
            yield found


def call(store: Store, call_id: str, books: Books) -> CallSum:
    """The arithmetic of a call's current scorecard, else of its newest proposal; first warnings counted from the beginning of its month.

    Errors: :class:`NotFoundError` for an unknown call.
    """
    row, grave = next(iter(store.calls(call_id=call_id)), None), money.in_force(store.marks(call_id))
    if row is not None:
        return _counted(store, row, store.scorecard(call_id), books, store.earlier(), grave)
    waiting = next((row for row in proposed(store) if row.call_id == call_id), None)
    if waiting is None:
        raise NotFoundError(call_id, "数据库中没有这通电话", "请核对通话编号，或先运行 qa score")
    return _proposal(store, waiting, books, store.earlier(), grave)


def month(store: Store, agent_id: str, year: int, month: int, books: Books, marks: Iterable[money.Mark] = ()) -> MonthSum:
    """An agent's calendar month (wall clock of UTC+8).  Calls without a known start belong to no month: a note counts them.

    ``marks``: what persons called grave (情节严重), in the order in which they did; those of other agents and months do nothing.
    """
    (since, until), grave, text = days_of(year, month), money.in_force(marks), money.month_text(year, month)
    calls = _calls(store, agent_id, (since, until), books, grave)
    kept, closed = store.ledger.sheets(agent_id, text), store.ledger.is_closed(text)
    found = [one for given in calls for one in _breaches(given.row, given.card, given.book, grave)]
    first = first_day(since, (given.book for given in calls))
    before = kept[-1].before if kept else charged(store, agent_id, first, since, books, grave)
    fines = money.month(found, year, month, before)
    percents = list(_percents(calls, closed))
    decimals = max((one.book.scoring.decimals for one in calls), default=2)
    waiting = [_proposal(store, row, books, store.earlier(), grave) for row in proposed(store, agent_id, text)]
    sums = tuple(_kept_sums(kept, fines))
    return MonthSum(
        agent_id=agent_id,
        year=year,
        month=month,
        calls=tuple(calls),
        fines=fines,
        mean=points.half_up(sum(map(Fraction, percents), Fraction(0)) / len(percents), decimals) if percents else None,
        notes=(*_undated(store, agent_id), *sums, *_kept_counts(store, kept), *_waiting(waiting)),
        proposed=tuple(waiting),
        before=before,
        kept=kept,
        closed=closed,
        sums=sums,
    )


def _calls(store: Store, agent_id: str, days: tuple[datetime.date, datetime.date], books: Books, grave: money.Marks) -> list[CallSum]:
    """The agent's calls of a month, each counted after those before it."""
    earlier, calls = store.earlier(), []
    for row, card in read_ahead.scored(store, agent_id, days):
        earlier.begin(row.agent_id, row.started, row.call_id)  # breaches count also where the call's own book does not warn
        calls.append(_counted(store, row, card, books, earlier, grave))
        earlier.add(row.agent_id, row.started, card.provenance.rule_book, card)
    return calls


def _percents(calls: Iterable[CallSum], closed: bool) -> Iterator[Decimal]:
    """What counts of each call: the sum; of a closed month what its scorecard says, which only an adjustment changes."""
    for one in calls:
        percent = one.total.percent
        if closed and one.stale:
            percent = None if one.card.percent is None else Decimal(str(one.card.percent))
        if percent is not None:
            yield percent


def charged(
    store: Store, agent_id: str, first: datetime.date, since: datetime.date, books: Books, grave: money.Marks
) -> dict[tuple[str, str, str], int]:
    """How often the agent's rules were charged from ``first`` until the day before ``since``: of closed months as it was kept, else as the
    scorecards stand."""
    counted: dict[tuple[str, str, str], int] = {}
    while first < since:
        year, month = first.year, first.month
        kept = store.ledger.sheets(agent_id, money.month_text(year, month))
        if kept:
            counted |= kept[-1].counted
        else:
            rows = read_ahead.scored(store, agent_id, days_of(year, month))
            found = [one for row, card in rows for one in _breaches(row, card, books.of(card.provenance), grave)]
            counted |= money.month(found, year, month).counted
        first = days_of(year, month)[1] + datetime.timedelta(days=1)
    return counted


def _kept_sums(kept: Sequence[Sheet], fines: money.Month) -> Iterator[str]:
    """What was kept of a closed month, what adjustments made of it, and where the sums of today are others."""
    if not kept:
        return
    first, last = kept[0], kept[-1]
    yield f"本月已关账（{first.by}，{house_day(first.created)}），罚款和次数以关账时记下的为准：{totals_text(first.totals)}"
    for old, new in itertools.pairwise(kept):
        change = "罚款不变" if old.totals == new.totals else f"{totals_text(old.totals)} → {totals_text(new.totals)}"
        yield f"关账后的更正（{new.by}，{house_day(new.created)}，{new.why}）：{change}"
    if dict(last.totals) != dict(fines.totals):
        yield f"按现在的程序和评分算得 {totals_text(fines.totals)}，与记下的 {totals_text(last.totals)} 不同，以记下的为准；请报告管理员"


def _kept_counts(store: Store, kept: Sequence[Sheet]) -> Iterator[str]:
    """Earlier months whose repetitions were corrected since a closed month was kept."""
    last = kept[-1] if kept else None
    for month in sorted({month for _, _, month in last.before} if last is not None else ()):
        assert last is not None
        now = store.ledger.sheets(last.agent_id, month)
        was = {key: times for key, times in last.before.items() if key[2] == month}
        if now and {key: times for key, times in now[-1].counted.items() if times} != was:
            yield f"{month} 的违规次数在本月关账后更正过；本月仍按关账时的次数累进"


def days_of(year: int, month: int) -> tuple[datetime.date, datetime.date]:
    """The first and the last day of a month."""
    first = datetime.date(year, month, 1)
    return first, first.replace(day=monthrange(year, month)[1])


def parse_month(text: str) -> tuple[int, int]:
    """``2025-06``.  Errors: :class:`StoreError` for what is no month."""
    try:
        if len(text) != len("2025-06"):
            raise ValueError(text)
        day = datetime.date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise StoreError(text, "不是月份", "请写成 2025-06") from error
    return day.year, day.month


def mean_text(sheet: MonthSum) -> str:
    """``本月平均 = (60 + 50.5) ÷ 2 = 55.25``; of many calls their sum alone."""
    if sheet.mean is None:
        return "本月没有可给分的通话"
    percents, count = sheet.percents, len(sheet.percents)
    terms = " + ".join(map(figure, percents)) if count <= LISTED else f"{count} 通之和 {figure(sum(percents, Decimal(0)))}"
    return f"本月平均 = ({terms}) ÷ {count} = {sheet.mean}（有总分的 {count} 通，共 {len(sheet.calls)} 通）"


def _proposal(store: Store, row: StoredCall, books: Books, earlier: Earlier, grave: money.Marks) -> CallSum:
    one = _counted(store, row, store.history(row.call_id)[-1].scorecard, books, earlier, grave)
    note = "这份评分只是提议：所在月份已关账，还没有批准，不计入任何数字；由负责人用 qa adjust 批准后才有效"
    return replace(one, notes=(note, *one.notes))


def _waiting(found: Sequence[CallSum]) -> Iterator[str]:
    if found:
        yield f"另有 {len(found)} 通电话只有提议的评分，还没有批准，没有计入"


def _counted(store: Store, row: ScoredCall | StoredCall, card: Scorecard, books: Books, earlier: Earlier, grave: money.Marks) -> CallSum:
    book = books.of(card.provenance)
    before = earlier.of(book, row.agent_id, row.started, row.call_id)
    total = read_ahead.tally(store, row.scorecard_id, card, book, before)
    marks = tuple(mark for mark in grave.values() if mark.call_id == row.call_id)
    return CallSum(row, card, book, total, tuple(_departures(card, book, total)), marks)


def _departures(card: Scorecard, book: RuleBook, total: points.Tally) -> Iterator[str]:
    made = card.provenance
    if book.stamp != made.rule_book_version:
        yield f"评分用的是规则书 {made.rule_book} {made.rule_book_version}，以下按 {book.stamp} 计算，可能与评分时不同"
    now = None if total.percent is None else float(total.percent)
    if now != card.percent:
        warns = any(line.rule.points is not None and line.rule.points.warn_first for line in total.lines)
        why = "；先警告的次数要连着本月前面的通话计，那些通话可能后来重新评过" if warns else ""
        yield f"评分卡上的总分是 {_percent(card.percent)}，这里算得 {_percent(now)}{why}"


def _percent(value: float | None) -> str:
    return "不评分" if value is None else f"{value:g}"


def _breaches(row: ScoredCall | StoredCall, card: Scorecard, book: RuleBook, grave: money.Marks) -> Sequence[money.Occurrence]:
    assert row.started is not None  # chosen by time
    return money.occurrences(card, moment(row.started), book, grave)


def first_day(since: datetime.date, books: Iterable[RuleBook]) -> datetime.date:
    """From which day on repetitions are counted: the beginning of the longest period of any fine."""
    longest = max((_PERIOD_MONTHS[rule.fine.period] for book in books for rule in book.rules if rule.fine is not None), default=1)
    return since.replace(month=since.month - (since.month - 1) % longest)


def _undated(store: Store, agent_id: str) -> Iterator[str]:
    count = sum(row.started is None for row in store.calls(agent_id))
    if count:
        yield f"另有 {count} 通电话没有开始时刻，不知属于哪个月，没有计入"
