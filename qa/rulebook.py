"""The rule book of a house: which rules hold, with which parameters, from which clause, for how many points and how much money.

A rule book is a folder with ``rules.toml``, word lists, and the list of the regulation's clauses (``docs/rule-book.md``).  It may extend
another.  It is read whole before anything is scored: every problem in it is reported at ``file:line``.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from qa import checks as check_files
from qa import logchecks
from qa.checks import CheckModule
from qa.errors import RuleBookError
from qa.lexicon import WordList
from qa.params import Context, WordLists, build
from qa.paths import lexicons_dir
from qa.role_settings import RoleSettings
from qa.rules import calendar, read_clauses, read_log_rules
from qa.rules.appeal_terms import AppealTerms
from qa.rules.archive import pack
from qa.rules.book import Rule, RuleBook
from qa.rules.model import Condition, Scoring
from qa.rules.read_contradictions import contradictions
from qa.rules.read_odd import Read, warnings
from qa.rules.read_parents import OLD_PLACES, RULES_FILE, Files, bundled, read_files
from qa.rules.read_rule import Draft, Reader
from qa.rules.read_shared import read_call_types, read_holidays, read_shared_conditions, read_slots
from qa.rules.read_when import Known
from qa.rules.read_worth import mode_of, read_scoring, settle
from qa.toml_document import Section, WrongValueError, as_date, as_text, nearest
from qa.traffic.capacity import TrafficParams

_TABLES = (
    "profile",
    "scoring",
    "slots",
    "holidays",
    "call_types",
    "conditions",
    "checks",
    "log_checks",
    "traffic",
    "roles",
    "appeals",
    "not_auditable",
    "awaiting",
)
_PROFILE_KEYS = ("id", "title", "title_en", "version", "extends", "effective_from", "effective_until", *OLD_PLACES)
T = TypeVar("T")
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def profiles() -> tuple[str, ...]:
    """Names of the rule books that come with the program, sorted."""
    return bundled(lexicons_dir())


def load(profile: str | Path, registry: Mapping[str, CheckModule] | None = None) -> RuleBook:
    """Read and validate a rule book.

    ``profile`` is a name out of ``profiles()``, or the path of a folder with ``rules.toml`` or of such a file.  ``registry``
    are the checks that its rules may use (all files of ``qa/checks`` if None).

    Raises RuleBookError for one problem, its subclass RuleBookErrors for several (``problems`` holds each of them).
    """
    path, own = _rules_file(profile)
    return _Reader(read_files(path, lexicons_dir()), check_files.registry() if registry is None else registry, own).book()


def load_scoring(profile: str | Path) -> RuleBook:
    """The same for scoring recordings.  Raises RuleBookError too where it has rules of the call log alone."""
    book = load(profile)
    book.check_scores()
    return book


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


@dataclass(frozen=True)
class _Profile:
    """``[profile]``; None is what has a problem."""

    id: str | None
    title: str | None
    title_en: str | None
    version: str | None
    effective_from: datetime.date | None
    effective_until: datetime.date | None


class _Reader:
    """Reads a rule book; what has a problem is None or left out until ``finish`` raises."""

    def __init__(self, files: Files, registry: Mapping[str, CheckModule], bundled: bool) -> None:
        self.files, self.document, self.registry, self.bundled = files, files.document, registry, bundled
        self.folder = self.document.path.parent
        self.words = WordLists(*files.folders, lexicons_dir())

    def book(self) -> RuleBook:
        top = Section(self.document, (), self.document.data)
        top.allow(*_TABLES)
        top.close(elsewhere=dict.fromkeys(_PROFILE_KEYS, "profile"))
        profile = self.profile()
        slots, holidays, scoring = read_slots(self.document), read_holidays(self.document), read_scoring(self.document)
        conditions = read_shared_conditions(self.document, Context(slots, self.words))
        made = tuple(name for name, found in conditions.items() if not isinstance(found, Condition))
        call_types = read_call_types(self.document, conditions)
        known = Known(tuple(kind.id for kind in call_types), (*calendar.TITLES, *(holiday.id for holiday in holidays)))
        context = Context(slots, self.words, conditions)
        drafts = Reader(self.document, self.registry, context, known, tuple(s.id for s in scoring.sections)).drafts()
        log_context = Context(slots, self.words, hidden=read_log_rules.RESERVED, holidays=holidays)
        log_rules = read_log_rules.LogReader(self.document, logchecks.registry(), log_context).rules()
        plain = Context(slots, self.words, hidden=(), holidays=holidays)
        traffic, roles = self.table("traffic", TrafficParams, plain), self.table("roles", RoleSettings, plain)
        appeals = self.table("appeals", AppealTerms, plain)
        scoring, rules = self.settled(scoring, [draft for draft in drafts if draft.enabled])
        not_auditable = read_clauses.read_unchecked(self.document, "not_auditable", "reason")
        awaiting = read_clauses.read_unchecked(self.document, "awaiting", "needs")
        clauses = read_clauses.read_clauses(self.folder, self.document)
        read_clauses.compare(self.document, self.folder, clauses)
        read = Read(
            document=self.document,
            rules=rules,
            off=tuple(draft.rule for draft in drafts if not draft.enabled),
            scoring=scoring,
            slots=slots,
            conditions=tuple(found for found in conditions.values() if isinstance(found, Condition)),
            made=made,
            call_types=call_types,
            holidays=holidays,
            lists=frozenset(self.words.used),
            effective=(profile.effective_from, profile.effective_until),
            log_rules=log_rules,
        )
        contradictions(read)
        self.document.finish()
        return RuleBook(
            **vars(profile),
            content_hash=_content_hash(self.files.contents, rules, read.conditions),
            rules=rules,
            scoring=scoring,
            slots=slots,
            conditions=read.conditions,
            call_types=call_types,
            holidays=holidays,
            not_auditable=not_auditable,
            awaiting=awaiting,
            log_rules=log_rules,
            traffic=traffic,
            roles=roles,
            appeals=appeals,
            clauses=tuple(clauses),
            warnings=warnings(read),
            archive=pack(self.files.files[0].path, lexicons_dir(), self.texts(rules)),
        )

    def texts(self, rules: Iterable[Rule]) -> Iterator[tuple[Path, bytes]]:
        """Every file that the book was read from, with its content."""
        yield from ((document.path, content) for document, content in zip(self.files.files, self.files.contents, strict=True))
        clauses = self.folder / read_clauses.CLAUSES_FILE
        lists = {Path(words.path) for rule in rules for _, words in _lists(rule.params)}  # a check's own default list is one file
        others = {clauses, *self.words.found, *lists}
        yield from ((path, path.read_bytes()) for path in sorted(others) if path.is_file())

    def profile(self) -> _Profile:
        section = self.document.section("profile")
        if section is None:
            return _Profile(None, None, None, None, None, None)
        section.allow("extends", *OLD_PLACES)
        profile = _Profile(
            id=section.required("id", self.as_id),
            title=section.required("title", as_text),
            title_en=section.optional("title_en", as_text, ""),
            version=section.required("version", as_text),
            effective_from=section.optional("effective_from", as_date, None),
            effective_until=section.optional("effective_until", as_date, None),
        )
        section.close()
        if profile.effective_from and profile.effective_until and profile.effective_from > profile.effective_until:
            self.document.problem(("profile", "effective_until"), "effective_until 早于 effective_from", "头尾两天都有效")
        return profile

    def table(self, name: str, cls: type[T], context: Context) -> T:
        """``[traffic]``, ``[roles]`` or ``[appeals]``: what has a problem is as if it were not there until ``finish`` raises."""
        section = self.document.section(name) if name in self.document.data else None
        params = build(section, cls, context) if section is not None else None
        return params if isinstance(params, cls) else cls()

    def as_id(self, value: Any) -> str:
        text = as_text(value)
        if not _ID.fullmatch(text):
            raise WrongValueError(f"{text!r} 不可用", "只用小写英文字母、数字和连字符，如 national-400")
        if self.bundled and text != self.folder.name:
            raise WrongValueError(f"{text!r} 与文件夹名 {self.folder.name!r} 不同", "两者应一致")
        return text

    def settled(self, scoring: Scoring, drafts: list[Draft]) -> tuple[Scoring, tuple[Rule, ...]]:
        """How the book counts, and the rules that are switched on with their points."""
        checks = self.document.data.get("checks")
        if checks is not None and not drafts and (not checks or not self.document.problems):
            self.document.problem(("checks",), "没有启用任何检查项", "请至少写一个 [checks.<检查项>]")
        mode = mode_of(scoring.mode, (draft.worth for draft in drafts))
        rules = (replace(d.rule, points=settle(self.document, d.rule.id, d.worth, mode)) for d in drafts)
        return replace(scoring, mode=mode), tuple(rules)


def _content_hash(contents: Iterable[bytes], rules: Iterable[Rule], conditions: Iterable[Condition]) -> str:
    """Over the files and every phrase of every word list in use, also of a check's default list that no file names."""
    digest = hashlib.sha256()
    for number, content in enumerate(contents):
        digest.update((b"\0" if number else b"") + content)
    lists = [(rule.id, found) for rule in rules for found in _lists(rule.params)]
    lists += [(f"{rule.id} {n}", found) for rule in rules for n, v in enumerate(rule.variants) for found in _lists(v.params)]
    lists += [("", found) for condition in conditions for found in _lists(condition, (condition.id,))]
    for owner, (name, words) in lists:
        phrases = [[p.text, p.exceptions, p.line, p.note] for p in words.phrases]
        digest.update(json.dumps([owner, name, phrases]).encode())
    return digest.hexdigest()[:12]


def _lists(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, WordList]]:
    """Word lists anywhere inside ``value`` with the path of names to each, in order of name."""
    if isinstance(value, WordList):
        yield ".".join(path), value
    elif dataclasses.is_dataclass(value):
        for field in sorted(dataclasses.fields(value), key=lambda field: field.name):
            yield from _lists(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, Mapping):
        for name in sorted(value):
            yield from _lists(value[name], (*path, str(name)))
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _lists(item, (*path, str(number)))
