"""A call that a person has looked through: which breaches a person answers for, and what was said about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from qa import rows, sightings
from qa.clock import house_day, house_minute
from qa.database import Database
from qa.errors import ConflictError, StoreError
from qa.judgements import shared
from qa.ledger_calls import StoredCall
from qa.review import appeal_records, versions
from qa.review.appeal_states import LEAD, WAITING, State
from qa.review.rulings import before_eyes, judged_on, rulings, standing_words, stretch
from qa.review.verdicts import basis
from qa.store import Store
from qa.types import Finding, Outcome, Ruling

LONGEST = 2000


@dataclass(frozen=True)
class Review:
    """A finished review of a scorecard; ``created`` is ISO 8601 UTC, ``user_id`` the account, None where that is not known."""

    id: int
    call_id: str
    scorecard_id: int
    by: str
    comment: str
    created: str
    user_id: int | None = None


def of_call(db: Database, call_id: str) -> tuple[Review, ...]:
    """All reviews of a call, the earliest first."""
    found = db.rows("select * from reviews where call_id = ? order by id", call_id)
    return tuple(Review(r["id"], call_id, r["scorecard_id"], r["made_by"], r["comment"], r["created"], r["user_id"]) for r in found)


def finished(store: Store, call_id: str) -> Review | None:
    """The last review of a call, where nothing has come since: no scorecard, no decision of a person, no appeal for QA to answer.

    Errors: :class:`NotFoundError` for an unknown call.
    """
    last = of_call(store.db, call_id)[-1:]
    if not last or last[0].scorecard_id != basis(store, call_id).scorecard_id or versions.since(store.db, call_id, last[0].created):
        return None
    return None if appealed_since(store.db, call_id, last[0].created) else last[0]


def appealed_since(db: Database, call_id: str, moment: str) -> bool:
    """Whether an appeal that waits for QA came to it, or was written to, after a moment (ISO 8601 UTC)."""
    asking = [one for one in appeal_records.against(db, call_id) if asks(one.state())]
    written = (max(one.created, *(step.created for step in one.steps)) if one.steps else one.created for one in asking)
    return any(at > moment for at in written) or any(one.state(house_day(moment)).level != one.state().level for one in asking)


def asks(now: State) -> bool:
    """Whether an appeal waits for an answer of QA, and not of the team lead, or for what the agent does about a refusal."""
    return now.status == WAITING and now.level != LEAD


def finish(
    store: Store, call_id: str, by: str, comment: str = "", on: str | None = None, user_id: int | None = None, again: bool = False
) -> Review:
    """A person has looked through the call as it is now; what the scorecard has as breached is confirmed by that.  ``user_id``: the
    account, None where there is none (a command).  ``on``: what the person had before the eyes, None: nothing is asked.  ``again``: they
    know that the review is finished already.

    Errors: :class:`NotFoundError` for an unknown call, :class:`StoreError` where the name is missing or the comment too long,
    :class:`ConflictError` where others decided since ``on``, or the review is finished and that was not known.
    """
    if not by.strip():
        raise StoreError(call_id, "没有写由谁复核", "请写明姓名")
    if len(comment) > LONGEST:
        raise StoreError(call_id, "评语太长", f"最多 {LONGEST} 字")
    with store.db.writing():
        versions.check(store.db, call_id, on)
        if on is not None and not again and (before := finished(store, call_id)) is not None:
            cause = f"已由 {before.by} 于 {house_minute(before.created)} 复核完成"
            raise ConflictError(call_id, cause, "没有再记一次；确要再复核一次，请勾选“再复核一次”")
        row = {"call_id": call_id, "scorecard_id": basis(store, call_id).scorecard_id, "made_by": by.strip(), "user_id": user_id}
        store.db.insert("reviews", row | {"comment": comment.strip(), "created": rows.now_utc()})
    return of_call(store.db, call_id)[-1]


def confirmed(store: Store, of: StoredCall) -> frozenset[str]:
    """The rules of a scorecard's breaches that a person answers for: by a verdict, be it that the scorecard is older and a new one waits
    for an adjustment, or by a finished review of a scorecard of the same recording under the same rule book.  Each breach has to be one
    that was there then, at the same place, in the same words and of the same role, however many there were.  Without that no money is due
    (待确认)."""
    failed = {r.check_id for r in of.results if r.outcome is Outcome.FAIL}
    found = {r.check_id for r in of.results if r.outcome is Outcome.FAIL and r.verdict}
    looked_through = {review.scorecard_id for review in of_call(store.db, of.call_id)}
    if found == failed or of.scorecard_id in looked_through:
        return frozenset(failed)
    breaches = _breaches(store, of, failed - found)
    now = judged_on(of.snapshot)
    ruled = rulings(store.db, of.call_id, of.rule_book, now.audio.sha256, lambda: now)
    seen_by_person = [{rule_id: _failed(_as_ruled(one)) for rule_id, one in ruled.items() if one.outcome is Outcome.FAIL}]
    heard = (_heard(store, of, scorecard_id) for scorecard_id in looked_through)
    seen_by_person += [_still(store, _breaches(store, then, frozenset(breaches)), then, of) for then in heard if then is not None]
    for seen in seen_by_person:
        found |= {rule_id for rule_id, own in breaches.items() if sightings.each_among(own, seen.get(rule_id, ()))}
    return frozenset(found)


def unruled(store: Store, before: StoredCall, after: StoredCall) -> tuple[str, ...]:
    """Titles of the rules that persons answered for on one scorecard of a call and nobody does on a later one: other words stand there, or
    somebody else's, and a person has to rule anew."""
    ruled, sure, still = {r.check_id for r in before.results if r.settled}, confirmed(store, before), confirmed(store, after)
    open_ = (
        r
        for r in after.results
        if (r.outgrown and r.check_id in ruled | sure) or (r.outcome is Outcome.FAIL and r.check_id in sure and r.check_id not in still)
    )
    return tuple(r.title for r in open_)


