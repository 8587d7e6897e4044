"""Fines for what an agent does not see: the call is not published, or taken back, or what is published of it has not this very breach.

Nobody can appeal against these before they are published; so wherever their sum stands it is said how much of it they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from qa import sightings
from qa.appraisal import light
from qa.appraisal.light import LightCall
from qa.judgements import Result
from qa.rules.explain_text import totals_text
from qa.rules.money import NOTHING, Charge, Month, Payment, RuleMonth, Yuan
from qa.store import Store
from qa.types import Outcome

Totals = tuple[tuple[str, Yuan], ...]
"""Money by role."""


_Breached = tuple[LightCall, Result]
"""A call, and a rule that it broke."""


@dataclass(frozen=True)
class Unseen:
    """``calls``: the call of each such fine (a call with several stands several times); ``due``: what they come to, by role."""

    calls: tuple[str, ...] = ()
    due: Totals = ()


def of(due: Month, standing: Iterable[LightCall], shown: Iterable[LightCall], store: Store | None = None) -> Unseen:
    """Of a month's fines those that the agent does not see.  ``standing``, ``shown``: the month's calls with the scorecards that stand, and
    with those that the agent sees.  ``store``: where their findings lie; None: what was not found alike to the letter is not seen."""
    seen, stands = _breaches(shown), _breaches(standing)
    charged = {_key(charge) for rule in due.rules for charge in rule.charges} & stands.keys() & seen.keys()
    known = {key for key in charged if _same(stands[key], seen[key], store)}
    calls: list[str] = []
    totals: dict[str, Yuan] = {}
    for rule in due.rules:
        hidden = [one for one in rule.charges if not one.warning and _key(one) not in known]
        calls += [one.found[0].call_id for one in hidden]
        for payment in rule.payments if hidden else ():
            totals[payment.role] = totals.get(payment.role, NOTHING) + _part(payment, rule, hidden)
    return Unseen(tuple(calls), tuple(totals.items()))


def _key(charge: Charge) -> tuple[str, str]:
    return charge.found[0].call_id, charge.found[0].rule.id


def _breaches(calls: Iterable[LightCall]) -> dict[tuple[str, str], _Breached]:
    """By call and rule."""
    return {(call.call_id, result.check_id): (call, result) for call in calls for result in call.results if result.outcome is Outcome.FAIL}


def _same(stands: _Breached, seen: _Breached, store: Store | None) -> bool:
    """Whether every breach that stands is one that is published: the same was found, or in the same recording at the same places.

    Where one is not, nobody can say of a charge which it is for: none of the call's counts as seen.
    """
    (call, own), (published, other) = stands, seen
    if own.judgement is not None and own.judgement == other.judgement:
        return True
    if store is None or len({row["content"] for row in store.db.rows(_CONTENT, call.scorecard_id, published.scorecard_id)}) != 1:
        return False
    filled = light.judgements(store.db).filled((own, other), {own.check_id})
    breaches, among = ([finding for finding in one.findings if finding.outcome is Outcome.FAIL] for one in filled)
    return sightings.each_among(breaches, among)


_CONTENT = "select json_extract(provenance_json, '$.file_sha256') as content from scorecards where id in (?, ?)"


def _part(payment: Payment, rule: RuleMonth, hidden: Iterable[Charge]) -> Yuan:
    """What a role pays for these charges, at most what it pays for all of the rule's."""
    of_them = tuple(hidden)
    costs = sum((one.cost for one in of_them), NOTHING).within(rule.fine)
    if payment.share is not None:
        costs = costs.times(payment.share, payment.share)
    elif payment.amount is not None:
        costs = Yuan(payment.amount, payment.amount).times(Decimal(len(of_them)), Decimal(len(of_them)))
    return costs.within(payment.cost)


def told(number: int, due: Totals) -> str:
    """That so many of the fines, so much of the sum, are for what is not published (Chinese); '' where there are none."""
    return f"其中 {number} 处罚款（{totals_text(due)}）在未公布的通话里，公布以后才能申诉" if number else ""
