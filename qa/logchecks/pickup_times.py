"""接听快慢的分布 · How long callers wait for the answer

What is asked
    At least ``min_share`` of the answered incoming calls are answered within ``max_s`` seconds of the agent's first ring.

How it is measured
    From ``ring`` (the agent's telephone; an IVR or a queue before it does not count) to ``answer``.  ``error_s``, with what the
    switch's whole seconds leave open, is the error of the times: a call over the limit by less than this may be within it.  Those, and
    calls of which the switch does not tell the ring, are tried both ways; where that matters nothing is ruled.  Shown are median, 90th
    percentile, the longest wait and how many calls were answered in the 1st, 2nd … ring of ``ring_s`` seconds.

Not covered
    Calls that nobody answered (接通率); waiting in the queue.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from qa.checks.pickup import rings_begun
from qa.clock import known_moment
from qa.intervals import wilson
from qa.log_examples import LogExample
from qa.logfacts import Values, choose, finding, in_hours, lines_text, on_lines, row, rows_of, unknown, without
from qa.rules.open_hours import ALWAYS, OpenHours
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall

TITLE = "接听快慢"
TITLE_EN = "How long callers wait for the answer"
_SHOWN_RINGS = 5


@dataclass(frozen=True)
class Params:
    """``max_s`` and ``ring_s`` in seconds; ``min_share`` 0–1; ``min_calls``: fewer are not ruled on."""

    max_s: float = 15.0
    min_share: float = 0.9
    ring_s: float = 5.0
    error_s: float = 0.2
    min_calls: int = 20
    lines: tuple[str, ...] = ()
    open: OpenHours = ALWAYS

    def __post_init__(self) -> None:
        if self.max_s <= 0 or self.ring_s <= 0:
            raise ValueError(f"max_s、ring_s 应大于 0，现为 {self.max_s:g}、{self.ring_s:g}")
        if not 0 < self.min_share <= 1:
            raise ValueError(f"min_share 应大于 0 且不超过 1，现为 {self.min_share:g}")
        if self.error_s < 0:
            raise ValueError(f"error_s 应不小于 0，现为 {self.error_s:g}")
        if self.min_calls < 1:
            raise ValueError(f"min_calls 应不小于 1，现为 {self.min_calls}")


def ring_to_answer_s(call: LoggedCall) -> float | None:
    """Seconds from the agent's first ring to the answer; None where one of them is not told."""
    ring, answer = known_moment(call.ring), known_moment(call.answer)
    return None if ring is None or answer is None or answer < ring else (answer - ring).total_seconds()


def in_words(params: Params) -> str:
    """What is asked, in Chinese."""
    return f"{lines_text(params.lines)}{params.open.text()}接通的来电，至少 {100 * params.min_share:g}% 在振铃后 {params.max_s:g} 秒内接听"


def run(log: CallLog, params: Params) -> Iterator[Finding]:
    """One finding.  Values: share_percent, calls, median_s, p90_s, longest_s, rings_1 … rings_5 (5 and more)."""
    if (missing := without(log, "calls")) is not None:
        yield missing
        return
    chosen = choose(log, in_hours(params.open), lambda call: on_lines(call, params.lines))
    answered = [call for call in chosen.sure if call.disposition is Disposition.ANSWERED]
    waits = sorted((wait, call.source, call) for call in answered if (wait := ring_to_answer_s(call)) is not None)
    untold = [call for call in (*answered, *chosen.unsure) if ring_to_answer_s(call) is None and call.disposition is Disposition.ANSWERED]
    untold += [call for call in chosen.unsure if ring_to_answer_s(call) is not None and call.disposition is Disposition.ANSWERED]
    if not waits:
        message = f"{len(untold)} 通接通的来电都没有振铃时刻，无法判定" if untold else "没有接通的来电"
        yield unknown(message, rows_of(untold)) if untold else finding(Outcome.NOT_APPLICABLE, message)
        return
    yield _rule([(wait, call) for wait, _, call in waits], untold, params)


