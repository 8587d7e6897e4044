"""A rule book's language in plain Chinese: wordings, conditions, expressions, when a rule holds, what it is worth.

For readers who know the regulation and not the file: every word comes from the values that the program runs with.  What kinds of rules
look for is in ``qa.rules.kinds_in_words``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from qa.lexicon import WordList
from qa.patterns import ALWAYS
from qa.rules import calendar
from qa.rules.book import RuleBook
from qa.rules.events import EVENTS
from qa.rules.explain_text import ROLE_TITLES, figure
from qa.rules.expression import And, Expression, Name, Not, Or, Titled, names
from qa.rules.measures import MEASURES
from qa.rules.model import Condition, Event, Fine, Limit, Points, Regex, Relation, Say, Where, Who, Words
from qa.rules.model import When as WhenOf
from qa.rules.open_hours import hours_text
from qa.rules.regex_in_words import ALTERNATIVES, UNTOLD, quoted, regex_text
from qa.rules.when import WEEKDAYS

_WHO = {Who.AGENT: "坐席", Who.CUSTOMER: "客户", Who.ANNOUNCEMENT: "自动播报", Who.ANYONE: "任何一方"}
_OF_A_SPEAKER = ("interruption", "cut_in", "shout")
"""Events that the speaker of the condition does."""
_SLOT_TEXT = dict(zip(ALWAYS, ("坐席工号", "先生/女士/小姐", "合乎钟点的问候"), strict=True))
_ANYTHING = re.compile(r"\.(?:\{(\d+),?\})?")
_BRACKETS = {"(": ("（", "）"), "[": ("〔", "〕")}
_DAYS = {"workday": "工作日", "restday": "双休日和法定节假日"}
_DIRECTIONS = {"in": "呼入", "out": "呼出"}
_PERIODS = {"month": "一月内", "quarter": "一季内", "year": "一年内"}
LETTERS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"


# ---------------------------------------------------------------- wordings and lists


def wording(source: str, slots: Mapping[str, Sequence[str]]) -> str:
    """A wording to be read: ``（甲/乙/…）`` one of several, ``〔丙〕`` may be left out, slots by what stands in them."""
    text = unicodedata.normalize("NFKC", source)
    for name, shown in _SLOT_TEXT.items():
        text = text.replace(f"{{{name}}}", f"｛{shown}｝")
    for name, texts in slots.items():
        text = text.replace(f"{{{name}}}", texts[0])
    return _bracketed(text).replace(",", "，")


def _bracketed(text: str) -> str:
    out, at = "", 0
    while at < len(text):
        if text[at] not in _BRACKETS:
            out, at = out + text[at], at + 1
            continue
        left, right = _BRACKETS[text[at]]
        end = _closing(text, at)
        parts = [_bracketed(part) for part in _alternatives(text[at + 1 : end])]
        more = ["…"] if len(parts) > ALTERNATIVES else []
        out, at = f"{out}{left}{'/'.join([*parts[:ALTERNATIVES], *more])}{right}", end + 1
    return out


def _closing(text: str, at: int) -> int:
    """Where the bracket at ``at`` closes (a wording was validated when its book was read)."""
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] in "([") - (text[place] in ")]")
        if depth == 0:
            return place
    return len(text)


def _alternatives(text: str) -> Iterator[str]:
    depth, begin = 0, 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "|" and depth == 0:
            yield text[begin:place]
            begin = place + 1
    yield text[begin:]


def wordings(sources: Sequence[str], book: RuleBook) -> str:
    """Several wordings, each to be read."""
    slots = dict(book.slots)
    return quoted([wording(source, slots) for source in sources], "种句式")


def word_list(words: WordList, book: RuleBook) -> str:
    """Phrases of a list with the files that they stand in; those that stand in the rule itself all by themselves."""
    files = [_file(path, book) for path in words.path.split(";") if path.endswith(".txt")]
    shown = quoted([phrase.text for phrase in words.phrases], "条")
    return f"词表 {'、'.join(files)} 里的话（{shown}）" if files else shown


def _file(path: str, book: RuleBook) -> str:
    file = Path(path)
    return file.name if file.parent.name == book.id else f"{file.parent.name}/{file.name}"


# ---------------------------------------------------------------- conditions


@dataclass(frozen=True)
class Terms:
    """Conditions of one rule by letters (甲, 乙 …), so that an expression can be read; a single one needs no letter."""

    book: RuleBook
    known: Mapping[str, Condition]

    def letter(self, name: str) -> str:
        at = list(self.known).index(name)
        return LETTERS[at] if at < len(LETTERS) else f"条件{at + 1}"

    def expression(self, expression: Expression) -> str:
        """``甲且没有乙``; a book's single condition in full."""
        if isinstance(expression, Name):
            return self.condition(self.known[expression.name]) if len(self.known) == 1 else self.letter(expression.name)
        if isinstance(expression, Not):
            inner = self.expression(expression.inner)
            return f"没有{inner if isinstance(expression.inner, Name) else f'（{inner}）'}"
        if isinstance(expression, Titled):
            inner = self.expression(expression.parts[0])
            return f"{expression.title}（{inner}）" if expression.title else inner
        word = "且" if isinstance(expression, And) else "或"
        return word.join(self._inside(part) for part in expression.parts)

    def _inside(self, part: Expression) -> str:
        text = self.expression(part)
        return f"（{text}）" if isinstance(part, And | Or) and not (isinstance(part, Titled) and part.title) else text

    def legend(self) -> list[str]:
        """A line for each letter."""
        if len(self.known) < 2:
            return []
        return [f"{self.letter(name)}：{self.condition(condition)}" for name, condition in self.known.items()]

    def condition(self, condition: Condition) -> str:
        """What a condition looks for, who does it, where and how often, after its title."""
        looked_for = self._looked_for(condition)
        return f"{condition.title}，即{looked_for}" if condition.title else looked_for

    def _looked_for(self, condition: Condition) -> str:
        source, times = condition.source, _times(condition.times)
        place = _where(condition.where) + self._relation(condition.relation)
        if isinstance(source, Limit):
            return limit_text(source, condition.who)
        if isinstance(source, Event):
            who = _WHO[condition.who] if source.kind in _OF_A_SPEAKER else ""
            return f"{place}{who}{EVENTS[source.kind].title}{_length(source)}{times}"
        return f"{_WHO[condition.who]}{place}{self._said(source)}{times}"

    def _said(self, source: Say | Words | Regex) -> str:
        if isinstance(source, Words):
            return f"说{word_list(source.words, self.book)}"
        if isinstance(source, Regex):
            return _matching(source)
        text = wordings(source.wordings, self.book)
        also = f"（{wordings(source.permitted, self.book)}也算）" if source.permitted else ""
        count = len(source.wordings)
        if source.at_least > 1:
            each = "都" if source.at_least == count else ""
            return f"{each}说到{text}" + (f"，{count} 样里至少 {source.at_least} 样" if not each else "") + also
        return f"说{text}{also}"

    def _relation(self, relation: Relation | None) -> str:
        if relation is None:
            return ""
        which = {"each": "每处", "any": "", "first": "头一处"}[relation.which]
        order = {"before": "之前", "after": "之后", "around": "前后"}[relation.order]
        near = [f" {relation.within_s:g} 秒内"] if relation.within_s is not None else []
        near += [f" {relation.within_turns} 轮话内"] if relation.within_turns is not None else []
        known = relation.other in self.known
        return f"在{which}{self.letter(relation.other) if known else relation.other}{order}{'、'.join(near)}"


