"""The month's appraisal table (绩效表): an agent a row, with sample size, interval, place, points, money and appeals, and the arithmetic
behind a row."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from qa import explain, ledger_sheets, rows
from qa.appraisal import charged, figures, light, ranking, undated, unseen
from qa.appraisal.figures import AgentMonth
from qa.appraisal.light import KnownBooks, LightCall
from qa.appraisal.ranking import Sample
from qa.clock import house_day
from qa.export import mask_name
from qa.intervals import mean_percent
from qa.ledger_sheets import Sheet
from qa.review import appeal_records
from qa.review.appeal_states import ACCEPTED, CLOSED
from qa.rules import points
from qa.rules.explain_text import figure, month_rows, month_sums, totals_text
from qa.rules.money import AGENT, NOTHING, Month, Yuan
from qa.scorecards import MIN_RANKED
from qa.store import Store

FEW, ALIKE, APART, UNLIKE = "few", "alike", "ranked", "unlike"
"""Why a row has a place or has none: too few calls; inside the noise; ranked; not to be compared (several rule books, demonstration)."""
BEFORE_IT = "待确认：以前月份有影响本月罚款的违规，还没有人确认"
MOVED = "换过班组，罚款按全月合计，不按班组分"


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
    confirmation, and where the row is of the calls in one team of an agent who had others (``of.apart``): money is the whole month's.
    ``pending``: breaches that wait.  ``at_closing``: where the closed month was corrected since, what was due at its closing.
    """

    of: AgentMonth
    state: str
    places: tuple[int, int] | None
    due: tuple[tuple[str, Yuan], ...] | None
    pending: int
    appeals: Appeals
    at_closing: tuple[tuple[str, Yuan], ...] | None = None

    @property
    def lost(self) -> float:
        """Points that all calls of the month lost together."""
        return sum(check.lost for check in self.of.checks)

    def money(self, role: str = AGENT) -> Yuan | None:
        return None if self.due is None else dict(self.due).get(role, NOTHING)

    @property
    def beside(self) -> tuple[str, ...]:
        """What is to be said beside the sum of money, where there is one (Chinese): how much of it the agent does not see, and that the
        closed month was corrected."""
        if self.due is None:
            return ()
        told = [unseen.told(len(self.of.fines.unseen), self.of.unseen_due)]
        if self.at_closing is not None:
            then = "罚款不变" if self.at_closing == self.due else f"关账时 {totals_text(self.at_closing)}"
            told.append(f"关账后更正过（{then}）")
        return tuple(filter(None, told))


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
    """``behind``: agents whose figures are still to be counted.  ``parts``, in the table of all teams alone: the rows that agents who
    changed team have in the tables of their teams.  ``undated``: scored calls of the team, of all teams, without a start, which are in no
    month; ``unassigned``: those of the month without an agent (:mod:`qa.appraisal.undated`)."""

    month: str
    team: str | None
    rows: tuple[Row, ...]
    closed: Closing | None
    behind: int = 0
    parts: tuple[Row, ...] = ()
    undated: int = 0
    unassigned: int = 0

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is to be said of calls that the rows leave out (Chinese)."""
        return undated.left_out(self.undated, self.unassigned)

    def of_team(self, team: str) -> tuple[Row, ...]:
        """What the team's own table has, by agent."""
        moved = {row.of.agent_id for row in self.parts}
        own = (row for row in self.rows if row.of.agent_id not in moved)
        return tuple(sorted((row for row in (*own, *self.parts) if row.of.team == team), key=lambda row: row.of.agent_id))

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams that have a table; '' stands for agents without one."""
        return tuple(sorted({row.of.team for row in (*self.rows, *self.parts)}))

    @property
    def empty(self) -> bool:
        """Whether there is no call of the month at all, be it nobody's."""
        return not (self.rows or self.unassigned)

    @property
    def pending(self) -> int:
        return sum(row.pending for row in self.rows)

    @property
    def unpublished(self) -> int:
        return sum(row.of.unpublished for row in self.rows)

    @property
    def unseen(self) -> int:
        """Fines for what their agents do not see."""
        return sum(len(row.of.fines.unseen) for row in self.rows)

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
    parts = figures.parts_of_month(store, month) if team is None else ()
    claims = _Claims(store, month, found, day)
    comparable = len({one.comparable for one in found if one.percent.n}) == 1 and all(len(one.books) == 1 for one in found if one.percent.n)
    places = ranking.places({one.agent_id: _sample(one) for one in found}) if comparable and ranked else {}
    made, beside = ([_row(one, comparable, places, sheets.get(one.agent_id), claims.of(one)) for one in some] for some in (found, parts))
    made.sort(key=lambda row: (row.of.percent.value is None, -(row.of.percent.value or 0.0), row.of.agent_id))
    if not places:  # nothing tells them apart: no order that looks like one
        made.sort(key=lambda row: (row.of.team, row.of.agent_id))
    counts = (undated.count, undated.unassigned) if budget_s is None else (undated.shown, undated.unassigned_shown)
    left_out = counts[0](store.db, team=team), counts[1](store.db, month, team=team)
    return Table(month, team, tuple(made), closing(store, month), behind, tuple(beside), *left_out)


