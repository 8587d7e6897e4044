"""Calls found by check, outcome, team, words, sound and figures; newest first, a page at a time.

The index answers everything but the exact limits of figures by itself: all that is asked is one full-text query over words and marks,
read in order of time, so that a page costs what it shows and not what there is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from qa import rows
from qa.clips import index, tokens
from qa.clips.index import Line, first_number, steps, unpacked
from qa.errors import StoreError
from qa.store import Store
from qa.types import Evidence, Outcome, Span

PAGE = 20
COUNTED = 1000
"""More calls are not counted."""
_MOMENTS = 3
SPEAKERS = ("agent", "customer")
_EXAMPLE_BY = {Outcome.PASS.value: "good", Outcome.FAIL.value: "bad"}
_OUTCOME_OF = {example: outcome for outcome, example in _EXAMPLE_BY.items()}


@dataclass(frozen=True)
class Limits:
    """A figure from ``low`` to ``high``, both included; None: open."""

    low: float | None = None
    high: float | None = None

    @property
    def asked(self) -> bool:
        return self.low is not None or self.high is not None


@dataclass(frozen=True)
class Question:
    """What is looked for; a call must meet all of it.  ``outcome``: of ``check``, where one is named, else of any check.  ``example``:
    ``good``, ``bad`` or "": of the check, where one is named, else of the whole call.

    ``words``: those apart by spaces are each looked for, wherever in the call they are said; all must be.

    ``speaker``: who says ``words`` (``agent``, ``customer``, "" for anybody).  ``since`` and ``until`` as of ``Store.calls``.  Rate in
    characters a minute, level in dBov, longest silence and length in seconds.
    """

    words: str = ""
    by_sound: bool = False
    speaker: str = ""
    check: str = ""
    outcome: str = ""
    example: str = ""
    team: str = ""
    agent_id: str = ""
    since: str | None = None
    until: str | None = None
    rate_cpm: Limits = Limits()
    level_dbov: Limits = Limits()
    silence_s: Limits = Limits()
    length_s: Limits = Limits()


@dataclass(frozen=True)
class Moment:
    """A stretch worth hearing: redacted words, who says them; ``check_id``: what was found there, where it was looked for by that;
    ``example``: ``good`` or ``bad`` where it was looked for as such and is one (of the check, where there is one), else ""."""

    span: Span
    role: str
    text: str
    check_id: str = ""
    example: str = ""


@dataclass(frozen=True)
class Hit:
    """A call that was found, with the moments that it was found by; ``example``: as of :class:`Moment`, of the call."""

    number: int
    call_id: str
    scorecard_id: int
    team: str
    agent_id: str
    started: str | None
    duration_ms: int
    demo: bool
    percent: float | None
    coverage: float
    rate_cpm: float | None
    level_dbov: float | None
    silence_s: float | None
    moments: tuple[Moment, ...]
    example: str = ""


@dataclass(frozen=True)
class Page:
    """``after``: the number to ask for the next page with, None at the end."""

    hits: tuple[Hit, ...]
    after: int | None


def search(store: Store, asked: Question, after: int | None = None, size: int = PAGE) -> Page:
    """One page of calls.  Errors: :class:`StoreError` for a wrong period, outcome or speaker."""
    table, number, where, params = _conditions(store, asked, after)
    found = store.db.rows(f"select c.* from {table} where {where} order by {number} desc limit ?", *params, size + 1)
    hits = tuple(_hit(store, row, asked) for row in found[:size])
    return Page(hits, hits[-1].number if len(found) > size else None)


def count(store: Store, asked: Question) -> int:
    """How many calls there are, at most ``COUNTED`` + 1."""
    table, _number, where, params = _conditions(store, asked, None)
    return int(store.db.rows(f"select count(*) as n from (select 1 from {table} where {where} limit {COUNTED + 1})", *params)[0]["n"])


def _conditions(store: Store, asked: Question, after: int | None) -> tuple[str, str, str, list[Any]]:
    """Tables, column of the number, condition and parameters of a query."""
    match = " AND ".join(_match(store, asked))
    table = f"search_words w cross join {index.shown()} c on c.number = w.rowid" if match else f"{index.shown()} c"
    number = "w.rowid" if match else "c.number"
    where: list[str] = ["search_words match ?"] if match else ["1"]
    params: list[Any] = [match] if match else []
    low, high = rows.period(asked.since, asked.until)
    above = max(index.floor(store), first_number(low) - 1 if low else 0)  # one bound: of two SQLite seeks by the first
    for sign, limit in ((">", above), ("<", first_number(high) if high else 0), ("<", after or 0)):
        if limit:
            where.append(f"{number} {sign} ?")
            params.append(limit)
    for column, limits, factor in (("rate_cpm", asked.rate_cpm, 1), ("level_dbov", asked.level_dbov, 1),
                                   ("silence_s", asked.silence_s, 1), ("duration_ms", asked.length_s, 1000)):  # fmt: skip
        for sign, value in ((">=", limits.low), ("<=", limits.high)):
            if value is not None:
                where.append(f"c.{column} {sign} ?")
                params.append(value * factor)
    return table, number, " and ".join(where), params


def _match(store: Store, asked: Question) -> Iterator[str]:
    """The parts of the full-text query; all must hold."""
    if asked.speaker and asked.speaker not in SPEAKERS:
        raise StoreError(asked.speaker, "没有这样的说话人", "请选坐席、客户或不限")
    if asked.words.strip():
        phrases = [tokens.sound_phrase(word) if asked.by_sound else tokens.text_phrase(word) for word in tokens.apart(asked.words)]
        if not all(phrases) or not phrases:
            raise StoreError(asked.words, "查找至少要两个字", "每个词都要两个字以上，请换一个词")
        columns = [asked.speaker] if asked.speaker else [*SPEAKERS, "other"]
        for phrase in phrases:
            yield f"{{{' '.join(c + '_sound' if asked.by_sound else c for c in columns)}}} : {phrase}"
    for marks in _marks(store, asked):
        yield f"marks : ({' OR '.join(marks)})" if marks else "marks : none"


def _marks(store: Store, asked: Question) -> Iterator[list[str]]:
    """Marks of which the call must have one, for each condition."""
    if asked.check or asked.outcome:
        judged = [asked.check] if asked.check else [check for check, _ in checks(store)]
        yield [tokens.mark("check", check, outcome) for check in judged for outcome in _outcomes(asked)]
    if asked.example:
        yield from ([mark] for mark in _shown_by(asked.example, asked.check))
    for kind, value in (("team", asked.team), ("agent", asked.agent_id)):
        if value:
            yield [tokens.mark(kind, value)]
    for kind, limits in (("rate", asked.rate_cpm), ("level", asked.level_dbov), ("silence", asked.silence_s), ("length", asked.length_s)):
        if limits.asked:
            yield [tokens.mark(kind, k) for k in steps(kind, limits.low, limits.high)]


def _shown_by(example: str, check: str) -> list[str]:
    """What a call must all be to be an example of a check, or by itself: a good one is good all through, a bad one need not be bad
    otherwise."""
    if not check:
        return [tokens.mark(example)]
    if example == "bad":
        return [tokens.mark("check", check, Outcome.FAIL.value)]
    return [tokens.mark("check", check, Outcome.PASS.value), tokens.mark("good")]


def _outcomes(asked: Question) -> list[str]:
    known = [outcome.value for outcome in Outcome]
    if asked.outcome:
        if asked.outcome not in known:
            raise StoreError(asked.outcome, "没有这样的检查结果", f"可选：{'、'.join(known)}")
        return [asked.outcome]
    return known


# ---------------------------------------------------------------- what there is to choose from


def teams(store: Store) -> tuple[str, ...]:
    """Teams that have calls (under whatever rules they are indexed), read from one to the next over the index."""
    found = store.db.rows(
        "with recursive t (team) as (select min(team) from search_calls where team > '' union all"
        " select (select min(c.team) from search_calls c where c.team > t.team) from t where t.team is not null)"
        " select team from t where team is not null"
    )
    return tuple(row["team"] for row in found)


def checks(store: Store) -> tuple[tuple[str, str], ...]:
    """Checks that have judged anything, by id, with their newest title."""
    found = store.db.rows("select check_id, title, max(id) from judged_rules group by check_id order by check_id")
    return tuple((row["check_id"], row["title"]) for row in found)


def call_of(store: Store, scorecard_id: int) -> str | None:
    """The indexed call whose scorecard this is, its newest or an earlier one; None where there is no such call in the index."""
    sql = "select c.call_id from scorecards s join search_calls c using (call_id) where s.id = ?"
    return next((str(row["call_id"]) for row in store.db.rows(sql, scorecard_id)), None)


def card_of(store: Store, call_id: str) -> int | None:
    """The scorecard under which a call is indexed; None where it is not."""
    found = store.db.rows("select scorecard_id from search_calls where call_id = ?", call_id)
    return int(found[0]["scorecard_id"]) if found else None


# ---------------------------------------------------------------- what is shown


def said(store: Store, call_id: str) -> tuple[Line, ...]:
    """The redacted words of a call, under the present rules also where it is still indexed under others; empty where it is not indexed."""
    found = store.db.rows(f"select lines from {index.shown()} where call_id = ?", call_id)
    if found or card_of(store, call_id) is None:
        return unpacked(found[0]["lines"]) if found else ()
    made = index.entry(store, call_id, index.known_names(store))
    return made.lines if made is not None else ()


def _hit(store: Store, row: dict[str, Any], asked: Question) -> Hit:
    lines, marks, wanted = unpacked(row["lines"]), frozenset(row["marks"].split()), asked.outcome or asked.example
    moments = _by_words(lines, asked) if asked.words.strip() else []
    if not moments and (asked.check or wanted):
        moments = list(itertools.islice(_by_results(store, row["scorecard_id"], asked, lines), _MOMENTS))
    names = [name for name in Hit.__dataclass_fields__ if name not in ("demo", "moments", "example")]
    return Hit(
        **{name: row[name] for name in names},
        demo=bool(row["demo"]),
        moments=tuple(replace(m, example=_example(asked, marks, m.check_id)) for m in moments),
        example=_example(asked, marks, ""),
    )


def _example(asked: Question, marks: frozenset[str], check: str) -> str:
    """As what it was looked for, where what was found is that; ``check``: by which it was found, else the one that is asked for."""
    wanted = asked.example or _EXAMPLE_BY.get(asked.outcome, "")
    return wanted if wanted and marks.issuperset(_shown_by(wanted, check or asked.check)) else ""


def _by_words(lines: Sequence[Line], asked: Question) -> list[Moment]:
    """Where the words are said, in order of time; of more than are shown first those that hold a word no earlier one holds."""
    words, known = tokens.apart(asked.words), set[str]()
    anew, again = list[Line](), list[Line]()
    for line in lines:
        if asked.speaker in ("", line.role):
            said = {word for word in words if tokens.says(line.text, word, asked.by_sound)}
            (anew if said - known else again if said else []).append(line)
            known |= said
    chosen = sorted([*anew, *again][:_MOMENTS], key=lambda line: line.start_ms)
    return [Moment(Span(line.start_ms, line.end_ms), line.role, line.text) for line in chosen]


def _by_results(store: Store, scorecard_id: int, asked: Question, lines: Sequence[Line]) -> Iterator[Moment]:
    """Where the checks that are asked for found what is asked for, with the redacted words there (none where words were due and not
    said)."""
    outcome = asked.outcome or _OUTCOME_OF.get(asked.example, "")
    sql = "select check_id, outcome, findings_json from check_results where scorecard_id = ? and ? in ('', check_id) and ? in ('', outcome)"
    for row in store.db.rows(sql, scorecard_id, asked.check, outcome):
        for finding in msgspec.json.decode(row["findings_json"]):
            if finding["outcome"] == row["outcome"]:
                for evidence in finding["evidence"]:
                    yield replace(_moment(msgspec.convert(evidence, Evidence), lines), check_id=row["check_id"])


def _moment(evidence: Evidence, lines: Sequence[Line]) -> Moment:
    there = [x for x in lines if Span(x.start_ms, x.end_ms).overlap_ms(evidence.span) > 0]
    own = [x for x in there if x.role == evidence.role.value] or there
    return Moment(evidence.span, evidence.role.value, " ".join(x.text for x in own))
