"""Verdicts of persons as they are kept, and those that count: what :func:`qa.rescore.judge` asks for.

A verdict is a person's word on one rule in one call.  It counts whichever scorecard, version of the rule book or transcript comes later, as
long as that has a rule of that id: the person has listened, the program has not.  On another recording, or another part of one, or under
another rule book, whose rules are other rules whatever they are called, it does not.  Nor does it say anything of what the program finds
later at another place, or of other words at the same one (:mod:`qa.sightings`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qa import rows, serial
from qa.clock import house_day
from qa.database import Database
from qa.judgements import shared
from qa.review import words
from qa.review.words import Heard, Words
from qa.types import Call, Finding, Outcome, Ruling

if TYPE_CHECKING:
    from qa.ledger_cards import Snapshot

Stretch = tuple[object, ...]


@dataclass(frozen=True)
class Verdict:
    """A person's verdict on a rule in a call; ``outcome`` None takes the earlier ones back.

    ``findings`` are all that the rule has found in the call from then on; those that are INCONCLUSIVE beside others were left open.
    ``action``: ``confirm``, ``uphold`` (what was ruled before, and nothing of what was found since), ``overturn``, ``add``, ``drop`` or
    ``withdraw``.  ``scorecard_id``: given on that scorecard, where the program had found ``machine``.  ``appeal_id``: an appeal that it
    answers.  ``user_id``: the account of whoever gave it, None where that is not known.  ``created`` is ISO 8601 UTC.
    """

    id: int
    call_id: str
    rule_id: str
    file_sha256: str
    action: str
    outcome: Outcome | None
    findings: tuple[Finding, ...]
    machine: Outcome
    scorecard_id: int
    by: str
    reason: str
    created: str
    appeal_id: int | None = None
    user_id: int | None = None

    @property
    def overturned(self) -> bool:
        """Whether the person saw it otherwise than the program: another outcome, or another number of occurrences."""
        return self.outcome is not None and (self.outcome is not self.machine or self.action in ("add", "drop"))


def of_call(db: Database, call_id: str) -> tuple[Verdict, ...]:
    """All verdicts of a call, the earliest first."""
    return tuple(map(_verdict, db.rows("select * from verdicts where call_id = ? order by id", call_id)))


def holding(db: Database, call_id: str, rule_book: str, of: Heard) -> tuple[Verdict, ...]:
    """Of a call's verdicts those that were given under the rule book of this id on the recording, and the part of it, that ``of`` is; the
    earliest first."""
    found, now = of_call(db, call_id), stretch(of)
    sql = """select distinct s.id, s.snapshot from verdicts v join scorecards s on s.id = v.scorecard_id
      where v.call_id = ? and s.rule_book = ?"""
    then = {row["id"]: stretch(judged_on(row["snapshot"])) for row in (db.rows(sql, call_id, rule_book) if found else ())}
    return tuple(one for one in found if then.get(one.scorecard_id) == now)


def standing(verdicts: Iterable[Verdict]) -> dict[str, Verdict]:
    """Of a call's verdicts in order of time (:func:`holding`) those that count, by rule id."""
    last = {verdict.rule_id: verdict for verdict in verdicts}
    return {rule_id: verdict for rule_id, verdict in last.items() if verdict.outcome is not None}


def stretch(of: Heard) -> Stretch:
    """What a person hears of a call: the content of its recording, and of an agent's part of one the times and the agent."""
    audio, record = of.audio, of.record
    if audio.whole_ms is None:
        return (audio.sha256,)
    return audio.sha256, audio.from_ms, audio.duration_ms, record.agent_id if record is not None else None


def judged_on(snapshot: bytes) -> Snapshot:
    """What a scorecard was judged on."""
    from qa.ledger_cards import Snapshot  # which asks this module

    return serial.decode(snapshot, Snapshot)


def rulings(db: Database, call_id: str, rule_book: str, file_sha256: str, of: Callable[[], Call | Snapshot]) -> dict[str, Ruling]:
    """What persons ruled of a call under the rule book of this id, by rule id; nothing where they heard another recording, or another part
    of it than ``of`` gives (asked only where anybody ruled)."""
    given = _counting(db, call_id, rule_book, file_sha256, of)
    if not given:
        return {}
    now = Words(db, of())
    then = {row["snapshot"]: Words(db, judged_on(row["snapshot"])) for each in given.values() for row in each}
    return {rule_id: _ruling(db, each, then, now) for rule_id, each in given.items()}


def numbers(db: Database, call_id: str, rule_book: str, file_sha256: str, of: Callable[[], Heard]) -> dict[str, int]:
    """The numbers of the verdicts that are :func:`rulings`, by rule id."""
    return {rule_id: given[-1]["id"] for rule_id, given in _counting(db, call_id, rule_book, file_sha256, of).items()}


