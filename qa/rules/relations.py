"""Where something is due in relation to something else: before, after or around it, within seconds or turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from qa.rules.events import ERROR_MS
from qa.rules.expression import Truth
from qa.rules.hearing import Hearing, spans_of
from qa.rules.model import Relation, Where
from qa.rules.sources import Hit, happened
from qa.types import Role, Span

SLACK_MS = 500
"""People begin to speak before the other has quite ended: so much earlier still counts as after."""
JOINED_MS = 5000
"""Words of one turn that are further apart than this are two occasions."""
PAUSE_MS = 3000
"""So are words with so long a silence between them: 3 s is the shortest wait that a regulation speaks of."""


SLACKS = (0, ERROR_MS, -ERROR_MS)
"""A limit in seconds as it is, and moved outwards and inwards by the error that times are known to."""
_NEAR_A_LIMIT = f"与规定的时间界限相差不到 {ERROR_MS / 1000:g} 秒"


def placed(hits: Iterable[Hit], fits: Callable[[Hit, int], bool]) -> tuple[Hit, ...]:
    """Hits that lie where ``fits`` says, for a limit moved by a slack (one of ``SLACKS``, in ms).

    So near to a limit as times are not known to, outside is a doubt, and inside is nothing that could be held against anybody.
    """
    out = []
    for hit in hits:
        inside = fits(hit, 0)
        if not inside and not fits(hit, ERROR_MS):
            continue
        doubt = hit.doubt if inside else hit.doubt or _NEAR_A_LIMIT
        against = hit.against if fits(hit, -ERROR_MS) else hit.against or _NEAR_A_LIMIT
        out.append(replace(hit, doubt=doubt, against=against))
    return tuple(out)


def region(relation: Relation, anchor: Hit, hearing: Hearing, slack_ms: int = 0) -> Span:
    """The time around ``anchor`` in which the other thing is due; seconds count from the nearer edge, turns from the anchor's own.

    ``slack_ms`` moves a limit in seconds outwards.
    """
    start, end = 0, hearing.call.audio.duration_ms
    if relation.order != "before":
        end = min(end, _later(relation, anchor.span.end_ms, hearing, slack_ms))
    if relation.order != "after":
        start = max(start, _earlier(relation, anchor.span.start_ms, hearing, slack_ms))
    if relation.order == "after":
        start = max(start, anchor.span.end_ms)
    if relation.order == "before":
        end = min(end, anchor.span.start_ms)
    return Span(min(start, end), end)


def _later(relation: Relation, from_ms: int, hearing: Hearing, slack_ms: int) -> int:
    latest = hearing.call.audio.duration_ms
    if relation.within_s is not None:
        latest = min(latest, from_ms + round(relation.within_s * 1000) + slack_ms)
    if relation.within_turns is not None:
        latest = min(latest, hearing.turn_starts(max(0, hearing.turn_at(from_ms)) + relation.within_turns + 1))
    return max(latest, from_ms)


def _earlier(relation: Relation, from_ms: int, hearing: Hearing, slack_ms: int) -> int:
    earliest = 0
    if relation.within_s is not None:
        earliest = max(earliest, from_ms - round(relation.within_s * 1000) - slack_ms)
    if relation.within_turns is not None:
        earliest = max(earliest, hearing.turn_starts(hearing.turn_at(from_ms) - relation.within_turns))
    return max(0, min(earliest, from_ms))


def wider(where: Where) -> Where:
    """A part of the call with a turn more, where it is limited by turns."""
    more = (None if turns is None else turns + 1 for turns in (where.first_turns, where.last_turns))
    return replace(where, **dict(zip(("first_turns", "last_turns"), more, strict=True)))


def later(relation: Relation) -> Relation:
    """A relation with two turns more, where it is limited by turns: somebody wrongly heard in between, and back."""
    return relation if relation.within_turns is None else replace(relation, within_turns=relation.within_turns + 2)


def lies(hit: Hit, relation: Relation, anchor: Hit, where: Span) -> bool:
    """Whether ``hit`` stands to ``anchor`` as asked, ``where`` being its region; nothing stands in a relation to itself."""
    if hit.span == anchor.span and hit.wanted == anchor.wanted:
        return False
    if relation.order == "after":
        return begins_in(hit.span, Span(max(0, where.start_ms - SLACK_MS), where.end_ms))
    if relation.order == "before":
        return where.start_ms <= hit.span.end_ms <= where.end_ms + SLACK_MS
    return where.start_ms <= hit.span.end_ms and hit.span.start_ms <= where.end_ms


def begins_in(span: Span, window: Span) -> bool:
    """Whether ``span`` begins in ``window``; a moment may stand at its very end."""
    return window.start_ms <= span.start_ms < window.end_ms + (1 if span.duration_ms == 0 else 0)


def anchors(hits: Sequence[Hit], relation: Relation, hearing: Hearing) -> tuple[Hit, ...]:
    """The occasions that ``hits`` of the other condition are: words of one speaker, close together in one turn, are one; of them the
    first if so asked, and where it is doubtful those that may be it instead.

    A complaint of three sentences is one complaint and wants one apology.  What is said again after a pause is said anew.
    """
    merged: list[Hit] = []
    for hit in sorted(hits, key=lambda h: h.span):
        last = merged[-1] if merged else None
        if last is not None and hit.text and last.text and last.role is hit.role and _together(last, hit, hearing):
            doubt = None if last.doubt is None or hit.doubt is None else last.doubt
            text = last.text if hit.text in last.text else f"{last.text}……{hit.text}"
            merged[-1] = replace(last, span=spans_of((last.span, hit.span)), text=text, doubt=doubt)
        else:
            merged.append(hit)
    sure = next((number for number, hit in enumerate(merged) if hit.doubt is None), len(merged))
    return tuple(merged[: sure + 1] if relation.which == "first" else merged)


def _together(one: Hit, other: Hit, hearing: Hearing) -> bool:
    """Whether the second of two hits goes on with the first: in its turn, soon, and without a silence between them."""
    if hearing.turn_at(one.span.start_ms) != hearing.turn_at(other.span.start_ms):
        return False
    if other.span.start_ms - one.span.end_ms >= JOINED_MS:
        return False
    between = Span(one.span.end_ms, max(one.span.end_ms, other.span.start_ms))
    return all(quiet.span.overlap_ms(between) < PAUSE_MS for quiet in happened("silence", hearing, Role.UNKNOWN).all)


def decided(relation: Relation, occasions: Sequence[Hit], truths: Sequence[Truth], favour: bool, demanded: bool) -> Truth:
    """What holds on the whole, by what holds for each of the ``occasions`` (at least one).

    ``each`` is asked of what favours the agent; what does not is there if it is there once.  Of what nobody knows to be an occasion,
    nothing is said but what holds without it too; where nobody knows which is the ``first``, all that it may be must agree.
    ``demanded``: asked is what becomes of this one occasion, whether or not it is one; then only what accuses is left open.
    """
    known = [truth for truth, anchor in zip(truths, occasions, strict=True) if anchor.doubt is None]
    if demanded and not known:
        return Truth.TRUE if min(truths) is Truth.TRUE else Truth.UNKNOWN
    if favour and not known:
        return Truth.UNKNOWN
    if relation.which == "first":
        agree = min(truths) is max(truths) and (known or truths[0] is Truth.FALSE)
        return truths[0] if agree else Truth.UNKNOWN
    decide = max if relation.which == "any" or not favour else min
    without = decide(known) if known else Truth.FALSE  # near nothing is nothing
    whole = decide(truths)
    return whole if whole is without else Truth.UNKNOWN


def surest(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """Each place once, in order: as the occasion has it that makes it certain."""
    kept: dict[Hit, Hit] = {}
    for hit in hits:
        place = replace(hit, doubt=None, against=None)
        if place not in kept or kept[place].doubt is not None:
            kept[place] = hit
    return tuple(sorted(kept.values(), key=lambda hit: hit.span))