def terms(book: RuleBook, conditions: Iterable[Condition], expressions: Iterable[Expression | None]) -> Terms:
    """Letters in the order in which ``expressions`` name the conditions, then those that these lean on."""
    known = {condition.id: condition for condition in conditions}
    todo = [name for expression in expressions if expression is not None for name in names(expression)]
    found: dict[str, Condition] = {}
    while todo:
        condition = known.get(todo.pop(0))
        if condition is not None and condition.id not in found:
            found[condition.id] = condition
            todo += [condition.relation.other] if condition.relation is not None else []
    return Terms(book, found)


def plain(value: float | None) -> str:
    """A number with a minus sign that is one."""
    return f"{value:g}".replace("-", "−")


def limit_text(limit: Limit, who: Who) -> str:
    """``坐席语速 140 至 160 字/分钟``."""
    measure = MEASURES[limit.measure]
    unit = f" {measure.unit}" if measure.unit and measure.unit != "%" else measure.unit
    if limit.low is not None and limit.high is not None:
        span = f"为 {plain(limit.low)} 至 {plain(limit.high)}{unit}"
    else:
        span = f"不低于 {plain(limit.low)}{unit}" if limit.low is not None else f"不超过 {plain(limit.high)}{unit}"
    about = f"（约，容许 {100 * limit.about:g}%）" if limit.about else ""
    doubt = f"（离界限不到 {plain(limit.tolerance)}{unit}的交人工）" if limit.tolerance else ""
    return f"{_WHO[who] if measure.of_speaker else ''}{measure.title}{span}{about}{doubt}"


