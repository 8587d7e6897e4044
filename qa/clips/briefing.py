"""The morning brief (班前会): a day's results of a team on one page, and clips of it to be heard together.

It speaks of what was done, not of who did it: neither agents nor customers are named.  A share of few calls is shown with its interval, and
nothing is called better or worse than the days before where the intervals do not part.

Its counts are of all calls of the day; its words and examples are those that a search finds, of calls that are indexed under the present
rules of what is hidden (:func:`qa.clips.index.shown`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from qa.clips import cutting, index, playlists, release, search
from qa.clips.cutting import Wish
from qa.clips.index import first_number
from qa.clips.playlists import Item, Playlist
from qa.clips.search import Hit, Moment, Question
from qa.errors import NotFoundError, QaError, StoreError
from qa.intervals import Estimate, mean_percent, wilson
from qa.store import Store
from qa.types import Outcome

FEW = 10
"""Fewer ruled calls carry no statement about a check."""
BEFORE_DAYS = 14
TOPICS, GOOD_CLIPS = 3, 2
_LONGEST_MOMENT_MS = 40_000


@dataclass(frozen=True)
class Topic:
    """A check on the day: calls that failed of those ruled on, its share of PASS, the same over the days before.

    ``moved``: ``better``, ``worse`` or "" where the intervals do not part or there are too few calls.
    """

    check_id: str
    title: str
    failed: int
    ruled: int
    passed: Estimate
    before: Estimate
    moved: str

    @property
    def few(self) -> bool:
        return self.ruled < FEW


@dataclass(frozen=True)
class Briefing:
    """``score``: mean percent of the scored calls.  ``inconclusive``: results that a person has to look at."""

    team: str
    day: date
    calls: int
    score: Estimate
    coverage: float | None
    inconclusive: int
    topics: tuple[Topic, ...]
    kept: tuple[Topic, ...]
    demo: bool


def brief(store: Store, team: str, day: date) -> Briefing:
    """The brief of a team's day; a day without calls has ``calls`` 0."""
    low, high = _numbers(day), _numbers(day + timedelta(days=1))
    calls = store.db.rows("select * from search_calls where team = ? and number >= ? and number < ?", team, low, high)
    now, names = _results(store, team, low, high)
    past, _ = _results(store, team, _numbers(day - timedelta(days=BEFORE_DAYS)), low)
    topics = [_topic(check, names[check], now[check], past.get(check, {})) for check in now]
    ruled = [t for t in topics if t.ruled]
    return Briefing(
        team,
        day,
        len(calls),
        mean_percent([row["percent"] for row in calls if row["percent"] is not None]),
        sum(row["coverage"] for row in calls) / len(calls) if calls else None,
        sum(counts.get(Outcome.INCONCLUSIVE.value, 0) + counts.get(Outcome.ERROR.value, 0) for counts in now.values()),
        tuple(sorted((t for t in ruled if t.failed), key=lambda t: (-t.failed, t.check_id))),
        tuple(sorted((t for t in ruled if not t.failed), key=lambda t: (-t.ruled, t.check_id))),
        any(row["demo"] for row in calls),
    )


def _numbers(day: date) -> int:
    return first_number(datetime.combine(day, time()).isoformat(timespec="milliseconds"))


def _results(store: Store, team: str, low: int, high: int) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    """Outcomes by check, and the titles of checks.  Advisory rules are left out: they count for nobody."""
    found = store.db.rows(
        "select r.check_id, max(r.title) as title, r.outcome, count(*) as n from search_calls c join check_results r"
        " on r.scorecard_id = c.scorecard_id where c.team = ? and c.number >= ? and c.number < ? and r.severity <> 'advisory'"
        " group by r.check_id, r.outcome",
        *(team, low, high),
    )
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in found:
        counts[row["check_id"]][row["outcome"]] = row["n"]
    return dict(counts), {row["check_id"]: row["title"] for row in found}


def _topic(check_id: str, title: str, now: dict[str, int], past: dict[str, int]) -> Topic:
    failed, passed = now.get(Outcome.FAIL.value, 0), now.get(Outcome.PASS.value, 0)
    of_day = wilson(passed, failed + passed)
    before = wilson(past.get(Outcome.PASS.value, 0), past.get(Outcome.PASS.value, 0) + past.get(Outcome.FAIL.value, 0))
    moved = ""
    if min(of_day.n, before.n) >= FEW and of_day.low is not None and of_day.high is not None:
        assert before.low is not None and before.high is not None
        moved = "better" if of_day.low > before.high else "worse" if of_day.high < before.low else ""
    return Topic(check_id, title, failed, failed + passed, of_day, before, moved)


# ---------------------------------------------------------------- what is heard together


def origin(team: str, day: date) -> str:
    """What tells a brief's playlist from all others."""
    return f"briefing {day.isoformat()} {team}"


def find_playlist(store: Store, team: str, day: date) -> Playlist | None:
    """The playlist of a brief, None before it was made."""
    return playlists.by_origin(store, origin(team, day))


