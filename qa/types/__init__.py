"""Values that pass between the stages.

Frozen, checked on construction, built of tuples; this package imports nothing else of the project.  Time is whole
milliseconds from the start of the recording.  Levels are dBov: a full-scale square wave is 0, a full-scale sine -3.01
(ITU-T G.100.1).  Rates are characters a minute (``_cpm``).
"""

from __future__ import annotations

from qa.types.call import (
    AsHeard,
    Call,
    CallRecord,
    Edge,
    Role,
    RoleAssignment,
    Roles,
    RoleStretch,
    Transcript,
    Utterance,
    VoiceRatios,
    Word,
)
from qa.types.result import CheckResult, Evidence, Finding, Outcome, Provenance, Row, Ruling, Scorecard
from qa.types.signal import (
    Acoustics,
    Audio,
    AudioInfo,
    ChannelAcoustics,
    ChannelFact,
    Float32Array,
    Int16Array,
    SpeakerSound,
    SpeakerTurn,
    SpeakerTurns,
    SpeechActivity,
    Tone,
    VoiceLikeness,
)
from qa.types.span import Span

__all__ = [
    "Acoustics",
    "AsHeard",
    "Audio",
    "AudioInfo",
    "Call",
    "CallRecord",
    "ChannelAcoustics",
    "ChannelFact",
    "CheckResult",
    "Edge",
    "Evidence",
    "Finding",
    "Float32Array",
    "Int16Array",
    "Outcome",
    "Provenance",
    "Role",
    "RoleAssignment",
    "RoleStretch",
    "Roles",
    "Row",
    "Ruling",
    "Scorecard",
    "Span",
    "SpeakerSound",
    "SpeakerTurn",
    "SpeakerTurns",
    "SpeechActivity",
    "Tone",
    "Transcript",
    "Utterance",
    "VoiceLikeness",
    "VoiceRatios",
    "Word",
]
