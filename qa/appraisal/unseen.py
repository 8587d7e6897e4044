"""Fines for what an agent does not see: the call is not published, or taken back, or what is published of it has no such breach.

Nobody can appeal against these before they are published; so wherever their sum stands it is said how much of it they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from qa.appraisal.light import LightCall
from qa.rules.explain_text import totals_text
from qa.rules.money import NOTHING, Charge, Month, Payment, RuleMonth, Yuan
from qa.types import Outcome

Totals = tuple[tuple[str, Yuan], ...]
"""Money by role."""


@dataclass(frozen=True)
class Unseen:
    """``calls``: the call of each such fine (a call with several stands several times); ``due``: what they come to, by role."""

    calls: tuple[str, ...] = ()
    due: Totals = ()


def of(due: Month, standing: Iterable[LightCall], shown: Iterable[LightCall]) -> Unseen:
    """Of a month's fines those that the agent does not see.  ``standing``, ``shown``: the month's calls with the scorecards that stand, and
    with those that the agent sees."""
    seen, stands = _breaches(shown), _breaches(standing)
    calls: list[str] = []
    totals: dict[str, Yuan] = {}
    for rule in due.rules:
        hidden = [one for one in rule.charges if not one.warning and _hidden(one, seen, stands)]
        calls += [one.found[0].call_id for one in hidden]
        for payment in rule.payments if hidden else ():
            totals[payment.role] = totals.get(payment.role, NOTHING) + _part(payment, rule, hidden)
    return Unseen(tuple(calls), tuple(totals.items()))


def _breaches(calls: Iterable[LightCall]) -> dict[tuple[str, str], int]:
    """How often a rule was broken in a call."""
    return {
        (call.call_id, result.check_id): result.occurrences for call in calls for result in call.results if result.outcome is Outcome.FAIL
    }


def _hidden(charge: Charge, seen: dict[tuple[str, str], int], stands: dict[tuple[str, str], int]) -> bool:
    """Where fewer breaches are published than stand nobody can say which: none of the call's counts as seen."""
    key = charge.found[0].call_id, charge.found[0].rule.id
    return seen.get(key, 0) < max(1, stands.get(key, 0))


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
