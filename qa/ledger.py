"""What holds when: the versions of rule books that ever scored anything, and the months that are closed.

A version is a content: its texts are kept by their hash, so that a result can be explained and made again when the folder has changed.
A call is scored by the version in force on its day.  Everything here is appended; nothing is changed or deleted.
"""

from __future__ import annotations

import datetime
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qa import rows, rulebook
from qa.checks import CheckModule
from qa.clock import HOUSE_ZONE
from qa.database import Database
from qa.errors import NotFoundError, QaError, StoreError
from qa.paths import lexicons_at
from qa.rules.archive import Archive, unpack
from qa.rules.book import RuleBook

_MONTH = re.compile(r"[1-9]\d{3}-(0[1-9]|1[0-2])")
_VERSIONS = (
    "select b.hash, b.id, b.version, b.effective_from, b.effective_until, r.number, r.registered from rule_books b"
    " join rule_book_registrations r on r.number = (select max(number) from rule_book_registrations where hash = b.hash)"
)


@dataclass(frozen=True)
class Version:
    """A rule book's content as registered: ``number`` grows with each registration, ``registered`` is ISO 8601 UTC.

    ``effective_from`` and ``effective_until`` are inclusive; None: open.
    """

    hash: str
    id: str
    version: str
    effective_from: datetime.date | None
    effective_until: datetime.date | None
    number: int
    registered: str

    def covers(self, day: datetime.date) -> bool:
        return (self.effective_from or day) <= day <= (self.effective_until or day)


@dataclass(frozen=True)
class ClosedMonth:
    """A month whose results count: ``closed`` (ISO 8601 UTC) ``by`` whom.  ``proposals``: calls whose newest scorecard is only proposed."""

    month: str
    closed: str
    by: str
    note: str
    proposals: int = 0


