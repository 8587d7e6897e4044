"""投诉按期答复 · Complaints are answered within their term

What is asked
    A simple complaint is answered at once, a general one within ``general_days`` working days and at most ``general_max_days``, a
    complex one within ``complex_days`` and at most ``complex_max_days``.  Past the shorter term the house calls the customer of its own
    accord.

How it is measured
    By the register: class, opened, answered.  The day of the complaint is day 0; working days are China's, with public holidays and
    make-up working days; a term ends with the last of its days.  At once is within ``simple_h`` hours.  Answered within the longer term is
    as it should be; later, or not at all although the register goes on past the longer term, is a breach.  Between the two terms and
    without an answer the customer is owed a call of the house's own accord (``reply_due``): where the log has none, a person must look.
    Nothing is ruled of a complaint without a time or a class (unless it was answered within the shortest term), of days whose holidays
    nobody announced yet, of one whose answer is dated before it was opened, and where the register may not have been kept so far.  A
    complaint still within its term is not applicable.

Not covered
    Whether the class is right, and what the answer was.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from qa import numbers
from qa.clock import known_moment
from qa.log_examples import LogExample
from qa.logfacts import Moment, Numbers, clock, complaint_row, finding, seen_until, started, unknown, without
from qa.rules import calendar
from qa.rules.expression import Truth
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Complaint

TITLE = "投诉按期答复"
TITLE_EN = "Complaints are answered within their term"
_LONGEST_BREAK = 30
"""Days without a working day, at most, before something must be wrong."""


@dataclass(frozen=True)
class Params:
    """``simple_h`` hours; the others whole working days, the longer term not below the shorter one."""

    simple_h: float = 2.0
    general_days: int = 1
    general_max_days: int = 3
    complex_days: int = 5
    complex_max_days: int = 7
    reply_due: bool = True

    def __post_init__(self) -> None:
        if self.simple_h <= 0:
            raise ValueError(f"simple_h 应大于 0，现为 {self.simple_h:g}")
        for name in ("general", "complex"):
            short, long = getattr(self, f"{name}_days"), getattr(self, f"{name}_max_days")
            if not 0 < short <= long:
                raise ValueError(f"{name}_days 应大于 0 且不超过 {name}_max_days，现为 {short}、{long}")


@dataclass(frozen=True)
class _Terms:
    """``short``: when the answer is due; ``long``: at the latest."""

    short: Moment
    long: Moment
    words: str


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    general = f"一般投诉 {params.general_days} 个工作日，最长 {params.general_max_days} 个"
    simple, hard = f"简单投诉 {params.simple_h:g} 小时", f"复杂投诉 {params.complex_days} 个工作日，最长 {params.complex_max_days} 个"
    reply = "；超过较短的期限而未答复的，应主动联系客户" if params.reply_due else ""
    return f"{simple}内答复；{general}；{hard}{reply}"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a complaint."""
    if (missing := without(log, "complaints")) is not None:
        yield missing
        return
    outgoing = Numbers(call for call in log.calls if call.direction == "out")
    for complaint in log.complaints:
        yield _judge(complaint, params, outgoing, log)
    if not log.complaints:
        yield finding(Outcome.NOT_APPLICABLE, "没有投诉")


def _judge(complaint: Complaint, params: Params, outgoing: Numbers, log: CallLog) -> Finding:
    evidence = (complaint_row(complaint),)
    opened, answered = known_moment(complaint.opened), known_moment(complaint.answered)
    if opened is None:
        return unknown("投诉没有受理时刻，无法判定", evidence)
    if complaint.answered and answered is None:
        return unknown("答复时刻读不出来，无法判定", evidence)
    if answered is not None and answered < opened:
        return unknown("答复时刻早于受理时刻，登记有误，无法判定", evidence)
    terms = _terms(complaint.kind, opened, params)
    if terms is None:
        quick = answered is not None and answered <= opened + datetime.timedelta(hours=params.simple_h)
        if quick:
            return finding(Outcome.PASS, "已在最短的期限内答复", evidence)
        why = "没有登记类别" if not complaint.kind else "放假安排没有公布，算不出期限"
        return unknown(f"投诉{why}，无法判定", evidence)
    if answered is not None:
        if answered > terms.long:
            return finding(Outcome.FAIL, f"{clock(answered)} 才答复，{terms.words}，最迟 {clock(terms.long)}", evidence)
        kept = "" if answered <= terms.short else f"，超过 {clock(terms.short)} 而未过最长期限"
        return finding(Outcome.PASS, f"{clock(answered)} 答复{kept}，{terms.words}", evidence)
    return _unanswered(complaint, terms, params, outgoing, log)


def _unanswered(complaint: Complaint, terms: _Terms, params: Params, outgoing: Numbers, log: CallLog) -> Finding:
    """Not answered by the register as far as it goes."""
    evidence = (complaint_row(complaint),)
    until = _last_entry(log)
    assert until is not None  # the complaint itself was opened
    contact, known = _contact(complaint, outgoing, log)
    told = f"，{clock(contact)} 主动联系过客户" if contact is not None else "，话单里也没有主动回复客户" if known else ""
    if until > terms.long:
        return finding(Outcome.FAIL, f"到 {clock(until)} 没有答复{told}，{terms.words}，最迟 {clock(terms.long)}", evidence)
    if until <= terms.short:
        if (seen_until(log) or until) > terms.short:
            return unknown(f"登记表只到 {clock(until)}，不知此后是否按期答复", evidence)
        return finding(Outcome.NOT_APPLICABLE, f"还没有到期：{terms.words}，应于 {clock(terms.short)} 前答复", evidence)
    late = f"已过 {clock(terms.short)}，尚未答复{told}；最迟 {clock(terms.long)}"
    if params.reply_due and contact is None:
        return unknown(f"{late}，应主动回复客户", evidence)
    return finding(Outcome.NOT_APPLICABLE, late, evidence)