def _rule(waits: list[tuple[float, LoggedCall]], untold: list[LoggedCall], params: Params) -> Finding:
    n = len(waits)
    late = [(wait, call) for wait, call in waits if wait > params.max_s]
    sure_late = [(wait, call) for wait, call in waits if wait - params.max_s >= params.error_s + call.precision_ms / 1000]
    maybe_late = [(wait, call) for wait, call in waits if wait > params.max_s - call.precision_ms / 1000]
    share = wilson(n - len(late), n)
    values: Values = _figures([wait for wait, _ in waits], params) | {"share_percent": round(100 * (n - len(late)) / n, 2), "calls": n}
    shown = (
        f"{n - len(late)}/{n} 通在 {params.max_s:g} 秒内接听，占 {100 * (n - len(late)) / n:.1f}%"
        f"（95% 区间 {100 * (share.low or 0):.1f}–{100 * (share.high or 0):.1f}%），应不低于 {100 * params.min_share:g}%；"
        f"中位 {values['median_s']:g} 秒，九成在 {values['p90_s']:g} 秒内，最长 {values['longest_s']:g} 秒"
    )
    if n < params.min_calls:
        return unknown(f"{shown}；不到 {params.min_calls} 通，太少，不作判定", values=values)
    best = _enough(n - len(sure_late) + len(untold), n + len(untold), params)
    worst = _enough(n - len(maybe_late), n + len(untold), params)
    if best is not worst:
        doubtful = [*untold, *(call for wait, call in maybe_late if (wait, call) not in sure_late)]
        return unknown(f"{shown}；另有 {len(doubtful)} 通振铃时刻不明或在误差之内，会影响结果，不作判定", rows_of(doubtful), values=values)
    if worst:
        return finding(Outcome.PASS, shown, values=values)
    return finding(Outcome.FAIL, shown, tuple(row(call, f"振铃 {wait:.1f} 秒后接听") for wait, call in late), values=values)


def _enough(within: int, n: int, params: Params) -> bool:
    return within * 1_000_000 >= round(params.min_share * 1_000_000) * n


def _figures(waits: list[float], params: Params) -> Values:
    """``waits`` in ascending order; percentiles are calls that really were (nearest rank)."""
    rank = {
        name: waits[max(0, math.ceil(share * len(waits)) - 1)] for name, share in (("median_s", 0.5), ("p90_s", 0.9), ("longest_s", 1.0))
    }
    rings = [min(rings_begun(round(wait * 1000), params.ring_s), _SHOWN_RINGS) for wait in waits]
    return {**{name: round(wait, 1) for name, wait in rank.items()}, **{f"rings_{n}": rings.count(n) for n in range(1, _SHOWN_RINGS + 1)}}


def _calls(quick: int, late: int, wait: float = 30.0) -> str:
    rows = [f"2025-03-03 09:{n:02d} 呼入 138{n:08d} 接通 等待=4 通话=60" for n in range(quick)]
    rows += [f"2025-03-03 10:{n:02d} 呼入 139{n:08d} 接通 等待={wait} 通话=60" for n in range(late)]
    return "\n".join(rows)


EXAMPLES = (
    LogExample("nine of ten in time", _calls(18, 2), Outcome.PASS, values=(("share_percent", 90.0), ("median_s", 4.0), ("rings_5", 2))),
    LogExample("three of twenty late", _calls(17, 3), Outcome.FAIL, (18, 19, 20), (("share_percent", 85.0), ("longest_s", 30.0))),
    LogExample("late by less than the error", _calls(17, 3, 15.1), Outcome.INCONCLUSIVE, (18, 19, 20)),
    LogExample("too few", _calls(2, 3), Outcome.INCONCLUSIVE),
    LogExample(
        "rings that decide are not told", f"{_calls(18, 2)}\n2025-03-03 11:00 呼入 13712345678 接通 通话=60", Outcome.INCONCLUSIVE, (21,)
    ),
    LogExample("no ring told at all", "2025-03-03 11:00 呼入 13712345678 接通 通话=60", Outcome.INCONCLUSIVE, (1,)),
    LogExample("nobody called", "2025-03-03 11:00 呼出 13712345678 接通 通话=60", Outcome.NOT_APPLICABLE),
)
