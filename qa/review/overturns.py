"""How often persons overturned a rule: with the number of cases and an interval, since a few cases say little."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass, field, replace

from qa.clock import HOUSE_ZONE
from qa.intervals import Estimate, wilson
from qa.review import queue, tables
from qa.review.rulings import of_call, standing
from qa.store import Store
from qa.types import Outcome

_RULED = (Outcome.PASS, Outcome.FAIL)
_IN_CONTROL = tables.has_reason("control")
LOOKED_AT = 0.9
"""So much of the control sample must be reviewed before it has an interval."""


@dataclass(frozen=True)
class Overturns:
    """A rule that persons looked at.

    ``all``: of the program's PASS and FAIL that a person gave a verdict on those that were overturned.  Persons look at what is doubtful,
    so that is more than the rule's own error; ``control`` is the same of the calls drawn by chance whose review is finished, those without
    a verdict or a correction of words and roles taken as confirmed; it has an interval once nearly all of them are.  ``wrong_fail`` and
    ``wrong_pass`` count what was overturned (of ``all``); ``settled``: what the program could not rule on and a person did.
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
    """Of verdicts and reviews of a period (days of the house, both included; "" open); the most often overturned first."""
    counts: dict[str, _Counts] = {}
    period = _midnight(since, 0) or "0", _midnight(until, 1) or "9"
    for row in store.db.rows(_VERDICTS, *period):
        one = counts.setdefault(row["rule_id"], _Counts())
        machine, changed = Outcome(row["machine"]), row["outcome"] != row["machine"] or bool(row["recounted"])
        if machine in _RULED:
            one.n += 1
            one.wrong[machine] += changed
        else:
            one.settled += row["outcome"] in ("pass", "fail")
    _control(store, period, counts)
    looked_at = _looked_at(store)
    made = [_made(rule_id, one, looked_at) for rule_id, one in counts.items()]
    titles = {row["check_id"]: row["title"] for row in store.db.rows("select check_id, title from judged_rules order by id")}
    named = [Overturns(**vars(one) | {"title": titles.get(one.rule_id, one.rule_id)}) for one in made]
    return tuple(sorted(named, key=lambda one: (-(one.all.low or 0.0), -one.all.n, one.rule_id)))


def _midnight(day: str, later: int) -> str:
    """When a day of the house begins, or so many days later, as moments are kept (ISO 8601 UTC); "" where none is given."""
    if not day:
        return ""
    begins = datetime.datetime.combine(datetime.date.fromisoformat(day) + datetime.timedelta(days=later), datetime.time(), HOUSE_ZONE)
    return begins.astimezone(datetime.UTC).isoformat(timespec="milliseconds")


_VERDICTS = """select v.*, exists (select 1 from verdicts e where e.call_id = v.call_id and e.rule_id = v.rule_id and e.id <= v.id
    and e.action in ('add', 'drop') and not exists (select 1 from verdicts r where r.call_id = v.call_id and r.rule_id = v.rule_id
      and r.action in ('withdraw', 'overturn') and r.id > e.id and r.id <= v.id)) as recounted
  from verdicts v where v.outcome is not null and v.created >= ? and v.created < ?
  and v.id = (select max(own.id) from verdicts own where own.call_id = v.call_id and own.rule_id = v.rule_id)"""


def _control(store: Store, period: tuple[str, str], counts: dict[str, _Counts]) -> None:
    found = store.db.rows(
        "select call_id, max(scorecard_id) as card from reviews where created >= ? and created < ? group by call_id", *period
    )
    for row in found:
        if not queue.control(row["call_id"]):
            continue
        of, then = (store.stored_call(row["call_id"], one) for one in (row["card"], _before_marks(store, row["call_id"], row["card"])))
        known = standing(of_call(store.db, row["call_id"]))
        now = {result.check_id: result.outcome for result in of.results} if of is not None else {}
        for result in then.results if then is not None else ():
            if result.own.outcome in _RULED and result.check_id in now:
                ruled = known.get(result.check_id)
                last = now[result.check_id] if ruled is None else ruled.outcome
                wrong = last is not result.own.outcome or (ruled is not None and ruled.overturned)
                counts.setdefault(result.check_id, _Counts()).control[wrong] += 1


def _before_marks(store: Store, call_id: str, card: int) -> int:
    """The scorecard that says what the program had found before persons corrected words or roles: ``card`` where nobody did."""
    marks = "select created from text_marks where call_id = ?1 union all select created from role_marks where call_id = ?1"
    (row,) = store.db.rows(f"select min(created) as first from ({marks})", call_id)
    if row["first"] is None:
        return card
    sql = "select coalesce(max(case when created < ?2 then id end), min(id)) as id from scorecards where call_id = ?1"
    return int(store.db.rows(sql, call_id, row["first"])[0]["id"])


def _looked_at(store: Store) -> bool:
    """Whether nearly all of the control sample is reviewed: persons begin with what is doubtful, so that a part tells too much of it."""
    sql = f"select count(*) as n, total(state = 'done') as done from review_worth where state in ('open', 'done') and {_IN_CONTROL}"
    (row,) = store.db.rows(sql)
    return bool(row["n"]) and row["done"] >= LOOKED_AT * row["n"]


def _made(rule_id: str, one: _Counts, looked_at: bool) -> Overturns:
    wrong = sum(one.wrong.values())
    control = wilson(one.control[True], sum(one.control.values()))
    if not looked_at:
        control = replace(control, low=None, high=None)
    return Overturns(rule_id, "", wilson(wrong, one.n), control, one.wrong[Outcome.FAIL], one.wrong[Outcome.PASS], one.settled)
