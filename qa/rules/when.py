"""Whether a rule holds for a call: its dates, its ``when``, and which of its variants.

Three-valued: what no call record tells (direction, line, day and hour of the first ring) is UNKNOWN, and a rule that depends on it is not
ruled on.  Of several keys the falsest decides, so that an outgoing call without a time is outside of a rule for incoming calls.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa.clock import known_moment
from qa.rules import calendar
from qa.rules.book import CallType, Rule, RuleBook, Variant
from qa.rules.expression import Truth
from qa.rules.model import When
from qa.rules.open_hours import OF_THE_CLOCK, begun_on, of_the_day
from qa.types import Call

if TYPE_CHECKING:
    from qa.rules.conditions import Situation

WEEKDAYS = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")
_DIRECTIONS = {"in": "呼入", "out": "呼出"}
_DAYS = {"workday": "工作日", "restday": "休息日"}


@dataclass(frozen=True)
class Held:
    """Whether something holds, and in Chinese why not or why nobody knows (empty where it holds)."""

    truth: Truth
    why: str = ""


_YES = Held(Truth.TRUE)
_ALWAYS = When()


def started(call: Call) -> datetime.datetime | None:
    """Wall clock (UTC+8) of the call's first ring, else of the earliest time known; None without a record or a readable time."""
    return known_moment(call.record.moment) if call.record is not None else None


def holds(when: When, call: Call, book: RuleBook) -> Truth:
    """Whether every key of ``when`` holds for the call."""
    return held(when, call, book).truth


def held(when: When, call: Call, book: RuleBook) -> Held:
    """The same with the reason: of the first false key, else of the first unknown one."""
    return _YES if when == _ALWAYS else _falsest(_parts(when, call, book))


def in_effect(rule: Rule, call: Call) -> Held:
    """Whether the call's day lies within the rule's own dates."""
    if rule.effective_from is None and rule.effective_until is None:
        return _YES
    at = started(call)
    if at is None:
        return Held(Truth.UNKNOWN, _without(call, "通话日期，不知本条当日是否有效"))
    if rule.effective_from is not None and at.date() < rule.effective_from:
        return Held(Truth.FALSE, f"本条自 {rule.effective_from} 起施行，通话日期为 {at.date()}")
    if rule.effective_until is not None and at.date() > rule.effective_until:
        return Held(Truth.FALSE, f"本条施行至 {rule.effective_until} 止，通话日期为 {at.date()}")
    return _YES


def choose(rule: Rule, call: Call, book: RuleBook) -> tuple[Rule | Variant, Truth]:
    """Whose parameters, title and clause hold for the call: the first variant whose ``when`` holds, else the rule's own.

    The truth is FALSE where the rule does not apply to the call (dates, ``when``), UNKNOWN where that or the variant is not known.
    """
    chosen, found = _choose(rule, call, book)
    return chosen, found.truth


def why_not(rule: Rule, call: Call, book: RuleBook) -> str:
    """Why the rule does not apply to the call, or why nobody knows (Chinese); empty where it applies."""
    return _choose(rule, call, book)[1].why


def _choose(rule: Rule, call: Call, book: RuleBook) -> tuple[Rule | Variant, Held]:
    applies = in_effect(rule, call)
    if rule.when != _ALWAYS:
        applies = _falsest((applies, held(rule.when, call, book)))
    if applies.truth is not Truth.TRUE:
        return rule, applies
    for variant in rule.variants:
        found = held(variant.when, call, book)
        if found.truth is Truth.TRUE:
            return variant, _YES
        if found.truth is Truth.UNKNOWN:
            return rule, Held(Truth.UNKNOWN, f"不知应按哪一种要求：{found.why}")
    return rule, _YES


def _falsest(parts: Iterable[Held]) -> Held:
    found = _YES
    for part in parts:
        if part.truth is Truth.FALSE:
            return part
        if found.truth is Truth.TRUE:
            found = part
    return found


def _parts(when: When, call: Call, book: RuleBook) -> Iterator[Held]:
    """One key after the other, those that cost a search of the call last."""
    if when.direction is not None:
        yield _direction(when.direction, call)
    if when.lines:
        yield _line(when.lines, call)
    at = started(call)
    if at is not None:
        yield _time(when, at, book)
    elif any(getattr(when, key) for key in OF_THE_CLOCK):
        yield Held(Truth.UNKNOWN, _without(call, "开始时刻"))
    if when.call_types:
        yield _call_type(when, call, book)


def _without(call: Call, what: str) -> str:
    return f"没有话单，不知{what}" if call.record is None else f"话单没有可用的开始时刻，不知{what}"


def _no(why: str) -> Held:
    return Held(Truth.FALSE, why)


def _direction(wanted: str, call: Call) -> Held:
    if call.record is None:
        return Held(Truth.UNKNOWN, "没有话单，不知是呼入还是呼出")
    given = call.record.direction
    return _YES if given == wanted else _no(f"通话为{_DIRECTIONS[given]}，本条只用于{_DIRECTIONS[wanted]}")


