"""Training texts: hand-written sentences, a slot grammar, dictionary words and numbers, recombined.

The trap that this guards against: a model that has heard few sentences writes the nearest one it knows instead of
the words that were said.  So most of what the model hears cannot be guessed: words drawn from jieba's dictionary,
sentences with words exchanged, slots filled from long lists.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import jieba

HERE = Path(__file__).parent
TEXTS = HERE / "texts"
PUNCTUATION = "，。？！"
# Whole formulas of greetings and closings: kept for evaluation, so that no score rests on having learnt them by heart.
RESERVED = ("请问有什么可以帮", "很高兴为您服务", "感谢您的来电", "感谢来电", "祝您生活愉快")
DIGITS = "零一二三四五六七八九"
PHONE_DIGITS = "零幺二三四五六七八九"


@cache
def dictionary() -> tuple[list[str], list[float]]:
    """Words of jieba's dictionary (1-5 characters, all hanzi) and their sampling weights (count ** 0.45)."""
    words, weights = [], []
    chars = set(characters())
    for line in (Path(jieba.__file__).parent / "dict.txt").read_text("utf-8").splitlines():
        word, count, *_ = line.split()
        if int(count) >= 3 and len(word) <= 5 and all(c in chars for c in word):
            words.append(word)
            weights.append(int(count) ** 0.45)
    return words, weights


@cache
def characters(limit: int = 3600) -> tuple[str, ...]:
    """The model's hanzi: hanzi.txt, which is frozen with the model; for a new model (without the file) the most frequent of
    jieba's dictionary and all of the written texts."""
    frozen = HERE / "hanzi.txt"
    if frozen.exists():
        return tuple(frozen.read_text("utf-8").strip())
    frequency: dict[str, int] = {}
    for line in (Path(jieba.__file__).parent / "dict.txt").read_text("utf-8").splitlines():
        word, count, *_ = line.split()
        for c in word:
            if "\u4e00" <= c <= "\u9fff":
                frequency[c] = frequency.get(c, 0) + int(count)
    written = {c for path in sorted(TEXTS.glob("*")) for c in path.read_text("utf-8") if "\u4e00" <= c <= "\u9fff"}
    common = sorted(frequency, key=lambda c: -frequency[c])[:limit]
    return tuple(sorted(set(common) | written | set(PHONE_DIGITS)))


@cache
def sentences() -> tuple[str, ...]:
    """The hand-written sentences (models/asr/texts/*.txt)."""
    found = []
    for path in sorted(TEXTS.glob("*.txt")):
        for line in path.read_text("utf-8").splitlines():
            line = re.sub(r"[^\u4e00-\u9fff，。？！]", "", line.replace("、", "，").replace("；", "，"))
            if 2 <= len(line) <= 40 and not any(r in line for r in RESERVED):
                found.append(line)
    return tuple(dict.fromkeys(found))


