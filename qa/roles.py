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
from qa.callfacts import bridged, gaps
from qa.role_evidence import Hit, Said, bearing, found, third
from qa.role_settings import SUREST, RoleSettings, confidence_text
from qa.speakers import MONO, speaker_of_channel
from qa.types import Call, CallRecord, Role, RoleAssignment, Roles, RoleStretch, Span, SpeakerTurns, Transcript, Utterance, VoiceRatios
from qa.voice_doubt import Voices

CONTRADICTED = 0.993
"""From this confidence of the content on, with evidence on both channels, the record's channel is doubted: a sum of 5 and more, three
strong pieces.  The record is not overruled, the roles become unsure."""
FEWEST_CHARACTERS = 4
"""A further voice that says no more than this (嗯，好的) is left aside."""
PUT_THROUGH_MS = 8000
"""After a word of transferring and so long a time in which nobody speaks somebody else may speak in the agent's place."""

AGENT_STRANGE, CUSTOMER_STRANGE = 0.1, 0.25
"""Of a voice that sounds like somebody else: from this share on it is two persons' for certain enough that nobody is who.  Measured on the
mono mixes of the samples: a voice of one person has up to 0.07 (the customer's, who says less, 0.11).  What is put down to the agent costs
the agent money; what the customer's voice has of the agent's words is only not found (``qa.any_voice``)."""
AGAINST = -1.0
"""What is found in the agent's voice and weighs so much speaks for the customer's words being in it."""
STRANGE_MS = 2000
"""Less of it says nothing of that."""

_SERVED = "(?:帮|给|为|替)您"
_THE_CALL = f"(?:{_SERVED}|电话|来电|您(?!的))"
_TRANSFER = re.compile(
    f"(?:我|{_SERVED}).{{0,8}}(?:转接|接过去)|{_THE_CALL}.{{0,8}}(?:转过去|转到|转给|转一下)|我[这就先马上来]{{0,3}}转一下"
    "|(?:转接|转过去|转给).{0,10}(?:别挂|稍等|稍候|拿好)"
)
_OTHER_THING = re.compile(
    "(?:把|将)(?!(?:您的?|你的?|客户的?|这个|这通)?(?:电话|来电|通话)|您(?!的)|客户(?!的)).{0,8}转"
    "|(?:情况|问题|单子?|材料|资料|信息|诉求|要求|意见|投诉|记录|申请|反馈|费|款|钱)[^您]{0,6}转(?!接)"
)
"""What is passed on there is not the call."""
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

    ``voices``: by speaker label, log-likelihood ratio that the voice is that of the call's agent, who is enrolled (``qa.voiceprints``);
    none: as kept with the call (``Roles.voices``), which counts as long as it is the same agent's.
    """
    heard = call.as_heard
    agent_id = heard.record.agent_id if heard.record is not None else ""
    kept = VoiceRatios(agent_id, tuple(sorted(voices.items()))) if voices else heard.roles.voices
    machine = announcements.stretches(heard, settings.announcements)
    apart = set_apart.applied(replace(heard, roles=Roles((), machine)))
    ratios = dict(kept.by_speaker) if kept is not None and kept.agent_id == agent_id else {}
    roles = assign(apart.turns, apart.transcript, heard.record, settings, ratios)
    return with_stretches(heard, replace(roles, voices=kept), machine)


def with_stretches(call: Call, roles: Roles, machine: Sequence[RoleStretch], handed_over: bool = True) -> Call:
    """The call (as it was heard) under ``roles``, with the stretches of ``machine`` and, unless ``handed_over`` says that it is not to be
    looked for, of whoever the call was handed over to."""
    apart = set_apart.applied(replace(call, roles=replace(roles, stretches=tuple(sorted(machine, key=_by_time)))))
    later, handed_over_ms = _handed_over(apart, machine) if handed_over else ([], None)
    stretches = tuple(sorted([*_until(machine, later), *later], key=_by_time))
    return set_apart.applied(replace(call, roles=replace(roles, stretches=stretches, handed_over_ms=handed_over_ms)))


def _by_time(stretch: RoleStretch) -> tuple[Span, str]:
    return stretch.span, stretch.speaker


def _until(known: Sequence[RoleStretch], later: list[RoleStretch]) -> list[RoleStretch]:
    """What is known, up to where somebody else took over; further voices of the agent (``Role.AGENT``) are that one's from then on too."""
    if not later:
        return list(known)
    after = later[0]
    own = [one for one in known if one.role is Role.AGENT]
    kept = [replace(one, span=Span(one.span.start_ms, min(one.span.end_ms, after.span.start_ms))) for one in own if one.span < after.span]
    later += [replace(after, speaker=speaker) for speaker in dict.fromkeys(one.speaker for one in own)]
    return [*(one for one in known if one.role is not Role.AGENT), *kept]


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
        doubt = f"疑似声道与{name}所写的相反（把握 {confidence_text(against.confidence)}）：{'；'.join(against.reasons)}"
        return case.unsure(against.confidence, doubt)
    return case.decided()


