"""Stored calls judged again: by the rule books in force on their days, or by one that is only tried.

Nothing is heard or measured again: what the standing scorecard was judged on is judged anew.  Calls go by one at a time, in order of
time; new scorecards are written in batches.
"""

from __future__ import annotations

import datetime
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from qa import registrations, scoring
from qa.bench import Bench, Card
from qa.clock import known_moment
from qa.errors import ConflictError, QaError
from qa.explain import days_of, parse_month
from qa.judgements import Result, shared
from qa.jury import Case, Jury
from qa.ledger_calls import Earlier, Listed, listed, warns_first
from qa.ledger_cards import Saved, fined_alike, verdicts
from qa.review.rulings import judged_on, rulings
from qa.rules.book import RuleBook
from qa.scoring import About
from qa.store import Store, StoredCall
from qa.types import Call, CallRecord, Ruling, Scorecard

BATCH = 200
LISTED = 1000
"""Moved calls and errors that a summary keeps; more are only counted."""

Choose = Callable[[StoredCall], RuleBook | None]
"""The rule book for a stored call; None: it is left as it stands.  May raise QaError."""


def day_of(record: CallRecord | None) -> datetime.date | None:
    """The day of a call in the house's time; None without a record or a readable time."""
    at = known_moment(record.moment) if record is not None else None
    return at.date() if at is not None else None


def judge(call: Call, book: RuleBook, earlier: Earlier) -> Scorecard:
    """A call's scorecard under ``book``, with first warnings of the agent's month and what persons ruled of the call."""
    call_id = scoring.call_id(call)
    before = earlier.of(book, *_whose(scoring.about(call)), call_id)
    return scoring.score(call, book, before, rulings(earlier.db, call_id, book.id, call.audio.sha256, lambda: call))


def _whose(of: About) -> tuple[str | None, str | None]:
    """Agent and wall clock of the first ring."""
    return of.agent_id, of.started.isoformat(timespec="milliseconds") if of.started else None


@dataclass(frozen=True)
class Judged:
    """A stored call judged again, or why it could not be; with neither card nor error it was left as it stands.

    ``load`` gives the call itself.  ``book`` is the rule book that it was judged by; ``fined``: its breaches cost otherwise than under
    the one that it stood under.
    """

    stored: StoredCall
    card: Card | None
    load: Callable[[], Call]
    error: QaError | None = None
    book: RuleBook | None = None
    fined: bool = False

    @property
    def moved(self) -> bool:
        """Whether a verdict, how often a rule was broken, points, the score or money differ from those that stand."""
        if self.card is None or not self.stored.standing:
            return self.card is not None
        same = (self.stored.percent, self.stored.coverage) == (self.card.percent, self.card.coverage)
        return not same or self.fined or verdicts(self.stored.results) != verdicts(self.card.results)


def judge_again(
    store: Store, choose: Choose, since: str | None = None, until: str | None = None, *, corrected: bool = False
) -> Iterator[Judged]:
    """The stored calls of a period (as ``Store.calls``), each judged by the rule book that ``choose`` gives for it.

    A call that cannot be judged is told and stops nothing; what stands of it, and of one that is left alone, goes on to count.
    ``corrected``: where a proposal waits that persons corrected (words, roles), that is judged in the place of what stands.
    Errors: :class:`StoreError` for a wrong period.
    """
    earlier = store.earlier()
    with Jury(store) as jury:
        for case in jury.closed(_cases(store, choose, since, until, corrected)):
            if case.error is None and case.bench is not None:
                card, book = _counted(case, earlier), case.bench.book
                yield Judged(case.stored, card, case.load, book=book, fined=_fined(store, case.stored, card, book))
            else:
                _count(earlier, case.stored)
                yield Judged(case.stored, None, case.load, case.error)


