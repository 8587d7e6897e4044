"""三声铃响内接听 · Pickup within three rings

What is asked
    An incoming call is answered within ``max_rings`` rings.

How it is measured
    A ring begins at 0, ``ring_s``, 2 ``ring_s`` … after the first (China: 1 s on, 4 s off).  Counted are the rings that had *begun before*
    the answer, at least one: answered after 9.9 s in the 2nd ring, after 10.000 s still 2, after 10.001 s 3.  Two sources:

    * the call record: ``start`` (first ring) to ``answer``;
    * the recording: bursts of ringback tone that began before the agent's first word (a burst heard on both channels counts once; a burst
      drowned between two others is counted by the cadence).  No tone at all says nothing: many switches record from the answer on,
      and a coloured ringback is no tone.

    Where both speak they must agree.  One ring apart is no conflict if the answer lies within ``error_s`` of a ring's beginning (the
    tone of a ring just begun is too short to be found) and both give the same verdict.  Any other difference is inconclusive and shows
    both.  With one source that one decides; over the limit by less than ``error_s`` is inconclusive.

    A switch that writes whole seconds may be wrong by one: where the answer could as well lie on the other side of the limit, nothing is
    ruled.  The tones of a recorder that is known to start at the answer are those of another call (a transfer) and count for nothing.

Why
    Callers judge a house by how long it lets them wait; three rings is the usual promise.

Not applicable
    Outgoing calls.

Not covered
    Waiting in a queue or a voice menu that answered first (then ``answer`` is the machine's); calls that nobody answered; recordings
    without a call record, as nothing says who called whom.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from qa.callfacts import bridged, elapsed_ms, inconclusive, one
from qa.check_examples import Example, Scene
from qa.checks import Limits
from qa.types import Call, Evidence, Finding, Outcome, Role, Span

TITLE = "三声铃响内接听"
TITLE_EN = "Pickup within three rings"
LIMITS = (Limits("rings", high="max_rings"),)


@dataclass(frozen=True)
class Params:
    """``max_rings`` allowed; ``ring_s`` from ring to ring; ``error_s`` of the times of answer and ring."""

    max_rings: int = 3
    ring_s: float = 5.0
    error_s: float = 0.2

    def __post_init__(self) -> None:
        if self.max_rings < 1:
            raise ValueError(f"max_rings 应不小于 1，现为 {self.max_rings}")
        if self.ring_s <= 0:
            raise ValueError(f"ring_s 应大于 0，现为 {self.ring_s:g}")
        if not 0 <= self.error_s < self.ring_s / 2:
            raise ValueError(f"error_s 应不小于 0 且小于 ring_s 的一半，现为 {self.error_s:g}")


def rings_begun(wait_ms: int, ring_s: float) -> int:
    """Rings begun before an answer ``wait_ms`` after the first ring began; the first always counts."""
    return max(1, math.ceil(wait_ms / (ring_s * 1000) - 1e-9))


def run(call: Call, params: Params) -> Iterator[Finding]:
    """One finding.  Values: rings, rings_record, rings_audio, wait_s."""
    record = call.record
    if record is None:
        yield inconclusive("没有话单，不知是呼入还是呼出，无法判定接听铃声数")
        return
    if record.direction == "out":
        yield one(Outcome.NOT_APPLICABLE, "呼出电话，不适用接听铃声数")
        return
    wait_ms = elapsed_ms(record.start, record.answer)
    evidence = _evidence(call, params)
    by_audio = None if record.recorded_from == "answer" else rings_heard(call, params.ring_s)
    if wait_ms is not None and wait_ms < 0:
        yield inconclusive(f"话单的接听时刻早于振铃 {-wait_ms / 1000:.1f} 秒，话单有误，无法判定", evidence, rings_audio=by_audio)
        return
    by_record = None if wait_ms is None else rings_begun(wait_ms, params.ring_s)
    yield _judge(params, wait_ms, by_record, by_audio, evidence, record.precision_ms)


def _judge(
    params: Params, wait_ms: int | None, by_record: int | None, by_audio: int | None, evidence: Evidence, precision_ms: int
) -> Finding:
    rings = by_record if by_record is not None else by_audio
    if rings is None:
        return inconclusive("话单没有振铃和接听时刻，录音里也没有回铃音，无法判定接听铃声数", evidence)
    wait_s = None if wait_ms is None else round(wait_ms / 1000, 3)
    values = {"rings": rings, "rings_record": by_record, "rings_audio": by_audio, "wait_s": wait_s}
    sources = []
    if wait_ms is not None:
        sources.append(f"话单：振铃 {wait_ms / 1000:.1f} 秒后接听，{by_record} 声")
    if by_audio is not None:
        sources.append(f"录音：听到回铃音 {by_audio} 声")
    shown = "；".join(sources)
    if by_record is not None and by_audio is not None and _conflict(params, wait_ms or 0, by_record, by_audio):
        return inconclusive(f"话单与录音矛盾，需人工复核。{shown}", evidence, **values)
    limit_ms = params.max_rings * params.ring_s * 1000
    if wait_ms is not None and by_audio is None and precision_ms and abs(wait_ms - limit_ms) < precision_ms:
        told = f"话单的时刻精确到 {precision_ms / 1000:g} 秒，离规定不到这么多，不作判定"
        return inconclusive(f"{told}。{shown}", evidence, **values)
    if rings <= params.max_rings:
        return one(Outcome.PASS, f"铃响 {rings} 声接听，规定 {params.max_rings} 声之内。{shown}", evidence, **values)
    if wait_ms is not None and by_audio is None and wait_ms - limit_ms < params.error_s * 1000 + precision_ms:
        error_s = params.error_s + precision_ms / 1000
        return inconclusive(f"超过规定不到 {error_s:g} 秒，在时刻误差之内，不作判定。{shown}", evidence, **values)
    return one(Outcome.FAIL, f"铃响 {rings} 声才接听，规定 {params.max_rings} 声之内。{shown}", evidence, **values)


def _conflict(params: Params, wait_ms: int, by_record: int, by_audio: int) -> bool:
    if by_record == by_audio:
        return False
    ring_ms = params.ring_s * 1000
    from_edge = abs(wait_ms - ring_ms * round(wait_ms / ring_ms))
    same_verdict = (by_record <= params.max_rings) == (by_audio <= params.max_rings)
    return abs(by_record - by_audio) > 1 or from_edge > params.error_s * 1000 or not same_verdict


def _first_word_ms(call: Call) -> int | None:
    """Start of the agent's first words; of anybody's where the agent is not known."""
    said = call.utterances(Role.AGENT) if call.speaker(Role.AGENT) is not None else call.transcript.utterances
    return min((utterance.span.start_ms for utterance in said), default=None)


def _bursts(call: Call) -> tuple[Span, ...]:
    """Ringback bursts before the first word, one a ring (heard on either channel)."""
    until = _first_word_ms(call)
    tones = (tone.span for tone in call.acoustics.tones if tone.kind == "ringback")
    return bridged((span for span in tones if until is None or span.start_ms < until), 0)


def rings_heard(call: Call, ring_s: float) -> int | None:
    """Rings by the ringback tone, None where none is heard."""
    bursts = _bursts(call)
    if not bursts:
        return None
    by_cadence = round((bursts[-1].start_ms - bursts[0].start_ms) / (ring_s * 1000)) + 1
    return max(len(bursts), by_cadence)


def _evidence(call: Call, params: Params) -> Evidence:
    """From the recording's start to the agent's first word (no word: one ring after the last tone, or what there is)."""
    end = _first_word_ms(call)
    if end is None:
        bursts = _bursts(call)
        end = bursts[-1].start_ms + round(params.ring_s * 1000) if bursts else call.audio.duration_ms
    return Evidence(Span(0, min(end, call.audio.duration_ms)), Role.AGENT)


def _scene(wait_s: float | None, rings: tuple[float, ...] = (), **more: object) -> Scene:
    first = rings[-1] + 2.0 if rings else 0.5
    script = f"坐席 {first}-{first + 3} 您好，华宁通信。\n客户 {first + 4}-{first + 6} 我想查话费。"
    return Scene(script, wait_s=wait_s, rings=rings, **more)  # type: ignore[arg-type]


EXAMPLES = (
    Example("in the second ring", _scene(6.7), Outcome.PASS, (0, 500), (("rings", 2), ("wait_s", 6.7), ("rings_audio", None))),
    Example("three rings exactly", _scene(15.0), Outcome.PASS, (0, 500), (("rings", 3),)),
    Example("record and tones agree", _scene(12.0, (0.0, 5.0, 10.0)), Outcome.PASS, (0, 12000), (("rings", 3), ("rings_audio", 3))),
    Example("tones alone", _scene(None, (0.0, 5.0)), Outcome.PASS, (0, 7000), (("rings", 2), ("rings_record", None))),
    Example("the third tone cut off by the answer", _scene(10.1, (0.0, 5.0)), Outcome.PASS, (0, 7000), (("rings_record", 3),)),
    Example("four rings by the record", _scene(17.1), Outcome.FAIL, (0, 500), (("rings", 4),)),
    Example("four rings by both", _scene(17.0, (0.0, 5.0, 10.0, 15.0)), Outcome.FAIL, (0, 17000), (("rings", 4),)),
    Example("five rings by tones alone", _scene(None, (0.0, 5.0, 10.0, 15.0, 20.0)), Outcome.FAIL, (0, 22000), (("rings", 5),)),
    Example("mono still has its record", _scene(17.1, mono=True), Outcome.FAIL, (0, 500), (("rings", 4),)),
    Example("outgoing", _scene(30.0, direction="out"), Outcome.NOT_APPLICABLE),
    Example("record and tones in conflict", _scene(6.0, (0.0, 5.0, 10.0, 15.0, 20.0)), Outcome.INCONCLUSIVE, (0, 22000)),
    Example("over by less than the error", _scene(15.1), Outcome.INCONCLUSIVE),
    Example("no times and no tones", _scene(None), Outcome.INCONCLUSIVE),
    Example("answered before it rang", _scene(-3.0), Outcome.INCONCLUSIVE),
    Example("no call record", _scene(None, (0.0, 5.0), record=False), Outcome.INCONCLUSIVE),
)