def contradiction(
    turns: SpeakerTurns, transcript: Transcript, record: CallRecord | None, settings: RoleSettings = _DEFAULT
) -> Contradiction | None:
    """Whether what is said speaks strongly against the channel that record or setting give the agent; None: it does not, or none does."""
    known = _known_channel(turns, record, settings)
    return None if known is None else _Case(turns, transcript, record, settings, {}).against(known[0])


def bearings(call: Call, given: Mapping[str, Role], settings: RoleSettings = _DEFAULT) -> dict[str, tuple[Span, ...]]:
    """By speaker label, where the words are that speak for the role that a person has given; none in stereo."""
    case = _Case(call.turns, call.transcript, call.record, settings, {})
    return {speaker: case.bearing(speaker, role) for speaker, role in given.items() if speaker in case.said}


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
        self.settings, self.labels, self.diarized = settings, own, turns.diarized
        self.compared = turns if turns.alike is not None else None
        utterances: dict[str, list[Utterance]] = {}
        for one in transcript.utterances:
            utterances.setdefault(one.speaker, []).append(one)
        self.said = {s: Said(s, utterances.get(s, ())) for s in own}
        self.joined_ms = _joined_ms(transcript)
        house = settings.agent_phrases, settings.customer_phrases
        self.hits: dict[str, tuple[Hit, ...]] = {
            s: found(self.said[s], [o for other, o in self.said.items() if other != s], record, house, voices.get(s)) for s in own
        }
        self.third = {s: third(self.said[s], self.joined_ms) for s in own} if len(own) > 2 or turns.diarized else dict.fromkeys(own, ())

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
            return self._of_one_voice()
        if verdict.alone:
            names = "、".join(verdict.alone)
            return self.unsure(verdict.confidence, f"说话人角色不确定：另有声音 {names}，分不清是第三方还是坐席、客户的一部分")
        late = [s for s in self.labels if any(hit.piece.id == "joins" for hit in self.third[s])]
        if len(self.labels) == 2 and late:
            told = f"说话人角色不确定：声音 {late[0]} 在转接或邀请第三方之后才出现，两个声音里可能不止两个人"
            return self.unsure(verdict.confidence, told)
        sure = self.settings.sure
        if verdict.confidence < sure:
            return self.unsure(verdict.confidence, f"说话人角色不确定（把握 {confidence_text(verdict.confidence)}，要求 {sure:.0%}）")
        if self.diarized and (mixed := self._mixed(verdict)) is not None:
            cure = "请人工听辨后用 qa roles set 设定，不止一个人的声音设为 mixed"
            return self.unsure(verdict.confidence, f"说话人角色不确定：{mixed}", cure)
        roles = {verdict.agent: Role.AGENT, verdict.customer: Role.CUSTOMER}
        made = []
        for speaker in self.labels:
            role = roles.get(speaker, Role.THIRD_PARTY if self.third[speaker] else Role.UNKNOWN)
            confidence = verdict.confidence if role is not Role.UNKNOWN else 0.0
            made.append(RoleAssignment(speaker, role, confidence, "content", self._reasons(speaker), self.bearing(speaker, role)))
        return Roles(tuple(made))

    def bearing(self, speaker: str, role: Role) -> tuple[Span, ...]:
        """Where the words are that speak for the role of agent or customer, in a recording whose voices had to be told apart."""
        sign = {Role.AGENT: 1, Role.CUSTOMER: -1}.get(role, 0)
        return bearing(self.said[speaker], (h for h in self.hits[speaker] if sign * h.weight > 0)) if self.diarized and sign else ()

    def unsure(self, confidence: float, doubt: str, cure: str = "请人工听辨后用 qa roles set 设定") -> Roles:
        made = (RoleAssignment(s, Role.UNKNOWN, round(confidence, 4), "content", self._reasons(s)) for s in self.labels)
        return Roles(tuple(made), doubt=f"{doubt}；{cure}")

    def _of_one_voice(self) -> Roles:
        if not any(said.texts for said in self.said.values()):
            return self.unsure(0.0, "说话人角色不确定：没有转写出任何话语")
        if not self.diarized or len(self.labels) > 1:
            return self.unsure(0.0, "说话人角色不确定：只有一个声音")
        told = "说话人角色不确定：只分出一个声音，坐席和客户可能都在里面，不能设为其中一方"
        return self.unsure(0.0, told, "请人工听辨；确实从头到尾只有一个人说话，才用 qa roles set … --alone 设定")

    def _mixed(self, verdict: _Verdict) -> str | None:
        """Why the agent's or the customer's voice is likely two persons' (Chinese): by its sound, or as words of the other side are in the
        agent's voice and do not sound like the agent for certain."""
        against = bearing(self.said[verdict.agent], (hit for hit in self.hits[verdict.agent] if hit.weight <= AGAINST))
        reasons = "；".join(str(hit) for hit in self.hits[verdict.agent] if hit.weight <= AGAINST)
        odd = f"坐席的声音 {verdict.agent} 里有客户的话，可能混了两个人：{reasons}"
        if self.compared is None:
            return odd if against else None
        roles = ((verdict.agent, Role.AGENT, AGENT_STRANGE), (verdict.customer, Role.CUSTOMER, CUSTOMER_STRANGE))
        voices = Voices(self.compared, {speaker: self.bearing(speaker, role) for speaker, role, _ in roles})
        for speaker, _, limit in roles:
            strange, whole = voices.strange_ms(speaker)
            if strange >= STRANGE_MS and strange >= limit * whole:
                return f"声音 {speaker} 里约有 {strange / whole:.0%} 听起来是另一个人，可能混了两个人"
        return odd if any(not voices.surely(verdict.agent, place) for place in against) else None

    def _verdict(self) -> _Verdict | None:
        """The likeliest pair, None where there are no two voices or nobody was understood."""
        real = [s for s in self.labels if len(self.labels) == 2 or self.said[s].characters > FEWEST_CHARACTERS]
        if len(real) < 2 or not any(self.said[s].texts for s in real):
            return None
        scored = sorted(((self._score(pair, real), pair) for pair in itertools.permutations(real, 2)), reverse=True)
        best, pair = scored[0]
        share = 1.0 / sum(math.exp(score - best) for score, _ in scored)
        alone = tuple(s for s in real if s not in pair and not self.third[s])
        return _Verdict(*pair, round(min(SUREST, share, _sigmoid(self._weighed(*pair))), 4), alone)

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
    said = (u for u in transcript.utterances if u.speaker != label and (_transfers(u.text) or _JOIN.search(u.text)))
    return min((u.span.end_ms for u in said), default=None)


