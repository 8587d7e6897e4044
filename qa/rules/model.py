"""A rule book's values, as read and validated; nothing here looks at a call or a file.

Points and money are Decimal.  A *share* is 0-1.  Dates are of the house's own clock.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from qa.rules.expression import Expression

# ---------------------------------------------------------------- when a rule holds


NOT = "!"
"""Stands before the id of a kind of call that a call must not be of."""


@dataclass(frozen=True)
class When:
    """When a rule or a variant holds: every given key must hold, of a key's several values any.  Empty: always.

    ``hours``: minutes of the day, from inclusive to exclusive; from > to runs over midnight, and belongs to the day on which it begins.
    ``weekdays``: 1 (Monday) to 7.
    ``day``: ``workday`` or ``restday`` by the holiday calendar, with make-up working days.  ``dates``: first and last day, both
    inclusive.  ``holidays``: ids of the calendar (``new_year``, ``spring_festival`` … or those that the rule book defines).
    ``lines``: line numbers, ``*`` at the end for any ending.  ``call_types``: ids of ``[call_types]``, with
    ``!`` in front for what the call must not be: one of those without it, and none of those with it.
    """

    direction: str | None = None
    hours: tuple[tuple[int, int], ...] = ()
    weekdays: tuple[int, ...] = ()
    day: str | None = None
    dates: tuple[tuple[datetime.date, datetime.date], ...] = ()
    holidays: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    call_types: tuple[str, ...] = ()

    @property
    def of_types(self) -> tuple[str, ...]:
        """Kinds of calls of which the call must be one."""
        return tuple(kind for kind in self.call_types if not kind.startswith(NOT))

    @property
    def not_of_types(self) -> tuple[str, ...]:
        """Kinds of calls of which the call must be none."""
        return tuple(kind[len(NOT) :] for kind in self.call_types if kind.startswith(NOT))


@dataclass(frozen=True)
class Holiday:
    """A holiday of the rule book's own: its days, which replace the calendar's where the id is the same."""

    id: str
    title: str
    dates: tuple[tuple[datetime.date, datetime.date], ...]


# ---------------------------------------------------------------- what a condition looks for


class Who(enum.StrEnum):
    AGENT = "agent"
    CUSTOMER = "customer"
    ANNOUNCEMENT = "announcement"
    ANYONE = "anyone"


@dataclass(frozen=True)
class Where:
    """The part of the call that counts: first or last turns or seconds of the speaker; all None: the whole call."""

    first_turns: int | None = None
    first_s: float | None = None
    last_turns: int | None = None
    last_s: float | None = None


@dataclass(frozen=True)
class Relation:
    """Nearness to the hits of another condition.

    ``order``: ``before`` (this one comes earlier), ``after`` or ``around``.  ``within_s`` from the nearer edges, ``within_turns`` counts
    changes of speaker between them; None: no limit.  ``which``: ``each`` hit of the other needs one of this, ``any`` one of them,
    or the ``first``.
    """

    order: str
    other: str
    within_s: float | None = None
    within_turns: int | None = None
    which: str = "each"


@dataclass(frozen=True)
class Say:
    """Wordings (``qa.patterns``) found by sound: any of them, or ``at_least`` so many different ones.

    ``permitted`` (可) are accepted in place of the others but never named as missing.  ``near`` and ``far``: distances per syllable.
    """

    wordings: tuple[str, ...]
    at_least: int = 1
    permitted: tuple[str, ...] = ()
    near: float = 0.2
    far: float = 0.45


@dataclass(frozen=True)
class Words:
    """Phrases of word lists (``qa.lexicon``), found as strictly as an accusation must be."""

    words: Any  # qa.lexicon.WordList


@dataclass(frozen=True)
class Regex:
    """A regular expression over the text as read (hanzi and digits as read, no punctuation); a match inside one of ``unless`` does
    not count."""

    pattern: str
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """Something that happens: ``kind`` out of ``qa.rules.events``; seconds of its length."""

    kind: str
    min_s: float = 0.0
    max_s: float | None = None


@dataclass(frozen=True)
class Limit:
    """A measure of ``qa.rules.measures`` inside ``low``-``high`` (inclusive, None: open); within ``tolerance`` of a limit is unknown.

    ``about`` (约, 左右): a limit may be missed by this share of itself (0-1) and is still kept.
    """

    measure: str
    low: float | None = None
    high: float | None = None
    tolerance: float = 0.0
    about: float = 0.0


@dataclass(frozen=True)
class Condition:
    """A named condition: where its source is found it *hits*, and it holds if the hits are as many and lie as asked.

    ``times``: least and most hits (None: no upper limit).  ``title``: what messages call it, "" for what it looks for.
    """

    id: str
    source: Say | Words | Regex | Event | Limit
    who: Who = Who.AGENT
    where: Where = Where()
    relation: Relation | None = None
    times: tuple[int, int | None] = (1, None)
    title: str = ""


@dataclass(frozen=True)
class Excuse:
    """Where ``expression`` holds, a FAIL becomes ``outcome`` (not_applicable, pass or inconclusive) with ``reason`` (Chinese)."""

    expression: Expression
    outcome: str
    reason: str


# ---------------------------------------------------------------- what a rule is worth


class Severity(enum.StrEnum):
    ADVISORY = "advisory"  # shown, earns and costs nothing
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Points:
    """What a rule is worth in points.

    One of ``weight`` (percent mode: earned by PASS), ``deduction`` (deduction mode: lost by FAIL) and ``bonus`` (earned by PASS, never
    lost); all None where only money is at stake.  ``per``: ``call`` or ``occurrence`` (deduction and bonus: for each finding), at most
    ``most`` points a call.  ``warn_first``: the first ``warn_first`` occurrences of an agent in a calendar month are warnings and
    cost nothing.  ``veto``: None, ``section`` or ``call``: a FAIL sets the section or the call to 0 (一票否决).
    """

    weight: Decimal | None = None
    deduction: Decimal | None = None
    bonus: Decimal | None = None
    per: str = "call"
    most: Decimal | None = None
    warn_first: int = 0
    veto: str | None = None


@dataclass(frozen=True)
class Liability:
    """Somebody who pays beside or instead of the agent: a ``share`` of the agent's fine, or an ``amount`` of their own (yuan)."""

    role: str
    share: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True)
