"""Appeals for those who answer: team leads those of their team, QA and the last instance the others."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa import sightings
from qa.clock import house_minute
from qa.errors import NotFoundError, StoreError
from qa.export import mask_name, mask_text
from qa.operation import remains
from qa.people.accounts import User, UserRole
from qa.report_view import FindingView, view
from qa.review import appeals, recounting, verdicts, versions
from qa.review.appeal_states import ACTIONS, FINAL, LEAD, LEVELS, QA, WAITING
from qa.review.appeals import Appeal, Decider, Decision
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Call, CheckResult, Outcome, Scorecard
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages import review_view
from qa.web.pages.agent_card import rule_title
from qa.web.pages.review import signed
from qa.web.permissions import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qa.web.ask import Ask, Problem

DECISIONS = tuple(outcome.value for outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE))


def _appeal_in_reach(store: Store, user: User, params: Mapping[str, str]) -> bool:
    """Parameter ``appeal_id``: a lead reaches those about calls of the own team, QA all."""
    text = params["appeal_id"]
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        return False
    found = store.db.rows("select c.team from appeals a join calls c using (call_id) where a.id = ?", int(text))
    if not found:
        return False
    return user.role is UserRole.QA or (user.role is UserRole.LEAD and bool(user.team) and found[0]["team"] == user.team)


APPEAL_IN_REACH = Scope("appeal", _appeal_in_reach)


def team_list(ask: Ask) -> Response:
    """What waits for the team lead."""
    return _list(ask, (LEAD,), ask.user.team)


def all_list(ask: Ask) -> Response:
    """What waits for QA and for the last instance, and what waits for team leads."""
    return _list(ask, (QA, FINAL, LEAD), None)


def _list(ask: Ask, levels: tuple[str, ...], team: str | None) -> Response:
    waiting = [
        (_(LEVELS[level]), [_row(ask, one, now) for one, now in appeals.waiting(ask.store.db, level, team, ask.today)]) for level in levels
    ]
    return ask.render(
        "web/review/appeals.html.j2", title=_("申诉"), waiting=waiting, base="/team/appeals" if team is not None else "/appeals"
    )


def _row(ask: Ask, one: Appeal, now: object) -> dict[str, object]:
    return {
        "appeal": one,
        "state": now,
        "call": mask_name(one.call_id, _number(ask, one)),
        "title": rule_title(ask.store, one) or _("整通电话"),
    }


def _number(ask: Ask, one: Appeal) -> str:
    found = ask.store.db.rows("select customer_number from calls where call_id = ?", one.call_id)
    return (found[0]["customer_number"] or "") if found else ""


def page(ask: Ask) -> Response:
    """One appeal: what was published, what the agent says, what was answered so far."""
    return _page(ask)


def _page(ask: Ask, refused: Problem | None = None) -> Response:
    one = appeals.get(ask.store.db, int(ask.params["appeal_id"]))
    ask.audit("appeal.view", "appeal", str(one.id), call=one.call_id)
    number, now = _number(ask, one), one.state(ask.today)
    published = _published(ask.store, one)
    checks = [check for check in view(*published).checks if check.check_id == one.rule_id] if published is not None else []
    level = _answers(ask, now.level) if now.status == WAITING else ""
    barred = level == FINAL and appeals.barred(ask.store.db, one, Decider(signed(ask), ask.user.id))
    level = "" if barred else level
    steps = [(_(LEVELS[s.level]), _(ACTIONS[s.action]), mask_text(s.text, number), s.by, house_minute(s.created)) for s in one.steps]
    return ask.render(
        "web/review/appeal.html.j2",
        refused.status if refused is not None else 200,
        title=_("申诉 {n}", n=one.id),
        one=one,
        text=mask_text(one.text, number),
        filed=house_minute(one.created),
        call=mask_name(one.call_id, number),
        checks=checks,
        whole=one.rule_id == appeals.WHOLE_CALL,
        steps=steps,
        state=now,
        state_text=review_view.state_text(now),
        level=level,
        answers=ACTIONS,
        barred=barred,
        last_instances="、".join(appeals.last_instances(ask.store.db, one)) if barred else "",
        places=_places(ask.store, one, published) if level in (QA, FINAL) and published is not None else None,
        ticked=ask.form.all("accepted") if refused is not None else None,
        base="/team/appeals" if ask.user.role is UserRole.LEAD else "/appeals",
        decisions=DECISIONS,
        month=ask.store.closed_month_of(one.call_id),
        on=versions.version(ask.store.db, one.call_id),
        problem=refused.text if refused is not None else "",
        typed=review_view.Typed(ask.form.pairs() if refused is not None else {}),
    )


def _answers(ask: Ask, level: str) -> str:
    """The level at which this person answers now, "" where it is not with them."""
    return level if (level == LEAD) == (ask.user.role is UserRole.LEAD) else ""


def answer(ask: Ask) -> Response:
    """The answer of whoever has the appeal now."""

    def ready() -> Callable[[], Response]:
        recounting.at_hand(ask.store, appeals.get(ask.store.db, int(ask.params["appeal_id"])).call_id)
        return lambda: _answered(ask)

    return ask.attempt_ready(ready, lambda problem: _page(ask, problem))


def _answered(ask: Ask) -> Response:
    one = appeals.get(ask.store.db, int(ask.params["appeal_id"]))
    level = _answers(ask, one.state(ask.today).level)
    action, text = ask.form.one_of("action", ("support", "reject", "accept")), ask.form.text("text")
    verdict = 0
    if action == "accept":
        settled, verdict = _accepted(ask, one, level, text)
    else:
        settled = appeals.answer(ask.store, one.id, level, action, text, signed(ask), ask.today, ask.user.id)
    ask.audit(f"appeal.{action}", "appeal", str(one.id), level=level, verdict=verdict)
    return ask.redirect(_back(ask, one), notice=_("答复已记下：{answer}", answer=_(ACTIONS[settled.steps[-1].action])))


def _accepted(ask: Ask, one: Appeal, level: str, text: str) -> tuple[Appeal, int]:
    terms = Terms(signed(ask), "", ask.form.text("on"), ask.form.text("closed_month") == "1", user_id=ask.user.id)
    settled, given = appeals.accept(ask.store, one.id, level, text, terms, _decision(ask, one), ask.today)
    return settled, given.verdict.id if given is not None else 0


def _decision(ask: Ask, one: Appeal) -> Decision | None:
    """What of the deduction is taken away: all of it, or the breaches that are ticked."""
    if one.rule_id == appeals.WHOLE_CALL:
        return None
    result = _standing(ask.store, one)
    breaches = _listed(ask.store, one, result) if result is not None else ()
    ticked = ask.form.all("accepted")
    kept = tuple(place for place in breaches if str(place) not in ticked)
    if breaches and kept == breaches:
        raise StoreError(f"申诉 {one.id}", "没有勾选成立的是哪几处", "请勾选；一处也不成立请用“驳回（维持原判）”")
    return Decision(kept=kept) if kept else Decision(Outcome(ask.form.one_of("outcome", DECISIONS)))


def _standing(store: Store, one: Appeal) -> CheckResult | None:
    """The result that an answer would decide on; None where the call counts no more, or has none of the rule."""
    with suppress(NotFoundError):
        return verdicts.whole_result(store, verdicts.basis(store, one.call_id), one.rule_id)
    return None


def _listed(store: Store, one: Appeal, result: CheckResult) -> tuple[int, ...]:
    """Places of the breaches that are listed: several, or one that the scorecard which the agent appealed against does not show there in
    these words."""
    found = tuple(place for place, finding in enumerate(result.findings) if finding.outcome is Outcome.FAIL)
    breaches = [result.findings[place] for place in found]
    several = len(found) > 1 or bool(sightings.new_among(breaches, appeals.appealed_against(store, one)))
    return found if result.outcome is Outcome.FAIL and several else ()


def _published(store: Store, one: Appeal) -> tuple[Call, Scorecard] | None:
    """What the appeal is against, masked; None where the call counts no more."""
    with suppress(NotFoundError):
        return _masked(store, one.call_id, one.scorecard_id)
    return None


def _masked(store: Store, call_id: str, scorecard_id: int) -> tuple[Call, Scorecard]:
    there = remains.at(store, call_id, scorecard_id)
    return review_view.masked(there.call, there.card)


def _places(store: Store, one: Appeal, published: tuple[Call, Scorecard]) -> tuple[str, list[tuple[int, FindingView]]] | None:
    """Of a deduction the clause, and each breach at its place, where there are several or none is the published one; else None."""
    result = _standing(store, one)
    breaches = _listed(store, one, result) if result is not None else ()
    if not breaches:
        return None
    now = verdicts.basis(store, one.call_id).scorecard_id
    shown = published if now == one.scorecard_id else _masked(store, one.call_id, now)
    check = next(check for check in view(*shown).checks if check.check_id == one.rule_id)
    return check.clause, [(place, check.findings[place]) for place in breaches]


def _back(ask: Ask, one: Appeal) -> str:
    return address("/team/appeals/{appeal_id}" if ask.user.role is UserRole.LEAD else "/appeals/{appeal_id}", appeal_id=str(one.id))
