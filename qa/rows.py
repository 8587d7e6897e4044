"""Rows of the database as frozen values, and the way from the one to the other."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from qa.clock import wall_clock
from qa.errors import StoreError
from qa.types import AudioInfo, CallRecord, CheckResult, Outcome, Provenance, Role, Scorecard, Span

if TYPE_CHECKING:
    from qa.bench import Card
    from qa.judgements import Result


class Kept(Protocol):
    """What a stored call is read from: see :class:`qa.ledger_calls.StoredCall`."""

    @property
    def call_id(self) -> str: ...
    @property
    def snapshot(self) -> bytes: ...
    @property
    def file(self) -> str: ...


@dataclass(frozen=True)
class CheckOutcome:
    """A check's outcome in a list of calls: ``points`` of ``weight``, None unless PASS or FAIL."""

    check_id: str
    title: str
    outcome: Outcome
    weight: float
    points: float | None


@dataclass(frozen=True)
class ScoredCall:
    """A call with its current scorecard in short.

    ``start`` is the record's first ring as written there; ``started`` the same as wall clock of UTC+8, None if unknown.
    ``percent`` is 0-100 or None (not scored), ``coverage`` 0-1; ``demo`` marks a result of the demonstration model.
    """

    call_id: str
    file: str
    agent_id: str | None
    agent_name: str
    team: str
    direction: str | None
    customer_number: str
    start: str | None
    started: str | None
    duration_ms: int
    scorecard_id: int
    percent: float | None
    coverage: float
    provenance: Provenance
    scored_at: str
    checks: tuple[CheckOutcome, ...]

    @property
    def demo(self) -> bool:
        return self.provenance.demo


@dataclass(frozen=True)
class AgentRow:
    """An agent who has calls.

    ``first`` and ``last`` are wall clock of UTC+8; ``demo`` if any result is of the demonstration model.
    """

    agent_id: str
    agent_name: str
    team: str
    calls: int
    first: str | None
    last: str | None
    demo: bool


@dataclass(frozen=True)
class SearchHit:
    """An utterance that contains the words sought."""

    call_id: str
    agent_id: str | None
    speaker: str
    role: Role
    span: Span
    text: str
    demo: bool


@dataclass(frozen=True)
class StoredScorecard:
    """One scorecard of a call's history; ``created`` is ISO 8601 UTC; ``standing`` is False for a proposal, also an accepted one."""

    id: int
    created: str
    scorecard: Scorecard
    standing: bool = True


def bound(value: str | date | None, upper: bool) -> str | None:
    """A limit of a period as wall clock; a bare date as ``until`` takes in the whole day."""
    if value is None:
        return None
    text = value if isinstance(value, str) else value.isoformat()
    try:
        if upper and len(text) <= len("2024-01-01"):
            text = (date.fromisoformat(text) + timedelta(days=1)).isoformat()
        return wall_clock(text)
    except (ValueError, OverflowError) as error:
        raise StoreError(text, "不是有效的日期", "请写成 2024-05-01 或 2024-05-01T09:00:00") from error


def period(since: str | date | None, until: str | date | None) -> tuple[str | None, str | None]:
    """First wall clock of a period and the first after it.

    Errors: :class:`StoreError` for text that is no date and for a period that ends before it begins.
    """
    low, high = bound(since, False), bound(until, True)
    if low is not None and high is not None and high <= low:
        raise StoreError(f"{since} 至 {until}", "时间段的终点早于起点", "请把 --since 和 --until 对调")
    return low, high


def to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def now_utc() -> str:
    """ISO 8601 UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def scorecard_row(scorecard: Card) -> dict[str, Any]:
    """The row's columns but for its results."""
    made = scorecard.provenance
    return {
        "call_id": scorecard.call_id,
        "agent_id": scorecard.agent_id,
        "percent": scorecard.percent,
        "coverage": scorecard.coverage,
        "rule_book": made.rule_book,
        "rule_book_version": made.rule_book_version,
        "demo": int(made.demo),
        "provenance_json": to_json(made),
        "notes_json": to_json(scorecard.notes),
        "call_notes_json": None if scorecard.call_notes is None else to_json(scorecard.call_notes),
    }


def call_row(audio: AudioInfo, record: CallRecord | None, call_id: str, agent_id: str | None) -> dict[str, Any]:
    """The row of ``calls``; what only a record tells is NULL without one."""
    told = (
        "agent_name",
        "team",
        "direction",
        "customer_number",
        "line_number",
        "start",
        "answer",
        "end",
        "hangup_by",
        "agent_channel",
    )
    return {
        **{name: getattr(record, name) if record else None for name in told},
        "call_id": call_id,
        "file": audio.path,
        "sha256": audio.sha256,
        "agent_id": agent_id or (record.agent_id if record else None),
        "started": wall_clock(record.moment) if record else None,
        "duration_ms": audio.duration_ms - audio.from_ms,
    }


def recording_row(audio: AudioInfo) -> dict[str, Any]:
    own = ("sha256", "container", "codec", "rate_hz", "channels")
    length = {"duration_ms": audio.duration_ms if audio.whole_ms is None else audio.whole_ms}
    return {**{name: getattr(audio, name) for name in own}, **length, "notes_json": to_json(audio.notes), "created": now_utc()}


def scored_call(row: dict[str, Any], checks: list[CheckOutcome]) -> ScoredCall:
    """A row of calls joined with its current scorecard."""
    kept = {f.name: row[f.name] for f in fields(ScoredCall) if f.name in row}
    texts = {name: row[name] or "" for name in ("agent_name", "team", "customer_number")}
    provenance = from_json(row["provenance_json"], Provenance)
    return ScoredCall(**kept | texts, provenance=provenance, checks=tuple(checks))


def check_outcome(result: Result) -> CheckOutcome:
    return CheckOutcome(result.check_id, result.title, result.outcome, result.weight, result.points)


def scorecard(row: dict[str, Any], results: tuple[CheckResult, ...]) -> Scorecard:
    provenance = from_json(row["provenance_json"], Provenance)
    notes = from_json(row["notes_json"], tuple[str, ...])
    return Scorecard(row["call_id"], row["agent_id"], row["percent"], row["coverage"], results, provenance, notes)


def search_hit(row: dict[str, Any]) -> SearchHit:
    span = Span(row["start_ms"], row["end_ms"])
    return SearchHit(row["call_id"], row["agent_id"], row["speaker"], Role(row["role"]), span, row["text"], bool(row["demo"]))


def from_json(text: str, type_: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=type_)
    except msgspec.MsgspecError as error:
        raise StoreError(str(type_), f"保存的数据已损坏（{error}）", "请重新运行评分") from error


def agents(found: Iterable[dict[str, Any]]) -> tuple[AgentRow, ...]:
    """Agents of calls in order of agent and time; name and team as in their latest call that tells them."""
    latest: dict[str, AgentRow] = {}
    for c in found:
        old = latest.get(c["agent_id"])
        latest[c["agent_id"]] = AgentRow(
            c["agent_id"],
            c["agent_name"] or (old.agent_name if old else ""),
            c["team"] or (old.team if old else ""),
            calls=1 + (old.calls if old else 0),
            first=(old.first if old else None) or c["started"],
            last=c["started"],
            demo=bool(c["demo"]) or (old is not None and old.demo),
        )
    return tuple(latest.values())


def index_characters(text: str) -> str:
    """Letters and digits only, each as its hexadecimal code point, apart: what the full-text index holds and is asked.

    Full width, case, spaces and punctuation make no difference.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(f"{ord(c):x}" for c in plain if c.isalnum())
