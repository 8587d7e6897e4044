"""Which measures a rule book limits, and how the calls lie against the limits."""

from __future__ import annotations

import dataclasses
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qa.checks import limits_of
from qa.errors import NotFoundError
from qa.rules.book import RuleBook
from qa.rules.hearing import ROLES
from qa.rules.measures import MEASURES
from qa.rules.model import Condition, Limit, Who
from qa.toml_document import nearest
from qa.types import Role

MOST_BINS = 24
TAIL = 0.005
"""Share of the calls at each end that may lie outside the bins' range, in the first and the last one."""

SIDES = {"low": "下限", "high": "上限", "": "拟定"}


@dataclass(frozen=True)
class Line:
    """A limit: ``side`` is ``low``, ``high`` or "" (one that is only proposed); ``of`` are the titles of what sets it.

    ``below`` and ``above``: calls with a smaller and with a larger value.
    """

    value: float
    side: str
    of: tuple[str, ...]
    below: int = 0
    above: int = 0


@dataclass(frozen=True)
class Asked:
    """A measure of one speaker, and its limits."""

    measure: str
    role: Role
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Bin:
    """Calls with ``low`` <= value < ``high``; the first holds also what is smaller, the last what is larger."""

    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Distribution:
    """How the calls lie.  ``values`` were measured, ``missing`` could not be; figures are in ``unit``, None without values.

    ``whole``: all values are whole numbers, so that a bin of width 1 is one value.
    ``outside``: calls below the first bin's ``low`` and from the last one's ``high`` on.
    """

    measure: str
    title: str
    unit: str
    role: Role
    values: int
    missing: int
    p5: float | None
    median: float | None
    p95: float | None
    lines: tuple[Line, ...]
    bins: tuple[Bin, ...]
    outside: tuple[int, int]
    whole: bool = False


def limits(book: RuleBook, measure: str | None = None, limit: float | None = None) -> tuple[Asked, ...]:
    """The measures that the rules and conditions of ``book`` limit; first ``measure`` with its proposed limit, if one is named.

    Errors: :class:`NotFoundError` for an unknown measure, or a limit without one.
    """
    if measure is None and limit is not None:
        raise NotFoundError("--limit", "没有写这是哪个指标的限值", "请加 --measure 指标名")
    if measure is not None and measure not in MEASURES:
        raise NotFoundError(measure, "没有这个指标", nearest(measure, MEASURES))
    found: dict[tuple[str, Role], dict[tuple[float, str], list[str]]] = {}
    if measure is not None:
        found[measure, Role.AGENT] = {} if limit is None else {(limit, ""): []}
    for name, role, side, value, title in _of_book(book):
        titles = found.setdefault((name, role), {}).setdefault((value, side), [])
        titles += [title] if title not in titles else []
    return tuple(
        Asked(name, role, tuple(Line(value, side, tuple(titles)) for (value, side), titles in sorted(lines.items())))
        for (name, role), lines in found.items()
    )


_Found = tuple[str, Role, str, float, str]


def _of_book(book: RuleBook) -> Iterator[_Found]:
    for rule in book.rules:
        for params in (rule.params, *(variant.params for variant in rule.variants)):
            for one in limits_of(rule.module):
                low, high = (getattr(params, name) if name else None for name in (one.low, one.high))
                yield from _sides(one.measure, Role.AGENT, low, high, rule.title)
            yield from _inside(params, Who.AGENT, rule.title)
    for condition in book.conditions:
        yield from _inside(condition, Who.AGENT, condition.id)


def _inside(value: Any, who: Who, title: str) -> Iterator[_Found]:
    """Limits of measures anywhere in a rule's parameters."""
    if isinstance(value, tuple):
        for item in value:
            yield from _inside(item, who, title)
    elif dataclasses.is_dataclass(value):
        who = getattr(value, "who", who)
        measure = getattr(value, "measure", None)
        if isinstance(value, Limit) or (isinstance(measure, str) and measure in MEASURES):
            yield from _sides(str(measure), _role(str(measure), who), getattr(value, "low", None), getattr(value, "high", None), title)
            return
        title = f"{title}：{value.id}" if isinstance(value, Condition) and value.id != title else title
        for field in dataclasses.fields(value):
            yield from _inside(getattr(value, field.name), who, title)


def _role(measure: str, who: Who) -> Role:
    return ROLES[who] if MEASURES[measure].of_speaker and who is Who.CUSTOMER else Role.AGENT


def _sides(measure: str, role: Role, low: float | None, high: float | None, title: str) -> Iterator[_Found]:
    for side, value in (("low", low), ("high", high)):
        if value is not None:
            yield measure, role, side, float(value), title


# ---------------------------------------------------------------- counting


def distribution(asked: Asked, values: Sequence[float], missing: int) -> Distribution:
    """How ``values`` lie against the limits."""
    ordered = sorted(values)
    kind = MEASURES[asked.measure]
    lines = tuple(
        dataclasses.replace(line, below=bisect_left(ordered, line.value), above=len(ordered) - bisect_right(ordered, line.value))
        for line in asked.lines
    )
    bins = _bins(ordered, [line.value for line in lines], 10.0**-kind.decimals)
    return Distribution(
        measure=kind.id,
        title=kind.title,
        unit=kind.unit,
        role=asked.role,
        values=len(ordered),
        missing=missing,
        p5=_quantile(ordered, 0.05),
        median=_quantile(ordered, 0.5),
        p95=_quantile(ordered, 0.95),
        lines=lines,
        bins=bins,
        outside=(bisect_left(ordered, bins[0].low), len(ordered) - bisect_left(ordered, bins[-1].high)) if bins else (0, 0),
        whole=all(v == int(v) for v in ordered),
    )


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value that ``share`` (0-1) of the calls do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _bins(ordered: Sequence[float], marks: Sequence[float], finest: float) -> tuple[Bin, ...]:
    """At most ``MOST_BINS`` bins of a round width; limits that lie not too far off are within them."""
    if not ordered:
        return ()
    low, high = ordered[int(TAIL * len(ordered))], ordered[-1 - int(TAIL * len(ordered))]
    reach = max(2 * (high - low), max(marks) - min(marks) if marks else 0.0, finest)
    near = [mark for mark in marks if low - reach <= mark <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    width = _round_width((high - low) / (MOST_BINS - 2), finest)
    first, last = _place(low, width), _place(high, width)
    counts = [0] * (last - first + 1)
    for value in ordered:
        counts[min(max(_place(value, width) - first, 0), last - first)] += 1
    return tuple(Bin(round((first + i) * width, 9), round((first + i + 1) * width, 9), n) for i, n in enumerate(counts))


def _place(value: float, width: float) -> int:
    return math.floor(value / width + 1e-9)  # 0.3 / 0.1 is a little less than 3


def _round_width(least: float, finest: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below either."""
    least = max(least, finest)
    power = 10.0 ** math.floor(math.log10(least) + 1e-9)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))
