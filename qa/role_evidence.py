"""What speaks for a speaker being the agent or the customer, each piece with its weight: the one table.

A weight is the natural logarithm of how much likelier an agent is heard so than a customer (negative: a customer rather).  They are added,
which takes the pieces for independent; they are not, and so no piece weighs more than 2, and phrases of one kind count once.

*Measured* (``m``): over the scripts of the 51 calls in which both sides speak (``recordings_sample``, and four houses of
``recordings_houses``), in how many calls each side says it (agent : customer), ln((a + 0.5) / (c + 0.5)); the same hand wrote the scripts,
so what was measured is cut to 2, and lower where real callers are known to say it too.  *Chosen* (``c``): too rare in them to be measured.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from qa.callfacts import mean_probability
from qa.patterns import agent_number_readings
from qa.phonetic import find, spoken, syllables
from qa.text import normalise
from qa.types import CallRecord, Span, Utterance

WORDS_LEAST = 0.3
"""An utterance whose words are less probable on the mean is no evidence."""
OPENING, CLOSING = 40, 30
"""Characters at the beginning and the end of what a speaker says."""
REPLY_MS = 500
"""Who begins by so much before the other is the first to speak."""


@dataclass(frozen=True)
class Piece:
    """A kind of evidence: ``title`` (Chinese) for the reader, ``weight``, ``source`` of the weight; ``phrases`` compared as toneless
    syllables, ``where`` they count: anywhere, or in the speaker's ``opening`` or ``closing`` characters."""

    id: str
    title: str
    weight: float
    source: str
    phrases: tuple[str, ...] = ()
    where: str = ""


def _said(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PIECES = (
    Piece(
        "offer",
        "开头说服务用语",
        2.0,
        "m: 38 : 2",
        _said("为您服务 为你服务 您服务 很高兴为 有什么可以帮 什么可以为您 您有什么问题 您需要什么 有什么需要 为您效劳 为您解答 能帮您做 "),
        "opening",
    ),
    Piece("number", "报出话单里的坐席工号", 2.0, "m: 34 : 0, cut"),
    Piece(
        "closing",
        "说结束用语",
        2.0,
        "m: 35 : 0, cut",
        _said(
            "感谢您的 您的来电 感谢来电 感谢致电 谢谢您的来电 谢谢您的支持 "
            "祝您生活 祝您节日 祝您工作 生活愉快 节日愉快 请对我的服务 满意度评价"
        ),
        "closing",
    ),
    Piece(
        "courtesy",
        "说接待用语",
        1.5,
        "m: 14 : 1",
        _said("请您 您稍等 您贵姓 给您带来 非常抱歉 很抱歉 向您 让您久等 您看行吗 还有什么可以帮 还有其他 您还有什么问题"),
    ),
    Piece("doing", "替对方办事的说法（给您、帮您、为您）", 1.5, "m: 42 : 2, cut", _said("帮您 给您 替您 跟您 您说 您这边 您那边")),
    Piece(
        "asks",
        "核对客户资料的问话",
        1.5,
        "m: 17 : 0, cut",
        _said("您的姓名 您的电话 联系电话 具体地址 您贵姓 请问您 号码是多少 什么名字 哪个小区 留一下联系 请提供 身份证号 核对一下"),
    ),
    Piece("transfer", "说要转接", 1.5, "c", _said("为您转接 帮您转接 给您转 电话转过去 转到专家 转给专员 转接专席")),
    Piece(
        "business",
        "代表公司说话",
        1.0,
        "c",
        _said("我们公司 我们这边 我们会尽快 我司 给您登记 已经登记 登记好了 帮您登记 做个回访 回访一下 想回访"),
    ),
    Piece("polite", "只称“您”", 1.0, "m: 37 : 9, cut"),
    Piece("plain", "只称“你”", -1.0, "m: 1 : 20, cut"),
    Piece(
        "request",
        "提出诉求",
        -1.5,
        "m: 1 : 15, cut",
        _said(
            "我想问 我想查 我想了解 我想咨询 我想办 我想把 我想给 想问一下 我要投诉 我要报修 我要办 我要查 我要挂失 我要改 我要退 我要给 "
            "帮我查 帮我看 给我查 帮我 问一下 我就问 我想要 我要把"
        ),
    ),
    Piece(
        "complaint",
        "抱怨对方",
        -1.5,
        "m: 0 : 6",
        _said("我要投诉 投诉你 什么态度 怎么回事 太不像话 你们怎么 你们这 找你们 你怎么 你这叫 给我个说法 打给你们 你们公司 你吼"),
    ),
    Piece(
        "mine",
        "说自己家的事",
        -1.5,
        "m: 6 : 22, only what is at home",
        _said(
            "我家 我们家 我妈 我老公 我老婆 我女儿 我儿子 我孩子 我手机 我媳妇 我报修 我收到短信 我那张 我的宽带 我那个 我的固话 "
            "我问了 我这个月 我上个月 我充的 我的押金"
        ),
    ),
    Piece("your_house", "称对方公司“你们”", -1.5, "m: 0 : 6, cut", ("你们",)),
    Piece("first_in", "来电接通后先开口", 1.0, "m: 46 : 1, cut: an announcement may come first"),
    Piece("first_out", "去电接通后先开口", -0.5, "m: 2 : 2 of two houses, c"),
    Piece("house_agent", "本单位坐席用语", 2.0, "c: the house says so"),
    Piece("house_customer", "本单位客户用语", -2.0, "c: the house says so"),
    Piece("voice", "声纹与登记的坐席相符", 1.5, "c: both sides of it together are no more than one strong piece"),
    Piece("not_voice", "声纹与登记的坐席不符", -0.5, "c: a cold or another telephone changes a voice"),
)
BY_ID = {piece.id: piece for piece in PIECES}
THIRD = (
    Piece(
        "introduces",
        "中途加入并自报身份",
        3.0,
        "c",
        _said("我是后台 我是专家 我是工程师 我是技术 我是值班 我是他的 我是她的 我是他 组小 部小 中心小 科小 我是经理 我是主管 我是他们"),
    ),
    Piece("joins", "转接或邀请第三方之后才出现", 2.5, "c"),
)
"""What speaks for a third party among more than two voices; without any of it a further voice leaves the roles unsure."""


@dataclass(frozen=True)
class Hit:
    """A piece of evidence that was found of a speaker."""

    piece: Piece
    weight: float
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.piece.title}{f'“{self.detail}”' if self.detail else ''}（{self.weight:+.1f}）"