@cache
def grammar() -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Templates and slots of texts/grammar.toml."""
    table = tomllib.loads((TEXTS / "grammar.toml").read_text("utf-8"))
    return tuple(table["templates"]), table["slots"]


def read_number(n: int) -> str:
    """A number below 100,000 as read: 128 -> 一百二十八, 1005 -> 一千零五."""
    if n < 10:
        return DIGITS[n]
    text, zero = "", False
    for value, unit in ((10000, "万"), (1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, n = divmod(n, value)
        if digit:
            text += ("零" if zero and text else "") + DIGITS[digit] + unit
            zero = False
        else:
            zero = True
    return text.removeprefix("一") if text.startswith("一十") else text


def _digits(rng: random.Random, n: int, yao: float = 0.5) -> str:
    table = PHONE_DIGITS if rng.random() < yao else DIGITS
    return "".join(table[rng.randrange(10)] for _ in range(n))


def _phone(rng: random.Random) -> str:
    number = "1" + rng.choice("3456789") + "".join(str(rng.randrange(10)) for _ in range(9))
    text = "".join(PHONE_DIGITS[int(d)] for d in number)
    return text if rng.random() < 0.4 else f"{text[:3]}，{text[3:7]}，{text[7:]}"


def _money(rng: random.Random) -> str:
    return read_number(rng.choice((rng.randrange(1, 100), rng.randrange(1, 2000), rng.randrange(1, 60000)))) + rng.choice(
        ("块", "元", "块钱", "块" + DIGITS[rng.randrange(1, 10)])
    )


_PROGRAM_SLOTS: dict[str, Callable[[random.Random], str]] = {
    "digits4": lambda r: _digits(r, 4),
    "digits6": lambda r: _digits(r, 6),
    "digits8": lambda r: _digits(r, 8),
    "phone": _phone,
    "staffno": lambda r: _digits(r, r.choice((2, 3, 4, 5))),
    "order": lambda r: _digits(r, r.randrange(6, 13)),
    "money": _money,
    "percent": lambda r: "百分之" + read_number(r.randrange(1, 100)),
    "date": lambda r: f"{read_number(r.randrange(1, 13))}月{read_number(r.randrange(1, 32))}" + r.choice("号日"),
    "time": lambda r: (
        r.choice(("", "上午", "下午", "晚上"))
        + read_number(r.randrange(1, 13))
        + "点"
        + r.choice(("", "半", "钟", read_number(r.randrange(10, 60)) + "分"))
    ),
    "count": lambda r: read_number(r.randrange(1, 200)),
}


def from_grammar(rng: random.Random) -> str:
    templates, slots = grammar()

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return _PROGRAM_SLOTS[name](rng) if name in _PROGRAM_SLOTS else rng.choice(slots[name])

    return re.sub(r"\{(\w+)\}", fill, rng.choice(templates))


def words(rng: random.Random, low: int = 2, high: int = 7) -> str:
    """A run of dictionary words with a comma now and then: nothing that a language model could guess."""
    table, _weights = dictionary()
    parts: list[str] = []
    for _ in range(rng.randint(low, high)):
        parts.append(rng.choices(table, cum_weights=_cumulative())[0] if rng.random() < 0.75 else rng.choice(table))
        if rng.random() < 0.12:
            parts.append("，")
    return "".join(parts).rstrip("，") + rng.choice(("。", "。", "？", ""))


@cache
def _cumulative() -> tuple[float, ...]:
    total, out = 0.0, []
    for w in dictionary()[1]:
        total += w
        out.append(total)
    return tuple(out)


def mutated(rng: random.Random) -> str:
    """A written sentence with words exchanged for others of the dictionary, or two halves of two sentences."""
    if rng.random() < 0.4:
        a, b = rng.choice(sentences()), rng.choice(sentences())
        wa, wb = jieba.lcut(a), jieba.lcut(b)
        return "".join(wa[: rng.randint(1, len(wa))] + wb[rng.randrange(len(wb)) :])
    tokens = jieba.lcut(rng.choice(sentences()))
    table, _ = dictionary()
    return "".join(rng.choices(table, cum_weights=_cumulative())[0] if t not in PUNCTUATION and rng.random() < 0.35 else t for t in tokens)


_SOURCES: tuple[tuple[float, Callable[[random.Random], str]], ...] = (
    (0.27, words),
    (0.22, mutated),
    (0.24, lambda r: r.choice(sentences())),
    (0.27, from_grammar),
)


# The last part of the training: more of what people really say, from which the decoder learns which homophone is meant.
_WRITTEN = (0.14, 0.10, 0.58, 0.18)


def generate(rng: random.Random, written: bool = False, forbidden: frozenset[str] = frozenset()) -> Iterator[str]:
    """Training texts without end; none holds a reserved formula or a sentence of ``forbidden``.

    ``written`` prefers the hand-written sentences and the grammar to random words.
    """
    weights = list(_WRITTEN) if written else [w for w, _ in _SOURCES]
    known = set(characters()) | set(PUNCTUATION)
    while True:
        text = rng.choices(_SOURCES, weights)[0][1](rng)
        text = re.sub(r"^[，。？！]+", "", re.sub(r"([，。？！])[，。？！]+", r"\1", "".join(c for c in text if c in known)))
        units = re.split(r"[，。？！]", text)
        if 1 <= len(text) <= 44 and not any(r in text for r in RESERVED) and not forbidden.intersection(units):
            yield text
