"""Records that were wrong and are right now, recordings that lie elsewhere now: every recording counts once, for the right agent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from batch_days import clip, old
from batch_here import forked
from commands import Ran, Run

from qa.store import Store

__all__ = ["forked"]

HEADER = "file,call_id,agent_id,agent_name,team,direction,customer_number,line_number,start,answer,end,hangup_by,agent_channel"
CDR = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,accountcode,uniqueid,"
    "userfield,did,recordingfile,cnum,linkedid,sequence"
)
ID = "1777597200.1"
NAME = f"external-8001-13900000001-20260501-090000-{ID}.wav"
MAPPING = 'format = "asterisk"\ntime_zone = "Asia/Shanghai"\ncaller_channel = 0\n[agents]\n"8001" = "1001"\n'


def row(file: str, call_id: str, agent: str, hour: int = 8) -> str:
    times = [f"2026-05-01T{hour:02d}:00:{second:02d}.000" for second in (0, 3, 9)]
    return f"{file},{call_id},{agent},张一,一组,in,13900000001,400,{','.join(times)},customer,0"


def table(path: Path, rows: Iterable[str]) -> Path:
    path.write_text("\n".join([HEADER, *rows, ""]), "utf-8")
    return path


def cdr(path: Path, calls: dict[str, tuple[str, str]]) -> Path:
    """A CDR of calls by id: who answered, and the recording's name."""
    made = [CDR]
    for hour, (call_id, (agent, name)) in enumerate(calls.items(), 9):
        made.append(
            f"2026-05-01 {hour:02d}:00:00,13900000001,13900000001,{agent},from-did-direct,PJSIP/trunk-0000000{hour % 10},"
            f"PJSIP/{agent}-0000001{hour % 10},Dial,,9,6,ANSWERED,3,,{call_id},,400,{name},13900000001,{call_id},1"
        )
    path.write_text("\n".join([*made, ""]), "utf-8")
    return path


