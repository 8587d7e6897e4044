"""docs/security.md: every requirement of ASVS 5.0 up to level 2 stands there once, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "security.md").read_text("utf-8")
NUMBER = re.compile(r"V\d+\.\d+\.\d+")
LEVEL_2 = """
1.1:2 1.2:9 1.3:11 1.4:3 1.5:2 2.1:3 2.2:3 2.3:4 2.4:1 3.2:2 3.3:4 3.4:6 3.5:5 3.7:2 4.1:3 4.2:1 4.3:2 4.4:4 5.1:1 5.2:3 5.3:2 5.4:3
6.1:3 6.2:12 6.3:4 6.4:4 6.5:5 6.6:3 6.8:4 7.1:3 7.2:4 7.3:2 7.4:5 7.5:2 7.6:2 8.1:2 8.2:3 8.3:1 8.4:1 9.1:3 9.2:4
10.1:2 10.2:2 10.3:4 10.4:11 10.5:5 10.6:2 10.7:3 11.1:2 11.2:3 11.3:3 11.4:4 11.5:1 11.6:1 12.1:3 12.2:2 12.3:4
13.1:1 13.2:5 13.3:2 13.4:5 14.1:2 14.2:4 14.3:3 15.1:3 15.2:3 15.3:7 16.1:1 16.2:5 16.3:4 16.4:3 16.5:3 17.1:1 17.2:4 17.3:2
"""
"""Of each section how many requirements are of level 1 or 2: those of level 3 always come last (ASVS 5.0.0, its table of requirements)."""


def requirements() -> set[str]:
    counts = (part.split(":") for part in LEVEL_2.split())
    return {f"V{section}.{k}" for section, count in counts for k in range(1, int(count) + 1)}


def rows() -> list[list[str]]:
    return [line.strip("|").split(" | ") for line in DOCUMENT.splitlines() if line.startswith("| V")]


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def named() -> list[tuple[str, str]]:
    return re.findall(r"`(test_\w+\.py)::(\w+)`", DOCUMENT)


def test_every_requirement_stands_there_once() -> None:
    found = [number for row in rows() for number in NUMBER.findall(row[0])]
    assert len(requirements()) == 253
    assert sorted(found) == sorted(requirements())


def test_what_is_met_says_how_and_what_shows_it() -> None:
    met = DOCUMENT.split("## Met")[1].split("## Not met")[0]
    cells = [line.strip("|").split("|") for line in met.splitlines() if line.startswith("| V")]
    assert all(len(row) == 3 and row[1].strip() and row[2].strip() for row in cells)
    for row in cells:
        assert "::" in row[2] or row[2].strip() in ("—", "documentation"), row


@pytest.mark.parametrize("file, name", sorted(set(named())), ids=lambda text: text)
def test_every_test_that_it_names_exists(file: str, name: str) -> None:
    assert name in functions_of(file)


def test_tests_are_named_at_all() -> None:
    assert len(set(named())) > 80
