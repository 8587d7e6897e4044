"""A person's verdict on a rule in a call: confirm, overturn, add a finding, drop some, take it all back.

Each is kept with name and reason, and the call is counted again at once: its other results stay as they stand, nothing is heard or judged
anew.  In a closed month the new scorecard is a proposal, as any other.  What changed since a verdict was given (text, roles, clause) does
not end it, but is said (:func:`given_on`); what the program finds since at another place, and places where other words stand by now, wait
for a person (``qa.sightings``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qa import rows, scoring, sightings
from qa.bench import Bench
from qa.clock import house_day
from qa.errors import NotFoundError, StoreError
from qa.judgements import shared
from qa.ledger_calls import StoredCall
from qa.ledger_cards import Saved, Snapshot
from qa.operation import remains
from qa.rescore import about_of
from qa.review import publications, versions
from qa.review.recounting import recounted
from qa.review.rulings import Verdict, before_eyes, holding, judged_on, of_call, rulings, standing, standing_words, stretch
from qa.review.words import said
from qa.serial import decode
from qa.store import Store
from qa.types import Call, CheckResult, Evidence, Finding, Outcome, Span

OUTCOMES = (Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE)
"""What a person may say; INCONCLUSIVE: the recording does not tell a person either."""
ACTIONS = {"confirm": "确认", "uphold": "只确认原来的", "overturn": "改判", "add": "补充发现", "drop": "剔除发现", "withdraw": "撤回复核"}
OPEN = {sightings.NOT_THERE: "程序后来另有发现", sightings.OTHER_WORDS: "判定的地方文字已改"}
"""What :func:`given_on` says of places that a verdict does not cover, by why they are open."""
_SIGNED_BY_HAND = "请写明姓名"


@dataclass(frozen=True)
class Given:
    """What a verdict did: ``before`` and ``after`` are percents, ``month`` a closed month that the call lies in; ``others``: calls whose
    points moved because first warnings were counted again."""

    verdict: Verdict
    saved: Saved
    before: float | None
    after: float | None
    month: str | None
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Terms:
    """With what a verdict is given.

    ``on``: what the person had before the eyes (:func:`qa.review.versions.version`), None: not asked.  ``closed_month``: consent that a
    closed month gets a proposal.  ``appeal_id``: the appeal that it answers.  ``user_id``: the account of whoever decides, None
    where there is none (a command): people may share a name, and get another one.
    """

    by: str
    reason: str = ""
    on: str | None = None
    closed_month: bool = False
    appeal_id: int | None = None
    user_id: int | None = None


_Made = tuple[str, Outcome | None, tuple[Finding, ...]]
"""Action, outcome, findings."""
Make = Callable[[Call, CheckResult], _Made]
"""What a verdict makes of the result as it stands."""


# ---------------------------------------------------------------- the five


def confirm(store: Store, call_id: str, rule_id: str, terms: Terms) -> Given:
    """The result is right as it stands; it stays so whatever the program finds later in the same words at the same places.  Needs no
    reason.  Of a breach that an earlier verdict does not cover all of (``uphold``) what was ruled on stays, and the rest stays open.

    Errors: :class:`StoreError` where a check broke, or an earlier verdict became inconclusive by what was found since: that wants a reason.
    """
    return _give(store, call_id, rule_id, terms, confirming())


def overturn(store: Store, call_id: str, rule_id: str, outcome: Outcome, terms: Terms, evidence: Sequence[Evidence] = ()) -> Given:
    """The result is ``outcome`` instead.  A FAIL rests on ``evidence``, else on that of the result as it stands.  What an earlier verdict
    does not cover may be ruled to be INCONCLUSIVE, as it stands.

    Errors: :class:`StoreError` where the outcome is none of ``OUTCOMES`` or is what stands, a FAIL has no evidence, or the reason is
    missing.
    """
    return _give(store, call_id, rule_id, terms, overturning(outcome, terms.reason, evidence))


def add(store: Store, call_id: str, rule_id: str, evidence: Evidence, terms: Terms) -> Given:
    """The rule was broken (once more) at ``evidence``.  Errors: :class:`StoreError` where that is no stretch of the recording."""
    return _give(store, call_id, rule_id, terms, lambda call, result: _added(call, result, evidence, terms.reason))


def drop(store: Store, call_id: str, rule_id: str, kept: Iterable[int], terms: Terms, dismissed: Iterable[int] = ()) -> Given:
    """Of the breaches found only those at the places ``kept`` (from 0, among the findings) are ones.  Of the places that an earlier verdict
    left open those ``dismissed`` are none; the others stay open.

    Errors: :class:`StoreError` where the rule was not broken, no breach is kept, or all are and nothing is dismissed.
    """
    _need(f"{call_id} 的规则 {rule_id}", terms.reason)
    return _give(store, call_id, rule_id, terms, dropping(kept, dismissed, terms.reason))


def withdraw(store: Store, call_id: str, rule_id: str, terms: Terms) -> Given:
    """Take the verdict back: the program's own result counts again.  Errors: :class:`StoreError` where there is none."""

    def made(call: Call, result: CheckResult) -> _Made:
        if not result.verdict:
            raise StoreError(f"{call_id} 的规则 {rule_id}", "没有人工判定，无可撤回", "请核对规则")
        return "withdraw", None, ()

    return _give(store, call_id, rule_id, terms, made)


