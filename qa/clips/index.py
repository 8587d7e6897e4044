"""The search index: one row a call, made from what is stored, without personal data in it.

Triggers note every call whose results or record changed (``search_stale``), whoever changed them; :func:`refresh` brings the index up to
date.  What is indexed is the redacted text: a search cannot be used to guess a number digit by digit, and the index holds nothing that a
clip would have to hide.

Each row says under which version of the rules of what is hidden it was made.  What was made under other rules is found and quoted nowhere
(:func:`shown`) and is made anew in the background, the newest calls first (:func:`renew`).
"""

from __future__ import annotations

import math
import time
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from qa.clips import tokens
from qa.clips.earlier import transcripts
from qa.clips.redaction import VERSION, redact
from qa.errors import NotFoundError, QaError, StoreError
from qa.rules.measures import MEASURES
from qa.store import Store
from qa.types import Call, Outcome, Role, Transcript

BATCH = 50
_EDGES: dict[str, tuple[int, ...]] = {
    "rate": tuple(range(60, 400, 10)),
    "level": tuple(range(-60, 0, 2)),
    "silence": (3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300),
    "length": (10, 30, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700, 3600),
}
"""Where the stretches of a figure that have a mark of their own meet: characters a minute, dBov, s, s."""
GOOD_PERCENT, GOOD_COVERAGE = 90.0, 0.8
_SLOTS = 16  # calls that may begin within one second before their order is not kept to the second any more
_EPOCH = datetime(2000, 1, 1)
_COLUMNS = ("agent", "customer", "other")
_FIELDS = (*_COLUMNS, *(f"{c}_sound" for c in _COLUMNS), "marks")


@dataclass(frozen=True)
class Line:
    """What somebody said, redacted: ``role`` as in :class:`qa.types.Role`, times in ms."""

    role: str
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Entry:
    """What the index knows of a call.  ``results``: check and outcome; figures None where they could not be measured."""

    call_id: str
    scorecard_id: int
    agent_id: str
    team: str
    direction: str
    started: str | None
    duration_ms: int
    demo: bool
    percent: float | None
    coverage: float
    results: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    rate_cpm: float | None = None
    level_dbov: float | None = None
    silence_s: float | None = None


# ---------------------------------------------------------------- keeping up


def waiting(store: Store) -> int:
    """Calls that are not indexed as they are now."""
    return int(store.db.rows("select count(*) as n from search_stale")[0]["n"])


def refresh(store: Store, limit: int | None = None, budget_s: float = math.inf) -> int:
    """Index what waits, at most ``limit`` calls, and begin none after ``budget_s`` seconds; returns how many were done.  Each batch is a
    transaction of its own."""
    waits = "select call_id, changes from search_stale limit ?"
    return _made(store, lambda size: store.db.rows(waits, size), limit, budget_s)


def renew(store: Store, limit: int | None = None, budget_s: float = math.inf) -> int:
    """Make anew what was made under other rules of what is hidden, the newest calls first; else as :func:`refresh`."""
    return _made(store, lambda size: _newest_outdated(store, size), limit, budget_s)


def _made(store: Store, next_calls: Callable[[int], list[dict[str, Any]]], limit: int | None, budget_s: float) -> int:
    """Entries are worked out before others are kept from writing.

    A call that meets with a bug is found by its results alone, so that it keeps no other one from being indexed; the bug is raised once the
    batch is written.
    """
    done, end = 0, time.monotonic() + budget_s
    names = known_names(store)
    while (limit is None or done < limit) and time.monotonic() < end:
        size = BATCH if limit is None else min(BATCH, limit - done)
        made, bug = list[tuple[dict[str, Any], Entry | None]](), None
        for row in next_calls(size):
            try:
                made.append((row, entry(store, row["call_id"], names)))
            except QaError:
                raise
            except Exception as error:
                bug = error
                made.append((row, _by_results(store, row["call_id"])))
            if time.monotonic() > end:
                break
        if not made:
            return done
        with store.db.writing():
            for row, one in made:
                _write(store, row, one)
        if bug is not None:
            raise bug
        done += len(made)
    return done


def _write(store: Store, row: dict[str, Any], one: Entry | None) -> None:
    """``row``: ``call_id`` and the ``changes`` that it waited with, 0 for a row that is to be made anew.

    A call that changed in the meantime waits on: what was worked out may hold words that were deleted since.
    """
    call_id, changes = row["call_id"], row["changes"]
    execute = store.db.sqlite.execute
    if changes:
        as_before = execute("delete from search_stale where call_id = ? and changes = ?", (call_id, changes)).rowcount > 0
    else:
        as_before = bool(store.db.rows(f"select 1 from search_calls where call_id = ? and version <> ? and {_UNCHANGED}", call_id, VERSION))
    if not as_before:
        return
    if one is None:
        _remove(store, call_id)
    else:
        put(store, one)


