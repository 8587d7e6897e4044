"""Digits that people say: found in groups, over turns, repeated by the other side, and where the recogniser wrote something like them.

Errs on the side of hiding.  What stays is what is plainly a quantity: money, durations, dates, counts (三百五十块, 二十四小时,
五月一号); a date does not stay where somebody's birthday is spoken of.

* A *group* is digits (零-九, 幺, 两, 洞, 拐, 勾, Latin letters, X) with at most a few characters between them that sound like digits
  (腰, 领, 留) or are fillers.  Three digits in a group are a number.
* Groups of any speaker that follow each other within ``APART_MS`` are one number: four digits in all are enough, two where a word like
  电话 or 卡号 was said shortly before (``ASKED_MS``).
* There, characters that only sound like digits count too.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from qa.callfacts import bridged
from qa.clips.heard import Character, Stream
from qa.phonetic import syllable_distance, syllables
from qa.text import normalise
from qa.timeline import Timeline, timeline
from qa.types import Span

APART_MS = 6000
ASKED_MS = 20_000
_ENOUGH, _ENOUGH_TOGETHER, _ENOUGH_ASKED = 3.0, 4.0, 2.0
_UNSURE = 0.55
_GAP_MS = 4000
_FILL_MS, _FILL_CHARACTERS = 3000, 5
_SNATCH_MS, _SNATCH_CHARACTERS = 4000, 3

DIGITS = frozenset("零〇一幺二两三四五六七八九")
_RADIO = frozenset("洞拐勾")
_UNITS = frozenset("十百千万亿")
_FILLERS = frozenset("嗯啊呃额哦哎诶那个然后杠横空格减是")
_SOUNDS = frozenset(("ling", "yi", "yao", "er", "liang", "lia", "san", "si", "wu", "liu", "qi", "ba", "jiu", "dong", "guai", "gou", "cha"))
_PLAIN_ANSWERS = frozenset(
    (
        "嗯", "哦", "啊", "好", "对", "是", "喂", "哎", "行", "好的", "对的", "是的", "没错", "对对", "对对对", "嗯嗯", "好好", "好好好",
        "您说", "请说", "请讲", "您讲", "稍等", "您好", "你好", "谢谢", "可以", "没有", "不是", "不对", "再见", "记好了", "记下了",
        "知道了", "明白", "好了", "行吧", "行了", "对吗", "对吧", "是吗", "是吧",
    )
)  # fmt: skip
_X = frozenset("叉")
_N = "零〇一幺二两三四五六七八九十百千万亿"
_D = "零〇一幺二两三四五六七八九"
_THINGS = (
    "元|块|毛|角|分|小时|点钟|点|天|周|星期|个|位|次|遍|回|笔|单|件|条|张|份|台|部|款|种|项|套|户|人|家|年|月|日|号|兆|度|吨|方|立方|"
    "公里|米|斤|寸|折|倍|成|级|期|秒|岁|栋|层|步|句|字|声|页|集|路"
)
_QUANTITY = re.compile(
    f"(?:[{_D}]{{2}}|[{_D}]{{4}})年(?:[{_N}]{{1,3}}月)?(?:[{_N}]{{1,3}}[日号])?|[{_N}]{{1,3}}月[{_N}]{{1,3}}[日号]?"
    f"|[{_N}]{{1,3}}点(?:[{_N}]{{1,3}}分?|半)?|(?:周|星期|礼拜)[一二三四五六]|百分之[{_N}]+(?:点[{_D}]+)?|第[{_N}]{{1,3}}"
    f"|(?:[{_D}]{{1,2}}|[{_D}]?[十百千万亿][{_N}]*)(?:点[{_D}]{{1,2}})?多?(?:{_THINGS})(?:[{_D}](?![{_N}]))?"
    f"|[{_D}]点[{_D}]{{1,2}}(?![{_N}])|[{_D}][百千万](?![{_N}])|[三四五六七八九]十(?![{_N}])"
)
_IDIOM = re.compile(
    "一[下般样起直定些边会共旦向切再点半路句声遍趟间套类批组段道盘副双对致律概时刻番体贯]|[这那哪某每同另][一两]|[万统唯之专单][一]|千万|三番|五花|"
    "乱七八|不三不四|接二连三|七上八下|十分|万分|两边|两下|第一|[一二]来|三方|四川|三星|六福|九州|三亚|一二线|百姓|百度|五险一金|三包|"
    "一站|一卡|一键|一手|二手|二维|三者"
)
ASKED = (
    "电话", "号码", "手机", "联系方式", "身份证", "证件号", "卡号", "银行卡", "尾号", "后四位", "后六位", "账号", "户号", "验证码",
    "密码", "单号", "订单", "微信", "工号", "车牌", "保单", "编号", "前三位", "社保", "护照", "驾照", "分机", "固话", "区号", "联系您",
    "打给我", "回拨",
)  # fmt: skip
"""Words after which a number is expected."""
_BIRTH = ("生日", "出生", "哪年生", "多大年纪")
_REPEATED = re.compile(f"[两二三四五六]个[{_D}](?![{_N}块元角分度个月天点次年号])")  # 两个八 is 88
_X_SPELT = re.compile("[艾爱埃哎诶][克可][斯思丝四]")
NOT_ASKED = ("电话费", "话费", "打电话", "来电话", "电话卡", "手机卡", "手机店", "电话里", "电话会议")


@dataclass(frozen=True)
class Group:
    """Characters ``start:end`` of a stream that are digits, ``weight`` of them; ``certain``: enough by themselves."""

    stream: int
    start: int
    end: int
    span: Span
    weight: float
    certain: bool


@dataclass
class _Cluster:
    groups: list[Group] = field(default_factory=list)
    end_ms: int = 0


def said(streams: Sequence[Stream]) -> tuple[tuple[int, int, int], ...]:
    """All that is to be hidden: stream, first and last character (exclusive)."""
    asked = times_asked(streams, ASKED, NOT_ASKED, ASKED_MS)
    births = times_asked(streams, _BIRTH, (), ASKED_MS)
    groups = sorted((g for k, stream in enumerate(streams) for g in _groups(k, stream, asked, births)), key=lambda g: g.span)
    chosen: list[Group] = []
    for cluster in _clusters(groups):
        needed = _ENOUGH_ASKED if any(within(g.span, asked) for g in cluster) else _ENOUGH_TOGETHER
        if sum(g.weight for g in cluster) >= needed or any(g.certain for g in cluster):
            many = Timeline((g for g in cluster if g.weight >= 2.0), lambda g: g.span)
            chosen += [g for g in cluster if _belongs(g, many, asked)]
    return (*_filled(chosen, streams), *_snatches(chosen, streams))


def _snatches(chosen: Sequence[Group], streams: Sequence[Stream]) -> Iterator[tuple[int, int, int]]:
    """Short breaths beside a number that are no plain answer: a group of digits that was heard as something else (六二 as 了)."""
    near = timeline(Span(max(0, g.span.start_ms - _SNATCH_MS), g.span.end_ms + _SNATCH_MS) for g in chosen if g.weight >= 2.0)
    for index, stream in enumerate(streams):
        edges = [k for k, c in enumerate(stream.characters) if c.pause] + [len(stream.characters)]
        for start, end in itertools.pairwise(sorted({0, *edges})):
            short = end - start <= _SNATCH_CHARACTERS and stream.text[start:end] not in _PLAIN_ANSWERS
            if short and _overlapped(stream.span(start, end), near):
                yield index, start, end


def _overlapped(span: Span, by: Timeline[Span]) -> bool:
    return any(span.overlap_ms(other) for other in by.at(span.start_ms, span.end_ms))


def times_asked(streams: Sequence[Stream], words: Sequence[str], unless: Sequence[str], after_ms: int) -> tuple[Span, ...]:
    """When something named by ``words`` is likely to be said: from the word, heard or sounding alike, until so long after it; sorted,
    apart."""
    out = []
    for stream in streams:
        barred = {at + k for word in unless for at in _written(word, stream.text) for k in range(len(word))}
        for word in words:
            for at in {*_written(word, stream.text), *(_heard(word, stream) if len(word) > 1 else ())}:
                if not barred & set(range(at, at + len(word))):
                    begin = stream.characters[at].span.start_ms
                    out.append(Span(max(0, begin - 1000), stream.characters[at + len(word) - 1].span.end_ms + after_ms))
    return bridged(out, 0)


def _written(word: str, text: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _heard(word: str, stream: Stream) -> Iterator[int]:
    wanted = _wanted(word)
    for at in stream.places.get(wanted[0], ()):
        if at + len(word) <= len(stream.text) and stream.sounds[at : at + len(wanted)] == wanted:
            yield at


@lru_cache(maxsize=1 << 10)
def _wanted(word: str) -> tuple[str, ...]:
    return tuple(syllables(normalise(word)))


def within(span: Span, spans: Sequence[Span]) -> bool:
    """Whether something begins within one of ``spans``, which are sorted and lie apart."""
    begun = bisect_right(spans, span.start_ms, key=lambda s: s.start_ms)
    return begun > 0 and span.start_ms <= spans[begun - 1].end_ms


# ---------------------------------------------------------------- one speaker


def _kinds(stream: Stream, births: Sequence[Span]) -> str:
    """A letter a character: D digit, U unit (十), L letter, w sounds like a digit, v nearly so, f filler, q quantity, o anything else."""
    text = stream.text
    kinds = [_kind(c) for c in stream.characters]
    for match in _IDIOM.finditer(text):
        if match.start() == 0 or kinds[match.start() - 1] != "D":
            kinds[match.start() : match.end()] = ["o" if k in "DU" else k for k in kinds[match.start() : match.end()]]
    for match in _X_SPELT.finditer(text):
        kinds[match.start() : match.end()] = "LLL"
    repeated = {k for m in _REPEATED.finditer(text) for k in range(*m.span())}
    for match in _QUANTITY.finditer(text):
        if repeated & set(range(*match.span())):
            continue
        if set(match[0]) & set("年月日号") and within(stream.characters[match.start()].span, births):
            kinds[match.start() : match.end()] = ["D" if k == "o" else k for k in kinds[match.start() : match.end()]]
            continue
        before, after = (
            kinds[match.start() - 1 : match.start()],
            [] if any(c.pause for c in stream.characters[match.end() : match.end() + 1]) else kinds[match.end() : match.end() + 1],
        )
        if "D" not in before and "D" not in after:
            kinds[match.start() : match.end()] = ["q"] * (match.end() - match.start())
    return "".join(kinds)


def _kind(c: Character) -> str:
    if c.text in DIGITS or c.text in _RADIO:
        return "D"
    if c.text in _UNITS:
        return "U"
    if c.text in _X or (c.text.isascii() and c.text.isalpha()):
        return "L"
    if c.text in _FILLERS:
        return "f"
    if c.sound in _SOUNDS:
        return "w"
    return "v" if any(syllable_distance(c.sound, s) <= 0.2 for s in _SOUNDS) else "o"


def _groups(index: int, stream: Stream, asked: Sequence[Span], births: Sequence[Span]) -> Iterator[Group]:
    """Digits that follow each other, with what sounds like them."""
    kinds, characters = _kinds(stream, births), stream.characters
    here = [within(c.span, asked) for c in characters]
    at = 0
    while at < len(kinds):
        if not _begins(kinds, at, characters, here):
            at += 1
            continue
        end, last = at, at
        while end < len(kinds) and characters[end].span.start_ms - characters[max(at, end - 1)].span.end_ms <= _GAP_MS:
            if kinds[end] in "DUL" or (kinds[end] == "w" and _counts(kinds, end, characters, here)):
                last = end
            elif kinds[end] == "q" or end - last > (4 if kinds[end] != "o" else 2 if here[end] else 1):
                break
            end += 1
        start, stop = _widened(kinds, at, last + 1)
        weight = sum(_weight(kinds[k], characters[k], kinds[k] == "w" and _counts(kinds, k, characters, here)) for k in range(at, last + 1))
        if weight:
            yield Group(index, start, stop, stream.span(start, stop), weight, weight >= _ENOUGH)
        at = last + 1


def _begins(kinds: str, at: int, characters: Sequence[Character], here: Sequence[bool]) -> bool:
    """A digit begins a group; where a number is expected, or badly heard, so do two characters that sound like digits."""
    if kinds[at] in "DL" or (kinds[at] == "U" and kinds[at + 1 : at + 2] == "D"):
        return True
    return kinds[at] == "w" and _counts(kinds, at, characters, here)


def _counts(kinds: str, at: int, characters: Sequence[Character], here: Sequence[bool]) -> bool:
    """Whether a character that only sounds like a digit is taken for one: in a row of such, shorter where it was badly heard."""
    low, high = at, at + 1
    while low and kinds[low - 1] in "DUwv":
        low -= 1
    while high < len(kinds) and kinds[high] in "DUwv":
        high += 1
    row, unsure = sum(k in "Dw" for k in kinds[low:high]), characters[at].probability < _UNSURE
    return row >= (2 if here[at] and unsure else 3 if here[at] or unsure else 5)


def _widened(kinds: str, start: int, end: int) -> tuple[int, int]:
    """With what sounds like digits right beside the group, up to three characters on each side."""
    for _ in range(3):
        start -= start > 0 and kinds[start - 1] in "wvLU"
        end += end < len(kinds) and kinds[end] in "wvLU"
    return start, end


def _weight(kind: str, c: Character, counts: bool) -> float:
    if kind == "D":
        return max(1.0, c.digits)
    if kind == "U":
        return c.digits
    if kind == "L":
        return 0.5
    if not counts:
        return 0.0
    return 0.75 if c.probability < _UNSURE else 0.5


# ---------------------------------------------------------------- all speakers


def _clusters(groups: Sequence[Group]) -> Iterator[list[Group]]:
    cluster = _Cluster()
    for group in groups:
        if cluster.groups and group.span.start_ms - cluster.end_ms > APART_MS:
            yield cluster.groups
            cluster = _Cluster()
        cluster.groups.append(group)
        cluster.end_ms = max(cluster.end_ms, group.span.end_ms)
    if cluster.groups:
        yield cluster.groups


def _belongs(group: Group, many: Timeline[Group], asked: Sequence[Span]) -> bool:
    """Single digits and letters are part of a number only beside others of it; ``many``: those of the cluster that are more."""
    if group.weight >= (1.0 if within(group.span, asked) else 2.0):
        return True
    near = Span(max(0, group.span.start_ms - 2500), group.span.end_ms + 2500)
    return any(other is not group and other.span.overlap_ms(near) > 0 for other in many.at(near.start_ms, near.end_ms))


def _filled(chosen: Sequence[Group], streams: Sequence[Stream]) -> Iterator[tuple[int, int, int]]:
    """The groups, and what one speaker says between two of them: a few characters there are digits that were heard wrongly."""
    for index, stream in enumerate(streams):
        own = sorted((g for g in chosen if g.stream == index), key=lambda g: g.start)
        for k, group in enumerate(own):
            end, after = group.end, own[k + 1] if k + 1 < len(own) else None
            if after is not None and after.start - end <= _FILL_CHARACTERS and after.span.start_ms - group.span.end_ms <= _FILL_MS:
                end = after.start
            yield index, group.start, max(group.end, min(end, len(stream.characters)))
