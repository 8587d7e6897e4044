"""The texts of a rule that people read beside what it judged (title, clause, what it does not cover), and whether they still say a number
that was changed."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from qa.review import rule_limits
from qa.review.draft_books import changed
from qa.review.rule_limits import Number
from qa.review.said_numbers import said
from qa.rules.archive import Archive
from qa.rules.book import Rule, RuleBook
from qa.rules.read_clauses import CLAUSES_FILE

TITLE, CLAUSE, NOT_COVERS = "title", "clause", "not_covers"
NAMES = {TITLE: "名称", CLAUSE: "条款", NOT_COVERS: "不包括什么"}
"""The texts that can be edited, by their key in the rule's table."""
LONGEST = {TITLE: 100, CLAUSE: 4000, NOT_COVERS: 2000}
"""Characters."""
Past = Mapping[tuple[str, str], Collection[Number]]
"""By rule and key of a limit the numbers that it had."""


@dataclass(frozen=True)
class Stale:
    """A text that says a number which a limit had before: ``old`` as it is written there, ``now`` the limit's number, None: not limited.

    ``key`` as of :func:`of_rule`; ``name`` of the text and ``limit`` of the limit are Chinese.
    """

    rule_id: str
    title: str
    key: str
    name: str
    limit: str
    old: str
    now: Number | None

    def __str__(self) -> str:
        now = "不限" if self.now is None else f"{self.now:g}"
        return f"{self.title}：{self.name}里还写着 {self.old}，{self.limit}现在是 {now}"


def of_rule(rule: Rule) -> dict[str, str]:
    """The texts of a rule by key: those of ``NAMES``, and of its variants (``variants.0.clause``) what is other than the rule's."""
    texts = {TITLE: rule.title, CLAUSE: rule.clause, NOT_COVERS: rule.not_covers}
    for n, variant in enumerate(rule.variants):
        for key, text in ((TITLE, variant.title), (CLAUSE, variant.clause)):
            if text != texts[key]:
                texts[f"variants.{n}.{key}"] = text
    return texts


def name(key: str) -> str:
    """What a text is called (Chinese)."""
    head, _, rest = key.rpartition(".")
    return f"第 {int(head.split('.')[1]) + 1} 种情形的{NAMES[rest]}" if head else NAMES[key]


def plain(text: str) -> str:
    """A text as it is compared: lines without spaces at their ends."""
    return "\n".join(row.strip() for row in text.strip().splitlines())


def wrong(key: str, text: str) -> str:
    """Why a text cannot be kept (Chinese); '' where it can."""
    if not text and key != NOT_COVERS:
        return "不能空着"
    if len(text) > LONGEST[key]:
        return f"太长，最多 {LONGEST[key]} 字"
    if any(not c.isprintable() and (c != "\n" or key == TITLE) for c in text):
        return "有不能用的字符"
    return ""


# ---------------------------------------------------------------- numbers that were changed


def numbers(archive: Archive) -> Mapping[tuple[str, str], Number]:
    """By rule and key the numbers that the book's own ``rules.toml`` gives its checks; nothing where that cannot be read."""
    return _numbers(dict(archive.files)[archive.rules])


@lru_cache(maxsize=256)
def _numbers(text: str) -> Mapping[tuple[str, str], Number]:
    tables = _document(text).get("checks")
    return {
        (rule_id, key): value
        for rule_id, table in (tables.items() if isinstance(tables, dict) else ())
        for key, value in (table.items() if isinstance(table, dict) else ())
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _document(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return {}


def stale(book: RuleBook, past: Past) -> tuple[Stale, ...]:
    """The texts of the rules that say a number which one of the rule's limits had in the ``past`` and none of that unit has any more."""
    return tuple(one for rule in book.rules for one in _stale(rule, past))


def _stale(rule: Rule, past: Past) -> Iterator[Stale]:
    limits = tuple(rule_limits.of_rule(rule))
    for limit in limits:
        still = {abs(one.value) for one in limits if one.value is not None and one.unit == limit.unit}
        for old in sorted(value for value in set(past.get((rule.id, limit.key), ())) if abs(value) not in still):
            for key, text in of_rule(rule).items():
                for written in said(text, old, limit.unit):
                    yield Stale(rule.id, rule.title, key, name(key), limit.name.title, written, limit.value)


# ---------------------------------------------------------------- the list of the regulation's clauses


def with_clause(archive: Archive, rule: Rule, text: str) -> Archive:
    """The house's list of clauses (``clauses.txt``) with another clause of a rule, as the list has every clause word for word; unchanged
    where the house has no list.  What other rules are for stays in it."""
    place = str(PurePosixPath(archive.rules).parent / CLAUSES_FILE)
    files = dict(archive.files)
    if place not in files:
        return archive
    listed = files[place].split("\n")
    known, old, new = {row.strip() for row in listed}, _rows(rule.clause), _rows(text)
    gone = {row for row in old if row in known and row not in new} - _others(files[archive.rules], rule.id)
    added = [row for row in new if row not in known]
    at = next((n for n, row in enumerate(listed) if row.strip() in gone), None)
    if at is None:
        at = max((n + 1 for n, row in enumerate(listed) if row.strip() in old), default=len("\n".join(listed).rstrip().split("\n")))
    made = [*listed[:at], *added, *listed[at:]]
    return changed(archive, {place: "\n".join(row for row in made if row.strip() not in gone)})


def _rows(clause: str) -> list[str]:
    return [row.strip() for row in clause.split("\n") if row.strip()]


def _others(text: str, rule_id: str) -> set[str]:
    """The clauses that the book's own tables name, but for the rule's own; those of its variants are among them."""
    document = _document(text)
    document.get("checks", {}).get(rule_id, {}).pop(CLAUSE, None)
    tables = [*_tables(document)]
    return {row for table in tables if isinstance(clause := table.get(CLAUSE), str) for row in _rows(clause)}


def _tables(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inside in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _tables(inside)
