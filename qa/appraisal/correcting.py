"""What a correction of a closed month does to its money: told before anybody approves it, and refused where no person answers for it.

What is kept of a closed month is charged.  So nothing may come into it that no person has confirmed: a correction that brings in such a
breach waits until a person has confirmed it, and the month goes on to say what was kept of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from qa.appraisal import charged, light
from qa.appraisal.fines import Fines
from qa.appraisal.light import KnownBooks, LightCall
from qa.clock import wall_clock
from qa.errors import StoreError
from qa.explain import parse_month
from qa.export import mask_name
from qa.ledger_calls import StoredCall
from qa.ledger_closing import NAMED, places
from qa.review import reviews
from qa.review.rulings import judged_on
from qa.rules.model import Fine
from qa.rules.money import Occurrence, Yuan
from qa.store import Store

Place = tuple[str, str]
"""An agent and a month (``2025-06``)."""
Breach = tuple[str, str, Fine | None]
"""Content of the recording, rule, its fine.  The recording, not the call: under another id it is the same breach, and nothing new waits."""
Totals = tuple[tuple[str, Yuan], ...]
"""Money by role."""


@dataclass(frozen=True)
class Waits:
    """What nobody has confirmed in an agent's month: breaches with a number that grows with how many of the kind are charged, and whether
    the sums hang on what waits (``open``)."""

    breaches: Mapping[Breach, int]
    open: bool


@dataclass(frozen=True)
class Outlook:
    """The agent's money of the month as it is charged now, and as one correction alone would make it.

    ``before``, ``after``: None where nobody can tell, or something waits for confirmation; ``waits``: titles of the breaches that the
    correction would bring in and that no person has confirmed.
    """

    before: Totals | None
    after: Totals | None
    waits: tuple[str, ...] = ()


# ---------------------------------------------------------------- nothing unconfirmed comes in


def of_calls(store: Store, call_ids: Iterable[str]) -> dict[Place, Waits]:
    """What nobody has confirmed in the closed months of some calls and of those that are one decision with them; to be asked before the
    decision (:func:`check`)."""
    group = _together(store, call_ids)
    becomes = {_target(store, one, scorecard_id) for one in group if (scorecard_id := store.pending(one)) is not None}
    closed = {place for place in becomes if place is not None and store.ledger.is_closed(place[1])}
    with store.db.reading():
        return {place: _waits(store, place) for place in _closed(store, group) | closed}


def check(store: Store, month: str, before: Mapping[Place, Waits], decided: Collection[str]) -> None:
    """In the transaction of a decision, after it.  ``before``: of :func:`of_calls`; ``decided``: the calls that it was about.

    Errors: :class:`StoreError` where it brought something into a closed month that no person has confirmed.
    """
    new: list[str] = []
    for place in sorted(before.keys() | _closed(store, decided)):
        made = _fines(store, place)
        was, now = before.get(place), _numbers(store, made)
        more = set() if was is None else {key for key, n in now.items() if n > was.breaches.get(key, 0)}
        come = [one for one in made.pending if (_key(store, one) in more if was is not None else one.call_id in decided)]
        new += [f"{mask_name(one.call_id)} {one.title}" for one in come]
        if not come and made.open and not (was is not None and was.open):
            new.append(f"{place[0]} {place[1]}")
    if new:
        named = "、".join(new[:NAMED]) + (f" 等 {len(new)} 处" if len(new) > NAMED else "")
        raise StoreError(month, f"更正会带进没有人确认过的罚款：{named}", "请先由人确认（质检复核或判定这些通话），再批准")


def _together(store: Store, call_ids: Iterable[str]) -> frozenset[str]:
    asked = tuple(call_ids)
    return frozenset((*asked, *store.withdrawals.linked(asked)))


def _closed(store: Store, call_ids: Iterable[str]) -> frozenset[Place]:
    found = {place for call_id in call_ids for place in places(store, call_id)}
    return frozenset(place for place in found if store.ledger.is_closed(place[1]))


def _waits(store: Store, place: Place) -> Waits:
    made = _fines(store, place)
    return Waits(_numbers(store, made), made.open)


def _numbers(store: Store, made: Fines) -> Counter[Breach]:
    """Of the breaches that wait, each counted with all of its call and rule that are charged."""
    waits = {(one.call_id, one.rule.id) for one in made.pending}
    charged_ = (one for rule in made.all.rules for charge in rule.charges for one in charge.found)
    return Counter(_key(store, one) for one in (*made.pending, *(one for one in charged_ if (one.call_id, one.rule.id) in waits)))


def _fines(store: Store, place: Place) -> Fines:
    agent_id, month = place
    return charged.fines(store, agent_id, month, _calls(store, place), KnownBooks(store))


def _calls(store: Store, place: Place) -> tuple[LightCall, ...]:
    return light.calls(store, *place, f"{place[1]}-99", published=False)


def _key(store: Store, one: Occurrence) -> Breach:
    (row,) = store.db.rows("select sha256 from calls where call_id = ?", one.call_id)
    return row["sha256"], one.rule.id, one.rule.fine


# ---------------------------------------------------------------- what it would cost


def outlooks(store: Store, month: str, proposed: Iterable[tuple[str, str, int]]) -> dict[str, Outlook]:
    """Of proposed scorecards (agent, call, scorecard) of a closed month, each by itself, by call.  One that would make the call another
    agent's or another month's, or is one decision with other calls, is left out: what it moves is more than one sum.

    Errors: :class:`StoreError` for text that is no month.
    """
    parse_month(month)
    books, found = KnownBooks(store), {}
    with store.db.reading():
        known: dict[str, tuple[tuple[LightCall, ...], Fines, dict[str, frozenset[str]]]] = {}
        for agent_id, call_id, scorecard_id in proposed:
            instead = _instead(store, (agent_id, month), call_id, scorecard_id)
            if instead is None:
                continue
            if agent_id not in known:
                calls = _calls(store, (agent_id, month))
                ids = [call.call_id for call in calls]
                sure = {**dict.fromkeys(ids, frozenset[str]()), **reviews.confirmed_of(store, ids)}  # once, not for each proposal anew
                known[agent_id] = calls, charged.fines(store, agent_id, month, calls, books, confirmed=sure), sure
            found[call_id] = _outlook(store, (agent_id, month), *known[agent_id], *instead, books)
    return found


def _instead(store: Store, place: Place, call_id: str, scorecard_id: int) -> tuple[LightCall, frozenset[str]] | None:
    """The call as the proposal has it, and which of its breaches a person answers for; None where it moves more than this month."""
    of, made = store.stored_call(call_id, scorecard_id), light.of_scorecard(store, call_id, scorecard_id)
    if of is None or made is None:
        return None
    started = _started(of) or made.started
    alone = len(store.withdrawals.linked([call_id])) == 1 and _target(store, call_id, scorecard_id) == place
    return (replace(made, started=started), reviews.confirmed(store, of)) if alone else None


def _started(of: StoredCall) -> str | None:
    """When the call was by the record that a scorecard was judged on."""
    record = judged_on(of.snapshot).record
    return wall_clock(record.moment) if record is not None else None


def _target(store: Store, call_id: str, scorecard_id: int) -> Place | None:
    """Whose call it would be, and of which month, if the scorecard stood; None where nobody can tell."""
    of = store.stored_call(call_id, scorecard_id)
    started = (_started(of) or of.started) if of is not None else None
    found = store.db.rows("select agent_id from scorecards where id = ?", scorecard_id)
    agent_id = found[0]["agent_id"] if found else None
    return (agent_id, started[:7]) if agent_id and started else None


def _outlook(
    store: Store,
    place: Place,
    calls: tuple[LightCall, ...],
    now: Fines,
    others_sure: Mapping[str, frozenset[str]],
    made: LightCall,
    sure: frozenset[str],
    books: KnownBooks,
) -> Outlook:
    others = [call for call in calls if call.call_id != made.call_id]
    then = sorted((*others, made), key=lambda call: (call.started, call.call_id))
    fines = charged.fines(store, *place, then, books, confirmed={**others_sure, made.call_id: sure})
    more = _numbers(store, fines) - _numbers(store, now)
    new = tuple(dict.fromkeys(one.title for one in fines.pending if more[_key(store, one)]))
    kept = store.ledger.sheets(*place)
    before = None if now.waits else kept[-1].totals if kept else now.due.totals
    return Outlook(before, None if fines.waits else fines.all.totals, new)
