"""Where a machine speaks and not a person: the agent's number played (工号播报), notices of recording, queue, hold and transfer, surveys.

Announcements lie on the agent's channel or go by under a voice of their own.  An agent may use nearly the same words (“正在为您查询，
请不要挂机”), and who lost his words to an announcement would be blamed for what he did say.  So a clause counts only where it is worded as
nobody speaks of himself (without 我, by a stated wording and nothing beside it), set apart by pauses, and at the place of the call where
such an announcement is played.  In doubt the words stay with their speaker.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qa.phonetic import Spoken, find, is_syllable, parts, spoken, syllables
from qa.types import Call, Role, RoleStretch, Span, Utterance, Word

PAUSE_MS = 350
"""A pause between words that ends a clause."""
SPACE_MS = 200
"""So far beyond its words an announcement may reach."""
FOLLOWS_MS = 2500
"""Sound without words this near to an announcement of holding or queueing, or between two of them, is its music."""
MUSIC_MS = 2500
"""Shorter sounds without words are not called music."""
HOUSE_DISTANCE = 0.2
"""Of the house's own wording (``[roles] announcements``), per syllable."""
LONE_SHARE = 0.7
"""A voice of whose characters so many are announcements is the machine's altogether."""

_DIGITS = "[零一幺二两三四五六七八九]"


@dataclass(frozen=True)
class Kind:
    """A kind of announcement: ``title`` (Chinese), what a clause of it says (regular expressions over text as read), and where it is
    played: ``before`` anybody speaks, the same where the speaker then greets (``greeted``: agents word it so too), ``after`` the last words
    of everybody, or anywhere ("")."""

    id: str
    title: str
    patterns: tuple[str, ...]
    place: str = ""


KINDS = (
    Kind(
        "number",
        "工号播报",
        (rf"{_DIGITS}{{3,6}}号?(话务员|客服代表|客服专员|客服人员|客服|坐席|座席|服务员|接线员)?(将|正在)?(为您)?(接听|受理)",),
        "before",
    ),
    Kind(
        "number_service",
        "工号播报",
        (
            rf"{_DIGITS}{{3,6}}号?(话务员|客服代表|客服专员|客服人员|坐席|座席|接线员)?为您服务",
            rf"(话务员|客服代表|坐席|座席){_DIGITS}{{3,6}}号?为您服务",
        ),
        "greeted",
    ),
    Kind(
        "recording",
        "录音提示",
        (
            "(通话|来电|电话|服务)(内容)?(可能|将|会|均|都|全程|正在|已)*(被|进行|开启)*录音",
            "(保证|提高|提升|改进)(我们的)?(服务)?(质量|工作|服务).{0,6}(录音|通话)",
        ),
        "before",
    ),
    Kind(
        "welcome",
        "语音导航",
        ("(请|服务|咨询|报修|查询|人工|返回|业务)按[零一幺二三四五六七八九井星]", "请(输入|直接拨|拨)(分机|身份证|卡号|号码)"),
        "before",
    ),
    Kind(
        "queue",
        "排队提示",
        (
            "前面(还)?有.{1,4}(位|个)(客户|用户|人).{0,4}(排队|等待|等候)?",
            "(坐席|座席|话务员|客服|线路)(全|正|都|均)*(忙|繁忙)",
            "您的(来电|电话)对我们(很|非常)重要",
            "(继续)?等待请按",
        ),
    ),
    Kind(
        "hold",
        "保持提示",
        ("通话(正在)?保持", "(话务员|客服|坐席|座席)(马上|稍后|很快|即将)(就)?(回来|为您服务|接听)", "对方正在(通话|保持)"),
    ),
    Kind(
        "transfer",
        "转接提示",
        (
            "^(电话)?正在(为您)?转接",
            "正在(为您)?(接通|转接)(人工|坐席|座席|专席|中)",
            "转接中",
            "您(所)?(拨打|呼叫)的(电话|用户|号码|分机)",
        ),
    ),
    Kind(
        "survey",
        "满意度调查",
        ("按[零一幺二三四五六七八九井星]", "(满意|评价|打分|评分).{0,4}请按", "请按(键|数字|井号|星号)", "(感谢|谢谢)您的(评价|参与)"),
        "after",
    ),
)
_JOINED = {
    "survey": ("打分", "评价", "评分", "满意"),
    "recording": ("质量", "为了", "服务"),
    "number": ("录音",),
    "number_service": ("录音",),
    "queue": ("请", "等待"),
    "hold": ("请", "等待"),
    "transfer": ("请", "等待"),
}
"""A clause right beside one of the kind belongs to it if it has one of these."""
_BESIDE = (
    f"{_DIGITS}+号|{_DIGITS}",
    "话务员|客服代表|客服专员|客服人员|客服|坐席|座席|服务员|接线员|人工|工号",
    "请勿|请|勿|不要|挂机|挂断|稍候|稍后|稍等|耐心|等待|等候|继续|排队|再拨|无人接听|无法接通|关机|占线",
    "本次|此次|这次|这通|这个|通话|来电|电话|服务|质量|工作|录音|全程|为了|保证|确保|提高|提升|改进|改善|监督|我们",
    "打分|评价|评分|不?满意|觉得|不?好|非常|很|十分|一般|按键|数字键?|井号键?|星号键?|结束|不?解决|如果|如|若|或者|或|对于|对|给",
    "现在|目前|当前|暂时|正在|当中|中|将|会|被|已|都|您|的|为|由|接听|受理|接通|转接",
)
"""What a machine says beside the patterns: a clause that holds more (the house's name, a word to the customer) may be the agent's own."""
_OWN = "您好|你好|再见|拜拜|再会|感谢您|谢谢您"
"""So a clause that the agent goes on with begins or ends, whatever else the sounds may stand for."""
_STRAY = 1
"""So many other syllables of a clause may be the recogniser's."""
_GREETING = re.compile("您好|你好|喂|好")
_SHORT = 4
"""So many characters (喂，你好) may be said while an announcement plays."""
_LATER = re.compile("稍后请|稍后会|挂机|待会|一会|按一下")
"""So an agent speaks of an announcement that is still to come."""
_PERSON = ("我", "俺", "咱")
_HOLDING = ("hold", "queue", "transfer")


