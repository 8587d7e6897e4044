"""What is odd in a rule book but not wrong: what is never used, and what can never hold.  Only of the house's own file.

A house that extends another need not use all that it inherits, so that nothing is said of what stands in another file.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.rules.book import NAME_SLOTS, CallType, LogRule, Rule
from qa.rules.expression import Name, Titled
from qa.rules.model import Condition, Holiday, Regex, Relation, Scoring, When
from qa.rules.open_hours import OpenHours
from qa.rules.read_clauses import CLAUSES_FILE
from qa.rules.read_layers import Layered
from qa.rules.read_regex import nested_repeats
from qa.rules.read_when import both, covers, never_any
from qa.toml_lines import Key


@dataclass(frozen=True)
class Read:
    """A rule book as read.

    ``rules`` are those that are switched on, ``off`` the others: what only they use is not unused.  ``made`` are the names of shared
    conditions that are made of others.
    """

    document: Layered
    rules: tuple[Rule, ...]
    off: tuple[Rule, ...]
    scoring: Scoring
    slots: Sequence[tuple[str, tuple[str, ...]]]
    conditions: tuple[Condition, ...]
    call_types: tuple[CallType, ...]
    holidays: tuple[Holiday, ...]
    lists: frozenset[Path]
    effective: tuple[datetime.date | None, datetime.date | None] = (None, None)
    made: tuple[str, ...] = ()
    log_rules: tuple[LogRule, ...] = ()


def walk(value: Any) -> Iterator[Any]:
    """``value`` and all values inside it, dataclasses, tuples and mappings opened."""
    yield value
    inside: Iterable[Any] = ()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inside = (getattr(value, field.name) for field in dataclasses.fields(value))
    elif isinstance(value, Mapping):
        inside = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        inside = value
    for item in inside:
        yield from walk(item)


def settings(rule: Rule) -> tuple[Any, ...]:
    """The rule's parameters and those of its variants."""
    return (rule.params, *(variant.params for variant in rule.variants))


def warnings(book: Read) -> tuple[str, ...]:
    """Everything odd, each as ``file:line: what``, in order of line."""
    notes = [
        (book.document.place(key)[1], f"{book.document.where(key)}: {text}")
        for key, text in (*_unused(book), *_out_of_reach(book), *_aside(book), *_slow(book))
        if not book.document.inherited(key)
    ]
    lines = book.document.lines
    return (*(text for _, text in sorted(notes, key=lambda note: lines.line(note[0]))), *_unused_lists(book))


# ---------------------------------------------------------------- what is never used


def _unused(book: Read) -> Iterator[tuple[Key, str]]:
    rules = (*book.rules, *book.off)
    params = [value for rule in rules for value in walk(settings(rule))]
    whens = [when for rule in rules for when in (rule.when, *(variant.when for variant in rule.variants))]
    hours = {
        name for rule in book.log_rules for value in vars(rule.params).values() if isinstance(value, OpenHours) for name in value.named
    }
    for condition in _unused_conditions(book):
        yield ("conditions", condition), f"条件 {condition} 没有任何规则使用"
    for rule in rules:
        for condition in _unused_own_conditions(rule, book.document):
            yield ("checks", rule.id, "conditions", condition), f"条件 {condition} 没有用到"
    for kind in book.call_types:
        if not any(kind.id in (*when.of_types, *when.not_of_types) for when in whens):
            yield ("call_types", kind.id), f"通话类型 {kind.id} 没有任何 when 使用"
    for holiday in book.holidays:
        if not any(holiday.id in when.holidays for when in whens) and holiday.id not in hours:
            yield ("holidays", holiday.id), f"节假日 {holiday.id} 没有任何 when 使用"
    for section in book.scoring.sections:
        if all(rule.section != section.id for rule in rules):
            yield ("scoring", "sections", section.id), f"部分 {section.id} 没有任何规则"
    texts = [value for value in (*params, *walk(book.conditions)) if isinstance(value, str)]
    for slot, _ in book.slots:
        if slot not in NAME_SLOTS and not any(f"{{{slot}}}" in text for text in texts):
            yield ("slots", slot), f"没有任何句式使用 {{{slot}}}"


def _unused_conditions(book: Read) -> Iterator[str]:
    """Shared conditions that no rule and no type of call leads to, directly or by way of others."""
    shared = {condition.id: condition for condition in book.conditions}
    todo = [name for kind in book.call_types for name in _named(kind.expression)]
    for rule in (*book.rules, *book.off):
        todo += _named(settings(rule))
    used: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in used:
            used.add(name)
            todo += _named(shared[name]) if name in shared else []
    yield from (name for name in (*shared, *book.made) if name not in used)


def _unused_own_conditions(rule: Rule, document: Layered) -> Iterator[str]:
    own = document.data["checks"][rule.id].get("conditions", {})
    used = set(_named(settings(rule)))
    yield from (name for name in own if name not in used) if isinstance(own, dict) else ()


