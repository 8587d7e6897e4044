"""How often persons overturned a rule: with the number of cases and an interval, since a few cases say little."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from qa.intervals import Estimate, wilson
from qa.review import queue
from qa.review.rulings import of_call, standing
from qa.store import Store
from qa.types import Outcome

_RULED = (Outcome.PASS, Outcome.FAIL)


@dataclass(frozen=True)
class Overturns:
    """A rule that persons looked at.

    ``all``: of the program's PASS and FAIL that a person gave a verdict on those that were overturned.  Persons look at what is doubtful,
    so that is more than the rule's own error; ``control`` is the same of the calls drawn by chance whose review is finished, those without
    a verdict taken as confirmed.  ``wrong_fail`` and ``wrong_pass`` count what was overturned (of ``all``); ``settled``: what the program
    could not rule on and a person did.
    """

    rule_id: str
    title: str
    all: Estimate
    control: Estimate
    wrong_fail: int
    wrong_pass: int
    settled: int


@dataclass
class _Counts:
    title: str = ""
    n: int = 0
    control: Counter[bool] = field(default_factory=Counter)
    wrong: Counter[Outcome] = field(default_factory=Counter)
    settled: int = 0


def per_rule(store: Store, since: str = "", until: str = "") -> tuple[Overturns, ...]:
    """Of verdicts and reviews of a period (days of UTC, both included; "" open); the most often overturned first."""
    counts: dict[str, _Counts] = {}
    period = f"{since or '0'}", f"{until or '9'}T~"
    for row in store.db.rows(_VERDICTS, *period):
        one = counts.setdefault(row["rule_id"], _Counts())
        machine, changed = Outcome(row["machine"]), row["outcome"] != row["machine"] or row["action"] in ("add", "drop")
        if machine in _RULED:
            one.n += 1
            one.wrong[machine] += changed
        else:
            one.settled += row["outcome"] in ("pass", "fail")
    _control(store, period, counts)
    made = [_made(rule_id, one) for rule_id, one in counts.items()]
    titles = {row["check_id"]: row["title"] for row in store.db.rows("select check_id, title from judged_rules order by id")}
    named = [Overturns(**vars(one) | {"title": titles.get(one.rule_id, one.rule_id)}) for one in made]
    return tuple(sorted(named, key=lambda one: (-(one.all.low or 0.0), -one.all.n, one.rule_id)))


_VERDICTS = """select v.* from verdicts v where v.outcome is not null and v.created >= ? and v.created < ?
  and v.id = (select max(own.id) from verdicts own where own.call_id = v.call_id and own.rule_id = v.rule_id)"""


def _control(store: Store, period: tuple[str, str], counts: dict[str, _Counts]) -> None:
    found = store.db.rows(
        "select call_id, max(scorecard_id) as card from reviews where created >= ? and created < ? group by call_id", *period
    )
    for row in found:
        if not queue.control(row["call_id"]):
            continue
        of = store.stored_call(row["call_id"], row["card"])
        known = standing(of_call(store.db, row["call_id"]))
        for result in of.results if of is not None else ():
            if result.own.outcome in _RULED:
                ruled = known.get(result.check_id)
                counts.setdefault(result.check_id, _Counts()).control[ruled is not None and ruled.overturned] += 1


def _made(rule_id: str, one: _Counts) -> Overturns:
    wrong = sum(one.wrong.values())
    control = wilson(one.control[True], sum(one.control.values()))
    return Overturns(rule_id, "", wilson(wrong, one.n), control, one.wrong[Outcome.FAIL], one.wrong[Outcome.PASS], one.settled)