@dataclass(frozen=True)
class Clause:
    """Words between two pauses or signs of punctuation."""

    speaker: str
    words: tuple[Word, ...]
    heard: Spoken

    @property
    def span(self) -> Span:
        return Span(self.words[0].span.start_ms, max(w.span.end_ms for w in self.words))


def stretches(call: Call, wordings: Sequence[str] = ()) -> tuple[RoleStretch, ...]:
    """The announcements of a call (as it was heard), sorted; ``wordings``: the house's own."""
    clauses = sorted((c for u in call.transcript.utterances for c in _clauses(u)), key=lambda c: (c.span, c.speaker))
    told = _told(clauses, wordings)
    placed = {n: kind for n, kind in told.items() if _in_place(kind, n, clauses, told)}
    kinds = _with_neighbours(clauses, placed)
    made = [RoleStretch(c.speaker, _reach(c, clauses), Role.ANNOUNCEMENT, _why(kinds[n], c)) for n, c in enumerate(clauses) if n in kinds]
    made = _whole_voices(call, clauses, kinds, made)
    return _sorted([*made, *_music(call, clauses, kinds, made)])


def _why(kind: Kind, clause: Clause) -> str:
    return f"{kind.title}：“{clause.heard.text}”"


HOUSE = Kind("house", "本单位的播报", ())


def by_house(stretch: RoleStretch) -> bool:
    """Whether the house itself says that this is played: nobody needs to doubt it."""
    return all(part.startswith(HOUSE.title) for part in stretch.why.split("；"))


# ---------------------------------------------------------------- clauses


def _clauses(utterance: Utterance) -> list[Clause]:
    """The clauses of an utterance: at pauses, and where the recogniser wrote punctuation."""
    groups: list[list[Word]] = []
    ended = True
    for word in utterance.words:
        late = bool(groups) and word.span.start_ms - groups[-1][-1].span.end_ms >= PAUSE_MS
        if ended or late:
            groups.append([])
        groups[-1].append(word)
        ended = bool(re.search(r"[，。！？；,.!?;]\s*$", word.text))
    made = (Clause(utterance.speaker, tuple(words), spoken(words)) for words in groups)
    return [clause for clause in made if clause.heard.text]


def _told(clauses: Sequence[Clause], wordings: Sequence[str]) -> dict[int, Kind]:
    """Clauses that say what a machine says, by number."""
    return {n: kind for n, clause in enumerate(clauses) if (kind := _kind(clause, wordings)) is not None}


def _kind(clause: Clause, wordings: Sequence[str]) -> Kind | None:
    text = clause.heard.text
    if any(_house(wording, clause) for wording in wordings):
        return HOUSE if _alone(clause, wordings) else None
    if any(person in text.replace("我们", "") for person in _PERSON):
        return None
    if _LATER.search(text):
        return None
    sounds = _sounds(clause)
    found = next((kind for kind in KINDS if any(_by_sound(pattern).search(sounds) for pattern in kind.patterns)), None)
    return found if found is not None and _alone(clause, wordings) else None


