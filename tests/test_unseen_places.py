"""A fine is for what the agent sees only where what is published is this very breach, and not just as many of the rule."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from stored_houses import call, house, save

from qa.appraisal import charged, light, unseen
from qa.appraisal.light import KnownBooks
from qa.appraisal.unseen import Unseen
from qa.rescore import judge
from qa.review import publications, reviews
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Call

MAY = "2025-05"
SAYS = """
坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。
客户 5-7 我想查话费。
坐席 7.5-9.5 这个我不知道。
客户 10-11 那怎么办？
坐席 11.5-13.5 反正我不知道。
"""
EARLY, LATE, BOTH = "这个我", "反正我", "不知道"
LONGER = "反正我不知道"
"""Of what is forbidden: said in the first place alone, in the second alone, in both; and more of the second."""


def forbidding(folder: Path, *says: str) -> RuleBook:
    """A version of the rule book that fines each time one of these is said."""
    forbid = ", ".join(f'{{ say = "{one}" }}' for one in says)
    rule = f"""[checks.words]
kind = "phrase"
title = "禁语"
clause = "不说。"
deduction = 10
fine = {{ amount = 50 }}
per = "occurrence"
forbid = [{forbid}]
"""
    version = "-".join(says)
    return house(folder / version, worth="deduction = 10", more=rule, version=f'"{hashlib.sha256(version.encode()).hexdigest()[:8]}"')


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def said(rings: int = 2) -> Call:
    return call("A", rings=rings, says=SAYS)


def stands(store: Store, book: RuleBook, of: Call | None = None) -> Unseen:
    """What of the money of the call's month is unseen once this stands of it, and a person has looked through it."""
    store.ledger.register(book)
    of = said() if of is None else of
    store.record(of, judge(of, book, store.earlier()), new_recording=True)
    reviews.finish(store, "A", "质检小王")
    found = light.calls(store, "8001", MAY, f"{MAY}-99", published=False)
    shown = light.calls(store, "8001", MAY, f"{MAY}-99", published=True)
    money = charged.fines(store, "8001", MAY, found, KnownBooks(store))
    assert not money.waits and money.due.total().low > 0
    return unseen.of(money.due, found, shown, store)


def published(store: Store, book: RuleBook) -> None:
    save(store, book, said())
    publications.publish(store, ["A"], "质检小王")


def test_as_many_at_another_place_are_not_the_ones_that_the_agent_sees(store: Store, tmp_path: Path) -> None:
    published(store, forbidding(tmp_path, EARLY))
    assert stands(store, forbidding(tmp_path, LATE)).calls == ("A",)
    publications.publish(store, ["A"], "质检小王")
    assert stands(store, forbidding(tmp_path, LATE)) == Unseen()


def test_the_same_place_found_by_another_version_is_seen(store: Store, tmp_path: Path) -> None:
    published(store, forbidding(tmp_path, LATE))
    assert stands(store, forbidding(tmp_path, LONGER)) == Unseen()


def test_more_may_be_published_than_stands_if_that_is_among_it(store: Store, tmp_path: Path) -> None:
    published(store, forbidding(tmp_path, BOTH))
    assert stands(store, forbidding(tmp_path, LONGER)) == Unseen()


def test_where_one_more_stands_than_is_published_none_counts_as_seen(store: Store, tmp_path: Path) -> None:
    published(store, forbidding(tmp_path, LATE))
    assert stands(store, forbidding(tmp_path, BOTH)).calls == ("A", "A")


def test_what_was_found_alike_is_seen_whatever_else_of_the_scorecard_changed(store: Store, tmp_path: Path) -> None:
    published(store, forbidding(tmp_path, LATE))
    assert stands(store, forbidding(tmp_path, LATE), said(rings=5)) == Unseen()


def test_the_seconds_of_another_recording_tell_nothing(store: Store, tmp_path: Path) -> None:
    published(store, forbidding(tmp_path, LATE))
    of = said()
    other = replace(of, audio=replace(of.audio, sha256="e" * 64))
    assert stands(store, forbidding(tmp_path, LONGER), other).calls == ("A",)


def test_without_the_places_only_what_was_found_alike_is_seen(store: Store, tmp_path: Path) -> None:
    published(store, forbidding(tmp_path, LATE))
    stands(store, forbidding(tmp_path, LONGER))
    found = light.calls(store, "8001", MAY, f"{MAY}-99", published=False)
    shown = light.calls(store, "8001", MAY, f"{MAY}-99", published=True)
    due = charged.fines(store, "8001", MAY, found, KnownBooks(store)).due
    assert unseen.of(due, found, shown).calls == ("A",)
