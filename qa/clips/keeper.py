"""Keeps the search index up to date in the background, beside the web app and whatever else writes to the database."""

from __future__ import annotations

from qa.clips import index
from qa.store import Store


def keep(store: Store) -> bool:
    """Index a batch of what waits, or begin anew an index that was made under older rules of what is hidden; whether more may wait."""
    if index.outdated(store):
        index.rebuild(store)
    return index.refresh(store, index.BATCH) == index.BATCH