def _sounds(clause: Clause) -> str:
    return "".join(map(_code, clause.heard.syllables))


def _alone(clause: Clause, wordings: Sequence[str]) -> bool:
    """Whether a clause says nothing but what announcements say: one without punctuation may go on in the agent's own words."""
    sounds = _sounds(clause)
    covered = _places(_BESIDE, sounds) - _places((_OWN,), sounds)
    covered |= _places((pattern for kind in KINDS for pattern in kind.patterns), sounds)
    for wording in wordings:
        if _within(clause, wording):
            return True
        for part in _parts_of(wording):
            covered |= {place for match in find(part, clause.heard, HOUSE_DISTANCE) for place in range(match.start, match.end)}
    return len(sounds) - len(covered) <= _STRAY


@functools.cache
def _code(sound: str) -> str:
    """One character for a toneless syllable and all that are commonly confused with it."""
    initial, final = parts(sound) if is_syllable(sound) else ("", sound)
    initial = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "r": "l"}.get(initial, initial)
    final = final.removesuffix("g") if final.endswith(("ang", "eng", "ing")) else final
    return _codes.setdefault((initial, final), chr(_FIRST_CODE + len(_codes)))


_FIRST_CODE = 0xE000  # of the characters for private use: none is a sign of a regular expression
_codes: dict[tuple[str, str], str] = {}


@functools.cache
def _by_sound(pattern: str) -> re.Pattern[str]:
    """A pattern whose hanzi stand for how they sound: recognisers write 案一 for 按一."""
    return re.compile("".join(_code(syllables(c)[0]) if "\u4e00" <= c <= "\u9fff" or c == "〇" else c for c in pattern))


def _house(wording: str, clause: Clause) -> bool:
    """Whether a clause is (part of) the wording, or holds one of its clauses."""
    long = (part for part in _parts_of(wording) if len(part) >= 4 and 2 * len(part) >= len(clause.heard.text))
    return any(find(part, clause.heard, HOUSE_DISTANCE) for part in long) or _within(clause, wording)


def _places(patterns: Iterable[str], sounds: str) -> set[int]:
    return {place for pattern in patterns for match in _by_sound(pattern).finditer(sounds) for place in range(*match.span())}


def _parts_of(wording: str) -> list[str]:
    return [part for part in re.split(r"[，。！？；、,.!?;\s]+", wording) if part]


def _within(clause: Clause, wording: str) -> bool:
    """Whether a clause is (part of) the wording."""
    text = "".join(_parts_of(wording))
    whole = Spoken(text, syllables(text), (), (), frozenset())
    return len(clause.heard.text) >= 4 and bool(find(clause.heard.text, whole, HOUSE_DISTANCE))


def _in_place(kind: Kind, number: int, clauses: Sequence[Clause], told: dict[int, Kind]) -> bool:
    """Whether an announcement of that kind may be played there: set apart from its speaker's other words, and where the kind belongs."""
    if kind is HOUSE:
        return True
    first, last = _run(number, clauses, told)
    own = [n for n in range(len(clauses)) if clauses[n].speaker == clauses[number].speaker and not first <= n <= last and n not in told]
    start, end = clauses[first].span.start_ms, clauses[last].span.end_ms
    pause = 2 * PAUSE_MS if kind.place == "after" else PAUSE_MS
    if any(clauses[n].span.start_ms < end + pause and clauses[n].span.end_ms > start - pause for n in own):
        return False
    others = [n for n in range(len(clauses)) if n not in told and not first <= n <= last and len(clauses[n].heard.text) > _SHORT]
    if kind.place in ("before", "greeted"):
        early = any(n < first for n in (*own, *others))
        after = next((n for n in own if n > last), None)
        return not early and (kind.place == "before" or (after is not None and bool(_GREETING.search(clauses[after].heard.text[:4]))))
    return kind.place != "after" or not any(n > last for n in others)


def _run(number: int, clauses: Sequence[Clause], told: dict[int, Kind]) -> tuple[int, int]:
    """The first and the last of the clauses of announcements that lie together around ``number``."""
    ends = [number, number]
    for k, step in enumerate((-1, 1)):
        while 0 <= (at := ends[k] + step) < len(clauses) and clauses[at].speaker == clauses[number].speaker:
            if not _near(clauses[min(at, ends[k])], clauses[max(at, ends[k])]):
                break
            if at not in told and not _joins(clauses[at], told.get(ends[k], told[number])):
                break
            ends[k] = at
    return ends[0], ends[1]


