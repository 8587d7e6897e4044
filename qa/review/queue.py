"""Which calls are worth a look, the worthiest first; kept up to date scorecard by scorecard, so that a page costs the same in any store.

``worth`` is a sum of the weights below, so that anybody can do it again; a control sample drawn by chance shows what the rest looks like.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from qa import rows
from qa.checks import limits_of
from qa.database import Database
from qa.judgements import Result
from qa.ledger_calls import StoredCall
from qa.people.accounts import UserRole
from qa.review import appeal_records, assignments, reviews, tables
from qa.review.chance import share
from qa.rules.book import Rule, RuleBook
from qa.rules.model import Severity
from qa.store import Store
from qa.types import Finding, Outcome

WORTH = {
    "appealed": (1000, "有申诉"),
    "critical": (300, "严重项不通过或无法判定"),
    "money": (150, "涉及罚款，待确认"),
    "inconclusive": (100, "无法判定"),
    "sampled": (80, "抽检计划"),
    "unscored": (60, "没有总分"),
    "near": (50, "接近限值"),
    "control": (30, "随机对照样本"),
}
"""Why a call is worth a look: weight and name."""
_APPEALED = WORTH["appealed"][0]
"""All other weights together are less, so that this tells who has an appeal under way."""
EACH_MORE = 20
"""Of every further rule that could not be ruled on, up to ``MOST_MORE``."""
MOST_MORE = 5
NEAR = 0.05
"""Within this share of a limit is near it."""
CONTROL = 0.02
CONTROL_SEED = "对照"
PAGE = 500
ROWS = 50
"""Calls that are read at once to find the next one."""
FEW = 5000
"""Calls of a period that a page may sort."""
_OPEN = (Outcome.INCONCLUSIVE, Outcome.ERROR)


@dataclass(frozen=True)
class Row:
    """A call in the queue; ``reasons`` are keys of ``WORTH``; ``started`` wall clock of UTC+8, "" unknown; ``assignee``: what whoever has
    it is called, "" nobody."""

    call_id: str
    scorecard_id: int
    state: str
    worth: int
    reasons: tuple[str, ...]
    agent_id: str
    team: str
    started: str
    assignee: str


@dataclass(frozen=True)
class Filter:
    """What of the queue is asked for; "" asks for nothing.  ``state``: ``open``, ``done`` or ``rest`` (nothing speaks for a look).
    ``assignee``: the number of an account.  ``since`` and ``until`` are days, both included."""

    state: str = "open"
    team: str = ""
    agent_id: str = ""
    assignee: str = ""
    reason: str = ""
    since: str = ""
    until: str = ""


# ---------------------------------------------------------------- asking


def page(db: Database, wanted: Filter, offset: int = 0, limit: int = 50, within: tuple[str, list[Any]] = ("", [])) -> tuple[Row, ...]:
    """A page of the queue, the worthiest first, of equals the newest; calls whose start is not known come last of theirs.

    ``within``: a further condition, with its values.
    """
    where, params = _where(db, wanted)
    where, params = where + (f" and {within[0]}" if within[0] else ""), [*params, *within[1]]
    order = "worth desc, started desc, call_id"
    found = db.rows(f"select *, {_ASSIGNEE} from review_worth {where} order by {order} limit ? offset ?", *params, limit, offset)
    return tuple(map(_row, found))


_ASSIGNEE = """coalesce((select coalesce(nullif(u.name, ''), u.login) from users u where u.id = review_worth.assignee_id),
  review_worth.assignee) as called"""


def count(db: Database, wanted: Filter, most: int = 10_000) -> int:
    """How many there are, counted up to ``most``."""
    where, params = _where(db, wanted)
    (row,) = db.rows(f"select count(*) as n from (select 1 from review_worth {where} limit ?)", *params, most)
    return int(row["n"])


def teams(db: Database) -> tuple[str, ...]:
    """Teams with calls in the queue, each found by one step in the index."""
    sql = """with recursive t(team) as (select min(team) from review_worth where state = 'open'
      union all select (select min(team) from review_worth where state = 'open' and team > t.team) from t where t.team is not null)
      select team from t where team <> ''"""
    return tuple(row["team"] for row in db.rows(sql))


def worth(db: Database, wanted: Filter, call_id: str) -> int | None:
    """What a call is worth now; None where it is not in this part of the queue (its ``state``)."""
    found = db.rows("select worth from review_worth where call_id = ? and state = ?", call_id, wanted.state)
    return int(found[0]["worth"]) if found else None


def following(db: Database, wanted: Filter, call_id: str, worth: int | None = None, me: int = 0, passed: Container[str] = ()) -> str | None:
    """The call to look at after this one, which was worth so much when the look at it began: the next one in the order of the queue, and
    after the last one the first that nobody has looked at; None where there is none.  ``worth`` None: from the top.

    A call with an appeal stays open until that is answered: whoever has looked at it since does not come to it again.  ``me``: the account
    that asks, and does not come to calls that another one has, unless these are asked for; nor does it to those ``passed`` over.
    """
    found = db.rows("select started from review_worth where call_id = ?", call_id)
    ranges: list[_Range] = [("", [])]
    if found and worth is not None:
        ranges = _after(worth, found[0]["started"], call_id)
        if wanted.state != "done":
            ranges += _before(worth, found[0]["started"], call_id)
    if me and not wanted.assignee:
        ranges = [(" and ".join(filter(None, (sql, _NOT_OTHERS))), [*values, me, UserRole.QA.value]) for sql, values in ranges]
    candidates = (row for one in ranges for row in _in_order(db, wanted, one))
    free = (row for row in candidates if row.call_id != call_id and row.call_id not in passed)
    return next((row.call_id for row in free if not _looked_at(db, row)), None)


_NOT_OTHERS = "(assignee_id in (0, ?) or assignee_id not in (select id from users where role = ? and not disabled))"
"""What another one has who still reviews is that one's."""


