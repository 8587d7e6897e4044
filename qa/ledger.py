"""What holds when: the versions of rule books that ever scored anything, and the months that are closed.

A version is a content: its texts are kept by their hash, so that a result can be explained and made again when the folder has changed.
A call is scored by the version in force on its day.  Everything here is appended; nothing is changed or deleted.
"""

from __future__ import annotations

import datetime
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from qa import rows, rulebook
from qa.checks import CheckModule
from qa.clock import HOUSE_ZONE, house_day
from qa.database import Database
from qa.errors import DatabaseError, NotFoundError, QaError, RuleBookError, StoreError
from qa.ledger_sheets import Sheet, sheets
from qa.paths import lexicons_at
from qa.rules.archive import Archive, unpack
from qa.rules.book import RuleBook

_MONTH = re.compile(r"[1-9]\d{3}-(0[1-9]|1[0-2])")
_VERSIONS = (
    "select b.hash, b.id, b.version, b.title, b.effective_from, b.effective_until, r.number, r.registered from rule_books b"
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
    title: str
    effective_from: datetime.date | None
    effective_until: datetime.date | None
    number: int
    registered: str

    def covers(self, day: datetime.date) -> bool:
        return (self.effective_from or day) <= day <= (self.effective_until or day)

    @property
    def stamp(self) -> str:
        """As a scorecard names it."""
        return f"{self.version}+{self.hash}"


@dataclass(frozen=True)
class Reign:
    """A version and the days on which it is the one in force, both inclusive; None: without end."""

    version: Version
    since: datetime.date | None
    until: datetime.date | None


@dataclass(frozen=True)
class ClosedMonth:
    """A month whose results count: ``closed`` (ISO 8601 UTC) ``by`` whom.

    ``proposals``: calls whose newest scorecard is only proposed, those of open months among them that would come into this one.
    """

    month: str
    closed: str
    by: str
    note: str
    proposals: int = 0


class Ledger:
    """Versions and closed months in one database, however long this lives: what other threads and programs register is seen at the next
    look, what is undone is forgotten."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._books: dict[str, RuleBook] = {}
        self._given: set[str] = set()
        self._versions: dict[str, tuple[Version, ...]] = {}
        self._newest = 0
        self._unreadable: set[str] = set()
        db.rolled_back.append(self._forget)

    def _forget(self) -> None:
        """A transaction was undone: what was registered in it is not there, and its number may be given again."""
        self._versions.clear()
        with suppress(DatabaseError):  # what was undone for it fails again, and loudly, at the next look
            gone = {one for one in self._given if not self._db.rows("select 1 from rule_books where hash = ?", one)}
            self._given -= gone
            self._books = {one: book for one, book in self._books.items() if one not in gone}

    # ------------------------------------------------------------ versions

    def keep(self, book: RuleBook) -> None:
        """Keep the texts of ``book``, so that what it judged can be explained; it comes into force on no day."""
        with self._db.writing():
            self._insert(book)

    def register(self, book: RuleBook, also: Callable[[], object] = lambda: None) -> bool:
        """Keep ``book`` and make it the newest version of its house; returns whether it was not that already (else there is no new row).
        ``also`` is done in the same transaction.  What a command scores with is registered by :func:`qa.registrations.register`, which
        logs it."""
        with self._db.writing():
            also()
            self._insert(book)
            newest = max(_versions(self._db, book.id), key=lambda version: version.number, default=None)
            if newest is not None and newest.hash == book.content_hash:
                return False
            self._db.insert("rule_book_registrations", {"hash": book.content_hash, "registered": rows.now_utc()})
            return True

    def _insert(self, book: RuleBook) -> None:
        row: dict[str, str | None] = {"hash": book.content_hash, "id": book.id, "version": book.version, "title": book.title}
        row |= {"effective_from": _text(book.effective_from), "effective_until": _text(book.effective_until)}
        row["archive_json"] = rows.to_json(book.archive) if book.archive is not None else None
        self._db.insert("rule_books", row, "or ignore")
        self._books[book.content_hash] = book
        self._given.add(book.content_hash)

    def versions(self, book_id: str) -> tuple[Version, ...]:
        """All contents that were registered under this id, each with its latest registration, oldest first."""
        (row,) = self._db.rows("select coalesce(max(number), 0) as newest from rule_book_registrations")
        if row["newest"] != self._newest:
            self._versions.clear()
            self._newest = row["newest"]
        if book_id not in self._versions:
            self._versions[book_id] = tuple(_versions(self._db, book_id))
        return self._versions[book_id]

    def in_force(self, book: RuleBook, day: datetime.date | None, subject: str = "") -> RuleBook:
        """The version of ``book`` that was in force on ``day``: of those that cover it the one with the latest ``effective_from``, of
        equals the latest registered.  ``book`` itself where the day is not known, or nothing is registered and its own dates cover it.

        ``subject`` is what a message names (a call, a file), else the rule book.
        Errors: :class:`RuleBookError` where no version was in force on that day; as :func:`load_stored`.
        """
        if day is None:
            return book
        versions = self.versions(book.id) or (_of(book),)
        chosen = _chosen(versions, day)
        if chosen is None:
            raise _none_in_force(subject or book.id, versions, day)
        return book if chosen.hash == book.content_hash else self.load(chosen.hash)

    def newest(self, book_id: str, day: datetime.date | None, subject: str) -> RuleBook:
        """The same of a rule book that is only known by its id; the newest registered where the day is not known.

        Errors: as :meth:`in_force`, :class:`NotFoundError` where none of that id was ever registered.
        """
        versions = self.versions(book_id)
        if not versions:
            raise NotFoundError(subject, f"数据库里没有登记它的规则书 {book_id}", f"请用 qa rescore --profile 指明 {book_id} 的文件夹")
        return self.in_force(self.load(max(versions, key=lambda version: version.number).hash), day, subject)

    def reigns(self, book_id: str, since: datetime.date | None = None, until: datetime.date | None = None) -> tuple[Reign, ...]:
        """Which registered version is in force when, within a period (both ends inclusive, None: open); days without any are left out."""
        versions, first, last = self.versions(book_id), since or datetime.date.min, until or datetime.date.max
        starts = {first, *(v.effective_from for v in versions if v.effective_from)}
        starts |= {v.effective_until + datetime.timedelta(days=1) for v in versions if v.effective_until not in (None, datetime.date.max)}
        found: list[Reign] = []
        days = sorted(day for day in starts if first <= day <= last)
        for day, following in zip(days, [*days[1:], None], strict=True):
            chosen = _chosen(versions, day)
            end = until if following is None else following - datetime.timedelta(days=1)
            if chosen is not None:
                begun = None if day == datetime.date.min else day
                if found and found[-1].version == chosen and found[-1].until == day - datetime.timedelta(days=1):
                    begun = found.pop().since
                found.append(Reign(chosen, begun, end))
        return tuple(found)

    def known(self, book_id: str, stamp: str) -> RuleBook | None:
        """The version that a scorecard names, where the database keeps it and this program reads it."""
        content_hash = stamp.rpartition("+")[2]
        if content_hash in self._unreadable:
            return None
        try:
            found = self.load(content_hash)
        except NotFoundError:  # may be kept a moment later
            return None
        except DatabaseError:  # says nothing of the book
            raise
        except StoreError:
            self._unreadable.add(content_hash)
            return None
        return found if (found.id, found.stamp) == (book_id, stamp) else None

    def load(self, content_hash: str) -> RuleBook:
        """A registered version, read once.  Errors: as :func:`load_stored`."""
        if content_hash not in self._books:
            self._books[content_hash] = load_stored(self._db, content_hash)
        return self._books[content_hash]

    # ------------------------------------------------------------ months

    def close_month(self, month: str, by: str, note: str = "", keep: Callable[[], None] = lambda: None) -> ClosedMonth:
        """Close ``month`` (YYYY-MM) for good; ``keep`` is called in the same transaction, to write what is to be kept of the month
        (:func:`qa.ledger_closing.close_month` is the way in).

        Errors: as :meth:`check_closing`, and those of ``keep``.
        """
        with self._db.writing():
            self.check_closing(month, by)
            keep()
            row = {"month": month, "closed": rows.now_utc(), "closed_by": by.strip(), "note": note}
            self._db.insert("closed_months", row)
        return next(closed for closed in self.closed_months() if closed.month == month)

    def check_closing(self, month: str, by: str) -> None:
        """Errors: :class:`StoreError` for text that is no month, a month that is not over, a missing name, a month that is closed."""
        if not _MONTH.fullmatch(month):
            raise StoreError(month, "不是月份", "请写成 2025-06")
        if month >= f"{datetime.datetime.now(HOUSE_ZONE):%Y-%m}":
            raise StoreError(month, "该月还没有过完，不能关账", "请在下个月关账")
        if not by.strip():
            raise StoreError(month, "没有写由谁关账", "请加 --by 姓名")
        for known in self.closed_months():
            if known.month == month:
                cause = f"该月已由 {known.by} 于 {house_day(known.closed)} 关账，关账后不再打开"
                raise StoreError(month, cause, "要更正某通电话请用 qa adjust")

    def sheets(self, agent_id: str, month: str) -> tuple[Sheet, ...]:
        """What was kept of an agent's closed month, oldest first; the last one holds."""
        return sheets(self._db, agent_id, month)

    def closed_months(self) -> tuple[ClosedMonth, ...]:
        """By month, the earliest first."""
        from qa.ledger_cards import coming  # which knows this module

        waiting = Counter({row["month"]: row["n"] for row in self._db.rows(_OF_MONTHS)}) + Counter(coming(self._db).values())
        found = self._db.rows("select * from closed_months order by month")
        return tuple(ClosedMonth(row["month"], row["closed"], row["closed_by"], row["note"], waiting[row["month"]]) for row in found)

    def is_closed(self, *times: str | None) -> bool:
        """Whether any of these wall clocks (UTC+8, ISO 8601) lies in a closed month."""
        months = [time[:7] for time in times if time]
        marks = ", ".join("?" * len(months))
        return bool(months) and bool(self._db.rows(f"select 1 from closed_months where month in ({marks}) limit 1", *months))


COUNTS_NOT = """exists (select 1 from withdrawals w where w.call_id = s.call_id and not w.counts and not w.proposed and w.instead = '[]'
    and w.id = (select max(id) from withdrawals own where own.call_id = s.call_id))"""
"""It is decided of the call of ``s`` that it does not count, and nothing else waits of it."""
PROPOSED = f"""from scorecards s join calls c using (call_id) where s.standing = 0
  and s.id = (select max(id) from scorecards newest where newest.call_id = s.call_id)
  and not exists (select 1 from adjustments a where a.call_id = s.call_id and a.position >= s.id)
  and not {COUNTS_NOT}"""
"""Calls ``c`` whose newest scorecard ``s`` is a proposal that nobody has decided on."""
_OF_MONTHS = f"""select substr(c.started, 1, 7) as month, count(*) as n {PROPOSED}
  and not exists (select 1 from withdrawn_calls w where w.call_id = c.call_id) group by 1"""


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
    archive = rows.from_json(found[0]["archive_json"], Archive)
    return read_archive(archive, content_hash, name, registry) if registry is not None else _read_once(archive, content_hash, name)


@lru_cache(maxsize=64)
def _read_once(archive: Archive, content_hash: str, name: str) -> RuleBook:
    """All threads of a program share what the same texts say."""
    return read_archive(archive, content_hash, name)


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


def _chosen(versions: Iterable[Version], day: datetime.date) -> Version | None:
    covering = [version for version in versions if version.covers(day)]
    return max(covering, key=lambda version: (version.effective_from or datetime.date.min, version.number), default=None)


def _of(book: RuleBook) -> Version:
    """A book that was not registered, as a version."""
    return Version(book.content_hash, book.id, book.version, book.title, book.effective_from, book.effective_until, 0, "")


def _none_in_force(subject: str, versions: Sequence[Version], day: datetime.date) -> RuleBookError:
    later = min((v.effective_from for v in versions if v.effective_from and v.effective_from > day), default=None)
    earlier = max((v.effective_until for v in versions if v.effective_until and v.effective_until < day), default=None)
    told = [f"到 {earlier} 为止" if earlier else "", f"自 {later} 起施行" if later else ""]
    dates = "，新的".join(text for text in told if text)
    cause = f"规则书 {versions[0].id} {dates}，这通电话的日期是 {day}，那天没有施行的规则，不评分"
    return RuleBookError(subject, cause, "请登记那天施行的版本（effective_from、effective_until），或核对通话记录里的日期")


def _versions(db: Database, book_id: str) -> Iterator[Version]:
    for row in db.rows(f"{_VERSIONS} where b.id = ? order by r.number", book_id):
        dates = {name: _date(row[name]) for name in ("effective_from", "effective_until")}
        yield Version(**row | dates)


def _text(day: datetime.date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date(text: str | None) -> datetime.date | None:
    return None if text is None else datetime.date.fromisoformat(text)
