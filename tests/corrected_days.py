"""Recordings scored by the records of a table, here and without listening to them: what a file holds is its content alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from stored_calls import call

from qa import decode, rulebook
from qa.batch.found import search
from qa.batch.run import Run
from qa.pipeline import FileResult, Scorer, Stages
from qa.records import Records, expect, read_calls
from qa.store import Store
from qa.types import Call, CallRecord, Transcript

HEADER = "file,call_id,agent_id,agent_name,team,direction,customer_number,line_number,start,answer,end,hangup_by,agent_channel"
SILENT = b"silence"


def row(file: str, call_id: str, agent: str = "8001", day: str = "05-01", hour: int = 8) -> str:
    times = [f"2025-{day}T{hour:02d}:00:{second:02d}.000" for second in (0, 3, 9)]
    return f"{file},{call_id},{agent},张一,一组,in,13900000001,400,{','.join(times)},customer,0"


def table(path: Path, rows: Iterable[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows, ""]), "utf-8")
    return path


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _call(self: Stages, record: CallRecord | None) -> Call:
    one = call()
    heard = Transcript("demo@1", True, ()) if self.path.read_bytes() == SILENT else one.transcript
    audio = replace(one.audio, path=str(self.path), sha256=decode.file_sha256(self.path), duration_ms=9000)
    return replace(one, audio=audio, record=record, transcript=heard)


@dataclass
class Days:
    """A database and folders under ``here``."""

    here: Path
    store: Store

    def run(self, records: Records | Sequence[str], *folders: str) -> list[FileResult]:
        """Score what lies in the folders (``d`` where none is named) by these records, or by the table of these rows."""
        found = search(self.here / one for one in folders or ("d",)).files
        used = read_calls(table(self.here / "calls.csv", records)) if isinstance(records, Sequence) else records
        expect(used, found, self.store.batches.unusable())
        return list(Run(Scorer(self.store, rulebook.load_scoring("default"), used, "demo"), None).results(found))

    def counted(self) -> dict[str, str]:
        """Calls that count, each with the content of the recording that its scorecard was made of."""
        contents = {decode.file_sha256(path): path.read_bytes().decode() for path in self.here.rglob("*.wav")}
        made = {one.call_id: self.store.scorecard(one.call_id).provenance.file_sha256 for one in self.store.calls()}
        return {call_id: contents.get(sha256, "gone") for call_id, sha256 in made.items()}

    def written(self) -> int:
        return sum(len(self.store.db.rows(f"select id from {name}")) for name in ("withdrawals", "scorecards", "adjustments"))

    def close(self, month: str = "2025-05") -> None:
        """A month closed by an older program: nothing is worked out."""
        self.store.ledger.close_month(month, "王")


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Days:
    monkeypatch.setattr(Stages, "call", _call)
    return Days(tmp_path, Store(tmp_path / "t.db"))