def _breaches(store: Store, of: StoredCall, rule_ids: Set[str]) -> dict[str, tuple[Finding, ...]]:
    """By rule, those of a scorecard."""
    of_them = [r for r in of.results if r.check_id in rule_ids and r.outcome is Outcome.FAIL]
    return {r.check_id: _failed(r.findings) for r in shared(store.db).filled(of_them, rule_ids)}


def _as_ruled(ruling: Ruling) -> tuple[Finding, ...]:
    """What was ruled on and still reads as it did then."""
    changed = dict(ruling.changed)
    return tuple(one for one in ruling.findings if one not in changed)


def _still(store: Store, found: dict[str, tuple[Finding, ...]], then: StoredCall, now: StoredCall) -> dict[str, tuple[Finding, ...]]:
    """Of findings of another scorecard, by rule, those whose words still stand."""
    return {rule_id: standing_words(store.db, own, then.snapshot, now.snapshot) for rule_id, own in found.items()}


def _failed(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.outcome is Outcome.FAIL)


def _heard(store: Store, of: StoredCall, scorecard_id: int) -> StoredCall | None:
    """Another scorecard of the call, where it is of the same recording and part, under the same rule book."""
    if scorecard_id == of.scorecard_id:
        return of
    then = store.stored_call(of.call_id, scorecard_id)
    same = then is not None and stretch(judged_on(then.snapshot)) == stretch(judged_on(of.snapshot))
    return then if same and then is not None and then.rule_book == of.rule_book else None


def confirmed_of(store: Store, call_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """The same of calls as they stand, by call; nothing for a call that does not count, or that nobody ruled on or looked through."""
    made = {}
    for call_id in _seen(store.db, call_ids):
        of = store.stored_call(call_id)
        if of is not None and of.standing:
            made[call_id] = confirmed(store, of)
    return made


def _seen(db: Database, call_ids: Iterable[str]) -> Iterator[str]:
    """Of some calls, in their order, those that a person ruled on or looked through: few of a month's."""
    sql = """select j.value as call_id from json_each(?) j where exists (select 1 from reviews r where r.call_id = j.value)
      or exists (select 1 from verdicts v where v.call_id = j.value) order by j.key"""
    return (row["call_id"] for row in db.rows(sql, rows.to_json([*call_ids])))


def reviewed(store: Store, of: StoredCall) -> bool:
    """Whether a person has looked through the scorecard, or through one that says the same, of the same words at the same places, of every
    rule that no person ruled on."""
    last = of_call(store.db, of.call_id)[-1:]
    if not last:
        return False
    then = _heard(store, of, last[0].scorecard_id)
    return then is of or (then is not None and _said(then, of) == _said(of, of) and not _anything_new(store, then, of))


def _said(card: StoredCall, now: StoredCall) -> dict[str, tuple[Outcome, int]]:
    open_ = {r.check_id for r in now.results if not r.settled}
    return {r.check_id: (r.outcome, r.occurrences if r.outcome is Outcome.FAIL else 0) for r in card.results if r.check_id in open_}


def _anything_new(store: Store, then: StoredCall, now: StoredCall) -> bool:
    """Whether a rule that no person ruled on has a breach, or a doubtful place, that was not before the eyes."""
    open_ = [r for r in now.results if not r.settled and r.outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE)]
    found = shared(store.db).filled(open_, {r.check_id for r in open_})
    seen = _still(store, {r.check_id: before_eyes(store.db, then.scorecard_id, r.check_id) for r in found}, then, now)
    return any(sightings.new_among(r.findings, seen[r.check_id]) for r in found)
