"""The search over all calls: what is found, what never is, and that the index follows what happens to a call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from clip_calls import kept, spoken
from sqlite_utils import Database
from stored_calls import scorecard

from qa.background import Keeper
from qa.clips import index, search, tokens
from qa.clips.index import Entry, Line
from qa.clips.keeper import keep
from qa.clips.search import Limits, Question
from qa.errors import QaError, StoreError
from qa.migrations import migrations
from qa.store import Store
from qa.types import Outcome


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        said = ("A:您好很高兴为您服务", "C:我要投诉你们", "A:抱歉给您带来不便")
        kept(opened, spoken(*said, call_id="C1"), 95.0, Outcome.PASS)
        other = spoken("A:您好", "C:我的电话是幺三八零零零零幺二三四", call_id="C2", start="2024-05-02T09:00:00.000", team="二组")
        kept(opened, other, 40.0, Outcome.FAIL, Outcome.PASS)
        third = spoken("A:我要头诉", "C:还是投诉", call_id="C3", start="2024-05-03T09:00:00.000")
        kept(opened, third, 95.0, Outcome.PASS, Outcome.FAIL)
        index.refresh(opened)
        yield opened


def found(store: Store, **asked: object) -> list[str]:
    return [hit.call_id for hit in search.search(store, Question(**asked)).hits]  # type: ignore[arg-type]


def test_words_of_two_and_more_characters(store: Store) -> None:
    assert found(store, words="投诉") == ["C3", "C1"]
    assert found(store, words="很高兴，为您") == ["C1"]
    assert found(store, words="投訴") == ["C3", "C1"]
    assert found(store, words="高为") == []
    assert found(store, words="服务我要") == []  # over two utterances
    for words in ("，。", "诉"):
        with pytest.raises(StoreError, match="两个字"):
            found(store, words=words)


def test_by_sound(store: Store) -> None:
    assert found(store, words="头诉") == ["C3"]
    assert found(store, words="头诉", by_sound=True) == ["C3", "C1"]
    assert found(store, words="头速", by_sound=True) == ["C3", "C1"]
    assert found(store, words="骨务", by_sound=True) == [] and found(store, words="扶雾", by_sound=True) == ["C1"]
    with pytest.raises(StoreError, match="两个字"):
        found(store, words="诉", by_sound=True)


def test_a_space_asks_for_both_wherever_they_are_said(store: Store) -> None:
    assert found(store, words="您好 投诉") == ["C1"]  # one of the agent, one of the customer
    assert found(store, words="投诉　你们 ") == ["C1"] and found(store, words="投诉你们") == ["C1"]
    assert found(store, words="投诉 电话") == [] and found(store, words="投诉 投诉") == ["C3", "C1"]
    assert found(store, words="头速 服务", by_sound=True) == ["C1"] and found(store, words="头速 服务") == []
    assert found(store, words="投诉 你们", speaker="customer") == ["C1"] and found(store, words="您好 投诉", speaker="customer") == []
    assert found(store, words="投诉 ，") == ["C3", "C1"]
    assert search.count(store, Question(words="您好 投诉")) == 1
    for words in ("投诉 诉", "宽 带"):
        with pytest.raises(StoreError, match="两个字"):
            found(store, words=words)


def test_of_several_words_each_has_a_moment(store: Store) -> None:
    said = [("customer", "我要投诉")] * 4 + [("agent", "是宽带吗")]
    put(store, entry("W1", 1, lines=tuple(Line(role, 1000 * k, 1000 * k + 900, text) for k, (role, text) in enumerate(said))))
    (hit,) = search.search(store, Question(words="投诉 宽带")).hits
    assert [(m.span.start_ms, m.text) for m in hit.moments] == [(0, "我要投诉"), (1000, "我要投诉"), (4000, "是宽带吗")]


def test_who_says_it(store: Store) -> None:
    assert found(store, words="投诉", speaker="customer") == ["C3", "C1"]
    assert found(store, words="头诉", by_sound=True, speaker="agent") == ["C3"]
    with pytest.raises(StoreError):
        found(store, words="投诉", speaker="nobody")


def test_checks_outcomes_and_examples(store: Store) -> None:
    assert found(store, check="k0", outcome="fail") == ["C2"]
    assert found(store, check="k0") == ["C3", "C2", "C1"] and found(store, check="k9") == []
    assert found(store, example="bad") == ["C3", "C2"] and found(store, example="good") == ["C1"]
    assert found(store, check="k0", example="good") == ["C1"]
    assert found(store, check="k1", example="bad") == ["C3"]
    assert found(store, words="投诉", check="k1", outcome="fail", team="一组") == ["C3"]
    with pytest.raises(StoreError):
        found(store, check="k0", outcome="nearly")


def test_an_outcome_alone_is_that_of_any_check(store: Store) -> None:
    assert found(store, outcome="fail") == ["C3", "C2"] and found(store, outcome="pass") == ["C3", "C2", "C1"]
    assert found(store, outcome="fail", team="一组") == ["C3"] and found(store, outcome="fail", words="幺三八") == []
    assert found(store, outcome="inconclusive") == found(store, outcome="error") == []
    assert search.count(store, Question(outcome="fail")) == 2
    with pytest.raises(StoreError):
        found(store, outcome="nearly")


def test_outcome_and_example_must_both_hold(store: Store) -> None:
    assert found(store, outcome="pass", example="good") == ["C1"] and found(store, outcome="pass", example="bad") == ["C3", "C2"]
    assert found(store, check="k0", outcome="pass", example="good") == ["C1"]
    assert found(store, outcome="fail", example="good") == found(store, check="k0", outcome="pass", example="bad") == []


def _examples(store: Store, **asked: object) -> dict[str, tuple[str, set[tuple[str, str]]]]:
    """Of each call that is found as what it is offered, and of its moments by which check and as what."""
    hits = search.search(store, Question(**asked)).hits  # type: ignore[arg-type]
    return {hit.call_id: (hit.example, {(m.check_id, m.example) for m in hit.moments}) for hit in hits}


def test_nothing_is_offered_as_an_example_that_is_none(store: Store) -> None:
    assert _examples(store, outcome="fail") == {"C3": ("bad", {("k1", "bad")}), "C2": ("bad", {("k0", "bad")})}
    passed = _examples(store, outcome="pass")
    assert passed == {"C3": ("", {("k0", "")}), "C2": ("", {("k1", "")}), "C1": ("good", {("k0", "good")})}
    assert _examples(store, example="bad") == _examples(store, outcome="fail")
    assert _examples(store, check="k0") == {c: ("", {("k0", "")}) for c in ("C3", "C2", "C1")}
    assert _examples(store, words="投诉", outcome="pass") == {"C3": ("", {("", "")}), "C1": ("good", {("", "good")})}
    assert _examples(store, check="k0", outcome="pass")["C3"] == ("", {("k0", "")})


def test_team_agent_and_period(store: Store) -> None:
    assert found(store, team="二组") == ["C2"] and found(store, agent_id="8001") == ["C3", "C2", "C1"]
    assert found(store, since="2024-05-02", until="2024-05-02") == ["C2"]
    assert found(store, since="2024-05-02") == ["C3", "C2"]
    assert found(store, until="2024-05-01", words="投诉") == ["C1"]
    with pytest.raises(StoreError):
        found(store, since="2024-05-02", until="2024-05-01")


def entry(call_id: str, number: int, **more: object) -> Entry:
    known = Entry(call_id, number, "8001", "一组", "in", f"2024-06-{number:02d}T08:00:00.000", 60_000, False, 80.0, 1.0, (), ())
    return replace(known, **more)  # type: ignore[arg-type]


def put(store: Store, *entries: Entry) -> None:
    with store.db.writing():
        for one in entries:
            index.put(store, one)


def test_limits_of_figures_are_exact(store: Store) -> None:
    rates = [149.9, 150.0, 155.0, 200.0, 200.1, None, 900.0]
    put(
        store,
        *(
            entry(f"R{k}", k + 1, rate_cpm=rate, level_dbov=-20.0 - k, silence_s=float(k), duration_ms=1000 * k)
            for k, rate in enumerate(rates)
        ),
    )
    assert found(store, rate_cpm=Limits(150, 200)) == ["R3", "R2", "R1"]
    assert found(store, rate_cpm=Limits(200.05, None)) == ["R6", "R4"]
    assert found(store, rate_cpm=Limits(None, 149.95)) == ["R0"]
    assert found(store, level_dbov=Limits(-22, -21)) == ["R2", "R1"]
    assert found(store, silence_s=Limits(5, None)) == ["R6", "R5"]
    assert found(store, length_s=Limits(2, 3)) == ["R3", "R2"]
    assert found(store, length_s=Limits(2, 3), since="2024-06-04") == ["R3"]


def test_page_by_page_newest_first_each_call_once(store: Store) -> None:
    put(store, *(entry(f"P{k:02d}", k, lines=(Line("agent", 0, 900, "您好您好"),)) for k in range(1, 29)))
    asked = Question(words="您好您好")
    seen, after = [], None
    for _ in range(10):
        page = search.search(store, asked, after, size=5)
        seen += [hit.call_id for hit in page.hits]
        after = page.after
        if after is None:
            break
    assert seen == [f"P{k:02d}" for k in range(28, 0, -1)] and search.count(store, asked) == 28


def test_calls_of_one_second_and_of_no_known_time(store: Store) -> None:
    put(store, *(entry(f"S{k}", 1, started="2024-07-01T08:00:00.000") for k in range(40)))
    put(store, entry("N1", 1, started=None), entry("N2", 1, started=None))
    got = found(store, team="一组")
    assert len(got) == search.PAGE and set(got) <= {f"S{k}" for k in range(40)}
    assert search.count(store, Question(team="一组")) == 44
    assert "N1" not in found(store, since="2024-01-01")


def test_no_number_can_be_found_or_guessed(store: Store) -> None:
    for words in ("幺三八", "零零零零", "13800001234", "三八", "一三八"):
        assert found(store, words=words) == []
        assert found(store, words=words, by_sound=True) == [], words
    kept_text = b"".join(row["lines"] for row in store.db.rows("select lines from search_calls"))
    assert "零零" not in "".join(
        line.text for row in store.db.rows("select lines from search_calls") for line in index.unpacked(row["lines"])
    )
    assert "零零".encode() not in kept_text
    hit = search.search(store, Question(words="电话")).hits[0]
    assert hit.call_id == "C2" and "×" in hit.moments[0].text


def test_moments_show_where(store: Store) -> None:
    by_words = search.search(store, Question(words="投诉", since="2024-05-01", until="2024-05-01")).hits[0].moments
    assert [(m.role, m.text) for m in by_words] == [("customer", "我要投诉你们")]
    by_check = search.search(store, Question(check="k0", outcome="fail")).hits[0].moments
    assert [(m.span.start_ms, m.role) for m in by_check] == [(300, "agent"), (2400, "customer")]


def test_the_index_follows_new_scorecards_and_withdrawals(store: Store) -> None:
    assert index.waiting(store) == 0
    call = store.call("C1")
    store.save_call(call, scorecard(call, "C1", 30.0, Outcome.FAIL))
    assert index.waiting(store) == 1
    index.refresh(store)
    assert found(store, check="k0", outcome="fail") == ["C2", "C1"] and found(store, words="投诉") == ["C3", "C1"]
    row = {"call_id": "C1", "sha256": "0" * 64, "made_by": "x", "reason": "x", "created": "x", "counts": 0, "proposed": 0}
    with store.db.writing():
        store.db.insert("withdrawals", row)
    index.refresh(store)
    assert found(store, words="投诉") == ["C3"]


def test_a_call_can_be_forgotten_and_the_index_made_again(store: Store) -> None:
    index.forget(store, "C3")
    assert found(store, words="投诉") == ["C1"] and search.said(store, "C3") == ()
    with store.db.writing():
        store.db.sqlite.execute("update search_calls set version = 0")  # as an older program left it
        store.db.sqlite.execute("insert into search_stale (call_id, changes) values ('C3', 1)")
    assert found(store, words="投诉") == [] and (index.outdated(store), index.waiting(store)) == (2, 1)
    index.refresh(store)
    assert found(store, words="投诉") == ["C3"] and index.waiting(store) == 0
    index.renew(store, limit=1)
    assert index.outdated(store) == 1
    index.renew(store)
    assert found(store, words="投诉") == ["C3", "C1"] and not index.outdated(store)


def test_an_older_database_is_indexed_whole(tmp_path: Path) -> None:
    """One that was made before there was a search."""
    path = tmp_path / "qa.db"
    with closing(Database(path)) as older:
        migrations.apply(older, stop_before="m019_clips")
        older.table("recordings").insert({"sha256": "0" * 64})
        older.table("calls").insert({"call_id": "C1", "file": "C1.wav", "sha256": "0" * 64})
    with Store(path) as opened:
        assert index.waiting(opened) == 1
        kept(opened, spoken("A:您好", "C:我要投诉", call_id="C2"))
        assert index.refresh(opened) == 2 and found(opened, words="投诉") == ["C2"]


def test_confused_sounds_have_one_name_and_letters_stay() -> None:
    assert tokens.sound_phrase("牛奶") == tokens.sound_phrase("流来")
    assert tokens.sound_phrase("上山") == tokens.sound_phrase("三桑") != tokens.sound_phrase("下山")
    assert tokens.says("我用ＷｉＦｉ上网", "wifi", True) and not tokens.says("幺三×××八", "三八", False)


def test_the_keeper_indexes_what_comes_and_ends_when_told(store: Store) -> None:
    kept(store, spoken("A:您好", "C:新的投诉来了", call_id="C4", start="2024-05-04T09:00:00.000"))
    keeper = Keeper("search", store.path, keep, every_s=0.01)
    keeper.start()
    while index.waiting(store) and keeper.is_alive():
        threading.Event().wait(0.01)
    with store.db.writing():
        store.db.sqlite.execute("update search_calls set version = 0")  # as an older program left it
    while index.outdated(store) and keeper.is_alive():
        threading.Event().wait(0.01)
    keeper.stop()
    index.refresh(store)
    assert not keeper.is_alive() and found(store, words="投诉") == ["C4", "C3", "C1"]


def test_the_keeper_tells_of_trouble(tmp_path: Path) -> None:
    told: list[QaError] = []
    keeper = Keeper("search", tmp_path / "none.db", keep, told.append, every_s=0.01)
    keeper.start()
    while not told:
        threading.Event().wait(0.01)
    keeper.stop()
    assert "不存在" in told[0].cause


def test_a_call_that_is_saved_again_before_it_was_indexed(store: Store) -> None:
    for percent in (10.0, 20.0):
        call = spoken("A:您好", "C:反复保存的投诉", call_id="C5", start="2024-05-05T09:00:00.000")
        store.save_call(call, scorecard(call, "C5", percent, Outcome.PASS))
    assert index.waiting(store) == 1 and index.refresh(store) == 1 and found(store, words="反复保存") == ["C5"]


def test_a_change_while_a_call_is_being_indexed_is_not_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    call, made = store.call("C1"), index.entry

    def changed_meanwhile(*asked: object) -> Entry | None:
        before = made(*asked)  # type: ignore[arg-type]
        store.save_call(call, scorecard(call, "C1", 30.0, Outcome.FAIL))
        return before

    store.save_call(call, scorecard(call, "C1", 60.0, Outcome.PASS))
    monkeypatch.setattr(index, "entry", changed_meanwhile)
    index.refresh(store, limit=1)
    monkeypatch.undo()
    assert index.waiting(store) == 1
    index.refresh(store)
    assert found(store, check="k0", outcome="fail") == ["C2", "C1"]
