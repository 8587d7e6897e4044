"""What the demonstration leaves behind: money in the month's table, with what a person confirmed and what waits."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import stored_houses
from web_house import call, call_id

from qa import rulebook
from qa.appraisal import figures
from qa.rules.book import RuleBook
from qa.store import Store
from qa.web import demonstration


def book(folder: Path) -> RuleBook:
    folder.mkdir(exist_ok=True)
    (folder / "rules.toml").write_text(demonstration.RULES, "utf-8")
    return rulebook.load_scoring(folder)


def test_the_demonstration_s_rules_are_the_program_s_with_a_fine(tmp_path: Path) -> None:
    made, plain = book(tmp_path / "rules"), rulebook.load("default")
    assert [rule.id for rule in made.rules] == [rule.id for rule in plain.rules]
    assert [rule.id for rule in made.rules if rule.fine is not None] == ["banned_phrases"] and "虚构" in made.title
    assert [rule.params for rule in made.rules] == [rule.params for rule in plain.rules]


def test_one_fine_is_confirmed_and_another_waits(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    with Store(tmp_path / "qa.db") as store:
        rules = book(tmp_path / "rules")
        for index, kind in enumerate(("banned", "good", "no_greeting", "banned", "good", "good")):
            start = f"2025-06-{10 + index:02d}T09:00:00.000"
            stored_houses.save(store, rules, call(folder, call_id("8001", index), "8001", kind, start, seed=index))
        demonstration._live(store)
        (month,) = figures.of_month(store, "2025-06")
    assert [(role, yuan.low, yuan.high) for role, yuan in month.due] == [("agent", Decimal(50), Decimal(50))]
    assert month.fines.pending == 1
