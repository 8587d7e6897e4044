"""Rules edited without touching the house's folder: word lists and limits of a registered version, tried, then adopted with a date.

A draft is the texts of a version (:mod:`qa.rules.archive`) with what persons changed; every change is a new row, nothing is overwritten.
Adopting it registers a new version of the rule book, in force from a day on; calls of before stay under their rules.
"""

from __future__ import annotations

import dataclasses
import datetime
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePosixPath
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from qa import rows, rulebook
from qa.database import Database
from qa.errors import ConflictError, NotFoundError, QaError, RuleBookError, RuleBookErrors, StoreError
from qa.paths import lexicons_at
from qa.rules.archive import Archive, unpack
from qa.rules.book import Rule, RuleBook
from qa.store import Store
from qa.whatif import WhatIf, what_if

LIMITS_OF = {"measure": ("low", "high", "tolerance", "about")}
"""Of kinds that read their tables themselves: which of their keys are limits."""
LONGEST_LIST = 200_000
LARGEST = 10**9
"""No limit of a rule is a larger number."""


@dataclass(frozen=True)
class Draft:
    """The newest state of a draft; ``what`` the last change (Chinese).  ``adopted``: the hash under which it came into force, "" not
    yet."""

    id: int
    revision: int
    book_id: str
    base_hash: str
    archive: Archive
    what: str
    by: str
    created: str
    adopted: str


@dataclass(frozen=True)
class Limit:
    """A number of a rule that can be edited; ``value`` None: not limited."""

    rule_id: str
    title: str
    key: str
    value: float | int | None


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


def _change(store: Store, draft: int, revision: int, by: str, make: Callable[[Draft], tuple[Archive, str]]) -> Draft:
    """Errors: as :func:`_unmoved`, :class:`StoreError` where the name is missing."""
    if not by.strip():
        raise StoreError(f"草稿 {draft}", "没有写由谁修改", "请写明姓名")
    with store.db.writing():
        now = _unmoved(store.db, draft, revision)
        archive, what = make(now)
        _insert(store.db, draft, now.book_id, now.base_hash, archive, what, by)
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
    return tuple((name, text) for name, (_, text) in sorted(_lists(draft).items()))


def set_word_list(store: Store, draft: int, revision: int, name: str, text: str, by: str) -> Draft:
    """Another text for a word list; of one that several houses share this house gets its own.

    Errors: :class:`NotFoundError` for an unknown list, :class:`StoreError` as of drafts and for a text too long.
    """

    def make(now: Draft) -> tuple[Archive, str]:
        if name not in _lists(now):
            raise NotFoundError(f"词表 {name}", "没有这个词表", f"有：{'、'.join(_lists(now))}")
        if len(text) > LONGEST_LIST:
            raise StoreError(f"词表 {name}", "太长", f"最多 {LONGEST_LIST} 字")
        own = str(PurePosixPath(now.archive.rules).parent / name)
        plain = text.replace("\r\n", "\n").rstrip() + "\n"
        return _with(now.archive, {own: plain}), f"改了词表 {name}"

    return _change(store, draft, revision, by, make)


def _lists(draft: Draft) -> dict[str, tuple[str, str]]:
    """By the name that rules call it: place in the archive and text; the house's own folder goes before the common one."""
    own, common = PurePosixPath(draft.archive.rules).parent, PurePosixPath(draft.archive.lexicons)
    found: dict[str, tuple[str, str]] = {}
    for folder in (common, own):
        for place, text in draft.archive.files:
            path = PurePosixPath(place)
            if path.suffix == ".txt" and path.name != "clauses.txt" and path.is_relative_to(folder) and ".absolute" not in path.parts:
                found[str(path.relative_to(folder))] = (place, text)
    # a list of the house's own folder is found under the common one too, by a longer name
    inside = {str((own / name).relative_to(common)) for name in found if (own / name).is_relative_to(common)}
    return {name: value for name, value in found.items() if name not in inside or PurePosixPath(name).parent == PurePosixPath()}


def _with(archive: Archive, changed: Mapping[str, str]) -> Archive:
    return replace(archive, files=tuple(sorted({**dict(archive.files), **changed}.items())))


# ---------------------------------------------------------------- limits


