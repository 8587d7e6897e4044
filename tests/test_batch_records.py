"""Which call records a batch uses, and recordings that several agents took part in."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from batch_days import CLIPS, old
from batch_here import forked, recordings
from commands import Run
from stored_houses import house

from qa.records import CallTable, Part, read_calls
from qa.store import Store
from qa.types import CallRecord, Span

__all__ = ["forked", "recordings"]
SHARED = f"{CLIPS[1]}.wav"


class Transfers:
    """A table in which one call is handed on to another agent after 700 ms."""

    problems = ()

    def __init__(self, table: CallTable) -> None:
        self._table = table

    def for_file(self, path: Path) -> CallRecord | None:
        return self._table.for_file(path)

    def parts_of(self, path: Path, duration_ms: int) -> tuple[Part, ...]:
        record = self.for_file(path)
        if record is None or path.name != SHARED:
            return (Part(record),)
        second = replace(record, call_id=f"{record.call_id}#2", agent_id="1002")
        return Part(record, Span(0, 700)), Part(second, Span(700, duration_ms))


def test_imported_records_are_used_where_none_are_named(
    qa: Run, forked: None, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.switch.choose.imported", lambda store: Transfers(read_calls(recordings / "calls.csv")))
    command = ("batch", "run", recordings, "--asr", "demo", "--workers", 2, "--db", "t.db", "--json")
    first = qa(*command)
    assert first.code == 1 and [Path(p["file"]).name for p in first.json["without_record"]] == ["copy.wav"]
    assert (first.json["scored"], first.json["scorecards"]) == (len(CLIPS) + 1, len(CLIPS) + 2)
    with Store(tmp_path / "t.db") as store:
        calls = {call.call_id: (call.agent_id, Path(call.file).name) for call in store.calls()}
        (second,) = [call_id for call_id in calls if call_id.endswith("#2")]
        assert calls[second] == ("1002", SHARED) and calls[second.removesuffix("#2")] == ("1001", SHARED)
    again = qa(*command)
    assert (again.json["reused"], again.json["scorecards"]) == (len(CLIPS) + 1, len(CLIPS) + 2)
    with Store(tmp_path / "t.db") as store:
        assert len(store.calls()) == len(CLIPS) + 2 and all(len(store.history(call.call_id)) == 1 for call in store.calls())


def test_a_table_of_no_known_format_is_a_usage_error(qa: Run, recordings: Path) -> None:
    (recordings / "odd.csv").write_text("a,b\n1,2\n", "utf-8")
    refused = qa("batch", "run", recordings, "--calls", recordings / "odd.csv", "--asr", "demo", "--db", "t.db")
    assert refused.code == 2 and "odd.csv" in refused.err and not Path("t.db").exists()


def test_problems_of_the_table_are_told(qa: Run, forked: None, recordings: Path) -> None:
    with (recordings / "calls.csv").open("a", encoding="utf-8") as table:
        table.write("x.wav,X1,1001,甲,一组,sideways,1,2,,,,,\n")
    told = qa("batch", "run", recordings, "--calls", recordings / "calls.csv", "--asr", "demo", "--workers", 2, "--db", "t.db")
    assert told.code == 1 and "direction 应为 in、out" in told.err


def test_first_warnings_go_to_the_first_calls_whatever_was_scored_first(qa: Run, forked: None, recordings: Path, tmp_path: Path) -> None:
    """The earliest call of the agent arrives a day late; the warning is its own then, and the next breach costs."""
    text = (recordings / "calls.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    for row in rows:  # all of them rang for 21 seconds: five rings
        start = datetime.fromisoformat(row["answer"]) - timedelta(seconds=21)
        row["start"] = start.isoformat(timespec="milliseconds")
    rows.sort(key=lambda row: row["start"])
    with (recordings / "calls.csv").open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    house(tmp_path / "house", worth="deduction = 20\nwarn_first = 1")
    files = [recordings / row["file"] for row in rows]
    late = files[0].rename(tmp_path / files[0].name)
    command = ("batch", "run", recordings, "--calls", recordings / "calls.csv", "--asr", "demo", "--workers", 2, "--db", "t.db")

    def lost() -> list[float]:
        with Store(tmp_path / "t.db") as store:
            checks = {call.call_id: call.checks[0] for call in store.calls()}
            return [c.weight - (c.points or 0.0) for row in rows if (c := checks.get(row["call_id"])) is not None]

    qa(*command, "--profile", "house")
    assert lost() == [0.0] + [20.0] * (len(files) - 2)
    late.rename(files[0])
    old(recordings)
    qa(*command, "--profile", "house")
    assert lost() == [0.0] + [20.0] * (len(files) - 1)
