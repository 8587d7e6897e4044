"""The project's own ``calls.csv``, imported: the same calls as read directly, the first ring included."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from commands import Run

from qa.clock import known_moment
from qa.records import read_calls
from qa.store import Store
from qa.switch import log

SAMPLES = Path(__file__).parents[1] / "recordings_sample"
ELSEWHERE = ("agent_name", "team", "file", "precision_ms")  # names come from the roster


def test_our_own_table_is_no_roster_and_its_start_is_the_first_ring(qa: Run) -> None:
    done = qa("records", "import", SAMPLES / "calls.csv")
    assert "mapped" in done.out and "未采用 1 行" in done.out  # the call of which no time is known
    table = read_calls(SAMPLES / "calls.csv")
    with Store("qa.db") as store:
        imported = log.records(store)
        compared = 0
        for record in table.records:
            other = imported.for_file(SAMPLES / record.file)
            if record.start is None:
                assert other is None
                continue
            assert other is not None
            for name in (f.name for f in fields(record) if f.name not in ELSEWHERE):
                ours, theirs = getattr(record, name), getattr(other, name)
                same = known_moment(ours) == known_moment(theirs) if name in ("start", "answer", "end") else ours == theirs
                assert same, (record.file, name, ours, theirs)
            compared += 1
    assert compared == 37
