"""How right the speakers of one channel are told apart: time, words and roles against the truth, and two baselines to beat.

Every figure is defined in docs/truth-format.md.  Errors of time are those of pyannote.metrics (``DiarizationErrorRate``), overlap included;
its ``collar`` is the whole width around an edge of the truth, ours what is forgiven on either side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from qa.diarization import Diarization
from qa.truth import TruthTurn
from qa.types import Role, Roles, Span, SpeakerTurn, Transcript
from qa.wordspeakers import NEAR_MS, speaker_at

COLLAR_S = 0.25
"""What ``der_collar`` forgives on either side of an edge of the truth; ``der`` forgives nothing."""
PAUSE_MS = 400
"""The speaker changes where the baseline hears such a pause: the best of seven from 100 to 1,000 ms on the samples' mixes."""


@dataclass(frozen=True)
class Time:
    """Seconds of speech in the truth (two at once count twice) and of what is wrong about them."""

    total_s: float = 0.0
    false_alarm_s: float = 0.0
    missed_s: float = 0.0
    confusion_s: float = 0.0

    @property
    def value(self) -> float | None:
        """The diarisation error rate, 0 or more; None without any speech."""
        return (self.false_alarm_s + self.missed_s + self.confusion_s) / self.total_s if self.total_s else None

    def __add__(self, other: Time) -> Time:
        return Time(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class SpeakerFigures:
    """Over one or more calls.

    ``words`` of the truth (characters) that lie in or near a turn, ``words_wrong`` those given to another speaker, ``words_lost`` those
    that no turn is near.  ``labels``: speakers found, ``ruled`` those who were given a role, ``roles_wrong`` those of them who were given
    the wrong one.  ``audio_s`` and the processor time ``cpu_s`` of the engine; ``peak_mb``: by how much its memory grew, None where that
    is not known.
    """

    calls: int = 0
    time: Time = Time()
    time_collar: Time = Time()
    words: int = 0
    words_wrong: int = 0
    words_lost: int = 0
    labels: int = 0
    ruled: int = 0
    roles_wrong: int = 0
    audio_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float | None = None

    def __add__(self, other: SpeakerFigures) -> SpeakerFigures:
        summed: dict[str, Any] = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self) if f.name != "peak_mb"}
        peaks = [p for p in (self.peak_mb, other.peak_mb) if p is not None]
        return SpeakerFigures(**summed, peak_mb=max(peaks, default=None))

    def as_json(self) -> dict[str, float | int | None]:
        """Shares of 0-1 (``der`` may exceed 1), None of nothing."""
        return {
            "der": self.time.value, "der_collar": self.time_collar.value,
            "false_alarm": _share(self.time.false_alarm_s, self.time.total_s), "missed": _share(self.time.missed_s, self.time.total_s),
            "confusion": _share(self.time.confusion_s, self.time.total_s), "word_error": _share(self.words_wrong, self.words),
            "words": self.words, "words_lost": self.words_lost, "role_error": _share(self.roles_wrong, self.ruled),
            "roles_wrong": self.roles_wrong, "ruled": _share(self.ruled, self.labels), "speakers": self.labels,
            "x_realtime": _share(self.audio_s, self.cpu_s), "peak_mb": self.peak_mb, "calls": self.calls, "audio_s": round(self.audio_s, 1),
        }  # fmt: skip


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


# ---------------------------------------------------------------- against the truth


def compared(truth: Sequence[TruthTurn], found: Diarization, length_ms: int, roles: Roles | None = None) -> SpeakerFigures:
    """One call.  The words are the truth's own, each given to the speaker to whom the program would give a word of that time."""
    time, mapping = _time(truth, found.turns, length_ms, 0.0)
    collar, _ = _time(truth, found.turns, length_ms, COLLAR_S)
    given = [(turn.who, speaker_at(span, found.exclusive)) for turn in truth for span in words(turn)]
    known = {t.speaker for t in found.turns}
    near = [(who, label) for who, label in given if label in known]
    ruled = role_errors(truth, found.turns, roles) if roles is not None else (0, 0, 0)
    return SpeakerFigures(1, time, collar, len(near), sum(mapping.get(label) != who for who, label in near), len(given) - len(near), *ruled)


def heard_words(truth: Sequence[TruthTurn], found: Sequence[SpeakerTurn], transcript: Transcript, length_ms: int) -> tuple[int, int, int]:
    """As ``words``, ``words_wrong`` and ``words_lost`` of :class:`SpeakerFigures`, of the words that were recognised: each belongs to the
    word of the truth with which it shares most time, else to the nearest one; those near none are lost."""
    _, mapping = _time(truth, found, length_ms, 0.0)
    true = [(span, turn.who) for turn in truth for span in words(turn)]
    near = wrong = lost = 0
    for utterance in transcript.utterances:
        for word in utterance.words:
            span, who = min(true, key=lambda t: _distance(t[0], word.span), default=(word.span, ""))
            if not who or _distance(span, word.span) > NEAR_MS:
                lost += 1
                continue
            near += 1
            # Two who speak at once: right is who takes it for either.
            also = {w for s, w in true if s.overlap_ms(word.span)}
            wrong += mapping.get(utterance.speaker) not in also | {who}
    return near, wrong, lost


