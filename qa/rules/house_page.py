"""The page of a house's rule book for those who answer for quality: what is checked, how, for how much, and what is not.

Markdown in Chinese, made from the rule book itself (``qa rules docs``); the pages of the bundled houses lie in ``docs/houses/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from qa.check_examples import Scene
from qa.outcome_words import SEVERITIES
from qa.report_text import OUTCOME_SYMBOL, OUTCOME_TEXT
from qa.rules.book import CallType, LogRule, Rule, RuleBook, RuleExample, Unchecked
from qa.rules.explain_text import figure
from qa.rules.in_words import LETTERS, fine_text, points_text, terms, when_text
from qa.rules.kinds_in_words import looked_for
from qa.rules.model import SectionSetup
from qa.rules.run_examples import seconds
from qa.scoring import share_text

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#])")
_HANGUP = {"agent": "坐席先挂机", "customer": "客户先挂机", None: "不知谁先挂机"}


def page(book: RuleBook) -> str:
    """The whole page."""
    blocks = [*_head(book), *_counting(book), *_reading()]
    for title, rules in by_section(book):
        blocks += [f"## {title}", _table(rules, book), *_examples(rules)]
    blocks += [*_log_rules(book), *_kinds_of_calls(book), *_not_checked(book)]
    return "\n\n".join(blocks) + "\n"


def by_section(book: RuleBook) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    """The sections of the score sheet that have rules, with their titles; then the rules of none."""
    setups = {setup.id: setup for setup in book.scoring.sections}
    for setup in book.scoring.sections:
        rules = tuple(rule for rule in book.rules if rule.section == setup.id)
        if rules:
            yield section_title(setup, book.scoring.mode), rules
    rest = tuple(rule for rule in book.rules if rule.section not in setups)
    if rest:
        yield ("其他规则" if setups else "规则"), rest


def section_title(setup: SectionSetup, mode: str) -> str:
    """``服务用语（权重 60）``; of a book that deducts, ``服务用语（最多扣 60 分）``."""
    if setup.weight is None or mode == "none":
        return setup.title
    return f"{setup.title}（{f'最多扣 {figure(setup.weight)} 分' if mode == 'deduction' else f'权重 {figure(setup.weight)}'}）"


# ---------------------------------------------------------------- head


def _head(book: RuleBook) -> Iterator[str]:
    yield f"# {_safe(book.title)}"
    if book.title_en:
        yield f"*{_safe(book.title_en)}*"
    examples = sum(len(rule.examples) for rule in book.rules) + sum(len(rule.examples) for rule in book.log_rules)
    dates = "".join(f"，{day} {verb}" for day, verb in ((book.effective_from, "起施行"), (book.effective_until, "止")) if day is not None)
    log_rules = f"，话单规则 {len(book.log_rules)} 条" if book.log_rules else ""
    counts = f"{len(book.rules)} 条规则{log_rules}" + (f"，{examples} 个例子" if examples else "")
    yield f"规则书 `{book.id}`，版本 {_safe(book.version)}{dates}。{counts}。{_accounted(book)}"
    made = f"`qa rules docs {book.id} -o docs/houses/{book.id}.md`"
    yield f"> 本页由规则书 `lexicons/{book.id}/rules.toml` 生成（{made}），请改规则书，不要改本页。"


def _accounted(book: RuleBook) -> str:
    if not book.clauses:
        return ""
    by_rules = {line for rule in book.rules for clause in clauses_of(rule) for line in _rows(clause)}
    by_rules |= {line for log_rule in book.log_rules for line in _rows(log_rule.clause)}
    unseen = {line for entry in book.not_auditable for line in _rows(entry.clause)} - by_rules
    counts = (
        (len([clause for clause in book.clauses if clause in by_rules]), "由下列规则检查"),
        (len([clause for clause in book.clauses if clause in unseen]), "无从核查"),
        (len([clause for clause in book.clauses if clause not in by_rules | unseen]), "尚待检查手段"),
    )
    return f"规范共 {len(book.clauses)} 句：{'，'.join(f'{count} 句{what}' for count, what in counts if count)}。"


def _rows(clause: str) -> list[str]:
    return [line.strip() for line in clause.strip().split("\n")]


def clauses_of(rule: Rule) -> tuple[str, ...]:
    """The rule's clause and those of its variants, each once."""
    return tuple(dict.fromkeys((rule.clause, *(variant.clause for variant in rule.variants))))


def _counting(book: RuleBook) -> Iterator[str]:
    yield "## 怎样计分"
    yield "\n".join(f"- {line}" for line in counting(book))


