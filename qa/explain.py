"""The arithmetic behind stored scorecards: a call's points, an agent's month in points and money, to be done again by hand.

Results are taken as they were stored; the version of the rule book that they were made with says what they are worth.  Where another one
has to stand in, or the figures come out differently, that is said.
"""

from __future__ import annotations

import datetime
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from qa import rulebook
from qa.clock import moment
from qa.errors import NotFoundError, RuleBookError, StoreError
from qa.ledger_calls import Earlier
from qa.rows import ScoredCall
from qa.rules import money, points
from qa.rules.book import RuleBook
from qa.rules.explain_text import figure
from qa.store import Store
from qa.types import Provenance, Scorecard

Stamp = tuple[str, str]
"""Id and stamp of a rule book, as a scorecard names it."""
LISTED = 12
"""So many percentages of a month are shown one by one."""
_PERIOD_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class CallSum:
    """A call's arithmetic; ``notes`` say where it departs from the stored scorecard (Chinese)."""

    row: ScoredCall
    card: Scorecard
    book: RuleBook
    total: points.Tally
    notes: tuple[str, ...]


@dataclass(frozen=True)
class MonthSum:
    """An agent's month: its calls in order of time, counted with the first warnings of the month, and the fines.

    ``mean``: of the calls that have a percent, rounded like the calls; None without any.
    """

    agent_id: str
    year: int
    month: int
    calls: tuple[CallSum, ...]
    fines: money.Month
    mean: Decimal | None
    notes: tuple[str, ...]

    @property
    def percents(self) -> tuple[Decimal, ...]:
        return tuple(one.total.percent for one in self.calls if one.total.percent is not None)


class Books:
    """The rule books that scorecards were made with: as the database keeps them, else as they stand in the program's own folders.

    ``profile``: a name or folder to count with in place of the version that a scorecard names.
    """

    def __init__(self, store: Store, profile: str | Path | None = None) -> None:
        self._store, self._profile = store, profile
        self._known: dict[Stamp, RuleBook] = {}

    def of(self, made: Provenance) -> RuleBook:
        """Errors: :class:`RuleBookError` where there is none of that id, :class:`StoreError` where the one kept cannot be read."""
        stamp = made.rule_book, made.rule_book_version
        if stamp not in self._known:
            self._known[stamp] = self._load(*stamp)
        return self._known[stamp]

    def _load(self, wanted: str, version: str) -> RuleBook:
        if self._profile is None:
            try:
                return self._store.ledger.load(version.rpartition("+")[2])
            except NotFoundError:  # scored before the database kept rule books
                if wanted not in rulebook.profiles():
                    cause = "数据库里没有评分时的这本规则书，也不知它在哪个文件夹"
                    raise RuleBookError(f"{wanted} {version}", cause, "请用 --profile 指明规则书的文件夹") from None
        book = rulebook.load(wanted if self._profile is None else self._profile)
        if book.id != wanted:
            raise RuleBookError(str(self._profile), f"是规则书 {book.id}，评分用的是 {wanted}", "请指明评分时的规则书")
        return book


def call(store: Store, call_id: str, books: Books) -> CallSum:
    """The arithmetic of a call's current scorecard, first warnings counted from the beginning of its month."""
    row = next(row for row in store.calls() if row.call_id == call_id)
    return _counted(row, store.scorecard(call_id), books, store.earlier())


def month(store: Store, agent_id: str, year: int, month: int, books: Books) -> MonthSum:
    """An agent's calendar month (wall clock of UTC+8).  Calls without a known start belong to no month: a note counts them."""
    since, earlier = datetime.date(year, month, 1), store.earlier()
    calls: list[CallSum] = []
    for row, card in store.scored(agent_id, since, since.replace(day=monthrange(year, month)[1])):
        calls.append(_counted(row, card, books, earlier))
        earlier.add(row.agent_id, row.started, card)
    found = [one for given in calls for one in _breaches(given.row, given.card, given.book)]
    start = _first_day(since, (given.book for given in calls))
    if start < since:
        before = store.scored(agent_id, start, since - datetime.timedelta(days=1))
        found += [one for row, card in before for one in _breaches(row, card, books.of(card.provenance))]
    percents = [one.total.percent for one in calls if one.total.percent is not None]
    decimals = max((one.book.scoring.decimals for one in calls), default=2)
    mean = points.half_up(sum(map(Fraction, percents), Fraction(0)) / len(percents), decimals) if percents else None
    return MonthSum(agent_id, year, month, tuple(calls), money.month(found, year, month), mean, tuple(_undated(store, agent_id)))


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


def _counted(row: ScoredCall, card: Scorecard, books: Books, earlier: Earlier) -> CallSum:
    book = books.of(card.provenance)
    total = points.tally(card.results, book, earlier.of(book, row.agent_id, row.started, row.call_id))
    return CallSum(row, card, book, total, tuple(_departures(card, book, total)))


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


def _breaches(row: ScoredCall, card: Scorecard, book: RuleBook) -> Sequence[money.Occurrence]:
    assert row.started is not None  # chosen by time
    return money.occurrences(card, moment(row.started), book)


def _first_day(since: datetime.date, books: Iterable[RuleBook]) -> datetime.date:
    """From which day on repetitions are counted: the beginning of the longest period of any fine."""
    longest = max((_PERIOD_MONTHS[rule.fine.period] for book in books for rule in book.rules if rule.fine is not None), default=1)
    return since.replace(month=since.month - (since.month - 1) % longest)


def _undated(store: Store, agent_id: str) -> Iterator[str]:
    count = sum(row.started is None for row in store.calls(agent_id))
    if count:
        yield f"另有 {count} 通电话没有开始时刻，不知属于哪个月，没有计入"