def standing_words(db: Database, findings: Iterable[Finding], then: bytes, now: bytes) -> tuple[Finding, ...]:
    """Of findings of a scorecard that was judged on ``then`` (its ``snapshot``) those whose words still stand in one that was judged on
    ``now``."""
    if then == now:
        return tuple(findings)
    return words.standing(findings, *(Words(db, judged_on(one)) for one in (then, now)))


def before_eyes(db: Database, scorecard_id: int, rule_id: str) -> tuple[Finding, ...]:
    """What a scorecard shows of a rule: the findings that count, and what the program found beside them where a person had ruled."""
    (row,) = db.rows("select results_json from scorecards where id = ?", scorecard_id)
    known = shared(db)
    shown = [one for r in known.unpack(row["results_json"]) if r.check_id == rule_id for one in {id(r): r, id(r.own): r.own}.values()]
    return tuple(dict.fromkeys(finding for one in known.filled(shown, (rule_id,)) for finding in one.findings))


def _counted(db: Database, scorecard_id: int, rule_id: str) -> tuple[Finding, ...]:
    """What a scorecard counts as breaches of a rule."""
    (row,) = db.rows("select results_json from scorecards where id = ?", scorecard_id)
    known = shared(db)
    own = known.filled((r for r in known.unpack(row["results_json"]) if r.check_id == rule_id), (rule_id,))
    return tuple(finding for one in own for finding in one.findings if finding.outcome is Outcome.FAIL)


SINGLE = ("add", "drop", "uphold")
"""Words on single places: whoever adds or drops one, or stands by those of before, has said nothing of a doubtful place beside it."""
_RULED = """select v.id, v.rule_id, v.action, v.outcome, v.findings_json, v.created, v.scorecard_id, s.snapshot
  from verdicts v join scorecards s on s.id = v.scorecard_id
  where v.call_id = ? and v.file_sha256 = ? and s.rule_book = ? order by v.id"""


def _counting(db: Database, call_id: str, rule_book: str, file_sha256: str, of: Callable[[], Heard]) -> dict[str, list[dict[str, Any]]]:
    """The rows of the verdicts that were not taken back, by rule id: the last one counts, and whoever gave it knew of the earlier ones."""
    found = db.rows(_RULED, call_id, file_sha256, rule_book)
    if not found:
        return {}
    now, then = stretch(of()), {snapshot: stretch(judged_on(snapshot)) for snapshot in {row["snapshot"] for row in found}}
    given: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        if then[row["snapshot"]] == now:
            given[row["rule_id"]] = [] if row["outcome"] is None else [*given.get(row["rule_id"], []), row]
    return {rule_id: each for rule_id, each in given.items() if each}


def _ruling(db: Database, given: Sequence[dict[str, Any]], then: Mapping[bytes, Words], now: Words) -> Ruling:
    """Of the verdicts on a rule the last one, with what its and the earlier ones' givers had before the eyes."""
    last = given[-1]
    day = house_day(last["created"]).isoformat()
    seen, changed, by_person = dict[Finding, None](), dict[Finding, Finding](), set[Finding]()
    for row in given:
        single = row["action"] in SINGLE
        own = rows.from_json(row["findings_json"], tuple[Finding, ...])
        left = tuple(one for one in own if single and one.outcome is Outcome.INCONCLUSIVE)
        own = tuple(one for one in own if one not in left)
        known = (_counted if single else before_eyes)(db, row["scorecard_id"], last["rule_id"])
        by_person |= {one for one in own if one.outcome is Outcome.FAIL and one not in known}
        shown = (*known, *own)
        of_row = then[row["snapshot"]]
        # what had gone when the last one ruled nobody has ruled on since, though it may stand again by now
        lost = (*words.gone(shown, of_row, now, by_person), *words.gone(shown, of_row, then[last["snapshot"]], by_person))
        seen |= dict.fromkeys(one for one in shown if one not in lost)
        changed |= {one: words.as_now(one, now) for one in lost}
    other = tuple((one, by_now) for one, by_now in changed.items() if one not in seen)
    return Ruling(last["id"], Outcome(last["outcome"]), own, day, tuple(seen), other, left)


def _verdict(row: dict[str, Any]) -> Verdict:
    names = ("id", "call_id", "rule_id", "file_sha256", "action", "scorecard_id", "reason", "created", "appeal_id", "user_id")
    plain = {name: row[name] for name in names}
    return Verdict(
        **plain,
        by=row["made_by"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        machine=Outcome(row["machine"]),
        findings=rows.from_json(row["findings_json"], tuple[Finding, ...]),
    )