class Ledger:
    """Versions and closed months in one database.  Versions are read once a run: what others register meanwhile is for the next."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._books: dict[str, RuleBook] = {}
        self._versions: dict[str, tuple[Version, ...]] = {}

    # ------------------------------------------------------------ versions

    def keep(self, book: RuleBook) -> None:
        """Keep the texts of ``book``, so that what it judged can be explained; it comes into force on no day."""
        with self._db.writing():
            self._insert(book)
        self._books[book.content_hash] = book

    def register(self, book: RuleBook) -> None:
        """Keep ``book`` and make it the newest version of its house; no new row if it is that already."""
        with self._db.writing():
            self._insert(book)
            newest = max(_versions(self._db, book.id), key=lambda version: version.number, default=None)
            if newest is None or newest.hash != book.content_hash:
                self._db.insert("rule_book_registrations", {"hash": book.content_hash, "registered": rows.now_utc()})
        self._books[book.content_hash] = book
        self._versions.pop(book.id, None)

    def _insert(self, book: RuleBook) -> None:
        row: dict[str, str | None] = {"hash": book.content_hash, "id": book.id, "version": book.version, "title": book.title}
        row |= {"effective_from": _text(book.effective_from), "effective_until": _text(book.effective_until)}
        row["archive_json"] = rows.to_json(book.archive) if book.archive is not None else None
        self._db.insert("rule_books", row, "or ignore")

    def versions(self, book_id: str) -> tuple[Version, ...]:
        """All contents that were registered under this id, each with its latest registration, oldest first."""
        if book_id not in self._versions:
            self._versions[book_id] = tuple(_versions(self._db, book_id))
        return self._versions[book_id]

    def in_force(self, book: RuleBook, day: datetime.date | None) -> RuleBook:
        """The version of ``book`` that was in force on ``day``: of those that cover it the one with the latest ``effective_from``, of
        equals the latest registered.  ``book`` itself where the day is not known or no version covers it.

        Errors: as :func:`load_stored`.
        """
        covering = [version for version in self.versions(book.id) if day is not None and version.covers(day)]
        if not covering:
            return book
        chosen = max(covering, key=lambda version: (version.effective_from or datetime.date.min, version.number))
        return book if chosen.hash == book.content_hash else self.load(chosen.hash)

    def load(self, content_hash: str) -> RuleBook:
        """A registered version, read once.  Errors: as :func:`load_stored`."""
        if content_hash not in self._books:
            self._books[content_hash] = load_stored(self._db, content_hash)
        return self._books[content_hash]

    # ------------------------------------------------------------ months

    def close_month(self, month: str, by: str, note: str = "") -> ClosedMonth:
        """Close ``month`` (YYYY-MM) for good.

        Errors: :class:`StoreError` for text that is no month, a month that is not over, a missing name, a month that is closed.
        """
        if not _MONTH.fullmatch(month):
            raise StoreError(month, "不是月份", "请写成 2025-06")
        if month >= f"{datetime.datetime.now(HOUSE_ZONE):%Y-%m}":
            raise StoreError(month, "该月还没有过完，不能关账", "请在下个月关账")
        if not by.strip():
            raise StoreError(month, "没有写由谁关账", "请加 --by 姓名")
        with self._db.writing():
            for known in self.closed_months():
                if known.month == month:
                    cause = f"该月已由 {known.by} 于 {known.closed[:10]} 关账，关账后不再打开"
                    raise StoreError(month, cause, "要更正某通电话请用 qa adjust")
            row = {"month": month, "closed": rows.now_utc(), "closed_by": by.strip(), "note": note}
            self._db.insert("closed_months", row)
        return next(closed for closed in self.closed_months() if closed.month == month)

    def closed_months(self) -> tuple[ClosedMonth, ...]:
        """By month, the earliest first."""
        waiting = {row["month"]: row["n"] for row in self._db.rows(_PROPOSALS)}
        found = self._db.rows("select * from closed_months order by month")
        return tuple(
            ClosedMonth(row["month"], row["closed"], row["closed_by"], row["note"], waiting.get(row["month"], 0)) for row in found
        )

    def is_closed(self, *times: str | None) -> bool:
        """Whether any of these wall clocks (UTC+8, ISO 8601) lies in a closed month."""
        months = [time[:7] for time in times if time]
        marks = ", ".join("?" * len(months))
        return bool(months) and bool(self._db.rows(f"select 1 from closed_months where month in ({marks}) limit 1", *months))


_PROPOSALS = """select substr(c.started, 1, 7) as month, count(*) as n from closed_months m
  join calls c on c.started >= m.month and c.started < m.month || '-99'
  join scorecards s on s.id = (select max(id) from scorecards newest where newest.call_id = c.call_id)
  where not s.standing and not exists (select 1 from current_scorecards current where current.call_id = c.call_id and current.id = s.id)
  group by m.month"""


def load_stored(db: Database, content_hash: str, registry: Mapping[str, CheckModule] | None = None) -> RuleBook:
    """The rule book with this content hash, read again from the texts in the database; places in it are within a folder long gone.

    Errors: :class:`NotFoundError` where no such content was registered, :class:`StoreError` where this program no longer reads it as it
    was read then.
    """
    found = db.rows("select id, version, archive_json from rule_books where hash = ?", content_hash)
    if not found:
        raise NotFoundError(content_hash, "数据库中没有这个版本的规则书", "请用当时的规则书重新评分（qa rescore --profile …）")
    name = f"{found[0]['id']} {found[0]['version']}+{content_hash}"
    if found[0]["archive_json"] is None:
        raise StoreError(name, "数据库里没有这个版本的原文", "请用 qa rescore --profile 重新评分")
    return read_archive(rows.from_json(found[0]["archive_json"], Archive), content_hash, name, registry)


def read_archive(archive: Archive, content_hash: str, name: str, registry: Mapping[str, CheckModule] | None = None) -> RuleBook:
    """A rule book read again from its texts; ``name`` is for messages.  Errors: :class:`StoreError` where it comes out differently."""
    with tempfile.TemporaryDirectory(prefix="qa-rules-") as folder:
        path, lexicons = unpack(archive, Path(folder))
        try:
            with lexicons_at(lexicons):
                book = rulebook.load(path, registry)
        except QaError as error:
            cure = "请用写下这个版本时的程序，或改用新的规则书重新评分"
            raise StoreError(name, f"本程序读不了这个版本的规则书（{error}）", cure) from error
    if book.content_hash != content_hash:
        cure = "请把 extends 写成相对路径，再用 qa rescore --profile 重新评分"
        raise StoreError(name, "存下的原文与当时的内容不符，可能用了绝对路径的 extends", cure)
    return book


def load_stamp(db: Database, stamp: str, registry: Mapping[str, CheckModule] | None = None) -> RuleBook:
    """The rule book of a scorecard's ``provenance.rule_book_version`` (``version+hash``).  Errors: as :func:`load_stored`."""
    return load_stored(db, stamp.rpartition("+")[2], registry)


def _versions(db: Database, book_id: str) -> Iterator[Version]:
    for row in db.rows(f"{_VERSIONS} where b.id = ? order by r.number", book_id):
        dates = {name: _date(row[name]) for name in ("effective_from", "effective_until")}
        yield Version(**row | dates)


def _text(day: datetime.date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date(text: str | None) -> datetime.date | None:
    return None if text is None else datetime.date.fromisoformat(text)
