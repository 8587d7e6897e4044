"""``qa purge``: what is past its period is gone from the files, byte for byte; what was scored stays; what was deleted is proved."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from web_house import House, call_id

from qa import serial
from qa.clips import cutting, index
from qa.clips.cutting import Wish
from qa.clock import HOUSE_ZONE
from qa.errors import RuleBookError, StoreError
from qa.ledger_cards import Snapshot
from qa.operation import purge, purge_kinds
from qa.operation.blanking import blanked
from qa.operation.retention import KINDS, Retention, read
from qa.people import audit
from qa.review import appeals, rulings, verdicts
from qa.review.verdicts import Terms
from qa.rows import index_characters
from qa.store import Store
from qa.types import Evidence, Finding, Outcome, Role, Span

OLD, YOUNG = call_id("8001", 2), call_id("8002", 2)  # the same script, two agents of one team, both on 2025-06-12
SAID = "这个不归我管"
LATER = datetime.now(UTC) + timedelta(days=400)
"""More than a year after the calls of the house, and after whatever the test makes now."""
ALL = Retention(dict.fromkeys(KINDS, 365))


def only(*calls: str) -> Retention:
    """All kinds after a year, but nothing of any call except these."""
    every = [call_id(agent, k) for agent in ("8001", "8002", "8003", "8004") for k in range(3)]
    return Retention(ALL.days, tuple(one for one in every if one not in calls))


def everything(house: House) -> bytes:
    """All bytes of the database's files."""
    return b"".join(path.read_bytes() for path in house.folder.glob("qa.db*") if "audit" not in path.name)


def forms(words: str) -> list[bytes]:
    """How words lie in the database: as text, as code points of the full-text index."""
    return [words.encode(), index_characters(words).encode()]


def cut(house: House, call: str) -> int:
    return cutting.cut(house.store, call, Wish(Span(7500, 10000), title="不归我管的例子"), "培训").id


def scorecard_rows(house: House) -> list[dict[str, Any]]:
    return house.store.db.rows("select * from scorecards order by id")


def own_recordings(house: House) -> None:
    """The recordings in the test's own folder: purging deletes files."""
    folder = house.folder / "recordings"
    folder.mkdir()
    for row in house.store.db.rows("select call_id, file from calls"):
        copy = folder / Path(row["file"]).name
        copy.write_bytes(Path(row["file"]).read_bytes())
        with house.store.db.writing():
            house.store.db.sqlite.execute("update calls set file = ? where call_id = ?", (str(copy), row["call_id"]))


def stage(house: House, call: str) -> None:
    """Results of the stages, as scoring from a file leaves them."""
    of = house.store.call(call)
    house.store.put_stage(of.audio.sha256, "transcript", "k", of.transcript)


# ---------------------------------------------------------------- everything goes


def test_words_are_in_no_byte_of_the_files_afterwards(house: House) -> None:
    own_recordings(house)
    index.refresh(house.store)
    stage(house, OLD)
    verdicts.confirm(house.store, OLD, "banned_phrases", Terms("质检小王", "听过了"))
    number = cut(house, OLD)
    captions = house.store.db.rows("select captions_json from clip_versions")[0]["captions_json"]
    before = everything(house)
    assert all(form in before for form in forms(SAID)) and captions.encode() in before
    done = purge.run(house.store, ALL, "管理员", LATER)
    assert done.wiped and not any(one.problems for one in done.sums)
    after = everything(house)
    for form in (*forms(SAID), *forms("我的电话是一三八"), *forms("你这是什么态度"), captions.encode()):
        assert form not in after
    assert not list((house.folder / "recordings").iterdir())
    assert not house.store.db.rows("select 1 from blobs") and not house.store.db.rows("select 1 from stage_results")
    assert not house.store.db.rows("select 1 from clips where id = ?", number) and not house.store.db.rows("select 1 from clip_sounds")
    # results of the stages went with the transcripts
    assert {one.kind: one.objects > 0 for one in done.sums} == dict.fromkeys(KINDS, True) | {"caches": False}


