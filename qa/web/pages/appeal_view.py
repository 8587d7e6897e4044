"""What the pages of appeals show: what became of one step by step, what was published and what stands by now, and what may be ticked."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from qa import sightings
from qa.clock import house_day, house_minute
from qa.errors import NotFoundError
from qa.operation import remains
from qa.report_view import CheckView, FindingView, view
from qa.review import appeals, verdicts
from qa.review.appeal_states import ACTIONS, LEVELS, Lapse
from qa.review.appeals import WHOLE_CALL, Appeal
from qa.store import Store
from qa.types import Call, CheckResult, Outcome, Scorecard
from qa.web.language import translated as _
from qa.web.pages import review_view

DECISIONS = tuple(outcome.value for outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE))
"""What an accepted appeal may make of a rule."""


@dataclass(frozen=True)
class Told:
    """Something that became of an appeal, in the language of the request; ``by`` is "" where it came by itself."""

    side: str
    action: str
    text: str
    by: str
    at: str


@dataclass(frozen=True)
class Breach:
    """Something that may be ticked as no breach: ``value`` of the box; ``finding`` None stands for the whole result."""

    value: str
    finding: FindingView | None


@dataclass(frozen=True)
class Breaches:
    """Those of a rule."""

    rule_id: str
    title: str
    clause: str
    each: tuple[Breach, ...]


def trail(one: Appeal, day: datetime.date, shown: Callable[[str], str], minutes: bool = True) -> list[Told]:
    """What became of an appeal until ``day``; ``shown`` makes of a text what is shown of it; ``minutes``: with the time of day."""
    at = house_minute if minutes else lambda created: house_day(created).isoformat()
    return [
        _lapse(step)
        if isinstance(step, Lapse)
        else Told(_(step.side), _(ACTIONS[step.action]), shown(step.text), step.by, at(step.created))
        for step in one.history(day)
    ]


def _lapse(step: Lapse) -> Told:
    text = _("期限 {day} 已过，自动转{level}", day=step.due, level=_(LEVELS[step.upward]))
    return Told(_(LEVELS[step.level]), _("到期未答复"), text, "", "")


# ---------------------------------------------------------------- published, and by now


def published(store: Store, one: Appeal) -> tuple[CheckView, ...]:
    """What the appeal is against, masked: the rule's result, or all that was not passed; nothing where the call counts no more."""
    with suppress(NotFoundError):
        return _checks(one, view(*masked(store, one.call_id, one.scorecard_id)).checks)
    return ()


def by_now(store: Store, one: Appeal, before: tuple[CheckView, ...]) -> tuple[CheckView, ...]:
    """The same on the scorecard that an answer decides on, where it is another than ``before``."""
    with suppress(NotFoundError):
        now = verdicts.basis(store, one.call_id).scorecard_id
        known = {check.check_id for check in before}
        shown = view(*masked(store, one.call_id, now)).checks if now != one.scorecard_id else ()
        found = tuple(one for one in shown if one.check_id in known or one.outcome == Outcome.FAIL.value)
        found = found if one.rule_id == WHOLE_CALL else _checks(one, found)
        return found if [_figures(check) for check in found] != [_figures(check) for check in before] else ()
    return ()


def _figures(check: CheckView) -> object:
    return check.check_id, check.outcome, check.points, check.findings


def _checks(one: Appeal, shown: tuple[CheckView, ...]) -> tuple[CheckView, ...]:
    if one.rule_id == WHOLE_CALL:
        return tuple(check for check in shown if check.outcome == Outcome.FAIL.value)
    return tuple(check for check in shown if check.check_id == one.rule_id)


def masked(store: Store, call_id: str, scorecard_id: int) -> tuple[Call, Scorecard]:
    """A call with one of its scorecards, without numbers.  Errors: :class:`NotFoundError` for unknown ids."""
    there = remains.at(store, call_id, scorecard_id)
    return review_view.masked(there.call, there.card)


# ---------------------------------------------------------------- what may be ticked


def standing(store: Store, one: Appeal) -> CheckResult | None:
    """The result that an answer would decide on; None where the call counts no more, is another agent's, or has none of the rule."""
    if appeals.of_another(store, one):
        return None
    with suppress(NotFoundError):
        return verdicts.whole_result(store, verdicts.basis(store, one.call_id), one.rule_id)
    return None


def listed(store: Store, one: Appeal, result: CheckResult) -> tuple[int, ...]:
    """Places of the breaches that are listed: several, or one that the scorecard which the agent appealed against does not show there in
    these words."""
    found = failed(result)
    breaches = [result.findings[place] for place in found]
    several = len(found) > 1 or bool(sightings.new_among(breaches, appeals.appealed_against(store, one)))
    return found if result.outcome is Outcome.FAIL and several else ()


def failed(result: CheckResult) -> tuple[int, ...]:
    """Places of the findings of a result that are breaches."""
    return tuple(place for place, finding in enumerate(result.findings) if finding.outcome is Outcome.FAIL)


def places(store: Store, one: Appeal) -> tuple[Breaches, ...]:
    """What may be ticked: the breaches that stand of the rule, where they are listed; of the whole call all of them.  Nothing of
    a call that is another agent's."""
    if appeals.of_another(store, one):
        return ()
    with suppress(NotFoundError):
        now = verdicts.basis(store, one.call_id)
        call, card = masked(store, one.call_id, now.scorecard_id)
        shown = {check.check_id: check for check in view(call, card).checks}
        whole, results = one.rule_id == WHOLE_CALL, [result for result in card.results if result.outcome is Outcome.FAIL]
        return tuple(
            Breaches(result.check_id, result.title, shown[result.check_id].clause, _each(shown[result.check_id], result, whole))
            for result in results
            if whole or (result.check_id == one.rule_id and listed(store, one, result))
        )
    return ()


def _each(check: CheckView, result: CheckResult, whole: bool) -> tuple[Breach, ...]:
    each = tuple(Breach(value(result.check_id if whole else "", place), check.findings[place]) for place in failed(result))
    return each or (Breach(value(result.check_id, None), None),)


def value(rule_id: str, place: int | None) -> str:
    """Of a box: a place, of the whole call with its rule; None stands for the whole result."""
    at = "" if place is None else str(place)
    return f"{rule_id}:{at}" if rule_id else at
