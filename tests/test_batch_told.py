"""What a batch says of recordings that have no record, lie where they cannot be read, or were exchanged; nothing is passed over."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_days import clip, old
from batch_here import forked
from commands import Ran, Run
from switch_samples import cdr, written

from qa.asr import Recogniser
from qa.batch.found import UNDECODED, search
from qa.batch.watch import Watch
from qa.decode import SUFFIXES
from qa.pipeline import collect
from qa.store import Store
from qa.switch import asterisk

__all__ = ["forked"]
NAMED = "external-8001-13800138000-20240501-090000-1714525200.100"
OTHER = "external-8001-13900139000-20240501-110000-1714532400.7"
PATTERN = """time_zone = "Asia/Shanghai"
file_pattern = '(?P<date>\\d{8})_(?P<time>\\d{6})_(?P<customer_number>\\d+)'
"""
END = ("--asr", "demo", "--workers", 1, "--db", "t.db")
Day = Callable[..., Path]


@pytest.fixture
def day(tmp_path: Path) -> Day:
    """A folder of recordings by their names without suffix."""

    def make(*names: str, folder: str = "day") -> Path:
        where = tmp_path / folder
        where.mkdir(parents=True, exist_ok=True)
        for k, name in enumerate(names):
            (where / f"{name}.wav").write_bytes(clip("02_clean_bill", 1.0, start_s=3.0 + k))
        old(where)
        return where

    return make


def imported(qa: Run, tmp_path: Path, *more: object) -> None:
    written(tmp_path, "Master.csv", cdr())
    assert qa("records", "import", "Master.csv", "--tz", "Asia/Shanghai", *more, "--db", "t.db").code == 0


# ---------------------------------------------------------------- why there is no record


def test_why_a_recording_has_no_record_is_said_and_reported(qa: Run, forked: None, day: Day, tmp_path: Path) -> None:
    imported(qa, tmp_path)
    found = qa("batch", "run", day(NAMED, OTHER), *END, "--json")
    (one,) = found.json["without_record"]
    assert found.code == 0 and (Path(one["file"]).stem, one["why"].partition("。")[0]) == (OTHER, "没有与它相符的话单")
    assert f"{OTHER}.wav: 没有与它相符的话单" in found.err and NAMED not in found.err


def test_without_any_records_that_is_the_reason(qa: Run, forked: None, day: Day) -> None:
    found = qa("batch", "run", day("a"), *END, "--json")
    assert [one["why"] for one in found.json["without_record"]] == ["没有给通话记录"]


@pytest.mark.parametrize("command", [("batch", "run"), ("score",)])
def test_a_name_that_does_not_fit_the_house_s_pattern_fails(
    qa: Run, forked: None, day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(Recogniser, "__init__", lambda *args: None)
    imported(qa, tmp_path, "--mapping", written(tmp_path, "m.toml", 'format = "asterisk"\n' + PATTERN))
    folder, end = day(NAMED, "20240501_090002_13800138000"), END if command == ("batch", "run") else ("--asr", "demo", "--db", "t.db")
    found = qa(*command, folder, *end)
    assert found.code == 1 and f"{NAMED}.wav：文件名与规则" in found.err
    with Store(tmp_path / "t.db") as store:
        assert [(call.call_id, call.file) for call in store.calls()] == [
            ("1714525200.100", str(folder / "20240501_090002_13800138000.wav"))
        ]


def test_a_pattern_is_no_matter_of_a_table_that_does_not_go_by_names(qa: Run, forked: None, day: Day, tmp_path: Path) -> None:
    imported(qa, tmp_path, "--mapping", written(tmp_path, "m.toml", 'format = "asterisk"\n' + PATTERN))
    table = written(tmp_path, "calls.csv", "file,call_id,direction\nx.wav,X,in\n")
    assert qa("batch", "run", day(NAMED), "--calls", table, *END).code == 0


# ---------------------------------------------------------------- quarantine


def quarantined(db: Path) -> list[str]:
    with Store(db) as store:
        return [Path(one.path).name for one in store.batches.quarantined()]


def resolved(db: Path) -> list[bool]:
    with Store(db) as store:
        return [row["resolved"] is not None for row in store._db.rows("select resolved from quarantine order by sha256")]


def bad(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(f"这不是录音 {name}", "utf-8")
    old(folder)


def test_a_bad_file_that_was_replaced_by_a_good_one_is_out_of_quarantine(qa: Run, forked: None, day: Day, tmp_path: Path) -> None:
    folder = day("good")
    bad(folder, "a.wav", "b.wav")
    assert qa("batch", "run", folder, *END).code == 1 and quarantined(tmp_path / "t.db") == ["a.wav", "b.wav"]
    day("good", "a")
    assert qa("batch", "run", folder, *END).code == 1 and quarantined(tmp_path / "t.db") == ["b.wav"]
    assert sorted(resolved(tmp_path / "t.db")) == [False, True]
    bad(folder, "b.wav.new")
    (folder / "b.wav.new").rename(folder / "b.wav")
    assert qa("batch", "run", folder, *END).code == 1 and quarantined(tmp_path / "t.db") == ["b.wav"]
    assert sorted(resolved(tmp_path / "t.db")) == [False, True, True]
    day("good", "a", "b")
    assert qa("batch", "run", folder, *END).code == 0 and quarantined(tmp_path / "t.db") == []


def test_equal_content_elsewhere_stays_in_quarantine(qa: Run, forked: None, day: Day, tmp_path: Path) -> None:
    folder = day("good")
    bad(folder, "a.wav")
    (folder / "b.wav").write_bytes((folder / "a.wav").read_bytes())
    old(folder)
    qa("batch", "run", folder, *END)
    day("good", "a")
    assert qa("batch", "run", folder, *END, "--json").json["skipped"] == 1 and quarantined(tmp_path / "t.db") == ["b.wav"]
    assert resolved(tmp_path / "t.db") == [False]


def test_retry_drops_what_lies_there_no_more_and_says_so(qa: Run, forked: None, day: Day, tmp_path: Path) -> None:
    folder = day("good")
    bad(folder, "a.wav", "b.wav", "c.wav")
    qa("batch", "run", folder, *END)
    (folder / "a.wav").write_bytes(clip("03_no_greeting", 1.0))
    (folder / "b.wav").unlink()
    old(folder)
    found = qa("batch", "retry", *END, "--json")
    assert (found.code, found.json["files"], found.json["scored"], found.json["quarantined"]) == (1, 2, 1, 1)
    assert "a.wav：已不在隔离之中：文件已换成别的内容" in found.err and "b.wav：已不在隔离之中：文件已删除" in found.err
    assert quarantined(tmp_path / "t.db") == ["c.wav"]
    (folder / "c.wav").unlink()
    assert [qa("batch", "retry", *END, "--json").json["files"] for _ in range(2)] == [0, 0]
    assert quarantined(tmp_path / "t.db") == []


def test_retry_drops_nothing_of_a_share_that_is_not_there(qa: Run, forked: None, day: Day, tmp_path: Path) -> None:
    folder = day("good")
    bad(folder, "a.wav")
    qa("batch", "run", folder, *END)
    folder.rename(tmp_path / "away")
    assert qa("batch", "retry", *END).code in (1, 3) and quarantined(tmp_path / "t.db") == ["a.wav"]


# ---------------------------------------------------------------- watched


@pytest.fixture
def watch(qa: Run, forked: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Watch a folder for some looks; ``look`` is called before each."""

    def run(folder: Path, looks: int, look: Callable[[int], object] = lambda number: None) -> Ran:
        numbers, real = iter(range(10_000)), Watch._sleep

        def sleep(self: Watch) -> None:
            number = next(numbers)
            look(number)
            if number == looks:
                os.kill(os.getpid(), signal.SIGTERM)
            real(self)

        monkeypatch.setattr(Watch, "_sleep", sleep)
        return qa("batch", "watch", folder, "--settle", 0.2, "--every", 0.1, *END)

    return run


