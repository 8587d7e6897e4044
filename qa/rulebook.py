"""The rule book of a house: which checks run, with which parameters, from which clause, for how many points.

A rule book is a folder with ``rules.toml`` and word lists (``docs/rule-book.md``).  It is read whole before anything is
scored: every problem in it is reported at ``file:line``.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from qa import checks as check_files
from qa.checks import CheckModule
from qa.errors import RuleBookError
from qa.lexicon import WordList
from qa.params import Slots, WordLists, build
from qa.paths import lexicons_dir
from qa.toml_document import (
    Section,
    TomlDocument,
    WrongValueError,
    as_date,
    as_flag,
    as_number,
    as_text,
    as_texts,
    kind,
    nearest,
)

RULES_FILE = "rules.toml"
NAME_SLOTS = ("company", "product", "agent")
"""Slots that hold proper names, and so may be told to the recogniser."""
MIN_COVERAGE = Decimal("0.6")
DEDUCTION_BASE = Decimal(100)
_MAX_POINTS = Decimal(1_000_000)
_MAX_DECIMALS = 6
_PROFILE_KEYS = ("id", "title", "title_en", "version", "effective_from", "min_coverage", "deduction_base")
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True)
class CheckSetup:
    """A check that a rule book turns on; ``weight`` are its points (in a deduction book: the points that a FAIL costs)."""

    id: str
    module: CheckModule
    params: Any
    clause: str
    weight: Decimal


@dataclass(frozen=True)
class NotAuditable:
    """A clause that no recording, call record or register can show, and why."""

    clause: str
    reason: str


@dataclass(frozen=True)
class RuleBook:
    """A validated rule book.

    ``content_hash`` are the first 12 hexadecimal digits of the SHA-256 over ``rules.toml`` and the word lists that it uses.
    ``min_coverage`` is 0-1.  ``deduction_base`` is None where checks earn their weights, else the points that a call
    starts with and loses deductions from.
    """

    id: str
    title: str
    title_en: str
    version: str
    content_hash: str
    min_coverage: Decimal
    checks: tuple[CheckSetup, ...]
    not_auditable: tuple[NotAuditable, ...] = ()
    slots: Slots = ()
    effective_from: datetime.date | None = None
    deduction_base: Decimal | None = None

    @property
    def stamp(self) -> str:
        """``version+hash``: differs whenever the rules or a word list differ, also where the version was forgotten."""
        return f"{self.version}+{self.content_hash}"

    @property
    def names(self) -> tuple[str, ...]:
        """Proper names out of the slots, fit as hotwords: never a phrase that a check requires or forbids."""
        named = (text for name, texts in self.slots if name in NAME_SLOTS for text in texts)
        return tuple(dict.fromkeys(named))

    def check(self, check_id: str) -> CheckSetup | None:
        return next((check for check in self.checks if check.id == check_id), None)


def profiles() -> tuple[str, ...]:
    """Names of the rule books that come with the program, sorted."""
    return tuple(sorted(file.parent.name for file in lexicons_dir().glob(f"*/{RULES_FILE}")))


def load(profile: str | Path, registry: Mapping[str, CheckModule] | None = None) -> RuleBook:
    """Read and validate a rule book.

    ``profile`` is a name out of ``profiles()``, or the path of a folder with ``rules.toml`` or of such a file.  ``registry``
    are the checks that it may turn on (all files of ``qa/checks`` if None).

    Raises RuleBookError for one problem, its subclass RuleBookErrors for several (``problems`` holds each of them).
    """
    path, bundled = _rules_file(profile)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RuleBookError(str(path), f"无法读取：{error.strerror}", "请检查文件权限") from error
    document = TomlDocument(path, content)
    return _Reader(document, content, check_files.registry() if registry is None else registry, bundled).book()


def _rules_file(profile: str | Path) -> tuple[Path, bool]:
    """The file to read, and whether it is one of the program's own."""
    if isinstance(profile, str) and profile in profiles():
        return lexicons_dir() / profile / RULES_FILE, True
    path = Path(profile)
    if path.is_dir():
        path = path / RULES_FILE
        if not path.is_file():
            raise RuleBookError(str(profile), f"文件夹里没有 {RULES_FILE}", "请指定规则书的文件夹或文件")
    if not path.is_file():
        raise RuleBookError(str(profile), "没有这个规则书", nearest(str(profile), profiles()))
    return path, False


