"""The program's own checks and rule books, and that the page for their writers is true."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from qa import checks, rulebook
from qa.params import RESERVED
from qa.paths import lexicons_dir
from qa.rulebook import load


def test_every_file_of_the_checks_folder_is_in_the_registry() -> None:
    folder = Path(checks.__file__).parent
    assert set(checks.registry()) == {file.stem for file in folder.glob("*.py") if not file.name.startswith("_")}
    assert {"greeting", "closing", "speech_rate", "banned_phrases", "volume", "pickup"} <= set(checks.registry())


def _without_slots(params: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(params).items() if name != "slots"}


@pytest.mark.parametrize("check_id", sorted(checks.registry()))
def test_every_check_can_be_set_from_a_rule_book(check_id: str, tmp_path: Path) -> None:
    module = checks.registry()[check_id]
    names = {f.name for f in dataclasses.fields(module.Params)}
    assert not names & set(RESERVED)
    text = f'[profile]\nid = "h"\ntitle = "t"\nversion = "1"\n[slots]\ncompany = ["华宁通信"]\n[checks.{check_id}]\nclause = "c"\n'
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    (setup,) = load(tmp_path).checks
    assert _without_slots(setup.params) == _without_slots(module.Params())


@pytest.mark.parametrize("name", rulebook.profiles())
def test_every_bundled_rule_book_is_valid(name: str) -> None:
    book = load(name)
    assert book.id == name
    assert load(lexicons_dir() / name) == book


def test_the_default_house() -> None:
    book = load("default")
    assert {c.id: int(c.weight) for c in book.checks} == {
        "greeting": 20, "closing": 15, "speech_rate": 15, "banned_phrases": 25, "volume": 10, "pickup": 15,
    }  # fmt: skip
    assert sum(c.weight for c in book.checks) == 100
    assert book.names == ("华宁通信",)
    assert book.min_coverage == Decimal("0.6")


def test_the_default_house_runs_with_the_parameters_that_the_checks_examples_are_tested_with() -> None:
    for setup in load("default").checks:
        assert _without_slots(setup.params) == _without_slots(setup.module.Params()), setup.id


PAGE = Path(__file__).parents[1] / "docs" / "rule-book.md"


@pytest.mark.parametrize("check_id", sorted(checks.registry()))
def test_every_parameter_is_explained_with_its_default_to_the_writer_of_a_rule_book(check_id: str) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"### `{check_id}`")[2].partition("\n### ")[0]
    explained = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    params = _without_slots(checks.registry()[check_id].Params())
    assert set(explained) == set(params)
    numbers = {name: value for name, value in params.items() if isinstance(value, int | float)}
    assert {name: float(explained[name].replace("−", "-")) for name in numbers} == numbers


def test_the_example_of_the_page_is_a_valid_rule_book(tmp_path: Path) -> None:
    example = PAGE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "rules.toml").write_text(example, encoding="utf-8")
    (tmp_path / "banned.txt").write_text("不知道\n", encoding="utf-8")
    book = load(tmp_path)
    assert [c.id for c in book.checks] == ["greeting", "banned_phrases"]
    assert (str(book.effective_from), book.names) == ("2024-06-01", ("华宁通信", "华宁"))
