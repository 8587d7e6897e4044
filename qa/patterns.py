"""Scripted wording: patterns in Chinese with slots, found in recognised speech by sound.

A pattern is a line of text, its parts set apart by punctuation or spaces::

    (您好|早上好)，{company}[，工号{agent_number}]，请问有什么可以帮[到]您

``(a|b)`` one of several wordings, ``[c]`` may be left out, ``{name}`` a slot.  Brackets nest; punctuation inside brackets means
nothing.  A part that may be left out as a whole is never demanded.  The others must come in this order; anything may come between.
Three slots are always there.  ``{agent_number}`` is the agent's number from the call record, digit by digit (1 as 幺 or 一) or as a
number; any two digits and more where the record has none.  Where further digits adjoin it (21024 for 1024) it is at most
*doubtful*.  ``{customer_title}`` is 先生, 女士 or 小姐, behind a surname of one or two characters or alone.
``{hour_greeting}`` is 早上好, 下午好 … as fits the hour of the call, any of them where it is not known.

A part is *present* within ``near`` of its wording (distance per syllable, ``qa.phonetic``), *doubtful* within ``far``, else
*absent*.  Wordings of one or two syllables leave little to compare: half of ``near`` and three quarters of ``far`` hold for them.
"""

from __future__ import annotations

import enum
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qa.phonetic import GAP_COST, Match, Spoken, wanted_sounds
from qa.soundindex import SoundIndex
from qa.text import digits_as_read, number_as_read
from qa.types import Span

AGENT_NUMBER, CUSTOMER_TITLE, HOUR_GREETING = ALWAYS = ("agent_number", "customer_title", "hour_greeting")
MAX_WORDINGS = 300
MAX_DEPTH = 30  # brackets in brackets

_NUMBER = "\x00"  # stands in a wording for any number of two digits and more
_SURNAME = "\x01"  # stands for up to two characters
_EDGE = "\x02"  # stands in a wording before and behind the agent's number
_SURNAME_LENGTH = 2
_TITLES = tuple(_SURNAME + title for title in ("先生", "女士", "小姐"))
_HOUR_GREETINGS = (  # first hour, hour after the last; over midnight they stand twice
    ("早上好", 4, 11),
    ("早晨好", 4, 11),
    ("上午好", 7, 12),
    ("中午好", 11, 14),
    ("下午好", 12, 19),
    ("晚上好", 17, 24),
    ("晚上好", 0, 5),
    ("凌晨好", 0, 6),
)
_DIGITS = re.compile("[零〇一幺二两三四五六七八九十百千万亿]+")
_ONE_SPELLING = str.maketrans("一〇", "幺零")
_SPOKEN_NUMBER = re.compile("[零〇一幺二两三四五六七八九十百]{2,}")


class Held(enum.IntEnum):
    """How well a part was heard, best last."""

    ABSENT = 0
    DOUBTFUL = 1
    PRESENT = 2


@dataclass(frozen=True)
class Part:
    """A demanded part: its wordings (before ``fill`` with ``{slots}``) and the one to show."""

    wordings: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Pattern:
    """A parsed pattern: its demanded parts in order."""

    source: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Alignment:
    """How the parts of one pattern were heard in one decode: ``held`` and ``spans`` have one entry a part."""

    pattern: Pattern
    held: tuple[Held, ...]
    spans: tuple[Span | None, ...]

    @property
    def worst(self) -> Held:
        return min(self.held)

    @property
    def span(self) -> Span | None:
        """From the first part that was heard to the last."""
        found = [span for span in self.spans if span is not None]
        return Span(found[0].start_ms, max(span.end_ms for span in found)) if found else None


# ---------------------------------------------------------------- parsing


