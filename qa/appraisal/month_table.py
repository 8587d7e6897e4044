"""The month's appraisal table (绩效表): an agent a row, with sample size, interval, place, points, money and appeals, and the arithmetic
behind a row."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from qa import explain, ledger_sheets, rows
from qa.appraisal import figures, light, ranking
from qa.appraisal.figures import AgentMonth
from qa.appraisal.light import KnownBooks, LightCall
from qa.appraisal.ranking import Sample
from qa.export import mask_name
from qa.intervals import mean_percent
from qa.ledger_sheets import Sheet
from qa.review import appeals
from qa.review.appeal_states import ACCEPTED, CLOSED, house_day
from qa.rules import points
from qa.rules.explain_text import figure, month_rows, month_sums, totals_text
from qa.rules.money import AGENT, NOTHING, Yuan
from qa.scorecards import MIN_RANKED
from qa.store import Store

FEW, ALIKE, APART, UNLIKE = "few", "alike", "ranked", "unlike"
"""Why a row has a place or has none: too few calls; inside the noise; ranked; not to be compared (several rule books, demonstration)."""


@dataclass(frozen=True)
class Appeals:
    """Appeals about calls of the month: how many are open, were accepted, were refused for good."""

    open: int = 0
    accepted: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Row:
    """``places``: from-to (1 is best), None without a rank; ``state`` says why.

    ``due``: money by role that a person has confirmed and, of a closed month, that was kept; None where something of it waits for
    confirmation.  ``pending``: breaches that wait.
    """

    of: AgentMonth
    state: str
    places: tuple[int, int] | None
    due: tuple[tuple[str, Yuan], ...] | None
    pending: int
    appeals: Appeals

    @property
    def lost(self) -> float:
        """Points that all calls of the month lost together."""
        return sum(check.lost for check in self.of.checks)

    def money(self, role: str = AGENT) -> Yuan | None:
        return None if self.due is None else dict(self.due).get(role, NOTHING)


@dataclass(frozen=True)
class Closing:
    """A closed month: ``closed`` is ISO 8601 UTC."""

    month: str
    by: str
    note: str
    closed: str

    @property
    def day(self) -> datetime.date:
        """The day of the house."""
        return house_day(self.closed)


@dataclass(frozen=True)
class Table:
    """``behind``: agents whose figures are still to be counted."""

    month: str
    team: str | None
    rows: tuple[Row, ...]
    closed: Closing | None
    behind: int = 0

    @property
    def pending(self) -> int:
        return sum(row.pending for row in self.rows)

    @property
    def unpublished(self) -> int:
        return sum(row.of.unpublished for row in self.rows)

    @property
    def open_appeals(self) -> int:
        return sum(row.appeals.open for row in self.rows)

    @property
    def digest(self) -> str:
        """Of all figures, by which a signature tells whether they are still those that were signed."""
        told = [
            [row.of.agent_id, row.of.calls, row.of.percent.n, row.of.percent.value, row.of.coverage, row.pending, str(row.due)]
            for row in self.rows
        ]
        return hashlib.sha256(rows.to_json(told).encode()).hexdigest()[:32]


def table(
    store: Store, month: str, team: str | None = None, day: datetime.date | None = None, *, budget_s: float | None, ranked: bool = True
) -> Table:
    """The table of a month, of all agents or of a team's.  ``budget_s`` as of :func:`qa.appraisal.figures.ensure`; ``ranked`` False: nobody
    asks for places.

    Errors: :class:`StoreError` for text that is no month.
    """
    explain.parse_month(month)
    behind = figures.ensure(store, [month], team=team, budget_s=budget_s)
    found = figures.of_month(store, month, team)
    sheets = _sheets(store, month)
    claims = _appeals(store, month, [one.agent_id for one in found], day)
    comparable = len({one.comparable for one in found if one.percent.n}) == 1 and all(len(one.books) == 1 for one in found if one.percent.n)
    places = ranking.places({one.agent_id: _sample(one) for one in found}) if comparable and ranked else {}
    made = [_row(one, comparable, places, sheets.get(one.agent_id), claims.get(one.agent_id, Appeals())) for one in found]
    made.sort(key=lambda row: (row.of.percent.value is None, -(row.of.percent.value or 0.0), row.of.agent_id))
    if not places:  # nothing tells them apart: no order that looks like one
        made.sort(key=lambda row: (row.of.team, row.of.agent_id))
    return Table(month, team, tuple(made), closing(store, month), behind)


def _sample(one: AgentMonth) -> Sample:
    return Sample(one.percent.n, one.percent.value or 0.0, one.variance)


def _row(one: AgentMonth, comparable: bool, places: dict[str, tuple[int, int]], sheet: Sheet | None, claims: Appeals) -> Row:
    state = FEW if one.percent.n < MIN_RANKED else UNLIKE if not comparable else APART if one.agent_id in places else ALIKE
    pending = one.fines.pending + one.fines.unknown
    due = None if pending else sheet.totals if sheet is not None else one.due
    return Row(one, state, places.get(one.agent_id) if state == APART else None, due, one.fines.pending, claims)


def _sheets(store: Store, month: str) -> dict[str, Sheet]:
    """What was kept last of each agent's closed month."""
    found = store.db.rows("select distinct agent_id from closed_sheets where month = ? and agent_id <> ''", month)
    return {row["agent_id"]: ledger_sheets.sheets(store.db, row["agent_id"], month)[-1] for row in found}


