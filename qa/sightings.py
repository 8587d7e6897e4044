"""What of a rule's findings a person had before the eyes (and the ears): by where in the recording they are, and whose words.

A person's ruling holds for what was there to be judged.  What the program finds later, at another place or in other words at the same one,
nobody has ruled on: it is neither a breach nor none until somebody has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from qa.outcome_words import OUTCOMES
from qa.types import Evidence, Finding, Outcome, Row, Ruling

SHARED = 0.5
"""Two stretches are one place if they share so much of the shorter one: words move a little when they are transcribed anew."""
LISTENED_MS = 15_000
"""Who looks at a stretch of at most this has heard all that is in it.  A longer one is the same place only as another of about its length:
of a whole call nobody can say that what lies somewhere in it was heard."""

NOT_THERE = "当时没有这一处，没有人判定过，需人工复核"
OTHER_WORDS = "当时这里是别的话，没有人判定过，需人工复核"
"""Why a place is open although a person ruled on the rule."""

GONE = "…"
"""In the place of words that were deleted after their time (``qa purge``)."""


@dataclass(frozen=True)
class Place:
    """Where a finding is: seconds of one role; or, of the call log, what a row says."""

    at: Evidence | Row


def same(one: Place, other: Place) -> bool:
    """Whether a person who was shown the one was shown the other."""
    a, b = one.at, other.at
    if isinstance(a, Row) or isinstance(b, Row):
        return isinstance(a, Row) and isinstance(b, Row) and _same_row(a, b)
    if a.role is not b.role:
        return False
    shorter, longer = sorted((a.span.duration_ms, b.span.duration_ms))
    needed = shorter if longer <= LISTENED_MS else longer
    return a.span == b.span or a.span.overlap_ms(b.span) >= max(1, SHARED * needed)


def _same_row(a: Row, b: Row) -> bool:
    """The time alone tells where the text was deleted meanwhile."""
    return a.at == b.at and (a.text == b.text or (a.at is not None and GONE in (a.text, b.text)))


def new_among(found: Iterable[Finding], seen: Iterable[Finding]) -> tuple[Finding, ...]:
    """Of what the program finds the breaches, and the doubtful places, that are not among what was ``seen``."""
    known = tuple(seen)
    shown = [place for finding in known for place in _all(finding)]
    return tuple(one for one in found if _matters(one) and one not in known and not _shown(one, shown))


def apart(finding: Finding, seen: Iterable[Finding]) -> bool:
    """Whether no place of a finding is among what was ``seen``."""
    shown = [place for one in seen for place in _all(one)]
    own = list(_all(finding))
    return bool(own) and not any(same(place, other) for place in own for other in shown)


def each_among(breaches: Sequence[Finding], seen: Sequence[Finding]) -> bool:
    """Whether every breach is one of those that were ``seen``, and no two are the same one."""
    taken: dict[int, int] = {}

    def placed(number: int, tried: set[int]) -> bool:
        for other, known in enumerate(seen):
            if other in tried or not (breaches[number] == known or _shown(breaches[number], list(_all(known)))):
                continue
            tried.add(other)
            if other not in taken or placed(taken[other], tried):
                taken[other] = number
                return True
        return False

    return all(placed(number, set()) for number in range(len(breaches)))


def held(ruling: Ruling, found: Iterable[Finding], outcome: Outcome) -> Ruling:
    """The ruling as it holds on what the program finds now, which comes to ``outcome``.

    Where that has what the person did not have before the eyes, or other words stand where the person ruled, nobody knows whether the rule
    was kept there: a ruling that it was becomes inconclusive; one that it was broken stays with the breaches that are still as they were,
    and the other places stand beside it to be looked at.  A ruling that it was kept says nothing of words that are gone where the program
    finds nothing amiss there by now.
    """
    other = dict(ruling.changed)
    kept = tuple(one for one in ruling.findings if one not in other)
    new = new_among(found, (*(one for one in ruling.seen if one not in other), *kept))
    places, stale = [place for one in new for place in _all(one)], [place for one in other for place in _all(one)]
    ruled = [one for one in ruling.findings if one in other and one.outcome is ruling.outcome]
    if ruling.outcome is not Outcome.FAIL and (new or outcome is ruling.outcome):
        ruled = []
    mine = [other[one] for one in ruled if not _shown(one, places)]
    left = [one for one in ruling.left if not _shown(one, places)]
    if not (new or mine or left):
        return ruling
    told = f"{ruling.day} 人工判定为“{OUTCOMES[ruling.outcome]}”，"
    fresh = [_open(one, told + (OTHER_WORDS if _shown(one, stale) else NOT_THERE)) for one in new]
    open_ = (*fresh, *(_open(one, told + OTHER_WORDS) for one in mine), *left)
    if ruling.outcome is Outcome.FAIL and any(one.outcome is Outcome.FAIL for one in kept):
        return replace(ruling, findings=(*kept, *open_), outgrown=True)
    return replace(ruling, outcome=Outcome.INCONCLUSIVE, findings=open_, outgrown=True)


def _open(finding: Finding, told: str) -> Finding:
    return replace(finding, outcome=Outcome.INCONCLUSIVE, message=f"{finding.message}；{told}")


def _matters(finding: Finding) -> bool:
    placed = bool(finding.evidence or finding.rows)
    return finding.outcome is Outcome.FAIL or (finding.outcome is Outcome.INCONCLUSIVE and placed)


def _shown(finding: Finding, shown: Sequence[Place]) -> bool:
    """Whether all places where a finding itself lies were shown."""
    own = list(_own(finding))
    return bool(own) and all(any(same(place, other) for other in shown) for place in own)


def _own(finding: Finding) -> Iterator[Place]:
    """Where it lies; what is shown of another role is what gave occasion to it."""
    yield from (place for place in _all(finding) if isinstance(place.at, Row) or place.at.role is finding.evidence[0].role)


def _all(finding: Finding) -> Iterator[Place]:
    yield from map(Place, finding.evidence)
    yield from map(Place, finding.rows)