def _count(earlier: Earlier, stored: StoredCall, proposed: bool = False) -> None:
    """A call as it stands; ``proposed``: where nothing of it does, as it is proposed."""
    earlier.begin(stored.agent_id, stored.started, stored.call_id)
    earlier.add(stored.agent_id, stored.started, stored.rule_book, stored.results if stored.standing or proposed else (), stored.call_id)


def _fined(store: Store, stored: StoredCall, card: Card, book: RuleBook) -> bool:
    """Whether the version of the rule book makes the same breaches cost otherwise."""
    if not stored.standing or (stored.rule_book, stored.rule_book_version) == (book.id, book.stamp):
        return False
    return not fined_alike(store.ledger.known(stored.rule_book, stored.rule_book_version), book, card.results)


def _cases(store: Store, choose: Choose, since: str | None, until: str | None, corrected: bool) -> Iterator[Case]:
    """Each call with its rule book, and what of its results holds under it."""
    benches: dict[str, Bench] = {}
    for standing in store.stored_calls(since, until):
        stored, known = _as_corrected(store, standing) if corrected else (standing, standing.results)
        load = functools.cache(functools.partial(store.load, stored))
        try:
            book = choose(stored)
            if book is None:
                yield Case(stored, load, None)
                continue
            if book.content_hash not in benches:
                benches[book.content_hash] = Bench(book)
            bench = benches[book.content_hash]
            yield Case(stored, load, bench, bench.taken_over(known), about=stored.about or about_of(stored, load()))
        except QaError as error:
            yield Case(stored, load, None, error=error)


def _as_corrected(store: Store, stored: StoredCall) -> tuple[StoredCall, tuple[Result, ...]]:
    """The call with what was corrected of it in the proposal that waits, and the results that were judged on that; else as it stands.  A
    proposal of another record (agent, times) is another call until somebody decides, and what stands is judged."""
    waiting = store.pending(stored.call_id) if stored.standing else None
    then = store.stored_call(stored.call_id, waiting) if waiting is not None else None
    if then is None or then.snapshot == stored.snapshot:
        return stored, stored.results
    old, new = judged_on(stored.snapshot), judged_on(then.snapshot)
    if (old.audio.sha256, old.record) != (new.audio.sha256, new.record):
        return stored, stored.results
    return replace(stored, snapshot=then.snapshot, about=then.about), then.results


def about_of(stored: StoredCall, call: Call) -> About:
    """What a scorecard says of a stored call."""
    return replace(scoring.about(call), call_id=stored.call_id)


def _counted(case: Case, earlier: Earlier) -> Card:
    """A judged call's scorecard, counted after the agent's calls before it."""
    assert case.bench is not None and case.about is not None
    whose = _whose(case.about)
    earlier.begin(*whose, case.stored.call_id)
    results = [result for result in case.results if result is not None]
    ruled = _ruled(earlier, case.stored, case.about, case.bench.book)
    before = earlier.of(case.bench.book, *whose, case.stored.call_id)
    card = case.bench.card(case.about, shared(earlier.db).filled(results, ruled), before, ruled)
    earlier.add(*whose, case.bench.book.id, card.results, case.stored.call_id)
    return card


def _ruled(earlier: Earlier, stored: StoredCall, of: About, book: RuleBook) -> dict[str, Ruling]:
    return rulings(earlier.db, stored.call_id, book.id, of.file_sha256, lambda: judged_on(stored.snapshot))


# ---------------------------------------------------------------- qa rescore


@dataclass(frozen=True)
class Moved:
    """A call whose result differs: ``before`` is the percent that stood, ``after`` the new one (None: no score).

    ``proposed``: the month is closed, ``scorecard_id`` stands only once it is adjusted.  ``former``: the scorecard that stood until then,
    None where none did.
    """

    call_id: str
    before: float | None
    after: float | None
    proposed: bool
    scorecard_id: int
    former: int | None = None


