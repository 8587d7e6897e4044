"""What was said, who is who, the switch's record, and the call that a check looks at."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from qa.types.signal import Acoustics, AudioInfo, ChannelAcoustics, SpeakerTurns, SpeechActivity
from qa.types.span import Span, require


@dataclass(frozen=True)
class Word:
    """A word or character with its time and the recogniser's probability (0-1)."""

    text: str
    span: Span
    probability: float

    def __post_init__(self) -> None:
        require(0.0 <= self.probability <= 1.0, "a probability is 0-1")


@dataclass(frozen=True)
class Utterance:
    """What one speaker says without a long pause.  ``text`` joins the words; ``speaker`` as in SpeakerTurn."""

    speaker: str
    channel: int
    span: Span
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return "".join(w.text for w in self.words)


@dataclass(frozen=True)
class Edge:
    """The second, independent decode of the opening or closing seconds of a speaker (omission guard).

    ``which`` is ``opening`` or ``closing``; decoded whole, whatever speech activity detection says of it.
    """

    which: str
    speaker: str
    span: Span
    words: tuple[Word, ...]

    def __post_init__(self) -> None:
        require(self.which in ("opening", "closing"), f"unknown edge {self.which}")

    @property
    def text(self) -> str:
        return "".join(w.text for w in self.words)


@dataclass(frozen=True)
class Transcript:
    """Utterances sorted by start; ``model`` identifies the recogniser (name and weights hash); ``demo`` marks the bundled one.

    ``dropped`` are utterances that the guard against invented text took out (kept for the reader).
    """

    model: str
    demo: bool
    utterances: tuple[Utterance, ...]
    edges: tuple[Edge, ...] = ()
    dropped: tuple[Utterance, ...] = ()

    def of(self, speaker: str) -> tuple[Utterance, ...]:
        return tuple(u for u in self.utterances if u.speaker == speaker)


class Role(enum.StrEnum):
    AGENT = "agent"
    CUSTOMER = "customer"
    ANNOUNCEMENT = "announcement"
    THIRD_PARTY = "third_party"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RoleAssignment:
    """Role of a speaker label with a confidence (0-1) and its source (``record``, ``setting``, ``content``, ``person``)."""

    speaker: str
    role: Role
    confidence: float
    source: str


@dataclass(frozen=True)
class Roles:
    assignments: tuple[RoleAssignment, ...]

    def speaker(self, role: Role) -> str | None:
        """The one speaker in ``role``, or None if there is none or more than one."""
        found = [a.speaker for a in self.assignments if a.role is role]
        return found[0] if len(found) == 1 else None

    def role_of(self, speaker: str) -> Role:
        return next((a.role for a in self.assignments if a.speaker == speaker), Role.UNKNOWN)


@dataclass(frozen=True)
class CallRecord:
    """The switch's record of a call.  Times are ISO 8601 with milliseconds, None where the field is empty.

    ``start`` is the first ring of the agent's telephone, of an outgoing call the dialling.  ``hangup_by``: agent, customer or None.
    ``agent_channel``: 0, 1 or None.  ``precision_ms``: how far a time may lie beside the truth (a switch that writes whole seconds: 1000).
    ``recorded_from``: ``ring`` or ``answer``, where the recorder is known to start.  ``notes`` (Chinese): what the records leave open.
    """

    file: str
    call_id: str
    agent_id: str
    agent_name: str
    team: str
    direction: str
    customer_number: str
    line_number: str
    start: str | None
    answer: str | None
    end: str | None
    hangup_by: str | None
    agent_channel: int | None
    precision_ms: int = 0
    recorded_from: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def moment(self) -> str | None:
        """When the call was: its first ring, else the earliest time that is known of it."""
        return self.start or self.answer or self.end

    def __post_init__(self) -> None:
        require(self.direction in ("in", "out"), f"direction is in or out, not {self.direction!r}")
        require(self.recorded_from in ("ring", "answer", None), f"recorded_from is ring, answer or empty, not {self.recorded_from!r}")
        require(self.hangup_by in ("agent", "customer", None), f"hangup_by is agent, customer or empty, not {self.hangup_by!r}")
        require(self.agent_channel in (0, 1, None), f"agent_channel is 0, 1 or empty, not {self.agent_channel!r}")


@dataclass(frozen=True)
class Call:
    """All that a check may look at."""

    audio: AudioInfo
    activity: SpeechActivity
    turns: SpeakerTurns
    transcript: Transcript
    acoustics: Acoustics
    roles: Roles
    record: CallRecord | None = None

    def speaker(self, role: Role) -> str | None:
        return self.roles.speaker(role)

    def utterances(self, role: Role) -> tuple[Utterance, ...]:
        """Utterances of the one speaker in ``role``; empty if the role is not known."""
        speaker = self.speaker(role)
        return () if speaker is None else self.transcript.of(speaker)

    def edges(self, role: Role, which: str) -> tuple[Edge, ...]:
        speaker = self.speaker(role)
        return tuple(e for e in self.transcript.edges if e.which == which and e.speaker == speaker)

    def channel_of(self, role: Role) -> int | None:
        """Channel of the one speaker in ``role`` in a stereo call, else None."""
        speaker = self.speaker(role)
        if speaker is None or self.turns.method != "channel":
            return None
        return int(speaker.removeprefix("ch"))

    def channel_acoustics(self, role: Role) -> ChannelAcoustics | None:
        channel = self.channel_of(role)
        return None if channel is None else self.acoustics.channels[channel]
