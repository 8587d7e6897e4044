"""What was said, who is who, the switch's record, and the call that a check looks at."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

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
    """Who somebody is.  ``mixed`` is what a person says of a voice that holds several; nobody is it, what is said there is nobody's."""

    AGENT = "agent"
    CUSTOMER = "customer"
    ANNOUNCEMENT = "announcement"
    THIRD_PARTY = "third_party"
    UNKNOWN = "unknown"
    MIXED = "mixed"


@dataclass(frozen=True)
class RoleAssignment:
    """Role of a speaker label with a confidence (0-1), its source (``record``, ``setting``, ``content``, ``person``) and what speaks for
    it, or against it (Chinese).

    ``bearing``: where the words are that speak for the role.  ``alone``: a person has said that nobody else is heard under the label.
    """

    speaker: str
    role: Role
    confidence: float
    source: str
    reasons: tuple[str, ...] = ()
    bearing: tuple[Span, ...] = ()
    alone: bool = False

    def __post_init__(self) -> None:
        require(0.0 <= self.confidence <= 1.0, "a confidence is 0-1")


@dataclass(frozen=True)
class RoleStretch:
    """Where somebody else is heard under a speaker label: an announcement on the agent's channel, the colleague that a call was put
    through to.  ``why`` (Chinese) is what was heard."""

    speaker: str
    span: Span
    role: Role
    why: str


@dataclass(frozen=True)
class VoiceRatios:
    """By speaker label the log-likelihood ratio that the voice is that of the agent ``agent_id``, who is enrolled (``qa.voiceprints``)."""

    agent_id: str
    by_speaker: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Roles:
    """Who is who.  ``stretches`` (sorted) are somebody else's than their label's; ``qa.set_apart`` gives them a label of their own.

    ``doubt`` (Chinese): why the roles are unsure; then agent and customer are unknown until a person sets them.  ``handed_over_ms``: from
    when on somebody else serves the customer in the agent's place; None: the agent stays to the end.  ``voices``: how the voices compare
    with that of an enrolled agent, None where they were not compared.
    """

    assignments: tuple[RoleAssignment, ...]
    stretches: tuple[RoleStretch, ...] = ()
    doubt: str = ""
    handed_over_ms: int | None = None
    voices: VoiceRatios | None = None

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
class AsHeard:
    """Parts of a call before stretches of other roles were set apart (``qa.set_apart``)."""

    turns: SpeakerTurns
    transcript: Transcript
    acoustics: Acoustics


@dataclass(frozen=True)
class Call:
    """All that a check may look at.

    ``before``: what was heard, where ``roles`` has set stretches of it apart; it follows from the stages alone and is what is stored.
    """

    audio: AudioInfo
    activity: SpeechActivity
    turns: SpeakerTurns
    transcript: Transcript
    acoustics: Acoustics
    roles: Roles
    record: CallRecord | None = None
    before: AsHeard | None = field(default=None, repr=False, compare=False)

    @property
    def as_heard(self) -> Call:
        """The call with nothing set apart."""
        if self.before is None:
            return self
        return replace(self, turns=self.before.turns, transcript=self.before.transcript, acoustics=self.before.acoustics, before=None)

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
        if speaker is None or self.turns.method != "channel" or not speaker.startswith("ch"):
            return None
        return int(speaker.removeprefix("ch"))

    def channel_acoustics(self, role: Role) -> ChannelAcoustics | None:
        channel = self.channel_of(role)
        return None if channel is None else self.acoustics.channels[channel]

    def speaker_acoustics(self, role: Role) -> ChannelAcoustics | None:
        """Measures of the one speaker in ``role``: the channel's, of a mono recording whose speakers were told apart the speaker's own.

        The latter are less sure: they depend on who was taken for whom.  Noise is the recording's, for all alike; the tracks are those of
        the recording, to be looked at where the speaker speaks alone (``turns.alone``).
        """
        if (speaker := self.speaker(role)) is None or not self.turns.diarized:
            return None if self.acoustics.same_channels else self.channel_acoustics(role)
        sound, whole = self.turns.sound(speaker), self.acoustics.channels[0]
        if sound is None:
            return None
        level = sound.active_level_dbov
        return replace(
            whole,
            active_level_dbov=level,
            activity_factor=sound.activity_factor,
            peak_dbov=sound.peak_dbov,
            clipped_ratio=sound.clipped_ratio,
            snr_db=None if level is None else round(level - whole.noise_floor_dbov, 2),
        )
