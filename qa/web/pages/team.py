"""The team's month for its lead, for QA and HR; an agent's month behind it: figures, no audio and no words."""

from __future__ import annotations

import re
from statistics import fmean
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.appraisal import closing, figures, month_table, undated
from qa.appraisal.figures import AgentMonth, CheckCount
from qa.appraisal.month_table import ALIKE, APART, BEFORE_IT, FEW, MOVED, UNLIKE, Row, Table
from qa.appraisal.own import TREND_MONTHS
from qa.appraisal.periods import month_of, months_before
from qa.errors import QaError
from qa.export import mask_name
from qa.intervals import Estimate, mean_percent
from qa.people.accounts import UserRole
from qa.report_agent import moment
from qa.rules.explain_text import totals_text
from qa.scorecards import MIN_RANKED
from qa.store import Store
from qa.web import newest
from qa.web.addresses import address
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.pages.agent import signed
from qa.web.pages.figure_texts import estimate_text, rate_text, trend_data
from qa.web.permissions import Permission
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask, Problem

STATES = {
    FEW: (marked("样本太少"), "warn"),
    ALIKE: (marked("差别在误差以内，不分名次"), "plain"),
    UNLIKE: (marked("规则或模型不同，不比较"), "plain"),
    APART: ("", "plain"),
}
_MONTH = re.compile(r"(20[0-9]{2}|2100)-(0[1-9]|1[0-2])")


def asked_month(ask: Ask, fields: str = "query", *, team: str = "", agent_id: str = "") -> str:
    """The month that is asked for (``2025-06``), else the newest with calls (of a team, of an agent) that has begun.

    Refused (400) where it is no month.
    """
    text = (ask.query if fields == "query" else ask.form).text("month")
    if not text:
        if team or agent_id:
            return month_of(newest.day(ask.store, ask.today, team=team, agent_id=agent_id) or ask.today)
        now = month_of(ask.today)
        return next((month for month in figures.months(ask.store) if month <= now), now)
    if not _MONTH.fullmatch(text):
        raise Refused(400, _("月份应写成 2025-06"))
    return text


def month_choices(store: Store, chosen: str) -> list[tuple[str, str]]:
    """Months to choose from, the newest first."""
    known = set(figures.months(store)) | {chosen}
    return [(month, month) for month in sorted(known, reverse=True)]


def place_text(row: Row) -> tuple[str, str]:
    """The place, or why there is none, and the kind of its tag."""
    if row.places is None:
        text, kind = STATES[row.state]
        return _(text), kind
    low, high = row.places
    return (str(low) if low == high else f"{low}–{high}"), "good"


def money_text(row: Row, fined: bool = True) -> str:
    """What a person has confirmed, by role; that it waits, where it does; ``fined``: whether the house's rules know fines at all."""
    if row.due is None and (not row.of.apart or row.pending or row.of.fines.unknown):
        return _("待确认")
    if not fined and not any(amount.high for _role, amount in row.due or ()):
        return _("没有罚款规则")
    if row.due is None:
        return _(MOVED)
    return f"{totals_text(row.due)}；{BEFORE_IT}" if row.of.fines.open else totals_text(row.due)


def fines_known(store: Store) -> bool:
    """Whether any rule book that scored calls here has a rule with a fine; one that cannot be read may have."""
    for row in store.db.rows("select distinct id from rule_books"):
        for version in store.ledger.versions(row["id"]):
            try:
                if any(rule.fine is not None for rule in store.ledger.load(version.hash).rules):
                    return True
            except QaError:
                return True
    return False


# ---------------------------------------------------------------- the team


def choose(ask: Ask) -> Response:
    """Whose page: a lead is led to the own team's."""
    if ask.user.role is UserRole.LEAD:
        return ask.redirect(address("/teams/{team}", team=ask.user.team, query={"month": ask.query.text("month") or None}))
    month = asked_month(ask)
    behind = figures.ensure(ask.store, [month], budget_s=figures.SHOWN_BUDGET_S)
    every = figures.means(ask.store, [month])
    found = []
    for team in sorted({one[1] for one in every if one[1]}):
        own = [one for one in every if one[1] == team]
        means = [mean for *_rest, mean in own if mean is not None]
        found.append((team, len(own), sum(one[2] for one in own), sum(one[3] for one in own), fmean(means) if means else None))
    ask.audit("team.view", "team", "", month=month, teams=[one[0] for one in found])
    return ask.render(
        "web/team/teams.html.j2",
        title=_("班组"),
        month=month,
        months=month_choices(ask.store, month),
        teams=found,
        behind=behind,
        undated=undated.beside(ask.store.db, month),
    )


def _mean(own: tuple[AgentMonth, ...]) -> Estimate:
    """The mean over the agents' means: agents are the sample, not their calls."""
    return mean_percent([one.percent.value for one in own if one.percent.value is not None])


def page(ask: Ask) -> Response:
    """A team's month."""
    return _page(ask)