def closing(store: Store, month: str) -> Closing | None:
    """How the month was closed; None where it is open."""
    found = store.db.rows("select * from closed_months where month = ?", month)
    return Closing(month, found[0]["closed_by"], found[0]["note"], found[0]["closed"]) if found else None


def _appeals(store: Store, month: str, agents: Sequence[str], day: datetime.date | None) -> dict[str, Appeals]:
    counts: dict[str, list[int]] = {}
    ever = {row["agent_id"] for row in store.db.rows("select distinct agent_id from appeals")}
    for agent_id in ever.intersection(agents):
        found = store.db.rows(
            "select a.id from appeals a cross join calls c using (call_id) where a.agent_id = ? and c.started >= ? and c.started < ?",
            *(agent_id, month, f"{month}-99"),
        )
        for row in found:
            now = appeals.get(store.db, row["id"]).state(day)
            place = 0 if now.open else 1 if now.status == ACCEPTED else 2 if now.status == CLOSED else None
            if place is not None:
                counts.setdefault(agent_id, [0, 0, 0])[place] += 1
    return {agent_id: Appeals(*found) for agent_id, found in counts.items()}


# ---------------------------------------------------------------- one row's arithmetic


@dataclass(frozen=True)
class Arithmetic:
    """Behind an agent's row, to be done again by hand.

    ``score``: how the mean came about.  ``fines``: rows with the cells of ``qa.rules.explain_text.MONTH_HEADERS``, confirmed breaches
    alone, and ``sums`` below them.  ``waits``: time, call, rule and clause of what waits for confirmation.  ``kept``: what was kept of the
    closed month and what corrections made of it (Chinese).
    """

    calls: tuple[LightCall, ...]
    score: str
    fines: tuple[tuple[str, ...], ...]
    sums: tuple[str, ...]
    waits: tuple[tuple[str, str, str, str], ...]
    kept: tuple[str, ...]
    unknown: int


def arithmetic(store: Store, agent_id: str, month: str, team: str | None = None) -> Arithmetic:
    """``team``: of the calls that the agent had in this team alone; what was kept of a closed month is then told only where these are all.

    Errors: :class:`StoreError` for text that is no month.
    """
    explain.parse_month(month)
    known = KnownBooks(store)
    with store.db.reading():
        every = light.calls(store, agent_id, month, f"{month}-99", published=False)
        calls = tuple(call for call in every if team is None or call.team == team)
        made = figures.fines(store, agent_id, month, calls, known)
    numbers = {call.call_id: call.customer_number for call in calls}
    waits = tuple(
        (f"{one.at:%Y-%m-%d %H:%M}", mask_name(one.call_id, numbers.get(one.call_id, "")), one.title, one.clause) for one in made.pending
    )
    kept = tuple(_kept(store.ledger.sheets(agent_id, month))) if not made.pending and len(calls) == len(every) else ()
    return Arithmetic(calls, _score(calls, known), month_rows(made.due), month_sums(made.due), waits, kept, made.unknown)


def _score(calls: Sequence[LightCall], books: KnownBooks) -> str:
    """``本月平均 = (60 + 50.5) ÷ 2 = 55.25`` with its interval; of many calls their sum alone."""
    percents = [Decimal(str(call.percent)) for call in calls if call.percent is not None]
    if not percents:
        return "本月没有可给分的通话"
    decimals = max((book.scoring.decimals for call in calls if (book := books.of(call)) is not None), default=2)
    mean = points.half_up(sum(map(Fraction, percents), Fraction(0)) / len(percents), decimals)
    few = len(percents) <= explain.LISTED
    terms = " + ".join(map(figure, percents)) if few else f"{len(percents)} 通之和 {figure(sum(percents, Decimal(0)))}"
    told = f"本月平均 = ({terms}) ÷ {len(percents)} = {mean}（有总分的 {len(percents)} 通，共 {len(calls)} 通）"
    estimate = mean_percent([float(percent) for percent in percents])
    if estimate.low is None or estimate.high is None:
        return f"{told}；只有一通，没有区间"
    return f"{told}；95% 区间 {estimate.low:.1f}–{estimate.high:.1f}（学生 t 分布）"


def _kept(sheets: Sequence[Sheet]) -> Iterable[str]:
    for place, sheet in enumerate(sheets):
        day = house_day(sheet.created)
        if not place:
            yield f"本月已关账（{sheet.by}，{day}），罚款以关账时记下的为准：{totals_text(sheet.totals)}"
            continue
        same = sheet.totals == sheets[place - 1].totals
        change = "罚款不变" if same else f"{totals_text(sheets[place - 1].totals)} → {totals_text(sheet.totals)}"
        yield f"关账后的更正（{sheet.by}，{day}，{sheet.why}）：{change}"
