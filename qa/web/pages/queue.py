"""The review queue with its filters and assignment, and the day's sampling plan."""

from __future__ import annotations

import datetime
from collections.abc import Container
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.export import mask_name
from qa.review import assignments, looking, overturns, queue, sampling
from qa.review.queue import WORTH, Filter
from qa.web import newest, periods
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.paging import Paging
from qa.web.periods import Period
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask, Fields

ROWS = 50
AT_ONCE = 200
"""Scorecards that a view of the queue takes in; ``qa review refresh`` takes in all."""
MOST = 10_000
_NAMES = ("state", "team", "agent_id", "assignee", "reason")


def wanted(query: Fields) -> Filter:
    """The filters of a query; what is none is as if it were not there.  Refused (400) where its period is none: the form of a
    page stands again instead."""
    period = periods.asked(query)
    if period.bad:
        raise Refused(400, next(iter(period.bad.values())))
    return _filter(query, period)


def _filter(query: Fields, period: Period) -> Filter:
    given = {name: value for name in _NAMES if (value := query.text(name))}
    if given.get("state") not in ("open", "done", "rest"):
        given.pop("state", None)
    return Filter(**given, **period.days)


def page(ask: Ask) -> Response:
    """The queue, the worthiest first."""
    behind = queue.refresh(ask.store, AT_ONCE) >= AT_ONCE
    period, offset = periods.asked(ask.query), ask.query.integer("from", 0, high=MOST)
    filters = _filter(ask.query, period)
    found = queue.page(ask.store.db, filters, offset, ROWS + 1) if not period.bad else ()
    more = len(found) > ROWS
    there = queue.count(ask.store.db, filters, MOST) if not period.bad else 0
    shown = found[:ROWS]
    numbers, looked = _numbers(ask, [row.call_id for row in shown]), looking.others(ask.store.db, ask.user.id)
    return ask.render(
        "web/review/queue.html.j2",
        400 if period.bad else 200,
        title=_("复核队列"),
        rows=[(row, mask_name(row.call_id, numbers.get(row.call_id, "")), [_(WORTH[r][1]) for r in row.reasons]) for row in shown],
        looked=looked,
        first=_first(ask, filters, shown, offset, looked) if not period.bad else None,
        filters=filters,
        period=period,
        team_options=[(team, team) for team in queue.teams(ask.store.db)],
        people_options=[(str(one.id), one.title) for one in assignments.reviewers(ask.store.db)],
        reasons=[(key, _(name)) for key, (_weight, name) in WORTH.items()],
        kept=queue_query(filters),
        stands={**queue_query(filters), **({"from": offset} if offset else {})},
        count=f"{there}+" if there >= MOST else str(there),
        behind=behind,
        paging=_paging(filters, offset, more),
    )


def _first(ask: Ask, filters: Filter, shown: tuple[queue.Row, ...], offset: int, looked: Container[str]) -> str | None:
    """The call to begin with: that of the queue which nobody else is at or has, on a later page its first one."""
    if offset:
        return shown[0].call_id if shown else None
    return queue.following(ask.store.db, filters, "", None, ask.user.id, looked)


def queue_query(filters: Filter) -> dict[str, object]:
    """Filters as an address has them."""
    return {name: value for name, value in vars(filters).items() if value and (name, value) != ("state", "open")}


def _paging(filters: Filter, offset: int, more: bool) -> Paging:
    def at(start: int) -> str:
        return address("/review", query={**queue_query(filters), **({"from": start} if start else {})})

    text = f"{offset + 1}–{offset + ROWS}" if more else f"{offset + 1}–"
    return Paging(at(max(0, offset - ROWS)) if offset else "", at(offset + ROWS) if more and offset + ROWS <= MOST else "", text)


def _numbers(ask: Ask, calls: list[str]) -> dict[str, str]:
    marks = ", ".join("?" * len(calls))
    found = ask.store.db.rows(f"select call_id, customer_number from calls where call_id in ({marks})", *calls)
    return {row["call_id"]: row["customer_number"] or "" for row in found}


def assign(ask: Ask) -> Response:
    """Give the chosen calls to somebody."""
    calls = tuple(dict.fromkeys(ask.form.all("call")))
    if not 0 < len(calls) <= ROWS:
        raise Refused(400, _("请选择 1 到 {n} 通电话", n=ROWS))
    people = {str(one.id): one for one in assignments.reviewers(ask.store.db)}
    chosen = people.get(ask.form.one_of("assignee", ["", *people], ""))
    known = {
        row["call_id"] for row in ask.store.db.rows(f"select call_id from calls where call_id in ({', '.join('?' * len(calls))})", *calls)
    }
    account = chosen.id if chosen is not None else None
    by = ask.user.name or ask.user.login
    moved = assignments.assign(ask.store, [call_id for call_id in calls if call_id in known], account, by, ask.user.id)
    ask.audit("review.assign", "calls", str(len(known)), assignee=chosen.login if chosen is not None else "")
    offset = ask.query.integer("from", 0, high=MOST)
    back = {**queue_query(wanted(ask.query)), **({"from": offset} if offset else {})}
    return ask.redirect(address("/review", query=back) + "#calls", notice=_("已分派 {n} 通", n=moved))


# ---------------------------------------------------------------- the day's plan, and how often rules are overturned


def plan(ask: Ask) -> Response:
    """The plan of a day: how many calls of each agent were drawn and reviewed."""
    yesterday = ask.today - datetime.timedelta(days=1)
    day = ask.query.day("day") or newest.day(ask.store, yesterday) or yesterday
    found = sampling.plans(ask.store.db, day)
    calls = [call_id for one in found for call_id in one.drawn]
    numbers = _numbers(ask, calls[:500])
    names = {call_id: mask_name(call_id, numbers.get(call_id, "")) for call_id in calls}
    return ask.render("web/review/sampling.html.j2", title=_("抽检计划"), day=day.isoformat(), plans=found, names=names, most=sampling.MOST)


def draw(ask: Ask) -> Response:
    """Draw the plan of a day."""
    day = ask.form.day("day")
    if day is None:
        raise Refused(400, _("请写明日期"))
    keep = sampling.drawing(ask.store, day, ask.form.integer("per_agent", low=1, high=sampling.MOST), ask.user.name or ask.user.login)
    with ask.store.db.writing():
        new = keep()
        ask.audit("review.sample", "day", day.isoformat(), calls=len(new))
    sampling.into_queue(ask.store, new)
    return ask.redirect(address("/sampling", query={"day": day.isoformat()}), notice=_("新抽 {n} 通", n=len(new)))


def rules(ask: Ask) -> Response:
    """Of each rule how often persons overturned it; where no period is asked for, of the newest ``overturns.DAYS`` days."""
    period = periods.asked(ask.query)
    if not any(name in ask.query for name in periods.ENDS):
        since = ask.today - datetime.timedelta(days=overturns.DAYS - 1)
        period = replace(period, since=since, typed={**period.typed, "since": since.isoformat()})
    found = overturns.per_rule(ask.store, *period.days.values()) if not period.bad else ()
    status = 400 if period.bad else 200
    return ask.render("web/review/overturned.html.j2", status, title=_("各规则的改判率"), rules=found, period=period, share=queue.CONTROL)
