"""The program's own checks and rule books, and that the page for their writers is true."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qa import checks, rulebook
from qa.params import RESERVED
from qa.paths import lexicons_dir
from qa.rulebook import load
from qa.rules import calendar
from qa.rules.book import RuleBook
from qa.rules.events import EVENTS
from qa.rules.measures import MEASURES
from qa.rules.read_rule import GENERIC


def test_every_file_of_the_checks_folder_is_in_the_registry() -> None:
    folder = Path(checks.__file__).parent
    assert set(checks.registry()) == {file.stem for file in folder.glob("*.py") if not file.name.startswith("_")}
    assert {"greeting", "closing", "speech_rate", "banned_phrases", "volume", "pickup"} <= set(checks.registry())


HEAD = '[profile]\nid = "h"\ntitle = "t"\nversion = "1"\n'
SAID = {
    "phrase": 'title = "t"\nrequire = ["您好"]\n',
    "script": 'title = "t"\n[[checks.script.steps]]\nid = "a"\ntitle = "a"\nsay = ["您好"]\n',
    "measure": 'title = "t"\nmeasure = "rate_cpm"\nlow = 140\n',
}
"""What a rule of a kind that has no defaults must say at least."""


def _without_slots(params: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(params).items() if name != "slots"}


@pytest.mark.parametrize("check_id", sorted(checks.registry()))
def test_every_check_can_be_set_from_a_rule_book(check_id: str, tmp_path: Path) -> None:
    module = checks.registry()[check_id]
    names = {f.name for f in dataclasses.fields(module.Params)}
    assert not names & set(RESERVED)
    text = f'{HEAD}[slots]\ncompany = ["华宁通信"]\n[checks.{check_id}]\nclause = "c"\n'
    (tmp_path / "rules.toml").write_text(text + SAID.get(check_id, ""), encoding="utf-8")
    (rule,) = load(tmp_path).rules
    assert isinstance(rule.params, module.Params)
    assert check_id in GENERIC or _without_slots(rule.params) == _without_slots(module.Params())


@pytest.mark.parametrize("name", rulebook.profiles())
def test_every_bundled_rule_book_is_valid(name: str) -> None:
    book = load(name)
    assert book.id == name
    assert load(lexicons_dir() / name) == book


def test_the_default_house() -> None:
    book = load("default")
    weights = {r.id: r.points.weight for r in book.rules if r.points is not None}
    assert weights == {
        "greeting": 20, "closing": 15, "speech_rate": 15, "banned_phrases": 25, "volume": 10, "pickup": 15,
    }  # fmt: skip
    assert sum(weight for weight in weights.values() if weight is not None) == 100
    assert book.names == ("华宁通信",)
    assert book.scoring.min_coverage == Decimal("0.6")


def test_the_default_house_runs_with_the_parameters_that_the_checks_examples_are_tested_with() -> None:
    for rule in load("default").rules:
        assert _without_slots(rule.params) == _without_slots(rule.module.Params()), rule.id


PAGE = Path(__file__).parents[1] / "docs" / "rule-book.md"


@pytest.mark.parametrize("check_id", sorted(set(checks.registry()) - set(GENERIC)))
def test_every_parameter_is_explained_with_its_default_to_the_writer_of_a_rule_book(check_id: str) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"### `{check_id}`")[2].partition("\n### ")[0]
    explained = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    params = _without_slots(checks.registry()[check_id].Params())
    assert set(explained) == set(params)
    numbers = {name: value for name, value in params.items() if isinstance(value, int | float)}
    assert {name: float(explained[name].replace("−", "-")) for name in numbers} == numbers


TEXT = PAGE.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def _load(folder: Path, text: str) -> RuleBook:
    (folder / "rules.toml").write_text(text, encoding="utf-8")
    for name in ("banned", "promises"):
        (folder / f"{name}.txt").write_text("不知道\n", encoding="utf-8")
    return load(folder)


def test_the_first_example_of_the_page_is_a_whole_rule_book(tmp_path: Path) -> None:
    book = _load(tmp_path, SNIPPETS[0])
    assert [r.id for r in book.rules] == ["greeting", "banned_phrases", "thanks"]
    assert (str(book.effective_from), book.names) == ("2024-06-01", ("华宁通信", "华宁"))


@pytest.mark.parametrize("snippet", SNIPPETS[1:], ids=lambda s: s.split("\n")[0])
def test_every_example_of_the_page_is_valid(snippet: str, tmp_path: Path) -> None:
    slots = "" if "[slots]" in snippet else '[slots]\ncompany = ["华宁通信"]\n'
    book = _load(tmp_path, snippet if "[profile]" in snippet else HEAD + slots + snippet)
    written = set(re.findall(r"^\[checks\.(\w+)\]", snippet, re.MULTILINE)) - {"pickup"}
    assert written <= {rule.id for rule in book.rules}
    assert [warning for warning in book.warnings if ".txt" not in warning] == []


@pytest.mark.parametrize(("head", "known"), [("event", EVENTS), ("measure", MEASURES)])
def test_every_event_and_measure_is_in_the_page(head: str, known: Iterable[str]) -> None:
    table = TEXT.partition(f"| {head} | ")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "\n".join(row.split("|")[1] for row in table.split("\n")[2:]))) == set(known)


def test_every_holiday_is_in_the_page() -> None:
    row = TEXT.partition("| `holidays` |")[2].partition("\n")[0]
    assert dict(re.findall(r"`(\w+)` (\w+)", row)).keys() == calendar.TITLES.keys()


def test_every_key_of_a_rule_is_in_the_page() -> None:
    told = set(re.findall(r"`(\w+)`", TEXT))
    assert set(RESERVED) <= told
