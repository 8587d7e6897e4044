"""Whose a stored call is, and what is told when its records make it somebody else's, another month's or another recording's."""

from __future__ import annotations

from dataclasses import dataclass

from qa.types import AudioInfo


@dataclass(frozen=True)
class Reassigned:
    """A call of which the records tell another agent or another recording than before; ``agent_id`` and ``month`` as it was until now.

    ``withdrawal`` says what changed, as text.
    """

    call_id: str
    agent_id: str | None
    month: str | None
    withdrawal: str


@dataclass(frozen=True)
class Whose:
    """Whose a stored call is: its agent, its month (``2025-06``), and the content (SHA-256) and place of its recording."""

    call_id: str
    agent_id: str | None
    month: str | None
    sha256: str
    file: str

    def moved_to(self, agent_id: str | None, month: str | None, audio: AudioInfo, proposed: bool) -> Reassigned | None:
        """What is to be told when it becomes this agent's, this month's or this recording's (``proposed``: waits for a person); None where
        it is so already."""
        told = []
        if (agent_id or None) != (self.agent_id or None):
            told.append(f"坐席由 {self.agent_id or '不明'} 改为 {agent_id or '不明'}")
        if month != self.month:
            told.append(f"月份由 {self.month or '不明'} 改为 {month or '不明'}")
        if audio.sha256 != self.sha256:
            told.append(f"录音由 {self.file} 改为 {audio.path}")
        if not told:
            return None
        when = "；涉及已关账的月份，等待人工决定" if proposed else ""
        return Reassigned(self.call_id, self.agent_id, self.month, f"按现在的通话记录，{'，'.join(told)}{when}")


@dataclass(frozen=True)
class Counting:
    """A call with a scorecard that counts, for this agent and month (``2025-06``)."""

    call_id: str
    agent_id: str | None
    month: str | None