def parse(source: str, slots: Iterable[str]) -> Pattern:
    """Parse a pattern; ``slots`` are the names that may stand in braces (those of ``ALWAYS`` always may).

    Raises ValueError, in Chinese, for brackets that do not match, an unknown slot, a pattern without a demanded part, more than
    300 wordings in one part, or more than 30 brackets in brackets.
    """
    text = unicodedata.normalize("NFKC", source)
    known = {*slots, *ALWAYS}
    for name in re.findall(r"\{([^{}]*)\}", text):
        if name not in known:
            raise ValueError(f"句式“{source}”里的 {{{name}}} 没有定义（可用：{'、'.join(sorted(known))}）")
    parts = []
    for chunk in _chunks(text, source):
        wordings, at = _sequence(chunk, 0, source)
        if at != len(chunk):
            raise ValueError(f"句式“{source}”的括号不配对")
        if "" not in wordings:
            parts.append(Part(tuple(dict.fromkeys(wordings)), wordings[0]))
    if not parts:
        raise ValueError(f"句式“{source}”没有必须说的内容")
    return Pattern(source, tuple(parts))


def _chunks(text: str, source: str) -> list[str]:
    """Stretches between punctuation outside brackets; a slot outside brackets is a stretch of its own."""
    chunks, depth, current = [], 0, ""
    for character in text:
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        if depth > MAX_DEPTH:
            raise ValueError(f"句式“{source[:MAX_DEPTH]}……”的括号套得太深，至多 {MAX_DEPTH} 层")
        if depth == 0 and character == "{":
            chunks.append(current)
            current = ""
        if depth == 0 and not (character.isalnum() or character in "()[]{}|_"):
            chunks.append(current)
            current = ""
            continue
        if depth == 0 and character == "|":
            raise ValueError(f"句式“{source}”里的 | 只能写在括号里")
        current += character
        if depth == 0 and character == "}":
            chunks.append(current)
            current = ""
    if depth:
        raise ValueError(f"句式“{source}”的括号不配对")
    return [chunk for chunk in [*chunks, current] if chunk]


def _sequence(text: str, at: int, source: str) -> tuple[list[str], int]:
    """All wordings from ``at`` to the end of the bracket (or the text)."""
    out = [""]
    while at < len(text) and text[at] not in ")]|":
        if text[at] in "([":
            closing = ")" if text[at] == "(" else "]"
            options, end = _options(text, at + 1, closing, source)
            if closing == "]":
                options.append("")
        elif text[at] == "{":
            end = text.find("}", at) + 1
            if end == 0:
                raise ValueError(f"句式“{source}”的花括号不配对")
            options = [text[at:end]]
        else:
            options, end = [text[at]], at + 1
        out = [a + b for a, b in itertools.product(out, options)]
        if len(out) > MAX_WORDINGS:
            raise ValueError(f"句式“{source}”的组合超过 {MAX_WORDINGS} 种，请拆成几个句式")
        at = end
    return out, at


def _options(text: str, at: int, closing: str, source: str) -> tuple[list[str], int]:
    options = []
    while True:
        wordings, at = _sequence(text, at, source)
        options += wordings
        if at >= len(text) or text[at] not in ("|", closing):
            raise ValueError(f"句式“{source}”的括号不配对")
        at += 1
        if text[at - 1] == closing:
            return options, at


# ---------------------------------------------------------------- filling and aligning


def agent_number_readings(agent_id: str) -> tuple[str, ...]:
    """How a number may be said: digit by digit with 幺 and with 一; up to five digits also as a number, as a recogniser that
    writes 1024号 leaves open how it was said; () without digits."""
    digits = "".join(c for c in unicodedata.normalize("NFKC", agent_id) if c.isascii() and c.isdigit())
    if not digits:
        return ()
    read = [digits_as_read(digits), digits_as_read(digits, "一")]
    if len(digits) <= 5:
        read.append(number_as_read(digits))
    return tuple(dict.fromkeys(read))


def said_number(heard: Spoken, before: str) -> str | None:
    """The number said right after ``before`` (an optional 是 between), as it was heard; None without one."""
    match = re.search(re.escape(before) + "是?([零〇一幺二两三四五六七八九十百]{2,})", heard.text)
    return match[1] if match else None


