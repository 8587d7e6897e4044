"""Who is the agent: from the call record or the house's setting, else from what is said, else unknown; and who else is heard.

A pure step after transcription: it can be redone without audio.  A swapped speaker would blame an agent for the customer's words, so the
content decides only from a stated confidence on (``qa.role_settings``), and pieces of evidence against it count twice.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qa import announcements, set_apart
from qa.role_evidence import Hit, Said, found, third
from qa.role_settings import RoleSettings
from qa.speakers import MONO, speaker_of_channel
from qa.types import Call, CallRecord, Role, RoleAssignment, Roles, RoleStretch, Span, SpeakerTurns, Transcript, Utterance

CONTRADICTED = 0.993
"""From this confidence of the content on, with evidence on both channels, the record's channel is doubted: a sum of 5 and more, three
strong pieces.  The record is not overruled, the roles become unsure."""
FEWEST_CHARACTERS = 4
"""A further voice that says no more than this (嗯，好的) is left aside."""
PUT_THROUGH_MS = 8000
"""After a word of transferring and so long a silence of the agent somebody else may speak in the agent's place."""

_TRANSFER = re.compile("(我|帮您|给您|为您|替您).{0,8}(转接|转过去|转到|转给|转一下|接过去)|(转接|转过去|转给).{0,10}(别挂|稍等|稍候|拿好)")
_JOIN = re.compile("(拉|接|请|叫|加)(进来|进线|上线)|三方通话|三个人一起|一起(讲|说|听|通话)")
_BACK = re.compile("久等|占线|没人接|没有人接|接不通|转不过去|打不通|回来了")
_DEFAULT = RoleSettings()


@dataclass(frozen=True)
class Contradiction:
    """What is said speaks against the channel that the record or the house names: with which confidence (0-1) and why (Chinese)."""

    confidence: float
    reasons: tuple[str, ...]


def told(call: Call, settings: RoleSettings = _DEFAULT, voices: Mapping[str, float] | None = None) -> Call:
    """The call with its roles: announcements set apart, agent and customer assigned, and what follows a hand-over set apart as well.

    ``voices``: by speaker label, log-likelihood ratio that the voice is the enrolled agent's (``qa.voiceprints``); None: none is enrolled.
    """
    heard = call.as_heard
    machine = announcements.stretches(heard, settings.announcements)
    apart = set_apart.applied(replace(heard, roles=Roles((), machine)))
    roles = assign(apart.turns, apart.transcript, heard.record, settings, voices)
    return with_stretches(heard, roles, machine)


def with_stretches(call: Call, roles: Roles, machine: Sequence[RoleStretch]) -> Call:
    """The call (as it was heard) under ``roles``, with the stretches of ``machine`` and of whoever the call was handed over to."""
    apart = set_apart.applied(replace(call, roles=replace(roles, stretches=tuple(machine))))
    later, handed_over_ms = _handed_over(apart, machine)
    stretches = tuple(sorted([*machine, *later], key=lambda s: (s.span, s.speaker)))
    return set_apart.applied(replace(call, roles=replace(roles, stretches=stretches, handed_over_ms=handed_over_ms)))


def assign(
    turns: SpeakerTurns,
    transcript: Transcript,
    record: CallRecord | None,
    settings: RoleSettings = _DEFAULT,
    voices: Mapping[str, float] | None = None,
) -> Roles:
    """Roles of the speakers of a call, each with a confidence (0-1), its source and reasons.

    In stereo ``record.agent_channel``, else the house's setting, decides with confidence 1, unless what is said contradicts strongly.
    Otherwise the evidence of what is said decides, in stereo and for the voices of a mono recording alike; below ``settings.sure`` all
    are ``unknown`` and the roles' ``doubt`` says why.  Of mono without voices told apart all are ``unknown``.
    """
    if turns.method == "none":
        labels = sorted({t.speaker for t in turns.turns} - set(set_apart.LABELS.values()))
        return Roles(tuple(RoleAssignment(s, Role.UNKNOWN, 0.0, "content") for s in labels))
    case = _Case(turns, transcript, record, settings, voices or {})
    known = _known_channel(turns, record, settings)
    if known is not None:
        agent, source = known
        against = case.against(agent)
        if against is None:
            return _pair(agent, 1.0, source)
        name = "话单" if source == "record" else "规则书"
        doubt = f"疑似声道与{name}所写的相反（把握 {against.confidence:.1%}）：{'；'.join(against.reasons)}"
        return case.unsure(against.confidence, doubt)
    return case.decided()


