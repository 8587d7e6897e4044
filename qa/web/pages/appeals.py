"""Appeals for those who answer: team leads those of their team, QA and the last instance the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.clock import house_minute
from qa.errors import StoreError
from qa.export import mask_name, mask_text
from qa.people.accounts import User, UserRole
from qa.review import appeals, recounting, verdicts, versions
from qa.review.appeal_states import ACCEPT, ACCEPT_OUT, ACCEPT_OWNER, ACTIONS, FINAL, LEAD, LEVELS, QA, WAITING
from qa.review.appeal_windows import approval
from qa.review.appeals import WHOLE_CALL, Appeal, Decider, Decision, Whole
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome
from qa.web.addresses import address
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.pages import appeal_view, review_view
from qa.web.pages.agent_card import rule_title
from qa.web.pages.appeal_view import DECISIONS
from qa.web.pages.review import signed
from qa.web.permissions import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qa.web.ask import Ask, Problem

FOLLOWS = {
    ACCEPT_OUT: marked("本通不计入考核"),
    ACCEPT: marked("下面勾选的违反不再算"),
    ACCEPT_OWNER: marked("通话归属待更正（更正通话记录以前，得分和罚款仍按原来的计；这里和关账的页面会一直列出）"),
}
"""What follows from an accepted appeal about the whole call: one of these has to be chosen."""
MOVED = {ACCEPT_OWNER: marked("通话归属已更正，这通电话现在是别的坐席的，不再改动")}
"""The same, where the call is another agent's already: nothing of it may change by this agent's appeal."""


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
    owed = [_row(ask, one, None) for one in appeals.misattributed(ask.store.db)] if team is None else []
    return ask.render(
        "web/review/appeals.html.j2", title=_("申诉"), waiting=waiting, owed=owed, base="/team/appeals" if team is not None else "/appeals"
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
    store = ask.store
    one = appeals.get(store.db, int(ask.params["appeal_id"]))
    ask.audit("appeal.view", "appeal", str(one.id), call=one.call_id)
    number, now = _number(ask, one), one.state(ask.today)
    level = _answers(ask, now.level) if now.status == WAITING else ""
    barred = level == FINAL and appeals.barred(store.db, one, Decider(signed(ask), ask.user.id))
    level = "" if barred else level
    before = appeal_view.published(store, one)
    return ask.render(
        "web/review/appeal.html.j2",
        refused.status if refused is not None else 200,
        title=_("申诉 {n}", n=one.id),
        one=one,
        text=mask_text(one.text, number),
        filed=house_minute(one.created),
        call=mask_name(one.call_id, number),
        rule=rule_title(store, one),
        checks=before,
        by_now=appeal_view.by_now(store, one, before),
        gone=appeals.gone(store, one) if now.open else "",
        whole=one.rule_id == WHOLE_CALL,
        steps=appeal_view.trail(one, ask.today, lambda said: mask_text(said, number)),
        state=now,
        state_text=review_view.state_text(now),
        approval=approval(store, one, ask.today),
        level=level,
        answers=ACTIONS,
        barred=barred,
        last_instances="、".join(appeals.last_instances(store.db, one)) if barred else "",
        longest=appeals.LONGEST,
        **_choices(ask, one, level, refused is not None),
        base="/team/appeals" if ask.user.role is UserRole.LEAD else "/appeals",
        month=store.closed_month_of(one.call_id),
        on=versions.version(store.db, one.call_id),
        problem=refused.text if refused is not None else "",
    )


def _choices(ask: Ask, one: Appeal, level: str, refused: bool) -> dict[str, object]:
    """What of the form depends on what there is to be chosen, and on what was chosen in one that was refused."""
    accepts = level in (QA, FINAL)
    result = appeal_view.standing(ask.store, one) if accepts else None
    now = result.outcome.value if result is not None else ""
    return {
        "places": appeal_view.places(ask.store, one) if accepts else (),
        "ticked": ask.form.all("accepted") if refused else None,
        "decisions": [(key, text) for key, text in zip(DECISIONS, (_("通过"), _("不适用"), _("人工也无法判定")), strict=True)],
        "standing": now if now in DECISIONS else "",
        "follows": [(key, _(text)) for key, text in (MOVED if appeals.of_another(ask.store, one) else FOLLOWS).items()],
        "settles": ask.user.role is UserRole.QA and appeals.owed(ask.store, one),
        "typed": review_view.Typed(ask.form.pairs() if refused else {}),
    }


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
    own = LEAD if ask.user.role is UserRole.LEAD else QA
    level = _answers(ask, one.state(ask.today).level) or own  # which is told that it is not its turn
    action, text = ask.form.one_of("action", ("support", "reject", "accept", "settle")), ask.form.text("text")
    verdict = 0
    if action == "settle" and own == LEAD:
        raise StoreError(f"申诉 {one.id}", f"{LEVELS[LEAD]}不能“{ACTIONS[ACCEPT_OUT]}”", "请质检来定")
    if action == "settle":
        appeals.settle(ask.store, one.id, text, _terms(ask))
    elif action == "accept":
        verdict = _accepted(ask, one, level, text)
    else:
        appeals.answer(ask.store, one.id, level, action, text, signed(ask), ask.today, ask.user.id, ask.form.text("on"))
    done = appeals.get(ask.store.db, one.id).steps[-1].action
    ask.audit(f"appeal.{'accept' if action == 'settle' else action}", "appeal", str(one.id), level=level, verdict=verdict, answer=done)
    return ask.redirect(_back(ask, one), notice=_("答复已记下：{answer}", answer=_(ACTIONS[done])))


def _terms(ask: Ask) -> Terms:
    return Terms(signed(ask), "", ask.form.text("on"), ask.form.text("closed_month") == "1", user_id=ask.user.id)


def _accepted(ask: Ask, one: Appeal, level: str, text: str) -> int:
    decision = _whole(ask, one) if one.rule_id == WHOLE_CALL else _decision(ask, one)
    _settled, given = appeals.accept(ask.store, one.id, level, text, _terms(ask), decision, ask.today)
    return given.verdict.id if given is not None else 0


def _decision(ask: Ask, one: Appeal) -> Decision:
    """What of the deduction is taken away: all of it, or the breaches that are ticked."""
    result = appeal_view.standing(ask.store, one)
    breaches = appeal_view.listed(ask.store, one, result) if result is not None else ()
    kept = _kept(ask, "", breaches)
    if breaches and kept == breaches:
        raise StoreError(f"申诉 {one.id}", "没有勾选成立的是哪几处", "请勾选；一处也不成立请用“驳回（维持原判）”")
    return _outcome(ask, "outcome", kept)


def _whole(ask: Ask, one: Appeal) -> Whole:
    """What follows for the whole call, and where breaches fall, which."""
    follows, falls, ticked = ask.form.text("follows"), dict[str, Decision](), ask.form.all("accepted")
    if ticked and follows in FOLLOWS and follows != ACCEPT:
        cause = f"勾选了不再算的违反，选的却是“{ACTIONS[follows]}”"
        raise StoreError(f"申诉 {one.id}", cause, "请只留一样")
    for rule in appeal_view.places(ask.store, one) if follows == ACCEPT else ():
        result = verdicts.whole_result(ask.store, verdicts.basis(ask.store, one.call_id), rule.rule_id)
        if any(breach.value in ticked for breach in rule.each):
            falls[rule.rule_id] = _outcome(ask, f"outcome-{rule.rule_id}", _kept(ask, rule.rule_id, appeal_view.failed(result)))
    return Whole(follows, falls)


def _kept(ask: Ask, rule_id: str, breaches: tuple[int, ...]) -> tuple[int, ...]:
    ticked = ask.form.all("accepted")
    return tuple(place for place in breaches if appeal_view.value(rule_id, place) not in ticked)


def _outcome(ask: Ask, name: str, kept: tuple[int, ...]) -> Decision:
    return Decision(kept=kept) if kept else Decision(Outcome(ask.form.one_of(name, DECISIONS)))


def _back(ask: Ask, one: Appeal) -> str:
    return address("/team/appeals/{appeal_id}" if ask.user.role is UserRole.LEAD else "/appeals/{appeal_id}", appeal_id=str(one.id))
