"""An agent's own pages: published scorecards of a week or a month, single ones with what they rest on, taking note, appeals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.appraisal import acknowledgements, figures, own
from qa.appraisal.own import Clip, Own
from qa.appraisal.periods import MONTH, WEEK, Period, month_of, months_before
from qa.clock import house_day
from qa.errors import QaError, StoreError
from qa.export import mask_name, mask_text
from qa.people.accounts import User, UserRole
from qa.report_agent import moment
from qa.report_text import ROLE_TEXT, percent_text
from qa.review import appeals
from qa.review.appeal_states import ACTIONS, LEVELS, REFUSED, WAITING, State
from qa.review.appeal_windows import AWAITS, approval
from qa.review.appeals import Appeal
from qa.store import Store
from qa.web import newest
from qa.web.addresses import address
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.pages import agent_card, appeal_view
from qa.web.pages.figure_texts import estimate_text, rate_text, trend_data
from qa.web.paging import Paging
from qa.web.permissions import CALL_IN_REACH, Scope
from qa.web.wording import told

if TYPE_CHECKING:
    from qa.web.ask import Ask

PAGE = 20
NEWS_DAYS = 14
CHANGES = {"up": (marked("高于以往"), "good"), "down": (marked("低于以往"), "bad"), "": (marked("差别在误差以内"), "plain")}


def _own_appeal(store: Store, user: User, params: Mapping[str, str]) -> bool:
    """Parameter ``appeal_id``: the agent reaches own appeals."""
    text = params["appeal_id"]
    if user.role is not UserRole.AGENT or not user.agent_id or not (text.isascii() and text.isdigit() and len(text) < 16):
        return False
    return bool(store.db.rows("select 1 from appeals where id = ? and agent_id = ?", int(text), user.agent_id))


OWN_APPEAL = Scope("own_appeal", _own_appeal)


def signed(ask: Ask) -> str:
    """The name under what a person does."""
    return ask.user.name or ask.user.login


# ---------------------------------------------------------------- the overview


def page(ask: Ask) -> Response:
    """The week or month of the person who asks: where none is asked for, the newest with published calls."""
    kind = ask.query.one_of("period", (WEEK, MONTH), MONTH)
    asked = ask.query.day("of") or newest.day(ask.store, ask.today, agent_id=ask.user.agent_id, published=True)
    period = Period.of(kind, asked or ask.today)
    behind = _ready(ask, period)
    found = own.overview(ask.store, ask.user.agent_id, period)
    if found.calls:
        ask.audit("results.view", "agent", ask.user.agent_id, period=period.label)
    at = ask.query.integer("from", 0, high=100_000)
    noted = set(acknowledgements.missing(ask.store.db, ask.user.agent_id, period.since.isoformat())) if found.calls else set()
    return ask.render(
        "web/agent/own.html.j2",
        title=_("我的成绩"),
        own=found,
        period=period,
        kinds=[(k, text, _at(Period.of(k, period.since))) for k, text in ((WEEK, _("按周")), (MONTH, _("按月")))],
        before=_at(period.before),
        after=_at(period.after) if period.until < ask.today else "",
        percent_text=_(percent_text(found.percent.value)),
        score=estimate_text(found.percent),
        past=_(percent_text(found.past.value)) if found.past.n else "",
        past_months=own.PAST_MONTHS,
        min_team=own.MIN_TEAM,
        rates=[(one, rate_text(one.now), rate_text(one.past), *CHANGES[one.change]) for one in found.rates],
        costs=[(one, _latest(found, one.check_id)) for one in found.costs],
        clips=[_clip(one) for one in own.clips(ask.store, found)],
        calls=[
            (one, mask_name(one.call_id, one.customer_number), moment(one.started), one.call_id in noted)
            for one in found.calls[at : at + PAGE]
        ],
        paging=_paging(found, period, at),
        trend=trend_data(own.trend(ask.store, ask.user.agent_id, period)),
        kept=_kept(ask, period),
        behind=behind,
    )


def _ready(ask: Ask, period: Period) -> int:
    """Count anew what the page rests on; returns how much is left."""
    month, agent_id = month_of(period.since), ask.user.agent_id
    behind = figures.ensure(
        ask.store, (*months_before(month, own.TREND_MONTHS - 1), month), agent_id=agent_id, budget_s=figures.SHOWN_BUDGET_S
    )
    return behind + (figures.ensure(ask.store, [month], team=ask.user.team, budget_s=figures.SHOWN_BUDGET_S) if ask.user.team else 0)


def _at(period: Period) -> str:
    return address("/my", query={"period": period.kind, "of": period.since.isoformat()})


def _paging(found: Own, period: Period, at: int) -> Paging:
    def link(start: int) -> str:
        return address("/my", query={"period": period.kind, "of": period.since.isoformat(), "from": start}) + "#h-calls"

    last = min(at + PAGE, len(found.calls))
    text = _("{low}–{high}，共 {n} 通", low=at + 1, high=last, n=len(found.calls))
    return Paging(link(max(0, at - PAGE)) if at else "", link(at + PAGE) if last < len(found.calls) else "", text)


def _latest(found: Own, check_id: str) -> str:
    """The newest own call in which the check was not passed."""
    for call in found.calls:
        if any(result.check_id == check_id and result.outcome.value == "fail" for result in call.results):
            return address("/my/calls/{call_id}", call_id=call.call_id) + f"#d-{check_id}"
    return ""


def _clip(one: Clip) -> dict[str, object]:
    start, end, number = one.evidence.span.start_ms, one.end_ms, one.call.customer_number
    sound = address("/calls/{call_id}/audio", call_id=one.call.call_id)
    return {
        "title": one.result.title,
        "good": one.result.outcome.value == "pass",
        "role": ROLE_TEXT[one.evidence.role],
        "text": mask_text(one.evidence.text, number, said=True),
        "start_ms": start,
        "end_ms": end,
        "started": moment(one.call.started),
        "audio": f"{sound}#t={max(0, start - 500) / 1000:g},{(end + 500) / 1000:g}",
        "href": address("/calls/{call_id}", call_id=one.call.call_id, query={"at": start}),
    }


def _kept(ask: Ask, period: Period) -> tuple[str, ...]:
    """What was kept of a closed month, as far as all of it is confirmed, and what of it the agent does not see."""
    from qa.appraisal import month_table

    if period.kind != MONTH or not ask.store.ledger.is_closed(period.label):
        return ()
    how = month_table.arithmetic(ask.store, ask.user.agent_id, period.label)
    return (*how.kept, *filter(None, [how.unseen]))


# ---------------------------------------------------------------- one scorecard


def card(ask: Ask) -> Response:
    """A published scorecard of an own call: every deduction with what it rests on."""
    call_id = ask.params["call_id"]
    shown = agent_card.shown(ask.store, call_id, ask.today)
    ask.audit("call.view", "call", call_id, scorecard=shown.scorecard_id)
    return ask.render(
        "web/agent/card.html.j2",
        title=shown.call,
        call_id=call_id,
        shown=shown,
        started=moment(shown.started),
        percent_text=_(percent_text(shown.percent)),
        noted=acknowledgements.of_published(ask.store.db, call_id, ask.user.agent_id),
        appeals=[
            (one, state_text(one.state(ask.today)), approval(ask.store, one, ask.today))
            for one in reversed(appeals.against(ask.store.db, call_id))
            if one.agent_id == ask.user.agent_id
        ],
    )


def acknowledge(ask: Ask) -> Response:
    """The agent has taken note."""
    call_id = ask.params["call_id"]
    made = acknowledgements.acknowledge(ask.store, call_id, ask.user.agent_id, signed(ask), ask.form.integer("scorecard"))
    ask.audit("call.acknowledge", "call", call_id, scorecard=made.scorecard_id)
    return ask.redirect(address("/my/calls/{call_id}", call_id=call_id), notice=_("已确认看过"))


# ---------------------------------------------------------------- appeals


def appeal_form(ask: Ask) -> Response:
    """The form of an appeal against a rule's result, or (no rule) about the call itself."""
    return _appeal_form(ask, ask.query.text("rule"))


