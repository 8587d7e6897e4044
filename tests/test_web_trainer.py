"""The trainer's pages: what is shown and heard is redacted, what leaves is released, who may do what."""

from __future__ import annotations

import io
import re
import zipfile
from html import unescape

import numpy as np
import pytest
from web_house import NUMBER, House, call_id, house, house_made  # noqa: F401

from qa.clips import cutting, index, playlists, release, search, sounds
from qa.clips.cutting import Clip, Wish
from qa.people import audit
from qa.types import Span

SPOKEN = ("一三八", "一二三四五六七八", NUMBER)


@pytest.fixture
def indexed(house: House) -> House:  # noqa: F811
    index.refresh(house.store)
    return house


def card(house: House, call: str) -> int:  # noqa: F811
    return int(house.store.db.rows("select scorecard_id from search_calls where call_id = ?", call)[0]["scorecard_id"])


def clip(house: House, released: bool = False) -> Clip:  # noqa: F811
    made = cutting.cut(house.store, call_id("8001", 1), Wish(Span(6000, 16_500), 0, title="报修怎么接"), "培训老师")
    if released:
        release.decide(house.store, made.id, made.version.id, "released", "质检小王", heard=True)
    return made


def redacted(text: str) -> bool:
    return not any(part in text for part in SPOKEN) and "李敏" not in text


def test_search_shows_redacted_words_and_a_way_to_cut(indexed: House) -> None:
    page = indexed.client("trainer").get("/search?words=投诉").text
    assert "我要投诉" in page and "共 4 通" in page and redacted(page) and call_id("8001", 1) not in page
    assert f"/search/{card(indexed, call_id('8001', 1))}/cut?" in page
    heard = indexed.client("trainer").get("/search?words=我的电话").text
    assert "×" in heard and redacted(heard)
    assert "8001" in indexed.client("qa").get("/search?words=投诉").text
    assert "search" in [action for _, action, _ in indexed.actions()]


def test_an_outcome_alone_leads_to_what_has_it(indexed: House) -> None:
    """And is offered as the example that it is, of the check that found it; a call without a fault is none."""
    page = unescape(indexed.client("trainer").get("/search?outcome=fail").text)
    found = set(re.findall(r"/search/(\d+)/cut\?[^\"]*check=(\w+)&example=(\w*)", page))
    failed = indexed.store.db.rows(
        "select r.scorecard_id as card, r.check_id from check_results r join search_calls using (scorecard_id) where r.outcome = 'fail'"
    )
    assert found and found <= {(str(row["card"]), row["check_id"], "bad") for row in failed}
    assert {one for one, _, _ in found} == {str(row["card"]) for row in failed}
    bad = indexed.client("trainer").get("/search?outcome=pass&example=bad").text
    assert "example=good" not in unescape(bad)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("words=诉", 400),
        ("since=2025-06-12&until=2025-06-01", 400),
        ("rate_from=x", 400),
        ("outcome=nearly", 400),
        ("team=没有的组", 200),
        ("", 200),
    ],
)
def test_search_refuses_what_it_cannot_answer(indexed: House, query: str, status: int) -> None:
    assert indexed.client("trainer").get(f"/search?{query}").status_code == status


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("rate_from=快", "rate_from", "请写 -1000 到 100000 的数"),
        ("silence_to=nan", "silence_to", "请写 -1000 到 100000 的数"),
        ("length_to=1e9", "length_to", "请写 -1000 到 100000 的数"),
        ("level_from=-20&level_to=-30", "level_to", "最大的数比最小的还小"),
        ("since=昨天", "since", "请写日期，如 2025-06-01"),
        ("since=2025-06-12&until=2025-06-01", "until", "结束日期早于开始日期"),
    ],
)
def test_a_wrong_figure_of_a_search_is_told_beside_its_field_and_all_that_was_typed_stays(
    indexed: House, query: str, field: str, told: str
) -> None:
    answer = indexed.client("trainer").get(f"/search?words=投诉&example=bad&length_from=7&{query}")
    page = unescape(answer.text)
    assert answer.status_code == 400 and "没有查找" in page and "共 " not in page
    (own,) = re.findall(rf'<input id="f-{field}"[^>]*>', page)
    typed = dict(one.split("=") for one in query.split("&"))[field]
    assert f'value="{typed}"' in own and 'type="text"' in own and f'aria-describedby="f-{field}-bad' in own and 'aria-invalid="true"' in own
    assert f'id="f-{field}-bad">✗ {told}' in page and f'href="#f-{field}"' in page
    assert 'value="投诉"' in page and '<option value="bad" selected>' in page and '<details class="more" open>' in page
    assert 'name="length_from" type="number" value="7"' in page
    assert "search" not in [action for _, action, _ in indexed.actions()]


