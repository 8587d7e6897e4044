"""Addresses: where a place is asked for or told, names of roads and houses and every number; elsewhere, what is plainly a house.

``南京路二百号三栋五零二室`` is hidden whole, wherever it stands; ``五楼`` alone only where an address is spoken of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qa.clips.heard import Stream
from qa.clips.numerals import times_asked, within
from qa.types import Span

ASKED_MS = 20_000
_REST = 12  # characters behind a part of an address
ASKED = (
    "地址", "住址", "住在", "住哪", "家住", "送到", "寄到", "寄给", "门牌", "小区", "哪条路", "哪个区", "楼栋", "上门", "派送", "收货",
    "装机", "户籍", "位置", "哪栋", "几栋", "几楼", "单元",
)  # fmt: skip
_N = "零〇一幺二两三四五六七八九十百千a-z"
_PARTS = "号楼|号院|号门|弄|栋|幢|座|单元|室|号房|房间|门洞|层|楼|组|队|巷|期|号"
_HOUSE = re.compile(f"[{_N}]+(?:{_PARTS})")
_ROAD = re.compile(
    "[^的在到是了吗呢吧我你您他她哦嗯个一]{1,4}?(?:大道|大街|胡同|小区|花园|花苑|公寓|大厦|广场|新村|新城|家园|街道|自治区|自治州|开发区|工业园|[路街巷弄镇乡村县苑])"
)
_NO_ROAD = re.compile("线路|网路|道路|马路|思路|一路|路由|套路|走路|出路|公路|电路|半路|路费|铁路|迷路|高速路|上街|逛街")
_DONE = re.compile("坏|丢|错|清|完|断|掉|脏|乱|破|懂|明白|糟|反了|混|成[这那什]|不[好清懂明了完到出来]|好[了没吗就再以]")
"""What is said right behind 弄 where it is no lane but a verb: 弄坏, 弄丢, 弄好了."""
_PLACE = re.compile("[^的在到是了吗呢吧我你您他她哦嗯个这那]{2,3}?[省市区]")
_NO_PLACE = re.compile("[小社地专园市郊山城特]区(?!路)|超市|股市|城市|上市|门市|节省|[本全各]市|区别|区分")


def said(streams: Sequence[Stream]) -> tuple[tuple[int, int, int], ...]:
    """All that is to be hidden: stream, first and last character (exclusive)."""
    asked = times_asked(streams, ASKED, (), ASKED_MS)
    return tuple((k, start, end) for k, stream in enumerate(streams) for start, end in _found(stream, asked))


def _found(stream: Stream, asked: Sequence[Span]) -> Iterator[tuple[int, int]]:
    text = stream.text
    here = [within(c.span, asked) for c in stream.characters]
    houses = [m.span() for m in _HOUSE.finditer(text)]
    roads = [m.span() for m in _ROAD.finditer(text) if not _NO_ROAD.search(m[0]) and not _does(stream, m)]
    begin, done = {s for s, _ in houses}, {e for _, e in houses}
    behind_road = {e + k for _, e in roads for k in range(5)}
    before_house = {s - k for s in begin for k in range(5)}
    for start, end in houses:
        beside = start in behind_road
        chained = not done.isdisjoint((start, start - 1)) or not begin.isdisjoint((end, end + 1))
        if here[start]:
            yield start, _breath(stream, end)
        elif beside or chained:
            yield start, end
    for start, end in roads:
        if here[start]:
            yield start, _breath(stream, end)
        elif end in before_house:
            yield start, end
    for match in _PLACE.finditer(text):
        if here[match.start()] and not _NO_PLACE.search(match[0]):
            yield match.span()


def _does(stream: Stream, found: re.Match[str]) -> bool:
    """Whether what looks like a lane (里弄) is something done, in one breath: 施工队弄坏."""
    end = found.end()
    return found[0].endswith("弄") and _DONE.match(stream.text, end) is not None and not stream.characters[end].pause


def _breath(stream: Stream, end: int) -> int:
    """Where what is said in one breath with a part of an address ends: house and room may be written as anything (一动三年六十)."""
    last = min(len(stream.characters), end + _REST)
    return next((k for k in range(end, last) if stream.characters[k].pause), last)
