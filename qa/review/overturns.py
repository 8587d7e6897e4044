"""How often persons overturned a rule: with the number of cases and an interval, since a few cases say little."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

from qa import rows
from qa.clock import HOUSE_ZONE
from qa.intervals import Estimate, wilson
from qa.judgements import shared
from qa.review import queue, tables
from qa.store import Store
from qa.types import Outcome

_RULED = (Outcome.PASS, Outcome.FAIL)
_IN_CONTROL = tables.has_reason("control")
DAYS = 90
"""Of so many days figures are shown where nobody asks for others."""
LOOKED_AT = 0.9
"""So much of the control sample must be reviewed before it has an interval."""


@dataclass(frozen=True)
class Overturns:
    """A rule that persons looked at.

    ``all``: of the program's PASS and FAIL that a person gave a verdict on, and its FAIL that a person confirmed by finishing the review of
    the call, those that were overturned.  Persons look at what is doubtful, so that is more than the rule's own error; ``control`` is the
    same of the calls drawn by chance whose review is finished, those without a verdict or a correction of words and roles taken as
    confirmed; it has an interval once nearly all of them are.  ``wrong_fail`` and ``wrong_pass`` count what was overturned (of ``all``);
    ``settled``: what the program could not rule on and a person did.
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
    for row in store.db.rows(_CONFIRMED, *period):
        counts.setdefault(row["check_id"], _Counts()).n += row["n"]
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


_OWN = "indexed by idx_verdicts_call_id where {0}.call_id = v.call_id and {0}.rule_id = v.rule_id"
"""Of the same call and rule: a call has few verdicts, a rule has many."""
_LAST = f"v.id = (select max(own.id) from verdicts own {_OWN.format('own')})"
_VERDICTS = f"""select v.*, exists (select 1 from verdicts e {_OWN.format("e")} and e.id <= v.id
    and e.action in ('add', 'drop') and not exists (select 1 from verdicts r {_OWN.format("r")}
      and r.action in ('withdraw', 'overturn') and r.id > e.id and r.id <= v.id)) as recounted
  from verdicts v where v.outcome is not null and v.created >= ? and v.created < ? and {_LAST}"""

_CONFIRMED = f"""with seen as materialized (select call_id, max(scorecard_id) as card from reviews indexed by idx_reviews_created
    where created >= ? and created < ? group by call_id)
  select j.check_id, count(*) as n from seen cross join scorecards s on s.id = seen.card cross join json_each(s.results_json) r
    cross join judged_rules j on j.id = r.value ->> '$[0]'
  where r.value ->> '$[2]' = 'fail' and r.value ->> '$[6]' is null
    and not exists (select 1 from withdrawn_calls w where w.call_id = seen.call_id)
    and not exists (select 1 from verdicts v indexed by idx_verdicts_call_id where v.call_id = seen.call_id and v.rule_id = j.check_id
      and v.outcome is not null and {_LAST})
  group by j.check_id"""
"""By rule the breaches of the newest scorecard of each call that was looked through, where no verdict says what a person made of it."""


def _control(store: Store, period: tuple[str, str], counts: dict[str, _Counts]) -> None:
    found = store.db.rows(_REVIEWED, *period)
    drawn = rows.to_json([(row["call_id"], row["card"]) for row in found if queue.control(row["call_id"])])
    ruled: dict[str, dict[str, tuple[Outcome, bool]]] = defaultdict(dict)
    for row in store.db.rows(_RULED_OF, drawn):
        overturned = row["outcome"] != row["machine"] or row["action"] in ("add", "drop")
        ruled[row["call_id"]][row["rule_id"]] = Outcome(row["outcome"]), overturned
    unpack = shared(store.db).unpack
    for row in store.db.rows(_CARDS_OF, drawn):
        cards = unpack(row["results_now"])
        now, known = {result.check_id: result.outcome for result in cards}, ruled[row["call_id"]]
        for result in cards if row["results_then"] is None else unpack(row["results_then"]):
            if result.own.outcome in _RULED and result.check_id in now:
                last, overturned = known.get(result.check_id, (now[result.check_id], False))
                wrong = overturned or last is not result.own.outcome
                counts.setdefault(result.check_id, _Counts()).control[wrong] += 1


_REVIEWED = "select call_id, max(scorecard_id) as card from reviews where created >= ? and created < ? group by call_id"
_DRAWN = "with drawn as (select value ->> '$[0]' as call_id, value ->> '$[1]' as card from json_each(?))"
"""Calls, each with a scorecard of it."""
_RULED_OF = f"""{_DRAWN} select v.call_id, v.rule_id, v.outcome, v.machine, v.action from drawn
  cross join verdicts v indexed by idx_verdicts_call_id on v.call_id = drawn.call_id where v.outcome is not null and {_LAST}"""
_CARDS_OF = f"""{_DRAWN}, marked as (select drawn.*, nullif(min(
    coalesce((select min(created) from text_marks m where m.call_id = drawn.call_id), '~'),
    coalesce((select min(created) from role_marks m where m.call_id = drawn.call_id), '~')), '~') as at from drawn)
  select d.call_id, s.results_json as results_now, t.results_json as results_then
  from marked d cross join scorecards s on s.id = d.card left join scorecards t on d.at is not null and t.id =
    (select coalesce(max(case when o.created < d.at then o.id end), min(o.id)) from scorecards o where o.call_id = d.call_id)
  where not exists (select 1 from withdrawn_calls w where w.call_id = d.call_id)"""
"""``results_then``: what the program had found before persons corrected words or roles, NULL where nobody did."""


def _looked_at(store: Store) -> bool:
    """Whether nearly all of the control sample is reviewed: persons begin with what is doubtful, so that a part tells too much of it."""
    control = f"review_worth indexed by idx_review_worth_control where state in ('open', 'done') and {_IN_CONTROL}"
    (row,) = store.db.rows(f"select count(*) as n, total(state = 'done') as done from {control}")
    return bool(row["n"]) and row["done"] >= LOOKED_AT * row["n"]


def _made(rule_id: str, one: _Counts, looked_at: bool) -> Overturns:
    wrong = sum(one.wrong.values())
    control = wilson(one.control[True], sum(one.control.values()))
    if not looked_at:
        control = replace(control, low=None, high=None)
    return Overturns(rule_id, "", wilson(wrong, one.n), control, one.wrong[Outcome.FAIL], one.wrong[Outcome.PASS], one.settled)
