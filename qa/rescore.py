"""Stored calls judged again: by the rule books in force on their days, or by one that is only tried.

Nothing is heard or measured again: what the standing scorecard was judged on is judged anew.  Calls go by one at a time, in order of
time; new scorecards are written in batches.
"""

from __future__ import annotations

import datetime
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from qa import scoring
from qa.bench import Bench, Card
from qa.clock import known_moment
from qa.errors import QaError
from qa.jury import Case, Jury
from qa.ledger_calls import Earlier
from qa.ledger_cards import Saved, verdicts
from qa.rules.book import RuleBook
from qa.scoring import About
from qa.store import Store, StoredCall
from qa.types import Call, CallRecord, Scorecard

BATCH = 200
LISTED = 1000
"""Moved calls and errors that a summary keeps; more are only counted."""

Choose = Callable[[datetime.date | None], RuleBook]
"""The rule book for a day (None: not known).  May raise QaError."""


def day_of(record: CallRecord | None) -> datetime.date | None:
    """The day of a call in the house's time; None without a record or a readable time."""
    at = known_moment(record.start) if record is not None else None
    return at.date() if at is not None else None


def judge(call: Call, book: RuleBook, earlier: Earlier) -> Scorecard:
    """A call's scorecard under ``book``, first warnings of the agent's month included."""
    return scoring.score(call, book, earlier.of(book, *_whose(scoring.about(call)), scoring.call_id(call)))


def _whose(of: About) -> tuple[str | None, str | None]:
    """Agent and wall clock of the first ring."""
    return of.agent_id, of.started.isoformat(timespec="milliseconds") if of.started else None


@dataclass(frozen=True)
class Judged:
    """A stored call judged again, or why it could not be.  ``load`` gives the call itself."""

    stored: StoredCall
    card: Card | None
    load: Callable[[], Call]
    error: QaError | None = None

    @property
    def moved(self) -> bool:
        """Whether a verdict, points or the score differ from those that stand."""
        if self.card is None or not self.stored.standing:
            return self.card is not None
        same = (self.stored.percent, self.stored.coverage) == (self.card.percent, self.card.coverage)
        return not same or verdicts(self.stored.results) != verdicts(self.card.results)


def judge_again(store: Store, choose: Choose, since: str | None = None, until: str | None = None) -> Iterator[Judged]:
    """The stored calls of a period (as ``Store.calls``), each judged by the rule book that ``choose`` gives for its day.

    A call that cannot be judged is told and stops nothing; what stands of it goes on to count.
    Errors: :class:`StoreError` for a wrong period.
    """
    earlier = store.earlier()
    with Jury(store) as jury:
        for case in jury.closed(_cases(store, choose, since, until)):
            stored = case.stored
            if case.error is None:
                yield Judged(stored, _counted(case, earlier), case.load)
            else:
                earlier.begin(stored.agent_id, stored.started, stored.call_id)
                earlier.add(stored.agent_id, stored.started, stored.results if stored.standing else ())
                yield Judged(stored, None, case.load, case.error)


def _cases(store: Store, choose: Choose, since: str | None, until: str | None) -> Iterator[Case]:
    """Each call with its rule book, and what of its results holds under it."""
    benches: dict[str, Bench] = {}
    for stored in store.stored_calls(since, until):
        load = functools.cache(functools.partial(store.load, stored))
        try:
            book = choose(stored.day)
            if book.content_hash not in benches:
                benches[book.content_hash] = Bench(book)
            bench = benches[book.content_hash]
            yield Case(stored, load, bench, bench.taken_over(stored.results), about=stored.about or _about(stored, load()))
        except QaError as error:
            yield Case(stored, load, None, error=error)


def _about(stored: StoredCall, call: Call) -> About:
    return replace(scoring.about(call), call_id=stored.call_id)