def test_scorecards_points_and_the_audit_log_stay_valid(house: House) -> None:
    own_recordings(house)
    verdicts.confirm(house.store, OLD, "banned_phrases", Terms("质检小王", "听过了"))
    house.publish(OLD)
    rows, cards = scorecard_rows(house), {c.call_id: house.store.scorecard(c.call_id) for c in house.store.calls()}
    audit.record(house.store.db, "a", "b", "c", "d")
    purge.run(house.store, ALL, "管理员", LATER)
    assert scorecard_rows(house) == rows
    assert audit.verify(house.store.db).problems == ()
    for call, before in cards.items():
        after = house.store.scorecard(call)
        assert (after.percent, after.coverage, after.provenance) == (before.percent, before.coverage, before.provenance)
        for old, new in zip(before.results, after.results, strict=True):
            assert (old.check_id, old.outcome, old.points, old.weight, old.occurrences, old.verdict) == (
                *(new.check_id, new.outcome, new.points, new.weight, new.occurrences, new.verdict),
            )
            assert [[e.span for e in f.evidence] for f in old.findings] == [[e.span for e in f.evidence] for f in new.findings]
            assert all(not e.text for f in new.findings for e in f.evidence)
    assert [v.outcome for v in rulings.of_call(house.store.db, OLD)] == [Outcome.FAIL]


def test_what_is_gone_is_told_in_words(house: House) -> None:
    house.publish(OLD)
    purge.run(house.store, Retention({"transcripts": 365}), "管理员", LATER)
    with pytest.raises(StoreError, match="按保存期限删除"):
        house.store.call(OLD)
    answer = house.client("agent").get(f"/calls/{OLD}")
    assert answer.status_code == 409 and "按保存期限删除" in answer.text and "评分和扣分仍然有效" in answer.text


def test_results_of_stages_go_and_what_was_judged_on_stays(house: House) -> None:
    of = house.store.call(OLD)
    stage(house, OLD)
    house.store.put_stage(of.audio.sha256, "turns", "k", Span(77, 88))
    house.store.put_stage("f" * 64, "transcript", "k", Span(66, 99))  # of a file that is no call's
    (done,) = purge.run(house.store, Retention({"caches": 365}), "管理员", LATER).sums
    assert done.objects == 2 and not house.store.db.rows("select 1 from stage_results")
    assert house.store.call(OLD) == of
    needed = {digest for row in scorecard_rows(house) for _, digest in serial.decode(row["snapshot"], Snapshot).parts}
    assert {row["digest"] for row in house.store.db.rows("select digest from blobs")} <= needed


# ---------------------------------------------------------------- and nothing else


def test_a_younger_call_keeps_all_that_is_its_own(house: House) -> None:
    own_recordings(house)
    index.refresh(house.store)
    stage(house, YOUNG)
    for one in (OLD, YOUNG):
        verdicts.confirm(house.store, one, "banned_phrases", Terms("质检小王", "听过了"))
    before, card = house.store.call(YOUNG), house.store.scorecard(YOUNG)
    done = purge.run(house.store, only(OLD), "管理员", LATER)
    assert {one.kind: one.objects for one in done.sums if one.kind != "clips"} == dict.fromkeys(set(KINDS) - {"clips"} - {"caches"}, 1) | {
        "caches": 0
    }
    assert house.store.call(YOUNG) == before and house.store.scorecard(YOUNG) == card
    assert [hit.call_id for hit in house.store.search(SAID)] == [call_id(agent, 2) for agent in ("8004", "8003", "8002")]
    assert house.store.get_stage(before.audio.sha256, "transcript", "k", type(before.transcript)) == before.transcript
    assert Path(before.audio.path).exists() and not Path(house.store.calls(agent="8001")[2].file).exists()