_Range = tuple[str, list[Any]]
"""A condition, and what stands for its question marks."""


def _after(worth: int, started: str, call_id: str) -> list[_Range]:
    """What comes after a place in the queue, in order: each a stretch of an index."""
    return [
        ("worth = ? and started = ? and call_id > ?", [worth, started, call_id]),
        ("worth = ? and started < ?", [worth, started]),
        ("worth < ?", [worth]),
    ]


def _before(worth: int, started: str, call_id: str) -> list[_Range]:
    return [
        ("worth > ?", [worth]),
        ("worth = ? and started > ?", [worth, started]),
        ("worth = ? and started = ? and call_id < ?", [worth, started, call_id]),
    ]


def _in_order(db: Database, wanted: Filter, within: _Range) -> Iterator[Row]:
    """The queue, or a stretch of it, read as far as it is asked for."""
    for offset in itertools.count(0, ROWS):
        found = page(db, wanted, offset, ROWS, within)
        yield from found
        if len(found) < ROWS:
            return


def _looked_at(db: Database, row: Row) -> bool:
    """Whether a call that is open for its appeals alone was looked through since these came to QA as they stand."""
    if "appealed" not in row.reasons:
        return False
    last = reviews.of_call(db, row.call_id)[-1:]
    if not last or last[0].scorecard_id != row.scorecard_id:
        return False
    return not reviews.appealed_since(db, row.call_id, last[0].created)


def _where(db: Database, wanted: Filter) -> tuple[str, list[Any]]:
    """The condition, with the index to read by: that of the one agent, reviewer or team, of the reason, of a short period, else of all."""
    low, high = rows.period(wanted.since or None, wanted.until or None)
    named = ("agent_id", wanted.agent_id), ("assignee_id", _account(wanted.assignee)), ("team", wanted.team)
    own = [(name, value) for name, value in named if value]
    asked: list[tuple[str, list[Any]]] = [("state = ?", [wanted.state]), *((f"{name} = ?", [value]) for name, value in own)]
    period: list[tuple[str, list[Any]]] = [("started >= ?", [low])] if low else []
    period += [("started < ?", [high])] if high else []
    if wanted.reason in WORTH:
        asked.append((tables.has_reason(wanted.reason), []))
    index = f"state_{own[0][0]}" if own else wanted.reason if wanted.reason in WORTH else "state"
    if period and _few(db, [asked[0], *period]):
        index = "state_started"
    told = [*asked, *period]
    return f"indexed by idx_review_worth_{index} where {' and '.join(sql for sql, _ in told)}", [one for _, found in told for one in found]