class Said:
    """What one speaker says, to be searched as toneless syllables; ``first_ms`` None: nothing."""

    def __init__(self, speaker: str, utterances: Iterable[Utterance]) -> None:
        self.speaker = speaker
        self.utterances = tuple(u for u in utterances if u.words and mean_probability(u.words) >= WORDS_LEAST)
        self.texts = tuple(normalise(u.text) for u in self.utterances)
        self.first_ms = min((u.span.start_ms for u in self.utterances), default=None)
        self.characters = sum(map(len, self.texts))
        self.sounds = _joined(self.texts)

    @functools.cached_property
    def opening(self) -> str:
        return _part(self.texts, OPENING)

    @functools.cached_property
    def closing(self) -> str:
        return _part(self.texts[::-1], CLOSING)

    def has(self, phrase: str, where: str = "") -> bool:
        sounds = self.opening if where == "opening" else self.closing if where == "closing" else self.sounds
        return _sound(phrase) in sounds


def _joined(texts: Iterable[str]) -> str:
    """Syllables of texts, each set apart by a bar: no phrase reaches over two of them."""
    return " | " + " | ".join(" ".join(syllables(text)) for text in texts if text) + " | "


def _part(texts: Sequence[str], characters: int) -> str:
    chosen, left = list[str](), characters
    for text in texts:
        if left <= 0:
            break
        chosen.append(text)
        left -= len(text)
    return _joined(chosen)


@functools.lru_cache(maxsize=2000)
def _sound(phrase: str) -> str:
    return f" {' '.join(syllables(normalise(phrase)))} "


