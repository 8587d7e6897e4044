"""Rules edited without touching the house's folder: word lists, limits and texts of a registered version, tried, then adopted with a date.

A draft is the texts of a version (:mod:`qa.rules.archive`) with what persons changed; every change is a new row, nothing is overwritten.
Adopting it registers a new version of the rule book, in force from a day on; calls of before stay under their rules.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from qa import rows
from qa.database import Database
from qa.errors import ConflictError, NotFoundError, RuleBookError, StoreError
from qa.lexicon import check_phrase
from qa.review import draft_books, list_names, rule_limits, rule_texts
from qa.review.draft_books import Draft as Draft
from qa.review.draft_books import editable as editable
from qa.review.draft_books import load as load
from qa.review.draft_books import problems as problems
from qa.review.rule_limits import Limit, Number
from qa.review.rule_texts import Stale
from qa.rules.archive import Archive
from qa.rules.book import Rule, RuleBook
from qa.store import Store
from qa.whatif import WhatIf, what_if

LONGEST_LIST = 200_000


# ---------------------------------------------------------------- drafts


def begin(store: Store, book_id: str, by: str) -> Draft:
    """A draft from the newest registered version of a rule book.

    Errors: :class:`NotFoundError` where none is registered, :class:`StoreError` where its texts are not kept or the name is missing.
    """
    versions = store.ledger.versions(book_id)
    if not versions:
        raise NotFoundError(f"规则书 {book_id}", "数据库里没有登记", "请先用它评分一次（qa score --profile）")
    base = max(versions, key=lambda version: version.number)
    book = store.ledger.load(base.hash)
    if book.archive is None:
        raise StoreError(f"规则书 {book_id}", "数据库里没有它的原文", "请先用它重新评分（qa rescore --profile）")
    if not by.strip():
        raise StoreError(f"规则书 {book_id}", "没有写由谁修改", "请写明姓名")
    with store.db.writing():
        (row,) = store.db.rows("select coalesce(max(draft), 0) + 1 as next from rule_drafts")
        _insert(store.db, row["next"], book_id, base.hash, book.archive, f"由 {base.version} 开始修改", by)
    return get(store.db, row["next"])


def get(db: Database, draft: int) -> Draft:
    """Errors: :class:`NotFoundError`."""
    found = db.rows("select * from rule_drafts where draft = ? order by id desc limit 1", draft)
    if not found:
        raise NotFoundError(f"草稿 {draft}", "没有这份草稿", "请核对编号")
    return _draft(found[0])


def drafts(db: Database) -> tuple[Draft, ...]:
    """All drafts as they are now, the newest first."""
    found = db.rows(
        "select * from rule_drafts d where d.id = (select max(own.id) from rule_drafts own where own.draft = d.draft) order by draft desc"
    )
    return tuple(map(_draft, found))


def history(db: Database, draft: int) -> tuple[Draft, ...]:
    """Every state of a draft, the earliest first."""
    return tuple(map(_draft, db.rows("select * from rule_drafts where draft = ? order by id", draft)))


def _draft(r: dict[str, Any]) -> Draft:
    archive = rows.from_json(r["archive_json"], Archive)
    texts = (r["book_id"], r["base_hash"], archive, r["what"], r["made_by"], r["created"], r["adopted_hash"] or "")
    return Draft(r["draft"], r["id"], *texts)


def _insert(db: Database, draft: int, book_id: str, base: str, archive: Archive, what: str, by: str, adopted: str | None = None) -> None:
    row = {"draft": draft, "book_id": book_id, "base_hash": base, "archive_json": rows.to_json(archive), "what": what}
    db.insert("rule_drafts", row | {"made_by": by.strip(), "created": rows.now_utc(), "adopted_hash": adopted})


def _change(store: Store, draft: int, revision: int, by: str, make: Callable[[Draft], tuple[Archive, str] | None]) -> Draft:
    """What ``make`` makes of the draft is its next state; nothing where it makes None.

    Errors: as :func:`_unmoved`, :class:`StoreError` where the name is missing.
    """
    if not by.strip():
        raise StoreError(f"草稿 {draft}", "没有写由谁修改", "请写明姓名")
    with store.db.writing():
        now = _unmoved(store.db, draft, revision)
        if (made := make(now)) is not None:
            _insert(store.db, draft, now.book_id, now.base_hash, *made, by)
    return get(store.db, draft)


def _unmoved(db: Database, draft: int, revision: int) -> Draft:
    """Errors: :class:`StoreError` where the draft is adopted, :class:`ConflictError` where somebody changed it since ``revision``."""
    now = get(db, draft)
    if now.adopted:
        raise StoreError(f"草稿 {draft}", "已经采用，不能再改", "请另开一份草稿")
    if now.revision != revision:
        raise ConflictError(f"草稿 {draft}", f"您打开之后，{now.by} 改过它（{now.what}）", "您的修改没有保存；请看新的内容再改")
    return now


# ---------------------------------------------------------------- word lists


def word_lists(draft: Draft) -> tuple[tuple[str, str], ...]:
    """Names of the word lists that the rules use, as the rules call them, with their texts."""
    texts = dict(draft.archive.files)
    return tuple((name, texts[place]) for name, place in sorted(list_names.places(draft.archive).items()))


def set_word_list(store: Store, draft: int, revision: int, name: str, text: str, by: str, what: str = "") -> Draft:
    """Another text for a word list; of one that is inherited or shared by several houses this house gets its own.  ``what``: the change.

    Errors: :class:`NotFoundError` for an unknown list, :class:`StoreError` as of drafts and for a text too long.
    """

    def make(now: Draft) -> tuple[Archive, str]:
        if name not in (known := list_names.places(now.archive)):
            raise NotFoundError(f"词表 {name}", "没有这个词表", f"有：{'、'.join(known)}")
        if len(text) > LONGEST_LIST:
            raise StoreError(f"词表 {name}", "太长", f"最多 {LONGEST_LIST} 字")
        own = str(PurePosixPath(now.archive.rules).parent / name)
        plain = text.replace("\r\n", "\n").rstrip() + "\n"
        return draft_books.changed(now.archive, {own: plain}), what or f"改了词表 {name}"

    return _change(store, draft, revision, by, make)


def add_phrase(store: Store, draft: int, revision: int, name: str, phrase: str, unless: str, note: str, by: str) -> Draft:
    """A phrase more at the end of a word list; ``unless``: its exceptions, parted by commas.

    Errors: as :func:`set_word_list`; :class:`StoreError` for what is no phrase, or is there already.
    """
    fields = [" ".join(text.split()) for text in (phrase, unless, note)]
    if not fields[0] or any("|" in text for text in fields) or fields[0].startswith("#"):
        raise StoreError("词语", "没有写，或有不能用的符号（| 或开头的 #）", "请只写词语本身")
    exceptions = tuple(filter(None, (e.strip() for e in fields[1].replace("，", ",").split(","))))
    check_phrase(fields[0], exceptions, "词语")
    text = dict(word_lists(get(store.db, draft))).get(name, "")
    if fields[0] in {line.split("|")[0].strip() for line in text.splitlines() if not line.startswith("#")}:
        raise StoreError(f"词语“{fields[0]}”", "词表里已经有了", "不用再加")
    line = " | ".join((fields[0], "，".join(exceptions), fields[2])).rstrip(" |")
    return set_word_list(store, draft, revision, name, f"{text.rstrip()}\n{line}\n", by, f"词表 {name} 加了“{fields[0]}”")


# ---------------------------------------------------------------- limits


def limits(book: RuleBook) -> tuple[Limit, ...]:
    """The numbers of every rule's check, in the order of the rules, without their ranges."""
    return tuple(limit for rule in book.rules for limit in rule_limits.of_rule(rule))


