"""热线不得外拨 · No outgoing calls on the hotline

What is asked
    No call goes out over a line of ``lines``.

How it is measured
    Every outgoing call of the period whose own line is one of ``lines`` is a breach of its own.  An outgoing call of which the switch
    tells no line, or only the extension that dialled, may be one: all of them are one inconclusive finding.

Not covered
    Calls that the switch does not log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qa.log_examples import LogExample
from qa.logfacts import choose, finding, on_lines, row, unsure_finding, without
from qa.types import Finding, Outcome
from qa.types.log import CallLog

TITLE = "热线不得外拨"
TITLE_EN = "No outgoing calls on the hotline"


@dataclass(frozen=True)
class Params:
    """``lines``: numbers of the hotline; ``x`` for any digit, ``*`` at the end for any ending."""

    lines: tuple[str, ...] = ("400*",)


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    return f"不得有经 {'、'.join(params.lines)} 的呼出"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """A finding a breach."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    chosen = choose(log, lambda call: on_lines(call, params.lines), direction="out")
    for call in chosen.sure:
        yield finding(Outcome.FAIL, f"用热线 {call.line_number} 外拨", (row(call),), line=call.line_number)
    yield from unsure_finding(chosen, "由哪条线路外拨")
    if not chosen.sure and not chosen.unsure:
        outgoing = sum(call.direction == "out" for call in log.calls)
        yield finding(Outcome.PASS, f"{outgoing} 通呼出都不是由热线拨出", outgoing=outgoing)


EXAMPLES = (
    LogExample(
        "one of two",
        "2025-03-03 09:00 呼出 13812345678 接通 通话=60 坐席=1001 线路=4001234567\n"
        "2025-03-03 09:10 呼出 13812345678 接通 通话=60 线路=02588886666",
        Outcome.FAIL,
        (1,),
        (("line", "4001234567"),),
    ),
    LogExample("another line", "2025-03-03 09:10 呼出 13812345678 接通 通话=60 线路=02588886666", Outcome.PASS, values=(("outgoing", 1),)),
    LogExample("incoming", "2025-03-03 09:10 呼入 13812345678 接通 通话=60 线路=4001234567", Outcome.PASS),
    LogExample("line not told", "2025-03-03 09:10 呼出 13812345678 接通 通话=60", Outcome.INCONCLUSIVE, (1,)),
    LogExample(
        "the extension is no line", "2025-03-03 09:10 呼出 13812345678 接通 通话=60 坐席=8001 线路=8001", Outcome.INCONCLUSIVE, (1,)
    ),
    LogExample("no calls imported", "工单 2025-03-03 09:02 13812345678", Outcome.INCONCLUSIVE, sources=("tickets",)),
)
