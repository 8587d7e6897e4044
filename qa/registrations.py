"""The rule book that a command scores with becomes the newest version of its house: a change of the rules, and logged as such."""

from __future__ import annotations

from qa.people import audit
from qa.people.os_users import os_user
from qa.rules.book import RuleBook
from qa.store import Store


def register(store: Store, book: RuleBook) -> None:
    """As :meth:`qa.ledger.Ledger.register`; where it is a new version, with a row of the audit log in the same transaction, by the
    operating system's user.

    Errors: as of :func:`qa.people.audit.record`; then nothing is registered.
    """
    with store.db.writing():
        if store.ledger.register(book):
            audit.record(store.db, os_user(), "rules.register", "rules", book.id, {"version": book.stamp})