def test_a_few_calls_that_wait_are_indexed_on_the_way(house: House) -> None:  # noqa: F811
    assert index.waiting(house.store) == 12
    assert "共 4 通" in house.client("trainer").get("/search?words=投诉").text


def test_only_redacted_sound_is_heard_while_cutting(indexed: House) -> None:
    one, browser = card(indexed, call_id("8001", 1)), indexed.client("trainer")
    page = browser.get(f"/search/{one}/cut?start=11500&end=16000&check=greeting&example=bad")
    assert page.status_code == 200 and redacted(page.text)
    address = re.search(r'src="(/search/[^"]+/sound[^"]*)"', page.text)
    assert address is not None
    answer = browser.get(address[1].replace("&amp;", "&"))
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/wav"
    pcm, rate = sounds.samples(answer.content)
    part = pcm[rate * 13 : rate * 15].astype(float)
    assert np.array_equal(part[:, 0], part[:, 1])  # the same tone on both channels
    assert ("trainer", "call.listen_redacted", call_id("8001", 1)) in indexed.actions()


def test_ranges_of_sound(indexed: House) -> None:
    one, browser = clip(indexed), indexed.client("trainer")
    at = f"/clips/{one.id}/sound"
    whole = browser.get(at).content
    some = browser.get(at, headers={"Range": "bytes=10-19"})
    assert (some.status_code, some.content) == (206, whole[10:20]) and some.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert browser.get(at, headers={"Range": "bytes=-5"}).content == whole[-5:]
    assert browser.get(at, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_cut_release_and_export(indexed: House) -> None:
    one, trainer, qa = card(indexed, call_id("8001", 1)), indexed.client("trainer"), indexed.client("qa")
    form = {
        "start": "6.5",
        "end": "16",
        "margin": "0.5",
        "title": "好好说话",
        "example": "good",
        "check": "greeting",
        "beeps": "7-7.5\n",
        "note": "",
    }
    answer = trainer.post(f"/search/{one}/cut", form)
    assert answer.status_code == 303
    at = answer.headers["location"]
    made = cutting.clips(indexed.store)[0]
    assert (made.version.start_ms, made.version.end_ms, made.example) == (6000, 16_500, "good")
    assert any("person" in b.why for b in made.version.beeps)
    page = trainer.get(at).text
    assert "待放行" in page and "/export/" not in page and redacted(page)
    assert trainer.get(f"{at}/export/mp3").status_code == 409
    assert trainer.post(f"{at}/decision", {"version": made.version.id, "decision": "released"}).status_code == 403
    assert made.title in qa.get("/release").text
    assert qa.post(f"{at}/decision", {"version": made.version.id, "decision": "refused"}).status_code == 409  # without a reason
    unheard = qa.post(f"{at}/decision", {"version": made.version.id, "decision": "released"})
    assert unheard.status_code == 409 and "没有确认已从头听完" in unheard.text and release.decisions(indexed.store, made.id) == ()
    assert qa.post(f"{at}/decision", {"version": made.version.id, "decision": "released", "heard": "1"}).status_code == 303
    assert release.decisions(indexed.store, made.id)[-1].reason == "已从头听完" and "已从头听完" in trainer.get(at).text
    (row,) = [e for e in audit.entries(indexed.store.db, kind="clip", object_id=str(made.id)) if e.action == "clip.released"]
    assert dict(row.details) == {"heard": "start to end", "version": str(made.version.id)}
    assert made.title not in qa.get("/release").text
    assert "/export/mp3" in trainer.get(at).text
    for kind in ("opus", "mp3", "wav", "vtt", "labels", "textgrid"):
        sent = trainer.get(f"{at}/export/{kind}")
        assert sent.status_code == 200 and "attachment" in sent.headers["content-disposition"]
    assert trainer.get(f"{at}/export/exe").status_code == 404
    assert [a for _, a, _ in indexed.actions() if a.startswith("clip.")][:1] == ["clip.cut"]
    assert [a for _, a, _ in indexed.actions()].count("clip.export") == 6
    assert trainer.post(f"{at}/edit", form | {"title": "另一段"}).status_code == 303
    assert "待放行" in trainer.get(at).text


CUTTING = {"start": "6.5", "end": "16", "margin": "0.5", "title": "x", "example": "", "check": "", "beeps": "", "note": ""}


def test_nobody_releases_what_they_cut_themselves(indexed: House) -> None:
    one, qa, qa2 = card(indexed, call_id("8001", 1)), indexed.client("qa"), indexed.client("qa2")
    at = qa.post(f"/search/{one}/cut", CUTTING).headers["location"]
    made = cutting.clips(indexed.store)[0]
    asked = {"version": made.version.id, "decision": "released", "heard": "1"}
    page = qa.get(at).text
    assert 'value="released"' not in page and "请另一位质检员" in page and 'value="released"' in qa2.get(at).text
    refused = qa.post(f"{at}/decision", asked)
    assert refused.status_code == 409 and "不能自己放行" in refused.text and release.state(indexed.store, made) == "waiting"
    assert indexed.client("admin").post(f"{at}/decision", asked).status_code == 403
    # by who they are, not by what they are called
    indexed.store.db.sqlite.execute("update users set name = '质检小王' where login = 'qa2'")
    indexed.store.db.sqlite.execute("update users set name = '另名' where login = 'qa'")
    indexed.store.db.sqlite.commit()
    assert indexed.client("qa").post(f"{at}/decision", asked).status_code == 409
    assert indexed.client("qa2").post(f"{at}/decision", asked).status_code == 303
    # who cut it last: the first one may release what somebody else cut anew
    qa2.post(f"{at}/edit", CUTTING | {"end": "15"})
    asked["version"] = cutting.clip(indexed.store, made.id).version.id
    assert indexed.client("qa2").post(f"{at}/decision", asked).status_code == 409
    assert indexed.client("qa").post(f"{at}/decision", asked).status_code == 303


def test_a_clip_of_older_rules_is_not_heard_until_it_is_cut_anew(indexed: House, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, qa, store = indexed.client("trainer"), indexed.client("qa"), indexed.store
    at = trainer.post(f"/search/{card(indexed, call_id('8001', 1))}/cut", CUTTING | {"beeps": "7-7.5"}).headers["location"]
    made = cutting.clips(store)[0]
    release.decide(store, made.id, made.version.id, "released", "质检小王", heard=True)
    listed = trainer.post("/playlists", {"title": "六月"}).headers["location"]
    trainer.post(f"{listed}/items", {"clip": made.id})
    assert trainer.get(f"{at}/sound").status_code == 200 and trainer.get(f"{listed}/export").status_code == 200
    monkeypatch.setattr(cutting, "SOUND_VERSION", cutting.SOUND_VERSION + 1)
    assert release.state(store, cutting.clip(store, made.id)) == "outdated"
    page = trainer.get(at).text
    assert "旧规则遮蔽，需重新剪辑" in page and "按现在的规则重剪" in page and "said-list" not in page and "<audio" not in page
    assert "<audio" not in trainer.get(listed).text and "旧规则" in trainer.get("/clips").text and at in trainer.get("/").text
    assert {trainer.get(a).status_code for a in (f"{at}/sound", f"{at}/export/mp3", f"{listed}/export")} == {409}
    assert qa.get(f"{at}/sound").status_code == 200  # who hears calls whole
    asked = {"version": made.version.id, "decision": "released", "heard": "1"}
    assert qa.post(f"{at}/decision", asked).status_code == 409
    # once more, the same: whoever presses it, QA releases it then
    assert qa.post(f"{at}/edit", {"renew": "1"}).status_code == 303
    again = cutting.clip(store, made.id)
    assert (again.version.start_ms, again.version.end_ms, again.title) == (made.version.start_ms, made.version.end_ms, "x")
    assert any("person" in b.why for b in again.version.beeps) and release.state(store, again) == "waiting"
    assert trainer.get(f"{at}/sound").status_code == 200 and trainer.get(f"{at}/export/mp3").status_code == 409
    assert qa.post(f"{at}/decision", asked | {"version": again.version.id}).status_code == 303
    assert trainer.get(f"{listed}/export").status_code == 200 and ("qa", "clip.renew", str(made.id)) in indexed.actions()


@pytest.mark.parametrize(
    "change", [{"end": "6"}, {"start": "x"}, {"margin": "99"}, {"beeps": "nonsense"}, {"example": "best"}, {"end": "9999999"}]
)
def test_impossible_clips_are_refused(indexed: House, change: dict[str, str]) -> None:
    form = {"start": "6.5", "end": "16", "margin": "0.5", "title": "x", "example": "", "check": "", "beeps": "", "note": ""}
    answer = indexed.client("trainer").post(f"/search/{card(indexed, call_id('8001', 1))}/cut", form | change)
    assert answer.status_code in (400, 409) and cutting.clips(indexed.store) == ()


def test_playlists(indexed: House) -> None:
    browser, one = indexed.client("trainer"), clip(indexed)
    at = browser.post("/playlists", {"title": "六月", "note": "说明"}).headers["location"]
    assert browser.post("/playlists", {"title": " "}).status_code == 400
    assert browser.post(f"{at}/items", {"clip": one.id}).status_code == 303
    assert browser.get(f"{at}/export").status_code == 409
    item = playlists.items(indexed.store, int(at.rpartition("/")[2]))[0]
    assert browser.post(f"{at}/items/{item.id}", {"what": "note", "note": "听语气"}).status_code == 303
    assert "听语气" in browser.get(at).text
    assert browser.post(f"{at}/items/999", {"what": "up"}).status_code == 404
    release.decide(indexed.store, one.id, one.version.id, "released", "质检小王", heard=True)
    sent = browser.get(f"{at}/export?audio=mp3")
    with zipfile.ZipFile(io.BytesIO(sent.content)) as file:
        assert "index.html" in file.namelist() and any(n.endswith(".mp3") for n in file.namelist())
    assert browser.post(f"{at}/items/{item.id}", {"what": "remove"}).status_code == 303
    assert browser.post(f"{at}/delete").status_code == 303 and playlists.playlists(indexed.store) == ()
    assert browser.post(f"/clips/{one.id}/delete").status_code == 303 and browser.get(f"/clips/{one.id}").status_code == 404


def test_the_brief_of_a_team(indexed: House) -> None:
    trainer, lead = indexed.client("trainer"), indexed.client("lead")
    at = "/briefing/~e4~b8~80~e7~bb~84"  # 一组
    assert lead.get("/briefing").headers["location"] == at
    assert lead.get("/briefing/~e4~ba~8c~e7~bb~84").status_code == 404
    page = trainer.get(f"{at}?day=2025-06-12").text
    assert re.search(r"<b>差例</b> \([^)]+\): 培训师还没有备好片段", page) and "<b>好例</b> (" in page
    assert "今天留意" in page and "备播放列表" in page and redacted(page) and "周平" not in page
    assert "备播放列表" not in lead.get(f"{at}?day=2025-06-12").text
    assert trainer.post(f"{at}/playlist", {"day": "2025-06-12"}).status_code == 303
    known = playlists.playlists(indexed.store)[0]
    items = playlists.items(indexed.store, known.id)
    assert items and redacted(lead.get(f"{at}?day=2025-06-12").text)
    sound = f"{at}/2025-06-12/clips/{items[0].clip.id}/sound"
    assert lead.get(sound).status_code == 404  # nobody has released it
    assert re.search(r"<b>差例</b> \([^)]+\): 片段已剪好，等质检员放行", lead.get(f"{at}?day=2025-06-12").text)
    release.decide(indexed.store, items[0].clip.id, items[0].clip.version.id, "released", "质检小王", heard=True)
    assert lead.get(sound).status_code == 200 and indexed.client("lead2").get(sound).status_code == 404
    assert sound in lead.get(f"{at}?day=2025-06-12").text
    assert "没有评过分" in trainer.get(f"{at}?day=2025-01-01").text


@pytest.mark.parametrize("who", ["agent", "lead", "hr", "admin"])
def test_nobody_else_searches_cuts_or_listens(indexed: House, who: str) -> None:
    one, browser = clip(indexed), indexed.client(who)
    addresses = [
        "/search",
        f"/search/{card(indexed, call_id('8001', 1))}/cut",
        "/clips",
        f"/clips/{one.id}",
        f"/clips/{one.id}/sound",
        "/playlists",
    ]
    assert {browser.get(a).status_code for a in [*addresses, "/release"]} == {403}


def test_a_scorecard_that_is_an_old_one_leads_nowhere(indexed: House) -> None:
    assert search.call_of(indexed.store, 10**9) is None
    assert indexed.client("trainer").get("/search/999999/cut").status_code == 404
    assert indexed.client("trainer").get("/search/x/cut").status_code == 404


def test_the_start_page_says_what_waits(indexed: House) -> None:
    assert "/release" not in indexed.client("qa").get("/").text.split("<main")[1]
    one = clip(indexed)
    assert "待放行的片段" in indexed.client("qa").get("/").text
    release.decide(indexed.store, one.id, one.version.id, release.REFUSED, "质检小王", "有姓名", heard=False)
    assert f"/clips/{one.id}" in indexed.client("trainer").get("/").text