def _contact(complaint: Complaint, outgoing: Numbers, log: CallLog) -> tuple[Moment | None, bool]:
    """When the customer was last called since the complaint, and whether the log can tell that nobody called."""
    opened = known_moment(complaint.opened)
    if "calls" not in log.sources or not numbers.plain(complaint.customer_number) or opened is None:
        return None, False
    found = [(started(call), alike) for call, alike in outgoing.with_number(complaint.customer_number)]
    sure = [at for at, alike in found if alike is Truth.TRUE and at is not None and at >= opened]
    doubtful = any(alike is Truth.UNKNOWN or at is None for at, alike in found)
    return max(sure, default=None), not doubtful and log.since <= opened.date()


def _last_entry(log: CallLog) -> Moment | None:
    """The last thing that the register tells: so far at least it was kept.  When it was imported says nothing: it may be an old copy."""
    told = (known_moment(time) for c in log.complaints for time in (c.opened, c.answered, c.closed))
    return max((at for at in told if at is not None), default=None)


def _terms(kind: str, opened: Moment, params: Params) -> _Terms | None:
    """The terms of a class; None where it is none of the classes or a working day is not known."""
    if kind == "simple":
        due = opened + datetime.timedelta(hours=params.simple_h)
        return _Terms(due, due, f"简单投诉 {params.simple_h:g} 小时内答复")
    days = {
        "general": (params.general_days, params.general_max_days, "一般"),
        "complex": (params.complex_days, params.complex_max_days, "复杂"),
    }.get(kind)
    if days is None:
        return None
    short, long = _end_of_working_day(opened.date(), days[0]), _end_of_working_day(opened.date(), days[1])
    if short is None or long is None:
        return None
    return _Terms(short, long, f"{days[2]}投诉 {days[0]} 个工作日、最长 {days[1]} 个工作日内答复")


def _end_of_working_day(day: datetime.date, count: int) -> Moment | None:
    """The end of the ``count``-th working day after ``day``; None where a day in between is not announced."""
    rest = 0
    while count:
        day += datetime.timedelta(1)
        works = calendar.workday(day)
        if works is Truth.UNKNOWN or rest > _LONGEST_BREAK:
            return None
        rest = 0 if works is Truth.TRUE else rest + 1
        count -= works is Truth.TRUE
    return datetime.datetime.combine(day, datetime.time(23, 59, 59))


def _one(kind: str, answered: str = "", opened: str = "2025-03-03 09:10") -> str:
    return f"投诉 {opened} 13812345678 类别={kind}" + (f" 答复={answered}" if answered else "")


_CALLED = "\n2025-03-11 10:00 呼出 13812345678 接通"
_LATER = "\n投诉 2025-03-19 09:10 13912345678 类别=一般 答复=2025-03-19T10:00"
_SINCE = "\n投诉 2025-03-11 11:00 13912345678 类别=一般"
_SEEN = "\n2025-03-20 15:00 呼出 13712345678 接通 通话=60"
EXAMPLES = (
    LogExample("general, the next day", _one("一般", "2025-03-04T17:00"), Outcome.PASS),
    LogExample("general, on the fourth working day", _one("一般", "2025-03-07T10:00"), Outcome.FAIL, (1,)),
    LogExample("over the weekend", _one("一般", "2025-03-10T10:00", "2025-03-07 16:00"), Outcome.PASS),
    LogExample("over National Day", _one("一般", "2025-10-09T10:00", "2025-09-30 16:00"), Outcome.PASS),
    LogExample("complex, on the seventh day", _one("复杂", "2025-03-12T10:00"), Outcome.PASS),
    LogExample("complex, on the eighth day", _one("复杂", "2025-03-13T10:00"), Outcome.FAIL, (1,)),
    LogExample("past the shorter term, the customer was called", f"{_one('复杂')}{_CALLED}{_SINCE}", Outcome.NOT_APPLICABLE),
    LogExample("past the shorter term, nobody called", f"{_one('复杂')}{_SINCE}", Outcome.INCONCLUSIVE, (1,)),
    LogExample("never answered", _one("复杂") + _LATER, Outcome.FAIL, (1,)),
    LogExample("nobody knows how far the register was kept", _one("复杂") + _SEEN, Outcome.INCONCLUSIVE, (1,)),
    LogExample("simple, after three hours", _one("简单", "2025-03-03T12:20"), Outcome.FAIL, (1,)),
    LogExample("still within the term", _one("一般") + "\n2025-03-03 15:00 呼出 13712345678 接通", Outcome.NOT_APPLICABLE),
    LogExample("no class", "投诉 2025-03-03 09:10 13812345678 答复=2025-03-05T10:00", Outcome.INCONCLUSIVE, (1,)),
    LogExample("answered before it was opened", _one("一般", "2025-03-02T10:00"), Outcome.INCONCLUSIVE, (1,)),
    LogExample("holidays not announced", _one("一般", "2049-03-05T10:00", "2049-03-03 10:00"), Outcome.INCONCLUSIVE, (1,)),
    LogExample("no register", "2025-03-03 15:00 呼出 13712345678 接通", Outcome.INCONCLUSIVE),
)  # fmt: skip
