"""What a decision on one call moves in others: first warnings of the agent's month, counted again in order of time."""

from __future__ import annotations

from qa.ledger_cards import Saved
from qa.ledger_closing import places
from qa.rescore import recount
from qa.review import publications
from qa.store import Store


def recounted(store: Store, call_id: str, by: str) -> tuple[str, ...]:
    """The other calls whose points moved; what that moves of published calls is published."""
    moved = recount(store, places(store, call_id)).moved
    if moved:
        with store.db.writing():
            for one in moved:
                saved = Saved(one.scorecard_id, one.proposed, True)
                publications.follow(store.db, one.call_id, saved, by, f"先警告的次数重算（{call_id} 复核后）")
    return tuple(one.call_id for one in moved if one.call_id != call_id)
