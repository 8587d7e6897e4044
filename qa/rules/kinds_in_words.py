"""What a rule looks for, in plain Chinese, by its kind and its parameters.

A kind that is not told of here (somebody's own check file) is shown by its title and its parameters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from qa.lexicon import WordList
from qa.rules.book import Rule, RuleBook
from qa.rules.expression import Expression
from qa.rules.in_words import Terms, limit_text, plain, terms, when_text, word_list, wordings
from qa.rules.model import Excuse, When
from qa.rules.steps import DIGITS, TEXT, Step

_OUTCOMES = {"not_applicable": "不适用", "pass": "通过", "inconclusive": "无法判定"}


def looked_for(rule: Rule, book: RuleBook) -> tuple[str, ...]:
    """Lines that say what the rule looks for, then what its variants look for instead."""
    lines = base = _lines(rule, rule.params, rule.when, book)
    for variant in rule.variants:
        instead = _lines(rule, variant.params, rule.when, book)
        # a variant may change the title or the clause alone
        told = "；".join(line for line in instead if line not in base) or "查法不变"
        clause = f"（条款：{'；'.join(variant.clause.split())}）" if variant.clause != rule.clause else ""
        lines = (*lines, f"{when_text(variant.when, book)}改为：{told}{clause}")
    return lines


def _lines(rule: Rule, params: Any, when: When, book: RuleBook) -> tuple[str, ...]:
    told = _TOLD.get(rule.kind)
    return tuple(told(params, when, book) if told is not None else _by_name(rule.module.TITLE, params))


def _by_name(title: str, params: Any) -> Iterator[str]:
    yield title
    for field in dataclasses.fields(params):
        value = getattr(params, field.name)
        yield f"{field.name} = {f'{len(value)} 条' if isinstance(value, WordList) else value}"


# ---------------------------------------------------------------- kinds that know their subject


def _by_direction(params: Any, when: When, book: RuleBook) -> str:
    both = (("in", "呼入", params.patterns), ("out", "呼出", params.patterns_out))
    asked = [(title, patterns) for way, title, patterns in both if when.direction in (None, way)]
    if len(asked) == 1:
        return wordings(asked[0][1], book)
    return "；".join(f"{title}：{wordings(patterns, book)}" for title, patterns in asked)


def _greeting(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    yield f"坐席头 {params.turns} 轮话、开口 {params.within_s:g} 秒之内说问候语，各部分依次都要说到"
    yield _by_direction(params, when, book)


def _closing(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    yield f"坐席最后 {params.turns} 轮话、最后 {params.within_s:g} 秒之内说结束语，各部分依次都要说到"
    yield _by_direction(params, when, book)
    yield f"客户说完 {params.chance_s:g} 秒内自己挂断的，坐席没有机会说，不适用"


def _speech_rate(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    more = f"（约，容许 {100 * params.about:g}%）" if params.about else ""
    yield f"坐席整通电话的语速为 {params.min_cpm:g} 至 {params.max_cpm:g} 字/分钟{more}，不超过 {params.pause_ms / 1000:g} 秒的停顿计入"
    yield f"超出界限不到 {100 * params.error_ratio:g}% 的交人工"


def _banned(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    yield f"坐席不许说{word_list(params.words, book)}"


def _volume(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    yield f"坐席说话的音量为 {plain(params.min_dbov)} 至 {plain(params.max_dbov)} dBov"
    yield f"不大声喊叫，失真（削波）不超过 {100 * params.max_clipped_ratio:g}%"
    yield "线路噪声大、或客户一侧同样偏大偏小的，不归坐席，交人工"


def _pickup(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    yield f"来电在铃响 {params.max_rings} 声之内接听（一声 {params.ring_s:g} 秒），看话单和录音里的回铃音"


# ---------------------------------------------------------------- kinds that the rule book says all of


def _terms(params: Any, book: RuleBook, *others: Expression | None) -> Terms:
    return terms(book, params.conditions, (params.trigger, *others, *(excuse.expression for excuse in params.excuses)))


def _around(params: Any, told: Terms, demands: Iterable[str]) -> Iterator[str]:
    """Trigger before, excuses and the letters after what is demanded."""
    if params.trigger is not None:
        yield f"只看有这种情形的通话：{told.expression(params.trigger)}"
    yield from demands
    yield from (_excuse(excuse, told) for excuse in params.excuses)
    yield from told.legend()


def _excuse(excuse: Excuse, told: Terms) -> str:
    changed = "不通过" if excuse.outcome == "inconclusive" else "不通过或无法判定"
    return f"若{told.expression(excuse.expression)}，{changed}的改判{_OUTCOMES[excuse.outcome]}（{excuse.reason}）"


def _phrase(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    told = _terms(params, book, params.require, params.forbid)
    verb, asked = ("应有", params.require) if params.require is not None else ("不许有", params.forbid)
    yield from _around(params, told, [f"{verb}：{told.expression(asked)}"])


def _measure(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    yield from _around(params, _terms(params, book), [limit_text(params.limit, params.who)])


def _script(params: Any, when: When, book: RuleBook) -> Iterator[str]:
    limits = [f"{params.within_s:g} 秒之内"] if params.within_s is not None else []
    limits += [f"{params.within_turns} 轮话之内"] if params.within_turns is not None else []
    head = "依次做到以下各步" + (f"（从头一步到末一步在{'、'.join(limits)}）" if limits else "")
    steps = [f"{number}. {_step(step, book)}" for number, step in enumerate(params.steps, start=1)]
    yield from _around(params, _terms(params, book), [head, *steps])


def _step(step: Step, book: RuleBook) -> str:
    more = ["可省"] if step.optional else []
    if isinstance(step.answer, tuple):
        more.append(f"记下客户答的是哪一样（{'、'.join(step.answer)}）")
    elif step.answer:
        more.append({DIGITS: "记下客户所报数字", TEXT: "记下客户的回答"}[step.answer])
    more += ["坐席要跟读"] if step.read_back else []
    who = "" if step.who.value == "agent" else "（客户说）"
    return f"{step.title}{who}：{wordings(step.say.wordings, book)}" + (f"；{'，'.join(more)}" if more else "")


_TOLD: dict[str, Callable[[Any, When, RuleBook], Iterable[str]]] = {
    "greeting": _greeting,
    "closing": _closing,
    "speech_rate": _speech_rate,
    "banned_phrases": _banned,
    "volume": _volume,
    "pickup": _pickup,
    "phrase": _phrase,
    "script": _script,
    "measure": _measure,
}
