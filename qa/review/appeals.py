"""Appeals (申诉): an agent says that a published deduction is wrong; team lead, QA and a last instance answer, each in time.

An accepted appeal makes a verdict (:mod:`qa.review.verdicts`) in the same transaction.  Nothing is edited: each step is appended.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from qa import rows
from qa.books import Books
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.ledger_cards import Saved
from qa.review import publications, verdicts
from qa.review.appeal_states import (
    ACCEPTED,
    ACTIONS,
    CLOSED,
    FINAL,
    LEAD,
    LEVELS,
    QA,
    REFUSED,
    WAITING,
    State,
    Step,
    house_day,
    state,
    today,
)
from qa.review.recounting import recounted
from qa.review.rulings import of_call
from qa.review.verdicts import Given, Terms
from qa.rules.appeal_terms import AppealTerms
from qa.store import Store
from qa.types import Evidence, Outcome, Scorecard

WHOLE_CALL = ""
"""In the place of a rule: the appeal is about the call itself (not the agent's own, not a call at all)."""
LONGEST = 2000
_ANSWERS = {LEAD: ("support", "reject"), QA: ("accept", "reject"), FINAL: ("accept", "reject")}


@dataclass(frozen=True)
class Appeal:
    """``rule_id`` "" is the whole call.  ``scorecard_id``: the published one that it is against.  ``terms``: of the rule book of that day.
    ``created`` is ISO 8601 UTC."""

    id: int
    call_id: str
    rule_id: str
    scorecard_id: int
    agent_id: str
    reason: str
    text: str
    by: str
    created: str
    terms: AppealTerms
    steps: tuple[Step, ...]

    def state(self, day: datetime.date | None = None) -> State:
        """Where it stands on ``day`` (None: today)."""
        return state(self.created, self.steps, self.terms, day or today())


@dataclass(frozen=True)
class Window:
    """Whether an agent may appeal against a rule's result now: ``until`` the last day, ``why`` not (Chinese, "" where it is open)."""

    open: bool
    until: datetime.date | None
    why: str = ""


# ---------------------------------------------------------------- reading


def get(db: Database, appeal_id: int) -> Appeal:
    """Errors: :class:`NotFoundError`."""
    found = _read(db, "where id = ?", appeal_id)
    if not found:
        raise NotFoundError(f"申诉 {appeal_id}", "没有这件申诉", "请核对编号")
    return found[0]


def of_agent(db: Database, agent_id: str) -> tuple[Appeal, ...]:
    """An agent's appeals, the newest first."""
    return _read(db, "where agent_id = ? order by id desc", agent_id)


def against(db: Database, call_id: str) -> tuple[Appeal, ...]:
    """The appeals about a call, the earliest first."""
    return _read(db, "where call_id = ? order by id", call_id)


def waiting(db: Database, level: str, team: str | None = None, day: datetime.date | None = None) -> tuple[tuple[Appeal, State], ...]:
    """Appeals that wait for an answer of ``level`` (of one team's agents), those due first."""
    found = [(one, one.state(day)) for one in unsettled(db, team)]
    own = [(one, now) for one, now in found if now.status == WAITING and now.level == level]
    return tuple(sorted(own, key=lambda pair: (pair[1].due or datetime.date.max, pair[0].id)))


def unsettled(db: Database, team: str | None = None) -> tuple[Appeal, ...]:
    """Appeals that are neither accepted, withdrawn, nor refused by the last instance; some of them may be over by lapse of time."""
    over = """not exists (select 1 from appeal_steps s where s.appeal_id = appeals.id
      and (s.action in ('accept', 'withdraw') or (s.action = 'reject' and s.level = 'final')))"""
    team_of = "(select c.team from calls c where c.call_id = appeals.call_id)"
    return _read(db, f"where {over} and (?1 is null or {team_of} = ?1) order by id", team)


def _read(db: Database, where: str, *params: Any) -> tuple[Appeal, ...]:
    found = db.rows(f"select * from appeals {where}", *params)
    steps: dict[int, list[Step]] = {}
    ids = ", ".join(str(int(row["id"])) for row in found)
    for r in db.rows(f"select * from appeal_steps where appeal_id in ({ids}) order by id"):
        one = Step(r["id"], r["level"], r["action"], r["text"], r["made_by"], r["created"], r["verdict_id"])
        steps.setdefault(r["appeal_id"], []).append(one)
    plain = ("id", "call_id", "rule_id", "scorecard_id", "agent_id", "reason", "text", "created")
    return tuple(
        Appeal(
            **{name: r[name] for name in plain},
            by=r["made_by"],
            terms=rows.from_json(r["terms_json"], AppealTerms),
            steps=tuple(steps.get(r["id"], ())),
        )
        for r in found
    )


# ---------------------------------------------------------------- the agent


def terms_of(store: Store, card: Scorecard) -> AppealTerms:
    """The terms of the rule book that a scorecard was made with; the program's own where that is not to be had."""
    book = Books(store).known(card.provenance)
    return book.appeals if book is not None else AppealTerms()


def window(store: Store, call_id: str, rule_id: str, day: datetime.date | None = None) -> Window:
    """Whether the call's agent may appeal against what is published of a rule (``WHOLE_CALL``: of the call) on ``day`` (None: today)."""
    scorecard_id = publications.newest(store.db, call_id)
    if scorecard_id is None:
        return Window(False, None, "这通电话没有公布的评分")
    card = publications.at(store, call_id, scorecard_id)[1]
    if rule_id != WHOLE_CALL:
        result = card.result(rule_id)
        if result is None or result.outcome is not Outcome.FAIL:
            return Window(False, None, "公布的评分里，这一项没有扣分或罚款")
    until = terms_of(store, card).after(house_day(_shown_since(store, call_id, rule_id, card)), terms_of(store, card).window_days)
    for known in against(store.db, call_id):
        if known.rule_id == rule_id:
            now = known.state(day)
            if now.open:
                return Window(False, until, "已经申诉，正在处理")
            # what an accepted appeal took away and is there again may be appealed against again; of a whole call nothing is taken away
            over = now.status == CLOSED or (now.status == ACCEPTED and rule_id == WHOLE_CALL)
            if over and _unmoved(store, known, card):
                return Window(False, until, "已经申诉过，答复是最终的")
    return Window(True, until) if (day or today()) <= until else Window(False, until, f"申诉期到 {until} 为止，已过")


def file(
    store: Store, call_id: str, rule_id: str, agent_id: str, reason: str, text: str, by: str, day: datetime.date | None = None
) -> Appeal:
    """An agent appeals against what is published of a rule of the own call.

    Errors: :class:`NotFoundError` where the call is not this agent's; :class:`StoreError` where the window is not open, the reason is none
    of the list, the text is missing or too long.
    """
    with store.db.writing():
        found = store.db.rows("select agent_id from calls where call_id = ?", call_id)
        if not found or not agent_id or found[0]["agent_id"] != agent_id:
            raise NotFoundError(call_id, "没有这通电话", "请核对通话编号")
        now = window(store, call_id, rule_id, day)
        if not now.open:
            raise StoreError(call_id, f"现在不能申诉：{now.why}", "有疑问请找班组长")
        scorecard_id = publications.newest(store.db, call_id)
        assert scorecard_id is not None
        terms = terms_of(store, publications.at(store, call_id, scorecard_id)[1])
        if reason not in terms.reasons:
            raise StoreError(call_id, "申诉的理由不在规则书所列之中", f"可选：{'、'.join(terms.reasons)}")
        row = {"call_id": call_id, "rule_id": rule_id, "scorecard_id": scorecard_id, "agent_id": agent_id, "reason": reason}
        row |= {"text": _text(call_id, text), "terms_json": rows.to_json(terms), "made_by": _signed(call_id, by), "created": rows.now_utc()}
        made = store.db.insert("appeals", row)
    return get(store.db, made)


def escalate(store: Store, appeal_id: int, text: str, by: str, day: datetime.date | None = None) -> Appeal:
    """The agent goes on after a refusal.  Errors: :class:`StoreError` where it was not refused, or the time is over."""
    with store.db.writing():
        known = get(store.db, appeal_id)
        if known.state(day).status != REFUSED:
            raise StoreError(f"申诉 {appeal_id}", f"现在不能继续申诉：{known.state(day)}", "请看答复")
        _step(store.db, known, known.state(day).level, "escalate", text, by)
    return get(store.db, appeal_id)


def take_back(store: Store, appeal_id: int, by: str, day: datetime.date | None = None) -> Appeal:
    """The agent does not appeal after all.  Errors: :class:`StoreError` where it is over."""
    with store.db.writing():
        known = get(store.db, appeal_id)
        now = known.state(day)
        if not now.open:
            raise StoreError(f"申诉 {appeal_id}", f"已经结束：{now}", "不需要撤回")
        _step(store.db, known, now.level, "withdraw", "本人撤回", by)
    return get(store.db, appeal_id)


def _shown_since(store: Store, call_id: str, rule_id: str, card: Scorecard) -> str:
    """From when on the agent sees the result as it is published now: a correction of something else gives no new time."""
    since = ""
    for one in reversed(publications.of_call(store.db, call_id)):
        if one.scorecard_id is None:
            break
        then = publications.at(store, call_id, one.scorecard_id)[1]
        if since and _figures(then, rule_id) != _figures(card, rule_id):
            break
        since = one.created
    return since


def _unmoved(store: Store, known: Appeal, card: Scorecard) -> bool:
    then = publications.at(store, known.call_id, known.scorecard_id)[1]
    return _figures(then, known.rule_id) == _figures(card, known.rule_id)


def _figures(card: Scorecard, rule_id: str) -> object:
    """What an appeal can be about."""
    results = [r for r in card.results if rule_id in (WHOLE_CALL, r.check_id)]
    return card.agent_id, tuple((r.check_id, r.outcome, r.occurrences, r.points) for r in results)


# ---------------------------------------------------------------- those who answer


def answer(store: Store, appeal_id: int, level: str, action: str, text: str, by: str, day: datetime.date | None = None) -> Appeal:
    """The team lead supports (it goes on to QA) or refuses, QA or the last instance refuse; to accept is :func:`accept`.

    Errors: :class:`StoreError` where it is not with ``level`` now, the action is none of that level's, the text is missing, or the last
    instance is somebody who has decided on it before.
    """
    with store.db.writing():
        known = _answerable(store, appeal_id, level, action, by, day)
        if action == "accept":
            raise StoreError(f"申诉 {appeal_id}", "申诉成立要写明改成什么", "请写明新的判定")
        _step(store.db, known, level, action, text, by)
    return get(store.db, appeal_id)


@dataclass(frozen=True)
class Decision:
    """What an accepted appeal makes of the rule: another outcome, or (``kept``) only these findings of the breaches."""

    outcome: Outcome = Outcome.PASS
    evidence: tuple[Evidence, ...] = ()
    kept: tuple[int, ...] = ()


def accept(
    store: Store, appeal_id: int, level: str, text: str, terms: Terms, decision: Decision | None = None, day: datetime.date | None = None
) -> tuple[Appeal, Given | None]:
    """The appeal is right: the verdict and the answer in one transaction; what that makes of the call is published at once.

    ``decision`` None is for an appeal about the whole call, which no verdict on a rule can answer.  Of a call that was withdrawn
    meanwhile, or scored without the rule, there is no verdict either.
    Errors: as :func:`answer` and :func:`qa.review.verdicts.overturn`.
    """
    with store.db.writing():
        known = _answerable(store, appeal_id, level, "accept", terms.by, day)
        if (decision is None) != (known.rule_id == WHOLE_CALL):
            cause = "整通电话的申诉不改单项判定" if decision is not None else "没有写明改成什么"
            raise StoreError(f"申诉 {appeal_id}", cause, "请核对")
        given = _verdict(store, known, text, terms, decision) if decision is not None and _counts(store, known) else None
        if decision is not None and given is None:
            _without_verdict(store, known, text, terms.by)
        _step(store.db, known, level, "accept", text, terms.by, given.verdict.id if given is not None else None)
    if given is not None:
        given = replace(given, others=recounted(store, known.call_id, terms.by))
    return get(store.db, appeal_id), given


def _verdict(store: Store, known: Appeal, text: str, terms: Terms, decision: Decision) -> Given:
    terms = replace(terms, reason=f"申诉成立：{text.strip()}", appeal_id=known.id)
    make = verdicts.dropping(decision.kept) if decision.kept else verdicts.overturning(decision.outcome, terms.reason, decision.evidence)
    result = verdicts.whole_result(store, verdicts.basis(store, known.call_id), known.rule_id)
    if not decision.kept and result.outcome is decision.outcome:
        make = verdicts.confirming()  # somebody else has ruled so meanwhile
    _check_seen(store, known)
    return verdicts.give_within(store, known.call_id, known.rule_id, terms, make)


def _counts(store: Store, known: Appeal) -> bool:
    """Whether the call counts, and has a result of the rule, that a verdict could rule on."""
    if store.stored_call(known.call_id) is None:
        return False
    return any(result.check_id == known.rule_id for result in verdicts.basis(store, known.call_id).results)


def _without_verdict(store: Store, known: Appeal, text: str, by: str) -> None:
    """What is appealed against is no more: the call was withdrawn, or has been scored without the rule, which the agent sees from now."""
    published = publications.newest(store.db, known.call_id)
    if published is None:
        return
    _check_seen(store, known)
    of, proposed = verdicts.basis(store, known.call_id), store.pending(known.call_id) is not None
    note = f"申诉成立，规则 {known.rule_id} 已不在规则书里：{text.strip()}"
    publications.follow(store.db, known.call_id, published, Saved(of.scorecard_id, proposed, False), by, note)


def _check_seen(store: Store, known: Appeal) -> None:
    """Errors: :class:`StoreError` where the answer would show the agent what QA has not published of other rules."""
    published, basis = publications.newest(store.db, known.call_id), verdicts.basis(store, known.call_id).scorecard_id
    proposed = store.pending(known.call_id) is not None  # waits for an adjustment anyway
    if published is not None and not proposed and publications.unseen(store.db, published, basis, known.rule_id):
        cause = "这通电话有一份还没有公布的新评分，别的项目也与公布的不同"
        raise StoreError(f"申诉 {known.id}", cause, "请先核对并公布新的评分，再答复申诉")


def _answerable(store: Store, appeal_id: int, level: str, action: str, by: str, day: datetime.date | None) -> Appeal:
    known, subject = get(store.db, appeal_id), f"申诉 {appeal_id}"
    now = known.state(day)
    if now.status != WAITING or now.level != level:
        raise StoreError(subject, f"现在不由{LEVELS.get(level, level)}答复：{now}", "请看它现在在谁那里")
    if action not in _ANSWERS[level]:
        raise StoreError(
            subject, f"{LEVELS[level]}不能“{ACTIONS.get(action, action)}”", f"可以：{'、'.join(ACTIONS[a] for a in _ANSWERS[level])}"
        )
    if level == FINAL and _signed(subject, by) in deciders(store.db, known):
        raise StoreError(subject, "终审要由没有判过这件事的人来做", "请换一位")
    return known


def deciders(db: Database, known: Appeal) -> frozenset[str]:
    """Who has decided on what is appealed against: answered it, or ever ruled on the rule."""
    ruled = [one.by for one in of_call(db, known.call_id) if known.rule_id in (one.rule_id, WHOLE_CALL)]
    return frozenset([*(s.by for s in known.steps if s.level in (LEAD, QA)), *ruled]) - {known.by}


def _step(db: Database, known: Appeal, level: str, action: str, text: str, by: str, verdict_id: int | None = None) -> None:
    subject = f"申诉 {known.id}"
    row = {"appeal_id": known.id, "level": level, "action": action, "text": _text(subject, text), "made_by": _signed(subject, by)}
    db.insert("appeal_steps", row | {"created": rows.now_utc(), "verdict_id": verdict_id})


def _text(subject: str, text: str) -> str:
    if not text.strip():
        raise StoreError(subject, "没有写说明", "请写明情况")
    if len(text) > LONGEST:
        raise StoreError(subject, "说明太长", f"最多 {LONGEST} 字")
    return text.strip()


def _signed(subject: str, by: str) -> str:
    if not by.strip():
        raise StoreError(subject, "没有写姓名", "请写明姓名")
    return by.strip()


def settled(known: Sequence[Appeal], day: datetime.date | None = None) -> tuple[Appeal, ...]:
    """Of appeals those that are over."""
    return tuple(one for one in known if not one.state(day).open)