def counting(book: RuleBook) -> Iterator[str]:
    """How a call is counted, a sentence each."""
    scoring, rules = book.scoring, book.rules
    if scoring.mode == "percent":
        yield "每条规则有权重：通过得全部权重，不通过得 0；不适用和无法判定的不计入。"
        if any(setup.weight is not None for setup in scoring.sections):
            titles = "、".join(f"{setup.title} {figure(setup.weight)}" for setup in scoring.sections if setup.weight is not None)
            yield f"每一部分先算自己的得分率，再按各部分的权重合成百分数：{titles}。整部分都不适用的，不占权重。"
        else:
            yield "得分 = 100 × 通过的权重 ÷ 可判定的权重。"
    elif scoring.mode == "deduction":
        base = figure(scoring.base)
        yield f"每通从 {base} 分起，按各条扣分、加分；得分 = 100 × 余下的分 ÷ {base}，不低于 0，不高于 100。"
        if any(setup.weight is not None for setup in scoring.sections):
            yield "写明最多扣多少分的部分，扣完为止。"
    else:
        yield "不计分，只列出违规和罚款。"
    if scoring.mode != "none":
        yield f"可判定的不到适用的 {share_text(scoring.min_coverage)}（按权重或分值计）时，不给总分，也不是 0 分。"
        yield f"总分四舍五入到 {scoring.decimals} 位小数。"
    if any(rule.points is not None and rule.points.veto for rule in rules):
        yield "一票否决的规则不通过，所在部分或整通电话记 0。"
    if any(rule.severity.value == "advisory" for rule in rules):
        yield "程度为“提示”的规则只显示，不计分。"
    if any(rule.fine for rule in rules):
        yield "罚款按月、按人计；规范给出范围的，由人工在范围内决定。"
    yield "扣分都指向录音的某几秒；听不准、测不准的一律无法判定，由人工复核，不算通过也不算不通过。"


def _reading() -> Iterator[str]:
    yield "## 怎样读这些表"
    yield "\n".join(
        (
            "- 说法按读音比对，字不同而音同也算。（甲/乙）任说其一，〔丙〕可说可不说，…… 表示还有别的说法，全文见规则书。",
            f"- 查什么一栏里的{LETTERS[:3]}等字代表同一格里列出的情形。",
            "- 一轮话是一方不被另一方打断的连续发言。",
        )
    )


# ---------------------------------------------------------------- the rules


def _table(rules: Sequence[Rule], book: RuleBook) -> str:
    rows = ["| 规则 | 条款 | 查什么 |", "|---|---|---|"]  # more columns are too narrow for Chinese on a telephone
    rows += [f"| {' | '.join(_row(rule, book))} |" for rule in rules]
    return "\n".join(rows)


def _row(rule: Rule, book: RuleBook) -> tuple[str, ...]:
    name = [f"**{_safe(rule.title)}**", f"`{rule.id}`", SEVERITIES[rule.severity.value]]
    name += [f"承自 {rule.inherited}"] if rule.inherited else []
    days = [f"{rule.effective_from} 起"] if rule.effective_from else []
    days += [f"{rule.effective_until} 止"] if rule.effective_until else []
    when = "，".join(filter(None, (when_text(rule.when, book), *days)))
    looked = [*([f"【{when}】"] if when else []), *looked_for(rule, book)]
    name += [_safe(text) for text in (points_text(rule.points), fine_text(rule.fine)) if text] or ["不计分"]
    looked += [f"不包括：{'；'.join(_rows(rule.not_covers))}"] if rule.not_covers else []
    cells = (_rows(rule.clause), looked)
    return ("<br>".join(name), *("<br>".join(_safe(line) for line in cell) for cell in cells))


def _examples(rules: Sequence[Rule]) -> Iterator[str]:
    count = sum(len(rule.examples) for rule in rules)
    if not count:
        return
    yield f"<details><summary>例子（{count} 个，都由程序验证）</summary>"
    for rule in rules:
        if rule.examples:
            yield f"**{_safe(rule.title)}** `{rule.id}`"
            yield "\n\n".join(_example(example) for example in rule.examples)
    yield "</details>"


def _example(example: RuleExample) -> str:
    outcome = f"{OUTCOME_SYMBOL[example.outcome]} {_safe(example.name)}：{OUTCOME_TEXT[example.outcome]}"
    span = f"，依据 {seconds(example.span_ms)}" if example.span_ms else ""
    if not isinstance(example.call, Scene):
        return outcome + span
    around = _around(example.call)
    return f"{outcome}{span}{f'（{around}）' if around else ''}\n\n```text\n{example.call.script.strip()}\n```"