def put(path: Path, sample: str = "02_clean_bill", seconds: float = 1.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(clip(sample, seconds))
    old(path.parent)
    return path


def score(qa: Run, folder: Path | str, *more: object) -> Ran:
    return qa("batch", "run", folder, "--asr", "demo", "--workers", 2, "--db", "t.db", *more)


def agents(qa: Run) -> dict[str, int]:
    return {one["agent_id"]: one["calls"] for one in qa("agents", "--db", "t.db", "--json").json["agents"]}


def written(tmp_path: Path) -> int:
    with Store(tmp_path / "t.db") as store:
        return len(store.db.rows("select id from withdrawals")) + len(store.db.rows("select id from scorecards"))


def places(tmp_path: Path) -> dict[str, str]:
    with Store(tmp_path / "t.db") as store:
        return {call.call_id: Path(call.file).name for call in store.calls()}


# ---------------------------------------------------------------- rows that were swapped or shifted


@pytest.mark.parametrize("wrong", [{"a.wav": "C2", "b.wav": "C1"}, {"a.wav": "C2", "b.wav": "C3"}])
def test_a_table_with_wrong_rows_is_corrected(qa: Run, forked: None, tmp_path: Path, wrong: dict[str, str]) -> None:
    put(tmp_path / "d" / "a.wav")
    put(tmp_path / "d" / "b.wav", "03_no_greeting")
    right = {"a.wav": "C1", "b.wav": "C2"}
    number = {"C1": "8001", "C2": "8002", "C3": "8003"}
    tables = [table(tmp_path / f"{n}.csv", (row(f, c, number[c]) for f, c in rows.items())) for n, rows in enumerate((wrong, right))]
    for named, rows in zip([*tables, *tables], [wrong, right] * 2, strict=True):
        found = score(qa, "d", "--calls", named)
        assert found.code == 0, found.out + found.err
        assert places(tmp_path) == {call_id: file for file, call_id in rows.items()}
        assert agents(qa) == {number[call_id]: 1 for call_id in rows.values()}
    before = written(tmp_path)
    assert score(qa, "d", "--calls", tables[1], "--json").json["withdrawn"] == [] and written(tmp_path) == before


def test_imported_records_with_swapped_recordings_are_corrected(qa: Run, forked: None, tmp_path: Path) -> None:
    put(tmp_path / "d" / "a.wav")
    put(tmp_path / "d" / "b.wav", "03_no_greeting")
    ids = ("1777597200.1", "1777600800.2")
    for names in (("b.wav", "a.wav"), ("a.wav", "b.wav")):
        calls = cdr(tmp_path / "Master.csv", {ids[0]: ("8001", names[0]), ids[1]: ("8002", names[1])})
        assert qa("records", "import", calls, "--tz", "Asia/Shanghai", "--db", "t.db").code == 0
        found = score(qa, "d")
        assert found.code == 0, found.out + found.err
        assert places(tmp_path) == dict(zip(ids, names, strict=True))


def test_cut_off_between_the_two_it_goes_on(qa: Run, forked: None, tmp_path: Path) -> None:
    put(tmp_path / "d" / "a.wav")
    put(tmp_path / "d" / "b.wav", "03_no_greeting")
    wrong = table(tmp_path / "w.csv", [row("d/a.wav", "C2", "8002"), row("d/b.wav", "C1", "8001")])
    right = table(tmp_path / "r.csv", [row("d/a.wav", "C1", "8001"), row("d/b.wav", "C2", "8002")])
    assert score(qa, "d", "--calls", wrong).code == 0
    assert score(qa, "d/b.wav", "--calls", right).code == 0
    assert places(tmp_path) == {"C2": "b.wav"}
    assert score(qa, "d", "--calls", right).code == 0
    assert places(tmp_path) == {"C1": "a.wav", "C2": "b.wav"}


# ---------------------------------------------------------------- whose call it is


def test_a_table_that_is_only_named_knows_what_the_house_has_stated(qa: Run, forked: None, tmp_path: Path) -> None:
    put(tmp_path / "d" / NAME)
    calls = cdr(tmp_path / "c.csv", {ID: ("8001", NAME)})
    (tmp_path / "m.toml").write_text(MAPPING, "utf-8")
    (tmp_path / "roster.csv").write_text("工号,姓名,班组\n1001,张一,一组\n", "utf-8")
    for arguments in ((calls, "--mapping", "m.toml"), ("roster.csv", "--tz", "Asia/Shanghai")):
        assert qa("records", "import", *arguments, "--db", "t.db").code == 0
    assert score(qa, "d").code == 0
    before = written(tmp_path)
    for command in (("batch", "run"), ("score",)):
        found = qa(*command, "d", "--calls", calls, "--asr", "demo", "--db", "t.db")  # nor need the zone be said again
        assert found.code == 0, found.err
        assert agents(qa) == {"1001": 1} and written(tmp_path) == before
    with Store(tmp_path / "t.db") as store:
        assert [(call.agent_name, call.team) for call in store.calls()] == [("张一", "一组")]


def test_another_agent_under_the_same_id_is_told(qa: Run, forked: None, tmp_path: Path) -> None:
    put(tmp_path / "d" / "a.wav")
    assert score(qa, "d", "--calls", table(tmp_path / "1.csv", [row("d/a.wav", "C1", "8001")])).code == 0
    corrected = table(tmp_path / "2.csv", [row("d/a.wav", "C1", "8002")])
    found = score(qa, "d", "--calls", corrected, "--report-json", "report.json")
    assert "通话 C1 按现在的通话记录，坐席由 8001 改为 8002" in found.out
    (told,) = json.loads((tmp_path / "report.json").read_text("utf-8"))["withdrawn"]
    assert told["call_id"] == "C1" and "坐席由 8001 改为 8002" in told["what"]
    assert score(qa, "d", "--calls", corrected, "--json").json["withdrawn"] == [] and agents(qa) == {"8002": 1}
    back = qa("score", "d", "--calls", tmp_path / "1.csv", "--asr", "demo", "--db", "t.db")
    assert "坐席由 8002 改为 8001" in back.out


# ---------------------------------------------------------------- the same recording under another place


@pytest.mark.parametrize("how", ["..", "link", "renamed", "folder moved", "copied"])
def test_the_same_recording_counts_once_wherever_it_lies(qa: Run, forked: None, tmp_path: Path, how: str) -> None:
    put(tmp_path / "rec" / "a.wav", seconds=6.0)
    first = table(tmp_path / "first.csv", [row("rec/a.wav", "OLD", "8001")])
    assert score(qa, "rec", "--calls", first).code == 0
    folder, name = "rec", "a.wav"
    if how == "..":
        (tmp_path / "other").mkdir()
        folder = "other/../rec"
    elif how == "link":
        (tmp_path / "link").symlink_to("rec")
        folder = "link"
    elif how == "renamed":
        (tmp_path / "rec" / "a.wav").rename(tmp_path / "rec" / "b.wav")
        name = "b.wav"
    elif how == "folder moved":
        (tmp_path / "rec").rename(tmp_path / "elsewhere")
        folder = "elsewhere"
    else:
        shutil.copytree(tmp_path / "rec", tmp_path / "copy")
        (tmp_path / "copy" / "a.wav").rename(tmp_path / "copy" / "c.wav")
        old(tmp_path / "copy")
        folder, name = "copy", "c.wav"
    now = table(tmp_path / "now.csv", [row(name, "NEW", "8001"), row(f"{folder}/{name}", "NEW", "8001")][-1:])
    found = score(qa, folder, "--calls", now)
    assert found.code == 0 and agents(qa) == {"8001": 1}, found.out + found.err
    assert places(tmp_path) == ({"OLD": "a.wav"} if how == "copied" else {"NEW": name})
    assert ("与通话 OLD 是同一录音的两份" if how == "copied" else "该录音是通话 NEW") in found.out
    before = written(tmp_path)
    assert score(qa, folder, "--calls", now, "--json").json["withdrawn"] == [] and written(tmp_path) == before


def test_equal_recordings_of_two_calls_both_count(qa: Run, forked: None, tmp_path: Path) -> None:
    put(tmp_path / "d" / "a.wav")
    put(tmp_path / "d" / "b.wav")
    both = table(tmp_path / "c.csv", [row("d/a.wav", "A", "8001"), row("d/b.wav", "B", "8001", hour=9)])
    for _ in range(2):
        assert score(qa, "d", "--calls", both, "--json").json["withdrawn"] == []
    assert agents(qa) == {"8001": 2}


def test_a_copy_without_a_record_is_settled_once(qa: Run, forked: None, tmp_path: Path) -> None:
    """The original with its record, a copy beside it without: the copy counts for nothing, run after run."""
    put(tmp_path / "d" / "a.wav")
    assert score(qa, "d").code == 0
    put(tmp_path / "d" / "copy" / "a.wav")
    of = table(tmp_path / "c.csv", [row("d/a.wav", "A", "8001")])
    score(qa, "d", "--calls", of)
    before = written(tmp_path)
    for arguments in (("--calls", of), (), ("--calls", of)):
        score(qa, "d", *arguments)
        assert places(tmp_path) == {"A": "a.wav"}
    assert written(tmp_path) == before


# ---------------------------------------------------------------- cut short


@pytest.mark.parametrize("records", [("T1", "T2"), (None, "T2"), (None, None)])
def test_what_was_cut_short_does_not_count_beside_the_whole(
    qa: Run, forked: None, tmp_path: Path, records: tuple[str | None, str | None]
) -> None:
    path = put(tmp_path / "d" / "a.wav", seconds=6.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    old(path.parent)
    for call_id, name in zip(records, ("1.csv", "2.csv"), strict=True):
        given = ("--calls", table(tmp_path / name, [row("d/a.wav", call_id, "8001")])) if call_id else ()
        assert score(qa, "d", *given).code == 0
        path.write_bytes(whole)
        old(path.parent)
    with Store(tmp_path / "t.db") as store:
        (one,) = store.calls()
        assert one.duration_ms == 6000 and one.call_id == (records[1] or one.call_id)
    before = written(tmp_path)
    assert score(qa, "d", *given, "--json").json["withdrawn"] == [] and written(tmp_path) == before


def test_a_name_that_is_used_again_is_another_recording(qa: Run, forked: None, tmp_path: Path) -> None:
    for sample, call_id in (("02_clean_bill", "C1"), ("03_no_greeting", "C2")):
        put(tmp_path / "d" / "0001.wav", sample)
        assert score(qa, "d", "--calls", table(tmp_path / f"{call_id}.csv", [row("d/0001.wav", call_id, "8001")])).code == 0
    assert agents(qa) == {"8001": 2}