def _sample(one: AgentMonth) -> Sample:
    return Sample(one.percent.n, one.percent.value or 0.0, one.variance)


def _row(one: AgentMonth, comparable: bool, places: dict[str, tuple[int, int]], sheets: tuple[Sheet, Sheet] | None, claims: Appeals) -> Row:
    first, sheet = sheets or (None, None)
    state = FEW if one.percent.n < MIN_RANKED else UNLIKE if not comparable else APART if one.agent_id in places else ALIKE
    waits = one.fines.pending or one.fines.unknown or (sheet is not None and one.fines.open)  # kept with what nobody answers for
    due = None if waits or one.apart else sheet.totals if sheet is not None else one.due
    at_closing = first.totals if first is not None and first is not sheet else None
    return Row(one, state, places.get(one.agent_id) if state == APART else None, due, one.fines.pending, claims, at_closing)


def _sheets(store: Store, month: str) -> dict[str, tuple[Sheet, Sheet]]:
    """What was kept first and last of each agent's closed month."""
    found = store.db.rows("select distinct agent_id from closed_sheets where month = ? and agent_id <> ''", month)
    every = {row["agent_id"]: ledger_sheets.sheets(store.db, row["agent_id"], month) for row in found}
    return {agent_id: (sheets[0], sheets[-1]) for agent_id, sheets in every.items()}


def closing(store: Store, month: str) -> Closing | None:
    """How the month was closed; None where it is open."""
    found = store.db.rows("select * from closed_months where month = ?", month)
    return Closing(month, found[0]["closed_by"], found[0]["note"], found[0]["closed"]) if found else None


class _Claims:
    """The appeals about calls of a month, by agent and, where the figures are of one team, by the call's team."""

    def __init__(self, store: Store, month: str, agents: Iterable[AgentMonth], day: datetime.date | None) -> None:
        found = appeal_records.of_month(store.db, month, [one.agent_id for one in agents])
        sql = "select c.call_id, c.team from json_each(?) j cross join calls c on c.call_id = j.value"
        teams = {row["call_id"]: row["team"] or "" for row in store.db.rows(sql, rows.to_json([one.call_id for one in found]))}
        self._counts: dict[str, dict[str, list[int]]] = {}
        for appeal in found:
            now = appeal.state(day)
            place = 0 if now.open else 1 if now.status == ACCEPTED else 2 if now.status == CLOSED else None
            if place is not None:
                by_team = self._counts.setdefault(appeal.agent_id, {})
                by_team.setdefault(teams.get(appeal.call_id, ""), [0, 0, 0])[place] += 1

    def of(self, one: AgentMonth) -> Appeals:
        own = [counts for team, counts in self._counts.get(one.agent_id, {}).items() if not one.apart or team == one.team]
        return Appeals(*map(sum, zip(*own, strict=True))) if own else Appeals()