def make_playlist(
    store: Store,
    team: str,
    day: date,
    by: str,
    cut_too: cutting.Also = lambda clip: None,
    also: Callable[[int], None] = lambda playlist_id: None,
) -> tuple[int, tuple[str, ...]]:
    """Cut a bad example of what failed most and good ones of the same, and put them into a playlist; its id, and what could not be cut
    (Chinese sentences).

    The clips wait for QA like any other.  Made once: a second time gives the playlist that is there.  ``cut_too``, ``also``: what is to be
    kept in the same transaction as each clip, and as the playlist.
    Errors: :class:`StoreError` where nothing can be cut, or not yet: calls of the day are still indexed under other rules.
    """
    known = find_playlist(store, team, day)
    if known is not None:
        return known.id, ()
    if _unindexed(store, day):
        raise StoreError(f"{team} {day.isoformat()}", "打码的规则更新了，这一天的通话还没有重新编入检索", "请稍后再试")
    topics = brief(store, team, day).topics
    problems: list[str] = []
    chosen: list[int] = []
    for topic, example in wanted(topics):
        chosen += _example(store, team, day, topic, example, by, problems, cut_too)
    if not chosen:
        raise StoreError(f"{team} {day.isoformat()}", "没有可剪的片段", problems[0] if problems else "这一天没有不通过的检查")
    with store.db.writing():
        made = playlists.create(store, f"{day.isoformat()} {team} 班前会", by, origin=origin(team, day))
        for clip_id in chosen:
            playlists.add(store, made, clip_id)
        also(made)
    return made, tuple(problems)


def _example(
    store: Store, team: str, day: date, topic: Topic, example: str, by: str, problems: list[str], cut_too: cutting.Also
) -> list[int]:
    """A clip of the first call that shows it: one with words at a moment that is not too long."""
    word = "差例" if example == "bad" else "好例"
    for hit, moment in _moments(store, team, day, topic, example):
        wish = Wish(moment.span, title=topic.title, example=example, check_id=topic.check_id)
        try:
            return [cutting.cut(store, hit.call_id, wish, by, cut_too).id]
        except (StoreError, NotFoundError):
            continue
        except QaError as error:
            told = f"{topic.title}（{word}）：{error.cause}"
            problems += [] if told in problems else [told]
    return []


def _moments(store: Store, team: str, day: date, topic: Topic, example: str) -> Iterator[tuple[Hit, Moment]]:
    """What may be cut as an example: stretches with words in them that are not too long, of the newest calls."""
    outcome = Outcome.FAIL if example == "bad" else Outcome.PASS
    asked = Question(check=topic.check_id, outcome=outcome.value, team=team, since=day.isoformat(), until=day.isoformat())
    for hit in search.search(store, asked, size=10).hits:
        for moment in hit.moments:
            if moment.text and moment.span.duration_ms <= _LONGEST_MOMENT_MS:
                yield hit, moment


def _unindexed(store: Store, day: date) -> bool:
    """Whether calls of the day may be there that no search finds yet; older ones come later."""
    return index.floor(store) >= _numbers(day)


def wanted(topics: Sequence[Topic]) -> tuple[tuple[Topic, str], ...]:
    """The examples of a brief: ``bad`` ones of what failed most, ``good`` ones of the same."""
    return (*((t, "bad") for t in topics[:TOPICS]), *((t, "good") for t in topics[:GOOD_CLIPS]))


UNPREPARED, NO_CALL, UNINDEXED, NO_WORDS, NOT_CUT = "unprepared", "no_call", "unindexed", "no_words", "not_cut"
"""Why a brief has no example: nobody prepared the playlist; no call of the day shows it; calls of the day are still indexed under other
rules of what is hidden; no stretch of the calls that show it has words and is short enough; it could not be cut, or was taken out of the
list.  Beside these the states of a clip that is there and not released."""


@dataclass(frozen=True)
class Missing:
    """An example (``good``, ``bad``) that cannot be heard in a brief, and why."""

    topic: Topic
    example: str
    why: str


def missing(store: Store, of: Briefing, items: Sequence[Item] | None) -> tuple[Missing, ...]:
    """Which examples of a brief there are not to be heard; ``items``: of its playlist, None before it was made."""
    found = []
    states = release.states(store, [item.clip for item in items or ()])
    for topic, example in wanted(of.topics):
        own = [states[i.clip.id] for i in items or () if (i.clip.check_id, i.clip.example) == (topic.check_id, example)]
        if release.RELEASED in own:
            continue
        found.append(Missing(topic, example, own[0] if own else _why(store, of, topic, example, items)))
    return tuple(found)


def _why(store: Store, of: Briefing, topic: Topic, example: str, items: Sequence[Item] | None) -> str:
    if example == "good" and topic.ruled == topic.failed:
        return NO_CALL
    if _unindexed(store, of.day):
        return UNINDEXED
    if next(_moments(store, of.team, of.day, topic, example), None) is None:
        return NO_WORDS
    return UNPREPARED if items is None else NOT_CUT