class _Reader:
    """Reads one document; what has a problem is None or left out until ``finish`` raises."""

    def __init__(self, document: TomlDocument, content: bytes, registry: Mapping[str, CheckModule], bundled: bool) -> None:
        self.document, self.content, self.registry, self.bundled = document, content, registry, bundled
        self.words = WordLists(document.path.parent, lexicons_dir())
        self.by_deduction: dict[str, bool] = {}

    def book(self) -> RuleBook:
        top = Section(self.document, (), self.document.data)
        top.allow("profile", "slots", "checks", "not_auditable")
        top.close(elsewhere=dict.fromkeys(_PROFILE_KEYS, "profile"))
        profile = self.profile()
        slots = self.slots()
        checks = self.checks(slots)
        not_auditable = self.not_auditable()
        self.one_kind_of_points()
        self.document.finish()
        base = profile.pop("deduction_base")
        return RuleBook(
            **profile,
            content_hash=_content_hash(self.content, checks),
            checks=checks,
            not_auditable=not_auditable,
            slots=slots,
            deduction_base=base if any(self.by_deduction.values()) else None,
        )

    def profile(self) -> dict[str, Any]:
        section = self.document.section("profile")
        if section is None:
            return {}
        fields: dict[str, Any] = {
            "id": section.required("id", self.as_id),
            "title": section.required("title", as_text),
            "title_en": section.optional("title_en", as_text, ""),
            "version": section.required("version", as_text),
            "effective_from": section.optional("effective_from", as_date, None),
            "min_coverage": section.optional("min_coverage", _as_share, MIN_COVERAGE),
            "deduction_base": section.optional("deduction_base", _as_points, DEDUCTION_BASE),
        }
        section.close()
        return fields

    def as_id(self, value: Any) -> str:
        text = as_text(value)
        if not _ID.fullmatch(text):
            raise WrongValueError(f"{text!r} 不可用", "只用小写英文字母、数字和连字符，如 national-400")
        folder = self.document.path.parent.name
        if self.bundled and text != folder:
            raise WrongValueError(f"{text!r} 与文件夹名 {folder!r} 不同", "两者应一致")
        return text

    def slots(self) -> Slots:
        if "slots" not in self.document.data or (section := self.document.section("slots")) is None:
            return ()
        read = ((name, section.optional(name, as_texts, None)) for name in section.table)
        # A slot with a problem keeps its name, or every wording with it would be reported as well.
        return tuple((name, texts or (name,)) for name, texts in read)

    def checks(self, slots: Slots) -> tuple[CheckSetup, ...]:
        table = self.document.section("checks")
        if table is None:
            return ()
        setups: list[CheckSetup] = []
        for check_id in table.table:
            if (module := self.registry.get(check_id)) is None:
                self.document.problem(("checks", check_id), f"没有检查项 {check_id}", nearest(check_id, self.registry))
            elif section := self.document.section("checks", check_id):
                setup = self.check(check_id, module, section, slots)
                setups.extend([setup] if setup else [])
        if not table.table or (not setups and not self.document.problems):
            self.document.problem(("checks",), "没有启用任何检查项", "请至少写一个 [checks.<检查项>]")
        return tuple(setups)

    def check(self, check_id: str, module: CheckModule, section: Section, slots: Slots) -> CheckSetup | None:
        """The check's set-up; None if it is switched off or has a problem."""
        clause = section.required("clause", as_text)
        weight = section.optional("weight", _as_points, Decimal(1))
        deduction = section.optional("deduction", _as_points, None)
        enabled = section.optional("enabled", as_flag, True)
        params = build(section, module.Params, slots, self.words)
        section.close(elsewhere={"slots": "slots"})
        if "weight" in section.table and "deduction" in section.table:
            self.document.problem((*section.at, "deduction"), f"[{section.name}] 同时写了 weight 和 deduction", "只留其一")
        if enabled:
            self.by_deduction[check_id] = "deduction" in section.table
        if clause is None or weight is None or params is None or not enabled:
            return None
        return CheckSetup(check_id, module, params, clause, weight if deduction is None else deduction)

    def one_kind_of_points(self) -> None:
        """Weights make a share of what could be earned, deductions come off a base: a sum of both means nothing."""
        if len(set(self.by_deduction.values())) < 2:
            return
        for check_id, by_deduction in self.by_deduction.items():
            if not by_deduction:
                cause = f"[checks.{check_id}] 按 weight 计分，而其他检查项按 deduction 扣分"
                self.document.problem(("checks", check_id), cause, "全部写 weight，或全部写 deduction")

    def not_auditable(self) -> tuple[NotAuditable, ...]:
        rows = self.document.data.get("not_auditable", [])
        if not isinstance(rows, list):
            self.document.problem(("not_auditable",), f"not_auditable 应为表的列表，实为{kind(rows)}", "写成 [[not_auditable]]")
            return ()
        clauses: list[NotAuditable] = []
        for index in range(len(rows)):
            section = self.document.section("not_auditable", index)
            if section is None:
                continue
            clause, reason = section.required("clause", as_text), section.required("reason", as_text)
            section.close()
            clauses.extend([NotAuditable(clause, reason)] if clause and reason else [])
        return tuple(clauses)


def _content_hash(content: bytes, checks: tuple[CheckSetup, ...]) -> str:
    """Over the file and every phrase of every word list in use, also of a check's default list that the file does not name."""
    digest = hashlib.sha256(content)
    for check in checks:
        for name, value in sorted(vars(check.params).items()):
            if isinstance(value, WordList):
                phrases = [[p.text, p.exceptions, p.line, p.note] for p in value.phrases]
                digest.update(json.dumps([check.id, name, phrases]).encode())
    return digest.hexdigest()[:12]


def _as_share(value: Any) -> Decimal:
    number = as_number(value)
    if not 0 <= number <= 1:
        raise WrongValueError(f"为 {number}，超出 0–1", "写成 0 到 1 之间的小数，如 0.6 表示 60%")
    return number


def _as_points(value: Any) -> Decimal:
    """Points above 0; bounded in size and decimals so that sums and the rounding of a percentage are exact."""
    number = as_number(value)
    if not 0 < number <= _MAX_POINTS:
        raise WrongValueError(f"为 {number}，应大于 0 且不超过 {_MAX_POINTS}", "不计分的检查项写 enabled = false")
    if number != round(number, _MAX_DECIMALS):
        raise WrongValueError(f"为 {number}，小数超过 {_MAX_DECIMALS} 位", f"最多 {_MAX_DECIMALS} 位小数")
    return number
