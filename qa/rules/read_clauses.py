"""The regulation's clauses: which rule checks each, what nothing can show, what awaits a check; and that none is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qa.errors import RuleBookError
from qa.rules.book import Unchecked
from qa.rules.read_layers import Layered
from qa.toml_document import Section, as_text
from qa.toml_lines import Key

CLAUSES_FILE = "clauses.txt"


def read_unchecked(document: Layered, name: str, why: str) -> tuple[Unchecked, ...]:
    """The rows of ``[[name]]`` with their ``clause`` and the key ``why``."""
    found: list[Unchecked] = []
    for section in Section(document, (), document.data).tables_at(name):
        clause, reason = section.required("clause", as_text), section.required(why, as_text)
        section.close()
        found.extend([Unchecked(clause, reason)] if clause and reason else [])
    return tuple(found)


def read_clauses(folder: Path, document: Layered) -> dict[str, int]:
    """The clauses of ``clauses.txt`` and their lines; empty where the folder has none.  Faults are noted in ``document``."""
    path = folder / CLAUSES_FILE
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        _note(document, path, line, "文件不是 UTF-8 编码", "请另存为 UTF-8 编码的文本文件")
        return {}
    clauses: dict[str, int] = {}
    for number, row in enumerate(text.split("\n"), start=1):
        clause = row.strip()
        if clause in clauses:
            _note(document, path, number, f"条文“{_short(clause)}”与第 {clauses[clause]} 行重复", "请删去其中一行")
        elif clause and not clause.startswith("#"):
            clauses[clause] = number
    if not clauses:
        _note(document, path, 1, "没有任何条文", "一行写一条；没有条文清单就删去这个文件")
    return clauses


def compare(document: Layered, folder: Path, clauses: dict[str, int]) -> None:
    """Note every clause of the list that nothing accounts for, and every clause of the house's own that the list lacks.

    A rule that is switched off accounts for nothing; one with a fault does, as its fault is reported already.
    """
    if not clauses:
        return
    path = folder / CLAUSES_FILE
    told = {line for _, text, on in _clauses(document) if on for line in _lines(text)}
    for clause, number in clauses.items():
        if clause not in told:
            cure = "写成某条规则的 clause；无从查证的列入 [[not_auditable]]，待建检查的列入 [[awaiting]]"
            _note(document, path, number, f"条文“{_short(clause)}”没有规则对应", cure)
    for key, text, _ in _clauses(document):
        for line in _lines(text):
            if line not in clauses and not document.inherited(key):
                document.problem(key, f"clause 的“{_short(line)}”不在 {CLAUSES_FILE} 里", "条文要逐字相同，见该文件")


def _clauses(document: Layered) -> Iterator[tuple[Key, str, bool]]:
    """Every clause of the book: its key, itself, and whether something is made of it."""
    tables: list[tuple[Key, Mapping[str, Any], bool]] = []
    for name in ("checks", "log_checks"):
        checks = document.data.get(name)
        for rule_id, table in checks.items() if isinstance(checks, dict) else ():
            if isinstance(table, dict):
                on = table.get("enabled") is not False
                tables.append(((name, rule_id), table, on))
                tables += [((name, rule_id, "variants", n), row, on) for n, row in enumerate(_rows(table, "variants"))]
    for name in ("not_auditable", "awaiting"):
        tables += [((name, n), row, True) for n, row in enumerate(_rows(document.data, name))]
    for key, table, on in tables:
        clause = table.get("clause")
        if isinstance(clause, str):
            yield (*key, "clause"), clause, on


def _rows(table: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = table.get(name)
    return [row if isinstance(row, dict) else {} for row in rows] if isinstance(rows, list) else []


def _lines(clause: str) -> list[str]:
    return [line.strip() for line in clause.split("\n") if line.strip()]


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:30] + "…"


def _note(document: Layered, path: Path, line: int, cause: str, cure: str) -> None:
    document.problems.append(RuleBookError(f"{path}:{line}", cause, cure))
