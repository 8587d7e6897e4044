"""The call log: what the switch, the roster and the registers say of a period, whether or not there are recordings.

Times are the house's wall clock (UTC+8), ISO 8601 with milliseconds and no zone, as ``qa.clock.wall_clock`` gives them; None where the
source does not tell.  ``source`` is the row that it was read from, ``file:line``.
"""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass

from qa.types.span import require


class Disposition(enum.StrEnum):
    """How a call ended for the caller.

    ``ANSWERED``: a person of the house spoke.  ``ABANDONED``: the caller hung up first while ringing or in the queue, an IVR's answer
    included.  ``UNANSWERED``: it rang out.  ``FORWARDED``: passed to a number outside of the house.  ``BUSY`` and ``FAILED`` as the switch
    says.
    """

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    UNANSWERED = "unanswered"
    FORWARDED = "forwarded"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True)
class Leg:
    """An agent's part of a call, by the agent's number (工号): from the answer on to the hang-up or the transfer.

    ``agent_id`` is "" where a call was passed on and nobody knows who took it.  ``ring``: this agent's telephone began to ring, None where
    the source does not tell.
    """

    agent_id: str
    answer: str
    end: str | None
    ring: str | None = None


@dataclass(frozen=True)
class LoggedCall:
    """A call as the switch saw it.

    ``direction``: ``in``, ``out`` or ``internal``; "" where the records do not tell, or contradict each other: then no side of it is
    known, and it is nobody's.

    ``start``: it reached the house (an outgoing call: it was dialled).  ``greeted``: an IVR or a queue answered it.  ``ring``: the agent's
    telephone began to ring; it is this from which three rings are counted.  ``answer``: the first agent answered (an outgoing
    call: the customer).  ``legs``: the agents in order; empty where nobody answered.  ``recording``: the file's name as told, "" for none.
    ``recorded_from``: ``ring`` or ``answer``, where the recorder is known to start.  ``line_number`` is the house's own line.
    ``precision_ms``: how far a time may lie beside the truth (1000: the switch writes whole seconds).  ``agent_channel``: 0 or 1 in a
    stereo recording, None where it is not told.  ``queued_s``: seconds in queues until the first agent answered or the caller left them,
    the agents' ringing included, an IVR before them not; None where it is not told.  ``notes`` (Chinese): what the records leave open,
    and why.
    """

    call_id: str
    source: str
    direction: str
    disposition: Disposition
    customer_number: str = ""
    line_number: str = ""
    queue: str = ""
    start: str | None = None
    greeted: str | None = None
    ring: str | None = None
    answer: str | None = None
    end: str | None = None
    agent_id: str = ""
    legs: tuple[Leg, ...] = ()
    forwarded_to: str = ""
    hangup_by: str | None = None
    recording: str = ""
    recorded_from: str | None = None
    precision_ms: int = 0
    agent_channel: int | None = None
    notes: tuple[str, ...] = ()
    queued_s: float | None = None

    def __post_init__(self) -> None:
        require(self.direction in ("in", "out", "internal", ""), f"direction is in, out, internal or empty, not {self.direction!r}")
        require(self.queued_s is None or self.queued_s >= 0, f"queued_s is not negative, not {self.queued_s}")
        require(self.hangup_by in ("agent", "customer", None), f"hangup_by is agent, customer or empty, not {self.hangup_by!r}")
        require(self.recorded_from in ("ring", "answer", None), f"recorded_from is ring, answer or empty, not {self.recorded_from!r}")


@dataclass(frozen=True)
class Person:
    """A line of the roster: a person in a team and role (``agent``, ``leader`` …) from ``since`` to ``until``, both inclusive.

    ``newcomer_until``: the last day as a newcomer, inclusive.  ``numbers``: the person's own telephone numbers, as told.
    """

    agent_id: str
    name: str
    team: str
    role: str
    source: str
    since: datetime.date | None = None
    until: datetime.date | None = None
    newcomer_until: datetime.date | None = None
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Complaint:
    """A line of the complaint register.  ``kind``: ``simple``, ``general`` or ``complex``, "" where it is not told."""

    complaint_id: str
    source: str
    customer_number: str
    opened: str | None
    kind: str = ""
    answered: str | None = None
    closed: str | None = None
    agent_id: str = ""
    call_id: str = ""


@dataclass(frozen=True)
class Survey:
    """A customer's judgement of a call; ``score`` in the house's own points, None where the customer gave none."""

    source: str
    at: str | None
    customer_number: str = ""
    agent_id: str = ""
    call_id: str = ""
    score: float | None = None
    comment: str = ""


@dataclass(frozen=True)
class Ticket:
    """A ticket or note that an agent wrote about a call."""

    ticket_id: str
    source: str
    at: str | None
    customer_number: str = ""
    agent_id: str = ""
    call_id: str = ""
    note: str = ""


@dataclass(frozen=True)
class CallLog:
    """All that a check of the log may look at: the calls and registers of ``since`` to ``until`` (days of the house, both inclusive).

    ``calls`` by start (unknown starts last).  ``complaints``: also those opened before and not closed by ``since``.  ``recorded`` and
    ``scored``: call ids that have a recording, and a scorecard, in the store.  ``sources``: which kinds of tables were imported for the
    period (``calls``, ``roster``, ``complaints``, ``surveys``, ``tickets``): a check that needs one that is not there is INCONCLUSIVE,
    never a pass.  ``as_of``: the moment at which the tables were read (wall clock of the house), None where it is not known: what lies
    after it has not happened yet.
    """

    since: datetime.date
    until: datetime.date
    calls: tuple[LoggedCall, ...]
    roster: tuple[Person, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    surveys: tuple[Survey, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    recorded: frozenset[str] = frozenset()
    scored: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    as_of: str | None = None