def _appeal_form(ask: Ask, rule_id: str, problem: str = "") -> Response:
    call_id = ask.params["call_id"]
    shown = agent_card.shown(ask.store, call_id, ask.today)
    titles = {check.check_id: check.title for check in (*(one.check for one in shown.deductions), *shown.others)}
    window = appeals.window(ask.store, call_id, rule_id, ask.today)
    ask.audit("call.view", "call", call_id, scorecard=shown.scorecard_id)
    return ask.render(
        "web/agent/appeal_form.html.j2",
        400 if problem else 200,
        title=_("申诉"),
        call_id=call_id,
        shown=shown,
        started=moment(shown.started),
        rule_id=rule_id,
        rule=titles.get(rule_id, _("公布的评分里没有的项目")) if rule_id else _("整通电话"),
        deduction=next((one for one in shown.deductions if one.check.check_id == rule_id), None),
        window=window,
        reasons=[(reason, reason) for reason in shown.reasons],
        longest=appeals.LONGEST,
        problem=problem if window.open else "",  # else it is told why, with the appeal that is in the way
        typed=ask.form.pairs(),
    )


def file_appeal(ask: Ask) -> Response:
    """An appeal is made."""
    call_id, rule_id = ask.params["call_id"], ask.form.text("rule")
    try:
        made = appeals.file(
            ask.store, call_id, rule_id, ask.user.agent_id, ask.form.text("reason"), ask.form.text("text"), signed(ask), ask.today
        )
    except StoreError as error:
        return _appeal_form(ask, rule_id, told(error))
    ask.audit("appeal.file", "appeal", str(made.id), call=call_id, rule=rule_id)
    return ask.redirect(address("/my/appeals/{appeal_id}", appeal_id=made.id), notice=_("申诉已提交"))


