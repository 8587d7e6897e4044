"""What a customer answers to a question, and whether the agent repeats it: digits, free text, or one of several choices.

A value is what was said.  What the customer leaves open (两三分, 还行吧, 说不好) has none: no answer is guessed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from qa.phonetic import Match, Spoken, find, spoken, wanted_sounds
from qa.rules.spoken_numbers import HIDDEN, hide, parted
from qa.rules.spoken_numbers import SAME_DIGITS as SAME_DIGITS
from qa.rules.spoken_numbers import digits as digits
from qa.rules.spoken_numbers import repeats_digits as repeats_digits
from qa.rules.spoken_numbers import repeats_some_digits as repeats_some_digits
from qa.text import normalise
from qa.text import words as words_in
from qa.types import Word

NEAR = 0.2
"""A choice or a main word counts as said up to this distance in sound per syllable (0-1)."""
ADDRESSED = 0.3
"""Share (0-1) of an answer that counts as said where only the surname was."""

# ---------------------------------------------------------------- one of several choices


_NEGATION = "没有|不是|[没不未别否无非]"
_NOT = re.compile(_NEGATION)
_HARMLESS = re.compile(
    "不过|不好意思|不客气|不用谢|不管|[不非][仅但光止]|差不多|对不起|特别|别[的人]|区别|级别|没事|没关系|不要紧|不得不|非常|未来|无论"
)
_ASKED_BACK = re.compile(r"(\w{1,2})[不没]\1")  # 满不满意, 是不是
_APPROVED = re.compile("没(?:有|什么|啥)?(?:毛病|意见|错|[得的]说|挑|可挑)|(?<!有)[挺很还真蛮]?不(?:错|赖|差|孬)|挑不出\\w{0,3}毛病")
_NO_PROBLEM = re.compile("没(?:有|什么|啥|有什么)?问题")
_OPEN = re.compile(
    "[不没](?:太|大|怎么|是很|是太)?(?:知道|清楚|晓得|记得|了解|确定|好说|一定|敢说|注意|留意|在意|印象|试|看|用上|问|来得及)|说不|忘了|难说|记不|想不起"
    "|[等问想看说]一[下等问想看说]|稍等|[看想问][看想问]|什么|啥|没听清|听不|再说|(?<!不)怎么|为啥|谁|还是不|好像|可能|大概|估计|也许|应该|算是|勉强|差不多|一半|一部分"
    "|个[啥屁鬼头]|才怪"
    "|又\\w{0,3}[坏漏停凉不没出冒响]|反复|还行|还好|还可以|过得去|凑合"
)
_ADVERBS = "(?:[太大很够咋是算多能真全有给帮为我再还×]|怎么|十分|那么|什么|觉得|完全|彻底|谈|说|上)*"
_OPENERS = (
    "(?:[嗯啊呃额哦哎喂诶唉]|[还就但可]是|[那就还也都]|其实|现在|目前|暂时|反正|我们?|已经|根本|压根|一直|从来|完全"
    "|基本上?|师傅|他们?|一分钱)*"
)
_PARTICLES = "[的啊呀吧呢哦嘞了嘛呗滴哈哟啦]*"
_ONLY_HUMS = re.compile("[嗯啊哦噢，]+")
_YES_WORDS = re.compile(f"(?:(?:是|对|有|好|行|成|可以|当然|肯定|必须|没错|＋){_PARTICLES})+")
_YES_BEGINS = re.compile(
    "＋|[是对](?:的|[都早就]|解决|满意|方便)|(?:挺|很|非常|比较|特别|相当|[×]+)?(?:解决|满意|方便)|(?:修|弄|处理|搞|整)(?:好|完|定|妥)|(?:好|可以|正常|通|恢复)了|有[空时]"
)
_NO_BEGINS = re.compile(
    f"(?:{_NEGATION})(?:{_PARTICLES}$|[是有行好用要收修弄给交花来能会对想掏付空人过]|可以|方便|需要|解决|处理|满意|时间|同意|愿意|彻底|完全|帮|得到)"
)
_QUESTION = re.compile("吗|没|是否|有没有|是不是|不")
_STEM = re.compile("(?:是否|有没有|是不是)(\\w{1,2})|(\\w{1,2}?)(?:了没有?|了吗|了么|没有|没|吗|么)$")
_GOOD = re.compile("(?:挺|很|非常|特别|蛮|真|都|相当|×)+(?:好|棒|热情|周到|认真|耐心|专业|负责|到位)(?!像)")
_BAD = re.compile("不(?:怎么样|咋|好|行|耐烦|热情|认真|周到|负责)|[很太]差|差劲|糟|恶劣|气人|生气|态度差")
_MIDDLE = re.compile("一般|马马虎虎|凑凑?合合?|不好不坏|就那样|中等|中不溜")

_YES = ("是", "是的", "对", "对的", "嗯", "好", "好的", "行", "可以", "有", "解决了", "满意", "方便")
_NO = ("否", "不是", "不", "没有", "没", "没解决", "不方便", "不行", "不满意", "未解决", "不可以", "不对", "没有解决")
_EXISTS = ("有", "没有", "没")


def choice(words: Sequence[Word], choices: Sequence[str], asked: str = "") -> str | None:
    """The choice that was said, None for none, for several, or where the customer leaves it open.

    A longer choice hides a shorter one inside it (不满意, 满意); a negated one (不太满意) is the choice that says so, if there is one.
    A choice of one character counts only as a clause of its own (是的，解决了; not 还是没解决).  Where no choice is said, a plain yes
    (对, 嗯, 没问题) is the choice that says yes, a plain no the one that says no; ``asked`` is the question, as far as it was heard:
    who repeats its verb (收费了吗? 收了) has answered it.
    """
    heard = spoken(words)
    text = hide(_HARMLESS, hide(_ASKED_BACK, parted(heard)))
    explicit, unclear = _explicit(heard, text, choices)
    if explicit or unclear:
        return explicit.pop() if len(explicit) == 1 and not unclear else None
    if _OPEN.search(_NO_PROBLEM.sub("", _APPROVED.sub("", parted(heard)))):
        return None
    return _by_quality(text, choices) or _plainly(text, choices, normalise(asked))


def _explicit(heard: Spoken, text: str, choices: Sequence[str]) -> tuple[set[str], bool]:
    """The choices that were said, negations counted, and whether one was said in a way that leaves open what is meant."""
    breaks = sorted(heard.breaks)
    found: set[str] = set()
    taken: list[tuple[int, int]] = []
    unclear = False
    for wanted in sorted(choices, key=lambda c: -len(normalise(c))):
        single = len(wanted_sounds(wanted)[0]) < 2
        for match in find(wanted, heard, 0.0 if len(wanted_sounds(wanted)[0]) < 3 else NEAR):
            begin, end = (at + bisect_right(breaks, at) for at in (match.start, match.end - 1))
            place = (begin, end + 1)
            if any(a <= place[0] and place[1] <= b for a, b in taken) or HIDDEN in text[begin : end + 1]:
                continue
            changed = bool(_NOT.match(normalise(wanted))) != bool(_NOT.match(heard.text[match.start :]))
            if changed or (single and not _alone(match, text, place)):
                continue
            taken.append(place)
            meant = _meant(wanted, text, place, choices)
            found |= {meant} if meant is not None else set()
            unclear |= meant is None
    return found, unclear


def _alone(match: Match, text: str, place: tuple[int, int]) -> bool:
    """A choice of one character, as a clause of its own, and nothing in the answer denies it."""
    before, after = text[: place[0]].rpartition("，")[2], text[place[1] :].partition("，")[0]
    denied = _NOT.search(_NO_PROBLEM.sub("", _APPROVED.sub("", text[: place[0]] + text[place[1] :])))
    whole = re.fullmatch("[嗯啊呃额哦哎喂诶那就都]*", before) and re.fullmatch(f"{_PARTICLES}(?:解决|满意|方便)?{_PARTICLES}", after)
    return match.exact and whole is not None and denied is None and not _OPEN.search(text)


def _meant(wanted: str, text: str, place: tuple[int, int], choices: Sequence[str]) -> str | None:
    """The choice as it was said: itself, its contrary behind a negation; None if nobody can say."""
    before = text[: place[0]].rpartition("，")[2]
    negations = list(_NOT.finditer(before))
    if re.match("什么|啥|个[啥屁鬼头]|才怪|吗", text[place[1] :]):
        return None
    if not negations or place[0] - (text[: place[0]].rfind("，") + 1) - negations[-1].end() > _FAR:
        return wanted
    alone = len(negations) == 1 and re.fullmatch(_ADVERBS, before[negations[0].end() :]) and not re.search("[谈说]不上", before)
    plain_text = normalise(wanted).removesuffix("了")
    contraries = [c for c in choices if re.fullmatch(f"(?:{_NEGATION}){re.escape(plain_text)}了?", normalise(c))]
    return contraries[0] if alone and len(contraries) == 1 else None


_FAR = 6  # characters behind a negation from which it denies something else


def _by_quality(text: str, choices: Sequence[str]) -> str | None:
    """Of 满意, 一般, 不满意 the one that praise, blame or neither means."""
    if "满意" not in map(normalise, choices):
        return None
    praised, blamed = (bool(p.search(text)) for p in (_GOOD, _BAD))
    fair = bool(_MIDDLE.search(text))
    if praised + blamed + fair != 1:
        return None
    wanted = ("满意",) if praised else ("不满意",) if blamed else ("普通", "一般", "中等")
    fitting = [c for c in choices if normalise(c) in wanted]
    return fitting[0] if len(fitting) == 1 and not (praised and _NOT.search(_APPROVED.sub("", text))) else None


def _plainly(text: str, choices: Sequence[str], asked: str) -> str | None:
    """The choice that a plain yes or no means, None for both or neither."""
    problems = re.search("有\\w{0,6}(?:问题|意见)", asked) or any(normalise(c) in _EXISTS for c in choices)
    text = _NO_PROBLEM.sub("没有" if problems else "＋", _APPROVED.sub("＋", text))
    stem = next((m[1] or m[2] for m in [_STEM.search(asked)] if m), "")
    said = {_polarity(clause, stem) for clause in text.split("，")} - {None}
    if not said and _ONLY_HUMS.fullmatch(text):
        said = {True}
    if len(said) != 1 or (asked and not _QUESTION.search(asked) and "满意" in map(normalise, choices) and "＋" not in text):
        return None
    meant = _YES if said.pop() else _NO
    fitting = [c for c in choices if normalise(c) in meant]
    return fitting[0] if len(fitting) == 1 else None


def _polarity(clause: str, stem: str) -> bool | None:
    """Whether a clause of an answer says yes or no to a question whose verb is ``stem``; None if it says neither, or both."""
    rest = re.sub(f"^{_OPENERS}", "", clause)
    verb = f"(?:{'|'.join(map(re.escape, {stem, stem[0], stem[-1]}))})" if stem else "(?!)"
    if re.match(f"(?:{_NEGATION}){_ADVERBS}{verb}", rest) or _NO_BEGINS.match(rest):
        return False
    yes = _YES_WORDS.fullmatch(rest) or _YES_BEGINS.match(rest) or re.match(f"{verb}(?:[了的过着啊呢吧好]|$)", rest)
    return True if yes and not _NOT.search(rest) else None


# ---------------------------------------------------------------- free text


_SURNAME_FIRST = re.compile(r"^.{0,4}姓(.{1,2}?)我?[叫是]?(?=\1.)")  # 我姓刘，刘芳
_SPELT = re.compile(
    r"(?<=.)(?:弓长张|木子李|耳东陈|立早章|双木林|口天吴|古月胡|言午许|草头黄|三横王|双人徐|走肖赵|人可何|(.)(.)的(?:\1|\2)(?!.*[路街楼号室]))"
)
_LEAD = re.compile("^(?:喂|嗯|啊|哦|那个|就是|[你您]记一下|我说一下|我家|我的|我们|我|这边|免贵|名字|地址|电话|号码|姓名|叫|姓|是|在|住)+")
_TAIL = re.compile("(?:啊|呀|吧|呢|嘛|的|了|谢谢|对)+$")
_NOTHING = re.compile(
    "(?:[啊嗯哦噢呃额喂诶哎那你您好的请说]|什么|哪个|怎么了?|没听清楚?|听不清楚?|听不见|听不到|再说一[遍次下]|[等想看问说找]一下|稍等|等等|[想看][想看]看?|我)*"
)
_EMPTY_WORDS = frozenset(
    (
        *("就是", "这个", "那个", "我们", "你们", "他们", "一下", "没有", "可以", "什么", "怎么", "现在", "已经", "因为"),
        *("所以", "还是", "但是", "然后", "您好", "你好", "谢谢", "好的", "知道", "一个", "这样", "那样", "不是", "真的"),
        *("觉得", "应该", "可能", "时候", "今天", "昨天", "自己", "东西", "您看", "麻烦"),
    )
)


def plain(words: Sequence[Word]) -> str | None:
    """The answer as text, without what leads to it (我叫, 地址是; a surname before the whole name), what spells it (木子李) and what
    trails; None without any."""
    text = _SPELT.sub("", _SURNAME_FIRST.sub("", normalise("".join(word.text for word in words))))
    return _TAIL.sub("", _LEAD.sub("", text)) or _TAIL.sub("", text) or text or None


def says_nothing(words: Sequence[Word]) -> bool:
    """Whether the customer asks back or asks to wait (啊？什么？等一下): no answer yet."""
    return _NOTHING.fullmatch(normalise("".join(word.text for word in words))) is not None


def main_words(text: str) -> tuple[str, ...]:
    """What of an answer is worth repeating: its words of two characters and more, without those that say nothing; else all of it."""
    words = tuple(dict.fromkeys(w for w in words_in(normalise(text)) if len(w) > 1 and w not in _EMPTY_WORDS))
    return words or ((normalise(text),) if normalise(text) else ())


def repeats_words(answer: str, words: Sequence[Word]) -> float:
    """How much of the main words of an answer the agent said, by sound (0-1); of a longer word a part of it counts for as much.

    Who is addressed by the surname (刘女士) was heard in part.
    """
    wanted, heard = main_words(answer), spoken(words)
    share = sum(_said_of(word, heard) for word in wanted) / len(wanted) if wanted else 0.0
    return share or (ADDRESSED if _addressed(normalise(answer), heard.text) else 0.0)


def _said_of(word: str, heard: Spoken) -> float:
    """Share of a word's characters that were said in runs of two and more; a single one proves nothing of a longer word."""
    if find(word, heard, NEAR):
        return 1.0
    said: set[int] = set()
    for at in range(len(word) - 1):
        if len(wanted_sounds(word[at : at + 2])[0]) == 2 and find(word[at : at + 2], heard, NEAR):
            said |= {at, at + 1}
    return len(said) / len(word)


def _addressed(name: str, heard: str) -> bool:
    """Whether somebody of that name is called by the surname, of one character or two."""
    return any(re.search(f"{re.escape(name[:length])}(?:先生|女士|小姐|师傅|老师)", heard) for length in (1, 2) if len(name) >= length)
