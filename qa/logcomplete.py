"""What the checks of completeness share: calls that lack something, by day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qa.logfacts import DIRECTIONS, Values, by_day, finding, rows_of, started, talk_s, unknown, whole
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Disposition, LoggedCall


@dataclass(frozen=True)
class CompleteParams:
    """Which calls must have it: answered ones of ``directions`` with at least ``min_talk_s`` seconds of talk (0: all)."""

    directions: tuple[str, ...] = ("in", "out")
    min_talk_s: float = 0.0

    def __post_init__(self) -> None:
        if wrong := [name for name in self.directions if name not in DIRECTIONS]:
            raise ValueError(f"directions 里的 {wrong[0]} 不认识，只能是 {'、'.join(DIRECTIONS)}")
        if self.min_talk_s < 0:
            raise ValueError(f"min_talk_s 应不小于 0，现为 {self.min_talk_s:g}")

    def text(self) -> str:
        """``呼入、呼出接通满 3 秒的电话``."""
        long = f"满 {self.min_talk_s:g} 秒" if self.min_talk_s else ""
        return f"{'、'.join(DIRECTIONS[name] for name in self.directions)}接通{long}的电话"


def due(log: CallLog, params: CompleteParams) -> tuple[list[LoggedCall], list[LoggedCall]]:
    """Answered calls that must have it, and those of which nobody knows (the length of the talk)."""
    directions, min_talk_s = params.directions, params.min_talk_s
    sure, unsure = [], []
    for call in log.calls:
        if call.disposition is not Disposition.ANSWERED or call.direction not in directions:
            continue
        talked = talk_s(call)
        if min_talk_s <= 0 or (talked is not None and talked >= min_talk_s):
            sure.append(call)
        elif talked is None:
            unsure.append(call)
    return sure, unsure


def missing_by_day(
    log: CallLog, calls: list[LoggedCall], unsure: list[LoggedCall], has: Callable[[LoggedCall], bool], what: str
) -> Iterator[Finding]:
    """A finding a day on which a call lacks it; a day without any of it may only not have been imported or processed yet."""
    good, days = 0, by_day(calls)
    for day, mine in sorted(days.items()):
        lacking = [call for call in mine if not has(call)]
        values: Values = {"day": str(day), "calls": len(mine), "missing": len(lacking)}
        if not lacking:
            good += 1
        elif not whole(log, day):
            yield unknown(f"{day}：{len(lacking)}/{len(mine)} 通还没有{what}，这一天还没有结束", rows_of(lacking), values=values)
        elif len(lacking) == len(mine):
            yield unknown(f"{day}：{len(mine)} 通都没有{what}，可能还没有导入或处理", rows_of(lacking), values=values)
        else:
            yield finding(Outcome.FAIL, f"{day}：{len(mine)} 通中有 {len(lacking)} 通没有{what}", rows_of(lacking), values=values)
    timeless = [call for call in calls if started(call) is None and not has(call)]
    open_questions = [*timeless, *(call for call in unsure if not has(call))]
    if open_questions:
        yield unknown(f"{len(open_questions)} 通时刻或时长不明，也没有{what}", rows_of(open_questions), count=len(open_questions))
    if not calls and not unsure:
        yield finding(Outcome.NOT_APPLICABLE, f"没有应有{what}的电话")
    elif good == len(days) and not open_questions:
        yield finding(Outcome.PASS, f"{len(calls) + len(unsure)} 通电话都有{what}", calls=len(calls) + len(unsure))
