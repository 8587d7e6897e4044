"""Which speaker is the agent: from the call record, else from what is said, else unknown.

A pure step after transcription: it can be redone without audio.  A swapped speaker would blame an agent for the
customer's words, so the content decides only where one side alone speaks the house's phrases.
"""

from __future__ import annotations

from qa.phonetic import syllables
from qa.speakers import speaker_of_channel
from qa.types import CallRecord, Role, RoleAssignment, Roles, SpeakerTurns, Transcript

# Phrases that only the side that serves speaks.  Each counts once; compared as toneless syllables.
AGENT_PHRASES = ("为您服务", "请问有什么可以帮", "感谢您的来电", "请问您贵姓", "请您稍等", "给您带来不便", "祝您生活愉快")
_EACH_WEIGHS = 0.3
_BASE = 0.3
_PHRASES_NEEDED = 2  # a customer may speak one of them by chance


def assign(turns: SpeakerTurns, transcript: Transcript, record: CallRecord | None) -> Roles:
    """Roles of the two speakers of a stereo call, each with a confidence (0-1) and its source.

    ``record.agent_channel`` decides with confidence 1.  Without it the side with two or more of ``AGENT_PHRASES`` is the agent
    if the other side speaks none; otherwise, and for mono, the roles stay ``unknown``.
    """
    if turns.method != "channel":
        labels = sorted({t.speaker for t in turns.turns})
        return Roles(tuple(RoleAssignment(s, Role.UNKNOWN, 0.0, "content") for s in labels))
    if record is not None and record.agent_channel is not None:
        return _pair(record.agent_channel, 1.0, "record")
    heard = [_phrases(transcript, speaker_of_channel(c)) for c in (0, 1)]
    for agent in (0, 1):
        if heard[agent] >= _PHRASES_NEEDED and heard[1 - agent] == 0:
            return _pair(agent, min(0.99, _BASE + _EACH_WEIGHS * heard[agent]), "content")
    return Roles(tuple(RoleAssignment(speaker_of_channel(c), Role.UNKNOWN, 0.0, "content") for c in (0, 1)))


def _pair(agent: int, confidence: float, source: str) -> Roles:
    return Roles((
        RoleAssignment(speaker_of_channel(agent), Role.AGENT, confidence, source),
        RoleAssignment(speaker_of_channel(1 - agent), Role.CUSTOMER, confidence, source),
    ))


def _phrases(transcript: Transcript, speaker: str) -> int:
    said = " ".join(syllables("".join(u.text for u in transcript.of(speaker))))
    return sum(1 for phrase in AGENT_PHRASES if " ".join(syllables(phrase)) in said)