def test_findings_that_a_younger_call_has_too_are_blanked_with_the_last(house: House) -> None:
    shared = "select distinct json_extract(e.value, '$[1]') as j from scorecards s, json_each(s.results_json) e where s.call_id = ?"
    own, other = ({row["j"] for row in house.store.db.rows(shared, call)} for call in (OLD, YOUNG))
    both = own & other
    words = {r["id"]: r["findings_json"] for r in house.store.db.rows("select * from judgements") if SAID in r["findings_json"]}
    assert both & set(words)
    purge.run(house.store, Retention({"quotes": 365}, only(OLD).hold), "管理员", LATER)
    kept = {r["id"]: r["findings_json"] for r in house.store.db.rows("select * from judgements")}
    assert all(kept[j] == words[j] for j in both & set(words))
    purge.run(house.store, Retention({"quotes": 365}), "管理员", LATER)
    assert not [r for r in house.store.db.rows("select * from judgements") if SAID in r["findings_json"]]


def test_a_finding_of_the_same_words_later_is_kept_with_its_words(house: House) -> None:
    """A blanked finding must not take the place of one that is found today."""
    import stored_houses
    from web_house import call

    from qa import rulebook

    before = {r.check_id: r.findings for r in house.store.scorecard(OLD).results if r.outcome is Outcome.FAIL}
    purge.run(house.store, Retention({"quotes": 365}), "管理员", LATER)
    assert {r.check_id: r.findings for r in house.store.scorecard(OLD).results if r.outcome is Outcome.FAIL} != before
    new = call(house.folder, "HN-8001-9", "8001", "banned", f"{(LATER - timedelta(days=1)).date()}T09:00:00.000")
    stored_houses.save(house.store, rulebook.load("default"), new)
    assert {r.check_id: r.findings for r in house.store.scorecard("HN-8001-9").results if r.outcome is Outcome.FAIL} == before


def test_held_calls_are_left_alone(house: House) -> None:
    house.publish(OLD, YOUNG)
    failed = next(r.check_id for r in house.store.scorecard(OLD).results if r.outcome is Outcome.FAIL)
    appeals.file(house.store, OLD, failed, "8001", "其他", "我说的不是这个意思", "李敏")
    now = datetime.now(UTC) + timedelta(hours=1)
    done = purge.run(house.store, Retention({"transcripts": 1, "quotes": 1}, (YOUNG,)), "管理员", now)
    assert done.held == 2
    assert house.store.call(OLD) and house.store.call(YOUNG)
    with pytest.raises(StoreError):
        house.store.call(call_id("8003", 2))


def test_a_file_that_is_not_the_recording_any_more_is_never_deleted(house: House) -> None:
    own_recordings(house)
    file = Path(house.store.call(OLD).audio.path)
    file.write_bytes(b"somebody else's")
    done = purge.run(house.store, Retention({"audio": 365}), "管理员", LATER)
    (audio,) = done.sums
    assert file.read_bytes() == b"somebody else's" and audio.problems and audio.count == 11
    assert purge.plan(house.store, Retention({"audio": 365}), LATER).sums[0].objects == 1  # it is asked for again


def test_a_trial_changes_nothing(house: House) -> None:
    own_recordings(house)
    house.store.db.sqlite.execute("PRAGMA wal_checkpoint(truncate)")
    before = everything(house)
    told = purge.plan(house.store, ALL, LATER)
    assert {one.kind: one.objects for one in told.sums}["transcripts"] == 12 and told.number == 0
    assert everything(house) == before and len(list((house.folder / "recordings").iterdir())) == 12
    assert purge.plan(house.store, ALL, datetime(2026, 6, 10, 4, tzinfo=UTC)).sums[3].objects == 0
    assert purge.plan(house.store, ALL, datetime(2026, 6, 11, 4, tzinfo=UTC)).sums[3].objects == 4


def test_a_second_run_finds_nothing(house: House) -> None:
    own_recordings(house)
    index.refresh(house.store)
    purge.run(house.store, ALL, "管理员", LATER)
    assert {one.kind: one.objects for one in purge.plan(house.store, ALL, LATER).sums} == dict.fromkeys(KINDS, 0)