def _page(ask: Ask, refused: Problem | None = None) -> Response:
    team, month = ask.params["team"], asked_month(ask, "query" if refused is None else "form", team=ask.params["team"])
    table = month_table.table(ask.store, month, team, ask.today, budget_s=figures.SHOWN_BUDGET_S)
    ask.audit("team.view", "team", team, month=month)
    own, fined = tuple(row.of for row in table.rows), fines_known(ask.store)
    return ask.render(
        "web/team/team.html.j2",
        refused.status if refused is not None else 200,
        title=team,
        team=team,
        month=month,
        months=month_choices(ask.store, month),
        table=table,
        rows=[(row, estimate_text(row.of.percent), *place_text(row), money_text(row, fined)) for row in table.rows],
        mean=_mean(own),
        mean_text=estimate_text(_mean(own)),
        calls=sum(one.calls for one in own),
        scored=sum(one.percent.n for one in own),
        checks=_checks(ask.store, team, month, own),
        trend=trend_data(_trend(ask.store, team, month)),
        few=MIN_RANKED,
        signed=_signed(ask.store, table, team),
        digest=closing.digest(table, team),
        may_sign=ask.may(Permission.SIGN_OFF) and table.closed is None and bool(table.rows),
        demo=any(one.demo for one in own),
        undated=table.left_out,
        problem=refused.text if refused is not None else "",
    )


def _checks(store: Store, team: str, month: str, own: tuple[AgentMonth, ...]) -> list[tuple[CheckCount, tuple[str, str], tuple[str, str]]]:
    """Pass rates of the team, and those of the month before."""
    before = {one.check_id: one for one in figures.summed(figures.of_month(store, months_before(month, 1)[0], team))}
    nothing = rate_text(figures.share(0, 0))
    return [
        (one, _rate(one), _rate(before[one.check_id]) if one.check_id in before else nothing)
        for one in sorted(figures.summed(own), key=lambda one: (-one.lost, one.check_id))
    ]


def _rate(one: CheckCount) -> tuple[str, str]:
    return rate_text(figures.share(one.passed, one.passed + one.failed))


def _trend(store: Store, team: str, month: str) -> list[tuple[str, Estimate]]:
    means: dict[str, list[float]] = {}
    for label, _team, _calls, _scored, mean in figures.means(store, (*months_before(month, TREND_MONTHS - 1), month), team):
        if mean is not None:
            means.setdefault(label, []).append(mean)
    return [(label, mean_percent(values)) for label, values in means.items()]


def _signed(store: Store, table: Table, team: str) -> closing.SignOff | None:
    return next((one for one in closing.signoffs(store, table.month, table) if one.team == team), None)


def sign(ask: Ask) -> Response:
    """The lead has checked the team's table."""
    team, month = ask.params["team"], asked_month(ask, "form")
    figures.ensure(ask.store, [month], team=team, budget_s=None)  # the long part, while others may write

    def done() -> Response:
        closing.sign(ask.store, month, team, signed(ask), ask.form.text("note"), ask.form.text("digest"), ask.today)
        ask.audit("month.sign", "team", team, month=month)
        return ask.redirect(address("/teams/{team}", team=team, query={"month": month}), notice=_("已签字"))

    return ask.attempt(done, lambda problem: _page(ask, problem))


# ---------------------------------------------------------------- an agent's month


def agent(ask: Ask) -> Response:
    """An agent's month with the arithmetic; calls are opened from here by those who may hear them.

    A lead sees what the agent did in the own team: who came from another one brings no figures along.
    """
    agent_id, month = ask.params["agent_id"], asked_month(ask, agent_id=ask.params["agent_id"])
    behind = figures.ensure(ask.store, [month], agent_id=agent_id, budget_s=figures.SHOWN_BUDGET_S)
    team = ask.user.team if ask.user.role is UserRole.LEAD else None
    with ask.store.db.reading():
        if team is None:
            one = next(iter(figures.of_agent(ask.store, agent_id, [month])), None)
        else:
            one = figures.within_team(ask.store, agent_id, month, team)
        how = month_table.arithmetic(ask.store, agent_id, month, team)
    ask.audit("agent.view", "agent", agent_id, month=month)
    return ask.render(
        "web/team/agent.html.j2",
        title=f"{one.agent_name if one else ''} {agent_id}".strip(),
        agent_id=agent_id,
        one=one,
        month=month,
        months=month_choices(ask.store, month),
        score=estimate_text(one.percent) if one else "",
        checks=[(check, _rate(check)) for check in sorted(one.checks, key=lambda c: (-c.lost, c.check_id))] if one else [],
        how=how,
        calls=[(call, mask_name(call.call_id, call.customer_number), moment(call.started)) for call in reversed(how.calls)],
        may_open=ask.may(Permission.CALL),
        behind=behind,
        undated=undated.left_out(undated.shown(ask.store.db, team=team, agent_id=agent_id)),
        few=MIN_RANKED,
    )
