"""不得拨打声讯、国际等号码 · No premium-rate or barred numbers

What is asked
    No outgoing call to a number that fits one of ``patterns``.

How it is measured
    Digits without separators, country code 86, the digit for an outside line (``exit_codes``) and the area code are compared with each
    pattern.  An attempt that nobody answered costs nothing and is no breach; it is listed as inconclusive.  A number that the switch
    does not tell is inconclusive.

Not covered
    Calls that the switch does not log; what a call cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qa import numbers
from qa.log_examples import LogExample
from qa.logfacts import finding, row, rows_of, unknown, without
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition

TITLE = "不得拨打声讯等号码"
TITLE_EN = "No premium-rate or barred numbers"


@dataclass(frozen=True)
class Params:
    """``patterns``: barred numbers (``168*``, ``9xx``, ``00*``); ``allowed``: exceptions; ``exit_codes``: digits for an outside line."""

    patterns: tuple[str, ...] = ("168*", "160*")
    allowed: tuple[str, ...] = ()
    exit_codes: tuple[str, ...] = ()


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    but = f"（{'、'.join(params.allowed)} 除外）" if params.allowed else ""
    return f"不得拨通 {'、'.join(params.patterns)}{but}；x 代表任一数字，* 代表任意结尾"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a breach."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    outgoing = [call for call in log.calls if call.direction == "out"]
    ruled = False
    attempts, unnamed = [], []
    for call in outgoing:
        if not numbers.plain(call.customer_number):
            unnamed.append(call)
            continue
        pattern = numbers.fits(call.customer_number, params.patterns, params.exit_codes)
        if pattern is None or numbers.fits(call.customer_number, params.allowed, params.exit_codes) is not None:
            continue
        if call.disposition is not Disposition.ANSWERED:
            attempts.append(call)
            continue
        ruled = True
        yield finding(Outcome.FAIL, f"拨打 {call.customer_number}，属于 {pattern}", (row(call),), pattern=pattern)
    if attempts:
        yield unknown(f"{len(attempts)} 次拨打禁拨号码没有接通，需人工复核", rows_of(attempts), count=len(attempts))
    if unnamed:
        yield unknown(f"{len(unnamed)} 通呼出没有对方号码，无法判定", rows_of(unnamed), count=len(unnamed))
    if not (ruled or attempts or unnamed):
        yield finding(Outcome.PASS, f"{len(outgoing)} 通呼出都不是禁拨号码", outgoing=len(outgoing))


_OUT = "2025-03-03 09:00 呼出 {} {} 坐席=1001"
EXAMPLES = (
    LogExample("information line", _OUT.format("16895123", "接通 通话=60"), Outcome.FAIL, (1,), (("pattern", "168*"),)),
    LogExample("behind the area code", _OUT.format("02516895123", "接通 通话=60"), Outcome.FAIL, (1,)),
    LogExample("behind the outside digit", _OUT.format("916895123", "接通"), Outcome.FAIL, (1,), params=(("exit_codes", ("9",)),)),
    LogExample("abroad", _OUT.format("+1-212-5550123", "接通"), Outcome.FAIL, (1,), params=(("patterns", ("00*",)),)),
    LogExample("home by country code", _OUT.format("+86-138-1234-5678", "接通"), Outcome.PASS, params=(("patterns", ("00*",)),)),
    LogExample(
        "three digits, an exception",
        _OUT.format("955", "接通"),
        Outcome.PASS,
        params=(("patterns", ("9xx",)), ("allowed", ("955",))),
    ),
    LogExample("a customer", _OUT.format("13816812345", "接通"), Outcome.PASS, values=(("outgoing", 1),)),
    LogExample("nobody answered", _OUT.format("16895123", "未接"), Outcome.INCONCLUSIVE, (1,)),
    LogExample("number not told", _OUT.format("匿名", "接通"), Outcome.INCONCLUSIVE, (1,)),
)
