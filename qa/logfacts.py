"""Facts about a call log that its checks share: what was imported, which days are whole, who was called when, rows as evidence."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from qa import numbers
from qa.clock import known_moment
from qa.rules.expression import Truth
from qa.rules.open_hours import OpenHours
from qa.switch.rows import EXTENSIONS
from qa.types import Finding, Outcome, Row
from qa.types.log import CallLog, Complaint, Disposition, LoggedCall

MAX_ROWS = 200
"""Rows that one finding carries; ``rows`` among its values says how many there were."""

TABLES = {"calls": "话单", "roster": "名册", "complaints": "投诉登记", "surveys": "满意度", "tickets": "工单"}
DISPOSITIONS = {
    Disposition.ANSWERED: "接通",
    Disposition.ABANDONED: "客户放弃",
    Disposition.UNANSWERED: "无人接听",
    Disposition.FORWARDED: "转接到外部号码",
    Disposition.BUSY: "忙",
    Disposition.FAILED: "线路故障",
}
DIRECTIONS = {"in": "呼入", "out": "呼出", "internal": "内部"}
UNCLEAR = "方向不明"
"""Said of a call whose direction is none of them."""

Value = float | int | str | None
Values = dict[str, Value]
Moment = datetime.datetime


def finding(outcome: Outcome, message: str, rows: Sequence[Row] = (), values: Values | None = None, **more: Value) -> Finding:
    """A finding with its rows (at most ``MAX_ROWS``, and how many there were) and its values by name, those of ``values`` first."""
    if len(rows) > MAX_ROWS:
        message = f"{message}；共 {len(rows)} 行，此处列出前 {MAX_ROWS} 行"
    return Finding(outcome, message, rows=tuple(rows[:MAX_ROWS]), values=tuple({**(values or {}), **more}.items()))


def unknown(message: str, rows: Sequence[Row] = (), values: Values | None = None, **more: Value) -> Finding:
    return finding(Outcome.INCONCLUSIVE, message, rows, values, **more)


def without(log: CallLog, *tables: str) -> Finding | None:
    """An inconclusive finding where one of ``tables`` was not imported for the period, else None."""
    missing = [TABLES[name] for name in tables if name not in log.sources]
    return unknown(f"没有导入{'、'.join(missing)}，无法判定") if missing else None


# ---------------------------------------------------------------- calls


def started(call: LoggedCall) -> Moment | None:
    return known_moment(call.start)


def talk_s(call: LoggedCall) -> float | None:
    """Seconds from the answer to the end, None where one is missing or the end lies before the answer."""
    answer, end = known_moment(call.answer), known_moment(call.end)
    if answer is None or end is None or end < answer:
        return None
    return (end - answer).total_seconds()


def waited_s(call: LoggedCall) -> float | None:
    """Seconds that the caller waited for a person: from the first ring, else the start, to the answer or the end; None where not known.

    In a queue it is the time in the queue.  Who spoke with a machine first waits for nobody before the ring or the queue: without either
    nobody knows for how long.
    """
    if call.queued_s is not None:
        return call.queued_s
    return None if call.greeted and not call.ring and not call.queue else _stayed_s(call)


def gave_up_within(call: LoggedCall, limit_s: float) -> Truth:
    """Whether a caller who gave up did so in less than ``limit_s`` seconds of waiting for a person: surely, where the call was shorter."""
    stayed, waited = _stayed_s(call), waited_s(call)
    if any(known is not None and known < limit_s for known in (stayed, waited)):
        return Truth.TRUE
    return Truth.UNKNOWN if waited is None else Truth.FALSE


def in_machine(call: LoggedCall) -> bool:
    """Whether a caller gave up of whom nobody knows that he ever left the machine that answered: no queue, no telephone that rang."""
    reached = call.ring or call.queue or call.agent_id or call.legs
    return call.disposition is Disposition.ABANDONED and call.greeted is not None and not reached


def _stayed_s(call: LoggedCall) -> float | None:
    """Seconds from the first ring, else the start, to the answer or the end."""
    begin = known_moment(call.ring) or known_moment(call.start)
    end = known_moment(call.answer) if call.disposition is Disposition.ANSWERED else known_moment(call.end)
    if begin is None or end is None or end < begin:
        return None
    return (end - begin).total_seconds()


def row(call: LoggedCall, more: str = "") -> Row:
    """A call as evidence."""
    parts = [DIRECTIONS.get(call.direction, UNCLEAR), call.customer_number or "号码不明", DISPOSITIONS[call.disposition]]
    parts += [f"线路 {call.line_number}"] if call.line_number else []
    parts += [f"坐席 {call.agent_id}"] if call.agent_id else []
    parts += [more] if more else []
    return Row(call.source, call.start, "，".join(parts))


def complaint_row(complaint: Complaint, more: str = "") -> Row:
    kinds = {"simple": "简单投诉", "general": "一般投诉", "complex": "复杂投诉"}
    parts = [kinds.get(complaint.kind, "投诉"), complaint.complaint_id, complaint.customer_number or "号码不明"]
    parts += [f"{complaint.answered[:16].replace('T', ' ')} 答复"] if complaint.answered else ["未登记答复"]
    return Row(complaint.source, complaint.opened, "，".join([*filter(None, parts), *([more] if more else [])]))


def lines_text(lines: tuple[str, ...]) -> str:
    """``线路 400*，`` in front of what is asked of calls on these lines; "" for any."""
    return f"线路 {'、'.join(lines)}，" if lines else ""


def on_lines(call: LoggedCall, lines: tuple[str, ...]) -> Truth:
    """Whether the call came or went over one of ``lines`` (patterns of :func:`qa.numbers.fits`; none: any line).

    An inner number that called out is no line: over which one the call went is not known then.
    """
    if not lines or numbers.fits(call.line_number, lines) is not None:
        return Truth.TRUE
    number = numbers.plain(call.line_number)
    return Truth.UNKNOWN if not number or (call.direction == "out" and _inner(number, call)) else Truth.FALSE


def _inner(number: str, call: LoggedCall) -> bool:
    own = {numbers.plain(name) for name in (call.agent_id, *(leg.agent_id for leg in call.legs))}
    return number in own or re.fullmatch(EXTENSIONS, number) is not None


def unclear_direction(calls: Iterable[LoggedCall]) -> tuple[LoggedCall, ...]:
    """Those of which nobody knows whether they came in or went out."""
    return tuple(call for call in calls if not call.direction)


@dataclass(frozen=True)
class Chosen:
    """Calls that a rule is about, and those of which nobody knows whether it is (no start, no line, holidays not announced)."""

    sure: tuple[LoggedCall, ...]
    unsure: tuple[LoggedCall, ...]


def choose(log: CallLog, *asked: Callable[[LoggedCall], Truth], direction: str = "in") -> Chosen:
    """The calls of ``direction`` for which all of ``asked`` hold."""
    found = [(call, min(ask(call) for ask in asked)) for call in log.calls if call.direction == direction]
    return Chosen(*(tuple(call for call, truth in found if truth is wanted) for wanted in (Truth.TRUE, Truth.UNKNOWN)))


def in_hours(hours: OpenHours) -> Callable[[LoggedCall], Truth]:
    """Whether a call reached the house while it was open; a call without a start is UNKNOWN, also where it never closes."""

    def ask(call: LoggedCall) -> Truth:
        at = started(call)
        return Truth.UNKNOWN if at is None else hours.at(at)

    return ask


def rows_of(calls: Iterable[LoggedCall]) -> tuple[Row, ...]:
    return tuple(row(call) for call in calls)


def unsure_finding(chosen: Chosen, what: str) -> Iterator[Finding]:
    """One inconclusive finding over the calls that nobody can place, none where there are none."""
    if chosen.unsure:
        yield unknown(f"{len(chosen.unsure)} 通电话不知{what}，没有判定", rows_of(chosen.unsure), count=len(chosen.unsure))


# ---------------------------------------------------------------- time


def days(log: CallLog) -> tuple[datetime.date, ...]:
    return tuple(log.since + datetime.timedelta(n) for n in range((log.until - log.since).days + 1))


def seen_until(log: CallLog) -> Moment | None:
    """The last moment of which the log is known to tell: the latest start of a call, not after ``as_of``."""
    starts = [at for call in log.calls if (at := started(call)) is not None]
    read = known_moment(log.as_of)
    return max((at for at in starts if read is None or at <= read), default=None)


def whole(log: CallLog, day: datetime.date) -> bool:
    """Whether ``day`` was over when the log was read; where nobody knows when that was, every day counts as over."""
    read = known_moment(log.as_of)
    return read is None or read >= datetime.datetime.combine(day + datetime.timedelta(1), datetime.time())


def sound(log: CallLog) -> CallLog:
    """The log with the times taken out of calls that contradict themselves: in the future, or an order that cannot be.

    Such a call stays in the log as one of which nobody knows when it was, so that no check rules on it.
    """
    read = known_moment(log.as_of)
    calls = tuple(
        call if _possible(call, read) else dataclasses.replace(call, start=None, greeted=None, ring=None, answer=None, end=None)
        for call in log.calls
    )
    return dataclasses.replace(log, calls=calls)


def _possible(call: LoggedCall, read: Moment | None) -> bool:
    told = [at for time in (call.start, call.ring, call.answer, call.end) if (at := known_moment(time)) is not None]
    return told == sorted(told) and (read is None or all(at <= read for at in told))


def by_day(calls: Iterable[LoggedCall]) -> dict[datetime.date, list[LoggedCall]]:
    """Calls by the day of their start; those without one are left out."""
    found: dict[datetime.date, list[LoggedCall]] = defaultdict(list)
    for call in calls:
        if (at := started(call)) is not None:
            found[at.date()].append(call)
    return dict(found)


class Numbers:
    """Calls by the other party's number, for looking up who was called back."""

    def __init__(self, calls: Iterable[LoggedCall]) -> None:
        self._calls: dict[str, list[LoggedCall]] = defaultdict(list)
        for call in calls:
            self._calls[numbers.key(call.customer_number)].append(call)

    def with_number(self, number: str) -> Iterator[tuple[LoggedCall, Truth]]:
        """Calls whose number is, or may be, ``number``; those without a number are none of them."""
        if not (key := numbers.key(number)):
            return
        for call in self._calls.get(key, ()):
            if (alike := numbers.same(call.customer_number, number)) is not Truth.FALSE:
                yield call, alike


def clock(moment: Moment) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
