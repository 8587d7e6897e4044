"""不得接打私人电话 · No private calls

What is asked
    No talk with a private number over the house's telephones.

How it is measured
    Private are ``numbers`` of the rule book and the numbers that the roster gives for the staff, less ``house_numbers``.  An answered
    outgoing call to one of them is a breach; an incoming one only where ``incoming`` says so and the talk lasted at least
    ``min_talk_s`` (somebody who calls is told to call another telephone).  Numbers that may be the same (an area code is missing), a
    talk of unknown length, and a number called at least ``often`` times that no customer ever called from are inconclusive: a person
    must look.

Not covered
    Private calls to numbers that nobody listed; what was talked about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from qa import numbers
from qa.log_examples import LogExample
from qa.logfacts import finding, row, rows_of, talk_s, unknown, without
from qa.rules.expression import Truth
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall

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
    private = [*params.numbers, *(number for person in log.roster for number in person.numbers)]
    private = [number for number in private if not _among(number, params.house_numbers)]
    if not private and not params.often:
        yield unknown("没有私人号码清单（规则书的 numbers，或名册的号码），无法判定")
        return
    by_key: dict[str, list[str]] = defaultdict(list)
    for number in private:
        by_key[numbers.key(number)].append(number)
    found = [each for call in log.calls if (each := _judge(call, by_key.get(numbers.key(call.customer_number), []), params)) is not None]
    yield from found
    yield from _often(log, params)
    if private and not found:
        yield finding(Outcome.PASS, f"没有与 {len(private)} 个私人号码通话", numbers=len(private))
    elif not found:
        yield unknown("没有私人号码清单，只查了反复拨打的号码，无法判定")


def _among(number: str, known: tuple[str, ...]) -> bool:
    return any(numbers.same(number, other) is Truth.TRUE for other in known)


def _judge(call: LoggedCall, private: list[str], params: Params) -> Finding | None:
    if call.direction not in ("in", "out") or call.disposition is not Disposition.ANSWERED or not numbers.plain(call.customer_number):
        return None
    if call.direction == "in" and not params.incoming:
        return None
    alike = max((numbers.same(call.customer_number, number) for number in private), default=Truth.FALSE)
    if alike is Truth.FALSE or _among(call.customer_number, params.house_numbers):
        return None
    if alike is Truth.UNKNOWN:
        return unknown(f"{call.customer_number} 可能是私人号码（缺区号），需人工复核", (row(call),))
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
EXAMPLES = (
    LogExample("called a private number", "2025-03-03 09:00 呼出 13500001111 接通 通话=60 坐席=1001", Outcome.FAIL, (1,), params=_MINE),
    LogExample(
        "a number of the roster",
        "2025-03-03 09:00 呼出 +86-13500001111 接通 通话=60 坐席=1002\n名册 1001 张三 号码=13500001111",
        Outcome.FAIL,
        (1,),
    ),
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