def confirming() -> Make:
    """As :func:`confirm`."""
    return lambda call, result: _confirmed(result)


def overturning(outcome: Outcome, reason: str, evidence: Sequence[Evidence] = ()) -> Make:
    """As :func:`overturn`."""
    return lambda call, result: _overturned(call, result, outcome, reason, evidence)


def dropping(kept: Iterable[int], dismissed: Iterable[int] = (), reason: str = "") -> Make:
    """As :func:`drop`."""
    places, none = set(kept), set(dismissed)
    return lambda call, result: _dropped(result, places, none, reason)


def _confirmed(result: CheckResult) -> _Made:
    if result.outcome not in OUTCOMES:
        raise StoreError(f"规则 {result.check_id}", "程序出错，没有可确认的结果", "请改判为听到的结果")
    if not result.outgrown:
        return "confirm", result.outcome, result.findings
    if result.outcome is not Outcome.FAIL:
        cause = "人工判定以后程序另有发现，或判定的地方文字已改，没有可确认的结果"
        raise StoreError(f"规则 {result.check_id}", cause, "请听没有判定过的地方，再写明理由改判")
    return "uphold", result.outcome, result.findings


def undecided(result: CheckResult) -> tuple[int, ...]:
    """Places (from 0, among the findings) that the verdict does not cover: they wait for a person."""
    if not result.outgrown:
        return ()
    return tuple(place for place, finding in enumerate(result.findings) if finding.outcome is Outcome.INCONCLUSIVE)


def _overturned(call: Call, result: CheckResult, outcome: Outcome, reason: str, evidence: Sequence[Evidence]) -> _Made:
    subject = f"规则 {result.check_id}"
    if outcome not in OUTCOMES:
        raise StoreError(subject, f"不能改判为 {outcome.value}", f"可用：{'、'.join(o.value for o in OUTCOMES)}")
    if outcome is result.outcome and not (result.outgrown and outcome is Outcome.INCONCLUSIVE):
        raise StoreError(subject, "改判的结果与现在的相同", "结果正确请用确认；次数不对请补充或剔除发现")
    _need(subject, reason)
    for one in evidence:
        _check_span(call, one.span)
    seconds = tuple(_quoted(call, one) for one in evidence) or tuple(dict.fromkeys(e for f in result.findings for e in f.evidence))
    if outcome is Outcome.FAIL and not seconds:
        raise StoreError(subject, "改判为不通过，要有录音里的依据", "请写明在第几秒到第几秒")
    return "overturn", outcome, (Finding(outcome, f"人工复核：{reason.strip()}", seconds),)


def _added(call: Call, result: CheckResult, evidence: Evidence, reason: str) -> _Made:
    _need(f"规则 {result.check_id}", reason)
    _check_span(call, evidence.span)
    known = tuple(f for f in result.findings if f.outcome is Outcome.FAIL)
    if any(one.span == evidence.span for f in known for one in f.evidence):
        raise StoreError(f"规则 {result.check_id}", "这一处已经有发现", "请核对时间")
    made = Finding(Outcome.FAIL, f"人工补充：{reason.strip()}", (_quoted(call, evidence),))
    in_time = sorted((*known, made), key=lambda f: f.evidence[0].span if f.evidence else evidence.span)
    open_ = (f for f in result.findings if result.outgrown and f.outcome is Outcome.INCONCLUSIVE)
    return "add", Outcome.FAIL, (*in_time, *(f for f in open_ if sightings.apart(f, (made,))))


def _quoted(call: Call, evidence: Evidence) -> Evidence:
    """With the words there, where none are given."""
    return replace(evidence, text=evidence.text.strip() or said(call, evidence.span, evidence.role))