def _joins(clause: Clause, kind: Kind | None) -> bool:
    if kind is None or any(person in clause.heard.text.replace("我们", "") for person in _PERSON):
        return False
    return any(word in clause.heard.text for word in _JOINED.get(kind.id, ())) and _alone(clause, ())


def _with_neighbours(clauses: Sequence[Clause], placed: dict[int, Kind]) -> dict[int, Kind]:
    """The same with the clauses that belong to them: “为了改进工作，” before the notice of recording."""
    kinds = dict(placed)
    for n, kind in placed.items():
        for step in (-1, 1):
            at = n + step
            while 0 <= at < len(clauses) and at not in kinds and clauses[at].speaker == clauses[n].speaker:
                if not _near(clauses[min(at, at - step)], clauses[max(at, at - step)]) or not _joins(clauses[at], kind):
                    break
                kinds[at] = kind
                at += step
    return kinds


def _near(first: Clause, second: Clause) -> bool:
    return second.span.start_ms - first.span.end_ms < 2 * PAUSE_MS


def _reach(clause: Clause, clauses: Sequence[Clause]) -> Span:
    """The clause's time with a little room, half way to its neighbours at most."""
    start, end = clause.span.start_ms - SPACE_MS, clause.span.end_ms + SPACE_MS
    for other in clauses:
        if other is clause or other.speaker != clause.speaker:
            continue
        if other.span.end_ms <= clause.span.start_ms:
            start = max(start, (other.span.end_ms + clause.span.start_ms + 1) // 2)
        elif other.span.start_ms >= clause.span.end_ms:
            end = min(end, (other.span.start_ms + clause.span.end_ms) // 2)
    return Span(max(0, start), max(end, clause.span.end_ms))


# ---------------------------------------------------------------- voices and music


def _whole_voices(call: Call, clauses: Sequence[Clause], kinds: dict[int, Kind], made: list[RoleStretch]) -> list[RoleStretch]:
    """A voice of its own in a mono recording that says nearly nothing but announcements is the machine's throughout."""
    if not call.turns.diarized:
        return made
    out = list(made)
    for speaker in call.turns.speakers:
        own = [n for n, clause in enumerate(clauses) if clause.speaker == speaker]
        total = sum(len(clauses[n].heard.text) for n in own)
        machine = sum(len(clauses[n].heard.text) for n in own if n in kinds)
        if total and machine >= LONE_SHARE * total:
            out = [one for one in out if one.speaker != speaker]
            titles = "、".join(dict.fromkeys(kinds[n].title for n in own if n in kinds))
            out.append(RoleStretch(speaker, Span(0, call.audio.duration_ms), Role.ANNOUNCEMENT, f"这个声音几乎只有播报（{titles}）"))
    return out


def _music(call: Call, clauses: Sequence[Clause], kinds: dict[int, Kind], made: Sequence[RoleStretch]) -> list[RoleStretch]:
    """Sound without words that was taken for speech next to an announcement of holding or queueing."""
    beside = [c.span for n, c in enumerate(clauses) if n in kinds and kinds[n].id in _HOLDING]
    words = [(c.speaker, c.span) for c in clauses]
    out = []
    for turn in call.turns.turns:
        if turn.span.duration_ms < MUSIC_MS or any(s == turn.speaker and span.overlap_ms(turn.span) for s, span in words):
            continue
        near = any(
            -FOLLOWS_MS <= turn.span.start_ms - span.end_ms <= FOLLOWS_MS or abs(span.start_ms - turn.span.end_ms) <= FOLLOWS_MS
            for span in beside
        )
        if near and not any(one.speaker == turn.speaker and one.span.overlap_ms(turn.span) for one in made):
            out.append(RoleStretch(turn.speaker, turn.span, Role.ANNOUNCEMENT, "保持或排队的音乐（没有文字的声音）"))
    return out


def _sorted(found: Iterable[RoleStretch]) -> tuple[RoleStretch, ...]:
    """Sorted, those of one speaker joined where they meet."""
    out = list[RoleStretch]()
    for _, group in itertools.groupby(sorted(found, key=lambda s: (s.speaker, s.span)), key=lambda s: s.speaker):
        for one in group:
            last = out[-1] if out and out[-1].speaker == one.speaker else None
            if last is not None and one.span.start_ms <= last.span.end_ms + SPACE_MS:
                why = last.why if one.why in last.why else f"{last.why}；{one.why}"
                out[-1] = RoleStretch(one.speaker, Span(last.span.start_ms, max(last.span.end_ms, one.span.end_ms)), one.role, why)
            else:
                out.append(one)
    return tuple(sorted(out, key=lambda s: (s.span, s.speaker)))