def _account(text: str) -> int:
    """The number of an account; 0 where none is asked for, and one that nobody has where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 and int(text) else -1 if text else 0


def _few(db: Database, asked: list[tuple[str, list[Any]]]) -> bool:
    """Whether the calls of a period are so few that they are sorted sooner than they are found among all the others."""
    sql = f"select 1 from review_worth indexed by idx_review_worth_state_started where {' and '.join(sql for sql, _ in asked)}"
    found = db.rows(f"select count(*) as n from ({sql} limit {FEW})", *(one for _, values in asked for one in values))
    return int(found[0]["n"]) < FEW


def _row(r: dict[str, Any]) -> Row:
    plain = ("call_id", "scorecard_id", "state", "worth", "agent_id", "team", "started")
    return Row(**{name: r[name] for name in plain}, assignee=r["called"], reasons=rows.from_json(r["reasons_json"], tuple[str, ...]))


# ---------------------------------------------------------------- keeping it up to date


def refresh(store: Store, most: int | None = None) -> int:
    """Take in the scorecards that came since the last time, at most ``most`` calls; how many calls were looked at.

    Calls whose appeals began or ended, and those that were withdrawn or count again, are looked at again, too.
    """
    done = 0
    while most is None or done < most:
        calls, last = _new(store.db, PAGE if most is None else min(PAGE, most - done))
        if not calls:
            break
        _update(store, calls, last)
        done += len(calls)
    appealed = {one.call_id for one, now in appeal_records.unsettled(store.db) if reviews.asks(now)}
    marked = {row["call_id"] for row in store.db.rows(f"select call_id from review_worth where state = 'open' and worth >= {_APPEALED}")}
    _update(store, sorted((appealed ^ marked) | _come_and_gone(store.db)), None)
    return done


def _come_and_gone(db: Database) -> set[str]:
    """Calls of the queue that were withdrawn, and calls that were and count again."""
    gone = db.rows("select w.call_id from withdrawn_calls w join review_worth using (call_id)")
    back = db.rows("""select distinct w.call_id from withdrawals w join scorecards s using (call_id)
      where not exists (select 1 from withdrawn_calls own where own.call_id = w.call_id)
      and not exists (select 1 from review_worth r where r.call_id = w.call_id)
      and s.id <= (select coalesce(max(scorecard_id), 0) from review_read)""")
    return {row["call_id"] for row in (*gone, *back)}


def update(store: Store, *calls: str) -> None:
    """Look at calls again in one transaction, after something was decided on them."""
    _update(store, [*calls], None)


def _new(db: Database, limit: int) -> tuple[list[str], int]:
    found = db.rows(
        "select id, call_id from scorecards where id > coalesce((select max(scorecard_id) from review_read), 0) order by id limit ?", limit
    )
    return list(dict.fromkeys(row["call_id"] for row in found)), max((row["id"] for row in found), default=0)


def _update(store: Store, calls: list[str], last: int | None) -> None:
    if not calls and last is None:
        return
    with store.db.writing():
        for call_id in calls:
            of = store.stored_call(call_id, store.pending(call_id))
            if of is None:
                store.db.sqlite.execute("delete from review_worth where call_id = ?", (call_id,))
            else:
                store.db.insert("review_worth", _worth(store, of), "or replace")
        if last is not None:
            store.db.insert("review_read", {"id": 1, "scorecard_id": last}, "or replace")


def _worth(store: Store, of: StoredCall) -> dict[str, Any]:
    found = dict.fromkeys(_reasons(store, of))
    more = sum(map(_unsure, of.results)) - 1
    worth = sum(WORTH[reason][0] for reason in found) + EACH_MORE * max(0, min(MOST_MORE, more))
    done = "appealed" not in found and reviews.reviewed(store, of)
    assigned = assignments.of_call(store.db, of.call_id)
    (call,) = store.db.rows("select coalesce(team, '') as team from calls where call_id = ?", of.call_id)
    return {
        "call_id": of.call_id,
        "scorecard_id": of.scorecard_id,
        "state": "done" if done else "open" if found else "rest",
        "worth": worth,
        "reasons_json": rows.to_json(tuple(found)),
        "agent_id": of.agent_id or "",
        "team": call["team"],
        "started": of.started or "",
        "assignee": assigned.assignee if assigned is not None else "",
        "assignee_id": (assigned.assignee_id or 0) if assigned is not None else 0,
        "control": int("control" in found),
        "sampled": int("sampled" in found),
    }


def _reasons(store: Store, of: StoredCall) -> Iterator[str]:
    if any(reviews.asks(one.state()) for one in appeal_records.against(store.db, of.call_id)):
        yield "appealed"
    book = store.ledger.known(of.rule_book, of.rule_book_version)
    rules = {rule.id: rule for rule in book.rules} if book is not None else {}
    open_ = [r for r in of.results if not r.settled]
    if any(_critical(r, rules.get(r.check_id)) for r in open_ if r.outcome in (Outcome.FAIL, *_OPEN)):
        yield "critical"
    settled = reviews.confirmed(store, of) if book is not None and _fined(of, rules) else frozenset()
    if any(rule_id not in settled for rule_id in _fined(of, rules)):
        yield "money"
    if any(map(_unsure, of.results)):
        yield "inconclusive"
    if store.db.rows("select 1 from sampled_calls where call_id = ? limit 1", of.call_id):
        yield "sampled"
    if of.percent is None and (book is None or book.scoring.mode != "none"):
        yield "unscored"
    if any(_near(store, r, rules.get(r.check_id), book) for r in open_):
        yield "near"
    if control(of.call_id):
        yield "control"


def control(call_id: str) -> bool:
    """Whether a call is of the control sample."""
    return share(CONTROL_SEED, call_id) < CONTROL


def _unsure(result: Result) -> bool:
    """Whether nobody knows the result, or all of it: a person's verdict may be older than what the program found."""
    return not result.settled and (result.outcome in _OPEN or result.outgrown)


