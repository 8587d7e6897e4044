"""What happens in a synthetic call: who says what, over which line, with which faults.  Nothing here makes sound."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

CHECKS = ("greeting", "closing", "speech_rate", "banned_phrases", "volume", "pickup")
_LINE = re.compile(r"^([AC])([~!]*):\s*(.+)$")
_HANZI = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Line:
    """One turn.  ``role`` is ``A`` (agent) or ``C`` (customer); ``banned`` are character spans of ``text`` that are faults.

    ``overlap``: begins before the turn before it has ended; ``shout``: spoken far louder and higher than the rest.
    """

    role: str
    text: str
    overlap: bool = False
    shout: bool = False
    banned: tuple[tuple[int, int], ...] = ()


def parse(script: str) -> tuple[Line, ...]:
    """Lines ``A: text`` and ``C: text``; ``~`` after the letter is an overlap, ``!`` a shout, ``{...}`` a fault.

    Raises ValueError for a line of another form.
    """
    lines = []
    for raw in script.strip().splitlines():
        match = _LINE.match(raw.strip())
        if not match:
            raise ValueError(f"not a script line: {raw!r}")
        role, flags, marked = match.groups()
        text, banned, start = "", [], 0
        for char in marked:
            if char == "{":
                start = len(text)
            elif char == "}":
                banned.append((start, len(text)))
            else:
                text += char
        if not _HANZI.search(text):
            raise ValueError(f"nothing to say: {raw!r}")
        lines.append(Line(role, text, "~" in flags, "!" in flags, tuple(banned)))
    return tuple(lines)


@dataclass(frozen=True)
class Agent:
    number: str
    name: str
    team: str
    voice: str


@dataclass(frozen=True)
class CallPlan:
    """All that decides a call but chance.

    ``codec``: pcm, alaw, ulaw, mp3 or opus.  ``mono``: both sides mixed into one channel.  ``ring_s``: seconds from the
    first ring to the answer; ``ring_heard``: the recording starts at the first ring and holds the ringback tone.
    ``level_dbov`` and ``customer_dbov`` are P.56 active levels of the finished channels, ``noise_dbov`` the RMS of the line
    noise (agent's side, customer's side).  ``clip``: the agent's channel is driven into the rail.  ``rate_cpm`` is the agent's
    speech rate over the call.  ``greeting``: proper, missing or incomplete; ``closing``: proper, missing or cut_off (the
    customer hung up in mid-conversation).  ``unheard``: the line is so bad that nobody could tell what is said on it.
    ``holds_ms`` is silence before the first word and after the last.
    """

    file: str
    call_id: str
    seed: str
    agent: Agent
    customer_voice: str
    lines: tuple[Line, ...]
    start: datetime
    codec: str = "alaw"
    mono: bool = False
    direction: str = "in"
    customer_number: str = ""
    line_number: str = "4006600188"
    ring_s: float = 6.5
    ring_heard: bool = False
    ring_both: bool = False
    times_recorded: bool = True
    hangup_by: str = "customer"
    agent_channel: int = 0
    channel_recorded: bool = True
    rate_cpm: float = 180.0
    level_dbov: float = -25.0
    customer_dbov: float = -26.0
    noise_dbov: tuple[float, float] = (-64.0, -62.0)
    clip: bool = False
    greeting: str = "proper"
    closing: str = "proper"
    unheard: bool = False
    holds_ms: tuple[int, int] = (600, 900)
    near: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.greeting not in ("proper", "missing", "incomplete") or self.closing not in ("proper", "missing", "cut_off"):
            raise ValueError(f"{self.file}: greeting {self.greeting!r}, closing {self.closing!r}")
        if abs(self.ring_s % 5 - 2.5) > 2.1:
            raise ValueError(f"{self.file}: an answer after {self.ring_s} s is too near to the start of a ring")
        if unknown := set(self.near) - set(CHECKS):
            raise ValueError(f"{self.file}: no such check: {unknown}")
