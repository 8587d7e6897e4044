"""Appeals (申诉): an agent says that a published deduction is wrong; team lead, QA and a last instance answer, each in time.

An accepted appeal makes a verdict (:mod:`qa.review.verdicts`) in the same transaction.  Nothing is edited: each step is appended.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from qa import role_marks, rows
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.review import assignments, publications, reviews, text_marks, versions
from qa.review.appeal_decisions import LONGEST, Decision, Whole, appealed_against, gone, make, of_another, owed, take_out
from qa.review.appeal_records import WHOLE_CALL, Appeal, against, get, misattributed, of_agent, unsettled, waiting
from qa.review.appeal_states import ACCEPT_OUT, ACTIONS, FINAL, LEAD, LEVELS, OF_THE_AGENT, QA, REFUSED, WAITING
from qa.review.appeal_windows import Window, terms_at, terms_of, window, windows
from qa.review.recounting import recounted
from qa.review.rulings import of_call
from qa.review.verdicts import Given, Terms
from qa.store import Store

__all__ = [
    "LONGEST",
    "WHOLE_CALL",
    "Appeal",
    "Decider",
    "Decision",
    "Whole",
    "Window",
    "accept",
    "against",
    "answer",
    "appealed_against",
    "barred",
    "deciders",
    "escalate",
    "file",
    "get",
    "gone",
    "last_instances",
    "misattributed",
    "of_agent",
    "of_another",
    "owed",
    "settle",
    "take_back",
    "terms_of",
    "unsettled",
    "waiting",
    "window",
    "windows",
]
_ANSWERS = {LEAD: ("support", "reject"), QA: ("accept", "reject"), FINAL: ("accept", "reject")}


# ---------------------------------------------------------------- the agent


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
        terms = terms_at(store, scorecard_id)
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
        _step(store.db, known, known.state(day).level, "escalate", text, Decider(by))
    return get(store.db, appeal_id)


def take_back(store: Store, appeal_id: int, by: str, day: datetime.date | None = None) -> Appeal:
    """The agent does not appeal after all.  Errors: :class:`StoreError` where it is over."""
    with store.db.writing():
        known = get(store.db, appeal_id)
        now = known.state(day)
        if not now.open:
            raise StoreError(f"申诉 {appeal_id}", f"已经结束：{now}", "不需要撤回")
        _step(store.db, known, now.level, "withdraw", "本人撤回", Decider(by))
    return get(store.db, appeal_id)


# ---------------------------------------------------------------- those who answer


def answer(
    store: Store,
    appeal_id: int,
    level: str,
    action: str,
    text: str,
    by: str,
    day: datetime.date | None = None,
    user_id: int | None = None,
    on: str | None = None,
) -> Appeal:
    """The team lead supports (it goes on to QA) or refuses, QA or the last instance refuse; to accept is :func:`accept`.
    ``user_id``: the account of whoever answers, None where there is none; ``on``: as of :class:`qa.review.verdicts.Terms`.

    Errors: :class:`StoreError` where it is not with ``level`` now, the action is none of that level's, the text is missing, the last
    instance is somebody who has been at work on it, or on the call's review, before, or what is to be upheld stands no more
    (:func:`qa.review.appeal_decisions.gone`); :class:`qa.errors.ConflictError` where the call is not what it was at ``on``.
    """
    with store.db.writing():
        who = Decider(by, user_id)
        known = _answerable(store, appeal_id, level, action, who, day)
        if action == "accept":
            raise StoreError(f"申诉 {appeal_id}", "申诉成立要写明改成什么", "请写明新的判定")
        versions.check(store.db, known.call_id, on)
        why = gone(store, known) if action == "reject" else ""
        if why:
            cure = "请支持并转质检，由质检答复申诉成立" if level == LEAD else "请答复申诉成立；要维持原判，请先在复核里重新判定"
            raise StoreError(f"申诉 {appeal_id}", f"没有可以维持的原判：{why}", cure)
        _step(store.db, known, level, action, text, who)
    return get(store.db, appeal_id)


def accept(
    store: Store,
    appeal_id: int,
    level: str,
    text: str,
    terms: Terms,
    decision: Decision | Whole | None = None,
    day: datetime.date | None = None,
) -> tuple[Appeal, Given | None]:
    """The appeal is right, or a part of it: the verdict and the answer in one transaction; what that makes of the call is published at
    once.  Of a part the answer says which places count no longer and which do; the agent may go on with the rest.  One about the whole call
    is right only with what follows from it (``Whole``).

    Of a call that was withdrawn meanwhile or is another agent's, or scored without the rule, there is no verdict.
    Errors: as :func:`answer`, :func:`qa.review.appeal_decisions.make` and :func:`qa.review.verdicts.overturn`.
    """
    with store.db.writing():
        who = Decider(terms.by, terms.user_id)
        known = _answerable(store, appeal_id, level, "accept", who, day)
        versions.check(store.db, known.call_id, terms.on)
        made = make(store, known, _text(f"申诉 {appeal_id}", text), terms, decision)
        given = made.given
        _add(store.db, known, level, made.action, made.said, who, given.verdict.id if given is not None else None)
        others = recounted(store, known.call_id, terms.by)
        if given is not None:
            given = replace(given, others=others)
    return get(store.db, appeal_id), given


def settle(store: Store, appeal_id: int, text: str, terms: Terms) -> Appeal:
    """The call of an accepted appeal, whose records were to be corrected, is taken out of the appraisal instead.

    Errors: :class:`StoreError` where nothing is to be corrected any more, the text is missing, or the call lies in a closed month and
    nobody consents to a proposal.
    """
    with store.db.writing():
        known, subject = get(store.db, appeal_id), f"申诉 {appeal_id}"
        if not owed(store, known):
            raise StoreError(subject, "这通电话的归属没有什么要更正了", "请看它现在的情况")
        if store.withdrawals.gives_way(known.call_id):
            raise StoreError(subject, "已经建议不计这通电话", "请等人事批准")
        versions.check(store.db, known.call_id, terms.on)
        said = _text(subject, text)
        take_out(store, known, terms)
        _add(store.db, known, known.state().level, ACCEPT_OUT, said, Decider(terms.by, terms.user_id), None)
        recounted(store, known.call_id, terms.by)
    return get(store.db, appeal_id)


def _answerable(store: Store, appeal_id: int, level: str, action: str, who: Decider, day: datetime.date | None) -> Appeal:
    known, subject = get(store.db, appeal_id), f"申诉 {appeal_id}"
    now = known.state(day)
    if now.status != WAITING or now.level != level:
        raise StoreError(subject, f"现在不由{LEVELS.get(level, level)}答复：{now}", "请看它现在在谁那里")
    if action not in _ANSWERS[level]:
        raise StoreError(
            subject, f"{LEVELS[level]}不能“{ACTIONS.get(action, action)}”", f"可以：{'、'.join(ACTIONS[a] for a in _ANSWERS[level])}"
        )
    _signed(subject, who.name)
    if level == FINAL and barred(store.db, known, who):
        names = "、".join(last_instances(store.db, known))
        cure = f"可以终审的质检员：{names}" if names else "现在没有这样的质检员账号，请管理员新建一个"
        raise StoreError(subject, "终审要由没有判过这件事的人来做，也不能是参与过这通电话复核的人", cure)
    return known


@dataclass(frozen=True)
class Decider:
    """Somebody who decides: the name under which that is kept, and the account, None where that is not known."""

    name: str
    user_id: int | None = None

    def is_also(self, other: Decider) -> bool:
        """Whether both may be one person: by account, since people share names and get others; by name where an account is not known."""
        if self.user_id is not None and other.user_id is not None:
            return self.user_id == other.user_id
        return self.name.strip() == other.name.strip()


def deciders(db: Database, known: Appeal) -> frozenset[Decider]:
    """Who has been at work on what is appealed against: answered this appeal or another one about the same, or had any part in the review
    of the call (ruled on a rule, corrected its text, set its roles, finished its review)."""
    call_id = known.call_id
    about = [one for one in against(db, call_id) if one.rule_id == known.rule_id]
    answered = [Decider(s.by, s.user_id) for one in about for s in one.steps if s.action not in OF_THE_AGENT]
    ruled = [v for v in of_call(db, call_id) if v.appeal_id is None or known.rule_id in (v.rule_id, WHOLE_CALL)]
    work = [Decider(v.by, v.user_id) for v in ruled]
    work += [Decider(one.by, one.user_id) for one in reviews.of_call(db, call_id)]
    work += [Decider(one.by, one.user_id) for one in text_marks.marks(db, call_id)]
    work += [Decider(one.by, one.user_id) for one in role_marks.marks(db, call_id)]
    return frozenset([*answered, *work])


def barred(db: Database, known: Appeal, who: Decider) -> bool:
    """Whether somebody cannot be the last instance, having been at work on it before."""
    return any(who.is_also(one) for one in deciders(db, known))


def last_instances(db: Database, known: Appeal) -> tuple[str, ...]:
    """Names of the accounts in use that can be the last instance."""
    before = deciders(db, known)
    of = [(one, Decider(one.name, one.id)) for one in assignments.reviewers(db)]
    return tuple(one.title for one, who in of if not any(who.is_also(other) for other in before))


def _step(db: Database, known: Appeal, level: str, action: str, text: str, who: Decider) -> None:
    _add(db, known, level, action, _text(f"申诉 {known.id}", text), who, None)


def _add(db: Database, known: Appeal, level: str, action: str, said: str, who: Decider, verdict_id: int | None) -> None:
    by = _signed(f"申诉 {known.id}", who.name)
    row = {"appeal_id": known.id, "level": level, "action": action, "text": said, "made_by": by, "user_id": who.user_id}
    db.insert("appeal_steps", row | {"created": rows.now_utc(), "verdict_id": verdict_id})


def _text(subject: str, text: str) -> str:
    said = text.replace("\r\n", "\n").strip()
    if not said:
        raise StoreError(subject, "没有写说明", "请写明情况")
    if len(said) > LONGEST:
        raise StoreError(subject, f"说明太长：写了 {len(said)} 字", f"最多 {LONGEST} 字")
    return said


def _signed(subject: str, by: str) -> str:
    if not by.strip():
        raise StoreError(subject, "没有写姓名", "请写明姓名")
    return by.strip()
