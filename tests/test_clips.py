"""Clips: cut, beeped, released, put into playlists, exported; the morning brief."""

from __future__ import annotations

import io
import pickle
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from clip_calls import kept, recorded, spoken

from qa.clips import briefing, cutting, export, index, playlists, release, sounds
from qa.clips.cutting import Wish, WishError
from qa.errors import AudioError, NotFoundError, StoreError
from qa.store import Store
from qa.types import Outcome, Span
from qa.web.language import speaking
from qa.web.pages import clip_form

LINES = ("A:您好很高兴为您服务", "C:我要投诉，电话是幺三八零零幺二三四五六", "A:非常抱歉给您带来不便")
NOW = datetime(2025, 6, 15, tzinfo=UTC)
WHOLE = Wish(Span(0, 10_000), margin_ms=0, title="投诉怎么接")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        kept(opened, recorded(spoken(*LINES), tmp_path))
        yield opened


def test_a_clip_has_margins_and_stays_inside_the_call(store: Store) -> None:
    made = cutting.cut(store, "C1", Wish(Span(3000, 4000), margin_ms=500), "老师")
    assert (made.version.start_ms, made.version.end_ms) == (2500, 4500)
    assert cutting.cut(store, "C1", Wish(Span(300, 4000), margin_ms=2000), "老师").version.start_ms == 0
    for wish in (Wish(Span(0, 100), margin_ms=0), Wish(Span(0, 4000), margin_ms=99_999), Wish(Span(0, 4000), example="best")):
        with pytest.raises(StoreError):
            cutting.cut(store, "C1", wish, "老师")
    with pytest.raises(NotFoundError):
        cutting.cut(store, "C9", WHOLE, "老师")


def test_margins_end_at_a_pause_where_one_is_near(store: Store) -> None:
    # 您好很高兴为您服务 is said from 300 to 2100, the customer speaks from 2600 to 6400
    cuts = [
        cutting.cut(store, "C1", Wish(Span(*edges), margin_ms=500), "老师").version for edges in ((2200, 2400), (2550, 5500), (2300, 3000))
    ]
    assert [(v.start_ms, v.end_ms) for v in cuts] == [(300, 2600), (2100, 6400), (300, 3500)]
    exact = cutting.cut(store, "C1", Wish(Span(1000, 3000), margin_ms=0), "老师").version
    assert (exact.start_ms, exact.end_ms) == (1000, 3000)