def contradiction(
    turns: SpeakerTurns, transcript: Transcript, record: CallRecord | None, settings: RoleSettings = _DEFAULT
) -> Contradiction | None:
    """Whether what is said speaks strongly against the channel that record or setting give the agent; None: it does not, or none does."""
    known = _known_channel(turns, record, settings)
    return None if known is None else _Case(turns, transcript, record, settings, {}).against(known[0])


def _known_channel(turns: SpeakerTurns, record: CallRecord | None, settings: RoleSettings) -> tuple[int, str] | None:
    if turns.method != "channel":
        return None
    if record is not None and record.agent_channel is not None:
        return record.agent_channel, "record"
    return (settings.agent_channel - 1, "setting") if settings.agent_channel else None


def _pair(agent: int, confidence: float, source: str) -> Roles:
    return Roles(
        (
            RoleAssignment(speaker_of_channel(agent), Role.AGENT, confidence, source),
            RoleAssignment(speaker_of_channel(1 - agent), Role.CUSTOMER, confidence, source),
        )
    )


# ---------------------------------------------------------------- the evidence of a call


@dataclass(frozen=True)
class _Verdict:
    agent: str
    customer: str
    confidence: float
    alone: tuple[str, ...]
    """Further voices for which nothing speaks that they are a third party's."""


class _Case:
    """The evidence of one call, by speaker."""

    def __init__(
        self, turns: SpeakerTurns, transcript: Transcript, record: CallRecord | None, settings: RoleSettings, voices: Mapping[str, float]
    ) -> None:
        apart = (MONO, *set_apart.LABELS.values())
        own = [speaker_of_channel(c) for c in (0, 1)] if turns.method == "channel" else [s for s in turns.speakers if s not in apart]
        self.settings, self.labels = settings, own
        utterances: dict[str, list[Utterance]] = {}
        for one in transcript.utterances:
            utterances.setdefault(one.speaker, []).append(one)
        self.said = {s: Said(s, utterances.get(s, ())) for s in own}
        self.joined_ms = _joined_ms(transcript)
        house = settings.agent_phrases, settings.customer_phrases
        self.hits: dict[str, tuple[Hit, ...]] = {
            s: found(self.said[s], [o for other, o in self.said.items() if other != s], record, house, voices.get(s)) for s in own
        }
        self.third = {s: third(self.said[s], self.joined_ms) for s in own} if len(own) > 2 else dict.fromkeys(own, ())

    def _net(self, speaker: str) -> float:
        return sum(hit.weight for hit in self.hits[speaker])

    def _weighed(self, agent: str, customer: str) -> float:
        """Evidence for this pair less twice the evidence against it."""
        weights = [hit.weight for hit in self.hits[agent]] + [-hit.weight for hit in self.hits[customer]]
        return sum(w if w > 0 else 2 * w for w in weights)

    def against(self, agent: int) -> Contradiction | None:
        """What is said against channel ``agent`` being the agent's, where it is strong and comes from both channels."""
        mine, others = (speaker_of_channel(c) for c in (agent, 1 - agent))
        confidence = _sigmoid(self._weighed(others, mine))
        served = any(hit.weight > 0 for hit in self.hits[others])
        asked = any(hit.weight < 0 for hit in self.hits[mine])
        if confidence < CONTRADICTED or not served or not asked:
            return None
        return Contradiction(confidence, self._reasons(others) + self._reasons(mine))

    def _reasons(self, speaker: str) -> tuple[str, ...]:
        name = f"第 {int(speaker.removeprefix('ch')) + 1} 声道" if speaker.startswith("ch") else speaker
        return tuple(f"{name}{hit}" for hit in (*self.hits[speaker], *self.third[speaker]))

    # ------------------------------------------------------------ by content

    def decided(self) -> Roles:
        verdict = self._verdict()
        if verdict is None:
            return self.unsure(
                0.0, "说话人角色不确定：" + ("没有转写出任何话语" if not any(s.texts for s in self.said.values()) else "只有一个声音")
            )
        if verdict.alone:
            names = "、".join(verdict.alone)
            return self.unsure(verdict.confidence, f"说话人角色不确定：另有声音 {names}，分不清是第三方还是坐席、客户的一部分")
        sure = self.settings.sure
        if verdict.confidence < sure:
            return self.unsure(verdict.confidence, f"说话人角色不确定（把握 {verdict.confidence:.0%}，要求 {sure:.0%}）")
        roles = {verdict.agent: Role.AGENT, verdict.customer: Role.CUSTOMER}
        made = []
        for speaker in self.labels:
            role = roles.get(speaker, Role.THIRD_PARTY if self.third[speaker] else Role.UNKNOWN)
            confidence = verdict.confidence if role is not Role.UNKNOWN else 0.0
            made.append(RoleAssignment(speaker, role, confidence, "content", self._reasons(speaker)))
        return Roles(tuple(made))

    def unsure(self, confidence: float, doubt: str) -> Roles:
        made = (RoleAssignment(s, Role.UNKNOWN, round(confidence, 4), "content", self._reasons(s)) for s in self.labels)
        return Roles(tuple(made), doubt=f"{doubt}；请人工听辨后用 qa roles set 设定")

    def _verdict(self) -> _Verdict | None:
        """The likeliest pair, None where there are no two voices or nobody was understood."""
        real = [s for s in self.labels if len(self.labels) == 2 or self.said[s].characters > FEWEST_CHARACTERS]
        if len(real) < 2 or not any(self.said[s].texts for s in real):
            return None
        scored = sorted(((self._score(pair, real), pair) for pair in itertools.permutations(real, 2)), reverse=True)
        best, pair = scored[0]
        share = 1.0 / sum(math.exp(score - best) for score, _ in scored)
        alone = tuple(s for s in real if s not in pair and not self.third[s])
        return _Verdict(*pair, round(min(share, _sigmoid(self._weighed(*pair))), 4), alone)

    def _score(self, pair: tuple[str, str], real: Sequence[str]) -> float:
        """Logarithm of how likely all the evidence is if these two are agent and customer and the others third parties."""
        others = (sum(hit.weight for hit in self.third[s]) - 1.0 for s in real if s not in pair)
        return self._net(pair[0]) / 2 - self._net(pair[1]) / 2 + sum(others)


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, x))))