# ---------------------------------------------------------------- one row's arithmetic


@dataclass(frozen=True)
class Arithmetic:
    """Behind an agent's row, to be done again by hand.

    ``score``: how the mean came about.  ``fines``: rows with the cells of ``qa.rules.explain_text.MONTH_HEADERS``, confirmed breaches
    alone, what each of them costs (``costs``), and ``sums`` below them; ``unseen``: what of them the agent does not see (Chinese, ""
    without any).  ``waits``: time, call, rule and clause of what waits for confirmation.  ``kept``: what was kept of the closed month and
    what corrections made of it (Chinese).
    """

    calls: tuple[LightCall, ...]
    score: str
    fines: tuple[tuple[str, ...], ...]
    sums: tuple[str, ...]
    waits: tuple[tuple[str, str, str, str], ...]
    kept: tuple[str, ...]
    unknown: int
    unseen: str = ""
    costs: tuple[Yuan, ...] = ()


def arithmetic(store: Store, agent_id: str, month: str, team: str | None = None, books: KnownBooks | None = None) -> Arithmetic:
    """``team``: of the calls that the agent had in this team alone; where there were others, what these calls were charged is told without
    sums: money is the whole month's.  ``books``: rule books in place of those that the database knows.

    Errors: :class:`StoreError` for text that is no month.
    """
    explain.parse_month(month)
    known = books or KnownBooks(store)
    with store.db.reading():
        every = light.with_evidence(store, light.calls(store, agent_id, month, f"{month}-99", published=False), known)
        made = charged.fines(store, agent_id, month, every, known)
        shown = light.calls(store, agent_id, month, f"{month}-99", published=True)
        hidden = unseen.of(made.due, every, shown, store)
        sheets = store.ledger.sheets(agent_id, month)
    calls = tuple(call for call in every if team is None or call.team == team)
    own, whole = {call.call_id for call in calls}, len(calls) == len(every)
    charged_for = made.due if whole else _of_calls(made.due, own)
    numbers = {call.call_id: call.customer_number for call in calls}
    waits = tuple(
        (f"{one.at:%Y-%m-%d %H:%M}", mask_name(one.call_id, numbers[one.call_id]), one.title, one.clause)
        for one in made.pending
        if one.call_id in own
    )
    return Arithmetic(
        calls=calls,
        score=_score(calls, known),
        fines=month_rows(charged_for),
        costs=tuple(charge.cost for rule in charged_for.rules for charge in rule.charges),
        sums=(
            *(month_sums(made.due) if whole or not made.all.rules else (MOVED,)),
            *([BEFORE_IT] if made.open and not made.pending else []),
        ),
        waits=waits,
        kept=tuple(_kept(sheets, not made.waits)) if whole else (),
        unknown=sum(known.of(call) is None for call in calls),
        unseen=unseen.told(len(hidden.calls), hidden.due) if whole and not made.waits else "",
    )


def _of_calls(due: Month, calls: set[str]) -> Month:
    """What some calls were charged in a month."""
    charges = [(rule, tuple(one for one in rule.charges if one.found[0].call_id in calls)) for rule in due.rules]
    return replace(due, rules=tuple(replace(rule, charges=own) for rule, own in charges if own))


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


def _kept(sheets: Sequence[Sheet], sure: bool) -> Iterable[str]:
    """``sure``: a person answers for all that was charged; else no sum is told."""
    for place, sheet in enumerate(sheets):
        day = house_day(sheet.created)
        if not place:
            yield f"本月已关账（{sheet.by}，{day}），" + (f"罚款以关账时记下的为准：{totals_text(sheet.totals)}" if sure else "罚款待确认")
            continue
        same = sheet.totals == sheets[place - 1].totals
        change = f"{totals_text(sheets[place - 1].totals)} → {totals_text(sheet.totals)}" if sure else "罚款待确认"
        yield f"关账后的更正（{sheet.by}，{day}，{sheet.why}）：{'罚款不变' if same else change}"