def test_the_number_is_not_in_the_sound_nor_in_the_captions(store: Store) -> None:
    made = cutting.cut(store, "C1", WHOLE, "老师").version
    said = " ".join(c.text for c in made.captions)
    assert "投诉" in said and "幺" not in said and "六" not in said
    pcm, rate = sounds.samples(cutting.sound(store, made))
    beep = next(b.span for b in made.beeps if "number" in b.why)
    part = pcm[beep.start_ms * rate // 1000 : beep.end_ms * rate // 1000].astype(float)
    assert np.array_equal(part[:, 0], part[:, 1])
    power = np.abs(np.fft.rfft(part[:, 0] * np.hanning(len(part)))) ** 2
    hz = np.fft.rfftfreq(len(part), 1 / rate)
    assert power[np.abs(hz - 1000) < 50].sum() > 1e6 * power[(hz > 250) & (hz < 600)].sum()
    assert {c.role for c in made.captions} == {"agent", "customer"}


def test_a_beep_outside_of_the_clip_is_refused(store: Store) -> None:
    wish = Wish(Span(2000, 5000), margin_ms=0)
    assert any("person" in b.why for b in cutting.cut(store, "C1", replace(wish, beeps=(Span(4500, 5000),)), "老师").version.beeps)
    none, part = "不在片段里", r"有一部分在片段之外（2\.0-5\.0 秒）"
    of = {(500, 2000): none, (5000, 6000): none, (3000, 3000): none, (4500, 5500): part, (1500, 2500): part, (1000, 9000): part}
    for edges, told in of.items():
        beep = Span(*edges)
        with pytest.raises(WishError, match=told) as refused:
            cutting.cut(store, "C1", replace(wish, beeps=(Span(3000, 3500), beep)), "老师")
        assert refused.value.of == "beeps"
    assert len(cutting.clips(store)) == 1


def test_what_a_person_beeped_up_to_the_edges_of_a_recording_can_be_written_down_and_cut_again(store: Store) -> None:
    end = store.call("C1").audio.duration_ms
    exact = Wish(Span(end - 2037, end), margin_ms=0, beeps=(Span(end - 2037, end),))
    made = cutting.cut(store, "C1", exact, "老师")
    again, wrong = clip_form.read(clip_form.written(cutting.wish_of(made)), end)
    assert again is not None and not wrong
    assert cutting.cut_again(store, made.id, again, "老师").version.beeps


def test_what_is_wrong_with_a_wish_is_named_and_survives_a_process(store: Store) -> None:
    for wish, of, told in (
        (Wish(Span(2000, 5000), margin_ms=16_000), "margin_ms", "前后各留 16 秒: 超出范围。请在 0 到 15 秒之间选"),
        (Wish(Span(2000, 2100), margin_ms=0), "span", "片段: 长 0.1 秒。请选 0.5 到 300 秒的一段"),
    ):
        with pytest.raises(WishError) as refused:
            cutting.cut(store, "C1", wish, "老师")
        again = pickle.loads(pickle.dumps(refused.value))
        assert (again.of, str(again)) == (of, told)


def test_captions_hold_only_the_words_inside(store: Store) -> None:
    made = cutting.cut(store, "C1", Wish(Span(700, 1700), margin_ms=0), "老师")
    assert [c.text for c in made.version.captions] == ["很高兴为您"]
    assert made.version.captions[0].start_ms == 0


def test_a_recording_that_is_gone_or_changed_gives_no_clip(store: Store, tmp_path: Path) -> None:
    (tmp_path / "C1.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioError):
        cutting.cut(store, "C1", WHOLE, "老师")


def test_what_a_person_writes_is_masked_too(store: Store) -> None:
    made = cutting.cut(store, "C1", Wish(Span(0, 3000), title="客户13800001234", note="回拨 一三八零零零零一二三四"), "老师")
    assert "0000" not in made.title and "零零零零" not in made.note


def test_a_person_adds_a_beep_and_the_release_is_asked_for_again(store: Store) -> None:
    one = cutting.cut(store, "C1", WHOLE, "老师")
    release.decide(store, one.id, one.version.id, "released", "质检", heard=True)
    again = cutting.cut_again(store, one.id, Wish(Span(0, 10_000), 0, (Span(500, 900),), "改过"), "老师")
    assert again.title == "改过" and any("person" in b.why and b.span.start_ms <= 500 for b in again.version.beeps)
    assert release.state(store, again) == "waiting"
    with pytest.raises(StoreError, match="又剪过"):
        release.decide(store, one.id, one.version.id, "released", "质检", heard=True)


def test_release_refusal_and_withdrawal(store: Store) -> None:
    one = cutting.cut(store, "C1", WHOLE, "老师")
    assert [c.id for c in release.queue(store)] == [one.id]
    with pytest.raises(StoreError, match="理由"):
        release.decide(store, one.id, one.version.id, "refused", "质检", heard=False)
    with pytest.raises(StoreError, match="状态"):
        release.decide(store, one.id, one.version.id, "withdrawn", "质检", "还没放行", heard=False)
    release.decide(store, one.id, one.version.id, "released", "质检", heard=True)
    assert release.queue(store) == () and release.state(store, one) == "released"
    with pytest.raises(StoreError, match="状态"):
        release.decide(store, one.id, one.version.id, "released", "质检", heard=True)
    release.decide(store, one.id, one.version.id, "withdrawn", "质检", "客户要求", heard=False)
    assert [d.decision for d in release.decisions(store, one.id)] == ["released", "withdrawn"]
    with pytest.raises(sqlite3.IntegrityError):
        store.db.sqlite.execute("update clip_decisions set decision = 'released'")


def test_a_deleted_clip_takes_its_sound_along_and_leaves_its_decisions(store: Store) -> None:
    one, other = (cutting.cut(store, "C1", WHOLE, "老师") for _ in range(2))
    release.decide(store, one.id, one.version.id, "released", "质检", heard=True)
    cutting.delete(store, one.id)
    with pytest.raises(NotFoundError):
        cutting.clip(store, one.id)
    assert cutting.sound(store, other.version)  # the same sound, still needed
    cutting.delete(store, other.id)
    assert store.db.rows("select count(*) as n from clip_sounds")[0]["n"] == 0
    assert len(release.decisions(store, one.id)) == 1


@pytest.mark.parametrize("name", ["opus", "wav", "mp3"])
def test_formats_of_sound(store: Store, name: str) -> None:
    one = cutting.cut(store, "C1", WHOLE, "老师")
    release.decide(store, one.id, one.version.id, "released", "质检", heard=True)
    made = export.single(store, one, name)
    with av.open(io.BytesIO(made.data)) as file:
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert seconds == pytest.approx(one.version.duration_ms / 1000, abs=0.15)


# ---------------------------------------------------------------- playlists and export


def _list(store: Store, *, released: bool = True) -> tuple[int, list[int]]:
    ids = [cutting.cut(store, "C1", Wish(Span(300, 300 + 2000 * k), 0, title=f"第 {k} 段 <b>"), "老师").id for k in (1, 2, 3)]
    made = playlists.create(store, "六月 培训", "老师", "说明")
    for clip_id in ids:
        playlists.add(store, made, clip_id, f"备注 {clip_id}")
        if released:
            release.decide(store, clip_id, cutting.clip(store, clip_id).version.id, "released", "质检", heard=True)
    return made, ids


def test_a_playlist_keeps_its_order(store: Store) -> None:
    made, ids = _list(store)
    playlists.add(store, made, ids[0])  # is there already
    order = lambda: [item.clip.id for item in playlists.items(store, made)]  # noqa: E731
    last = playlists.items(store, made)[2]
    playlists.move(store, made, last.id, True)
    assert order() == [ids[0], ids[2], ids[1]]
    playlists.move(store, made, playlists.items(store, made)[0].id, True)
    assert order() == [ids[0], ids[2], ids[1]]
    playlists.remove(store, made, last.id)
    assert order() == [ids[0], ids[1]] and [i.position for i in playlists.items(store, made)] == [1, 2]
    playlists.annotate(store, made, playlists.items(store, made)[0].id, "电话13800001234")
    assert "0000" not in playlists.items(store, made)[0].note
    with pytest.raises(NotFoundError):
        playlists.move(store, made, 999, True)
    playlists.delete(store, made)
    assert playlists.playlists(store) == () and cutting.clip(store, ids[0])


def test_only_what_is_released_is_exported(store: Store) -> None:
    made, ids = _list(store, released=False)
    with pytest.raises(StoreError, match="没有放行"):
        export.packed(store, playlists.playlist(store, made), playlists.items(store, made), "opus", NOW)
    with pytest.raises(StoreError, match="没有放行"):
        export.single(store, cutting.clip(store, ids[0]), "vtt")


def test_a_zip_with_index_page_and_captions_and_nothing_that_tells_who(store: Store) -> None:
    made, _ = _list(store)
    packed = export.packed(store, playlists.playlist(store, made), playlists.items(store, made), "opus", NOW)
    assert packed.name == "六月_培训.zip"
    with zipfile.ZipFile(io.BytesIO(packed.data)) as file:
        names = file.namelist()
        page = file.read("index.html").decode()
        texts = {n: file.read(n).decode() for n in names if not n.endswith(".ogg")}
    assert len([n for n in names if n.endswith(".ogg")]) == 3 and len([n for n in names if n.endswith(".vtt")]) == 3
    assert all(f'src="{n}"' in page for n in names if n.endswith(".ogg")) and "&lt;b&gt;" in page
    for name, text in texts.items():
        assert "C1" not in text and "8001" not in text and "李敏" not in text and "幺三八" not in text, name
    assert "<script src" not in page and "http" not in page.replace("http-equiv", "")


def test_captions_labels_and_textgrid(store: Store) -> None:
    made = cutting.cut(store, "C1", WHOLE, "老师").version
    captions = export.vtt(made)
    assert captions.startswith("WEBVTT\n\n00:00:00.300 --> 00:00:02.100\n<v 坐席>您好很高兴为您服务\n")
    assert export.labels(made).splitlines()[0] == "0.300000\t2.100000\t坐席：您好很高兴为您服务"
    assert "（已消音）" in export.labels(made)
    grid = export.textgrid(made)
    assert 'name = "坐席"' in grid and 'name = "消音"' in grid
    tiers = grid.split("    item [")[1:]
    for tier in tiers:
        edges = [(float(a.split("=")[1]), float(b.split("=")[1])) for a, b in zip(*[iter(_times(tier))] * 2, strict=True)]
        assert edges[0][0] == 0 and edges[-1][1] == made.duration_ms / 1000
        assert all(a[1] == b[0] for a, b in pairwise(edges))


def _times(tier: str) -> list[str]:
    return [x for x in tier.splitlines() if x.startswith("            xm")]


# ---------------------------------------------------------------- morning brief


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "team.db") as opened:
        for k in range(12):
            bad = k < 4
            outcomes = (Outcome.FAIL if bad else Outcome.PASS, Outcome.PASS, Outcome.INCONCLUSIVE)
            one = spoken("A:您好很高兴为您服务", "C:我要投诉我要投诉我要投诉", call_id=f"T{k}", start=f"2024-05-02T09:{k:02d}:00.000")
            kept(opened, recorded(one, tmp_path), 40.0 if bad else 95.0, *outcomes)
        kept(opened, spoken("A:您好", call_id="O1", team="二组", start="2024-05-02T09:00:00.000"), 10.0, Outcome.FAIL)
        kept(opened, spoken("A:您好", call_id="O2", start="2024-05-03T09:00:00.000"), 10.0, Outcome.FAIL)
        index.refresh(opened)
        yield opened


def test_the_brief_counts_the_team_s_day_alone(team: Store) -> None:
    made = briefing.brief(team, "一组", date(2024, 5, 2))
    assert (made.calls, made.inconclusive, made.score.n) == (12, 12, 12)
    assert made.score.value == pytest.approx((4 * 40 + 8 * 95) / 12)
    assert [(t.check_id, t.failed, t.ruled, t.few) for t in made.topics] == [("k0", 4, 12, False)]
    assert [t.check_id for t in made.kept] == ["k1"]
    assert briefing.brief(team, "一组", date(2024, 5, 9)).calls == 0


def test_a_change_is_only_told_where_the_intervals_part(team: Store) -> None:
    assert briefing.brief(team, "一组", date(2024, 5, 3)).topics[0].moved == ""  # one call says nothing
    low = {"pass": 0, "fail": 40}
    assert briefing._topic("k", "k", low, {"pass": 40}).moved == "worse"
    assert briefing._topic("k", "k", {"pass": 40}, low).moved == "better"
    assert briefing._topic("k", "k", {"pass": 20, "fail": 20}, {"pass": 22, "fail": 18}).moved == ""


def test_the_brief_s_playlist_has_bad_and_good_examples_and_is_made_once(team: Store) -> None:
    made, problems = briefing.make_playlist(team, "一组", date(2024, 5, 2), "老师")
    items = playlists.items(team, made)
    assert [i.clip.example for i in items] == ["bad", "good"] and problems == ()
    assert all("T" not in i.clip.title for i in items)
    assert briefing.make_playlist(team, "一组", date(2024, 5, 2), "老师")[0] == made
    (listed,) = playlists.playlists(team)
    assert listed.title == listed.heading == "2024-05-02 一组 班前会"
    assert {i.note for i in items} == {""}  # title and kind stand on the clip
    with speaking("en"):
        assert listed.heading == "2024-05-02 一组 morning brief"
        playlists.change(team, made, "二组的班前会", "")
        assert playlists.playlist(team, made).heading == "二组的班前会"  # a person's words stay
    with pytest.raises(StoreError, match="没有可剪的片段"):
        briefing.make_playlist(team, "一组", date(2024, 5, 9), "老师")


def test_a_brief_says_why_an_example_cannot_be_heard(team: Store) -> None:
    day = date(2024, 5, 2)

    def told() -> list[tuple[str, str, str]]:
        made, known = briefing.brief(team, "一组", day), briefing.find_playlist(team, "一组", day)
        items = playlists.items(team, known.id) if known else None
        return [(one.topic.check_id, one.example, one.why) for one in briefing.missing(team, made, items)]

    assert told() == [("k0", "bad", briefing.UNPREPARED), ("k0", "good", briefing.UNPREPARED)]
    made, _ = briefing.make_playlist(team, "一组", day, "老师")
    bad, good = (item.clip for item in playlists.items(team, made))
    assert told() == [("k0", "bad", "waiting"), ("k0", "good", "waiting")]
    release.decide(team, bad.id, bad.version.id, "released", "质检", heard=True)
    release.decide(team, good.id, good.version.id, "refused", "质检", "有姓名", heard=False)
    assert told() == [("k0", "good", "refused")]
    cutting.delete(team, good.id)
    assert told() == [("k0", "good", briefing.NOT_CUT)]


def test_a_brief_says_where_no_call_shows_a_check_done_well_or_nothing_can_be_cut(team: Store) -> None:
    other = briefing.brief(team, "二组", date(2024, 5, 2))
    (bad, good) = briefing.missing(team, other, None)
    assert (good.example, good.why) == ("good", briefing.NO_CALL) and bad.why == briefing.UNPREPARED
    team.db.sqlite.execute("update search_calls set lines = ? where team = '二组'", (index.packed(()),))
    team.db.sqlite.commit()
    assert [one.why for one in briefing.missing(team, other, None)] == [briefing.NO_WORDS, briefing.NO_CALL]
