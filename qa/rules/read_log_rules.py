"""``[log_checks.<id>]``: rules over the call log, and the small logs written beside them as examples."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qa.log_examples import LogExample, parse
from qa.logchecks import LogCheckModule
from qa.logfacts import TABLES
from qa.params import Context, build
from qa.rules.book import LogRule, LogRuleExample
from qa.rules.model import Severity
from qa.rules.read_layers import Layered
from qa.rules.read_parents import book_id
from qa.rules.read_values import as_choice, as_id, as_known, as_list_of
from qa.toml_document import Section, WrongValueError, as_date, as_flag, as_text, as_whole, nearest
from qa.types import Outcome

RESERVED = ("kind", "title", "clause", "severity", "not_covers", "effective_from", "effective_until", "enabled", "examples")
"""Keys of ``[log_checks.<id>]`` that belong to the rule book and not to the check."""

_OUTCOMES = tuple(outcome.value for outcome in Outcome if outcome is not Outcome.ERROR)


@dataclass(frozen=True)
class LogReader:
    """What the tables are read with; ``context.hidden`` must be ``RESERVED``."""

    document: Layered
    registry: Mapping[str, LogCheckModule]
    context: Context

    def rules(self) -> tuple[LogRule, ...]:
        """All rules of ``[log_checks]`` that are switched on, in their order; one with a fault is noted in the document and left out."""
        if "log_checks" not in self.document.data:
            return ()
        table = self.document.section("log_checks")
        found = [self._one(rule_id) for rule_id in table.table] if table else []
        return tuple(rule for rule in found if rule is not None)

    def _one(self, rule_id: str) -> LogRule | None:
        section = self.document.section("log_checks", rule_id)
        if section is None:
            return None
        before = len(self.document.problems)
        kind = section.optional("kind", as_text, rule_id)
        if kind is not None and kind not in self.registry:
            at: tuple[str, ...] = ("kind",) if "kind" in section.table else ()
            self.document.problem((*section.at, *at), f"没有话单检查 {kind}", nearest(kind, self.registry))
        try:
            as_id(rule_id)
        except WrongValueError as wrong:
            self.document.problem(section.at, f"规则名 {wrong.cause}", wrong.cure)
        if kind is None or len(self.document.problems) > before:
            return None
        rule = self._rule(rule_id, section, self.registry[kind], kind)
        enabled = section.optional("enabled", as_flag, True)
        return rule if enabled and len(self.document.problems) == before else None

    def _rule(self, rule_id: str, section: Section, module: LogCheckModule, kind: str) -> LogRule:
        """The rule as far as it can be read; what is wrong is noted in the document."""
        first, last = (section.optional(f"effective_{end}", as_date, None) for end in ("from", "until"))
        if first is not None and last is not None and first > last:
            cause = f"[{section.name}] 的 effective_until 早于 effective_from"
            self.document.problem((*section.at, "effective_until"), cause, "头尾两天都有效")
        return LogRule(
            id=rule_id,
            kind=kind,
            module=module,
            title=section.optional("title", as_text, module.TITLE) or module.TITLE,
            clause=(section.required("clause", as_text) or "").strip(),
            severity=Severity(section.optional("severity", as_choice(*Severity), None) or Severity.MINOR),
            not_covers=section.optional("not_covers", as_text, "") or "",
            effective_from=first,
            effective_until=last,
            params=build(Section(section.document, section.at, section.table), module.Params, self.context),
            examples=_examples(section),
            inherited=book_id(self.document.place(section.at)[0]) if self.document.inherited(section.at) else None,
            subject=self.document.where(section.at),
        )


def _examples(section: Section) -> tuple[LogRuleExample, ...]:
    """The examples of a rule in their order; one with a fault is noted in the document and left out."""
    found: list[LogRuleExample] = []
    for row in section.tables_at("examples"):
        before = len(section.document.problems)
        name, script = row.required("name", as_text), row.required("script", _as_script)
        outcome = row.required("outcome", as_choice(*_OUTCOMES))
        rows = row.optional("rows", as_list_of(as_whole), None) or ()
        tables = row.optional("sources", as_known(TABLES, "可以导入的表"), None)
        as_of, until = row.optional("as_of", _as_moment, None), row.optional("until", as_date, None)
        row.close()
        if outcome == Outcome.FAIL and not rows:
            cure = "写上 rows = [行号…]，即应作为依据的那几行"
            section.document.problem(row.at, f"[{row.name}] 的结果是 fail，却没有 rows", cure)
        if any(example.log.name == name for example in found):
            section.document.problem((*row.at, "name"), f"[{row.name}] 有两个例子都叫 {name}", "换一个名字")
        if name and script and outcome and len(section.document.problems) == before:
            last = until.isoformat() if until is not None else None
            example = LogExample(name, script, Outcome(outcome), rows, sources=tables, until=last, as_of=as_of)
            found.append(LogRuleExample(example, section.document.where(row.at)))
    return tuple(found)


def _as_script(value: Any) -> str:
    text = as_text(value)
    try:
        parse(text)
    except ValueError as error:
        raise WrongValueError(f"里：{error}", "每行写：日期 时刻 呼入或呼出 号码 结果，再写 等待=秒 通话=秒 等") from error
    return text


def _as_moment(value: Any) -> str:
    if not isinstance(value, datetime.datetime):
        raise WrongValueError(f"为 {value!r}，不是时刻", "写成 2025-01-29T10:00:00，不加引号")
    return value.isoformat(timespec="milliseconds")