def found(
    said: Said,
    others: Sequence[Said],
    record: CallRecord | None,
    house: tuple[Sequence[str], Sequence[str]] = ((), ()),
    voice: float | None = None,
) -> tuple[Hit, ...]:
    """The evidence of one speaker; ``house``: the house's own phrases of agents and of customers; ``voice``: log-likelihood ratio that the
    voice is the enrolled agent's, None where nothing is enrolled."""
    hits = []
    for piece in PIECES:
        phrase = next((p for p in piece.phrases if said.has(p, piece.where)), None)
        if phrase is not None:
            hits.append(Hit(piece, piece.weight, phrase))
    for name, phrases in zip(("house_agent", "house_customer"), house, strict=True):
        hits += [Hit(BY_ID[name], BY_ID[name].weight, p) for p in phrases if said.has(p)][:1]
    for rule in _RULES:
        if (hit := rule(said, others, record)) is not None:
            hits.append(hit)
    if voice is not None and voice != 0:
        piece = BY_ID["voice" if voice > 0 else "not_voice"]
        hits.append(Hit(piece, max(BY_ID["not_voice"].weight, min(BY_ID["voice"].weight, voice))))
    return tuple(hits)


def bearing(said: Said, hits: Iterable[Hit]) -> tuple[Span, ...]:
    """Where the phrases of these pieces are said, sorted; of what is more than a phrase there is no place."""
    phrases = {phrase for hit in hits for phrase in (hit.piece.phrases or (hit.detail,)) if phrase}
    heard = [spoken(utterance.words) for utterance in said.utterances]
    found = {one.span(m.start, m.end) for one in heard for phrase in phrases for m in find(normalise(phrase), one, 0.0)}
    return tuple(sorted(found))


def third(said: Said, joined_ms: int | None) -> tuple[Hit, ...]:
    """What speaks for a third party; ``joined_ms``: when the call was put through or somebody was asked to join, None if never."""
    (introduces, joins), hits = THIRD, list[Hit]()
    phrase = next((p for p in introduces.phrases if _sound(p) in _part(said.texts, 20)), None)
    if phrase is not None:
        hits.append(Hit(introduces, introduces.weight, phrase))
    if joined_ms is not None and said.first_ms is not None and said.first_ms >= joined_ms:
        hits.append(Hit(joins, joins.weight))
    return tuple(hits)


# ---------------------------------------------------------------- what is more than a phrase


def _number(said: Said, others: Sequence[Said], record: CallRecord | None) -> Hit | None:
    """The agent's own number, said before anybody else says it."""
    readings = agent_number_readings(record.agent_id if record is not None else "")
    readings = tuple(r for r in readings if len(r) >= 3)
    own = _first(said, readings)
    if own is None or any((other := _first(one, readings)) is not None and other < own for one in others):
        return None
    return Hit(BY_ID["number"], BY_ID["number"].weight)


def _first(said: Said, phrases: Sequence[str]) -> int | None:
    sounds = tuple(map(_sound, phrases))
    for text, utterance in zip(said.texts, said.utterances, strict=True):
        if any(sound in f" {' '.join(syllables(text))} " for sound in sounds):
            return utterance.span.start_ms
    return None


def _address(said: Said, others: Sequence[Said], record: CallRecord | None) -> Hit | None:
    """您 and never 你, or the other way round; one that stands for the one is heard as the other now and then."""
    del others, record
    polite, plain = said.sounds.count(" nin "), sum(text.count("你") for text in said.texts)
    plain -= sum(text.count("你好") + text.count("你们") for text in said.texts)
    if polite >= 2 and plain == 0:
        return Hit(BY_ID["polite"], BY_ID["polite"].weight)
    if plain >= 2 and polite == 0:
        return Hit(BY_ID["plain"], BY_ID["plain"].weight)
    return None


def _speaks_first(said: Said, others: Sequence[Said], record: CallRecord | None) -> Hit | None:
    """Who answers speaks first: the agent of an incoming call, the customer of an outgoing one; without a record it is not known."""
    if record is None or said.first_ms is None:
        return None
    if not others or any(other.first_ms is None or other.first_ms < said.first_ms + REPLY_MS for other in others):
        return None
    piece = BY_ID["first_in" if record.direction == "in" else "first_out"]
    return Hit(piece, piece.weight)


_RULES: tuple[Callable[[Said, Sequence[Said], CallRecord | None], Hit | None], ...] = (_number, _address, _speaks_first)
