"""Rules edited in a draft: validated, tried, adopted with a date; the house's own folder and the past stay as they are."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from stored_houses import call, house, save

from qa import rulebook
from qa.errors import ConflictError, NotFoundError, RuleBookError, StoreError
from qa.rescore import rescore
from qa.review import rule_editing
from qa.rules.book import RuleBook
from qa.store import Store

JUNE = datetime.date(2025, 6, 1)
WORDS = '[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "不说。"\nweight = 10\nforbid = ["own.txt"]\n'


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "own.txt").write_text("不知道\n", "utf-8")
    made = Store(tmp_path / "qa.db")
    for call_id, start in (("A", "2025-05-10T10:00:00.000"), ("B", "2025-06-10T10:00:00.000")):
        save(made, house(folder, more=f"# 三声\n{WORDS}"), call(call_id, start))
    return made


def percent(store: Store, call_id: str) -> float | None:
    return store.scorecard(call_id).percent


def test_edited_tried_and_adopted_the_past_stays(store: Store, tmp_path: Path) -> None:
    before = (tmp_path / "house" / "rules.toml").read_text("utf-8")
    draft = rule_editing.begin(store, "house", "李质检")
    assert ("pickup", "max_rings", 3) in {(one.rule_id, one.key, one.value) for one in rule_editing.limits(rule_editing.load(draft))}
    texts = {"title": "六声铃响内接听", "clause": "六声之内接听。"}
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": " 6 "}, "李质检", texts)
    draft = rule_editing.set_word_list(store, draft.id, draft.revision, "own.txt", "不知道\r\n稍等 | 请稍等 | 口头禅\r\n", "王质检")
    assert dict(rule_editing.word_lists(draft))["own.txt"] == "不知道\n稍等 | 请稍等 | 口头禅\n" and rule_editing.problems(draft) == ()
    tried = rule_editing.tried(store, draft)
    assert (tried.calls, tried.flipped) == (2, 4) and percent(store, "A") == percent(store, "B")
    book = rule_editing.adopt(store, draft.id, draft.revision, "2", JUNE, "王主管")
    rescore(store, None)
    assert (store.scorecard("A").provenance.rule_book_version, store.scorecard("B").provenance.rule_book_version[:2]) == (
        rulebook.load(tmp_path / "house").stamp, "2+")  # fmt: skip
    assert store.scorecard("B").result("pickup").outcome == "pass" and store.scorecard("B").result("words").outcome == "fail"  # type: ignore[union-attr]
    assert "# 三声" in dict(book.archive.files)[book.archive.rules] and book.effective_from == JUNE  # type: ignore[union-attr]
    assert (tmp_path / "house" / "rules.toml").read_text("utf-8") == before
    told = [(one.what, one.by) for one in rule_editing.history(store.db, draft.id)]
    assert told == [
        ("由 1 开始修改", "李质检"),
        ("三声铃响内接听：最多响铃 3 → 6，改了名称，改了条款", "李质检"),
        ("改了词表 own.txt", "王质检"),
        ("采用为 2，自 2025-06-01 起", "王主管"),
    ]
    done = rule_editing.get(store.db, draft.id)
    assert done.adopted == book.content_hash
    with pytest.raises(StoreError, match="已经采用"):
        rule_editing.set_limit(store, done.id, done.revision, "pickup", "max_rings", "7", "李质检")


def test_what_is_wrong_is_told_with_its_place_and_never_adopted(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    draft = rule_editing.set_word_list(store, draft.id, draft.revision, "own.txt", "不知道\n不知道\n\n", "李质检")
    (told,) = rule_editing.problems(draft)
    assert "own.txt:2" in told and "重复" in told and "/tmp" not in told and "qa-draft" not in told
    with pytest.raises(RuleBookError, match="重复"):
        rule_editing.adopt(store, draft.id, draft.revision, "2", JUNE, "王主管")
    assert len(store.ledger.versions("house")) == 1


def test_of_two_editors_the_second_is_told(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    rule_editing.set_limit(store, draft.id, draft.revision, "pickup", "max_rings", "4", "李质检")
    with pytest.raises(ConflictError, match="李质检 改过它（三声铃响内接听：最多响铃 3 → 4）"):
        rule_editing.set_limit(store, draft.id, draft.revision, "pickup", "max_rings", "5", "王质检")
    with pytest.raises(ConflictError):
        rule_editing.adopt(store, draft.id, draft.revision, "2", JUNE, "王主管")


@pytest.mark.parametrize(
    ("key", "value", "told"), [("max_rings", "x", "不是数字"), ("max_rings", "inf", "不是数字"), ("rings", "3", "没有这个限值")]
)
def test_limits_are_numbers_that_the_rule_has(store: Store, key: str, value: str, told: str) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    with pytest.raises((StoreError, NotFoundError), match=told):
        rule_editing.set_limit(store, draft.id, draft.revision, "pickup", key, value, "李质检")
    assert len(rule_editing.history(store.db, draft.id)) == 1


def test_when_a_draft_cannot_be_adopted(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    with pytest.raises(StoreError, match="还没有任何修改"):
        rule_editing.adopt(store, draft.id, draft.revision, "2", JUNE, "王主管")
    draft = rule_editing.set_limit(store, draft.id, draft.revision, "pickup", "max_rings", "4", "李质检")
    for version in ("", "1"):
        with pytest.raises(StoreError, match="没有写版本，或这个版本已经用过"):
            rule_editing.adopt(store, draft.id, draft.revision, version, JUNE, "王主管")
    store.ledger.close_month("2025-05", "财务")
    with pytest.raises(StoreError, match="已关账"):
        rule_editing.adopt(store, draft.id, draft.revision, "2", datetime.date(2025, 5, 31), "王主管")


@pytest.mark.parametrize("name", rulebook.profiles())
def test_every_bundled_rule_book_can_be_edited(tmp_path: Path, name: str) -> None:
    with Store(tmp_path / "qa.db") as store:
        book: RuleBook = rulebook.load(name)
        store.ledger.register(book)
        draft = rule_editing.begin(store, book.id, "李质检")
        for listed, text in rule_editing.word_lists(draft):
            draft = rule_editing.set_word_list(store, draft.id, draft.revision, listed, f"{text}某某某某\n", "李质检")
            assert dict(rule_editing.word_lists(draft))[listed].endswith("某某某某\n")
        numbers = [one for one in rule_editing.limits(book) if one.value is not None]
        for one in numbers[:3]:
            draft = rule_editing.set_limit(store, draft.id, draft.revision, one.rule_id, one.key, str(one.value), "李质检")
        made = rule_editing.load(draft)
        assert [r.id for r in made.rules] == [r.id for r in book.rules] and rule_editing.limits(made) == rule_editing.limits(book)
        assert made.content_hash != book.content_hash
