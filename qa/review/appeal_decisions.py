"""What an accepted appeal makes of the call: verdicts, a withdrawal, or that its call records are to be corrected; and what is left of the
thing that is appealed against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qa import sightings
from qa.clock import house_day
from qa.errors import StoreError
from qa.ledger_cards import Saved
from qa.outcome_words import OUTCOMES
from qa.report_text import clock
from qa.review import publications, verdicts
from qa.review.appeal_records import WHOLE_CALL, Appeal, misattributed
from qa.review.appeal_states import ACCEPT, ACCEPT_OUT, ACCEPT_OWNER, ACCEPT_PART, ACTIONS
from qa.review.rulings import before_eyes, of_call, standing_words
from qa.review.verdicts import Given, Terms
from qa.store import Store
from qa.types import CheckResult, Evidence, Finding, Outcome

LONGEST = 2000
"""Characters of what an agent says, and of an answer."""
MOVED = "按更正后的通话记录，这通电话不再算这位坐席的"


@dataclass(frozen=True)
class Decision:
    """What an accepted appeal makes of the rule: another outcome; or, where it is right in part alone, the breach with only those of its
    findings at the places ``kept`` (from 0, among the findings of :func:`qa.review.verdicts.basis`)."""

    outcome: Outcome = Outcome.PASS
    evidence: tuple[Evidence, ...] = ()
    kept: tuple[int, ...] = ()


@dataclass(frozen=True)
class Whole:
    """What follows from an accepted appeal about the whole call.

    ``action``: ``ACCEPT_OUT``, the call is in no appraisal any more; ``ACCEPT_OWNER``, it is another agent's, and its records are to be
    corrected; ``ACCEPT``, breaches of it fall: ``falls``, what becomes of each rule, by rule id.
    """

    action: str
    falls: Mapping[str, Decision] | None = None


@dataclass(frozen=True)
class Made:
    """``action`` and ``said`` are the answer's, ``given`` the last verdict of it, None where there is none."""

    action: str
    said: str
    given: Given | None = None


def make(store: Store, known: Appeal, said: str, terms: Terms, decision: Decision | Whole | None) -> Made:
    """Inside a transaction of the caller's, who afterwards counts first warnings again.  ``said``: the answer as it was written.

    Errors: :class:`StoreError` where the decision does not fit the appeal, and as of :func:`qa.review.verdicts.overturn`.
    """
    subject, why = f"申诉 {known.id}", gone(store, known)
    if decision is None:
        raise StoreError(subject, "没有写明改成什么", "请核对")
    if known.rule_id == WHOLE_CALL:
        if not isinstance(decision, Whole):
            raise StoreError(subject, "整通电话的申诉不改单项判定", "请核对")
        return _whole(store, known, said, terms, decision)
    if isinstance(decision, Whole):
        raise StoreError(subject, "单项的申诉不涉及整通电话", "请核对")
    if not _counts(store, known):
        _without_verdict(store, known, said, terms.by)
        return Made(ACCEPT, _noted(said, why))
    parts = _parts(store, known.call_id, [known.rule_id], {known.rule_id: decision}) if decision.kept else ""
    given = _verdict(store, known, known.rule_id, said, terms, decision)
    return Made(ACCEPT_PART if decision.kept else ACCEPT, _noted(said, parts or why), given)


def _noted(said: str, note: str) -> str:
    return f"{said}（{note}）" if note else said


def gone(store: Store, known: Appeal) -> str:
    """Why nothing is left of what the agent appeals against (Chinese): the call counts no more or is another agent's, the rule book has no
    such rule, or its result is no breach any more; "" where it stands."""
    withdrawn = store.withdrawals.standing(known.call_id)
    if withdrawn is not None:
        return f"这通电话自 {house_day(withdrawn.created)} 起不计入考核"
    if of_another(store, known):
        return MOVED
    if known.rule_id == WHOLE_CALL:
        return ""
    of = verdicts.basis(store, known.call_id)
    result = next((one for one in of.results if one.check_id == known.rule_id), None)
    if result is None:
        return f"规则书 {of.rule_book_version} 里已没有这条规则"
    if result.outcome is Outcome.FAIL:
        return ""
    by = next((one for one in of_call(store.db, known.call_id) if one.id == result.verdict), None)
    now = f"现在是“{OUTCOMES[result.outcome]}”"
    return f"{by.by} 于 {house_day(by.created)} {verdicts.ACTIONS[by.action]}，{now}" if by is not None else f"重新评分后，{now}"


def of_another(store: Store, known: Appeal) -> bool:
    """Whether by the call records as they are now the call is not the agent's who appeals: then no answer changes anything of it."""
    found = store.db.rows("select agent_id from calls where call_id = ?", known.call_id)
    return not any(row["agent_id"] == known.agent_id for row in found)


# ---------------------------------------------------------------- the whole call


def _whole(store: Store, known: Appeal, said: str, terms: Terms, decision: Whole) -> Made:
    if decision.action in (ACCEPT, ACCEPT_OUT) and of_another(store, known):
        raise StoreError(f"申诉 {known.id}", MOVED, "请答复通话归属已更正；它的评分不因这件申诉改动")
    if decision.action == ACCEPT_OUT:
        take_out(store, known, terms)
    elif decision.action == ACCEPT:
        return _falls(store, known, said, terms, decision.falls or {})
    elif decision.action != ACCEPT_OWNER:
        raise StoreError(f"申诉 {known.id}", "没有写明申诉成立以后怎么办", "请选一种；都不合适请用“驳回（维持原判）”")
    return Made(decision.action, said)


