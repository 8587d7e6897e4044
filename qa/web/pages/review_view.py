"""What the review screen shows of a call: each rule with the program's result and the person's side by side, each line with its text to
correct.  Telephone numbers are masked; a correction keeps what the mask hides (:func:`unmasked`)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from qa.clock import house_day
from qa.errors import StoreError
from qa.export import mask_text
from qa.ledger_calls import StoredCall
from qa.report_privacy import without_numbers
from qa.report_view import CheckView, Line, checks
from qa.review import text_marks, verdicts
from qa.review.appeal_states import LEVELS, REFUSED, WAITING, State
from qa.review.rulings import SINGLE, Verdict, holding, judged_on, of_call, standing
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Call, CheckResult, Outcome, Scorecard, Span, Utterance
from qa.web.language import translated as _
from qa.web.wording import card_on_pages

MASK = "*"
_OPEN = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.ERROR)


class Typed(dict[str, str]):
    """What somebody typed into a form that was refused, by field; "" for any other."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True)
class Ruled:
    """A person's verdict, ``name`` what it is called; ``on`` is what changed since it was given."""

    action: str
    name: str
    by: str
    reason: str
    day: str
    on: tuple[str, ...]


@dataclass(frozen=True)
class RuleView:
    """``now`` is the result that counts, ``machine`` what the program found where a person ruled otherwise; ``past``: the other
    verdicts, also later ones of another recording or part.  ``breaches``: places of the findings that are breaches, for those that a
    person drops.  ``undecided``: places of findings that the person's verdict does not cover.  ``confirmable``: whether it can be confirmed
    as it stands, and anything hangs on it.  ``asked``: start, end (seconds) and role of the first undecided place, for one that adds it."""

    now: CheckView
    machine: CheckView | None
    ruled: Ruled | None
    past: tuple[Ruled, ...]
    breaches: tuple[int, ...]
    severity: str
    open: bool
    undecided: tuple[int, ...]
    confirmable: bool
    asked: tuple[str, str, str] | None


@dataclass(frozen=True)
class LineView:
    """A line of the transcript with what a correction needs: ``label`` as heard; None where there is nothing to correct."""

    line: Line
    label: str | None
    text: str


def lines(call: Call, shown: tuple[Line, ...]) -> tuple[LineView, ...]:
    """``call`` and ``shown`` are masked alike."""
    said = {(u.span.start_ms, u.span.end_ms, u.text): u for u in call.transcript.utterances}
    label, made = labels_as_heard(call), []
    for line in shown:
        text = "".join(piece.text for piece in line.pieces)
        one = said.get((line.start_ms, line.end_ms, text)) if line.kind != "due" else None
        made.append(LineView(line, label(one) if one is not None else None, text))
    return tuple(made)


def places(rules: Iterable[RuleView], shown: Iterable[LineView], marks: Collection[MarkView]) -> frozenset[str]:
    """Ids of the places on the screen at which one can go on."""
    at = [f"c-{one.now.check_id}" for one in rules] + [line_id(one.label, one.line.start_ms) for one in shown if one.label is not None]
    return frozenset([*at, *(["corrections"] if marks else []), "roles", "done"])


def line_id(label: str, start_ms: int) -> str:
    """The id of a line of the transcript."""
    return f"line-{label}-{start_ms}"


def line_near(store: Store, call_id: str, label: str, start_ms: int) -> int:
    """Where the line of a voice begins that is nearest to where one began: corrected words may begin a little later."""
    call = store.load(verdicts.basis(store, call_id))
    heard = labels_as_heard(call)
    own = [one.span.start_ms for one in call.transcript.utterances if heard(one) == label]
    return min(own, key=lambda ms: abs(ms - start_ms), default=start_ms)


def labels_as_heard(call: Call) -> Callable[[Utterance], str]:
    """For lines of a call the label that their words had before stretches of others were set apart."""
    known: dict[tuple[int, Span], str] = {}
    for one in call.as_heard.transcript.utterances:
        for word in one.words:
            known.setdefault((one.channel, word.span), one.speaker)
    return lambda one: known.get((one.channel, one.words[0].span if one.words else one.span), one.speaker)


