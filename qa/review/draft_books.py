"""A draft of a rule book, and the book that its texts make: read whole, its faults told with places that mean something to who edits."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from qa import rulebook
from qa.errors import QaError, RuleBookError, RuleBookErrors
from qa.paths import lexicons_at
from qa.rules.archive import Archive, unpack
from qa.rules.book import RuleBook
from qa.rules.read_clauses import CLAUSES_FILE
from qa.store import Store


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


def changed(archive: Archive, changed: Mapping[str, str]) -> Archive:
    """The archive with other texts by name."""
    return replace(archive, files=tuple(sorted({**dict(archive.files), **changed}.items())))


def load(draft: Draft) -> RuleBook:
    """The rule book of a draft, validated whole.  Errors: :class:`RuleBookError`, with places relative to the house's folder."""
    found = _loaded(draft.archive)
    if isinstance(found, QaError):
        raise copy.copy(found)  # one that was raised holds on to where it was raised
    return found


@lru_cache(maxsize=16)
def _loaded(archive: Archive) -> RuleBook | RuleBookError:
    """The texts of a draft are the same from look to look."""
    with tempfile.TemporaryDirectory(prefix="qa-draft-") as folder:
        path, lexicons = unpack(archive, Path(folder))
        try:
            with lexicons_at(lexicons):
                book = rulebook.load(path)
                book.check_scores()
                return book
        except QaError as error:
            return _readable(error, str(path.parent), str(Path(folder)))


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


def editable(store: Store, draft: Draft) -> RuleBook:
    """The rules of a draft with its numbers, whatever is wrong with its word lists: those are read as they were then.

    Where the draft cannot be read even so, the version that it was begun from.
    """
    base = store.ledger.load(draft.base_hash)
    try:
        return load(replace(draft, archive=with_lists_of(draft.archive, base.archive)))
    except RuleBookError:
        return base


def with_lists_of(archive: Archive, base: Archive | None) -> Archive:
    """The archive with the word lists of ``base``, whatever was done to its own."""
    texts = {place: text for place, text in archive.files if not place.endswith(".txt") or PurePosixPath(place).name == CLAUSES_FILE}
    return replace(archive, files=tuple(sorted({**dict(base.files if base else archive.files), **texts}.items())))
