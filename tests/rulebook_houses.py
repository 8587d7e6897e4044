"""Rule books on disk for the tests of their reader: two small checks, one that reads its own table, and helpers to load and complain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qa.errors import QaError, RuleBookError, RuleBookErrors
from qa.lexicon import WordList
from qa.params import Context
from qa.rulebook import load
from qa.rules.book import Rule, RuleBook
from qa.rules.expression import Expression
from qa.rules.model import Condition
from qa.rules.read_conditions import read_expression
from qa.rules.read_named import read_conditions
from qa.toml_document import Section
from qa.types import Call, Finding, Outcome


@dataclass(frozen=True)
class TempoParams:
    low_cpm: float = 140.0
    high_cpm: float = 200.0

    def __post_init__(self) -> None:
        if not self.low_cpm < self.high_cpm:
            raise ValueError(f"low_cpm（{self.low_cpm}）应小于 high_cpm")


@dataclass(frozen=True)
class WordParams:
    words: WordList
    patterns: tuple[str, ...] = ()
    slots: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class AskParams:
    """Reads its own table: expressions over conditions, as the generic kinds do."""

    require: Expression | None
    forbid: Expression | None
    conditions: tuple[Condition, ...]

    @classmethod
    def read(cls, section: Section, context: Context) -> AskParams | None:
        section.allow(*context.hidden)
        own = read_conditions(section, context)
        known = {**context.conditions, **own}
        require, forbid = read_expression(section, "require", known), read_expression(section, "forbid", known)
        section.close()
        return cls(require, forbid, tuple(own.values()))


@dataclass(frozen=True)
class Check:
    """A check as the loader sees it: the names that a check's file holds."""

    TITLE: str
    Params: type[Any]
    TITLE_EN: str = "A check"
    EXAMPLES: tuple[Any, ...] = ()

    def run(self, call: Call, params: Any) -> Iterator[Finding]:
        yield Finding(Outcome.PASS, "好")


REGISTRY: dict[str, Any] = {
    "tempo": Check("语速", TempoParams),
    "words": Check("用语", WordParams),
    "phrase": Check("说法", AskParams),
}

HEAD = '[profile]\nid = "house"\ntitle = "测试规则"\nversion = "3"\n'
TEMPO = '[checks.tempo]\nclause = "语速适中。"\n'


def write(folder: Path, text: str, **files: str) -> Path:
    """A house's folder with its rules and other files (``banned="…"`` becomes ``banned.txt``)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.toml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
    return folder


def read(folder: Path, text: str | None = None, **files: str) -> RuleBook:
    if text is not None:
        write(folder, text, **files)
    return load(folder, REGISTRY)


def rule(book: RuleBook, rule_id: str) -> Rule:
    found = book.rule(rule_id)
    assert found is not None, rule_id
    return found


def problems(folder: Path, text: str | None = None, **files: str) -> list[tuple[str, str, str]]:
    """``folder/file:line``, cause and cure of every problem that loading reports."""
    with pytest.raises(RuleBookError) as caught:
        read(folder, text, **files)
    found: tuple[QaError, ...] = caught.value.problems if isinstance(caught.value, RuleBookErrors) else (caught.value,)
    return [("/".join(Path(p.subject).parts[-2:]), p.cause, p.cure) for p in found]


def only(folder: Path, text: str, **files: str) -> tuple[int, str, str]:
    """The one problem: its line in ``rules.toml``."""
    ((at, cause, cure),) = problems(folder, text, **files)
    file, _, line = at.rpartition(":")
    assert file == f"{folder.name}/rules.toml"
    return int(line), cause, cure


def line_of(text: str, part: str) -> int:
    """Line of the first line of ``text`` with ``part`` in it."""
    return next(number for number, row in enumerate(text.splitlines(), start=1) if part in row)