def _counted(case: Case, earlier: Earlier) -> Card:
    """A judged call's scorecard, counted after the agent's calls before it."""
    assert case.bench is not None and case.about is not None
    whose = _whose(case.about)
    earlier.begin(*whose, case.stored.call_id)
    results = [result for result in case.results if result is not None]
    card = case.bench.card(case.about, results, earlier.of(case.bench.book, *whose, case.stored.call_id))
    earlier.add(*whose, card.results)
    return card


# ---------------------------------------------------------------- qa rescore


@dataclass(frozen=True)
class Moved:
    """A call whose result differs: ``before`` is the percent that stood, ``after`` the new one (None: no score).

    ``proposed``: the month is closed, ``scorecard_id`` stands only once it is adjusted.
    """

    call_id: str
    before: float | None
    after: float | None
    proposed: bool
    scorecard_id: int


@dataclass(frozen=True)
class Rescored:
    """What a rescore did: ``rescored`` = ``changed`` + ``proposed`` + ``unchanged`` calls; ``failed`` could not be judged.

    ``changed``: another result stands now.  ``proposed``: another result waits for an adjustment, as the month is closed.  ``versions``:
    calls by version of the rule book, ``others`` those that stood under a rule book of another id.  ``moved`` and ``errors`` hold at most
    ``LISTED`` each.
    """

    rescored: int
    changed: int
    proposed: int
    unchanged: int
    failed: int
    others: int
    versions: tuple[tuple[str, int], ...]
    moved: tuple[Moved, ...]
    errors: tuple[QaError, ...]


def rescore(
    store: Store, book: RuleBook, since: str | None = None, until: str | None = None, progress: Callable[[int], None] | None = None
) -> Rescored:
    """Register ``book`` and judge the stored calls of a period by its version in force on each day; new results beside the old ones.

    ``progress`` gets the number of calls done, batch by batch.
    Errors: :class:`StoreError` for a wrong period or a database that cannot be written.
    """
    store.ledger.register(book)
    counting = _Counting()
    batch: list[Judged] = []
    for judged in judge_again(store, lambda day: store.ledger.in_force(book, day), since, until):
        batch.append(replace(judged, load=functools.partial(store.load, judged.stored)))  # the call itself is not held until then
        if len(batch) == BATCH:
            counting.add(batch, _write(store, batch), book)
            batch = []
            if progress is not None:
                progress(counting.done)
    counting.add(batch, _write(store, batch), book)
    return counting.result()


def _write(store: Store, batch: list[Judged]) -> Iterator[Saved]:
    pairs = [(judged.stored, judged.card) for judged in batch if judged.card is not None]
    return iter(store.append(pairs) if pairs else ())


class _Counting:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.moved: list[Moved] = []
        self.errors: list[QaError] = []
        self.done = 0

    def add(self, batch: list[Judged], saved: Iterator[Saved], book: RuleBook) -> None:
        for judged in batch:
            self.done += 1
            if judged.card is None:
                self.counts["failed"] += 1
                self.errors += [judged.error] if judged.error is not None and len(self.errors) < LISTED else []
                continue
            self._scored(judged.stored, judged.card, judged.moved, next(saved))
            self.counts["others"] += judged.stored.rule_book != book.id

    def _scored(self, stored: StoredCall, card: Card, moved: bool, kept: Saved) -> None:
        self.counts["proposed" if kept.proposed else "changed" if moved else "unchanged"] += 1
        self.versions[card.provenance.rule_book_version] += 1
        if (moved or kept.proposed) and len(self.moved) < LISTED:
            before = stored.percent if stored.standing else None
            self.moved.append(Moved(stored.call_id, before, card.percent, kept.proposed, kept.id))

    def result(self) -> Rescored:
        counts = self.counts
        return Rescored(
            rescored=counts["changed"] + counts["proposed"] + counts["unchanged"],
            changed=counts["changed"],
            proposed=counts["proposed"],
            unchanged=counts["unchanged"],
            failed=counts["failed"],
            others=counts["others"],
            versions=tuple(sorted(self.versions.items())),
            moved=tuple(self.moved),
            errors=tuple(self.errors),
        )