def _dropped(result: CheckResult, kept: set[int], dismissed: set[int], reason: str) -> _Made:
    subject, open_ = f"规则 {result.check_id}", set(undecided(result))
    failed = {place for place, f in enumerate(result.findings) if f.outcome is Outcome.FAIL}
    if result.outcome is not Outcome.FAIL or not kept <= failed or not dismissed <= open_:
        raise StoreError(subject, "只能从违反的发现里选留", "请核对编号")
    if not kept or (kept == failed and not dismissed):
        raise StoreError(subject, "没有剔除，或全部剔除", "都对请确认；都不对请改判")
    left = tuple(f for place, f in enumerate(result.findings) if place in kept | (open_ - dismissed))
    none = (result.findings[place] for place in sorted(dismissed))
    return "drop", Outcome.FAIL, (*left, *(replace(f, outcome=Outcome.PASS, message=f"人工复核：不算，{reason.strip()}") for f in none))


def _need(subject: str, reason: str) -> None:
    if not reason.strip():
        raise StoreError(subject, "没有写理由", "请写明理由")


def _check_span(call: Call, span: Span) -> None:
    if span.duration_ms < 1 or span.end_ms > call.audio.duration_ms:
        length = f"录音长 {call.audio.duration_ms / 1000:g} 秒"
        raise StoreError(f"{span.start_ms / 1000:g}–{span.end_ms / 1000:g} 秒", "不是录音里的一段", f"{length}；起点要早于终点")


# ---------------------------------------------------------------- giving it


def basis(store: Store, call_id: str) -> StoredCall:
    """What a person sees of a call and decides on: the proposal that waits for an adjustment, else the scorecard that stands.

    Errors: :class:`NotFoundError` for a call that is not there or does not count.
    """
    found = store.stored_call(call_id, store.pending(call_id))
    if found is None:
        store.scorecard(call_id)  # says why
        raise NotFoundError(call_id, "数据库中没有这通电话", "请核对通话编号")
    return found


def whole_result(store: Store, of: StoredCall, rule_id: str) -> CheckResult:
    """A result of the scorecard with its findings.  Errors: :class:`NotFoundError` where it has no such rule."""
    card = next(kept.scorecard for kept in store.history(of.call_id) if kept.id == of.scorecard_id)
    result = card.result(rule_id)
    if result is None:
        raise NotFoundError(
            f"{of.call_id} 的规则 {rule_id}", "现有的评分里没有这条规则", f"有的规则：{'、'.join(r.check_id for r in card)}"
        )
    return result


def check_month(store: Store, call_id: str, consent: bool) -> str | None:
    """The closed month that a call lies in.  Errors: :class:`StoreError` where there is one and nobody consents to a proposal."""
    month = store.closed_month_of(call_id)
    if month is not None and not consent:
        raise StoreError(
            call_id,
            f"通话在已关账的 {month}，新的评分只能作为建议，等待 qa adjust 批准",
            "确实要改，请同意把新的评分作为建议提出（网页上勾选，命令行加 --closed-month）",
        )
    return month


def _give(store: Store, call_id: str, rule_id: str, terms: Terms, make: Make) -> Given:
    with store.db.writing():
        given = give_within(store, call_id, rule_id, terms, make)
        return replace(given, others=recounted(store, call_id, terms.by))


def give_within(store: Store, call_id: str, rule_id: str, terms: Terms, make: Make) -> Given:
    """A verdict inside a transaction of the caller's, who afterwards counts first warnings again (``qa.review.recounting``)."""
    if not terms.by.strip():
        raise StoreError(call_id, "没有写由谁判定", _SIGNED_BY_HAND)
    versions.check(store.db, call_id, terms.on)
    of = basis(store, call_id)
    result, call = whole_result(store, of, rule_id), remains.call_of(store, of)
    month = check_month(store, call_id, terms.closed_month)
    action, outcome, findings = make(call, result)
    _check_appeals(store, of, call, result, (action, outcome, findings), terms)
    bench = _bench(store, of)
    own = result.machine or result
    row: dict[str, Any] = {"call_id": call_id, "rule_id": rule_id, "file_sha256": call.audio.sha256, "action": action, "outcome": outcome}
    row |= {"findings_json": rows.to_json(findings), "machine": own.outcome, "scorecard_id": of.scorecard_id, "made_by": terms.by.strip()}
    row |= {"reason": terms.reason.strip(), "created": rows.now_utc(), "appeal_id": terms.appeal_id, "user_id": terms.user_id}
    store.db.insert("verdicts", row)
    saved, after = _counted(store, of, call, bench)
    # to confirm a draft shows the agent nothing of it; what the agent sees as it is may be seen confirmed
    decided = rule_id if action not in ("confirm", "uphold") or terms.appeal_id is not None else ""
    note = f"{ACTIONS[action]} {rule_id}：{terms.reason.strip()}".rstrip("：")
    publications.follow(store.db, call_id, of.scorecard_id, saved, terms.by, note, decided)
    return Given(of_call(store.db, call_id)[-1], saved, of.percent, after, month)


