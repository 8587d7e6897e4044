"""What a decision on one call moves in others: first warnings of the agent's month, counted again in order of time."""

from __future__ import annotations

from collections.abc import Iterable

from qa.explain import days_of, parse_month
from qa.ledger_calls import listed
from qa.ledger_cards import Saved
from qa.ledger_closing import places
from qa.rescore import Recounted, recount
from qa.review import publications
from qa.store import Store


def at_hand(store: Store, call_id: str) -> None:
    """Have the rule books at hand by which a decision on a call is counted, so that none is read while others wait to write."""
    of = store.stored_call(call_id, store.pending(call_id))
    stamps = {(of.rule_book, of.rule_book_version)} if of is not None else set()
    for agent_id, month in places(store, call_id):
        stamps |= {one.stamp for one in listed(store.db, [agent_id], *days_of(*parse_month(month)))}
    for stamp in sorted(stamps):
        store.ledger.known(*stamp)


def recounted(store: Store, call_id: str, by: str) -> tuple[str, ...]:
    """The other calls whose points moved; what that moves of published calls is published."""
    found = counted_again(store, places(store, call_id), by, f"先警告的次数重算（{call_id} 复核后）")
    return tuple(one.call_id for one in found.moved if one.call_id != call_id)


def counted_again(store: Store, of: Iterable[tuple[str, str]], by: str, why: str) -> Recounted:
    """The calls of agents' months (agent, ``2025-06``) counted again; what that moves of published calls is published."""
    found = recount(store, of)
    if found.moved:
        with store.db.writing():
            for one in found.moved:
                publications.follow(store.db, one.call_id, one.former, Saved(one.scorecard_id, one.proposed, True), by, why)
    return found