def rules(store: Store, of: StoredCall, call: Call, card: Scorecard, book: RuleBook | None) -> tuple[RuleView, ...]:
    """The rules, those of which the program found something or could not tell first: a verdict moves nothing.

    ``call`` and ``card`` are masked.
    """
    own = replace(card, results=tuple(result.machine or result for result in card.results))
    now = {check.check_id: check for check in checks(card, book)}
    machine = {check.check_id: check for check in checks(own, book)}
    number = call.record.customer_number if call.record is not None else ""
    given: dict[str, list[Verdict]] = {}
    for one in of_call(store.db, of.call_id):
        given.setdefault(one.rule_id, []).append(one)
    counting = standing(holding(store.db, of.call_id, of.rule_book, judged_on(of.snapshot)))
    made = []
    for result in card.results:
        past = given.get(result.check_id, [])
        last = counting.get(result.check_id)
        ruled = _ruled(store, last, of, number) if last is not None else None
        made.append(
            RuleView(
                now=now[result.check_id],
                machine=machine[result.check_id] if result.machine is not None else None,
                ruled=ruled,
                past=tuple(_ruled(store, one, of, number) for one in past if one != last),
                breaches=breaches(result),
                severity=result.severity,
                open=not result.settled and result.outcome in _OPEN,
                undecided=verdicts.undecided(result),
                confirmable=_confirmable(result, ruled),
                asked=_asked(result),
            )
        )
    order = {check_id: place for place, check_id in enumerate(machine)}
    needed = {result.check_id: (result.machine or result).outcome in _OPEN for result in card.results}
    return tuple(sorted(made, key=lambda one: (not needed[one.now.check_id], order[one.now.check_id])))


def _asked(result: CheckResult) -> tuple[str, str, str] | None:
    found = (one for place in verdicts.undecided(result) for one in result.findings[place].evidence)
    return next(((f"{one.span.start_ms / 1000:g}", f"{one.span.end_ms / 1000:g}", one.role.value) for one in found), None)


def _confirmable(result: CheckResult, ruled: Ruled | None) -> bool:
    """Whoever said something of single places knew of those that are open."""
    if result.outcome is Outcome.ERROR or (result.outgrown and result.outcome is not Outcome.FAIL):
        return False
    return ruled is None or any(ruled.action not in SINGLE or one not in verdicts.OPEN.values() for one in ruled.on)


def breaches(result: CheckResult) -> tuple[int, ...]:
    """Places (from 0, among the findings) of a deduction's breaches; nothing where there is one alone and nothing beside it is open."""
    found = tuple(place for place, finding in enumerate(result.findings) if finding.outcome is Outcome.FAIL)
    return found if result.outcome is Outcome.FAIL and (len(found) > 1 or result.outgrown) else ()


def _ruled(store: Store, one: Verdict, of: StoredCall, number: str) -> Ruled:
    on = verdicts.given_on(store, one, of)
    return Ruled(one.action, verdicts.ACTIONS[one.action], one.by, mask_text(one.reason, number), house_day(one.created).isoformat(), on)


@dataclass(frozen=True)
class MarkView:
    """A correction of text, as a list shows it; ``standing``: it can be taken back.  ``lost``: it is not applied, as nobody can tell by now
    whose words it is about."""

    id: int
    clock_ms: int
    before: str
    text: str
    by: str
    day: str
    standing: bool
    undoes: bool
    lost: bool


def corrections(store: Store, call_id: str, number: str) -> tuple[MarkView, ...]:
    """All corrections of a call's text, the earliest first, masked."""
    known = text_marks.marks(store.db, call_id)
    counting = {one.id for one in text_marks.counting(known)}
    lost = _lost(store, call_id) if counting else frozenset[int]()
    return tuple(
        MarkView(
            one.id,
            one.span.start_ms,
            mask_text(one.before_text, number, said=True),
            mask_text(one.text, number, said=True),
            one.by,
            house_day(one.created).isoformat(),
            one.id in counting,
            one.undoes is not None,
            one.id in lost,
        )
        for one in known
    )


def _lost(store: Store, call_id: str) -> frozenset[int]:
    try:
        call = store.load(verdicts.basis(store, call_id))
    except StoreError:  # its words were deleted: none are corrected any more
        return frozenset()
    return frozenset(one.id for one in text_marks.lost(store, call, call_id))


def masked(call: Call, card: Scorecard) -> tuple[Call, Scorecard]:
    """Both without numbers; what was heard before stretches were set apart stays, for labels alone."""
    call, card = without_numbers(call, card)
    return call, card_on_pages(card)


def unmasked(original: str, shown: str, given: str) -> str:
    """``given``, which a person made of the masked text ``shown``, with what the mask hid of ``original``.

    Errors: :class:`StoreError` where hidden characters were moved so that nobody can tell which they are.
    """
    if MASK not in given:
        return given
    made = list(given)
    for block in difflib.SequenceMatcher(None, shown, given, autojunk=False).get_matching_blocks():
        made[block.b : block.b + block.size] = original[block.a : block.a + block.size]
    text = "".join(made)
    if len(original) != len(shown) or text.count(MASK) > original.count(MASK):
        raise StoreError("更正的文字", "打码的号码改动过，不知是哪几位", "请保留 * 不动，或把整个号码重新写出")
    return text


def state_text(now: State) -> str:
    """Where an appeal stands, in the language of the request."""
    if now.status == WAITING:
        late = _("，已过期限") if now.overdue else ""
        return _("待{level}答复（{day} 前{late}）", level=_(LEVELS[now.level]), day=now.due, late=late)
    return _(now.title) + (_("（{day} 前）", day=now.due) if now.status == REFUSED else "")