def test_the_search_still_finds_what_was_scored(house: House) -> None:
    index.refresh(house.store)
    purge.run(house.store, Retention({"transcripts": 365}), "管理员", LATER)
    index.refresh(house.store)
    found = house.store.db.rows("select call_id, lines from search_calls")
    assert len(found) == 12 and all(index.unpacked(row["lines"]) == () for row in found)


# ---------------------------------------------------------------- proof


def test_every_deletion_is_proved_and_the_proof_guarded(house: House) -> None:
    own_recordings(house)
    sha256 = house.store.call(OLD).audio.sha256
    done = purge.run(house.store, ALL, "管理员", LATER)
    (row,) = house.store.db.rows("select * from purged where kind = 'audio' and object_id = ?", sha256)
    assert (
        row["digest"] == sha256
        and row["cutoff"] == ALL.cutoff("audio", LATER.astimezone(HOUSE_ZONE).date())
        and row["count"] == 1
        and row["purge_id"] == done.number
    )
    words = house.store.db.rows("select * from purged where kind = 'transcripts' and object_id = ?", OLD)
    assert words[0]["count"] >= 5 and len(words[0]["digest"]) == 64
    (begun,) = house.store.db.rows("select * from purges")
    assert begun["made_by"] == "管理员" and json.loads(begun["rules_json"])["days"] == ALL.days
    (entry,) = [e for e in audit.entries(house.store.db) if e.action == "purge"]
    assert dict(entry.details)["digest"] == done.digest and purge.check(house.store, done.number)
    for table in ("purges", "purged", "purge_ends"):
        for change in (f"delete from {table}", f"update {table} set purge_id = 7" if table != "purges" else "update purges set id = 7"):
            with pytest.raises(sqlite3.Error, match="append only"):
                house.store.db.sqlite.execute(change)
    house.store.db.sqlite.execute("drop trigger purged_no_update")
    house.store.db.sqlite.execute("update purged set count = 0 where id = 1")
    assert not purge.check(house.store, done.number)


@pytest.mark.parametrize(
    "change",
    [
        "update judgements set findings_json = '[]'",
        "update verdicts set findings_json = '[]'",
        "update text_marks set text = ''",
        "delete from judgements",
        "delete from verdicts",
    ],
)
def test_outside_a_purge_nothing_can_be_blanked(house: House, change: str) -> None:
    verdicts.confirm(house.store, OLD, "banned_phrases", Terms("质检小王", "听过了"))
    mark = {"call_id": OLD, "file_sha256": "x", "speaker": "ch0", "text": "字", "before_json": "[]", "edges_json": "[]"}
    mark |= {"made_by": "a", "reason": "b", "created": "c", "channel": 0, "start_ms": 0, "end_ms": 1}
    with house.store.db.writing():
        house.store.db.insert("text_marks", mark)
    with pytest.raises(sqlite3.Error, match="append only"):
        house.store.db.sqlite.execute(change)


def test_a_purge_itself_can_change_nothing_but_words(house: House) -> None:
    verdicts.confirm(house.store, OLD, "banned_phrases", Terms("质检小王", "听过了"))
    with house.store.db.writing():
        house.store.db.insert("purges", {"id": 1, "started": "", "made_by": "", "rules_json": ""})
        house.store.db.insert("purging", {"id": 1, "purge_id": 1})
        house.store.db.sqlite.execute("update verdicts set findings_json = findings_json")
        for change in ("outcome = 'pass'", "made_by = 'x'", "reason = ''", "id = 99", "outcome = null"):
            with pytest.raises(sqlite3.Error, match="append only"):
                house.store.db.sqlite.execute(f"update verdicts set {change}")
        with pytest.raises(sqlite3.Error, match="append only"):
            house.store.db.sqlite.execute("delete from judgements")
        house.store.db.sqlite.execute("delete from purging")


