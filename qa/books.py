"""From a scorecard to the rule book that it was made with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qa import rulebook
from qa.errors import NotFoundError, RuleBookError, StoreError
from qa.rules.book import RuleBook
from qa.types import Provenance

if TYPE_CHECKING:
    from qa.store import Store

Stamp = tuple[str, str]
"""Id and stamp of a rule book, as a scorecard names it."""


class Books:
    """The rule books that scorecards were made with: as the database keeps them, else as they stand in the program's own folders.

    ``profile``: a name or folder to count with in place of the version that a scorecard names.
    """

    def __init__(self, store: Store, profile: str | Path | None = None) -> None:
        self._store, self._profile = store, profile
        self._known: dict[Stamp, RuleBook] = {}

    def of(self, made: Provenance) -> RuleBook:
        """Errors: :class:`RuleBookError` where there is none of that id, :class:`StoreError` where the one kept cannot be read."""
        stamp = made.rule_book, made.rule_book_version
        if stamp not in self._known:
            self._known[stamp] = self._load(*stamp)
        return self._known[stamp]

    def known(self, made: Provenance) -> RuleBook | None:
        """As :meth:`of`, but that very version; None where it is not to be had: what only shows a scorecard can do without."""
        try:
            book = self.of(made)
        except (RuleBookError, StoreError):
            return None
        return book if book.stamp == made.rule_book_version else None

    def _load(self, wanted: str, version: str) -> RuleBook:
        if self._profile is None:
            try:
                return self._store.ledger.load(version.rpartition("+")[2])
            except NotFoundError:  # scored before the database kept rule books
                if wanted not in rulebook.profiles():
                    cause = "数据库里没有评分时的这本规则书，也不知它在哪个文件夹"
                    raise RuleBookError(f"{wanted} {version}", cause, "请用 --profile 指明规则书的文件夹") from None
        book = rulebook.load(wanted if self._profile is None else self._profile)
        if book.id != wanted:
            raise RuleBookError(str(self._profile), f"是规则书 {book.id}，评分用的是 {wanted}", "请指明评分时的规则书")
        return book
