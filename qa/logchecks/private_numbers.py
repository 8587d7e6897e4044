"""不得接打私人电话 · No private calls

What is asked
    No talk with a private number over the house's telephones.

How it is measured
    Private are ``numbers`` of the rule book and the numbers that the roster gives for the staff, on the days on which it names them
    (``since``, ``until``), less ``house_numbers``.  An answered outgoing call to one of them is a breach; an incoming one only where
    ``incoming`` says so and the talk lasted at least ``min_talk_s`` (somebody who calls is told to call another telephone).  Numbers that
    may be the same (an area code is missing), a talk of unknown length, and a number called at least ``often`` times that no customer
    ever called from are inconclusive: a person must look.

Not covered
    Private calls to numbers that nobody listed; what was talked about.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from qa import numbers
from qa.log_examples import LogExample
from qa.logfacts import finding, row, rows_of, started, talk_s, unknown, without
from qa.rules.expression import Truth
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall, Person

TITLE = "不得接打私人电话"
TITLE_EN = "No private calls"


@dataclass(frozen=True)
class Params:
    """``often`` 0: numbers called again and again are not looked for.  ``min_talk_s`` in seconds, 0 or more."""

    numbers: tuple[str, ...] = ()
    house_numbers: tuple[str, ...] = ()
    incoming: bool = True
    min_talk_s: float = 30.0
    often: int = 0

    def __post_init__(self) -> None:
        if self.min_talk_s < 0:
            raise ValueError(f"min_talk_s 应不小于 0，现为 {self.min_talk_s:g}")
        if self.often < 0:
            raise ValueError(f"often 应不小于 0，现为 {self.often}")


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    listed = f"规则书列出的 {len(params.numbers)} 个号码和" if params.numbers else ""
    taken = f"，接听的通话满 {params.min_talk_s:g} 秒才算" if params.incoming else "，只查拨出的"
    often = f"；拨打 {params.often} 次以上而从未来电的号码交人工复核" if params.often else ""
    return f"不得与{listed}名册上员工自己的号码通话{taken}{often}"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a breach."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    private = [one for one in _private(log, params) if not _among(one.number, params.house_numbers)]
    if not private and not params.often:
        yield unknown("没有私人号码清单（规则书的 numbers，或名册的号码），无法判定")
        return
    by_key: dict[str, list[_Private]] = defaultdict(list)
    for one in private:
        by_key[numbers.key(one.number)].append(one)
    found = [each for call in log.calls if (each := _judge(call, by_key.get(numbers.key(call.customer_number), []), params)) is not None]
    yield from found
    yield from _often(log, params)
    if private and not found:
        yield finding(Outcome.PASS, f"没有与 {len(private)} 个私人号码通话", numbers=len(private))
    elif not found:
        yield unknown("没有私人号码清单，只查了反复拨打的号码，无法判定")


def _among(number: str, known: tuple[str, ...]) -> bool:
    return any(numbers.same(number, other) is Truth.TRUE for other in known)


@dataclass(frozen=True)
class _Private:
    """A private number and the rows of the roster that say when its owner belonged to the staff; none: whenever."""

    number: str
    owner: tuple[Person, ...] = ()

    def on(self, day: datetime.date | None) -> Truth:
        """Whether the number was private on ``day``; UNKNOWN for a call without one, unless it always was."""
        if not self.owner or any(person.since is None and person.until is None for person in self.owner):
            return Truth.TRUE
        if day is None:
            return Truth.UNKNOWN
        return Truth.TRUE if any(_named(person, day, day) for person in self.owner) else Truth.FALSE


def _named(person: Person, since: datetime.date, until: datetime.date) -> bool:
    """Whether a row of the roster holds on a day of ``since`` to ``until``."""
    return (person.since is None or person.since <= until) and (person.until is None or since <= person.until)


def _private(log: CallLog, params: Params) -> list[_Private]:
    """The private numbers of the period.  Who changes teams has two rows of the roster and keeps the number that one of them tells."""
    rows: dict[str, list[Person]] = defaultdict(list)
    for person in log.roster:
        rows[person.agent_id].append(person)
    found = [_Private(number) for number in params.numbers]
    for mine in rows.values():
        if any(_named(person, log.since, log.until) for person in mine):
            own = dict.fromkeys(number for person in mine for number in person.numbers)
            found += [_Private(number, tuple(mine)) for number in own]
    return found


def _judge(call: LoggedCall, private: list[_Private], params: Params) -> Finding | None:
    if call.direction not in ("in", "out") or call.disposition is not Disposition.ANSWERED or not numbers.plain(call.customer_number):
        return None
    if call.direction == "in" and not params.incoming:
        return None
    at = started(call)
    day = None if at is None else at.date()
    alike = max((min(numbers.same(call.customer_number, one.number), one.on(day)) for one in private), default=Truth.FALSE)
    if alike is Truth.FALSE or _among(call.customer_number, params.house_numbers):
        return None
    if alike is Truth.UNKNOWN:
        return unknown(f"{call.customer_number} 可能是私人号码（缺区号，或时刻不明而机主并非一直在册），需人工复核", (row(call),))
    talked = talk_s(call)
    if call.direction == "out":
        return finding(Outcome.FAIL, f"拨打私人号码 {call.customer_number}", (row(call),), talk_s=talked)
    if talked is None:
        return unknown(f"接听私人号码 {call.customer_number}，通话多久不明，需人工复核", (row(call),))
    if talked < params.min_talk_s:
        return None
    return finding(Outcome.FAIL, f"接听私人号码 {call.customer_number}，通话 {talked:.0f} 秒", (row(call),), talk_s=talked)


def _often(log: CallLog, params: Params) -> Iterator[Finding]:
    """Numbers that one agent calls again and again and that never called the house."""
    if not params.often:
        return
    callers = {numbers.plain(call.customer_number) for call in log.calls if call.direction == "in"}
    called: dict[tuple[str, str], list[LoggedCall]] = defaultdict(list)
    for call in log.calls:
        number = numbers.plain(call.customer_number)
        if call.direction == "out" and number and number not in callers and not _among(number, params.house_numbers):
            called[call.agent_id, number].append(call)
    for (agent, number), calls in sorted(called.items()):
        if len(calls) >= params.often:
            message = f"坐席 {agent or '不明'} 拨打 {number} 共 {len(calls)} 次，该号码从未来电，需人工复核是否私人电话"
            yield unknown(message, rows_of(calls), times=len(calls))


_MINE = (("numbers", ("13500001111",)),)
_CALLED = "2025-03-03 09:00 呼出 13500001111 接通 通话=60 坐席=1002"
_OWNER = "名册 1001 张三 号码=13500001111"
EXAMPLES = (
    LogExample("called a private number", "2025-03-03 09:00 呼出 13500001111 接通 通话=60 坐席=1001", Outcome.FAIL, (1,), params=_MINE),
    LogExample(
        "a number of the roster",
        "2025-03-03 09:00 呼出 +86-13500001111 接通 通话=60 坐席=1002\n名册 1001 张三 号码=13500001111",
        Outcome.FAIL,
        (1,),
    ),
    LogExample("of one who had left", f"{_CALLED}\n{_OWNER} 至=2025-03-02\n名册 1002 李四 号码=13600002222", Outcome.PASS,
               values=(("numbers", 1),)),
    LogExample("on the last day", f"{_CALLED}\n{_OWNER} 至=2025-03-03", Outcome.FAIL, (1,)),
    LogExample("not yet there", f"{_CALLED}\n2025-03-04 09:00 呼入 13812345678 接通 通话=60\n{_OWNER} 自=2025-03-04", Outcome.PASS),
    LogExample("in another team", f"{_CALLED}\n{_OWNER} 至=2025-03-02\n名册 1001 张三 自=2025-03-03", Outcome.FAIL, (1,)),
    LogExample("nobody of the roster is left", f"{_CALLED}\n{_OWNER} 至=2025-03-02", Outcome.INCONCLUSIVE),
    LogExample("left, but when was the call", f"2025-03-03 ??:?? 呼出 13500001111 接通 通话=60\n{_OWNER} 至=2025-03-03",
               Outcome.INCONCLUSIVE, (1,)),
    LogExample("a long talk", "2025-03-03 09:00 呼入 13500001111 接通 等待=3 通话=90", Outcome.FAIL, (1,), (("talk_s", 90.0),), _MINE),
    LogExample("told to call elsewhere", "2025-03-03 09:00 呼入 13500001111 接通 等待=3 通话=9", Outcome.PASS, params=_MINE),
    LogExample("nobody answered", "2025-03-03 09:00 呼出 13500001111 未接", Outcome.PASS, params=_MINE),
    LogExample("customers alone", "2025-03-03 09:00 呼出 13812345678 接通 通话=60", Outcome.PASS, params=_MINE),
    LogExample(
        "a colleague's office",
        "2025-03-03 09:00 呼出 13500001111 接通 通话=60",
        Outcome.INCONCLUSIVE,
        params=(*_MINE, ("house_numbers", ("13500001111",))),
    ),
    LogExample("length not known", "2025-03-03 09:00 呼入 13500001111 接通 等待=3", Outcome.INCONCLUSIVE, (1,), params=_MINE),
    LogExample(
        "the area code is missing", "2025-03-03 09:00 呼出 88886666 接通 通话=60", Outcome.INCONCLUSIVE, (1,),
        params=(("numbers", ("02588886666",)),),
    ),
    LogExample(
        "called again and again",
        "\n".join(f"2025-03-03 09:{n:02d} 呼出 13700002222 接通 通话=60 坐席=1001" for n in range(5)),
        Outcome.INCONCLUSIVE,
        (1, 2, 3, 4, 5),
        params=(*_MINE, ("often", 5)),
    ),
    LogExample("no list", "2025-03-03 09:00 呼出 13500001111 接通 通话=60", Outcome.INCONCLUSIVE),
)  # fmt: skip
