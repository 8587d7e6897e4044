"""What persons wrote about a call goes after its time, wherever it lies; who decided what, and that a reason was given, stays."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stored_houses
from test_purge import LATER, OLD, YOUNG, everything
from test_purge_shown import plain
from web_house import House

from qa import grave, ledger_closing, ledger_sheets, role_marks, rulebook
from qa.clips import cutting, playlists, release
from qa.clips.cutting import Wish
from qa.operation import purge
from qa.operation.blanking import unexplained, unremarked
from qa.operation.retention import Retention
from qa.operation.tables import DELETED, HEARD, REMARKS
from qa.people import audit
from qa.rescore import rescore
from qa.review import appeals, publications, reviews, rulings, text_marks, verdicts
from qa.review.verdicts import Terms
from qa.sightings import NOT_THERE
from qa.store import Store
from qa.types import Evidence, Finding, Outcome, Role, RoleAssignment, Roles, Span

PERIOD = {"remarks": 365}
ONLY_OLD = Retention(PERIOD, (YOUNG,))
PLACES = (
    *("roles", "text", "undo", "overturn", "add", "confirm", "review", "publish", "retract", "grave"),
    *("appeal", "lead", "answer", "clip", "item", "refuse", "release"),
)
"""Where a person of the house writes something, a text of its own at each."""


def said(call: str, place: str) -> str:
    return f"客户来电时说{'甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午'[PLACES.index(place)]}事没办好{'旧' if call == OLD else '新'}"


def write(house: House, call: str) -> tuple[int, int, int]:
    """Everything that persons can write about a call; the appeal, the clip and the playlist."""
    store, agent = house.store, call.split("-")[1]

    def terms(place: str) -> Terms:
        return Terms("质检小王", said(call, place))

    roles = {one.speaker: one.role for one in store.call(call).roles.assignments}
    role_marks.set_roles(store, call, roles, "质检小王", said(call, "roles"))
    first = store.call(call).transcript.utterances[0]
    mark = text_marks.correct(store, call, first.speaker, first.span, "您好，华宁通信公司，很高兴为您服务。", terms("text")).mark
    text_marks.undo(store, call, mark.id, terms("undo"))
    failed = next(r.check_id for r in store.scorecard(call) if r.outcome is Outcome.FAIL and r.check_id != "banned_phrases")
    verdicts.overturn(store, call, failed, Outcome.INCONCLUSIVE, terms("overturn"))
    verdicts.add(store, call, "banned_phrases", Evidence(Span(12_500, 15_000), Role.AGENT), terms("add"))
    verdicts.confirm(store, call, "banned_phrases", terms("confirm"))
    with store.db.writing():
        grave.insert(store.db, grave.new(call, "banned_phrases", "质检小王", said(call, "grave"), True))
    reviews.finish(store, call, "质检小王", said(call, "review"))
    publications.publish(store, [call], "质检小王", said(call, "publish"))
    publications.retract(store, [call], "质检小王", said(call, "retract"))
    publications.publish(store, [call], "质检小王")
    reason = appeals.terms_of(store, store.scorecard(call)).reasons[0]
    appeal = appeals.file(store, call, "banned_phrases", agent, reason, said(call, "appeal"), "李敏").id
    appeals.answer(store, appeal, "lead", "support", said(call, "lead"), "王班长")
    appeals.accept(store, appeal, "qa", said(call, "answer"), Terms("质检主管"), appeals.Decision(Outcome.PASS))
    return appeal, *write_of_clip(house, call)


def write_of_clip(house: House, call: str) -> tuple[int, int]:
    store = house.store
    clip = cutting.cut(store, call, Wish(Span(500, 4500), title="问候", note=said(call, "clip")), "培训老师")
    playlist = playlists.create(store, "班前会", "培训老师")
    playlists.add(store, playlist, clip.id, said(call, "item"))
    release.decide(store, clip.id, clip.version.id, release.RELEASED, "质检小王", said(call, "release"), heard=True)
    release.decide(store, clip.id, clip.version.id, release.WITHDRAWN, "质检小王", said(call, "refuse"), heard=True)
    return clip.id, playlist


@pytest.fixture
def old(house: House) -> tuple[int, int, int]:
    return write(house, OLD)


def left(house: House, call: str) -> set[str]:
    """Of which places something is to be read in the files of the database."""
    found = everything(house)
    return {place for place in PLACES if said(call, place).encode() in found}


def rows(house: House) -> dict[str, list[dict[str, Any]]]:
    """All tables that persons write to, without what they wrote."""
    found = {}
    for table in (*REMARKS, "scorecards", "assignments", "month_figures", "unpublished"):
        gone = {*REMARKS.get(table, ()), "snapshot", "digest", "findings_json"}
        found[table] = [{k: v for k, v in row.items() if k not in gone} for row in house.store.db.rows(f"select * from {table}")]
    return found


def run(house: House, retention: Retention = ONLY_OLD) -> purge.Purged:
    return purge.run(house.store, retention, "管理员", LATER)


# ---------------------------------------------------------------- everything goes, and nothing else


def test_what_was_written_is_in_no_byte_of_the_files_afterwards(house: House, old: tuple[int, int, int]) -> None:
    assert left(house, OLD) == set(PLACES)
    done = run(house)
    assert left(house, OLD) == set() and "客户来电时".encode() not in everything(house)
    (of,) = done.sums
    assert done.wiped and of.objects == 2 and of.count >= len(PLACES) and not of.problems


def test_a_neighbour_keeps_all_of_it(house: House, old: tuple[int, int, int]) -> None:
    """One of the same script, with the same judgements."""
    write(house, YOUNG)
    clip = house.store.db.rows("select max(id) as id from clips")[0]["id"]
    before = house.store.call(YOUNG), house.store.scorecard(YOUNG), rulings.of_call(house.store.db, YOUNG)
    run(house)
    assert left(house, OLD) == set() and left(house, YOUNG) == set(PLACES)
    assert (house.store.call(YOUNG), house.store.scorecard(YOUNG), rulings.of_call(house.store.db, YOUNG)) == before
    assert release.decisions(house.store, clip)[0].reason == f"{HEARD}；{said(YOUNG, 'release')}"


def test_findings_of_the_same_words_are_blanked_with_the_last(house: House) -> None:
    for call in (OLD, YOUNG):
        verdicts.add(house.store, call, "banned_phrases", Evidence(Span(12_500, 15_000), Role.AGENT), Terms("质检小王", "说话太凶"))

    def own(call: str) -> set[str]:
        result = house.store.scorecard(call).result("banned_phrases")
        return {finding.message for finding in result.findings} if result is not None else set()

    assert "人工补充：说话太凶" in own(OLD)
    run(house)
    assert "人工补充：说话太凶" in own(YOUNG)
    run(house, Retention(PERIOD))
    assert own(YOUNG) == own(OLD) and f"人工补充：{DELETED}" in own(OLD)
    assert "说话太凶".encode() not in everything(house)


def test_decisions_points_money_and_proofs_stay(house: House, old: tuple[int, int, int]) -> None:
    before, card, given = rows(house), house.store.scorecard(OLD), rulings.of_call(house.store.db, OLD)
    audit.record(house.store.db, "a", "b", "c", "d")
    done = run(house)
    assert rows(house) == before
    after = house.store.scorecard(OLD)
    assert [(r.check_id, r.outcome, r.points, r.verdict, r.occurrences) for r in after] == [
        (r.check_id, r.outcome, r.points, r.verdict, r.occurrences) for r in card
    ]
    assert (after.percent, after.coverage, after.provenance) == (card.percent, card.coverage, card.provenance)
    now = rulings.of_call(house.store.db, OLD)
    assert [replace(v, reason="", findings=()) for v in now] == [replace(v, reason="", findings=()) for v in given]
    assert {v.reason for v in now} == {DELETED}
    assert [[(f.outcome, f.evidence) for f in v.findings] for v in now] == [[(f.outcome, f.evidence) for f in v.findings] for v in given]
    one = appeals.get(house.store.db, old[0])
    assert one.text == DELETED and [(s.level, s.action, s.text) for s in one.steps] == [
        ("lead", "support", DELETED),
        ("qa", "accept", DELETED),
    ]
    assert audit.verify(house.store.db).problems == () and purge.check(house.store, done.number)
    (proof,) = house.store.db.rows("select * from purged where object_id = ?", OLD)
    assert proof["kind"] == "remarks" and len(proof["digest"]) == 64 and proof["count"] >= 12 and proof["bytes"] > 100


def test_where_nobody_wrote_anything_nothing_says_that_it_was_deleted(house: House, old: tuple[int, int, int]) -> None:
    notes = [p.note for p in publications.of_call(house.store.db, OLD)]
    run(house)
    assert notes.count("") == 1
    assert [not p.note for p in publications.of_call(house.store.db, OLD)] == [not note for note in notes]


def test_what_the_program_wrote_on_publishing_stays(house: House) -> None:
    browser = house.client("qa")
    on = re.search(r'name="on" value="([^"]+)"', browser.get(f"/review/{OLD}").text)
    assert on is not None
    assert browser.post(f"/review/{OLD}/finish", {"on": on[1], "comment": "", "publish": "1"}).status_code == 303
    publications.publish(house.store, [YOUNG], "质检小王", said(YOUNG, "publish"))
    before = [p.note for p in publications.of_call(house.store.db, OLD)]
    assert run(house, Retention(PERIOD)).sums[0].objects == 1
    assert [p.note for p in publications.of_call(house.store.db, OLD)] == before != [""]
    assert [p.note for p in publications.of_call(house.store.db, YOUNG)] == [DELETED]


def test_the_roles_are_still_told_as_set_by_whom_and_when(house: House, old: tuple[int, int, int]) -> None:
    before = house.store.call(OLD)
    run(house)
    after = house.store.call(OLD)
    assert after.roles == unexplained(before.roles) != before.roles
    why = [reason for one in after.roles.assignments for reason in one.reasons]
    assert why and all(re.fullmatch(rf"质检小王 \d{{4}}-\d\d-\d\d：{DELETED}", one) for one in why)


def test_a_call_that_is_judged_again_is_the_same_as_before(house: House, old: tuple[int, int, int]) -> None:
    """As it was judged last, so it is found again: no new scorecard that would have to be published."""
    rescore(house.store, rulebook.load("default"))
    count = "select count(*) as n from scorecards"
    before = house.store.db.rows(count)
    rescore(house.store, rulebook.load("default"))
    assert house.store.db.rows(count) == before
    run(house)
    rescore(house.store, rulebook.load("default"))
    assert house.store.db.rows(count) == before and left(house, OLD) == set()


def test_what_was_read_before_and_written_after_goes_with_the_next_run(house: House, old: tuple[int, int, int]) -> None:
    (before,) = house.store.db.rows("select * from scorecards where call_id = ? order by id desc limit 1", OLD)
    run(house)
    assert purge.plan(house.store, ONLY_OLD, LATER).sums[0].objects == 0
    with house.store.db.writing():
        house.store.db.insert("scorecards", {name: value for name, value in before.items() if name != "id"})
    assert "roles" in left(house, OLD)
    assert purge.plan(house.store, ONLY_OLD, LATER).sums[0].objects == 1
    run(house)
    assert left(house, OLD) == set() and purge.plan(house.store, ONLY_OLD, LATER).sums[0].objects == 0


def test_what_the_program_wrote_of_a_release_stays(house: House, old: tuple[int, int, int]) -> None:
    clip = cutting.cut(house.store, OLD, Wish(Span(7500, 10000), title="另一个"), "培训老师")
    release.decide(house.store, clip.id, clip.version.id, release.RELEASED, "质检小王", heard=True)
    run(house)
    assert HEARD == release.HEARD
    assert [one.reason for one in release.decisions(house.store, old[1])] == [f"{HEARD}；{DELETED}", DELETED]
    assert [one.reason for one in release.decisions(house.store, clip.id)] == [HEARD]


def test_what_was_decided_on_a_clip_that_is_gone_is_blanked_too(house: House) -> None:
    clip, playlist = write_of_clip(house, OLD)
    playlists.delete(house.store, playlist)
    cutting.delete(house.store, clip)
    assert left(house, OLD) >= {"refuse", "release"}
    assert run(house).sums[0].objects == 1 and left(house, OLD) == set()
    assert len(release.decisions(house.store, clip)) == 2


# ---------------------------------------------------------------- when


def test_open_appeals_and_young_calls_are_left_alone(house: House) -> None:
    house.publish(OLD)
    reason = appeals.terms_of(house.store, house.store.scorecard(OLD)).reasons[0]
    appeals.file(house.store, OLD, "banned_phrases", "8001", reason, said(OLD, "appeal"), "李敏")
    reviews.finish(house.store, YOUNG, "质检小王", said(YOUNG, "review"))
    soon = datetime.now(UTC) + timedelta(days=1)
    purge.run(house.store, Retention({"remarks": 1}, ()), "管理员", soon)
    assert left(house, OLD) == {"appeal"} and left(house, YOUNG) == set()
    purge.run(house.store, Retention({"remarks": 36_000}), "管理员", LATER)
    assert left(house, OLD) == {"appeal"}


def test_a_trial_changes_nothing_and_a_second_run_finds_nothing(house: House, old: tuple[int, int, int]) -> None:
    house.store.db.sqlite.execute("PRAGMA wal_checkpoint(truncate)")
    before = everything(house)
    assert purge.plan(house.store, ONLY_OLD, LATER).sums[0].objects == 2 and everything(house) == before
    run(house)
    assert purge.plan(house.store, ONLY_OLD, LATER).sums[0].objects == 0


# ---------------------------------------------------------------- the pages


def test_pages_say_that_something_was_written_and_is_deleted(house: House, old: tuple[int, int, int]) -> None:
    appeal, clip, playlist = old
    run(house)
    pages = {
        f"/review/{OLD}": "qa",
        f"/my/calls/{OLD}": "agent",
        f"/my/appeals/{appeal}": "agent",
        f"/team/appeals/{appeal}": "lead",
        f"/appeals/{appeal}": "qa",
        f"/clips/{clip}": "trainer",
        f"/playlists/{playlist}": "trainer",
    }
    for path, who in pages.items():
        answer = house.client(who).get(path)
        assert answer.status_code == 200 and "客户来电时" not in answer.text, path
        assert path == f"/my/calls/{OLD}" or "已按保存期限删除" in answer.text, path
    review = plain(house.client("qa").get(f"/review/{OLD}").text)
    assert f"人工复核：申诉成立：{DELETED}" in review or f"人工复核：{DELETED}" in review
    reader = house.client("qa")
    reader.client.cookies.set("qa-lang", "en")
    told = plain(reader.get(f"/appeals/{appeal}").text)
    assert "(deleted at the end of its time)" in told and DELETED not in told


# ---------------------------------------------------------------- closed months


def test_the_sheet_of_a_closed_month_keeps_which_mark_made_it_and_not_why(tmp_path: Path) -> None:
    worth = "fine = { low = 50, high = 500, grave = [2, 5] }"
    with Store(tmp_path / "qa.db") as store:
        for call_id, day in (("A", 10), ("B", 11)):
            book = stored_houses.house(tmp_path / "house", worth=worth)
            stored_houses.save(store, book, stored_houses.call(call_id, f"2025-05-{day}T10:00:00.000"))
        ledger_closing.close_month(store, "2025-05", "财务")
        for call_id in ("A", "B"):
            store.mark_grave(call_id, "pickup", "张三", f"客户{call_id}先生等了很久", closed_month=True)
        before = ledger_sheets.sheets(store.db, "8001", "2025-05")
        purge.run(store, Retention(PERIOD, ("B",)), "管理员", LATER)
        after = ledger_sheets.sheets(store.db, "8001", "2025-05")
        assert [replace(one, why="") for one in after] == [replace(one, why="") for one in before]
        assert [one.why for one in after[1:]] == [
            f"认定 {c} 的规则 pickup 情节严重：{w}" for c, w in (("A", DELETED), ("B", "客户B先生等了很久"))
        ]
        assert [(m.call_id, m.grave, m.by, m.reason) for m in store.marks()] == [
            ("A", True, "张三", DELETED),
            ("B", True, "张三", "客户B先生等了很久"),
        ]
    found = b"".join(path.read_bytes() for path in tmp_path.glob("qa.db*"))
    assert "客户A先生".encode() not in found and "客户B先生".encode() in found


# ---------------------------------------------------------------- the texts themselves


@pytest.mark.parametrize(
    ("message", "left_over"),
    [
        ("人工复核：客户说的；不是坐席", f"人工复核：{DELETED}"),
        ("人工补充：第一行\n第二行", f"人工补充：{DELETED}"),
        ("人工复核：不算，客户先说的", f"人工复核：不算，{DELETED}"),
        (f"人工复核：凶；2025-06-12 人工判定为“不通过”，{NOT_THERE}", f"人工复核：{DELETED}；2025-06-12 人工判定为“不通过”，{NOT_THERE}"),
        ("坐席说了服务禁语“人工复核：听错”", "坐席说了服务禁语“人工复核：听错”"),
        ("人工复核：", "人工复核："),
    ],
)
def test_of_a_finding_what_the_program_wrote_stays(message: str, left_over: str) -> None:
    finding = Finding(Outcome.FAIL, message, (Evidence(Span(1, 2), Role.AGENT, "再见"),), (("count", 2),))
    assert unremarked((finding,)) == (replace(finding, message=left_over),)
    assert unremarked(unremarked((finding,))) == unremarked((finding,))


def test_of_roles_only_what_a_person_wrote_goes() -> None:
    own = RoleAssignment("ch0", Role.AGENT, 1.0, "person", ("王 2025-06-01：张先生 2025-05-01：自己说的", "没有日期的说明"))
    heard = RoleAssignment("ch1", Role.CUSTOMER, 0.9, "content", ("说了“我要投诉”",))
    (made, same) = unexplained(Roles((own, heard))).assignments
    assert made == replace(own, reasons=(f"王 2025-06-01：{DELETED}", DELETED)) and same == heard