def _around(scene: Scene) -> str:
    """What the example says of its call beside the words."""
    usual = Scene("")
    told = (
        ("呼出", scene.direction != usual.direction),
        (f"{(scene.start or '').replace('T', ' ')[:16]} 来电", scene.start != usual.start),
        (f"线路 {scene.line}", scene.line != usual.line),
        (f"坐席工号 {scene.agent_id}", scene.agent_id != usual.agent_id),
        (_HANGUP.get(scene.hangup_by, ""), scene.hangup_by != usual.hangup_by),
        (f"振铃 {scene.wait_s:g} 秒后接起" if scene.wait_s is not None else "", scene.wait_s != usual.wait_s),
        (f"录音 {scene.duration_s:g} 秒" if scene.duration_s is not None else "", scene.duration_s != usual.duration_s),
        (f"坐席音量 {scene.agent.level_dbov} dBov", scene.agent != usual.agent),
        (f"客户音量 {scene.customer.level_dbov} dBov", scene.customer != usual.customer),
    )
    return "，".join(text for text, other in told if other and text)


# ---------------------------------------------------------------- the rules over the call log


def _log_rules(book: RuleBook) -> Iterator[str]:
    if not book.log_rules:
        return
    yield "## 话单规则"
    yield "对照导入的话单、名册、投诉登记和工单，按天、按时段核查，不计入单通电话的得分（`qa traffic`）。没有导入所需的表，一律无法判定。"
    rows = ["| 规则 | 条款 | 查什么 |", "|---|---|---|"]
    rows += [f"| {' | '.join(_log_row(rule))} |" for rule in book.log_rules]
    yield "\n".join(rows)
    examples = [(rule, example) for rule in book.log_rules for example in rule.examples]
    if examples:
        yield f"<details><summary>例子（{len(examples)} 个，都由程序验证）</summary>"
        for rule, example in examples:
            outcome = f"{OUTCOME_SYMBOL[example.log.outcome]} {_safe(example.log.name)}：{OUTCOME_TEXT[example.log.outcome]}"
            lines = f"，依据第 {'、'.join(map(str, example.log.rows))} 行" if example.log.rows else ""
            yield f"**{_safe(rule.title)}** `{rule.id}` {outcome}{lines}\n\n```text\n{example.log.script.strip()}\n```"
        yield "</details>"


def _log_row(rule: LogRule) -> tuple[str, ...]:
    name = [f"**{_safe(rule.title)}**", f"`{rule.id}`", SEVERITIES[rule.severity.value]]
    name += [f"承自 {rule.inherited}"] if rule.inherited else []
    name += [f"{rule.effective_from} 起"] if rule.effective_from else []
    name += [f"{rule.effective_until} 止"] if rule.effective_until else []
    looked = [rule.module.in_words(rule.params)]
    looked += [f"不包括：{'；'.join(_rows(rule.not_covers))}"] if rule.not_covers else []
    return ("<br>".join(name), *("<br>".join(_safe(line) for line in cell) for cell in (_rows(rule.clause), looked)))


# ---------------------------------------------------------------- behind the rules


def _kinds_of_calls(book: RuleBook) -> Iterator[str]:
    if book.call_types:
        yield "## 通话类型"
        yield "\n".join(_kind_of_call(kind, book) for kind in book.call_types)
    if book.holidays:
        yield "## 自定的节假日"
        yield "\n".join(f"- {_safe(h.title)}：{'、'.join(_days(h.dates))}" for h in book.holidays)


def _kind_of_call(kind: CallType, book: RuleBook) -> str:
    told = terms(book, book.conditions, (kind.expression,))
    legend = "；".join(told.legend())
    return f"- **{_safe(kind.title)}电话**：{_safe(told.expression(kind.expression))}" + (f"。{_safe(legend)}" if legend else "")


def _days(dates: Iterable[tuple[object, object]]) -> list[str]:
    return [str(first) if first == last else f"{first} 至 {last}" for first, last in dates]


def _not_checked(book: RuleBook) -> Iterator[str]:
    if book.not_auditable:
        yield "## 录音和话单里无从核查的条款"
        yield _unchecked(book.not_auditable, "为什么")
    if book.awaiting:
        yield "## 尚待检查手段的条款"
        yield _unchecked(book.awaiting, "需要什么")


def _unchecked(entries: Sequence[Unchecked], head: str) -> str:
    rows = [f"| {_safe(entry.clause)} | {_safe(entry.why)} |" for entry in entries]
    return "\n".join((f"| 条款 | {head} |", "|---|---|", *rows))


def _safe(text: str) -> str:
    """Text that Markdown shows as it stands, in one line."""
    return "<br>".join(_SPECIAL.sub(r"\\\1", line) for line in _rows(text))
