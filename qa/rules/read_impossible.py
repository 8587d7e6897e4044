"""What no call can fulfil: expressions that contradict themselves or their trigger, and figures that two rules want in different ranges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from qa.checks import limits_of
from qa.rules.book import Rule
from qa.rules.expression import And, Expression, Truth, names, truth
from qa.rules.measures import MEASURES
from qa.rules.model import Condition, Limit, When, Who
from qa.rules.read_odd import Read, effective, settings
from qa.rules.read_when import both, covers, never
from qa.toml_lines import Key

_MOST_NAMES = 12  # of an expression that is looked at: each doubles the work


def impossible(book: Read) -> None:
    """Note in the book's document every expression that can never hold, and rules that want one figure in ranges that do not meet."""
    for rule in book.rules:
        for key, cause, cure in dict.fromkeys(fault for params in settings(rule) for fault in _expressions(rule, params)):
            _note(book, ("checks", rule.id), key, cause, cure)
    ranges = [found for rule in book.rules for found in _ranges(rule, book)]
    told: set[tuple[str, str]] = set()
    for one, other in itertools.combinations(ranges, 2):
        pair = (one.rule.id, other.rule.id)
        if one.rule is not other.rule and pair not in told and _apart(one, other) and _together(one, other, book):
            told.add(pair)
            cause = f"规则 {other.rule.id} 要求{other.told}，规则 {one.rule.id} 却要求{one.told}，同一通电话不可能都做到"
            _note(book, ("checks", other.rule.id), other.key, cause, "改其中一个界限，或用 when 把两条分开")


def _note(book: Read, rule: Key, key: str, cause: str, cure: str) -> None:
    table = book.document.data["checks"][rule[1]]
    book.document.problem((*rule, key) if key in table else rule, cause, cure)


# ---------------------------------------------------------------- expressions


def _expressions(rule: Rule, params: Any) -> Iterator[tuple[str, str, str]]:
    """Key, cause and cure of what can never hold."""
    known = {condition.id: condition for condition in getattr(params, "conditions", ())}
    trigger: Expression | None = getattr(params, "trigger", None)
    if trigger is not None and not _possible(trigger, known):
        yield "trigger", f"规则 {rule.id} 的 trigger 自相矛盾，永远不会成立", "请检查 and 和 not"
        return
    for key, effect in (("require", "谁也做不到"), ("forbid", "什么也查不出")):
        asked: Expression | None = getattr(params, key, None)
        if asked is None:
            continue
        if not _possible(asked, known):
            yield key, f"规则 {rule.id} 的 {key} 自相矛盾，永远不会成立，{effect}", "请检查 and 和 not"
        elif trigger is not None and not _possible(And((trigger, asked)), known):
            yield (
                key,
                f"规则 {rule.id} 的 {key} 与 trigger 矛盾，两者不会同时成立，{effect}",
                "trigger 写本条所针对的情形，不写应有或不许有的话",
            )


def _possible(expression: Expression, known: Mapping[str, Condition]) -> bool:
    """Whether the conditions can be so that the expression holds; those that look for the same are the same."""
    meant = {name: replace(known[name], id="", title="") if name in known else name for name in names(expression)}
    things = list(dict.fromkeys(meant.values()))
    if len(things) > _MOST_NAMES:
        return True
    numbers = {name: things.index(thing) for name, thing in meant.items()}
    apart = [(a, b) for a, b in itertools.combinations(range(len(things)), 2) if _figures_apart(things[a], things[b])]
    for values in itertools.product((Truth.FALSE, Truth.TRUE), repeat=len(things)):
        if any(values[a] is values[b] is Truth.TRUE for a, b in apart):
            continue
        if truth(expression, {name: values[number] for name, number in numbers.items()}.__getitem__) is Truth.TRUE:
            return True
    return False


def _figures_apart(one: Condition | str, other: Condition | str) -> bool:
    """Whether two conditions want one figure of one speaker in ranges that do not meet."""
    if isinstance(one, str) or isinstance(other, str) or one.who is not other.who:
        return False
    return isinstance(one.source, Limit) and isinstance(other.source, Limit) and _do_not_meet(one.source, other.source)


def _do_not_meet(one: Limit, other: Limit) -> bool:
    if one.measure != other.measure:
        return False
    (low, high), (least, most) = _widest(one), _widest(other)
    return high < least or most < low


def _widest(limit: Limit) -> tuple[float, float]:
    """What is still kept, with what 约 allows."""
    low = float("-inf") if limit.low is None else limit.low - limit.about * abs(limit.low)
    high = float("inf") if limit.high is None else limit.high + limit.about * abs(limit.high)
    return low, high


# ---------------------------------------------------------------- ranges of two rules


@dataclass(frozen=True)
class _Range:
    """A figure of ``who`` that a rule wants inside limits, where one of ``whens`` holds, except where one of ``displaced`` does."""

    rule: Rule
    limit: Limit
    who: Who
    trigger: Expression | None
    whens: tuple[When, ...]
    displaced: tuple[When, ...]
    key: str

    @property
    def told(self) -> str:
        measure, low, high = MEASURES[self.limit.measure], self.limit.low, self.limit.high
        ends = [f"不低于 {low:g}"] if low is not None else []
        ends += [f"不超过 {high:g}"] if high is not None else []
        return f"{measure.title}{'、'.join(ends)}"


def _ranges(rule: Rule, book: Read) -> Iterator[_Range]:
    always = effective(rule, book.effective)
    if not always:
        return
    whens = tuple(variant.when for variant in rule.variants)
    yield from _of_params(rule, rule.params, always, whens)
    for number, variant in enumerate(rule.variants):
        here = tuple(part for when in always for part in both(when, variant.when))
        if here:
            yield from _of_params(rule, variant.params, here, whens[:number])


def _of_params(rule: Rule, params: Any, whens: tuple[When, ...], displaced: tuple[When, ...]) -> Iterator[_Range]:
    if isinstance(limit := getattr(params, "limit", None), Limit):
        yield _Range(rule, limit, params.who, params.trigger, whens, displaced, "measure")
    for found in limits_of(rule.module):
        low, high = (getattr(params, name) if name else None for name in (found.low, found.high))
        about = getattr(params, "about", 0.0)
        yield _Range(rule, Limit(found.measure, low, high, 0.0, about), Who.AGENT, None, whens, displaced, found.high or found.low)


def _apart(one: _Range, other: _Range) -> bool:
    return one.who is other.who and one.trigger == other.trigger and _do_not_meet(one.limit, other.limit)


def _together(one: _Range, other: _Range, book: Read) -> bool:
    """Whether both hold in the same calls: not where their times or kinds of calls exclude each other, or a variant comes first."""
    pairs = [(mine, theirs) for mine in one.whens for theirs in other.whens]
    return any(_meet(mine, theirs, _all(one, other), book) for mine, theirs in pairs)


def _meet(one: When, other: When, displaced: Sequence[When], book: Read) -> bool:
    kinds = [set(when.of_types) for when in (one, other)]
    if all(kinds) and not kinds[0] & kinds[1]:
        return False
    here = [when for when in both(one, other) if never(when, book.holidays) is None]
    return any(not any(covers(before, when) for before in displaced) for when in here)


def _all(*ranges: _Range) -> tuple[When, ...]:
    return tuple(when for found in ranges for when in found.displaced)
