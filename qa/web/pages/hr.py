"""The appraisal table of a month, to look at, to print and to take away; closing the month, and what is adjusted afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response

from qa.appraisal import closing, correcting, figures, files, month_table, undated, workbook
from qa.appraisal.closing import Proposal
from qa.appraisal.correcting import Outlook
from qa.appraisal.month_table import Table
from qa.appraisal.unseen import Totals
from qa.ledger import ClosedMonth
from qa.people.accounts import UserRole
from qa.report_text import percent_text
from qa.review import publications
from qa.rules.explain_text import totals_text
from qa.scorecards import MIN_RANKED
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages.agent import signed
from qa.web.pages.figure_texts import estimate_text
from qa.web.pages.team import asked_month, fines_known, money_text, month_choices, place_text
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask, Problem

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
LISTED = 30
"""Agents with something to be confirmed that are named; of more only their number."""
MOST_SHOWN = 200
"""Agents that are shown on one page; of more a team is chosen."""
FILE_BUDGET_S = 5.0
"""So long a file waits for figures that changed."""
Taken = TypeVar("Taken")


def _team(ask: Ask) -> str | None:
    """A lead has the own team alone; HR any, or all."""
    return ask.user.team if ask.user.role is UserRole.LEAD else ask.query.text("team") or None


def _month(ask: Ask) -> str:
    return asked_month(ask, team=_team(ask) or "")


def _table(ask: Ask, budget_s: float | None) -> Table:
    return month_table.table(ask.store, _month(ask), _team(ask), ask.today, budget_s=budget_s)


def _counted(ask: Ask, take: Callable[[], tuple[Taken, Table]]) -> tuple[Taken, Table]:
    """What is to be taken away, and its table.

    Refused (503) where figures are still to be counted: nobody would see in a file that they are old or that agents are missing.
    """
    behind = figures.ensure(ask.store, [_month(ask)], team=_team(ask), budget_s=FILE_BUDGET_S)
    if not behind:
        taken, made = take()
        if not made.behind:  # others may have written in between
            return taken, made
        behind = made.behind
    raise Refused(503, _("还有 {n} 位坐席的数字正在重算，过一会儿再看。", n=behind))


def table(ask: Ask) -> Response:
    """The table; of a large house a team's, chosen from a list (the files hold all)."""
    month = _month(ask)
    if _large(ask, month):
        return _teams(ask, month, "/appraisal")
    return _shown(ask, "web/hr/table.html.j2", _table(ask, figures.SHOWN_BUDGET_S), "appraisal.view")


def _large(ask: Ask, month: str) -> bool:
    """Whether all agents are asked for and are too many for a page."""
    return _team(ask) is None and figures.agents(ask.store, month) > MOST_SHOWN


def _teams(ask: Ask, month: str, path: str) -> Response:
    teams = [(team, address(path, query={"month": month, "team": team})) for team in figures.teams(ask.store, month)]
    return ask.render(
        "web/hr/choose.html.j2",
        title=_("绩效表 {month}", month=month),
        month=month,
        months=month_choices(ask.store, month),
        teams=teams,
        links={kind: address(f"/appraisal/{kind}", query={"month": month}) for kind in ("xlsx", "csv")},
        behind=len(figures.waiting(ask.store, [month])),
        undated=undated.beside(ask.store.db, month),
        most=MOST_SHOWN,
    )


def printed(ask: Ask) -> Response:
    """The table with its arithmetic and places to sign, made to be printed; of a large house a team's."""
    month = _month(ask)
    if _large(ask, month):
        return _teams(ask, month, "/appraisal/print")
    how, made = _counted(ask, lambda: workbook.taken(ask.store, month, _team(ask), ask.today)[::-1])
    return _shown(ask, "web/hr/print.html.j2", made, "appraisal.print", how=how)


def _shown(ask: Ask, template: str, made: Table, action: str, **more: object) -> Response:
    query = {"month": made.month, "team": made.team if ask.user.role is not UserRole.LEAD else None}
    ask.audit(action, "month", made.month, team=made.team or "")
    fined = fines_known(ask.store)
    return ask.render(
        template,
        title=_("绩效表 {month}", month=made.month),
        table=made,
        month=made.month,
        months=month_choices(ask.store, made.month),
        teams=[("", _("全部班组")), *((team, team) for team in figures.teams(ask.store, made.month))],
        choose_team=ask.user.role is not UserRole.LEAD,
        rows=[(row, estimate_text(row.of.percent), *place_text(row), money_text(row, fined)) for row in made.rows],
        links={kind: address(f"/appraisal/{kind}", query=query) for kind in ("xlsx", "csv", "print")},
        signoffs=closing.signoffs(ask.store, made.month, made),
        notes=files.notes(made),
        undated=made.left_out,
        few=MIN_RANKED,
        demo=any(row.of.demo for row in made.rows),
        **more,
    )


def xlsx(ask: Ask) -> Response:
    """The workbook: table, arithmetic, notes."""
    month, team = _month(ask), _team(ask)
    large = _large(ask, month)
    data, made = _counted(
        ask,
        lambda: workbook.apart(ask.store.path, month, team, ask.today) if large else workbook.made(ask.store, month, team, ask.today),
    )
    return _sent(ask, "xlsx", data, XLSX, made)


def csv(ask: Ask) -> Response:
    """The table alone as CSV."""
    made, _of = _counted(ask, lambda: (one := _table(ask, -1.0), one))
    return _sent(ask, "csv", files.csv_bytes(made), CSV, made)


def _sent(ask: Ask, kind: str, data: bytes, media_type: str, made: Table) -> Response:
    month = _month(ask)
    ask.audit("appraisal.export", "month", month, file=kind, team=_team(ask) or "", rows=len(made.rows))
    return ask.download(data, f"appraisal-{month}.{kind}", media_type)