def changed(store: Store, call_id: str) -> None:
    """Note that a call is to be indexed again; inside a transaction of the caller's."""
    sql = "insert into search_stale (call_id, changes) values (?, 1) on conflict (call_id) do update set changes = changes + 1"
    store.db.sqlite.execute(sql, (call_id,))


# ---------------------------------------------------------------- rules of what is hidden


def shown() -> str:
    """What of the index may be found and quoted, to stand in a query in the place of ``search_calls``: rows made under the present rules.

    What no such rule touches may be read from ``search_calls`` itself: which call a scorecard is of, teams, points.
    """
    return f"(select * from search_calls where +version = {VERSION})"  # by number or call: its version alone tells too little of a row


def floor(store: Store) -> int:
    """The number of the newest call that was indexed under other rules; 0 where there is none.  All above it may be shown, and a search
    that looks no further down reads nothing in vain."""
    sql = "select max(number) as number from search_calls where version = ?"
    return max((int(store.db.rows(sql, version)[0]["number"] or 0) for version in _other_versions(store)), default=0)


def outdated(store: Store) -> int:
    """Calls that were indexed under other rules of what is hidden."""
    sql = "select count(*) as n from search_calls where version = ?"
    return sum(int(store.db.rows(sql, version)[0]["n"]) for version in _other_versions(store))


@dataclass(frozen=True)
class Unfinished:
    """What a search does not find yet: ``waiting`` calls that are new or changed, ``outdated`` ones that were indexed under other rules of
    what is hidden.  All calls that began after ``since`` (wall clock) were made anew; None where nothing is outdated."""

    waiting: int
    outdated: int
    since: datetime | None

    def __bool__(self) -> bool:
        return bool(self.waiting or self.outdated)


def unfinished(store: Store) -> Unfinished:
    """What is told beside what was found."""
    newest = floor(store)
    return Unfinished(waiting(store), outdated(store) if newest else 0, begun(newest) if newest else None)


def _other_versions(store: Store) -> list[int]:
    """Each found by one step in the index."""
    sql = """with recursive v(version) as (select min(version) from search_calls
      union all select (select min(version) from search_calls where version > v.version) from v where v.version is not null)
      select version from v where version <> ?"""
    return [row["version"] for row in store.db.rows(sql, VERSION)]


_UNCHANGED = "not exists (select 1 from search_stale s where s.call_id = search_calls.call_id)"
"""What changed as well is :func:`refresh`'s."""


def _newest_outdated(store: Store, size: int) -> list[dict[str, Any]]:
    sql = f"select number, call_id, 0 as changes from search_calls where version = ? and {_UNCHANGED} order by number desc limit ?"
    found = [row for version in _other_versions(store) for row in store.db.rows(sql, version, size)]
    return sorted(found, key=lambda row: -int(row["number"]))[:size]


def forget(store: Store, call_id: str) -> None:
    """Take a call out of the index (its words are to be deleted)."""
    with store.db.writing():
        _remove(store, call_id)
        store.db.sqlite.execute("delete from search_stale where call_id = ?", (call_id,))


def known_names(store: Store) -> tuple[str, ...]:
    """Names of the house's agents."""
    sql = """with recursive n(name) as (select min(agent_name) from calls where agent_name > ''
      union all select (select min(agent_name) from calls where agent_name > n.name) from n where n.name is not null)
      select name from n where name is not null"""  # each found by one step in the index
    return tuple(row["name"] for row in store.db.rows(sql))


# ---------------------------------------------------------------- one call


def _by_results(store: Store, call_id: str) -> Entry | None:
    """A call by its results alone; None where it does not count."""
    try:
        card = store.db.rows("select s.*, c.team, c.direction, c.started, c.duration_ms from current_scorecards s"
                             " join calls c using (call_id) where call_id = ?", call_id)[0]  # fmt: skip
    except IndexError:
        return None
    results = store.db.rows("select check_id, outcome from check_results where scorecard_id = ?", card["id"])
    return Entry(
        call_id, card["id"], card["agent_id"] or "", card["team"] or "", card["direction"] or "", card["started"], card["duration_ms"],
        bool(card["demo"]), card["percent"], card["coverage"], tuple((r["check_id"], r["outcome"]) for r in results), (),
    )  # fmt: skip


def entry(store: Store, call_id: str, names: Sequence[str] = ()) -> Entry | None:
    """What the index is to know of a call; None where it does not count.  A call that cannot be read is found by its results alone."""
    plain = _by_results(store, call_id)
    if plain is None:
        return None
    try:
        call = store.call(call_id)
    except (StoreError, NotFoundError):
        return plain
    return replace(
        plain,
        lines=lines(call, names, transcripts(store, call_id, call)),
        rate_cpm=_figure(call, "rate_cpm"),
        level_dbov=_figure(call, "level_dbov"),
        silence_s=_figure(call, "longest_silence_s"),
    )