def hour_greetings(hour: int | None) -> tuple[str, ...]:
    """Greetings by the hour (0-23) that fit it; all of them for None."""
    return tuple(dict.fromkeys(text for text, first, end in _HOUR_GREETINGS if hour is None or first <= hour < end))


def fill(pattern: Pattern, slots: Mapping[str, Sequence[str]], agent_id: str | None, hour: int | None = None) -> Pattern:
    """The pattern with its slots filled; ``agent_id`` None or without digits leaves any number acceptable, ``hour`` None any greeting."""
    values = {
        CUSTOMER_TITLE: _TITLES,
        HOUR_GREETING: hour_greetings(hour),
        **slots,
        AGENT_NUMBER: tuple(f"{_EDGE}{read}{_EDGE}" for read in agent_number_readings(agent_id or "")) or (_NUMBER,),
    }
    parts = []
    for part in pattern.parts:
        wordings = _filled(part.wordings, values)
        parts.append(Part(wordings, _shown(wordings[0])))
    return Pattern(pattern.source, tuple(parts))


def _shown(wording: str) -> str:
    return wording.replace(_NUMBER, "××").replace(_SURNAME, "×").replace(_EDGE, "")


def _filled(wordings: Iterable[str], values: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    out: list[str] = []
    for wording in wordings:
        pieces = [values[p[1:-1]] if p.startswith("{") else (p,) for p in re.split(r"(\{[^}]*\})", wording)]
        out += ["".join(choice) for choice in itertools.product(*pieces)]
    return tuple(dict.fromkeys(out))


def align(pattern: Pattern, heard: Spoken, near: float, far: float, index: SoundIndex | None = None) -> Alignment:
    """The best way to hear the parts of a filled pattern in order: fewest absent, then fewest doubtful, then the nearest.

    ``index`` of ``heard`` spares another one where there are several patterns.
    """
    search = (index or SoundIndex(heard)).find
    states: dict[int, tuple[float, tuple[tuple[Held, Match | None], ...]]] = {0: (0.0, ())}
    for part in pattern.parts:
        fresh: dict[int, tuple[float, tuple[tuple[Held, Match | None], ...]]] = {}
        options = candidates(part, heard, search, near, far)
        for at, (cost, picks) in states.items():
            choices = [(at, cost + 1e4, (*picks, (Held.ABSENT, None)))]
            for held, match, _ in options:
                if match.start >= at:
                    penalty = 0.0 if held is Held.PRESENT else 1e2
                    choices.append((match.end, cost + penalty + match.distance, (*picks, (held, match))))
            for end, total, chosen in choices:
                if end not in fresh or total < fresh[end][0]:
                    fresh[end] = (total, chosen)
        states = fresh
    _, best = min(states.values(), key=lambda state: state[0])
    spans = tuple(None if m is None else heard.span(m.start, m.end) for _, m in best)
    return Alignment(pattern, tuple(held for held, _ in best), spans)


Search = Callable[[str, float], Sequence[Match]]
"""Finds a wording within a distance per syllable, as ``qa.phonetic.find`` does in one Spoken."""


class Candidate(NamedTuple):
    """A place where a part may have been said, and the wording that was found there."""

    held: Held
    match: Match
    wording: str


def candidates(part: Part, heard: Spoken, search: Search, near: float, far: float) -> list[Candidate]:
    """Where a filled part is heard within ``far``; ``search`` looks in ``heard``."""
    out = []
    for wording in part.wordings:
        length = len(wanted_sounds(wording)[0])
        limit_near, limit_far = (near / 2, far * 0.75) if length <= 2 else (near, far)
        for match in _matches(wording, heard, search, limit_far):
            held = Held.PRESENT if match.distance <= limit_near + 1e-9 else Held.DOUBTFUL
            if (run := _longer_number(wording, match, heard)) is not None:
                begin, end, further = run
                distance = match.distance + further * GAP_COST / length
                match, held = Match(min(match.start, begin), max(match.end, end), distance, exact=False), Held.DOUBTFUL
            if match.distance <= limit_far + 1e-9:
                out.append(Candidate(held, match, wording))
    return out


def _longer_number(wording: str, match: Match, heard: Spoken) -> tuple[int, int, int] | None:
    """The number that was said where ``wording`` has the agent's, from-to, and how many digits it has more; None if it is as long.

    The agent's number said twice in one go is the agent's number.
    """
    if _EDGE not in wording:
        return None
    number = wording.split(_EDGE)[1].translate(_ONE_SPELLING)
    begin = max((at for at in heard.breaks if at <= match.start), default=0)
    end = min((at for at in heard.breaks if at >= match.end), default=len(heard.text))
    for run in _DIGITS.finditer(heard.text, begin, end):
        further = len(run[0]) - len(number)
        if further > 0 and run.start() < match.end and run.end() > match.start and run[0].translate(_ONE_SPELLING).replace(number, ""):
            return run.start(), run.end(), further
    return None


def _matches(wording: str, heard: Spoken, search: Search, limit: float) -> Sequence[Match]:
    if _NUMBER in wording:
        return _around_number(wording, heard, search, limit)
    if _SURNAME not in wording:
        return search(wording, limit)
    before, _, after = wording.partition(_SURNAME)
    right = _matches(after, heard, search, limit)
    if not before:
        return right
    left = search(before, limit)
    return [
        Match(a.start, b.end, max(a.distance, b.distance), exact=a.exact and b.exact)
        for a, b in itertools.product(left, right)
        if 0 <= b.start - a.end <= _SURNAME_LENGTH
    ]


def _around_number(wording: str, heard: Spoken, search: Search, limit: float) -> list[Match]:
    before, _, after = wording.partition(_NUMBER)
    out = []
    for number in _SPOKEN_NUMBER.finditer(heard.text):
        left = [m for m in search(before, limit) if m.end == number.start()] if before else [None]
        right = [m for m in search(after, limit) if m.start == number.end()] if after else [None]
        for a, b in itertools.product(left, right):
            distances = [m.distance for m in (a, b) if m is not None]
            out.append(Match(a.start if a else number.start(), b.end if b else number.end(), max(distances, default=0.0), exact=False))
    return out


# ---------------------------------------------------------------- judging several decodes


@dataclass(frozen=True)
class Judgement:
    """What two decodes say together.

    ``held``: PRESENT if one decode holds one whole pattern; ABSENT if in every pattern some part is absent from all decodes;
    else DOUBTFUL.  ``decode`` is the index of the decode that holds it (or that comes nearest), ``best`` its alignment;
    ``missing`` are the parts of the nearest pattern that no decode holds.
    """

    held: Held
    decode: int
    best: Alignment
    missing: tuple[str, ...]


def judge(patterns: Sequence[Pattern], decodes: Sequence[Spoken], near: float, far: float) -> Judgement:
    """Judge filled patterns over one or more independent decodes of the same seconds (at least one of each)."""
    indexes = [SoundIndex(heard) for heard in decodes]
    table = [[align(pattern, index.heard, near, far, index) for index in indexes] for pattern in patterns]
    for k in range(len(decodes)):
        for row in table:
            if row[k].worst is Held.PRESENT:
                return Judgement(Held.PRESENT, k, row[k], ())
    unions = [[max(held) for held in zip(*(a.held for a in row), strict=True)] for row in table]
    nearest = max(range(len(patterns)), key=lambda i: (min(unions[i]), sum(unions[i]) / len(unions[i])))
    row = table[nearest]
    decode = max(range(len(decodes)), key=lambda k: (sum(row[k].held), -k))
    parts = patterns[nearest].parts
    missing = tuple(p.label for p, held in zip(parts, unions[nearest], strict=True) if held is Held.ABSENT)
    return Judgement(Held.ABSENT if missing else Held.DOUBTFUL, decode, row[decode], missing)
