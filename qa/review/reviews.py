"""A call that a person has looked through: which breaches a person answers for, and what was said about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qa import rows
from qa.database import Database
from qa.errors import StoreError
from qa.ledger_calls import StoredCall
from qa.review import versions
from qa.review.rulings import judged_on, rulings, stretch
from qa.review.verdicts import basis
from qa.store import Store
from qa.types import Outcome

LONGEST = 2000


@dataclass(frozen=True)
class Review:
    """A finished review of a scorecard; ``created`` is ISO 8601 UTC."""

    id: int
    call_id: str
    scorecard_id: int
    by: str
    comment: str
    created: str


def of_call(db: Database, call_id: str) -> tuple[Review, ...]:
    """All reviews of a call, the earliest first."""
    found = db.rows("select * from reviews where call_id = ? order by id", call_id)
    return tuple(Review(r["id"], call_id, r["scorecard_id"], r["made_by"], r["comment"], r["created"]) for r in found)


def finish(store: Store, call_id: str, by: str, comment: str = "", on: str | None = None) -> Review:
    """A person has looked through the call as it is now; what the scorecard has as breached is confirmed by that.

    Errors: :class:`NotFoundError` for an unknown call, :class:`StoreError` where the name is missing or the comment too long,
    :class:`ConflictError` where others decided since ``on``.
    """
    if not by.strip():
        raise StoreError(call_id, "没有写由谁复核", "请写明姓名")
    if len(comment) > LONGEST:
        raise StoreError(call_id, "评语太长", f"最多 {LONGEST} 字")
    with store.db.writing():
        versions.check(store.db, call_id, on)
        row = {"call_id": call_id, "scorecard_id": basis(store, call_id).scorecard_id, "made_by": by.strip()}
        store.db.insert("reviews", row | {"comment": comment.strip(), "created": rows.now_utc()})
    return of_call(store.db, call_id)[-1]


def confirmed(store: Store, of: StoredCall) -> frozenset[str]:
    """The rules of a scorecard's breaches that a person answers for: by a verdict, be it that the scorecard is older and a new one waits
    for an adjustment, or by a finished review of a scorecard of the same recording, that had as many breaches of the rule.  Without that no
    money is due (待确认)."""
    failed = {r.check_id: r for r in of.results if r.outcome is Outcome.FAIL}
    found = {rule_id for rule_id, result in failed.items() if result.verdict}
    if len(found) == len(failed):
        return frozenset(found)
    now = judged_on(of.snapshot)
    ruled = rulings(store.db, of.call_id, now.audio.sha256, lambda: now)
    seen_by_person = [{rule_id: one.occurrences for rule_id, one in ruled.items() if one.outcome is Outcome.FAIL}]
    for scorecard_id in {review.scorecard_id for review in of_call(store.db, of.call_id)}:
        then = _heard(store, of, scorecard_id)
        seen_by_person.append({r.check_id: r.occurrences for r in then.results if r.outcome is Outcome.FAIL} if then is not None else {})
    for seen in seen_by_person:
        found |= {rule_id for rule_id, result in failed.items() if result.occurrences <= seen.get(rule_id, 0)}
    return frozenset(found)


def _heard(store: Store, of: StoredCall, scorecard_id: int) -> StoredCall | None:
    """Another scorecard of the call, where it is of the same recording and part."""
    if scorecard_id == of.scorecard_id:
        return of
    then = store.stored_call(of.call_id, scorecard_id)
    same = then is not None and stretch(judged_on(then.snapshot)) == stretch(judged_on(of.snapshot))
    return then if same else None


def confirmed_of(store: Store, call_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """The same of calls as they stand, by call; nothing for a call that does not count."""
    made = {}
    for call_id in call_ids:
        of = store.stored_call(call_id)
        if of is not None and of.standing:
            made[call_id] = confirmed(store, of)
    return made


def reviewed(store: Store, of: StoredCall) -> bool:
    """Whether a person has looked through the scorecard, or through one that says the same of every rule that no person ruled on."""
    last = of_call(store.db, of.call_id)[-1:]
    if not last:
        return False
    then = _heard(store, of, last[0].scorecard_id)
    return then is not None and _said(then, of) == _said(of, of)


def _said(card: StoredCall, now: StoredCall) -> dict[str, tuple[Outcome, int]]:
    open_ = {r.check_id for r in now.results if not r.verdict}
    return {r.check_id: (r.outcome, r.occurrences if r.outcome is Outcome.FAIL else 0) for r in card.results if r.check_id in open_}
