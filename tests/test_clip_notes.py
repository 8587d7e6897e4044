"""What trainers write beside clips: names are masked in it, and what QA has not confirmed stays when a playlist leaves."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clip_calls import kept, recorded, spoken
from web_house import NUMBER, Browser, House, call_id, house, house_made  # noqa: F401

from qa.clips import cutting, export, index, playlists, release
from qa.clips.cutting import Wish
from qa.clips.masking import masker
from qa.people import audit
from qa.store import Store
from qa.types import Span

NAMED = [
    ("王女士说得很清楚", "×女士说得很清楚"),
    ("听听欧阳先生怎么问", "听听××先生怎么问"),
    ("客户姓张，先安抚", "客户姓×，先安抚"),
    ("客户叫刘德华，先安抚", "客户叫×××，先安抚"),
    ("户主是李强", "户主是××"),
    ("李敏这里语气好", "××这里语气好"),
    ("郑晓萌投诉过两次", "×××投诉过两次"),
    ("正小萌投诉过两次", "×××投诉过两次"),
    ("回拨13800001234", "回拨138****1234"),
]
PLAIN = [
    "核对客户姓名和地址，再报工号",
    "先问贵姓，以姓氏称呼",
    "老师傅上门前要先打电话",
    "对方的客户经理也在场",
    "第3次来电，2025-06-03 起算，24 小时内回复",
    "听语气：先道歉，再办理",
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        said = spoken("A:您好我是李敏", "C:我叫郑晓萌我要投诉你们", "A:抱歉给您带来不便", call_id="C1")
        kept(opened, recorded(said, tmp_path))
        index.refresh(opened)
        yield opened


@pytest.mark.parametrize(("text", "shown"), NAMED)
def test_names_are_masked_in_what_is_written_about_a_call(store: Store, text: str, shown: str) -> None:
    store.db.sqlite.execute("update calls set agent_name = '李敏'")
    assert masker(store, "C1")(text) == shown


@pytest.mark.parametrize("text", PLAIN)
def test_what_names_nobody_stays(store: Store, text: str) -> None:
    store.db.sqlite.execute("update calls set agent_name = '李敏'")
    assert masker(store, "C1")(text) == text


def test_every_text_of_a_trainer_is_masked_as_it_is_written(store: Store) -> None:
    store.db.sqlite.execute("update calls set agent_name = '李敏'")
    text, shown = "李敏接郑晓萌", "××接×××"
    clip = cutting.cut(store, "C1", Wish(Span(0, 3000), title=text, note=text), "老师")
    assert (clip.title, clip.note) == (shown, shown)
    assert cutting.cut_again(store, clip.id, Wish(Span(0, 3000), title=text, note=text), "老师").note == shown
    made = playlists.create(store, "李敏的好例", "老师", "李敏这个月的")
    item = playlists.add(store, made, clip.id, text)
    assert playlists.items(store, made)[0].note == shown
    playlists.annotate(store, made, item, f"再听{text}")
    assert playlists.items(store, made)[0].note == f"再听{shown}"
    known = playlists.playlist(store, made)
    assert (known.title, known.note) == ("××的好例", "××这个月的")


def test_what_was_written_before_names_were_masked_leaves_without_them(store: Store) -> None:
    store.db.sqlite.execute("update calls set agent_name = '李敏'")
    clip = cutting.cut(store, "C1", Wish(Span(0, 3000), title="好例"), "老师")
    made = playlists.create(store, "好例", "老师")
    playlists.add(store, made, clip.id)
    store.db.sqlite.execute("update clips set title = '李敏接郑晓萌', note = '李敏真好'")
    store.db.sqlite.execute("update playlists set title = '李敏'")
    release.decide(store, clip.id, clip.version.id, "released", "质检小王", heard=True)
    sent = export.packed(store, playlists.playlist(store, made), playlists.items(store, made), "wav", datetime(2025, 6, 15, tzinfo=UTC))
    with zipfile.ZipFile(io.BytesIO(sent.data)) as file:
        told = " ".join((sent.name, *file.namelist(), *(file.read(n).decode() for n in file.namelist() if not n.endswith(".wav"))))
    assert "李敏" not in told and "郑晓萌" not in told and "真好" in told
    assert "李敏" not in export.single(store, cutting.clip(store, clip.id), "vtt").name


# ---------------------------------------------------------------- confirmed before they leave


@pytest.fixture
def listed(house: House) -> tuple[House, str]:  # noqa: F811
    """A playlist with a released clip."""
    index.refresh(house.store)
    one = cutting.cut(house.store, call_id("8001", 1), Wish(Span(6000, 16_500), 0, title="报修怎么接", note="剪的时候写的"), "培训老师")
    release.decide(house.store, one.id, one.version.id, "released", "质检小王", heard=True)
    at = house.client("trainer").post("/playlists", {"title": "六月", "note": "新人先听"}).headers["location"]
    house.client("trainer").post(f"{at}/items", {"clip": one.id, "note": "听他怎么问"})
    return house, at


def zipped(browser: Browser, at: str) -> str:
    with zipfile.ZipFile(io.BytesIO(browser.get(f"{at}/export").content)) as file:
        return file.read("index.html").decode()


def marks(page: str) -> str:
    return page.split('name="notes" value="')[1].split('"')[0]


def test_a_note_leaves_when_qa_has_confirmed_it_as_it_is(listed: tuple[House, str]) -> None:
    house, at = listed  # noqa: F811
    trainer, qa = house.client("trainer"), house.client("qa")
    page = trainer.get(at).text
    assert "还有 2 条备注没有质检员确认" in page and 'name="notes"' not in page
    sent = zipped(trainer, at)
    assert "新人先听" not in sent and "听他怎么问" not in sent and "剪的时候写的" in sent and "六月" in sent
    assert trainer.post(f"{at}/notes", {"notes": marks(qa.get(at).text)}).status_code == 403
    assert qa.post(f"{at}/notes", {"notes": marks(qa.get(at).text)}).status_code == 303
    sent = zipped(trainer, at)
    assert "新人先听" in sent and "听他怎么问" in sent and "没有质检员确认" not in trainer.get(at).text
    item = playlists.items(house.store, int(at.rpartition("/")[2]))[0]
    trainer.post(f"{at}/items/{item.id}", {"what": "note", "note": "再听他怎么答"})
    sent = zipped(trainer, at)
    assert "新人先听" in sent and "听他怎么问" not in sent and "再听他怎么答" not in sent
    assert "还有 1 条备注没有质检员确认" in qa.get(at).text
    trainer.post(f"{at}/items/{item.id}", {"what": "note", "note": "听他怎么问"})
    assert "听他怎么问" in zipped(trainer, at)  # what was confirmed stands there again


def test_what_changed_since_it_was_read_is_not_confirmed(listed: tuple[House, str]) -> None:
    house, at = listed  # noqa: F811
    read = marks(house.client("qa").get(at).text)
    house.client("trainer").post(at, {"title": "六月", "note": "换了说法"})
    refused = house.client("qa").post(f"{at}/notes", {"notes": read})
    assert refused.status_code == 409 and "这期间备注改过" in refused.text
    assert house.client("qa").post(f"{at}/notes", {"notes": ""}).status_code == 409
    assert "听他怎么问" not in zipped(house.client("trainer"), at)


def test_nobody_confirms_what_they_wrote(listed: tuple[House, str]) -> None:
    house, at = listed  # noqa: F811
    qa, qa2 = house.client("qa"), house.client("qa2")
    qa.post(at, {"title": "六月", "note": "质检写的"})
    page = qa.get(at).text
    assert "您写的备注请另一位质检员确认" in page and len(marks(page).split()) == 1
    assert len(marks(qa2.get(at).text).split()) == 2
    refused = qa.post(f"{at}/notes", {"notes": marks(qa2.get(at).text)})
    assert refused.status_code == 409 and "自己写的备注不能自己确认" in refused.text
    assert qa2.post(f"{at}/notes", {"notes": marks(qa2.get(at).text)}).status_code == 303
    assert "质检写的" in zipped(house.client("trainer"), at)


def test_who_saves_something_else_has_not_written_the_note(listed: tuple[House, str]) -> None:
    house, at = listed  # noqa: F811
    qa, qa2 = house.client("qa"), house.client("qa2")
    qa.post(at, {"title": "六月", "note": "质检写的"})
    qa2.post(at, {"title": "七月", "note": "质检写的"})
    assert qa.post(f"{at}/notes", {"notes": marks(qa2.get(at).text)}).status_code == 409, "its writer is still the one who wrote it"
    assert qa2.post(f"{at}/notes", {"notes": marks(qa2.get(at).text)}).status_code == 303
    assert "质检写的" in zipped(house.client("trainer"), at)


def test_the_log_tells_who_confirmed_and_holds_no_words(listed: tuple[House, str]) -> None:
    house, at = listed  # noqa: F811
    house.client("qa").post(f"{at}/notes", {"notes": marks(house.client("qa").get(at).text)})
    rows = audit.entries(house.store.db, kind="playlist", object_id=at.rpartition("/")[2])
    assert [row.by for row in rows if row.action == "playlist.confirm"] == ["qa"]
    assert not any(word in value for row in rows for _, value in row.details for word in ("新人", "怎么问", NUMBER))
