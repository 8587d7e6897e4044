"""How many calls a number of seats can bear: by Erlang C, or by a number of calls a seat and hour that the rule book states.

Erlang C (Erlang 1917): calls come by chance, wait in one queue, none gives up.  The kept libraries (pyworkforce) bring a constraint
solver of hundreds of megabytes for this one formula; here it is two quotients of scipy's Poisson distribution, exact for any number of
seats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qa.rules.open_hours import ALWAYS, OpenHours

_MOST_CALLS = 1_000_000


@dataclass(frozen=True)
class TrafficParams:
    """``[traffic]`` of a rule book.

    ``slot_min``: length of a slot in minutes, a divisor of a day.  ``calls_per_seat_hour``: calls that a seat can take in an hour; 0:
    by Erlang C, so that ``service_level`` (0–1) of the calls are answered within ``answer_s`` seconds, each call keeping its seat for
    the mean talk of the last month and ``wrap_s`` seconds.  ``occupancy`` (0–1): share of a seat's time that may be spent on calls.
    ``open``: the hours that are shown.
    """

    slot_min: int = 60
    calls_per_seat_hour: float = 0.0
    service_level: float = 0.8
    answer_s: float = 20.0
    wrap_s: float = 30.0
    occupancy: float = 0.9
    open: OpenHours = ALWAYS

    def __post_init__(self) -> None:
        if self.slot_min < 5 or 1440 % self.slot_min:
            raise ValueError(f"slot_min 应是能整除一天的分钟数，不小于 5，现为 {self.slot_min}")
        if self.calls_per_seat_hour < 0 or self.answer_s < 0 or self.wrap_s < 0:
            raise ValueError("calls_per_seat_hour、answer_s、wrap_s 应不小于 0")
        if not 0 < self.service_level < 1:
            raise ValueError(f"service_level 应在 0 与 1 之间，现为 {self.service_level:g}")
        if not 0 < self.occupancy <= 1:
            raise ValueError(f"occupancy 应大于 0 且不超过 1，现为 {self.occupancy:g}")

    def words(self, handle_s: float | None) -> str:
        """How the bearable calls were reckoned, in Chinese; ``handle_s``: seconds that a call keeps its seat."""
        if self.calls_per_seat_hour:
            return f"每席每小时 {self.calls_per_seat_hour:g} 通（规则书 [traffic]）"
        if handle_s is None:
            return "没有可用的通话时长，算不出能承受的话务量"
        level = f"{100 * self.service_level:g}% 在 {self.answer_s:g} 秒内接听，坐席利用率不超过 {100 * self.occupancy:g}%"
        return f"Erlang C：{level}，每通占用坐席 {handle_s:.0f} 秒（平均通话与 {self.wrap_s:g} 秒整理）"


def wait_probability(seats: int, erlangs: float) -> float:
    """Erlang C: the share of calls (0–1) that must wait, with ``erlangs`` of traffic for ``seats``; 1 where the seats cannot keep up."""
    if erlangs <= 0:
        return 0.0
    if seats <= erlangs:
        return 1.0
    from scipy.stats import poisson  # slow to import

    # Erlang B is the Poisson probability of exactly all seats, given that no more are taken
    blocked = math.exp(float(poisson.logpmf(seats, erlangs)) - float(poisson.logcdf(seats, erlangs)))
    return blocked / (1 - (erlangs / seats) * (1 - blocked))


def answered_within(seats: int, erlangs: float, answer_s: float, handle_s: float) -> float:
    """Share of calls (0–1) that wait at most ``answer_s`` seconds, each of which keeps its seat for ``handle_s``."""
    if seats <= erlangs:
        return 0.0
    return 1 - wait_probability(seats, erlangs) * math.exp(-(seats - erlangs) * answer_s / handle_s)


def bearable(seats: int, handle_s: float | None, params: TrafficParams) -> float | None:
    """Most calls that ``seats`` can bear in a slot; None where nobody knows how long a call takes."""
    hours = params.slot_min / 60
    if params.calls_per_seat_hour:
        return seats * params.calls_per_seat_hour * hours
    if handle_s is None or handle_s <= 0:
        return None
    per_call = handle_s / (3600 * hours)

    def borne(calls: int) -> bool:
        erlangs = calls * per_call
        busy = erlangs / seats if seats else 1.0
        return busy <= params.occupancy and answered_within(seats, erlangs, params.answer_s, handle_s) >= params.service_level

    if seats < 1 or not borne(1):
        return 0.0
    low, high = 1, min(_MOST_CALLS, math.ceil(seats / per_call) + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if borne(middle) else (low, middle)
    return float(low)