# ---------------------------------------------------------------- closing


def months(ask: Ask) -> Response:
    """A month's sign-offs, what speaks against closing it, and after the closing its adjustments."""
    return _months(ask)


def _months(ask: Ask, refused: Problem | None = None) -> Response:
    month = asked_month(ask, "query" if refused is None else "form")
    made = month_table.table(ask.store, month, None, ask.today, budget_s=figures.SHOWN_BUDGET_S, ranked=False)
    ask.audit("month.view", "month", month)
    proposals = closing.proposals(ask.store, month) if made.closed else ()
    return ask.render(
        "web/hr/months.html.j2",
        refused.status if refused is not None else 200,
        title=_("关账"),
        month=month,
        months=month_choices(ask.store, month),
        table=made,
        waits=[row for row in made.rows if row.pending],
        listed=LISTED,
        signoffs=closing.signoffs(ask.store, month, made),
        unsigned=closing.unsigned(ask.store, month, made),
        warnings=closing.warnings(ask.store, made),
        over=f"{ask.today:%Y-%m}" > month,
        closed=closing.closed(ask.store),
        waiting={one.month: one for one in closing.waiting(ask.store)},
        changes=[(one, _moved(one.money)) for one in closing.changes(ask.store, month)] if made.closed else [],
        proposals=_reckoned(ask, month, proposals),
        score=lambda percent: _(percent_text(percent)),
        longest=closing.LONGEST,
        problem=refused.text if refused is not None else "",
        typed=ask.form.pairs() if refused is not None else {},
    )


def _reckoned(ask: Ask, month: str, proposals: tuple[Proposal, ...]) -> list[tuple[Proposal, str, bool]]:
    """Each with what it makes of the agent's money of the month, and whether a person has to confirm something first."""
    asked = [(one.agent_id, one.call_id, one.scorecard_id) for one in proposals if one.scorecard_id and not one.withdrawal]
    found = correcting.outlooks(ask.store, month, asked) if asked else {}
    return [(one, *_money(found.get(one.call_id))) for one in proposals]


def _money(found: Outlook | None) -> tuple[str, bool]:
    if found is None:
        return "—", False
    if found.waits:
        before = "" if found.before is None else _(totals_text(found.before))
        rules = "、".join(found.waits)
        told = _("先由人确认：{rules}（现在 {money}）", rules=rules, money=before) if before else _("先由人确认：{rules}", rules=rules)
        return told, True
    if found.before is None or found.after is None:
        return _("待确认"), False
    return _moved((found.before, found.after)), False


def _moved(money: tuple[Totals, Totals] | None) -> str:
    """The agent's money of the month before and after a correction, or that it stays."""
    if money is None:
        return "—"
    before, after = (_(totals_text(one)) for one in money)
    if money[0] != money[1]:
        return f"{before or '0'} → {after or '0'}"
    return _("{money}（不变）", money=before) if before else "—"


def close(ask: Ask) -> Response:
    """Close the month for good."""
    month = asked_month(ask, "form")
    by, note, confirmed, accepted = signed(ask), ask.form.text("note"), ask.form.text("confirm"), ask.form.text("accept") == "1"

    def ready() -> Callable[[], Response]:
        return partial(closed, closing.closing(ask.store, month, by, note, confirmed, accepted, ask.today))

    def closed(close_it: Callable[[], ClosedMonth]) -> Response:
        made = close_it()
        ask.audit("month.close", "month", month, note=made.note)
        return ask.redirect(address("/months", query={"month": month}), notice=_("{month} 已关账", month=month))

    return ask.attempt_ready(ready, lambda problem: _months(ask, problem))


def adjust(ask: Ask) -> Response:
    """Make corrections of a closed month stand, or refuse them."""
    month, (calls, on) = asked_month(ask, "form"), publications.chosen(ask.store.db, ask.form.all("call"))
    if ask.form.text("action") == "refuse":
        return _refuse(ask, month, calls, on)

    decided = sorted(ask.store.withdrawals.linked(calls))

    def ready() -> Callable[[], Response]:
        return partial(adjusted, closing.adjusting(ask.store, month, calls, signed(ask), ask.form.text("reason"), on))

    def adjusted(approve: Callable[[], int]) -> Response:
        number = approve()
        for call_id in decided:
            ask.audit("month.adjust", "call", call_id, month=month)
        return ask.redirect(address("/months", query={"month": month}), notice=_("已批准 {n} 份更正", n=number))

    return ask.attempt_ready(ready, lambda problem: _months(ask, problem))


def _refuse(ask: Ask, month: str, calls: tuple[str, ...], on: dict[str, int]) -> Response:
    """Leave what stands."""
    decided = sorted(ask.store.withdrawals.linked(calls))

    def refused() -> Response:
        number = closing.refuse(ask.store, month, calls, signed(ask), ask.form.text("reason"), on)
        for call_id in decided:
            ask.audit("month.adjust", "call", call_id, month=month, refused=True)
        return ask.redirect(address("/months", query={"month": month}), notice=_("已驳回 {n} 份更正，评分和计不计入都照旧", n=number))

    return ask.attempt_ready(lambda: refused, lambda problem: _months(ask, problem))


# ---------------------------------------------------------------- start page


def to_close(ask: Ask) -> dict[str, object] | None:
    """The newest months that are over and still open, and the closed ones in which something waits for approval."""
    now = f"{ask.today:%Y-%m}"
    known = {one.month for one in closing.closed(ask.store)}
    waiting = [month for month in figures.months(ask.store) if month < now and month not in known]
    decide = closing.waiting(ask.store)
    return {"months": waiting[:6], "waiting": decide} if waiting or decide else None