def _matching(source: Regex) -> str:
    """``说“听不（清/见）”``; any words, or so many of them, are told as such."""
    anything = _ANYTHING.fullmatch(source.pattern)
    if anything:
        return f"说话（{anything[1]} 字以上）" if anything[1] else "说话"
    shown = regex_text(source.pattern)
    said = f"说合乎{shown}的话" if shown == UNTOLD else f"说{shown}"
    return said + (f"（{regex_text(*source.unless)}除外）" if source.unless else "")


def _where(where: Where) -> str:
    given = (
        (where.first_turns, "头 {} 轮话里"),
        (where.first_s, "最初 {} 秒里"),
        (where.last_turns, "最后 {} 轮话里"),
        (where.last_s, "最后 {} 秒里"),
    )
    return "、".join(text.format(f"{value:g}") for value, text in given if value is not None)


def _length(event: Event) -> str:
    if event.max_s is None:
        return f" {event.min_s:g} 秒以上" if event.min_s else ""
    return f" {event.min_s:g} 至 {event.max_s:g} 秒" if event.min_s else f"不超过 {event.max_s:g} 秒"


def _times(times: tuple[int, int | None]) -> str:
    least, most = times
    if most is None:
        return f"，至少 {least} 次" if least > 1 else ""
    if least == most:
        return f"，恰好 {least} 次"
    return f"，{least} 至 {most} 次" if least > 1 else f"，至多 {most} 次"


# ---------------------------------------------------------------- when a rule holds


def when_text(when: WhenOf, book: RuleBook) -> str:
    """``呼入，08:30–12:00，工作日``; empty for always."""
    titles = {kind.id: kind.title for kind in book.call_types}
    given = (
        _DIRECTIONS.get(when.direction or "", ""),
        hours_text(when),
        "、".join(WEEKDAYS[day - 1] for day in when.weekdays),
        _DAYS.get(when.day or "", ""),
        "、".join(str(first) if first == last else f"{first} 至 {last}" for first, last in when.dates),
        "、".join(calendar.title(name, book.holidays) for name in when.holidays),
        f"线路 {'、'.join(when.lines)}" if when.lines else "",
        "、".join(f"{titles.get(kind, kind)}电话" for kind in when.of_types),
        "、".join(f"不是{titles.get(kind, kind)}电话" for kind in when.not_of_types),
    )
    return "，".join(text for text in given if text)


# ---------------------------------------------------------------- what it is worth


def points_text(points: Points | None) -> str:
    """``权重 12，一票否决（本部分）``; empty where a rule has no points."""
    if points is None:
        return ""
    each = "每次" if points.per == "occurrence" else ""
    given = (
        f"权重 {figure(points.weight)}" if points.weight is not None else "",
        f"{each}扣 {figure(points.deduction)} 分" if points.deduction is not None else "",
        f"{each}加 {figure(points.bonus)} 分" if points.bonus is not None else "",
        f"每通最多 {figure(points.most)} 分" if points.most is not None else "",
        f"每月头 {points.warn_first} 次只警告" if points.warn_first else "",
        {"section": "一票否决（本部分记 0）", "call": "一票否决（整通记 0）"}.get(points.veto or "", ""),
    )
    return "，".join(text for text in given if text)


def fine_text(fine: Fine | None) -> str:
    """``每次罚 50–500 元，情节严重 2–5 倍``; empty where a rule has no fine."""
    if fine is None:
        return ""
    each = "每通" if fine.per == "call" else "每次"
    if fine.escalation:
        then = "以后每次加倍" if fine.then == "double" else "以后不变"
        amounts = "、".join(figure(amount) for amount in fine.escalation)
        start = f"{_PERIODS[fine.period]}{each}依次罚 {amounts} 元，{then}"
    else:
        start = f"{each}罚 {_span(fine.low, fine.high)} 元"
    given = [start]
    given += [f"一人一月封顶 {figure(fine.cap)} 元"] if fine.cap is not None else []
    given += [f"情节严重 {_span(*fine.grave)} 倍"] if fine.grave is not None else []
    for liable in fine.liable:
        role = ROLE_TITLES.get(liable.role, liable.role)
        paid = f"罚款的 {figure(liable.share * 100)}%" if liable.share is not None else f"每次 {figure(liable.amount or Decimal(0))} 元"
        given.append(f"{role}付{paid}")
    return "，".join(given)


def _span(low: Decimal, high: Decimal) -> str:
    return figure(low) if low == high else f"{figure(low)}–{figure(high)}"