def _named(value: Any) -> list[str]:
    """Names of conditions that expressions and relations inside ``value`` mention."""
    found = (value for value in walk(value) if isinstance(value, Name | Titled | Relation))
    return [value.other if isinstance(value, Relation) else value.name for value in found]


def _unused_lists(book: Read) -> list[str]:
    """Word lists in the house's own folder that nothing reads."""
    files = sorted(book.document.path.parent.glob("*.txt"))
    unused = (file for file in files if file.name != CLAUSES_FILE and file.resolve() not in book.lists)
    return [f"{file}: 词表没有任何规则使用" for file in unused]


# ---------------------------------------------------------------- what can never hold


def _out_of_reach(book: Read) -> Iterator[tuple[Key, str]]:
    for log_rule in book.log_rules:
        firsts = [day for day in (log_rule.effective_from, book.effective[0]) if day is not None]
        lasts = [day for day in (log_rule.effective_until, book.effective[1]) if day is not None]
        if firsts and lasts and max(firsts) > min(lasts):
            yield ("log_checks", log_rule.id), f"规则 {log_rule.id} 的有效期与规则书的有效期没有一天相同，永远不会成立"
    for rule in book.rules:
        whens = effective(rule, book.effective)
        if not whens:
            yield ("checks", rule.id), f"规则 {rule.id} 的有效期与 when 或规则书的有效期没有一天相同，永远不会成立"
        elif (why := never_any(whens, book.holidays)) is not None:
            yield ("checks", rule.id, "when"), f"规则 {rule.id} 的 when 永远不会成立：{why}"
        else:
            yield from _variants_out_of_reach(rule, whens, book)


def _variants_out_of_reach(rule: Rule, whens: Sequence[When], book: Read) -> Iterator[tuple[Key, str]]:
    tables = book.document.data["checks"][rule.id].get("variants", ())
    if len(tables) != len(rule.variants):
        return  # one has a fault and was left out: positions are not those of the file
    earlier: list[When] = []
    for index, variant in enumerate(rule.variants):
        key: Key = ("checks", rule.id, "variants", index)
        here = [part for when in whens for part in both(when, variant.when)]
        if not here:
            yield key, f"规则 {rule.id} 的第 {index + 1} 个变体永远不会成立：与规则自己的 when 不能同时成立"
        elif (why := never_any(here, book.holidays)) is not None:
            yield key, f"规则 {rule.id} 的第 {index + 1} 个变体永远不会成立：{why}"
        elif all(any(covers(before, part) for before in earlier) for part in here):
            yield key, f"规则 {rule.id} 的第 {index + 1} 个变体永远轮不到：前面的变体总是先成立"
        earlier.append(variant.when)
    if all(any(covers(before, when) for before in earlier) for when in whens):
        yield ("checks", rule.id), f"规则 {rule.id} 的变体总有一个成立，规则本身的写法永远用不到"


def effective(rule: Rule, book: tuple[datetime.date | None, datetime.date | None]) -> tuple[When, ...]:
    """The rule's ``when`` within its own dates and the book's, in parts (:func:`both`); none if it never holds."""
    whens: tuple[When, ...] = (rule.when,)
    for first, last in ((rule.effective_from, rule.effective_until), book):
        if first is not None or last is not None:
            days = When(dates=((first or datetime.date.min, last or datetime.date.max),))
            whens = tuple(part for when in whens for part in both(when, days))
    return whens


# ---------------------------------------------------------------- what counts aside


def _aside(book: Read) -> Iterator[tuple[Key, str]]:
    """Rules that the score sheet has no place for, and a base that nothing is taken off."""
    if book.scoring.sections:
        for rule in book.rules:
            if rule.section is None and rule.points is not None and (rule.points.weight or rule.points.deduction):
                yield ("checks", rule.id), f"规则 {rule.id} 没有 section，其分值在各部分之外另计"
    if book.scoring.mode != "deduction" and "base" in book.document.data.get("scoring", {}):
        yield ("scoring", "base"), "base 只用于扣分的规则书（deduction）"


# ---------------------------------------------------------------- what may take long


def _slow(book: Read) -> Iterator[tuple[Key, str]]:
    """Regular expressions that repeat what is itself repeated: on some words they try more ways than there is time for."""
    found: list[tuple[Key, Condition]] = [(("conditions", condition.id), condition) for condition in book.conditions]
    for rule in book.rules:
        table = book.document.data["checks"][rule.id].get("conditions", {})
        own = {value.id: value for value in walk(settings(rule)) if isinstance(value, Condition) and value.id in table}
        found += [(("checks", rule.id, "conditions", name), condition) for name, condition in own.items()]
    for key, condition in found:
        source = condition.source
        if isinstance(source, Regex):
            for name, texts in (("regex", (source.pattern,)), ("unless", source.unless)):
                if any(nested_repeats(text) for text in texts):
                    yield (*key, name), f"条件 {condition.id} 的 {name} 里有一层套一层的重复，可能查得太慢；查不完的通话无法判定"
