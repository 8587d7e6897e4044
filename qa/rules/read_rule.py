"""``[checks.<id>]``: one rule with its variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from qa.checks import CheckModule
from qa.params import RESERVED, Context, build
from qa.rules.book import Rule, Variant
from qa.rules.model import Severity, When
from qa.rules.read_examples import read_examples
from qa.rules.read_layers import Layered
from qa.rules.read_parents import book_id, displaced
from qa.rules.read_values import as_choice, as_id
from qa.rules.read_when import Known, read_when
from qa.rules.read_worth import Worth, read_worth
from qa.toml_document import Section, WrongValueError, as_date, as_flag, as_text, nearest

GENERIC = ("phrase", "script", "measure")
"""Check kinds that say nothing by themselves: a rule of such a kind has a title of its own."""

_OF_A_VARIANT = ("when", "title", "clause")


@dataclass(frozen=True)
class Draft:
    """A rule whose points are not settled yet: how the book counts is known when all its rules are read."""

    rule: Rule
    worth: Worth
    enabled: bool


@dataclass(frozen=True)
class Reader:
    """What the tables of rules are read with."""

    document: Layered
    registry: Mapping[str, CheckModule]
    context: Context
    known: Known
    sections: tuple[str, ...]

    def drafts(self) -> tuple[Draft, ...]:
        """All rules of ``[checks]`` in their order; one with a fault is noted in the document and left out."""
        data = self.document.data
        if "checks" not in data and data.get("log_checks"):
            return ()  # a house that has its call log looked at and no recordings scored
        table = self.document.section("checks")
        found = [self._one(rule_id) for rule_id in table.table] if table else []
        return tuple(draft for draft in found if draft is not None)

    def _one(self, rule_id: str) -> Draft | None:
        section = self.document.section("checks", rule_id)
        if section is None or (kind := self._kind(rule_id, section)) is None:
            return None
        before = len(self.document.problems)
        rule, worth, enabled = self._rule(rule_id, section, kind)
        if len(self.document.problems) > before:
            return None
        return Draft(rule, worth, enabled)

    def _kind(self, rule_id: str, section: Section) -> str | None:
        """The check that runs the rule; None, with a problem noted, where there is none."""
        kind = section.optional("kind", as_text, rule_id)
        if kind is None:
            return None
        if kind not in self.registry:
            at, what = (("kind",), "检查种类") if "kind" in section.table else ((), "检查项")
            self.document.problem((*section.at, *at), f"没有{what} {kind}", nearest(kind, self.registry))
            return None
        try:
            as_id(rule_id)
        except WrongValueError as wrong:
            self.document.problem(section.at, f"规则名 {wrong.cause}", wrong.cure)
            return None
        return kind

    def _rule(self, rule_id: str, section: Section, kind: str) -> tuple[Rule, Worth, bool]:
        """The rule as far as it can be read; what is wrong is noted in the document."""
        module = self.registry[kind]
        clause = section.required("clause", as_text)
        title = section.required("title", as_text) if kind in GENERIC else section.optional("title", as_text, module.TITLE)
        severity = Severity(section.optional("severity", as_choice(*Severity), None) or Severity.MINOR)
        worth = read_worth(section, severity)
        first, last = (section.optional(f"effective_{end}", as_date, None) for end in ("from", "until"))
        if first is not None and last is not None and first > last:
            cause = f"[{section.name}] 的 effective_until 早于 effective_from"
            self.document.problem((*section.at, "effective_until"), cause, "头尾两天都有效")
        params = build(self._section(section), module.Params, self.context)
        rule = Rule(
            id=rule_id,
            kind=kind,
            module=module,
            params=params,
            title=title or module.TITLE,
            clause=(clause or "").strip(),
            severity=severity,
            when=self._when(section),
            section=self._part(section),
            fine=worth.fine,
            not_covers=section.optional("not_covers", as_text, "") or "",
            effective_from=first,
            effective_until=last,
            examples=read_examples(section),
            inherited=book_id(self.document.place(section.at)[0]) if self.document.inherited(section.at) else None,
            subject=self.document.where(section.at),
        )
        enabled = section.optional("enabled", as_flag, True)
        variants = section.tables_at("variants")
        if params is not None:
            rule = replace(rule, variants=tuple(filter(None, (self._variant(rule, section, row) for row in variants))))
        return rule, worth, enabled is not False

    def _section(self, section: Section) -> Section:
        """The same table, for somebody who asks for keys of their own."""
        return Section(section.document, section.at, section.table)

    def _when(self, section: Section) -> When:
        table = section.table_at("when")
        return read_when(table, self.known) if table else When()

    def _part(self, section: Section) -> str | None:
        return section.optional("section", self._as_section, None)

    def _as_section(self, value: Any) -> str:
        name = as_text(value)
        if name not in self.sections:
            cure = nearest(name, self.sections) if self.sections else "规则书没有 [scoring.sections]"
            raise WrongValueError(f"为 {name}，没有这个部分", cure)
        return name

    def _variant(self, rule: Rule, section: Section, row: Section) -> Variant | None:
        """The rule's own parameters with those of the variant laid over them."""
        before = len(self.document.problems)
        for name in row.table:
            if name in RESERVED and name not in _OF_A_VARIANT:
                cure = "变体只能改 when、title、clause 和检查项自己的参数；其余另写一条规则"
                self.document.problem((*row.at, name), f"[{row.name}] 不能写 {name}", cure)
        if "when" not in row.table:
            self.document.problem(row.at, f"[{row.name}] 缺少必填的 when")
        title, clause = row.optional("title", as_text, rule.title), row.optional("clause", as_text, rule.clause)
        when = self._when(row)
        if len(self.document.problems) > before:
            return None
        whole = self.document.with_table(section.at, row.at, displaced)
        params = build(Section(whole, section.at, whole.data["checks"][rule.id]), rule.module.Params, self.context)
        return None if params is None or title is None or clause is None else Variant(when, params, title, clause.strip())
