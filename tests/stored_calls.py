"""Calls and scorecards for the tests of storing, counting and exporting: small, whole, and valid."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from qa.rows import to_json
from qa.store import Store
from qa.types import (
    Acoustics,
    AudioInfo,
    Call,
    CallRecord,
    ChannelAcoustics,
    CheckResult,
    Edge,
    Evidence,
    Finding,
    Outcome,
    Provenance,
    Role,
    RoleAssignment,
    Roles,
    Scorecard,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    SpeechActivity,
    Tone,
    Transcript,
    Utterance,
    Word,
)

AGENT_SAYS, CUSTOMER_SAYS = "您好，很高兴为您服务。", "我要投诉，我的电话是13812345678。"


def record(call_id: str = "C1", agent_id: str = "8001", start: str | None = "2024-05-01T09:00:00.000", **other: str) -> CallRecord:
    texts = {
        "agent_name": "李敏",
        "team": "一组",
        "direction": "in",
        "customer_number": "13812345678",
        "line_number": "4001",
    } | other
    return CallRecord(
        file=f"{call_id}.wav", call_id=call_id, agent_id=agent_id, start=start, answer=None, end=None, hangup_by="customer",
        agent_channel=0, **texts,
    )  # fmt: skip


def _utterance(speaker: str, start_ms: int, text: str) -> Utterance:
    words = tuple(Word(c, Span(start_ms + 100 * i, start_ms + 100 * (i + 1)), 0.875) for i, c in enumerate(text))
    return Utterance(speaker, int(speaker[-1]), Span(start_ms, start_ms + 100 * len(text)), words)


def call(
    call_id: str = "C1", agent_id: str = "8001", start: str | None = "2024-05-01T09:00:00.000", *, says: str = AGENT_SAYS,
    demo: bool = True, with_record: bool = True, seed: int = 7, frames: int = 200, **other: str,
) -> Call:  # fmt: skip
    """A stereo call in which the agent (channel 0) greets and the customer (channel 1) answers."""
    agent, customer = _utterance("ch0", 300, says), _utterance("ch1", 2400, CUSTOMER_SAYS)
    rng = np.random.default_rng(seed)
    tracks = [rng.standard_normal(frames).astype(np.float32) for _ in range(4)]
    channels = tuple(ChannelAcoustics(-26.03, 0.5, -3.01, 0.0, -62.5, None, 10, tracks[2 * i], np.abs(tracks[2 * i + 1])) for i in (0, 1))
    assignments = (RoleAssignment("ch0", Role.AGENT, 1.0, "record"), RoleAssignment("ch1", Role.CUSTOMER, 1.0, "record"))
    sha256 = hashlib.sha256(call_id.encode()).hexdigest()
    return Call(
        audio=AudioInfo(f"/calls/{call_id}.wav", sha256, "wav", "pcm_alaw", 8000, 2, 9000, ("文件头长度有误",)),
        activity=SpeechActivity(((agent.span,), (customer.span,)), "webrtcvad"),
        turns=SpeakerTurns("channel", (SpeakerTurn("ch0", 0, agent.span), SpeakerTurn("ch1", 1, customer.span))),
        transcript=Transcript("demo@1", demo, (agent, customer), (Edge("opening", "ch0", Span(0, 3000), agent.words),)),
        acoustics=Acoustics(channels, (Tone("ringback", 1, Span(0, 1000), 450.0, -20.5),)),
        roles=Roles(assignments),
        record=record(call_id, agent_id, start, **other) if with_record else None,
    )


def result(check_id: str, outcome: Outcome, weight: float = 10.0) -> CheckResult:
    points = {Outcome.PASS: weight, Outcome.FAIL: 0.0}.get(outcome)
    evidence = (Evidence(Span(300, 900), Role.AGENT, "您好"), Evidence(Span(2400, 3000), Role.CUSTOMER, CUSTOMER_SAYS))
    values = (("rate_cpm", 173.39285714285714), ("rings", 3), ("phrase", "=1+1"), ("limit_ms", None))
    finding = Finding(outcome, f"{check_id}：已检查", evidence, values)
    return CheckResult(check_id, f"检查{check_id}", f"条款 {check_id}", outcome, weight, points, (finding,))


def scorecard(of: Call, call_id: str = "C1", percent: float | None = 50.0, *outcomes: Outcome, version: str = "1",
              coverage: float = 1.0) -> Scorecard:  # fmt: skip
    results = tuple(result(f"k{i}", outcome) for i, outcome in enumerate(outcomes or (Outcome.PASS, Outcome.FAIL)))
    models = (("asr", of.transcript.model), ("activity", "webrtcvad"))
    provenance = Provenance(of.audio.sha256, models, "default", version, "0.1.0", of.transcript.demo)
    return Scorecard(call_id, of.record.agent_id if of.record else None, percent, coverage, results, provenance, ("注意",))


def save(store: Store, call_id: str = "C1", agent_id: str = "8001", start: str | None = "2024-05-01T09:00:00.000",
         percent: float | None = 50.0, **other: str) -> tuple[Call, Scorecard]:  # fmt: skip
    one = call(call_id, agent_id, start, **other)
    card = scorecard(one, call_id, percent)
    store.save_call(one, card)
    return one, card


def older_rows(store: Store, *tables: str) -> dict[str, list[dict[str, Any]]]:
    """Rows of ``tables`` as a program of before results were packed kept them, with its tables of results and findings."""
    rows: dict[str, list[dict[str, Any]]] = {table: store._db.rows(f"select * from {table}") for table in tables}
    results: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    for call_id in {row["call_id"] for row in rows["calls"]}:
        for kept in store.history(call_id):
            for position, result in enumerate(kept.scorecard):
                plain = {name: value for name, value in vars(result).items() if name not in ("findings", "fingerprint")}
                results.append(plain | {"id": len(results) + 1, "scorecard_id": kept.id, "position": position})
                for place, finding in enumerate(result.findings):
                    row = {"check_result_id": len(results), "position": place, "outcome": finding.outcome, "message": finding.message}
                    row |= {"evidence_json": to_json(finding.evidence), "values_json": to_json(finding.values)}
                    findings.append(row | {"id": len(findings) + 1})
    return rows | {"check_results": results, "findings": findings}
