"""A call with one of its scorecards, to be looked at, as far as it is still there: scorecards outlive the words (``qa purge``).

What is left of a call without words is never to be judged: with nothing said, whatever had to be said would be missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from qa import serial
from qa.errors import NotFoundError, StoreError
from qa.ledger_calls import StoredCall
from qa.ledger_cards import Snapshot
from qa.operation import missing
from qa.report_view import CallView
from qa.review import publications
from qa.store import Store
from qa.types import Acoustics, Call, Scorecard, SpeakerTurns, SpeechActivity, Transcript


@dataclass(frozen=True)
class Remains:
    """``gone`` (Chinese): since when nobody can read the words, "" where all is there; without words ``call`` has no turns and no measures
    either, but its recording, its record and its roles."""

    call: Call
    card: Scorecard
    gone: str

    @property
    def told(self) -> str:
        """The same with what it means; "" where all is there."""
        return f"{self.gone}。{missing.STILL_VALID}。" if self.gone else ""

    def refuse_without_words(self) -> None:
        """Errors: :class:`StoreError` where the words are gone."""
        if self.gone:
            raise StoreError(self.card.call_id, self.gone, missing.STILL_VALID)


def at(store: Store, call_id: str, scorecard_id: int) -> Remains:
    """A call as one of its scorecards was judged on, and that scorecard.  Errors: as :func:`qa.review.publications.at`."""
    of = store.stored_call(call_id, scorecard_id)
    gone = missing.deleted(store.db, call_id, scorecard_id) if of is not None else ""
    if of is None or not gone:
        return Remains(*publications.at(store, call_id, scorecard_id), "")
    card = next(kept.scorecard for kept in store.history(call_id) if kept.id == scorecard_id)
    return Remains(_without_words(of), card, gone)


def call_of(store: Store, of: StoredCall) -> Call:
    """The call of a scorecard that a person rules on, without words where they are gone.  Errors: as :meth:`qa.store.Store.load`."""
    return _without_words(of) if missing.deleted(store.db, of.call_id, of.scorecard_id) else store.load(of)


def published(store: Store, call_id: str) -> Remains:
    """As its agent sees it.  Errors: as :func:`qa.review.publications.shown`."""
    scorecard_id = publications.newest(store.db, call_id)
    if scorecard_id is None:
        raise NotFoundError(call_id, "这通电话没有公布的评分", "请等质检公布")
    return at(store, call_id, scorecard_id)


def standing(store: Store, call_id: str) -> Remains:
    """As it stands.  Errors: :class:`NotFoundError` where no scorecard of the call stands."""
    of = store.stored_call(call_id)
    if of is None or not of.standing:
        store.scorecard(call_id)  # says why
        raise NotFoundError(call_id, "数据库中没有这通电话", "请核对通话编号")
    return at(store, call_id, of.scorecard_id)


def _without_words(of: StoredCall) -> Call:
    """What a scorecard itself keeps of its call."""
    kept = serial.decode(of.snapshot, Snapshot)
    return Call(
        replace(kept.audio, path=of.file),
        SpeechActivity((), "none"),
        SpeakerTurns("none", ()),
        Transcript("", of.demo, ()),
        Acoustics((), ()),
        kept.roles,
        kept.record,
    )


def lines_left(shown: CallView, gone: str) -> CallView:
    """What a page may show: where nobody can read the words any more, no line says that none were heard."""
    return replace(shown, lines=()) if gone else shown
