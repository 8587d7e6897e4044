"""Results of rules in the database: each rule's words and each set of findings lie there once, however many scorecards name them.

A scorecard's results are packed into one short text; what decided (outcome and how often) is in it, so that points can be counted, calls
compared and judgements taken over without a look at any finding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from qa import rows
from qa.database import Database
from qa.errors import StoreError
from qa.types import CheckResult, Finding, Outcome

REMEMBERED = 20_000
"""Judgements whose row is known without a question: many calls have the same findings where a rule does not apply."""
_DIGEST_BYTES = 16


class RuleWords(msgspec.Struct, frozen=True):
    """A rule as a result shows it: the fields of :class:`qa.types.CheckResult` by the same names."""

    fingerprint: str
    check_id: str
    title: str
    clause: str
    kind: str
    severity: str
    section: str | None


class Result(msgspec.Struct, frozen=True):
    """A rule's result on a call: with its ``findings``, or with the row of the ``judgement`` that holds them."""

    rule: RuleWords
    outcome: Outcome
    occurrences: int
    weight: float
    points: float | None
    judgement: int | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def check_id(self) -> str:
        return self.rule.check_id

    @property
    def title(self) -> str:
        return self.rule.title

    @property
    def clause(self) -> str:
        return self.rule.clause


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    rule: int
    judgement: int
    outcome: Outcome
    occurrences: int
    weight: float
    points: float | None


_unpack = msgspec.json.Decoder(tuple[_Packed, ...]).decode
_pack = msgspec.json.Encoder().encode


def short(result: CheckResult) -> Result:
    """A result as it is filed."""
    words = RuleWords(*(getattr(result, name) for name in RuleWords.__struct_fields__))
    return Result(words, result.outcome, result.occurrences, result.weight, result.points, None, result.findings)


class Judgements:
    """Packs results and unpacks them; packing writes, inside a transaction of the caller's."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._rules: dict[int, RuleWords] = {}
        self._rule_ids: dict[RuleWords, int] = {}
        self._known: dict[bytes, int] = {}
        db.rolled_back.append(self._forget)

    def _forget(self) -> None:
        for remembered in (self._rules, self._rule_ids, self._known):
            remembered.clear()

    # ------------------------------------------------------------ packing

    def pack(self, results: Iterable[Result]) -> str:
        packed = [
            _Packed(
                self._rule_ids.get(r.rule) or self._rule_id(r.rule),
                self._judgement(r.findings) if r.judgement is None else r.judgement,
                r.outcome,
                r.occurrences,
                r.weight,
                r.points,
            )
            for r in results
        ]
        return _pack(packed).decode()

    def _rule_id(self, words: RuleWords) -> int:
        values = msgspec.structs.asdict(words)
        self._rule_ids[words] = self._once("judged_rules", _digest(_pack(list(values.values()))), values)
        return self._rule_ids[words]

    def _judgement(self, findings: Sequence[Finding]) -> int:
        text = _pack(findings)
        digest = _digest(text)
        if digest not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[digest] = self._once("judgements", digest, {"findings_json": text.decode()})
        return self._known[digest]

    def _once(self, table: str, digest: bytes, row: dict[str, Any]) -> int:
        """The row with this digest, made if there is none."""
        found = self._db.rows(f"select id from {table} where digest = ?", digest)
        return int(found[0]["id"]) if found else self._db.insert(table, row | {"digest": digest})

    # ------------------------------------------------------------ unpacking

    def unpack(self, text: str) -> tuple[Result, ...]:
        """Without the findings."""
        try:
            packed = _unpack(text)
            known, words = self._rules.get, self._words
            return tuple(
                [Result(known(p.rule) or words(p.rule), p.outcome, p.occurrences, p.weight, p.points, p.judgement) for p in packed]
            )
        except msgspec.MsgspecError as error:
            raise StoreError("评分", f"保存的数据已损坏（{error}）", "请从备份恢复数据库") from error

    def _words(self, rule_id: int) -> RuleWords:
        found = self._db.rows("select * from judged_rules where id = ?", rule_id)
        if not found:
            raise StoreError("评分", f"保存的数据不全（没有规则 {rule_id}）", "请从备份恢复数据库")
        words = RuleWords(*(found[0][name] for name in RuleWords.__struct_fields__))
        self._rules[rule_id] = words
        return words

    def whole(self, text: str) -> tuple[CheckResult, ...]:
        """With the findings."""
        results = self.unpack(text)
        marks = ", ".join("?" * len(results))
        found = self._db.rows(f"select id, findings_json from judgements where id in ({marks})", *(r.judgement for r in results))
        findings = {row["id"]: rows.from_json(row["findings_json"], tuple[Finding, ...]) for row in found}
        if any(r.judgement not in findings for r in results):
            raise StoreError("评分", "保存的数据不全（没有所依据的发现）", "请从备份恢复数据库")
        return tuple(
            CheckResult(
                **msgspec.structs.asdict(r.rule),
                outcome=r.outcome,
                weight=r.weight,
                points=r.points,
                findings=findings[r.judgement],
            )
            for r in results
        )


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:_DIGEST_BYTES]