def runs(db: Path) -> int:
    with Store(db) as store:
        return len(store.batches.runs(1000))


def test_recordings_that_claim_one_call_wait_with_that_reason_and_are_failures(
    watch: Callable[..., Ran], qa: Run, day: Day, tmp_path: Path
) -> None:
    imported(qa, tmp_path)
    folder = day(NAMED, folder="in/2024-05-01")
    (folder / "again").mkdir()
    (folder / "again" / f"{NAMED}.wav").write_bytes(clip("03_no_greeting", 1.0))
    ended = watch(folder, 12)
    assert ended.code == 1 and ended.err.count("两个录音不能同属一通电话") == 2
    assert runs(tmp_path / "t.db") == 1


def test_a_recording_is_scored_once_its_rival_is_gone(watch: Callable[..., Ran], qa: Run, day: Day, tmp_path: Path) -> None:
    imported(qa, tmp_path)
    folder = day(NAMED)
    (folder / "again").mkdir()
    rival = folder / "again" / f"{NAMED}.wav"
    rival.write_bytes(clip("03_no_greeting", 1.0))
    ended = watch(folder, 16, lambda number: rival.unlink() if number == 8 else None)
    assert ended.code == 0 and runs(tmp_path / "t.db") == 2
    with Store(tmp_path / "t.db") as store:
        assert [call.call_id for call in store.calls()] == ["1714525200.100"]


