"""Names of people: given by themselves, asked for, spoken of with a title, spelt, and the names that the records know.

A recogniser writes names in any characters that sound alike, so what follows 我姓 or stands before 女士 is hidden whatever it is.
Agents' names are hidden too: a clip is about what was said, not about whom it can be held against.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from qa.clips.heard import Stream
from qa.phonetic import syllable_distance, syllables
from qa.text import normalise
from qa.timeline import timeline
from qa.types import Span

_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白"
    "邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁"
    "尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜"
    "冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚鄢劳谌奚"
)
_DOUBLE = ("欧阳", "司马", "上官", "诸葛", "皇甫", "公孙", "东方", "慕容", "令狐", "司徒", "夏侯", "端木", "尉迟", "长孙", "宇文", "轩辕")
_TITLES = (
    "女士", "先生", "小姐", "老师", "太太", "师傅", "阿姨", "大哥", "大姐", "大爷", "大妈", "经理", "主任", "医生", "大夫", "律师",
    "同志", "夫人", "老板", "警官", "工程师", "教授", "总监", "店长", "班长", "组长", "主管",
)  # fmt: skip
_TITLES_BY_SOUND = ("女士", "先生", "小姐")
_NO_NAME = frozenset("这那位的各个每哪有为是好请叫找问您你我他她它们对和跟与让给被在男女老大小本贵该某")
_SAYS = re.compile(
    r"(?:免贵姓|我姓|本人姓|鄙姓|姓)(?=(?P<surname>(?!名|什么|啥|氏).{1,2}))"
    r"|(?:我的?名字(?:是|叫)|我叫|本人叫|我是叫|名字(?:是|叫做?)|姓名(?:是|叫|为)?|名叫|户名(?:是|叫)?|户主(?:是|叫)?|"
    r"收件人(?:是|叫|写)?|收货人(?:是|叫|写的?)?|联系人(?:是|叫)?|机主(?:是|叫)?|开户人(?:是|叫)?|持卡人(?:是|叫)?|抬头(?:是|写)?)"
    r"(?=(?P<name>(?!什么|啥|多少|不对|没有|可以|必须|需要).{2,4}))"
)
_NAMED = re.compile("(?<![贵同百])姓|(?:我|他|她|客户|本人|用户|名)叫|(?:姓名|名字|户名|户主|机主|联系人|收件人)[是为叫]")
_ASKS = re.compile(r"贵姓|怎么称呼|如何称呼|您的?姓名|您的?名字|叫什么|哪位|全名|姓什么|哪个[字名]|什么字|怎么写|户名|机主")
_NOT_ASKED = re.compile("(?:话(?!费)|事(?!业)|态度|服务|道理|规矩|玩意)")
"""What is said right behind 叫什么 where nobody is asked for a name: 你这叫什么话."""
_SPELT = re.compile(r"(?P<a>.).{0,3}的(?P=a)(?:字)?|.{0,2}字旁.{0,3}|.字头.{0,3}")
_FORMS = (
    "弓长张", "木子李", "耳东陈", "双木林", "古月胡", "草头黄", "三横王", "立早章", "言午许", "口天吴", "双人徐", "人可何", "卯金刀",
    "走肖赵", "木易杨", "女良", "十八子", "三点水", "草字头",
)  # fmt: skip
_ANSWER_CHARACTERS, _BREATH_CHARACTERS, _ANSWER_MS, _SPELL_MS = 6, 12, 8000, 15_000


def said(streams: Sequence[Stream], known: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    """All that is to be hidden: stream, first and last character (exclusive).  ``known``: names of the records, hidden by sound."""
    found = [(k, start, end) for k, stream in enumerate(streams) for start, end in (*_told(stream), *_titled(stream), *_by_form(stream))]
    found += _answers(streams)
    found += [(k, s, e) for k, stream in enumerate(streams) for name in known if len(name) > 1 for s, e in sounding(stream, name)]
    found += _spelt(streams, [streams[k].span(start, end) for k, start, end in found])
    told = _whole(streams, found)
    found += [(k, s, e) for k, stream in enumerate(streams) for name in told for s, e in sounding(stream, name)]
    return tuple(sorted(set(found)))


def heard(streams: Sequence[Stream], known: Sequence[str]) -> frozenset[str]:
    """What of that may be a whole name, as it was recognised: behind a surname, how long it is is not known (我叫郑晓萌我要投诉)."""
    told = _whole(streams, said(streams, known))
    return frozenset(name[:end] for name in told for end in ({2, 3, len(name)} if _surname(name, 0) else {len(name)}))


def _whole(streams: Sequence[Stream], found: Iterable[tuple[int, int, int]]) -> set[str]:
    return {streams[k].text[start:end] for k, start, end in found if 2 <= end - start <= 4}


def written(stream: Stream) -> Iterator[tuple[int, int]]:
    """Names in what somebody wrote about a call (核对客户姓名和地址 holds none): a surname before a title or behind 姓, 叫."""
    yield from ((start, end) for start, end in _titled(stream) if _surname(stream.text, start))
    for match in _NAMED.finditer(stream.text):
        if _surname(stream.text, match.end()):
            last = match.end() + (2 if stream.text.startswith(_DOUBLE, match.end()) else 1) + (0 if match[0].endswith("姓") else 2)
            yield match.end(), _until_pause(stream, match.end(), min(last, len(stream.characters)))


def _surname(text: str, at: int) -> bool:
    return text[at : at + 1] in _SURNAMES or text.startswith(_DOUBLE, at)


def sounding(stream: Stream, words: str) -> Iterator[tuple[int, int]]:
    """Places that sound like ``words`` (each syllable the same, or one that is commonly taken for it)."""
    wanted, sounds = _wanted(words), stream.sounds
    for at in _ear(sounds).starts(wanted[0]) if wanted else ():
        heard = sounds[at : at + len(wanted)]
        if len(heard) == len(wanted) and all(map(_alike, wanted, heard)):
            yield at, at + len(wanted)


@lru_cache(maxsize=1 << 13)
def _wanted(words: str) -> tuple[str, ...]:
    return tuple(syllables(normalise(words)))


@lru_cache(maxsize=1 << 16)
def _alike(one: str, other: str) -> bool:
    return syllable_distance(one, other) <= 0.2


class _Ear:
    """Where in what was heard a syllable may stand: asked for a thousand names of agents, each syllable is compared once."""

    def __init__(self, sounds: Sequence[str]) -> None:
        self._at: dict[str, list[int]] = {}
        for place, sound in enumerate(sounds):
            self._at.setdefault(sound, []).append(place)
        self._starts: dict[str, tuple[int, ...]] = {}

    def starts(self, first: str) -> tuple[int, ...]:
        if first not in self._starts:
            self._starts[first] = tuple(sorted(place for sound, places in self._at.items() if _alike(first, sound) for place in places))
        return self._starts[first]


_ear = lru_cache(maxsize=8)(_Ear)


def _until_pause(stream: Stream, start: int, end: int) -> int:
    """The end of what is said in one breath from ``start``, at most ``end``."""
    return next((k for k in range(start + 1, end) if stream.characters[k].pause), end)


def _told(stream: Stream) -> Iterator[tuple[int, int]]:
    """我姓王, 免贵姓欧阳, 我叫王小芳, 户主是李强; the first of the characters behind it belongs to it even after a pause."""
    for match in _SAYS.finditer(stream.text):
        which = "surname" if match["surname"] else "name"
        start, end = match.span(which)
        yield start, _until_pause(stream, start, end)


def _titled(stream: Stream) -> Iterator[tuple[int, int]]:
    """王女士, 王小芳女士: from the surname, or one character where none is heard."""
    text = stream.text
    for title in _TITLES:
        places = {m.start() for m in re.finditer(title, text)}
        if title in _TITLES_BY_SOUND:
            places |= {at for at, _ in sounding(stream, title)}
        for at in sorted(places):
            first = max((k for k in range(max(0, at - 4), at) if stream.characters[k].pause), default=max(0, at - 4))
            before = text[first:at]
            alone = len(before) == 1 and before in _SURNAMES  # 和先生 at the beginning of a breath
            if not before or (before[-1] in _NO_NAME and not alone) or stream.characters[at].pause:
                continue
            start = next((k for k in range(len(before)) if before[k:].startswith(_DOUBLE)), None)
            if start is None:
                start = next((k for k in range(max(0, len(before) - 3), len(before)) if before[k] in _SURNAMES), len(before) - 1)
            yield first + start, at


def _by_form(stream: Stream) -> Iterator[tuple[int, int]]:
    for form in _FORMS:
        yield from sounding(stream, form)


def _asking(stream: Stream) -> Iterator[re.Match[str]]:
    """Where a name is asked for."""
    for match in _ASKS.finditer(stream.text):
        scolds = match[0] == "叫什么" and _NOT_ASKED.match(stream.text, match.end()) is not None
        if not scolds or stream.characters[match.end()].pause:
            yield match


def _answers(streams: Sequence[Stream]) -> Iterator[tuple[int, int, int]]:
    """What is said after somebody asked for a name: the first characters of the breath begun within some seconds, and the rest of a short
    one, as 我的名字是 before the name may itself be misheard."""
    asked = [(k, stream.span(m.start(), m.end()).end_ms) for k, stream in enumerate(streams) for m in _asking(stream)]
    for k, stream in enumerate(streams) if asked else ():
        breaths = [n for n, c in enumerate(stream.characters) if c.pause]
        latest = list(accumulate((stream.characters[n].span.start_ms for n in breaths), max))
        for index, end_ms in asked:
            if stream.speaker == streams[index].speaker and stream.speaker != "mono":
                continue
            first = bisect_left(latest, end_ms - 300)
            if first < len(breaths) and latest[first] <= end_ms + _ANSWER_MS:
                begins, last = breaths[first], len(stream.characters)
                breath = _until_pause(stream, begins, min(last, begins + _BREATH_CHARACTERS))
                yield k, begins, max(breath, min(last, begins + _ANSWER_CHARACTERS))


def _spelt(streams: Sequence[Stream], near: Sequence[Span]) -> Iterator[tuple[int, int, int]]:
    """芳草的芳, 三点水旁: how a name is written, said soon after it."""
    told = timeline(near)
    for k, stream in enumerate(streams):
        for match in _SPELT.finditer(stream.text):
            begin = stream.characters[match.start()].span.start_ms
            if any(told.at(begin - _SPELL_MS, begin + 3000)):
                yield k, match.start(), match.end()
