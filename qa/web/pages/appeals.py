"""Appeals for those who answer: team leads those of their team, QA and the last instance the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.errors import ConflictError, NotFoundError, QaError
from qa.export import mask_name, mask_text
from qa.people.accounts import User, UserRole
from qa.report_view import view
from qa.review import appeals, publications, versions
from qa.review.appeal_states import ACTIONS, FINAL, LEAD, LEVELS, QA
from qa.review.appeals import Appeal, Decision
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages import review_view
from qa.web.pages.review import signed
from qa.web.permissions import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qa.web.ask import Ask

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
    card = publications.at(ask.store, one.call_id, one.scorecard_id)[1]
    result = card.result(one.rule_id)
    return {
        "appeal": one,
        "state": now,
        "call": mask_name(one.call_id, _number(ask, one)),
        "title": result.title if result else _("整通电话"),
    }


def _number(ask: Ask, one: Appeal) -> str:
    found = ask.store.db.rows("select customer_number from calls where call_id = ?", one.call_id)
    return (found[0]["customer_number"] or "") if found else ""


def page(ask: Ask) -> Response:
    """One appeal: what was published, what the agent says, what was answered so far."""
    return _page(ask)


def _page(ask: Ask, problem: str = "", status: int = 200) -> Response:
    one = appeals.get(ask.store.db, int(ask.params["appeal_id"]))
    ask.audit("appeal.view", "appeal", str(one.id), call=one.call_id)
    number, now = _number(ask, one), one.state(ask.today)
    call, card = review_view.masked(*publications.at(ask.store, one.call_id, one.scorecard_id))
    checks = [check for check in view(call, card).checks if check.check_id == one.rule_id]
    steps = [
        (_(LEVELS[s.level]), _(ACTIONS[s.action]), mask_text(s.text, number), s.by, review_view.moment_text(s.created)) for s in one.steps
    ]
    return ask.render(
        "web/review/appeal.html.j2",
        status,
        title=_("申诉 {n}", n=one.id),
        one=one,
        text=mask_text(one.text, number),
        filed=review_view.moment_text(one.created),
        call=card.call_id,
        checks=checks,
        whole=one.rule_id == appeals.WHOLE_CALL,
        steps=steps,
        state=now,
        state_text=review_view.state_text(now),
        level=_answers(ask, now.level) if now.status == "waiting" else "",
        base="/team/appeals" if ask.user.role is UserRole.LEAD else "/appeals",
        decisions=DECISIONS,
        month=ask.store.closed_month_of(one.call_id),
        on=versions.version(ask.store.db, one.call_id),
        problem=problem,
        typed=review_view.Typed(ask.form.pairs() if problem else {}),
    )


def _answers(ask: Ask, level: str) -> str:
    """The level at which this person answers now, "" where it is not with them."""
    return level if (level == LEAD) == (ask.user.role is UserRole.LEAD) else ""


def answer(ask: Ask) -> Response:
    """The answer of whoever has the appeal now."""
    one = appeals.get(ask.store.db, int(ask.params["appeal_id"]))
    level = _answers(ask, one.state(ask.today).level)
    action, text = ask.form.one_of("action", ("support", "reject", "accept")), ask.form.text("text")
    try:
        if action == "accept":
            verdict = _accepted(ask, one, level, text)
        else:
            appeals.answer(ask.store, one.id, level, action, text, signed(ask), ask.today)
            verdict = 0
    except NotFoundError:
        raise
    except QaError as error:
        return _page(ask, f"{error.cause}。{error.cure}", 409 if isinstance(error, ConflictError) else 400)
    ask.audit(f"appeal.{action}", "appeal", str(one.id), level=level, verdict=verdict)
    return ask.redirect(_back(ask, one), notice=_("答复已记下"))


def _accepted(ask: Ask, one: Appeal, level: str, text: str) -> int:
    decision = None
    if one.rule_id != appeals.WHOLE_CALL:
        kept = tuple(int(place) for place in ask.form.all("kept") if place.isascii() and place.isdigit() and len(place) < 4)
        decision = Decision(kept=kept) if kept else Decision(Outcome(ask.form.one_of("outcome", DECISIONS)))
    terms = Terms(signed(ask), "", ask.form.text("on"), ask.form.text("closed_month") == "1")
    _settled, given = appeals.accept(ask.store, one.id, level, text, terms, decision, ask.today)
    return given.verdict.id if given is not None else 0


def _back(ask: Ask, one: Appeal) -> str:
    return address("/team/appeals/{appeal_id}" if ask.user.role is UserRole.LEAD else "/appeals/{appeal_id}", appeal_id=str(one.id))
