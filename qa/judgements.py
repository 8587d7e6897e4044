"""Results of rules in the database: each rule's words and each set of findings lie there once, however many scorecards name them.

A scorecard's results are packed into one short text; what decided (outcome and how often) is in it, so that points can be counted, calls
compared and judgements taken over without a look at any finding.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec

from qa import rows
from qa.database import Database
from qa.errors import StoreError
from qa.types import CheckResult, Finding, Outcome

REMEMBERED = 20_000
"""Judgements whose row is known without a question: many calls have the same findings where a rule does not apply."""
LATELY = 64
"""Scorecards whose results are at hand as they were unpacked last."""
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
    """A rule's result on a call: with its ``findings``, or with the row of the ``judgement`` that holds them.

    ``verdict``, ``machine`` and ``outgrown``: as of :class:`qa.types.CheckResult`.
    """

    rule: RuleWords
    outcome: Outcome
    occurrences: int
    weight: float
    points: float | None
    judgement: int | None = None
    findings: tuple[Finding, ...] = ()
    verdict: int = 0
    machine: Result | None = None
    outgrown: bool = False

    @property
    def settled(self) -> bool:
        """As of :class:`qa.types.CheckResult`."""
        return self.verdict != 0 and not self.outgrown

    @property
    def own(self) -> Result:
        """What the program found."""
        return self.machine or self

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
    """The last three are there only where a person ruled, the last one only where it is so."""

    rule: int
    judgement: int
    outcome: Outcome
    occurrences: int
    weight: float
    points: float | None
    verdict: int = 0
    machine: _Packed | None = None
    outgrown: bool = False


_unpack = msgspec.json.Decoder(tuple[_Packed, ...]).decode
_pack = msgspec.json.Encoder().encode


def short(result: CheckResult) -> Result:
    """A result as it is filed."""
    words = RuleWords(*(getattr(result, name) for name in RuleWords.__struct_fields__))
    machine = short(result.machine) if result.machine is not None else None
    plain = words, result.outcome, result.occurrences, result.weight, result.points, None, result.findings
    return Result(*plain, result.verdict, machine, result.outgrown)


_shared: weakref.WeakKeyDictionary[Database, weakref.ref[Judgements]] = weakref.WeakKeyDictionary()


def shared(db: Database) -> Judgements:
    """One for each open database: it remembers rules, and the database calls it back as long as it is open."""
    known = _shared.get(db)
    found = known() if known is not None else None
    if found is None:
        found = Judgements(db)
        _shared[db] = weakref.ref(found)
    return found


class Judgements:
    """Packs results and unpacks them; packing writes, inside a transaction of the caller's."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._rules: dict[int, RuleWords] = {}
        self._rule_ids: dict[RuleWords, int] = {}
        self._known: dict[bytes, int] = {}
        self._lately: dict[str, tuple[Result, ...]] = {}
        db.rolled_back.append(self._forget)

    def _forget(self) -> None:
        for remembered in (self._rules, self._rule_ids, self._known, self._lately):
            remembered.clear()

    # ------------------------------------------------------------ packing

    def pack(self, results: Iterable[Result]) -> str:
        return _pack([self._packed(r) for r in results]).decode()

    def _packed(self, r: Result) -> tuple[Any, ...]:
        judgement = self._judgement(r.findings) if r.judgement is None else r.judgement
        plain = (self._rule_ids.get(r.rule) or self._rule_id(r.rule), judgement, r.outcome, r.occurrences, r.weight, r.points)
        if r.machine is None:
            return plain
        return *plain, r.verdict, self._packed(r.machine), *([True] if r.outgrown else [])

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
        known = self._lately.get(text)  # who counts a month reads the scorecards in question twice
        if known is not None:
            return known
        try:
            made = tuple([self._unpacked(p) for p in _unpack(text)])
        except msgspec.MsgspecError as error:
            raise StoreError("评分", f"保存的数据已损坏（{error}）", "请从备份恢复数据库") from error
        if len(self._lately) >= LATELY:
            self._lately.clear()
        self._lately[text] = made
        return made

    def _unpacked(self, p: _Packed) -> Result:
        words = self._rules.get(p.rule) or self._words(p.rule)
        if p.machine is None:
            return Result(words, p.outcome, p.occurrences, p.weight, p.points, p.judgement)
        plain = words, p.outcome, p.occurrences, p.weight, p.points, p.judgement, ()
        return Result(*plain, p.verdict, self._unpacked(p.machine), p.outgrown)

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
        findings = self._findings([one.judgement for r in results for one in {id(r): r, id(r.own): r.own}.values()])
        return tuple(_whole(r, findings) for r in results)

    def filled(self, results: Iterable[Result], of: Container[str]) -> list[Result]:
        """The results, those of the rules ``of`` with the findings that they rest on, but not those that the program found beside them."""
        (every,) = self.filled_each([(tuple(results), of)])
        return every

    def filled_each(self, asked: Sequence[tuple[Sequence[Result], Container[str]]]) -> list[list[Result]]:
        """The same of several calls, whose findings are read together."""
        lacking = [r.judgement for results, of in asked for r in results if r.check_id in of and not r.findings]
        if not lacking:
            return [list(results) for results, _ in asked]
        known = self._findings(lacking)

        def full(r: Result) -> Result:
            return r if r.findings else msgspec.structs.replace(r, findings=known[r.judgement])

        return [[full(r) if r.check_id in of else r for r in results] for results, of in asked]

    def _findings(self, named: Sequence[int | None]) -> dict[int | None, tuple[Finding, ...]]:
        """By row; all of them, or the store is damaged."""
        marks = ", ".join("?" * len(named))
        found = self._db.rows(f"select id, findings_json from judgements where id in ({marks})", *named)
        kept = {row["id"]: row["findings_json"] for row in found}
        findings: dict[int | None, tuple[Finding, ...]] = {key: rows.from_json(text, tuple[Finding, ...]) for key, text in kept.items()}
        if any(judgement not in findings for judgement in named):
            raise StoreError("评分", "保存的数据不全（没有所依据的发现）", "请从备份恢复数据库")
        return findings


def _whole(r: Result, findings: dict[int | None, tuple[Finding, ...]]) -> CheckResult:
    return CheckResult(
        **msgspec.structs.asdict(r.rule),
        outcome=r.outcome,
        weight=r.weight,
        points=r.points,
        findings=findings[r.judgement],
        verdict=r.verdict,
        machine=None if r.machine is None else _whole(r.machine, findings),
        outgrown=r.outgrown,
    )


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:_DIGEST_BYTES]
