"""Conditions and expressions from the tables of a rule book: ``[conditions.<id>]``, ``[checks.<rule>.conditions.<id>]``, ``trigger`` …

What is wrong is noted in the section's document, and the reading function gives None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from qa import patterns
from qa.params import Context, Known, as_float, read_word_lists
from qa.rules import events, measures
from qa.rules.expression import Expression, Name, Titled, expand, names, parse
from qa.rules.model import Condition, Event, Excuse, Limit, Regex, Relation, Say, Where, Who, Words
from qa.rules.read_regex import as_regex
from qa.toml_document import Section, WrongValueError, as_text, as_texts, as_whole, nearest

SOURCES: Mapping[str, tuple[str, ...]] = {
    "say": ("at_least", "permitted", "near", "far"),
    "words": (),
    "regex": ("unless",),
    "event": ("min_s", "max_s"),
    "measure": ("low", "high", "tolerance", "about"),
    "is": (),
}
"""What a condition may look for, exactly one of these, with the keys that go with each."""

ORDERS = ("before", "after", "around")
_RELATION = (*ORDERS, "within_s", "within_turns", "which")
OF_A_PLACE = ("where", "times", *_RELATION)

FAR_IN_A_WHOLE_CALL = 0.3
"""``far`` of a wording that may stand anywhere in the call: somewhere in a long call something nearly always sounds a little alike."""

MAX_SECONDS = 86_400.0
MAX_COUNT = 1000
"""Of times in seconds (a day), and of turns and hits: no call has more, so that more is a slip of the pen."""

_WHERE = re.compile(r"(first|last)\s+(?:(\d+(?:\.\d+)?)\s+)?(turns?|s)")
_RESERVED = {"and", "or", "not", "且", "或", "非"}
_OUTCOMES = ("not_applicable", "pass", "inconclusive")


# ---------------------------------------------------------------- expressions


def read_expression(section: Section, key: str, known: Mapping[str, Known]) -> Expression | None:
    """The expression at ``key``; None where the key is absent, or with a problem noted.

    ``known`` are the names it may hold; conditions made of conditions stand in it as what they are made of.
    """
    expression = section.optional(key, lambda value: as_expression(value, known), None)
    return None if expression is None else expand(expression, lambda name: _meaning(name, known))


def _meaning(name: str, known: Mapping[str, Known]) -> Expression:
    found = known[name]
    return found if isinstance(found, Titled) else Name(name)


def as_expression(value: Any, known: Iterable[str]) -> Expression:
    """An expression as written, whose names are all known.  Raises WrongValueError."""
    try:
        expression = parse(as_text(value))
    except ValueError as error:
        raise WrongValueError(f"不可用：{error}", "写成 a and (b or not c)，a、b、c 是条件的名字") from error
    there = list(known)
    for name in names(expression):
        if name not in there:
            raise WrongValueError(f"里的条件 {name} 没有定义", nearest(name, there) if there else "请先写出 [conditions] 里的条件")
    return expression


def read_excuses(section: Section, known: Mapping[str, Known]) -> tuple[Excuse, ...]:
    """``excuses`` of a rule: a list of ``{ if = …, outcome = …, reason = … }``."""
    out = []
    for row in section.tables_at("excuses"):
        if "if" not in row.table:
            row.document.problem(row.at, f"[{row.name}] 缺少必填的 if")
        expression = read_expression(row, "if", known)
        outcome = row.optional("outcome", _as_outcome, "not_applicable")
        reason = row.required("reason", as_text)
        row.close()
        if expression is not None and outcome is not None and reason is not None:
            out.append(Excuse(expression, outcome, reason))
    return tuple(out)


def _as_outcome(value: Any) -> str:
    return _one_of(value, _OUTCOMES)


# ---------------------------------------------------------------- conditions


def read_condition(section: Section, condition_id: str, context: Context) -> Condition | None:
    """The condition of a table, or None with its problems noted; not one that is made of others (``is``).

    Whether ``before`` and its kin name a condition is not looked at.
    """
    document, before = section.document, len(section.document.problems)
    check_name(section, condition_id)
    source = _source(section, context)
    who = section.optional("who", as_who, Who.AGENT)
    where = section.optional("where", as_where, Where())
    relation = _relation(section)
    once: tuple[int, int | None] = (1, None)
    times = section.optional("times", _as_times, once)
    title = section.optional("title", as_text, "")
    section.close()
    if isinstance(source, Limit):
        _check_limit(section, source, who or Who.AGENT)
    if len(document.problems) > before or source is None or who is None or where is None or times is None:
        return None
    return Condition(condition_id, source, who, where, relation, times, title or "")


def check_name(section: Section, condition_id: str) -> None:
    """Note a name that an expression could not hold."""
    if condition_id.lower() in _RESERVED or re.search(r"[\s()（）]", condition_id):
        section.document.problem(section.at, f"条件名 {condition_id} 不可用", "不能是 and、or、not、且、或、非，不能有空格和括号")


def _check_limit(section: Section, limit: Limit, who: Who) -> None:
    """A measure is one figure of the whole call."""
    for name in OF_A_PLACE:
        if name in section.table:
            section.document.problem((*section.at, name), f"measure 是整通电话的一个数，不能写 {name}", f"删去 {name}")
    check_speaker(section, limit.measure, who)


def check_speaker(section: Section, measure: str, who: Who) -> None:
    """Note a measure of one speaker that is asked of an announcement or of everybody."""
    if measures.MEASURES[measure].of_speaker and who not in (Who.AGENT, Who.CUSTOMER):
        section.document.problem((*section.at, "who"), f"{measure} 要分说话人，who 不能是 {who.value}", "写 agent 或 customer")


# ---------------------------------------------------------------- sources


def _source(section: Section, context: Context) -> Say | Words | Regex | Event | Limit | None:
    given = [name for name in SOURCES if name in section.table]
    for name, options in SOURCES.items():
        for option in options:
            if option in section.table and name not in given:
                section.document.problem((*section.at, option), f"{option} 只和 {name} 一起用", f"写上 {name}，或删去 {option}")
                section.allow(option)
    if len(given) != 1:
        cause = f"[{section.name}] " + (f"同时写了 {'、'.join(given)}" if given else "没有写要找什么")
        section.document.problem(section.at, cause, f"{'、'.join(SOURCES)} 写其中一个")
        section.allow(*SOURCES, *(option for options in SOURCES.values() for option in options))
        return None
    return _READ[given[0]](section, context)


def read_say(section: Section, context: Context) -> Say | None:
    """``say`` with the keys that go with it."""
    slots = [name for name, _ in context.slots]

    def as_wordings(value: Any) -> tuple[str, ...]:
        texts = as_texts(value)
        for index, text in enumerate(texts):
            try:
                patterns.parse(text, slots)
            except ValueError as error:
                raise WrongValueError(f"的第 {index + 1} 项不可用：{error}", "写法见 docs/rule-book.md", (index,)) from error
        return texts

    narrow = any(name in section.table for name in ("where", "within_s", "within_turns"))
    wordings = section.required("say", as_wordings)
    none: tuple[str, ...] = ()
    permitted = section.optional("permitted", as_wordings, none)
    near = section.optional("near", _as_share, Say.near)
    far = section.optional("far", _as_share, max(Say.far if narrow else FAR_IN_A_WHOLE_CALL, near or 0.0))
    count = len(wordings) if wordings else 0
    at_least = section.optional("at_least", lambda value: _as_at_least(value, count), 1)
    if wordings is None or permitted is None or near is None or far is None or at_least is None:
        return None
    if near > far:
        section.document.problem((*section.at, "near"), f"near（{near:g}）不能大于 far（{far:g}）", "near 以内算说了，far 以外算没说")
        return None
    return Say(wordings, at_least, permitted, near, far)


def read_words(section: Section, context: Context) -> Words | None:
    """``words``: the lists of these files, joined."""
    words = read_word_lists(section, "words", context)
    return None if words is None else Words(words)


def _regex(section: Section, context: Context) -> Regex | None:
    pattern = section.required("regex", as_regex)
    none: tuple[str, ...] = ()
    unless = section.optional("unless", _as_regexes, none)
    return None if pattern is None or unless is None else Regex(pattern, unless)


def _as_regexes(value: Any) -> tuple[str, ...]:
    texts = as_texts(value)
    for index, text in enumerate(texts):
        try:
            as_regex(text)
        except WrongValueError as wrong:
            raise WrongValueError(f"的第 {index + 1} 项{wrong.cause}", wrong.cure, (index,)) from wrong
    return texts


def _event(section: Section, context: Context) -> Event | None:
    kind = section.required("event", lambda value: _one_of(value, tuple(events.EVENTS)))
    low = section.optional("min_s", as_seconds, 0.0)
    high = section.optional("max_s", as_seconds, None)
    if kind is None or low is None:
        return None
    if events.EVENTS[kind].instant and ("min_s" in section.table or "max_s" in section.table):
        name = "min_s" if "min_s" in section.table else "max_s"
        section.document.problem((*section.at, name), f"{kind} 是一个时刻，没有长短", f"删去 {name}")
    if high is not None and high < low:
        section.document.problem((*section.at, "max_s"), f"max_s（{high:g}）小于 min_s（{low:g}）", "应有 min_s ≤ max_s")
    return Event(kind, low, high)


def read_limit(section: Section, context: Context) -> Limit | None:
    """``measure`` with its limits: at least one of them."""
    name = section.required("measure", lambda value: _one_of(value, tuple(measures.MEASURES)))
    low, high = section.optional("low", as_float, None), section.optional("high", as_float, None)
    tolerance = section.optional("tolerance", _as_tolerance, 0.0)
    about = section.optional("about", _as_about, 0.0)
    if "low" not in section.table and "high" not in section.table:
        section.document.problem(section.at, f"[{section.name}] 没有写 low 和 high", "至少写一个界限")
    if low is not None and high is not None and low > high:
        section.document.problem((*section.at, "high"), f"high（{high:g}）小于 low（{low:g}）", "应有 low ≤ high")
    return None if name is None or tolerance is None or about is None else Limit(name, low, high, tolerance, about)


_READ: Mapping[str, Callable[[Section, Context], Say | Words | Regex | Event | Limit | None]] = {
    "say": read_say,
    "words": read_words,
    "regex": _regex,
    "event": _event,
    "measure": read_limit,
}


def _relation(section: Section) -> Relation | None:
    given = [order for order in ORDERS if order in section.table]
    others = {order: section.optional(order, as_text, None) for order in ORDERS}
    within_s = section.optional("within_s", as_seconds, None)
    within_turns = section.optional("within_turns", as_count, None)
    which = section.optional("which", lambda value: _one_of(value, ("each", "any", "first")), "each")
    if len(given) > 1:
        cause = f"[{section.name}] 同时写了 {'、'.join(given)}"
        section.document.problem((*section.at, given[1]), cause, "只留其一；两头都要限定，请另立一个条件，用 and 连起来")
    if not given:
        for name in ("within_s", "within_turns", "which"):
            if name in section.table:
                section.document.problem((*section.at, name), f"{name} 要和 before、after 或 around 一起写", "写明在哪个条件之前或之后")
        return None
    other = others[given[0]]
    return None if other is None or which is None else Relation(given[0], other, within_s, within_turns, which)


# ---------------------------------------------------------------- values


def as_who(value: Any) -> Who:
    """Whose words count.  Raises WrongValueError."""
    return Who(_one_of(value, tuple(Who)))


def as_where(value: Any) -> Where:
    """``first 2 turns``, ``last 20 s``, both sorts joined by a comma, or ``whole``.  Raises WrongValueError."""
    text = as_text(value).strip()
    if text == "whole":
        return Where()
    found: dict[str, Any] = {}
    for part in text.split(","):
        match = _WHERE.fullmatch(part.strip())
        if match is None or (match[3] == "s" and match[2] is None) or (match[3] != "s" and "." in (match[2] or "")):
            raise WrongValueError(f"为 {text!r}，无法识别", "写成 first 2 turns、last 20 s、first 10 s 或 whole")
        number, most = float(match[2] or 1), MAX_SECONDS if match[3] == "s" else MAX_COUNT
        if not 0 < number <= most:
            raise WrongValueError(f"为 {text!r}，应大于 0，至多 {most:g}", "")
        name = f"{match[1]}_s" if match[3] == "s" else f"{match[1]}_turns"
        if name in found:
            raise WrongValueError(f"为 {text!r}，同一种限定写了两次", "只留其一")
        found[name] = number if match[3] == "s" else int(number)
    return Where(**found)


def _as_times(value: Any) -> tuple[int, int | None]:
    if not isinstance(value, list):
        least = as_count(value)
        if least == 0:
            raise WrongValueError("为 0，怎么样都成立", "写至少的次数，或 [最少, 最多]")
        return least, None
    if not 1 <= len(value) <= 2:
        raise WrongValueError("应有一个或两个数", "写成 [最少, 最多]，或只写最少的次数")
    numbers = [as_count(number) for number in value]
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        raise WrongValueError(f"为 {numbers}，最少的次数大于最多的次数", "写成 [最少, 最多]")
    if numbers[-1] == 0:
        raise WrongValueError(f"为 {numbers}，一次也不许有", "删去 times，在用到它的地方写 not，或写 forbid")
    return numbers[0], numbers[1] if len(numbers) == 2 else None


def _as_at_least(value: Any, count: int) -> int:
    if value == "all":
        return count
    number = as_whole(value)
    if not 1 <= number <= max(1, count):
        raise WrongValueError(f"为 {number}，应在 1 到说法的个数 {count} 之间", '全部都要说，写 "all"')
    return number


def as_seconds(value: Any) -> float:
    """A time in seconds, 0 to a day.  Raises WrongValueError."""
    number = as_float(value)
    if not 0 <= number <= MAX_SECONDS:
        raise WrongValueError(f"为 {number:g}，" + ("不能小于 0" if number < 0 else f"至多 {MAX_SECONDS:g} 秒（一天）"), "")
    return number


def _as_tolerance(value: Any) -> float:
    """In the measure's own unit."""
    number = as_float(value)
    if number < 0:
        raise WrongValueError(f"为 {number:g}，不能小于 0", "")
    return number


def _below_one(cure: str) -> Callable[[Any], float]:
    def convert(value: Any) -> float:
        number = as_float(value)
        if not 0 <= number < 1:
            raise WrongValueError(f"为 {number:g}，应不小于 0 且小于 1", cure)
        return number

    return convert


_as_share = _below_one("每个音节的差异，0 为完全相同")
_as_about = _below_one("写成界限的几分之几：5% 写 0.05")


def as_count(value: Any) -> int:
    """A whole number of turns or times, 0 to ``MAX_COUNT``.  Raises WrongValueError."""
    number = as_whole(value)
    if not 0 <= number <= MAX_COUNT:
        raise WrongValueError(f"为 {number}，" + ("不能小于 0" if number < 0 else f"至多 {MAX_COUNT}"), "")
    return number


def _one_of(value: Any, known: tuple[str, ...]) -> str:
    text = as_text(value)
    if text not in known:
        raise WrongValueError(f"为 {text}，没有这一种", nearest(text, known))
    return text
