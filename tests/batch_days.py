"""Days of short recordings for the tests of the batch, and what a database holds, told without ids and stamps."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile

SAMPLES = Path(__file__).parents[1] / "recordings_sample"
CLIPS = ("02_clean_bill", "03_no_greeting", "08_banned_agent", "09_banned_customer", "13_too_quiet", "21_mono_mix")
LONG_AGO_S = 1_700_000_000.0


def clip(name: str, seconds: float = 4.0, start_s: float = 8.0) -> bytes:
    """A stretch of a sample call as a WAV file."""
    samples, rate_hz = soundfile.read(SAMPLES / f"{name}.wav", dtype="int16", always_2d=True)
    begin = min(int(start_s * rate_hz), len(samples) // 2)
    out = io.BytesIO()
    soundfile.write(out, samples[begin : begin + int(seconds * rate_hz)], rate_hz, format="WAV", subtype="PCM_16")
    return out.getvalue()


def day(folder: Path, names: Sequence[str] = CLIPS, seconds: float = 4.0, bad: bool = True) -> Path:
    """A folder of clips with their call records, one of the recordings twice, and one file that is no recording."""
    folder.mkdir()
    rows = list(csv.DictReader((SAMPLES / "calls.csv").open(encoding="utf-8-sig")))
    kept = [row | {"agent_id": "1001"} for row in rows if Path(row["file"]).stem in names]
    for name in names:
        (folder / f"{name}.wav").write_bytes(clip(name, seconds))
    if bad:
        (folder / "copy.wav").write_bytes(clip(names[0], seconds))
        (folder / "text.wav").write_text("这不是录音", "utf-8")
    with (folder / "calls.csv").open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    old(folder)
    return folder


def old(folder: Path) -> None:
    """Let all files be as old as yesterday's, so that nobody waits for them to settle."""
    for path in folder.iterdir():
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))


UNCOUNTED = ("created", "updated", "started_at", "id", "registered", "first", "last", "resolved")
WHOLE = {
    "recordings": "select * from recordings",
    "stage results": "select file_sha256, stage, settings_hash, schema_version, digest from stage_results",
    "blobs": "select digest, hex(payload) as payload from blobs",
    "calls": "select * from calls",
    "utterances": "select call_id, position, speaker, role, start_ms, end_ms, text from utterances",
    "index": "select f.characters, u.call_id, u.position from utterances_fts f join utterances u on u.id = f.rowid",
    "scorecards": "select call_id, agent_id, percent, coverage, rule_book, rule_book_version, demo, provenance_json, notes_json,"
    " hex(snapshot) as snapshot, standing, call_notes_json from scorecards",
    "results": "select s.call_id, r.position, r.check_id, r.title, r.clause, r.kind, r.section, r.severity, r.outcome, r.occurrences,"
    " r.weight, r.points, r.findings_json from check_results r join scorecards s on s.id = r.scorecard_id",
    "rules": "select fingerprint, check_id, title, clause, kind, severity, section, hex(digest) as digest from judged_rules",
    "judgements": "select hex(digest) as digest, findings_json from judgements",
    "rule books": "select hash, id, version, title, effective_from, effective_until, archive_json from rule_books",
    "registrations": "select hash from rule_book_registrations",
    "quarantine places": "select sha256, path, attempts from quarantine_places",
    "withdrawals": "select call_id, sha256, made_by, reason, counts, proposed, instead from withdrawals",
    "quarantine": "select sha256, path, kind, cause, cure, attempts, resolved is null as open from quarantine",
}
NOT_TOLD = {"batch_runs"}
"""Tables that differ by nature: each run is a row."""


def content(db: Path) -> dict[str, Counter[str]]:
    """All that a database holds, each row as text, how often."""
    with sqlite3.connect(db) as connection:
        connection.row_factory = sqlite3.Row
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
        assert not connection.execute("pragma foreign_key_check").fetchall()
        return {name: Counter(_plain(row) for row in connection.execute(sql)) for name, sql in WHOLE.items()}


def _plain(row: Any) -> str:
    return json.dumps({k: row[k] for k in row.keys() if k not in ("created", "updated")}, ensure_ascii=False)  # noqa: SIM118


def difference(one: dict[str, Counter[str]], other: dict[str, Counter[str]]) -> list[str]:
    """The rows that only one of two databases has, shortened."""
    return [
        f"{name} {sign} {row[:300]}"
        for name in one
        for sign, rows in (("-", one[name] - other[name]), ("+", other[name] - one[name]))
        for row in rows
    ]