def _check_appeals(store: Store, of: StoredCall, call: Call, result: CheckResult, made: _Made, terms: Terms) -> None:
    """Errors: :class:`StoreError` where what an accepted appeal gave the agent would be taken back without an appeal that decides so.  What
    was found since, at other places or in other words, the appeal was not about."""
    action, outcome, findings = made
    worse = action in ("withdraw", "add") or (action == "overturn" and outcome is Outcome.FAIL)
    if not worse or terms.appeal_id is not None:
        return
    call_id, rule_id = scoring.call_id(call), result.check_id
    holds = holding(store.db, call_id, of.rule_book, call)
    given = [one for one in holds if one.rule_id == rule_id and one.appeal_id is not None]
    if not given:
        return
    shown = (*before_eyes(store.db, given[-1].scorecard_id, rule_id), *given[-1].findings)
    then = store.stored_call(call_id, given[-1].scorecard_id)
    seen = shown if then is None else standing_words(store.db, shown, then.snapshot, of.snapshot)
    more = [one for one in findings if one.outcome is Outcome.FAIL and one not in result.findings]
    if not (result.outgrown and more and all(sightings.apart(one, seen) for one in more)):
        cause = f"申诉 {given[-1].appeal_id} 已成立（{given[-1].by}，{house_day(given[-1].created)}），不能再改得对坐席不利"
        raise StoreError(f"{call_id} 的规则 {rule_id}", cause, "申诉成立的判定只有申诉的终审可以改")


def _bench(store: Store, of: StoredCall) -> Bench:
    """The rule book of the scorecard: a verdict moves a call onto no other version."""
    book = store.ledger.known(of.rule_book, of.rule_book_version)
    if book is None or [rule.id for rule in book.rules] != [result.check_id for result in of.results]:
        cause = f"数据库里没有评分时的规则书 {of.rule_book} {of.rule_book_version}"
        raise StoreError(of.call_id, cause, "请先用 qa rescore --profile 规则书 重新评分")
    return Bench(book)


def _counted(store: Store, of: StoredCall, call: Call, bench: Bench) -> tuple[Saved, float | None]:
    """The results as they stand with the rulings as they are now."""
    about, earlier = of.about or about_of(of, call), store.earlier()
    before = earlier.of(bench.book, about.agent_id, of.started, of.call_id)
    ruled = rulings(store.db, of.call_id, bench.book.id, call.audio.sha256, lambda: judged_on(of.snapshot))
    results = shared(store.db).filled([result.own for result in of.results], ruled)
    card = bench.card(about, results, before, ruled)
    return store.append_within([(of, card)])[0], card.percent


# ---------------------------------------------------------------- what it was given on


def given_on(store: Store, verdict: Verdict, now: StoredCall) -> tuple[str, ...]:
    """What is another than when the verdict was given (Chinese): the rule book, the recording, the words, who is who, the clause; and that
    something was found since, or that other words stand where it was given."""
    then = store.stored_call(verdict.call_id, verdict.scorecard_id)
    if then is None:
        return ()
    old, new = decode(then.snapshot, Snapshot), decode(now.snapshot, Snapshot)
    told = []
    if old.audio.sha256 != new.audio.sha256:
        told.append("录音已换成另一份，这次判定不再起作用")
    elif stretch(old) != stretch(new):
        told.append("这通电话已是录音的另一段或另一位坐席的，这次判定不再起作用")
    elif dict(old.parts).get("transcript") != dict(new.parts).get("transcript"):
        told.append("文字已改")
    if old.roles != new.roles:
        told.append("角色已改")
    clauses = [{r.check_id: r.clause for r in one.results}.get(verdict.rule_id) for one in (then, now)]
    if then.rule_book != now.rule_book:
        told.append("已按另一本规则书评分，这次判定不再起作用")
    elif clauses[1] is None:
        told.append("规则书里已没有这条规则，不起作用")
    elif clauses[0] != clauses[1]:
        told.append("条文已改")
    open_ = [r for r in now.results if r.outgrown and r.verdict == verdict.id]
    said_of = [f.message for r in shared(store.db).filled(open_, (verdict.rule_id,)) for f in r.findings]
    told += [text for why, text in OPEN.items() if any(one.endswith(why) for one in said_of)]
    return tuple(told)


__all__ = [
    "ACTIONS",
    "OPEN",
    "OUTCOMES",
    "Given",
    "Terms",
    "Verdict",
    "add",
    "basis",
    "confirm",
    "drop",
    "given_on",
    "overturn",
    "standing",
    "undecided",
    "withdraw",
]