def test_a_recording_gets_the_record_that_is_imported_while_it_waits(watch: Callable[..., Ran], qa: Run, day: Day, tmp_path: Path) -> None:
    written(tmp_path, "Master.csv", cdr(uniqueid="1714525900.1"))
    assert qa("records", "import", "Master.csv", "--tz", "Asia/Shanghai", "--db", "t.db").code == 0
    folder = day(NAMED)

    def look(number: int) -> None:
        if number == 8:
            with pytest.raises(SystemExit):
                from qa.cli import main

                written(tmp_path, "later.csv", cdr())
                main(["records", "import", "later.csv", "--tz", "Asia/Shanghai", "--db", "t.db"])

    ended = watch(folder, 16, look)
    assert ended.code == 0 and "没有与它相符的话单" in ended.err and runs(tmp_path / "t.db") == 2
    with Store(tmp_path / "t.db") as store:
        assert [call.call_id for call in store.calls()] == ["1714525200.100"]


def test_what_still_waits_at_the_end_is_said(watch: Callable[..., Ran], qa: Run, day: Day, tmp_path: Path) -> None:
    imported(qa, tmp_path)
    ended = watch(day(OTHER), 8)
    assert ended.code == 0 and f"{OTHER}.wav：1 个录音还没有可用的通话记录，没有评分" in ended.err


# ---------------------------------------------------------------- where recordings lie


def test_folders_that_are_links_are_searched_once_and_links_back_lead_nowhere(day: Day, tmp_path: Path) -> None:
    top, far = day("a", folder="top"), day("b", "c", folder="far/deep")
    (top / "0link").symlink_to(far)  # before the files in the order of names
    (top / "1inner").mkdir()
    (top / "1inner" / "d.wav").write_bytes(b"x")
    (top / "0again").symlink_to(top / "1inner")
    (far / "back").symlink_to(top)
    (far / "up").symlink_to(far.parent)
    assert [path.relative_to(top).as_posix() for path in collect([top])] == ["0link/b.wav", "0link/c.wav", "1inner/d.wav", "a.wav"]
    assert collect([top / "0link"])[0] == top / "0link" / "b.wav"
    assert len(collect([top, tmp_path / "far", top])) == 4


