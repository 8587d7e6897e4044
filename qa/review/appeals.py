"""Appeals (申诉): an agent says that a published deduction is wrong; team lead, QA and a last instance answer, each in time.

An accepted appeal makes a verdict (:mod:`qa.review.verdicts`) in the same transaction.  Nothing is edited: each step is appended.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qa import role_marks, rows, sightings
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.ledger_cards import Saved
from qa.report_text import clock
from qa.review import assignments, publications, reviews, text_marks, verdicts
from qa.review.appeal_records import WHOLE_CALL, Appeal, against, get, of_agent, unsettled, waiting
from qa.review.appeal_states import ACCEPT_PART, ACTIONS, FINAL, LEAD, LEVELS, QA, REFUSED, WAITING
from qa.review.appeal_windows import Window, terms_at, terms_of, window, windows
from qa.review.recounting import recounted
from qa.review.rulings import before_eyes, of_call, standing_words
from qa.review.verdicts import Given, Terms
from qa.store import Store
from qa.types import CheckResult, Evidence, Finding, Outcome

__all__ = [
    "WHOLE_CALL",
    "Appeal",
    "Decider",
    "Decision",
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
    "last_instances",
    "of_agent",
    "take_back",
    "terms_of",
    "unsettled",
    "waiting",
    "window",
    "windows",
]
LONGEST = 2000
_ANSWERS = {LEAD: ("support", "reject"), QA: ("accept", "reject"), FINAL: ("accept", "reject")}
_OF_THE_AGENT = ("escalate", "withdraw")


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
) -> Appeal:
    """The team lead supports (it goes on to QA) or refuses, QA or the last instance refuse; to accept is :func:`accept`.
    ``user_id``: the account of whoever answers, None where there is none.

    Errors: :class:`StoreError` where it is not with ``level`` now, the action is none of that level's, the text is missing, or the last
    instance is somebody who has been at work on it, or on the call's review, before.
    """
    with store.db.writing():
        who = Decider(by, user_id)
        known = _answerable(store, appeal_id, level, action, who, day)
        if action == "accept":
            raise StoreError(f"申诉 {appeal_id}", "申诉成立要写明改成什么", "请写明新的判定")
        _step(store.db, known, level, action, text, who)
    return get(store.db, appeal_id)


@dataclass(frozen=True)
class Decision:
    """What an accepted appeal makes of the rule: another outcome; or, where it is right in part alone, the breach with only those of its
    findings at the places ``kept`` (from 0, among the findings of :func:`qa.review.verdicts.basis`)."""

    outcome: Outcome = Outcome.PASS
    evidence: tuple[Evidence, ...] = ()
    kept: tuple[int, ...] = ()


def accept(
    store: Store, appeal_id: int, level: str, text: str, terms: Terms, decision: Decision | None = None, day: datetime.date | None = None
) -> tuple[Appeal, Given | None]:
    """The appeal is right, or a part of it: the verdict and the answer in one transaction; what that makes of the call is published at
    once.  Of a part the answer says which places count no longer and which do; the agent may go on with the rest.

    ``decision`` None is for an appeal about the whole call, which no verdict on a rule can answer.  Of a call that was withdrawn
    meanwhile, or scored without the rule, there is no verdict either.
    Errors: as :func:`answer` and :func:`qa.review.verdicts.overturn`.
    """
    with store.db.writing():
        who = Decider(terms.by, terms.user_id)
        known = _answerable(store, appeal_id, level, "accept", who, day)
        if (decision is None) != (known.rule_id == WHOLE_CALL):
            cause = "整通电话的申诉不改单项判定" if decision is not None else "没有写明改成什么"
            raise StoreError(f"申诉 {appeal_id}", cause, "请核对")
        said = _text(f"申诉 {appeal_id}", text)
        given, action = None, "accept"
        if decision is not None and _counts(store, known):
            if decision.kept:
                said, action = f"{said}（{_parts(store, known, decision.kept)}）", ACCEPT_PART
            given = _verdict(store, known, text, terms, decision)
        elif decision is not None:
            _without_verdict(store, known, text, terms.by)
        _add(store.db, known, level, action, said, who, given.verdict.id if given is not None else None)
        if given is not None:
            given = replace(given, others=recounted(store, known.call_id, terms.by))
    return get(store.db, appeal_id), given


def _verdict(store: Store, known: Appeal, text: str, terms: Terms, decision: Decision) -> Given:
    right = ACTIONS[ACCEPT_PART] if decision.kept else "成立"
    terms = replace(terms, reason=f"申诉{right}：{text.strip()}", appeal_id=known.id)
    make = verdicts.dropping(decision.kept) if decision.kept else verdicts.overturning(decision.outcome, terms.reason, decision.evidence)
    result = verdicts.whole_result(store, verdicts.basis(store, known.call_id), known.rule_id)
    if not decision.kept and result.outcome is decision.outcome and not result.outgrown:
        make = verdicts.confirming()  # somebody else has ruled so meanwhile
    _check_seen(store, known)
    _check_found(store, known, result)
    return verdicts.give_within(store, known.call_id, known.rule_id, terms, make)


def _parts(store: Store, known: Appeal, kept: Sequence[int]) -> str:
    """Which places of the recording count no longer, and which do: what the agent is told; no words of the call."""
    result = verdicts.whole_result(store, verdicts.basis(store, known.call_id), known.rule_id)
    failed = [(place, f) for place, f in enumerate(result.findings) if f.outcome is Outcome.FAIL]
    named = {place: clock(f.evidence[0].span.start_ms) if f.evidence else f"第 {n} 处" for n, (place, f) in enumerate(failed, 1)}
    gone, left = ("、".join(text for place, text in named.items() if (place in kept) is on) for on in (False, True))
    return f"成立的：{gone}；仍然算的：{left}"


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


def _check_found(store: Store, known: Appeal, result: CheckResult) -> None:
    """Errors: :class:`StoreError` where the answer would also rule on doubtful places that were not there when the agent appealed: the
    page of the appeal does not show them."""
    new = () if result.settled else sightings.new_among(result.findings, appealed_against(store, known))
    places = "、".join(clock(one.evidence[0].span.start_ms) for one in new if one.outcome is Outcome.INCONCLUSIVE and one.evidence)
    if places:
        cause = f"提出申诉以后，这条规则在别处另有发现（{places}），没有人判定过"
        raise StoreError(f"申诉 {known.id}", cause, "请先复核这通电话的这些地方，再答复申诉")


def appealed_against(store: Store, known: Appeal) -> tuple[Finding, ...]:
    """What the agent appealed against, as far as the words there are still the same.

    Errors: :class:`NotFoundError` where the call counts no more.
    """
    shown = before_eyes(store.db, known.scorecard_id, known.rule_id)
    then, now = store.stored_call(known.call_id, known.scorecard_id), verdicts.basis(store, known.call_id)
    return shown if then is None else standing_words(store.db, shown, then.snapshot, now.snapshot)


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
    answered = [Decider(s.by, s.user_id) for one in about for s in one.steps if s.action not in _OF_THE_AGENT]
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
    if not text.strip():
        raise StoreError(subject, "没有写说明", "请写明情况")
    if len(text) > LONGEST:
        raise StoreError(subject, "说明太长", f"最多 {LONGEST} 字")
    return text.strip()


def _signed(subject: str, by: str) -> str:
    if not by.strip():
        raise StoreError(subject, "没有写姓名", "请写明姓名")
    return by.strip()
