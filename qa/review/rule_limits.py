"""The numbers of a rule as they can be edited: what they are called, what they are, between what they may lie.

The range of a number is what its check accepts while the rule's other numbers stay: it is found by asking the check, so that it is never
another than what adopting the rules would say.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from qa.review.parameters import PARAMETERS, Parameter
from qa.rules.book import Rule
from qa.rules.measures import MEASURES

LARGEST = 10**9
"""No limit of a rule is a larger number."""
Number = int | float


@dataclass(frozen=True)
class Bound:
    """An end of a range; ``within``: the number itself is allowed."""

    value: Number
    within: bool


@dataclass(frozen=True)
class Limit:
    """A number of a rule that can be edited; ``value`` None: not limited, which only an ``optional`` one may be.

    ``low`` and ``high``: what the check accepts beside the rule's other numbers, None: open.  ``unit``: Chinese and English.
    """

    rule_id: str
    title: str
    key: str
    value: Number | None
    name: Parameter
    unit: tuple[str, str]
    whole: bool
    optional: bool
    low: Bound | None = None
    high: Bound | None = None


def of_rule(rule: Rule) -> Iterator[Limit]:
    """The numbers of one rule without their ranges (:func:`ranged`), what the house demands before what measures."""
    known = PARAMETERS.get(rule.kind, {})
    unit = MEASURES[rule.params.measure] if rule.kind == "measure" else None
    for key in sorted(_keys(rule), key=lambda k: (k not in known, list(known).index(k) if k in known else 0)):
        name = known.get(key, Parameter(key, key))
        kind = _type(rule, key)
        of_measure = (unit.unit, unit.unit) if unit and key != "about" else name.unit
        yield Limit(rule.id, rule.title, key, getattr(rule.params, key), name, of_measure, "float" not in kind, "None" in kind)


def _keys(rule: Rule) -> Iterator[str]:
    """A kind that reads its table itself says what of it are limits (``PARAMETERS``); of all others every number is one."""
    if hasattr(rule.module.Params, "read"):
        yield from (key for key in PARAMETERS.get(rule.kind, {}) if hasattr(rule.params, key))
        return
    for field in dataclasses.fields(rule.params):
        if isinstance(getattr(rule.params, field.name), int | float) and _type(rule, field.name) != "bool":
            yield field.name


def _type(rule: Rule, key: str) -> str:
    """The annotation of a field, as written."""
    return next(str(field.type) for field in dataclasses.fields(rule.params) if field.name == key)


@functools.lru_cache(256)
def ranged(rule: Rule) -> tuple[Limit, ...]:
    """The numbers of one rule with their ranges."""
    return tuple(dataclasses.replace(one, low=_end(rule, one, -1), high=_end(rule, one, 1)) for one in of_rule(rule))


def _accepts(rule: Rule, values: Mapping[str, Number | None]) -> str:
    """ "" where the rule's check takes these numbers, else what it says."""
    try:
        dataclasses.replace(rule.params, **values)
    except ValueError as error:
        return str(error)
    return ""


def _end(rule: Rule, limit: Limit, sign: int) -> Bound | None:
    """Where what the check accepts ends, above (``sign`` 1) or below the present number; None where it does not."""
    some = next((n for n in (limit.value, 1, 100) if n is not None and not _accepts(rule, {limit.key: n})), None)
    if some is None or not _accepts(rule, {limit.key: sign * LARGEST}):
        return None
    good, bad = (int(some), sign * LARGEST) if limit.whole else (float(some), float(sign * LARGEST))
    while (middle := (good + bad) // 2 if limit.whole else (good + bad) / 2) not in (good, bad):
        good, bad = (good, middle) if _accepts(rule, {limit.key: middle}) else (middle, bad)
    if limit.whole:
        return Bound(good, True)
    plain = float(f"{(good + bad) / 2:.9g}")
    at = 0.0 if math.isclose(plain, 0.0, abs_tol=1e-9) else plain
    return Bound(at, not _accepts(rule, {limit.key: at}))


# ---------------------------------------------------------------- what a person typed


@dataclass(frozen=True)
class Typed:
    """``changed``: numbers by key, None: not limited any more.  ``wrong``: what is wrong by key (Chinese), under "" what is no key's."""

    changed: Mapping[str, Number | None]
    wrong: Mapping[str, str]


def typed(rule: Rule, texts: Mapping[str, str]) -> Typed:
    """What the texts of a rule's fields would change: each must be a number of its kind, all together what the check accepts."""
    known = {one.key: one for one in of_rule(rule)}
    changed: dict[str, Number | None] = {}
    wrong: dict[str, str] = {}
    for key, text in texts.items():
        try:
            value = _number(known[key], text)
        except ValueError as error:
            wrong[key] = str(error)
            continue
        if value != known[key].value:
            changed[key] = value
    if not wrong and changed and (told := _accepts(rule, changed)):
        blamed = [key for key in changed if key in told] or list(changed)
        wrong = dict.fromkeys(blamed[:1], in_words(rule, told))
    return Typed(changed, wrong)


def in_words(rule: Rule, told: str) -> str:
    """What a check says of its numbers, with their names in place of the keys."""
    for one in sorted(of_rule(rule), key=lambda limit: -len(limit.key)):
        told = told.replace(one.key, f"“{one.name.title}”")
    return told


def _number(limit: Limit, text: str) -> Number | None:
    """Raises ValueError (Chinese) for what is no number of the limit's kind."""
    if not text.strip() and limit.optional:
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError("不是数字，请写成 160 或 -12.5") from None
    if not number.is_finite() or abs(number) > LARGEST:
        raise ValueError("不是数字，请写成 160 或 -12.5")
    if number == number.to_integral_value() and (limit.whole or "." not in text):
        return int(number)
    if limit.whole:
        raise ValueError("应是整数，如 3")
    return float(number)