def _critical(result: Result, rule: Rule | None) -> bool:
    veto = rule is not None and rule.points is not None and rule.points.veto is not None
    return veto or result.rule.severity == Severity.CRITICAL.value


def _fined(of: StoredCall, rules: dict[str, Rule]) -> list[str]:
    failed = [r.check_id for r in of.results if r.outcome is Outcome.FAIL]
    return [rule_id for rule_id in failed if (rule := rules.get(rule_id)) is not None and rule.fine is not None]


def _near(store: Store, result: Result, rule: Rule | None, book: RuleBook | None) -> bool:
    """Whether a measure that was ruled on lies near its limit: a slightly other measurement would have ruled otherwise."""
    if rule is None or book is None or result.outcome not in (Outcome.PASS, Outcome.FAIL):
        return False
    limits = list(_limits(rule))
    if not limits or result.judgement is None:
        return False
    found = store.db.rows("select findings_json from judgements where id = ?", result.judgement)
    findings = rows.from_json(found[0]["findings_json"], tuple[Finding, ...]) if found else ()
    values = [(finding.value(name), limit) for finding in findings for name, limit in limits]
    return any(isinstance(value, int | float) and abs(value - limit) <= NEAR * abs(limit) for value, limit in values)


def _limits(rule: Rule) -> Iterator[tuple[str, float]]:
    """Names of measures with their limits."""
    if rule.kind == "measure":
        named = [(rule.params.measure, rule.params.low), (rule.params.measure, rule.params.high)]
    else:
        asked = [(one.measure, side) for one in limits_of(rule.module) for side in (one.low, one.high) if side]
        named = [(measure, getattr(rule.params, side, None)) for measure, side in asked]
    yield from ((name, float(limit)) for name, limit in named if limit is not None)