@dataclass(frozen=True)
class Rescored:
    """What a rescore did: ``rescored`` = ``changed`` + ``proposed`` + ``unchanged`` calls; ``failed`` could not be judged.

    ``changed``: another result stands now.  ``proposed``: another result waits for an adjustment, as the month is closed.  ``versions``:
    calls by version of the rule book, or, of several rule books, by id and version.  ``others``: calls that stood under a rule book of
    another id, and were left alone, or (``all_houses``) judged by this one.  ``moved`` and ``errors`` hold at most ``LISTED`` each.
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
    store: Store,
    book: RuleBook | None,
    since: str | None = None,
    until: str | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    all_houses: bool = False,
) -> Rescored:
    """Register ``book`` and judge the stored calls of a period that stand under its id by its version in force on each day; new results
    beside the old ones.

    ``book`` None: every call by its own rule book, as registered.  ``all_houses``: calls of other rule books too, all by ``book``.
    ``progress`` gets the number of calls done, batch by batch.
    Errors: :class:`StoreError` for a wrong period or a database that cannot be written.
    """
    if book is not None:
        registrations.register(store, book)
    counting = _Counting(book)
    batch: list[Judged] = []
    for judged in judge_again(store, _chooser(store, book, all_houses), since, until, corrected=True):
        batch.append(replace(judged, load=functools.partial(store.load, judged.stored)))  # the call itself is not held until then
        if len(batch) == BATCH:
            counting.add(*_write(store, batch))
            batch = []
            if progress is not None:
                progress(counting.done)
    counting.add(*_write(store, batch))
    return counting.result()


def _chooser(store: Store, book: RuleBook | None, all_houses: bool) -> Choose:
    def choose(stored: StoredCall) -> RuleBook | None:
        if book is None:
            return store.ledger.newest(stored.rule_book, stored.day, stored.call_id)
        if stored.rule_book != book.id and not all_houses:
            return None
        return store.ledger.in_force(book, stored.day, stored.call_id)

    return choose


def _write(store: Store, batch: list[Judged]) -> tuple[list[Judged], Iterator[Saved]]:
    """The calls with what became of those that have a card; one that a person ruled on since it was judged has an error in its place."""
    pairs = [(judged.stored, judged.card) for judged in batch if judged.card is not None]
    try:
        return batch, iter(store.append(pairs) if pairs else ())
    except ConflictError as error:
        if len(batch) == 1:
            return [replace(batch[0], card=None, error=error)], iter(())
    one_by_one = [_write(store, [judged]) for judged in batch]
    return [judged for part, _ in one_by_one for judged in part], chain.from_iterable(saved for _, saved in one_by_one)


def _moved(stored: StoredCall, card: Card, kept: Saved) -> Moved:
    before, former = (stored.percent, stored.scorecard_id) if stored.standing else (None, None)
    return Moved(stored.call_id, before, card.percent, kept.proposed, kept.id, former)


class _Counting:
    def __init__(self, book: RuleBook | None) -> None:
        self.book = book
        self.counts: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.moved: list[Moved] = []
        self.errors: list[QaError] = []
        self.done = 0

    def add(self, batch: list[Judged], saved: Iterator[Saved]) -> None:
        for judged in batch:
            self.done += 1
            self.counts["others"] += self.book is not None and judged.stored.rule_book != self.book.id
            if judged.card is None and judged.error is None:
                continue  # left as it stands
            if judged.card is None:
                self.counts["failed"] += 1
                self.errors += [judged.error] if judged.error is not None and len(self.errors) < LISTED else []
                continue
            kept = next(saved)
            self._scored(judged.stored, judged.card, judged.moved and kept.new, kept)  # of a closed month what moves no figure is not kept

    def _scored(self, stored: StoredCall, card: Card, moved: bool, kept: Saved) -> None:
        self.counts["proposed" if kept.proposed else "changed" if moved else "unchanged"] += 1
        made = card.provenance
        self.versions[made.rule_book_version if self.book is not None else f"{made.rule_book} {made.rule_book_version}"] += 1
        if (moved or kept.proposed) and len(self.moved) < LISTED:
            self.moved.append(_moved(stored, card, kept))

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


# ---------------------------------------------------------------- first warnings


@dataclass(frozen=True)
class Recounted:
    """What a recount did: ``moved`` calls have other points now, or (``proposed``) would have them; ``calls`` were looked at.
    ``conflicts``: of these calls somebody decided meanwhile, so that they are still counted as before."""

    calls: int
    moved: tuple[Moved, ...]
    conflicts: tuple[QaError, ...] = ()


def recount(store: Store, of: Iterable[tuple[str | None, str | None]]) -> Recounted:
    """Count the stored calls of agents' months (agent, ``2025-06``) again in order of time: first warnings belong to the first calls of
    the month, in whatever order these were scored.

    Nothing is judged again: every call keeps its results and its rule book.  A call of a closed month is proposed, unless another
    proposal of it waits already, and what is only proposed of late recordings counts as if it stood.  A call whose rule book the
    database does not have is left as it stands and goes on to count.
    Errors: :class:`StoreError` for text that is no month or a database that cannot be written.
    """
    months: dict[str, set[str]] = {}
    for agent_id, month in of:
        if agent_id and month:
            months.setdefault(month, set()).add(agent_id)
    calls, moved, conflicts = 0, list[Moved](), list[QaError]()
    for month, agents in sorted(months.items()):
        found = listed(store.db, agents, *days_of(*parse_month(month)))
        calls += len(found)
        batch = [judged for judged in _in_order(store, month, found) if judged.card is not None]
        written, kept = _write(store, batch)
        conflicts += [one.error for one in written if one.error is not None]
        for judged, saved in zip([one for one in written if one.card is not None], kept, strict=True):
            if (saved.new or saved.proposed) and judged.card is not None:
                moved.append(_moved(judged.stored, judged.card, saved))
    return Recounted(calls, tuple(moved), tuple(conflicts))


def _in_order(store: Store, month: str, found: Sequence[Listed]) -> Iterator[Judged]:
    """Calls of a month in order; with a card where the sum comes out differently than it stands.

    Agents none of whose calls are under a book that warns first are left out: of theirs nothing can move.
    """
    benches: dict[tuple[str, str], Bench | None] = {}

    def bench(stamp: tuple[str, str]) -> Bench | None:
        if stamp not in benches:
            book = store.ledger.known(*stamp)
            benches[stamp] = Bench(book) if book is not None and warns_first(book) else None
        return benches[stamp]

    warned = {one.agent_id for one in found if bench(one.stamp) is not None}
    if not warned:
        return
    earlier = store.earlier()
    for one in found:
        stored = store.stored_call(one.call_id) if one.agent_id in warned else None
        if stored is None or stored.agent_id != one.agent_id:  # withdrawn, or another's since it was listed
            continue
        card = _recounted(store, stored, bench((stored.rule_book, stored.rule_book_version)), earlier)
        _count(earlier, stored, proposed=True)
        waits = card is not None and stored.standing and store.ledger.is_closed(month) and store.pending(stored.call_id) is not None
        yield Judged(stored, None if waits else card, functools.partial(store.load, stored))


def _recounted(store: Store, stored: StoredCall, bench: Bench | None, earlier: Earlier) -> Card | None:
    """A call's results under its own rule book, counted after the calls before it; None where that is what stands."""
    if bench is None or [r.check_id for r in stored.results] != [rule.id for rule in bench.book.rules]:
        return None
    of = stored.about or about_of(stored, store.load(stored))
    before, own = earlier.of(bench.book, *_whose(of), stored.call_id), [result.own for result in stored.results]
    ruled = _ruled(earlier, stored, of, bench.book)
    card = bench.card(of, shared(earlier.db).filled(own, ruled), before, ruled)
    same = stored.percent == card.percent and verdicts(stored.results) == verdicts(card.results)
    return None if same else card