def take_out(store: Store, known: Appeal, terms: Terms) -> None:
    """The call is in no appraisal any more; in a closed month that is proposed.  Errors: :class:`StoreError` where it is in one and nobody
    consents."""
    call_id = known.call_id
    if store.withdrawals.standing(call_id) is not None:
        return
    verdicts.check_month(store, call_id, terms.closed_month)
    if not store.withdrawals.gives_way(call_id):  # else that is proposed already, together with what comes in its place
        store.withdrawals.by_person([call_id], False, terms.by, f"申诉 {known.id} 成立，本通不计入考核")


def owed(store: Store, known: Appeal) -> bool:
    """Whether the call's records have yet to be corrected, by what an accepted appeal says."""
    return known in misattributed(store.db)


def _falls(store: Store, known: Appeal, said: str, terms: Terms, falls: Mapping[str, Decision]) -> Made:
    """Breaches of several rules; where some are left the appeal is accepted in part."""
    if not falls:
        raise StoreError(f"申诉 {known.id}", "没有勾选不再算的是哪几处", "请勾选；一处也没有请选别的，或用“驳回（维持原判）”")
    failed = [one.check_id for one in verdicts.basis(store, known.call_id).results if one.outcome is Outcome.FAIL]
    if not falls.keys() <= {*failed}:
        raise StoreError(f"申诉 {known.id}", "只能从违反的发现里选", "请核对编号")
    _check_seen(store, known)
    part = len(falls) < len(failed) or any(one.kept for one in falls.values())
    told, given = _parts(store, known.call_id, failed, falls), None
    for rule_id, decision in falls.items():
        given = _verdict(store, known, rule_id, said, terms, decision)
        terms = replace(terms, on=None)  # what comes between is this answer's own
    return Made(ACCEPT_PART if part else ACCEPT, _noted(said, told), given)


# ---------------------------------------------------------------- a rule


def _verdict(store: Store, known: Appeal, rule_id: str, text: str, terms: Terms, decision: Decision) -> Given:
    right = ACTIONS[ACCEPT_PART] if decision.kept else "成立"
    terms = replace(terms, reason=f"申诉{right}：{text.strip()}", appeal_id=known.id)
    make = verdicts.dropping(decision.kept) if decision.kept else verdicts.overturning(decision.outcome, terms.reason, decision.evidence)
    result = verdicts.whole_result(store, verdicts.basis(store, known.call_id), rule_id)
    if not decision.kept and result.outcome is decision.outcome and not result.outgrown:
        make = verdicts.confirming()  # somebody else has ruled so meanwhile
    if known.rule_id != WHOLE_CALL:
        _check_seen(store, known)
    _check_found(store, known, result)
    return verdicts.give_within(store, known.call_id, rule_id, terms, make)


def _parts(store: Store, call_id: str, rule_ids: Sequence[str], falls: Mapping[str, Decision]) -> str:
    """Which places of the recording count no longer, and which of these rules do: what the agent is told; no words of the call.  Where
    there are several rules each is named by its title."""
    of = verdicts.basis(store, call_id)
    titles = {result.check_id: result.title for result in of.results}
    told: tuple[list[str], list[str]] = [], []
    for rule_id in rule_ids:
        findings = verdicts.whole_result(store, of, rule_id).findings
        failed = [(place, one) for place, one in enumerate(findings) if one.outcome is Outcome.FAIL]
        named = {place: clock(f.evidence[0].span.start_ms) if f.evidence else f"第 {n} 处" for n, (place, f) in enumerate(failed, 1)}
        left = falls[rule_id].kept if rule_id in falls else tuple(named)
        for side in (0, 1):
            places = "、".join(text for place, text in named.items() if (place in left) is bool(side))
            if places:
                told[side].append(f"{titles[rule_id]} {places}" if len(rule_ids) > 1 else places)
    words = ("成立的" if told[1] else "不再算的", "、".join(told[0])), ("仍然算的", "、".join(told[1]))
    return "；".join(f"{word}：{places}" for word, places in words if places)


def _counts(store: Store, known: Appeal) -> bool:
    """Whether the call counts for the agent, and has a result of the rule, that a verdict could rule on."""
    if store.stored_call(known.call_id) is None or of_another(store, known):
        return False
    return any(result.check_id == known.rule_id for result in verdicts.basis(store, known.call_id).results)


def _without_verdict(store: Store, known: Appeal, text: str, by: str) -> None:
    """What is appealed against is no more: the call was withdrawn or is another agent's, or has been scored without the rule, which the
    agent sees from now."""
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
    new = () if result.settled else sightings.new_among(result.findings, appealed_against(store, known, result.check_id))
    places = "、".join(clock(one.evidence[0].span.start_ms) for one in new if one.outcome is Outcome.INCONCLUSIVE and one.evidence)
    if places:
        cause = f"提出申诉以后，这条规则在别处另有发现（{places}），没有人判定过"
        raise StoreError(f"申诉 {known.id}", cause, "请先复核这通电话的这些地方，再答复申诉")


def appealed_against(store: Store, known: Appeal, rule_id: str = "") -> tuple[Finding, ...]:
    """What the scorecard that the agent appealed against shows of a rule ("": of the one appealed against), as far as the words there are
    still the same.

    Errors: :class:`NotFoundError` where the call counts no more.
    """
    shown = before_eyes(store.db, known.scorecard_id, rule_id or known.rule_id)
    then, now = store.stored_call(known.call_id, known.scorecard_id), verdicts.basis(store, known.call_id)
    return shown if then is None else standing_words(store.db, shown, then.snapshot, now.snapshot)