def _distance(a: Span, b: Span) -> int:
    """Ms between two spans; negative: what they share."""
    return max(a.start_ms, b.start_ms) - min(a.end_ms, b.end_ms)


def words(turn: TruthTurn) -> tuple[Span, ...]:
    """When each Chinese character is heard; shared out evenly over the turn where the truth does not tell."""
    if turn.characters:
        return turn.characters
    count = sum("\u4e00" <= c <= "\u9fff" for c in turn.text)
    edges = [turn.span.start_ms + turn.span.duration_ms * k // max(1, count) for k in range(count + 1)]
    return tuple(Span(edges[k], edges[k + 1]) for k in range(count))


def role_errors(truth: Sequence[TruthTurn], found: Sequence[SpeakerTurn], roles: Roles) -> tuple[int, int, int]:
    """Speakers, those of them who were given a role, and those of these whose speech is mostly another role's.

    A stretch that the roles give to somebody else than its label counts as a speaker.
    """
    parts = [(one.role, [one.span]) for one in roles.stretches]
    for label in dict.fromkeys(t.speaker for t in found):
        apart = [one.span for one in roles.stretches if one.speaker == label]
        parts.append((roles.role_of(label), [piece for t in found if t.speaker == label for piece in _without(t.span, apart)]))
    ruled = [(role, spans) for role, spans in parts if role is not Role.UNKNOWN and spans]
    wrong = sum(_true_role(truth, spans) is not role for role, spans in ruled)
    return sum(bool(spans) for _, spans in parts), len(ruled), wrong


def _without(span: Span, others: Sequence[Span]) -> list[Span]:
    left = [span]
    for other in others:
        pieces = [(s.start_ms, min(s.end_ms, other.start_ms)) for s in left] + [(max(s.start_ms, other.end_ms), s.end_ms) for s in left]
        left = [Span(a, b) for a, b in sorted(set(pieces)) if a < b]
    return left


def _true_role(truth: Sequence[TruthTurn], spans: Sequence[Span]) -> Role | None:
    shared: dict[Role, int] = {}
    for turn in truth:
        shared[turn.role] = shared.get(turn.role, 0) + sum(turn.span.overlap_ms(s) for s in spans)
    best = max(shared, key=lambda r: shared[r], default=None)
    return best if best is not None and shared[best] > 0 else None


def _time(truth: Sequence[TruthTurn], found: Iterable[SpeakerTurn], length_ms: int, collar_s: float) -> tuple[Time, dict[str, str]]:
    """Errors of time, and the speaker of the truth who is meant by each label that was found."""
    from pyannote.core import Segment, Timeline  # slow to import
    from pyannote.metrics.diarization import DiarizationErrorRate

    reference = _annotation([(t.who, t.span) for t in truth])
    hypothesis = _annotation([(t.speaker, t.span) for t in found])
    heard = Timeline([Segment(0.0, max([length_ms, *(t.span.end_ms for t in truth)]) / 1000)])
    metric = DiarizationErrorRate(collar=2 * collar_s, skip_overlap=False)
    parts = metric(reference, hypothesis, uem=heard, detailed=True)
    mapping = {str(label): str(who) for label, who in metric.optimal_mapping(reference, hypothesis, uem=heard).items()}
    seconds = [float(parts[name]) for name in ("total", "false alarm", "missed detection", "confusion")]
    return Time(*seconds), mapping


def _annotation(turns: Sequence[tuple[str, Span]]) -> Any:
    from pyannote.core import Annotation, Segment

    made = Annotation()
    for number, (who, span) in enumerate(turns):
        if span.duration_ms > 0:
            made[Segment(span.start_ms / 1000, span.end_ms / 1000), number] = who
    return made


# ---------------------------------------------------------------- what is to be beaten


def one_speaker(speech: Sequence[Span]) -> Diarization:
    """All speech is one person's."""
    turns = tuple(SpeakerTurn("spk0", 0, span) for span in speech)
    return Diarization(turns, turns)


def alternating(speech: Sequence[Span], pause_ms: int = PAUSE_MS) -> Diarization:
    """Two speakers take turns at every pause of at least ``pause_ms``."""
    turns: list[SpeakerTurn] = []
    for span in speech:
        changes = bool(turns) and span.start_ms - turns[-1].span.end_ms >= pause_ms
        who = turns[-1].speaker if turns else "spk0"
        turns.append(SpeakerTurn({"spk0": "spk1", "spk1": "spk0"}[who] if changes else who, 0, span))
    return Diarization(tuple(turns), tuple(turns))


BASELINES = {"one speaker": one_speaker, "alternating": alternating}