def _transfers(text: str) -> bool:
    """Whether the call itself is put through, not a complaint or a slip passed on."""
    return any(not _OTHER_THING.search(text[: found.end()]) for found in _TRANSFER.finditer(text))


def _handed_over(call: Call, machine: Sequence[RoleStretch]) -> tuple[list[RoleStretch], int | None]:
    """What is said in the agent's place after the agent has put the call through, and from when on; nothing where the agent stays."""
    agent = call.speaker(Role.AGENT)
    own = [u for u in call.transcript.utterances if u.speaker == agent] if agent is not None else []
    said = [u for u in own if _transfers(u.text)]
    if not said or agent is None:
        return [], None
    left_ms = said[-1].span.end_ms
    after = [u for u in own if u.span.start_ms >= left_ms]
    thirds = [a.speaker for a in call.roles.assignments if a.role is Role.THIRD_PARTY]
    theirs = [u.span.start_ms for u in call.transcript.utterances if u.speaker in thirds and u.span.start_ms >= left_ms]
    if theirs and not any(u.span.start_ms > min(theirs) for u in after):
        return [], min(theirs)
    played = [s.span.end_ms for s in machine if "转接提示" in s.why or "排队提示" in s.why or "音乐" in s.why]
    others = bridged((turn.span for turn in call.turns.turns if turn.speaker != agent), 0)
    start = next((u for u in after if _late(u, left_ms, played, others)), None)
    if start is None or _BACK.search("".join(u.text for u in after if u.span.start_ms < start.span.end_ms + PUT_THROUGH_MS)):
        return [], None
    introduced = any(hit.piece.id == "introduces" for hit in third(Said(agent, [start]), None)) or "您好" in start.text[:8]
    role, why = (Role.THIRD_PARTY, "转接以后自报身份的另一个人") if introduced else (Role.UNKNOWN, "转接以后不知是谁")
    return [RoleStretch(agent, Span(start.span.start_ms, call.audio.duration_ms), role, f"{why}：“{start.text[:20]}”")], start.span.start_ms


def _late(utterance: Utterance, left_ms: int, played: Sequence[int], others: Sequence[Span]) -> bool:
    """Whether something lies between the word of transferring and this: an announcement, music, or a long time in which nobody speaks."""
    start = utterance.span.start_ms
    if any(left_ms <= at <= start for at in played):
        return True
    return start > left_ms and sum(span.duration_ms for span in gaps(others, Span(left_ms, start))) >= PUT_THROUGH_MS