# ---------------------------------------------------------------- who takes over


def _joined_ms(transcript: Transcript) -> int | None:
    """When somebody was put through or asked to join for the first time."""
    label = set_apart.LABELS[Role.ANNOUNCEMENT]
    said = (u for u in transcript.utterances if u.speaker != label and (_TRANSFER.search(u.text) or _JOIN.search(u.text)))
    return min((u.span.end_ms for u in said), default=None)


def _handed_over(call: Call, machine: Sequence[RoleStretch]) -> tuple[list[RoleStretch], int | None]:
    """What is said in the agent's place after the agent has put the call through, and from when on; nothing where the agent stays."""
    agent = call.speaker(Role.AGENT)
    own = [u for u in call.transcript.utterances if u.speaker == agent] if agent is not None else []
    said = [u for u in own if _TRANSFER.search(u.text)]
    if not said or agent is None:
        return [], None
    left_ms = said[-1].span.end_ms
    after = [u for u in own if u.span.start_ms >= left_ms]
    thirds = [a.speaker for a in call.roles.assignments if a.role is Role.THIRD_PARTY]
    theirs = [u.span.start_ms for u in call.transcript.utterances if u.speaker in thirds and u.span.start_ms >= left_ms]
    if theirs and not any(u.span.start_ms > min(theirs) for u in after):
        return [], min(theirs)
    played = [s.span.end_ms for s in machine if "转接提示" in s.why or "排队提示" in s.why or "音乐" in s.why]
    start = next((u for u in after if _late(u, left_ms, played)), None)
    if start is None or _BACK.search("".join(u.text for u in after if u.span.start_ms < start.span.end_ms + PUT_THROUGH_MS)):
        return [], None
    introduced = any(hit.piece.id == "introduces" for hit in third(Said(agent, [start]), None)) or "您好" in start.text[:8]
    role, why = (Role.THIRD_PARTY, "转接以后自报身份的另一个人") if introduced else (Role.UNKNOWN, "转接以后不知是谁")
    return [RoleStretch(agent, Span(start.span.start_ms, call.audio.duration_ms), role, f"{why}：“{start.text[:20]}”")], start.span.start_ms


def _late(utterance: Utterance, left_ms: int, played: Sequence[int]) -> bool:
    """Whether something lies between the word of transferring and this: an announcement, music, or a long silence."""
    start = utterance.span.start_ms
    return start - left_ms >= PUT_THROUGH_MS or any(left_ms <= at <= start for at in played)