def test_a_folder_that_cannot_be_read_is_a_failure(qa: Run, forked: None, day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, locked, real = day("a"), day("b", folder="day/locked"), os.scandir

    def scandir(path: Any = ".") -> Iterator[Any]:
        if Path(path) == locked:  # whoever runs the tests may be allowed everything
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = qa("batch", "run", folder, *END, "--json")
    assert (found.code, found.json["files"], found.json["scored"], found.json["failed"]) == (1, 2, 1, 1)
    (problem,) = found.json["problems"]
    assert (
        problem["file"] == str(locked) and "文件夹读不了（Permission denied）" in problem["cause"] and "locked：文件夹读不了" in found.err
    )


def test_sounds_that_cannot_be_decoded_and_broken_links_are_failures(qa: Run, forked: None, day: Day, tmp_path: Path) -> None:
    folder = day("a")
    for name in ("b.ulaw", "c.SLN", ".hidden.alaw", "notes.txt"):
        (folder / name).write_bytes(b"\xff" * 800)
    (folder / "2024-05-02").symlink_to(tmp_path / "not-mounted")
    os.mkfifo(folder / "pipe.wav")
    old_ = {path: path for path in folder.iterdir() if path.is_file()}
    assert len(old_) == 5
    found = qa("batch", "run", folder, *END, "--json")
    assert (found.code, found.json["scored"], found.json["failed"]) == (1, 1, 4)
    assert {Path(one["file"]).name: one["fate"] for one in found.json["problems"]} == dict.fromkeys(
        ("b.ulaw", "c.SLN", "2024-05-02", "pipe.wav"), "failed"
    )
    assert "b.ulaw：不能解码 .ulaw 格式" in found.err
    assert qa("batch", "run", folder / "a.wav", *END).code == 0


def test_every_sound_that_a_switch_may_name_is_decoded_or_told() -> None:
    known = {f".{suffix}" for suffix in asterisk._SOUND.pattern.split("(")[1].split(")")[0].split("|")}
    assert len(known) > 8 and known <= SUFFIXES | UNDECODED and not SUFFIXES & UNDECODED


def test_an_empty_folder_among_several_is_said(qa: Run, forked: None, day: Day, tmp_path: Path) -> None:
    folder, empty = day("a"), tmp_path / "empty"
    empty.mkdir()
    found = qa("batch", "run", folder, empty, folder, *END)
    assert found.code == 0 and f"{empty}：文件夹里没有录音" in found.err and f"{folder}：" not in found.err
    assert search([empty, folder]).empty == (empty,)


def test_a_watch_says_once_what_it_cannot_take(watch: Callable[..., Ran], day: Day) -> None:
    folder = day("a")
    (folder / "b.alaw").write_bytes(b"\xd5" * 800)
    ended = watch(folder, 8)
    assert ended.code == 1 and ended.err.count("不能解码 .alaw 格式") == 1


# ---------------------------------------------------------------- the report, and errors of several lines


@pytest.mark.parametrize(("where", "cause"), [("nowhere/report.json", "没有这个文件夹"), ("day", "是文件夹")])
def test_a_report_that_cannot_be_written_is_an_error_before_the_work(
    qa: Run, forked: None, day: Day, tmp_path: Path, where: str, cause: str
) -> None:
    for command in (("run", day("a")), ("retry",)):
        refused = qa("batch", *command, *END, "--report-json", where)
        assert refused.code == 2 and cause in refused.err and refused.out == ""
    assert not (tmp_path / "t.db").exists()


def test_a_report_that_could_not_be_written_at_the_end_is_not_success(
    qa: Run, forked: None, day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    found = qa("batch", "run", day("a"), *END, "--report-json", "report.json")
    assert found.code == 1 and "运行报告写不了" in found.err


def test_a_cure_of_several_lines_is_shown_in_lines(qa: Run, day: Day, tmp_path: Path) -> None:
    odd = written(tmp_path, "odd.csv", "a,b\n1,2\n")
    refused = qa("batch", "run", day("a"), "--calls", odd, *END)
    assert refused.code == 2 and "\\n" not in refused.err
    assert refused.err.count("✗") == 1 and [line for line in refused.err.splitlines() if line.startswith("  calls：")]


def test_a_file_name_with_a_line_break_stays_in_its_line(qa: Run, forked: None, day: Day) -> None:
    folder = day("a")
    bad(folder, "x\n✗ y.wav")
    found = qa("batch", "run", folder, *END)
    assert "x\\n✗ y.wav" in found.err and not [line for line in found.err.splitlines() if line.startswith("✗ y")]


def test_a_format_that_is_not_decoded_is_no_failure_beside_the_same_recording_that_is(qa: Run, day: Day, tmp_path: Path) -> None:
    folder = day("a", "b")
    (folder / "a.sln").write_bytes(b"\0" * 320)
    assert [path.name for path in search([folder]).files] == ["a.wav", "b.wav"] and search([folder]).missed == ()
    (folder / "c.sln").write_bytes(b"\0" * 320)
    assert [path.name for path, _ in search([folder]).missed] == ["c.sln"]
    scored = qa("score", folder, "--asr", "demo", "--db", "s.db")
    assert scored.code == 1 and "c.sln：不能解码 .sln 格式" in scored.err and "a.sln" not in scored.err