def lines(call: Call, names: Sequence[str] = (), earlier: Sequence[Transcript] = ()) -> tuple[Line, ...]:
    """What was said, redacted, in order of time; ``earlier`` as of :func:`qa.clips.redaction.redact`."""
    redaction = redact(call, names, earlier)
    said = sorted(enumerate(call.transcript.utterances), key=lambda pair: pair[1].span)
    return tuple(
        Line(call.roles.role_of(u.speaker).value, u.span.start_ms, u.span.end_ms, redaction.text(index, u.text)) for index, u in said
    )


def _figure(call: Call, name: str) -> float | None:
    try:
        return MEASURES[name].read(call, Role.AGENT).value
    except QaError:
        return None


# ---------------------------------------------------------------- writing


def put(store: Store, one: Entry) -> None:
    """Put a call into the index in place of what is there, within a transaction of the caller's."""
    _remove(store, one.call_id)
    number = _number(store, one.started)
    marks = " ".join(marks_of(one))
    row = {name: getattr(one, name) for name in Entry.__dataclass_fields__ if name not in ("results", "lines")}
    row |= {"number": number, "demo": int(one.demo), "version": VERSION, "marks": marks, "lines": packed(one.lines)}
    store.db.insert("search_calls", row)
    fields = {"rowid": number, **_words(one.lines, marks)}
    store.db.insert("search_words", fields)


def _remove(store: Store, call_id: str) -> None:
    """The index keeps no content: what a call put into it is made again to take it out (of the words as they were hidden then)."""
    for row in store.db.rows("select number, marks, lines from search_calls where call_id = ?", call_id):
        fields = {"search_words": "delete", "rowid": row["number"], **_words(unpacked(row["lines"]), row["marks"])}
        store.db.insert("search_words", fields)
        store.db.sqlite.execute("delete from search_calls where number = ?", (row["number"],))


def _words(said: Iterable[Line], marks: str) -> dict[str, str]:
    by_column: dict[str, list[str]] = {column: [] for column in _COLUMNS}
    for line in said:
        by_column[line.role if line.role in by_column else "other"].append(line.text)
    text = {column: tokens.of_text(texts) for column, texts in by_column.items()}
    return {**text, **{f"{column}_sound": tokens.of_sound(texts) for column, texts in by_column.items()}, "marks": marks}


def _number(store: Store, started: str | None) -> int:
    """A free number that stands where the call stands in time; calls of unknown time come first."""
    at = first_number(started) if started else 1
    while store.db.rows("select 1 from search_calls where number = ?", at):
        at += 1
    return at


def first_number(started: str) -> int:
    """The number from which on calls may be that began at ``started`` (wall clock) or later."""
    moment = datetime.fromisoformat(started).replace(tzinfo=None)
    return max(1, int((moment - _EPOCH).total_seconds()) * _SLOTS + 1)


def begun(number: int) -> datetime:
    """When the call of a number began (wall clock), to the second; the year 2000 for one of unknown time."""
    return _EPOCH + timedelta(seconds=(number - 1) // _SLOTS)


def packed(said: Sequence[Line]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode([(x.role, x.start_ms, x.end_ms, x.text) for x in said]), 6)


def unpacked(data: bytes) -> tuple[Line, ...]:
    rows: list[tuple[Any, ...]] = msgspec.msgpack.decode(zlib.decompress(data), type=list[tuple[str, int, int, str]])
    return tuple(Line(*row) for row in rows)


# ---------------------------------------------------------------- marks


def marks_of(one: Entry) -> list[str]:
    """What is true of a call, as tokens."""
    out = [tokens.mark("check", check, outcome) for check, outcome in one.results]
    out += [tokens.mark("team", one.team), tokens.mark("agent", one.agent_id), tokens.mark("direction", one.direction)]
    failed = any(outcome == Outcome.FAIL.value for _, outcome in one.results)
    if failed:
        out.append(tokens.mark("bad"))
    elif one.percent is not None and one.percent >= GOOD_PERCENT and one.coverage >= GOOD_COVERAGE:
        out.append(tokens.mark("good"))
    figures = {"rate": one.rate_cpm, "level": one.level_dbov, "silence": one.silence_s, "length": one.duration_ms / 1000}
    out += [tokens.mark(kind, step(kind, value)) for kind, value in figures.items() if value is not None]
    return list(dict.fromkeys(out))


def step(kind: str, value: float) -> int:
    """In which stretch of a figure (``rate``, ``level``, ``silence``, ``length``) a value lies."""
    return bisect_right(_EDGES[kind], value)


def steps(kind: str, low: float | None, high: float | None) -> range:
    """The stretches between two values, both included; None: open."""
    return range(0 if low is None else step(kind, low), (len(_EDGES[kind]) if high is None else step(kind, high)) + 1)