def limits(book: RuleBook) -> tuple[Limit, ...]:
    """The numbers of every rule's check, in the order of the rules."""
    return tuple(Limit(rule.id, rule.title, key, getattr(rule.params, key)) for rule in book.rules for key in _keys(rule))


def _keys(rule: Rule) -> Iterator[str]:
    if hasattr(rule.module.Params, "read"):
        yield from (key for key in LIMITS_OF.get(rule.kind, ()) if hasattr(rule.params, key))
        return
    for field in dataclasses.fields(rule.params):
        value = getattr(rule.params, field.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield field.name


def set_limit(store: Store, draft: int, revision: int, rule_id: str, key: str, value: str, by: str) -> Draft:
    """Another number for a rule's limit, as people write it (``160``, ``-12.5``).

    Errors: :class:`NotFoundError` for an unknown limit, :class:`StoreError` as of drafts and for text that is no number.
    """

    def make(now: Draft) -> tuple[Archive, str]:
        number = _number(value)
        if (rule_id, key) not in {(one.rule_id, one.key) for one in limits(load(now))}:
            raise NotFoundError(f"{rule_id} 的 {key}", "没有这个限值", "请核对")
        document = _parsed(now)
        _table(document, "checks", rule_id)[key] = number
        return _with(now.archive, {now.archive.rules: tomlkit.dumps(document)}), f"{rule_id} 的 {key} 改为 {value.strip()}"

    return _change(store, draft, revision, by, make)


def _number(text: str) -> int | float:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise StoreError(text, "不是数字", "请写成 160 或 -12.5") from None
    if not number.is_finite() or abs(number) > LARGEST:
        raise StoreError(text, "不是数字", "请写成 160 或 -12.5")
    return int(number) if number == number.to_integral_value() and "." not in text else float(number)


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


# ---------------------------------------------------------------- trying and adopting


def load(draft: Draft) -> RuleBook:
    """The rule book of a draft, validated whole.  Errors: :class:`RuleBookError`, with places relative to the house's folder."""
    with tempfile.TemporaryDirectory(prefix="qa-draft-") as folder:
        path, lexicons = unpack(draft.archive, Path(folder))
        try:
            with lexicons_at(lexicons):
                book = rulebook.load(path)
                book.check_scores()
                return book
        except QaError as error:
            raise _readable(error, str(path.parent), str(Path(folder))) from error


def problems(draft: Draft) -> tuple[str, ...]:
    """What is wrong with a draft, each with its place; () where it can be adopted."""
    try:
        load(draft)
    except RuleBookError as error:
        return tuple(str(one) for one in getattr(error, "problems", (error,)))
    return ()


def _readable(error: QaError, own: str, folder: str) -> RuleBookError:
    """The error with places that mean something to who edits."""

    def plain(text: str) -> str:
        return text.replace(f"{own}/", "").replace(f"{folder}/", "")

    if isinstance(error, RuleBookError) and hasattr(error, "problems"):
        return RuleBookErrors(
            plain(error.subject), tuple(RuleBookError(plain(p.subject), plain(p.cause), plain(p.cure)) for p in error.problems)
        )
    return RuleBookError(plain(error.subject), plain(error.cause), plain(error.cure))


def tried(store: Store, draft: Draft, since: str | None = None, until: str | None = None) -> WhatIf:
    """What the draft would change in the stored calls of a period; nothing is written."""
    return what_if(store, load(draft), since, until)


def adopt(store: Store, draft: int, revision: int, version: str, from_day: datetime.date, by: str) -> RuleBook:
    """Register the draft as ``version``, in force from ``from_day`` on.  Calls are not judged again by this (``qa rescore``).

    Errors: :class:`RuleBookError` where it is wrong; :class:`StoreError` where nothing was changed, the version is missing or used, or the
    day lies in a closed month or before the version that it comes from.
    """
    now = get(store.db, draft)
    _check_adoptable(store, now, version, from_day)
    document = _parsed(now)
    profile = _table(document, "profile")
    profile["version"], profile["effective_from"] = version.strip(), from_day
    profile.pop("effective_until", None)
    ready = replace(now, archive=_with(now.archive, {now.archive.rules: tomlkit.dumps(document)}))
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