def appeal_list(ask: Ask) -> Response:
    """The agent's appeals, the newest first."""
    found = appeals.of_agent(ask.store.db, ask.user.agent_id)
    return ask.render("web/agent/appeals.html.j2", title=_("我的申诉"), rows=[_appeal_row(ask, one) for one in found])


def _appeal_row(ask: Ask, one: Appeal) -> dict[str, object]:
    told = ask.store.db.rows("select started, customer_number from calls where call_id = ?", one.call_id)
    row = told[0] if told else {"started": None, "customer_number": ""}
    return {
        "one": one,
        "call": mask_name(one.call_id, row["customer_number"] or ""),
        "started": moment(row["started"]),
        "title": agent_card.rule_title(ask.store, one) or _("整通电话"),
        "state": state_text(one.state(ask.today)),
        "approval": (approved := approval(ask.store, one, ask.today)),
        "awaits": approved in AWAITS.values(),
        "open": one.state(ask.today).open,
        "filed": house_day(one.created).isoformat(),
    }


def appeal(ask: Ask) -> Response:
    """One of them, with its answers."""
    return _appeal(ask)


def _appeal(ask: Ask, problem: str = "") -> Response:
    one = appeals.get(ask.store.db, int(ask.params["appeal_id"]))
    now = one.state(ask.today)
    ask.audit("appeal.view", "appeal", str(one.id), call=one.call_id)
    return ask.render(
        "web/agent/appeal.html.j2",
        400 if problem else 200,
        title=_("申诉 {n}", n=one.id),
        row=_appeal_row(ask, one),
        card_shown=CALL_IN_REACH.holds(ask.store, ask.user, {"call_id": one.call_id}),
        steps=appeal_view.trail(one, ask.today, str, minutes=False),
        may_go_on=now.status == REFUSED,
        may_take_back=now.open,
        longest=appeals.LONGEST,
        problem=problem,
        typed=ask.form.text("text") if problem else "",
    )


def go_on(ask: Ask) -> Response:
    """The agent goes on after a refusal, or takes the appeal back."""
    number, action = int(ask.params["appeal_id"]), ask.form.one_of("action", ("escalate", "withdraw"))
    try:
        if action == "escalate":
            appeals.escalate(ask.store, number, ask.form.text("text"), signed(ask), ask.today)
        else:
            appeals.take_back(ask.store, number, signed(ask), ask.today)
    except QaError as error:
        return _appeal(ask, told(error))
    ask.audit(f"appeal.{action}", "appeal", str(number))
    return ask.redirect(address("/my/appeals/{appeal_id}", appeal_id=number), notice=_("已记录：{decision}", decision=_(ACTIONS[action])))


def state_text(now: State) -> str:
    """Where an appeal stands, and until when something is due."""
    if now.status == WAITING:
        late = _("，已过期限") if now.overdue else ""
        return _("待{level}答复，期限 {day}{late}", level=_(LEVELS[now.level]), day=now.due, late=late)
    return _(now.title) + (_("（{day} 前）", day=now.due) if now.status == REFUSED else "")


# ---------------------------------------------------------------- start page


def notices(ask: Ask) -> dict[str, object] | None:
    """What is new for the agent: published scorecards to take note of, answers to appeals."""
    missing = acknowledgements.news(ask.store, ask.user.agent_id, ask.today)
    found = appeals.of_agent(ask.store.db, ask.user.agent_id)
    news = [one for one in found if one.state(ask.today).open or _answered(ask, one)]
    first = [(one, moment(_started(ask.store, one))) for one in missing[:3]]
    return {
        "missing": len(missing),
        "first": first,
        "appeals": [_appeal_row(ask, one) for one in news[:5]],
        "days": acknowledgements.NOTED_DAYS,
    }


def _answered(ask: Ask, one: Appeal) -> bool:
    steps = [step for step in one.steps if step.action not in ("escalate", "withdraw")]
    return bool(steps) and (ask.today - house_day(steps[-1].created)).days <= NEWS_DAYS


def _started(store: Store, call_id: str) -> str | None:
    found = store.db.rows("select started from calls where call_id = ?", call_id)
    return found[0]["started"] if found else None