def test_a_reader_of_an_old_state_is_told_of(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "WIPE_TRIES", 2)
    monkeypatch.setattr(purge, "WIPE_WAIT_S", 0.01)
    with Store(house.db) as other:
        other.db.sqlite.execute("begin")
        other.db.sqlite.execute("select * from utterances").fetchone()
        house.store.db.sqlite.execute("PRAGMA busy_timeout = 50")
        assert not purge.run(house.store, Retention({"transcripts": 365}), "管理员", LATER).wiped
    assert purge.wipe(house.store, [])
    assert not any(form in everything(house) for form in forms("你这是什么态度"))


# ---------------------------------------------------------------- findings without words


def test_blanked_findings_keep_what_counts() -> None:
    finding = Finding(
        Outcome.FAIL,
        f"坐席说了服务禁语“{SAID}”（转写为“{SAID}啊”），即 别处问吧，2 次",
        (Evidence(Span(1, 2), Role.AGENT, SAID), Evidence(Span(3, 4), Role.AGENT, "别处问吧")),
        (("count", 2), ("rate_cpm", 210.5), ("how", "exact"), ("heard", SAID), ("number", "13812345678")),
    )
    (made,) = blanked((finding,))
    assert made.outcome is Outcome.FAIL and [e.span for e in made.evidence] == [Span(1, 2), Span(3, 4)]
    assert made.message == "坐席说了服务禁语“…”（转写为“…”），即 …，2 次"
    assert made.values == (("count", 2), ("rate_cpm", 210.5), ("how", "exact"), ("heard", None), ("number", None))
    assert blanked((made,)) == (made,)


# ---------------------------------------------------------------- settings and the command


def written(folder: Path, text: str) -> Path:
    path = folder / "retention.toml"
    path.write_text(text, "utf-8")
    return path


def test_settings_are_read(tmp_path: Path) -> None:
    found = read(written(tmp_path, '[retention]\naudio_days = 180\nquotes_days = 1095\nhold = ["C-1"]\n'))
    assert found == Retention({"audio": 180, "quotes": 1095}, ("C-1",))
    assert found.cutoff("audio", date(2026, 6, 20)) == "2025-12-22" and found.cutoff("clips", date(2026, 6, 20)) is None
    assert Retention({"transcripts": 30, "search": 90}).cutoff("search", date(2026, 6, 20)) == "2026-05-21"


WRONG = {
    "未知的键 audo_days": "[retention]\naudo_days = 3\n",
    "未知的键 backup": "[retention]\n[backup]\nx = 1\n",
    "缺少 \\[retention\\]": "",
    "应在 1 与 36500 之间": "[retention]\naudio_days = 0\n",
    "应为整数": '[retention]\naudio_days = "3"\n',
    "应为文本列表": '[retention]\nhold = "C-1"\n',
}


@pytest.mark.parametrize("cause", WRONG)
def test_wrong_settings_are_told_with_their_line(cause: str, tmp_path: Path) -> None:
    with pytest.raises(RuleBookError, match=cause):
        read(written(tmp_path, WRONG[cause]))


def test_the_command(qa: Run, house: House, tmp_path: Path) -> None:
    settings = written(tmp_path, "[retention]\ntranscripts_days = 30\n")
    trial = qa("purge", "--retention", settings, "--db", house.db, "--dry-run")
    assert trial.code == 0 and "通话文字" in trial.out and house.store.call(OLD)
    done = qa("purge", "--retention", settings, "--db", house.db, "--by", "王管理", "--json")
    assert done.code == 0 and done.json["wiped"] and [one["objects"] for one in done.json["sums"]] == [0, 12]
    assert house.store.db.rows("select made_by from purges") == [{"made_by": "王管理"}]
    assert qa("purge", "--retention", tmp_path / "none.toml", "--db", house.db).code == 2
    assert set(purge_kinds.KIND) == set(KINDS)
