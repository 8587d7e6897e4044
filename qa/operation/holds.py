"""Calls of which nothing is deleted, whatever their age: somebody may still have to look at them, or to listen."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import suppress

from qa import rows
from qa.appraisal import charged, light
from qa.appraisal.charged import KeptFines
from qa.appraisal.light import KnownBooks
from qa.clock import HOUSE_ZONE, house_day
from qa.errors import NotFoundError, StoreError
from qa.operation.retention import KINDS, Retention
from qa.review import appeal_records, appeal_windows
from qa.rules.appeal_terms import AppealTerms
from qa.store import Store

_FREE_DAYS = 45
"""More days than there are free ones in a row, beside the weekends, in a time of working days (spring festival, national day)."""


def held(store: Store, retention: Retention, now: datetime.datetime) -> frozenset[str]:
    """Calls named in the settings, with an appeal under way or the time for one not over, with a proposal that waits for a decision, and
    those of open months on whose breaches money depends that no person has confirmed."""
    day = now.astimezone(HOUSE_ZONE).date()
    appealed = {one.call_id for one, _ in appeal_records.unsettled(store.db, day=day)}
    cutoffs = [cutoff for kind in KINDS if (cutoff := retention.cutoff(kind, day)) is not None]
    fined = _unconfirmed(store, max(cutoffs)) if cutoffs else ()
    return frozenset(retention.hold) | appealed | set(_proposed(store)) | set(_appealable(store, day)) | set(fined)


def _proposed(store: Store) -> Iterator[str]:
    waiting = """select distinct s.call_id from scorecards s where s.standing = 0 and s.id = (select max(own.id) from scorecards own
      where own.call_id = s.call_id) and not exists (select 1 from adjustments a where a.call_id = s.call_id and a.position >= s.id)"""
    return (row["call_id"] for row in store.db.rows(waiting))


def _appealable(store: Store, day: datetime.date) -> Iterator[str]:
    """Published calls against which the agent may still appeal, counted from the last publication: where that corrected something else,
    the time of a rule may be over a little sooner."""
    since = day - datetime.timedelta(days=2 * _longest_window(store) + _FREE_DAYS)
    sql = """select p.call_id, p.created, s.id, s.rule_book, s.rule_book_version
      from publications p join scorecards s on s.id = p.scorecard_id where p.created >= ?
      and p.id = (select max(own.id) from publications own where own.call_id = p.call_id)"""
    known: dict[tuple[str, str], AppealTerms] = {}
    for row in store.db.rows(sql, since.isoformat()):
        stamp = row["rule_book"], row["rule_book_version"]
        if stamp not in known:
            known[stamp] = appeal_windows.terms_at(store, row["id"])
        if day <= known[stamp].after(house_day(row["created"]), known[stamp].window_days):
            yield row["call_id"]


def _longest_window(store: Store) -> int:
    """Days, of all rule books that scorecards may name; one that is not to be had has the program's own terms."""
    longest = AppealTerms().window_days
    for row in store.db.rows("select hash from rule_books"):
        with suppress(StoreError, NotFoundError):
            longest = max(longest, store.ledger.load(row["hash"]).appeals.window_days)
    return longest


def _unconfirmed(store: Store, before: str) -> Iterator[str]:
    """Of agents' open months that have calls from before this day (ISO 8601) those whose confirmation money hangs on."""
    sql = """select distinct agent_id, substr(started, 1, 7) as month from calls where started < ? and agent_id <> ''
      and substr(started, 1, 7) not in (select month from closed_months)"""
    books = KnownBooks(store)
    for row in store.db.rows(sql, before):
        if _may_wait(store, row["agent_id"], row["month"]):
            with store.db.reading():
                calls = light.calls(store, row["agent_id"], row["month"], f"{row['month']}-99", published=False)
                found = charged.fines(store, row["agent_id"], row["month"], calls, books)
            yield from (one.call_id for one in found.pending)


def _may_wait(store: Store, agent_id: str, month: str) -> bool:
    """False where the month was counted, nothing changed since, and nothing waited."""
    if charged.token(store, agent_id, month) is not None:
        return True
    sql = "select fines_json from month_figures where agent_id = ? and month = ? and published = 0"
    found = store.db.rows(sql, agent_id, month)
    return not found or bool(rows.from_json(found[0]["fines_json"], KeptFines).pending)
