"""What a house says about who is who: ``[roles]`` of a rule book."""

from __future__ import annotations

import math
from dataclasses import dataclass

ROLES_SURE = 0.95
"""From this confidence on the roles of a call are taken for known.  Chosen: two strong pieces of evidence that nothing contradicts reach it
(``qa.role_evidence``), one alone never does."""

SUREST = 0.999
"""No more than this is concluded from what is said: pieces of evidence are not as independent as their sum takes them to be."""


def confidence_text(confidence: float, decimals: int = 0) -> str:
    """A confidence (0-1) for people: per cent, never more than it is, and never certainty (``>99%``)."""
    scale = 10**decimals
    return ">99%" if confidence > 0.99 else f"{math.floor(100 * scale * confidence + 1e-9) / scale:.{decimals}f}%"


@dataclass(frozen=True)
class RoleSettings:
    """``[roles]``.

    ``sure`` (0.5-1): confidence from which on the roles are taken for known.  ``agent_channel``: 1 or 2, the channel that the house's
    recorder puts the agent on where the call record does not say; 0: not said.  ``announcements``: wording of the house's own
    announcements, found by sound wherever it is heard.  ``agent_phrases`` and ``customer_phrases``: what only that side says in this house.
    """

    sure: float = ROLES_SURE
    agent_channel: int = 0
    announcements: tuple[str, ...] = ()
    agent_phrases: tuple[str, ...] = ()
    customer_phrases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0.5 <= self.sure <= 1:
            raise ValueError(f"sure 应在 0.5 与 1 之间，现为 {self.sure:g}")
        if self.agent_channel not in (0, 1, 2):
            raise ValueError(f"agent_channel 应为 1 或 2（第几个声道是坐席），0 为不指定，现为 {self.agent_channel}")
        for name in ("announcements", "agent_phrases", "customer_phrases"):
            if any(len(phrase.strip()) < 2 for phrase in getattr(self, name)):
                raise ValueError(f"{name} 里的用语至少要有两个字")
