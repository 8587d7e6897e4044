"""Rules and totals in short, for the tests of points."""

from __future__ import annotations

from typing import Any

from books import book, points, result, rule, section

from qa.rules.book import Rule
from qa.rules.points import Tally, tally
from qa.types import Outcome

Row = tuple[Rule, Outcome] | tuple[Rule, Outcome, int]


def total(*rows: Row, mode: str = "percent", earlier: dict[str, int] | None = None, **scoring: Any) -> Tally:
    of = book(*(row[0] for row in rows), mode=mode, **scoring)
    return tally([result(row[0], *row[1:]) for row in rows], of, earlier)


def weighed(rule_id: str, weight: Any, **changes: Any) -> Rule:
    return rule(rule_id, points(weight=weight), **changes)


def deducting(rule_id: str, deduction: Any, section: str | None = None, **worth: Any) -> Rule:
    return rule(rule_id, points(deduction=deduction, **worth), section=section)


SECTIONS = (section("service", 60), section("voice", 40))