class Fine:
    """Money (yuan) for a FAIL.

    ``low`` and ``high``: the range that the regulation gives (equal: a fixed amount); within a range a person decides, sums are
    ranges.  ``per``: ``call`` or ``occurrence``.  ``cap``: most a calendar month and agent.  ``grave``: multiples (low, high) for
    occurrences that a person marks grave (情节严重).  ``escalation``: amounts of the 1st, 2nd, … occurrence within ``period`` (``month``,
    ``quarter``, ``year``) in place of ``low``/``high``; after the last ``then``: ``same`` or ``double`` (each time twice the one
    before).  ``liable``: joint liability.
    """

    low: Decimal
    high: Decimal
    per: str = "occurrence"
    cap: Decimal | None = None
    grave: tuple[Decimal, Decimal] | None = None
    escalation: tuple[Decimal, ...] = ()
    then: str = "same"
    period: str = "month"
    liable: tuple[Liability, ...] = ()


@dataclass(frozen=True)
class SectionSetup:
    """A part of the score sheet; ``weight`` of the section in the whole (percent mode), None: the sum of its rules' weights."""

    id: str
    title: str
    weight: Decimal | None = None


@dataclass(frozen=True)
class Scoring:
    """How a call is counted.

    ``mode``: ``percent``, ``deduction`` or ``none`` (money only).  ``base``: points that a call starts with in deduction mode.
    ``min_coverage``: least share of the applicable weight that must be ruled on for a total.  Percentages are rounded once, half up, to
    ``decimals`` places.
    """

    mode: str = "percent"
    base: Decimal = Decimal(100)
    min_coverage: Decimal = Decimal("0.6")
    decimals: int = 2
    sections: tuple[SectionSetup, ...] = ()
