"""A rule book that a command scores with and that changed is a new version: a row of the audit log, with it or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Run
from stored_houses import call, house, save

from qa.errors import StoreError
from qa.people import audit
from qa.people.os_users import os_user
from qa.pipeline import Scorer
from qa.rescore import rescore
from qa.store import Store


def rows(store: Store) -> list[tuple[str, str, str, str, dict[str, str]]]:
    assert not audit.verify(store.db).problems
    found = reversed(audit.entries(store.db))
    return [(one.by, one.action, one.object_kind, one.object_id, dict(one.details)) for one in found]


def test_scoring_with_another_content_is_logged_once(tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        first = house(tmp_path / "house")
        Scorer(store, first, asr_choice="demo")
        Scorer(store, first, asr_choice="demo")
        second = house(tmp_path / "house", rings=5)
        Scorer(store, second, asr_choice="demo")
        assert rows(store) == [(os_user(), "rules.register", "rules", "house", {"version": book.stamp}) for book in (first, second)]
        Scorer(store, house(tmp_path / "house", rings=6), asr_choice="demo", by_day=False)  # a trial comes into force on no day
        assert len(rows(store)) == 2


def test_rescoring_with_another_content_is_logged(tmp_path: Path, qa: Run) -> None:
    with Store(tmp_path / "qa.db") as store:
        save(store, house(tmp_path / "house"), call("A"))
        rescore(store, None)
        assert rows(store) == []  # by what is registered
        changed = house(tmp_path / "house", rings=5)
        assert qa("rescore", "--profile", "house").code == 0
        assert rows(store)[0][1:] == ("rules.register", "rules", "house", {"version": changed.stamp})
        assert [row[1] for row in rows(store)] == ["rules.register", "calls.rescore"]


def test_what_cannot_be_logged_is_not_registered(tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        audit.record(store.db, "me", "x", "x", "x")
        audit.key_path(store.db).unlink()
        with pytest.raises(StoreError, match="密钥"):
            Scorer(store, house(tmp_path / "house"), asr_choice="demo")
        assert store.ledger.versions("house") == () and store.db.rows("select * from rule_books") == []