class WrongLimits(StoreError):  # noqa: N818  (several)
    """Numbers that a rule cannot have; ``wrong`` says what by key (Chinese), under "" what is no single one's."""

    def __init__(self, rule_id: str, wrong: Mapping[str, str]) -> None:
        super().__init__(rule_id, "；".join(wrong.values()), "请改正后再保存")
        self.wrong = dict(wrong)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.subject, self.wrong)


def set_limit(store: Store, draft: int, revision: int, rule_id: str, key: str, value: str, by: str) -> Draft:
    """Another number for one limit of a rule.  Errors: as :func:`set_limits`."""
    return set_limits(store, draft, revision, rule_id, {key: value}, by)


def set_limits(
    store: Store,
    draft: int,
    revision: int,
    rule_id: str,
    values: Mapping[str, str],
    by: str,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> Draft:
    """Other numbers for the limits of a rule by key, as people write them (``160``, ``-12.5``, "" for no limit); together they must do.
    ``texts``: other texts of the rule, by the keys of ``rule_texts.NAMES``; in the draft a rule that it inherits gets its own.

    Where all are as they were nothing is written.  Errors: :class:`NotFoundError` for an unknown limit or text, :class:`WrongLimits` for
    numbers that the rule's check refuses and for texts that it cannot have, :class:`StoreError` as of drafts.
    """
    plain = {key: rule_texts.plain(text) for key, text in texts.items()}

    def make(now: Draft) -> tuple[Archive, str] | None:
        rule = editable(store, now).rule(rule_id)
        known = {one.key: one for one in rule_limits.of_rule(rule)} if rule is not None else {}
        if rule is None or (unknown := sorted((set(values) - set(known)) | (set(plain) - set(rule_texts.NAMES)))):
            raise NotFoundError(f"{rule_id} 的 {'、'.join([*values, *plain] if rule is None else unknown)}", "没有这个限值", "请核对")
        typed, before = rule_limits.typed(rule, values), rule_texts.of_rule(rule)
        said = {key: text for key, text in plain.items() if text != rule_texts.plain(before[key])}
        wrong = {key: why for key, text in said.items() if (why := rule_texts.wrong(key, text))}
        if typed.wrong or wrong:
            raise WrongLimits(rule_id, {**typed.wrong, **wrong})
        if not (typed.changed or said):
            return None
        archive = _ruled(store, now, rule, typed.changed, said)
        told = [f"{known[key].name.title} {_shown(known[key].value)} → {_shown(value)}" for key, value in typed.changed.items()]
        return archive, f"{rule.title}：{'，'.join([*told, *(f'改了{rule_texts.NAMES[key]}' for key in said)])}"

    return _change(store, draft, revision, by, make)


def _shown(value: float | None) -> str:
    return "不限" if value is None else f"{value:g}"


def _ruled(store: Store, now: Draft, rule: Rule, numbers: Mapping[str, Number | None], texts: Mapping[str, str]) -> Archive:
    """The texts of a draft with other numbers and texts of a rule.  Errors: :class:`WrongLimits` where the rules as a whole cannot have
    them."""
    document = _parsed(now)
    table = _table(document, "checks", rule.id)
    for key, value in {**numbers, **texts}.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    archive = draft_books.changed(now.archive, {now.archive.rules: tomlkit.dumps(document)})
    archive = rule_texts.with_clause(archive, rule, texts[rule_texts.CLAUSE]) if rule_texts.CLAUSE in texts else archive
    base = store.ledger.load(now.base_hash).archive
    try:
        book = load(replace(now, archive=draft_books.with_lists_of(archive, base)))
    except RuleBookError as error:
        raise WrongLimits(rule.id, {"": "；".join(map(str, getattr(error, "problems", (error,))))}) from error
    made = {one.key: one.value for one in limits(book) if one.rule_id == rule.id}
    kept = [key for key, value in numbers.items() if made[key] != value]
    if kept:
        raise WrongLimits(rule.id, dict.fromkeys(kept, "这个限值来自所继承的规则书，只能改，不能去掉"))
    return archive


def _parsed(draft: Draft) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(dict(draft.archive.files)[draft.archive.rules].removeprefix("\ufeff"))
    except TOMLKitError as error:
        raise StoreError(f"草稿 {draft.id}", f"rules.toml 读不了（{error}）", "请另开一份草稿") from error


def _table(document: Any, *path: str) -> Any:
    """The table at ``path``, made where it is not there; what a house inherits it overrides by a table of its own."""
    at = document
    for name in path:
        if name not in at:
            at[name] = tomlkit.table(is_super_table=name == "checks")
        at = at[name]
    return at


# ---------------------------------------------------------------- texts that say a number of before


def stale(store: Store, draft: Draft) -> tuple[Stale, ...]:
    """Texts that still say a number which a limit had before it was changed, in this draft or in those that its version came from: who is
    judged reads them beside the deduction."""
    past: dict[tuple[str, str], set[Number]] = {}
    for one in limits(store.ledger.load(draft.base_hash)):
        if one.value is not None:
            past.setdefault((one.rule_id, one.key), set()).add(one.value)
    for state in _led_here(store.db, draft):
        for place, value in rule_texts.numbers(state.archive).items():
            past.setdefault(place, set()).add(value)
    return rule_texts.stale(editable(store, draft), past)


def _led_here(db: Database, draft: Draft) -> tuple[Draft, ...]:
    """The states of a draft until now, and those of the drafts that the version it was begun from came out of."""
    found, seen, base = [one for one in history(db, draft.id) if one.revision <= draft.revision], {draft.id}, draft.base_hash
    while rows_ := db.rows("select draft from rule_drafts where adopted_hash = ? order by id desc limit 1", base):
        if (number := rows_[0]["draft"]) in seen:
            break
        seen.add(number)
        earlier = history(db, number)
        found, base = [*found, *earlier], earlier[0].base_hash
    return tuple(found)


# ---------------------------------------------------------------- trying and adopting


def tried(store: Store, draft: Draft, since: str | None = None, until: str | None = None) -> WhatIf:
    """What the draft would change in the stored calls of a period; nothing is written."""
    return what_if(store, load(draft), since, until)


def adopt(store: Store, draft: int, revision: int, version: str, from_day: datetime.date, by: str, *, old_texts: bool = False) -> RuleBook:
    """Register the draft as ``version``, in force from ``from_day`` on.  Calls are not judged again by this (``qa rescore``).

    ``old_texts``: the person has seen which texts still say a number of before (:func:`stale`), and means them to.
    Errors: :class:`RuleBookError` where it is wrong; :class:`StoreError` where nothing was changed, the version is missing or used, the
    day lies in a closed month or before the version that it comes from, or texts say such a number and nobody has seen it.
    """
    now = _unmoved(store.db, draft, revision)
    _check_adoptable(store, now, version, from_day)
    told = () if old_texts else stale(store, now)
    if told:
        cause = f"有文字还写着改过的数字：{'；'.join(map(str, told))}"
        raise StoreError(f"草稿 {draft}", cause, "请改这些文字；确实要这样写，请勾选“这些文字照旧”")
    document = _parsed(now)
    profile = _table(document, "profile")
    profile["version"], profile["effective_from"] = version.strip(), from_day
    profile.pop("effective_until", None)
    ready = replace(now, archive=draft_books.changed(now.archive, {now.archive.rules: tomlkit.dumps(document)}))
    book = load(ready)
    if book.archive is None or book.id != now.book_id:
        raise StoreError(f"草稿 {draft}", "规则书的 id 变了", "请另开一份草稿")
    what = f"采用为 {version.strip()}，自 {from_day} 起"

    def also() -> None:
        _unmoved(store.db, draft, revision)
        _check_newest(store.db, now)
        _insert(store.db, draft, now.book_id, now.base_hash, ready.archive, what, by, book.content_hash)

    store.ledger.register(book, also)
    return book


def _check_newest(db: Database, now: Draft) -> None:
    """Errors: :class:`ConflictError` where another version was registered since the draft was begun, which it would undo."""
    registered = "rule_book_registrations r join rule_books b using (hash)"
    sql = f"select b.hash, b.version from {registered} where b.id = ? order by r.number desc limit 1"
    (newest,) = db.rows(sql, now.book_id)
    if newest["hash"] != now.base_hash:
        cause = f"这份草稿开始之后，已登记了另一个版本 {newest['version']}，采用它会丢掉那里的修改"
        raise ConflictError(f"草稿 {now.id}", cause, "请由最新的版本另开一份草稿，再改一次")


def _check_adoptable(store: Store, now: Draft, version: str, from_day: datetime.date) -> None:
    subject = f"草稿 {now.id}"
    known = store.ledger.versions(now.book_id)
    _check_newest(store.db, now)
    if len(history(store.db, now.id)) < 2:
        raise StoreError(subject, "还没有任何修改", "请先修改")
    if not version.strip() or version.strip() in {one.version for one in known}:
        raise StoreError(subject, "没有写版本，或这个版本已经用过", f"用过的：{'、'.join(one.version for one in known)}")
    if store.ledger.is_closed(from_day.isoformat()):
        raise StoreError(subject, f"{from_day} 所在的月份已关账", "请写关账之后的日期")
    newest = max((one.effective_from for one in known if one.effective_from), default=None)
    if newest is not None and from_day < newest:
        raise StoreError(subject, f"已有自 {newest} 起施行的版本", f"请写 {newest} 或以后的日期")
