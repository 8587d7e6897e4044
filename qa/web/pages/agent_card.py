"""What a published scorecard shows its agent: each deduction with its seconds, words, clause, rule version and how sure it was heard."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from qa.appraisal import light
from qa.books import Books
from qa.operation import remains
from qa.report_privacy import without_numbers
from qa.report_view import CheckView, Seconds, view
from qa.review import appeals, publications, reviews, text_marks, voices
from qa.review.appeals import Appeal, Window
from qa.review.text_marks import TextMark
from qa.rules.model import Severity
from qa.store import Store
from qa.types import Call, CheckResult, Evidence, Outcome, Utterance
from qa.web.pages import review_view
from qa.web.wording import card_on_pages

FINED, WAITS = "confirmed", "waiting"


@dataclass(frozen=True)
class Heard:
    """A stretch that a deduction rests on; ``confidence`` (0-1) is the mean probability of the words heard there, None where none were or
    a person ``corrected`` them: the recogniser was sure of others."""

    seconds: Seconds
    confidence: float | None
    message: str
    corrected: bool = False


@dataclass(frozen=True)
class Deduction:
    """``lost``: points (0 or more).  ``by_person``: a person ruled on it or confirmed it.

    ``money``: ``waiting`` where a fine waits for a person's confirmation, ``confirmed`` where it does not, "" without a fine.
    """

    check: CheckView
    lost: float
    money: str
    by_person: bool
    heard: tuple[Heard, ...]
    window: Window


@dataclass(frozen=True)
class Shown:
    """``call`` is the id as it is shown; ``rules`` names rule book and version, ``models`` what heard the call.  ``gone`` (Chinese): that
    nobody can read its words any more, since when, and what that means; "" where they are there."""

    call: str
    scorecard_id: int
    started: str | None
    percent: float | None
    coverage: float
    demo: bool
    rules: str
    models: tuple[str, ...]
    deductions: tuple[Deduction, ...]
    others: tuple[CheckView, ...]
    window: Window
    reasons: tuple[str, ...]
    gone: str

    @property
    def awaits(self) -> str:
        """That an appeal against a deduction was accepted and its correction waits for approval (Chinese), "" where none does."""
        return next((one.window.why for one in self.deductions if one.window.awaits), "")


def shown(store: Store, call_id: str, day: datetime.date) -> Shown:
    """Errors: :class:`NotFoundError` where nothing is published."""
    scorecard_id = publications.newest(store.db, call_id) or 0
    there = remains.published(store, call_id)
    call, card = there.call, there.card
    book = Books(store).known(card.provenance)
    masked_call, masked = without_numbers(call, card_on_pages(card))
    views = {one.check_id: one for one in view(masked_call, masked, book).checks}
    of = store.stored_call(call_id, scorecard_id)
    sure = reviews.confirmed(store, of) if of is not None else frozenset()
    marked = _marked(store, call_id, call, scorecard_id) if not there.told else ()
    made = []
    deductions = light.deductions(card.results)
    windows = appeals.windows(store, call_id, [*(result.check_id for result in deductions), appeals.WHOLE_CALL], day)
    for result in deductions:
        rule = book.rule(result.check_id) if book is not None else None
        fined = rule is not None and rule.fine is not None and rule.severity is not Severity.ADVISORY
        money = "" if not fined else FINED if result.check_id in sure else WAITS
        check = views[result.check_id]
        window = windows[result.check_id]
        made.append(
            Deduction(
                check,
                light.lost(result, book),
                money,
                bool(result.verdict) or result.check_id in sure,
                _heard(call, result, check, marked),
                window,
            )
        )
    return Shown(
        call=masked.call_id,
        scorecard_id=scorecard_id,
        started=_started(store, call_id),
        percent=card.percent,
        coverage=card.coverage,
        demo=card.provenance.demo,
        rules=f"{card.provenance.rule_book} {card.provenance.rule_book_version}",
        models=tuple(f"{name} {model}" for name, model in card.provenance.models),
        deductions=tuple(sorted(made, key=lambda one: -one.lost)),
        others=tuple(one for one in views.values() if one.outcome != Outcome.FAIL.value),
        window=windows[appeals.WHOLE_CALL],
        reasons=appeals.terms_of(store, card).reasons,
        gone=there.told,
    )


def _started(store: Store, call_id: str) -> str | None:
    found = store.db.rows("select started from calls where call_id = ?", call_id)
    return found[0]["started"] if found else None


def _heard(call: Call, result: CheckResult, check: CheckView, marked: Sequence[TextMark]) -> tuple[Heard, ...]:
    """All stretches of the breaches, in order; the masked view has them in the same places."""
    made = []
    for i, finding in enumerate(result.findings):
        for j, evidence in enumerate(finding.evidence if finding.outcome is Outcome.FAIL else ()):
            corrected = any(_speaks(call, one, evidence) for one in marked)
            sure = None if corrected else confidence(call, evidence)
            made.append(Heard(check.findings[i].evidence[j], sure, check.findings[i].message, corrected))
    return tuple(made)


def _marked(store: Store, call_id: str, call: Call, scorecard_id: int) -> tuple[TextMark, ...]:
    """The corrections that a scorecard was judged with, of the voices that ``call`` has."""
    (row,) = store.db.rows("select created from scorecards where id = ?", scorecard_id)
    known = text_marks.counting(one for one in text_marks.marks(store.db, call_id) if one.created <= row["created"])
    found = (voices.carried(store, one, call) for one in known if one.file_sha256 == call.audio.sha256)
    return tuple(one for one in found if one is not None)


def _speaks(call: Call, mark: TextMark, evidence: Evidence) -> bool:
    """Whether a correction is of what somebody in the role of a stretch says there."""
    if not mark.span.overlap_ms(evidence.span):
        return False
    label = review_view.labels_as_heard(call)
    return any(label(one) == mark.speaker for one in _own(call, evidence))


def _own(call: Call, evidence: Evidence) -> list[Utterance]:
    """What is said in the stretch, and by its role."""
    own = (u for u in call.transcript.utterances if call.roles.role_of(u.speaker) is evidence.role)
    return [u for u in own if any(word.span.overlap_ms(evidence.span) > 0 for word in u.words)]


def confidence(call: Call, evidence: Evidence) -> float | None:
    """How sure the recogniser was of the words there: their mean probability (0-1); None where nobody of that role was heard."""
    sure = [word.probability for u in _own(call, evidence) for word in u.words if word.span.overlap_ms(evidence.span) > 0]
    return sum(sure) / len(sure) if sure else None


def rule_title(store: Store, one: Appeal) -> str:
    """The title of the rule that an appeal is about, as it was published; '' for the whole call."""
    return next((r.title for r in light.results(store, one.call_id, one.scorecard_id) if r.check_id == one.rule_id), "")
