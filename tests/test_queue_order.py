"""In which order calls of equal worth come: the newest first, whatever their ids are, the same for everybody, page by page."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from qa import rows
from qa.review import queue
from qa.review.queue import Filter
from qa.store import Store


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[Store, dict[str, str]]:
    """Rows of the queue, each for the control sample alone, by call with their start; ids say nothing of time, some starts are shared or
    unknown."""
    made, chance, starts = Store(tmp_path / "queue.db"), random.Random(4), {}
    calls = [name for name in (f"{chance.getrandbits(48):012x}" for _ in range(6000)) if queue.control(name)]
    with made.db.writing():
        for number, call_id in enumerate(calls):
            starts[call_id] = "" if number % 9 == 0 else f"2025-05-{chance.randrange(1, 29):02d}T10:00:00.000"
            row = {"call_id": call_id, "scorecard_id": number, "state": "open", "worth": queue.WORTH["control"][0], "team": "一组"}
            row |= {"reasons_json": rows.to_json(("control",)), "agent_id": "8001", "started": starts[call_id], "assignee": "李质检"}
            row |= {"assignee_id": 7}
            made.db.insert("review_worth", row | {"control": 1, "sampled": 0})
    assert len(calls) > 80
    return made, starts


@pytest.mark.parametrize(
    "wanted", [Filter(), Filter(reason="control"), Filter(team="一组"), Filter(assignee="7"), Filter(since="2025-05-01")]
)
def test_the_newest_of_equal_worth_come_first_and_those_of_unknown_time_last(drawn: tuple[Store, dict[str, str]], wanted: Filter) -> None:
    store, starts = drawn
    expected = [call_id for call_id in sorted(starts) if starts[call_id] or not wanted.since]
    expected.sort(key=lambda call_id: starts[call_id], reverse=True)
    pages = [queue.page(store.db, wanted, offset, 7) for offset in range(0, len(starts), 7)]
    assert [row.call_id for page in pages for row in page] == expected
    assert queue.following(store.db, wanted, expected[0]) == expected[1]


def test_worth_goes_before_time(drawn: tuple[Store, dict[str, str]]) -> None:
    store, starts = drawn
    oldest = min((call_id for call_id in starts if starts[call_id]), key=lambda call_id: starts[call_id])
    store.db.sqlite.execute("update review_worth set worth = worth + 1 where call_id = ?", [oldest])
    assert queue.page(store.db, Filter(), 0, 1)[0].call_id == oldest