def _line(wanted: tuple[str, ...], call: Call) -> Held:
    number = call.record.line_number.strip() if call.record is not None else ""
    if not number:
        return Held(Truth.UNKNOWN, "没有话单，不知是哪条线路" if call.record is None else "话单没有线路号码")
    fits = any(number.startswith(line[:-1]) if line.endswith("*") else number == line for line in wanted)
    return _YES if fits else _no(f"线路 {number} 不在 {'、'.join(wanted)} 之列")


def _time(when: When, at: datetime.datetime, book: RuleBook) -> Held:
    """Clock and calendar: on the day on which the hours began, one of two where those of the evening before go on."""
    days = begun_on(when.hours, at)
    if not days:
        spans = "、".join(f"{low // 60:02d}:{low % 60:02d}–{high // 60:02d}:{high % 60:02d}" for low, high in when.hours)
        return _no(f"通话始于 {at:%H:%M}，本条只用于 {spans}")
    found = [_on(day, at, when, book) for day in days]
    return max(found, key=lambda held: held.truth)


def _on(day: datetime.date, at: datetime.datetime, when: When, book: RuleBook) -> Held:
    """Whether the calendar holds of ``day``, whose hours take in ``at``."""
    parts = (Held(truth, _why(key, truth, day, when, book)) for key, truth in of_the_day(when, day, book.holidays))
    found = _falsest(parts)
    over = f"通话始于 {at.date()} {at:%H:%M}，属于前一天的时段；" if day != at.date() and found.truth is not Truth.TRUE else ""
    return Held(found.truth, over + found.why)


def _why(key: str, truth: Truth, day: datetime.date, when: When, book: RuleBook) -> str:
    if truth is Truth.UNKNOWN:
        return _unannounced(day)
    if truth is Truth.TRUE:
        return ""
    if key == "weekdays":
        wanted = "、".join(WEEKDAYS[number - 1] for number in when.weekdays)
        return f"{day} 是{WEEKDAYS[day.weekday()]}，本条只用于{wanted}"
    if key == "dates":
        return f"{day} 不在 {'、'.join(f'{first} 至 {last}' for first, last in when.dates)}"
    if key == "day":
        other = "restday" if when.day == "workday" else "workday"
        return f"{day} 是{_DAYS[other]}，本条只用于{_DAYS[when.day or '']}"
    return f"{day} 不在{'、'.join(calendar.title(name, book.holidays) for name in when.holidays)}期间"


def _unannounced(day: datetime.date) -> str:
    first, last = calendar.known()
    return f"不知 {day} 的放假安排（节假日资料为 {first} 至 {last}），可在规则书 [holidays] 写明日期，或更新 chinesecalendar"


def _call_type(when: When, call: Call, book: RuleBook) -> Held:
    """A kind of call triggers what is held against the agent: only certain words make it so (``favour=False``), and what would take the
    call out of the rule need only be likely."""
    from qa.rules.conditions import Situation  # searches the call: only rule books with kinds of calls need it

    here = Situation(call, {condition.id: condition for condition in book.conditions}, book.slots)
    kinds = {kind.id: kind for kind in book.call_types}
    parts = [_none_of([kinds[kind] for kind in when.not_of_types], here)] if when.not_of_types else []
    parts += [_one_of([kinds[kind] for kind in when.of_types], here)] if when.of_types else []
    return _falsest(parts)


def _one_of(kinds: list[CallType], here: Situation) -> Held:
    truths = [here.value(kind.expression, favour=False) for kind in kinds]
    truth = max(truths)
    if truth is Truth.TRUE:
        return _YES
    titles = "、".join(kind.title for kind in kinds)
    if truth is Truth.FALSE:
        return _no(f"不是{titles}电话")
    open_kinds = [kind for kind, found in zip(kinds, truths, strict=True) if found is Truth.UNKNOWN]
    reasons = "；".join(dict.fromkeys(here.why(kind.expression, favour=False) for kind in open_kinds))
    return Held(truth, f"不能确定是否{titles}电话：{reasons}")


def _none_of(kinds: list[CallType], here: Situation) -> Held:
    truths = [here.value(kind.expression, favour=True) for kind in kinds]
    for kind, truth in zip(kinds, truths, strict=True):
        if truth is Truth.TRUE:
            return _no(f"是{kind.title}电话，本条不用于这种电话")
    open_kinds = [kind for kind, found in zip(kinds, truths, strict=True) if found is Truth.UNKNOWN]
    if not open_kinds:
        return _YES
    titles = "、".join(kind.title for kind in open_kinds)
    reasons = "；".join(dict.fromkeys(here.why(kind.expression, favour=True) for kind in open_kinds))
    return Held(Truth.UNKNOWN, f"不能确定是否{titles}电话：{reasons}")
