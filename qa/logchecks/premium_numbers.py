"""不得拨打声讯、国际等号码 · No premium-rate or barred numbers

What is asked
    No outgoing call to a number that fits one of ``patterns``.

How it is measured
    Digits without separators, country code 86, the digit for an outside line (``exit_codes``) and the area code are compared with each
    pattern.  Where the rule book does not state ``exit_codes``, a number that fits only behind a leading 9 or 0 is inconclusive: nobody
    knows whether that digit was dialled for an outside line.  An attempt that nobody answered costs nothing and is no breach;
    it is listed as inconclusive.  A number that the switch does not tell is inconclusive.

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


_USUAL_EXIT_CODES = ("9", "0")


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
    attempts, unnamed, behind = [], [], []
    for call in outgoing:
        if not numbers.plain(call.customer_number):
            unnamed.append(call)
            continue
        pattern = _barred(call.customer_number, params, params.exit_codes)
        if pattern is None:
            if not params.exit_codes and _barred(call.customer_number, params, _USUAL_EXIT_CODES) is not None:
                behind.append(call)
            continue
        if call.disposition is not Disposition.ANSWERED:
            attempts.append(call)
            continue
        ruled = True
        yield finding(Outcome.FAIL, f"拨打 {call.customer_number}，属于 {pattern}", (row(call),), pattern=pattern)
    if attempts:
        yield unknown(f"{len(attempts)} 次拨打禁拨号码没有接通，需人工复核", rows_of(attempts), count=len(attempts))
    if behind:
        message = f"{len(behind)} 通呼出去掉首位 9 或 0 后是禁拨号码；规则书没有写明外线字冠（exit_codes），需人工复核"
        yield unknown(message, rows_of(behind), count=len(behind))
    if unnamed:
        yield unknown(f"{len(unnamed)} 通呼出没有对方号码，无法判定", rows_of(unnamed), count=len(unnamed))
    if not (ruled or attempts or unnamed or behind):
        yield finding(Outcome.PASS, f"{len(outgoing)} 通呼出都不是禁拨号码", outgoing=len(outgoing))


def _barred(number: str, params: Params, exit_codes: tuple[str, ...]) -> str | None:
    """The pattern that bars the number, None where none does or an exception allows it."""
    if numbers.fits(number, params.allowed, exit_codes) is not None:
        return None
    return numbers.fits(number, params.patterns, exit_codes)


_OUT = "2025-03-03 09:00 呼出 {} {} 坐席=1001"
EXAMPLES = (
    LogExample("information line", _OUT.format("16895123", "接通 通话=60"), Outcome.FAIL, (1,), (("pattern", "168*"),)),
    LogExample("behind the area code", _OUT.format("02516895123", "接通 通话=60"), Outcome.FAIL, (1,)),
    LogExample("behind the outside digit", _OUT.format("916895123", "接通"), Outcome.FAIL, (1,), params=(("exit_codes", ("9",)),)),
    LogExample("perhaps behind an outside digit", _OUT.format("916895123", "接通"), Outcome.INCONCLUSIVE, (1,), (("count", 1),)),
    LogExample("another outside digit", _OUT.format("916895123", "接通"), Outcome.PASS, params=(("exit_codes", ("8",)),)),
    LogExample("an exception behind the digit", _OUT.format("916895123", "接通"), Outcome.PASS, params=(("allowed", ("16895123",)),)),
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
