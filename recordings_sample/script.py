"""What happens in a synthetic call: who says what, over which line, with which faults.  Nothing here makes sound."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

CHECKS = ("greeting", "closing", "speech_rate", "banned_phrases", "volume", "pickup")
_LINE = re.compile(r"^([ACNTM])([~!]*)(?:\(([\d.]+)\))?:\s*(.+)$")
_MARK = re.compile(r"\{(?:([a-z0-9_,]+):)?([^{}]+)\}")
BANNED = "banned_phrases"
_HANZI = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Line:
    """One turn.  ``role`` is ``A`` (agent), ``C`` (customer), ``N`` (announcement), ``T`` (third party) or ``M`` (music, nobody's words);
    ``marked`` are faults: the rule and a span of characters of ``text``.

    ``overlap``: begins before the turn before it has ended; ``shout``: spoken far louder and higher than the rest.  ``seconds``: of
    silence before the turn, or of the overlap (of music: its length); None: by chance.
    """

    role: str
    text: str
    overlap: bool = False
    shout: bool = False
    marked: tuple[tuple[str, int, int], ...] = ()
    seconds: float | None = None

    @property
    def banned(self) -> tuple[tuple[int, int], ...]:
        """Spans of the banned phrases."""
        return tuple((begin, end) for rule, begin, end in self.marked if rule == BANNED)


def parse(script: str) -> tuple[Line, ...]:
    """Lines ``A: text``, ``C: text`` and so on (see Line).

    ``~`` after the letter is an overlap, ``!`` a shout, ``(9.5)`` seconds of silence before the line (of the overlap, after ``~``; of the
    music, after ``M``).  ``{...}`` is a banned phrase, ``{rule:...}`` a fault of that rule (``{rule,rule:...}`` of both).

    Raises ValueError for a line of another form.
    """
    lines = []
    for raw in script.strip().splitlines():
        match = _LINE.match(raw.strip())
        if not match:
            raise ValueError(f"not a script line: {raw!r}")
        role, flags, seconds, said = match.groups()
        text, *rest = _MARK.split(said)
        marked: list[tuple[str, int, int]] = []
        for rule, words, after in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
            marked += [(name, len(text), len(text) + len(words)) for name in (rule or BANNED).split(",")]
            text += words + after
        if not _HANZI.search(text) or set(text) & set("{}"):
            raise ValueError(f"nothing to say, or a mark without its end: {raw!r}")
        if role == "M" and not seconds:
            raise ValueError(f"music without a length: {raw!r}")
        lines.append(Line(role, text, "~" in flags, "!" in flags, tuple(marked), float(seconds) if seconds else None))
    return tuple(lines)


@dataclass(frozen=True)
class Judged:
    """What reading the script says about the call under a house's rule book.

    ``verdicts`` by rule.  ``limits``: allowed from and to of the rules that are a matter of measuring (``speech_rate`` in characters a
    minute, ``volume`` in dBov, ``pickup`` in rings): their verdicts come from the measures.  ``omitted``: faults that no words mark:
    rule, first and last line of the script (from 1, both included; 0: from the answer, to the end) and in words what.
    """

    verdicts: tuple[tuple[str, str], ...]
    limits: tuple[tuple[str, float, float], ...] = ()
    omitted: tuple[tuple[str, int, int, str], ...] = ()


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
    speech rate over the call.  ``greeting``: proper, missing or incomplete; ``closing``: proper, missing, cut_off (the
    customer hung up in mid-conversation) or handed_over (to a colleague, who ends the call: the truth says nothing of it).
    ``unheard``: the line is so bad that nobody could tell what is said on it.  ``holds_ms`` is silence before the first word and
    after the last.  ``judged``: the truth under a house's rule book, in place of the six checks of the default one.

    ``announcer_voice`` and ``third_voice`` speak the lines of ``N`` and ``T``; announcements and music are heard on the agent's side,
    a third party on ``third_side``.  ``same``: a mono mix on both channels of a stereo file; ``swapped``: the record names the other
    channel as the agent's; ``leak_db``: each channel also holds the other one, louder by so much (negative); ``dead``: the side (A or
    C) of which the recorder got nothing.
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
    judged: Judged | None = None
    announcer_voice: str = "Annie"
    third_voice: str = "adam"
    third_side: str = "A"
    same: bool = False
    swapped: bool = False
    leak_db: float | None = None
    dead: str = ""

    def __post_init__(self) -> None:
        if self.greeting not in ("proper", "missing", "incomplete") or self.closing not in ("proper", "missing", "cut_off", "handed_over"):
            raise ValueError(f"{self.file}: greeting {self.greeting!r}, closing {self.closing!r}")
        if abs(self.ring_s % 5 - 2.5) > 2.1:
            raise ValueError(f"{self.file}: an answer after {self.ring_s} s is too near to the start of a ring")
        if self.dead not in ("", "A", "C") or self.third_side not in ("A", "C") or (self.mono and (self.same or self.dead or self.leak_db)):
            raise ValueError(f"{self.file}: channels that there cannot be")
        known = CHECKS if self.judged is None else [rule for rule, *_ in (*self.judged.verdicts, *self.judged.limits)]
        if unknown := set(self.near) - set(known):
            raise ValueError(f"{self.file}: no such check: {unknown}")
