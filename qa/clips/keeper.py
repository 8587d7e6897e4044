"""Keeps the search index up to date in the background, beside the web app and whatever else writes to the database."""

from __future__ import annotations

from qa.clips import index
from qa.store import Store


def keep(store: Store) -> bool:
    """Index a batch of what waits and make anew a batch of what was made under other rules of what is hidden; whether more may wait.

    Where there is both, each gets half of the time: what changes is found soon, and what is to be made anew comes to an end.
    """
    size = index.BATCH // 2 if index.floor(store) else index.BATCH
    done = index.refresh(store, size), index.renew(store, size)
    return size in done
