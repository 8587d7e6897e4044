"""The form of a rule's numbers: names, ranges that are the check's own, and what is told beside a field."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from stored_houses import call, house, save
from web_house import House

from qa import rulebook
from qa.checks import registry
from qa.errors import ConflictError, NotFoundError, QaError, StoreError
from qa.review import list_names, rule_editing, rule_limits
from qa.review.parameters import PARAMETERS
from qa.review.rule_editing import WrongLimits
from qa.review.rule_limits import Bound
from qa.rules.book import Rule
from qa.store import Store

WORDS = '[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "不说。"\nweight = 10\nforbid = ["own.txt"]\n'
PITCH = '[checks.pitch]\nkind = "measure"\ntitle = "语调"\nclause = "有起伏。"\nweight = 10\nmeasure = "pitch_range_st"\nlow = 3\n'


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "own.txt").write_text("# 禁语\n不知道\n", "utf-8")
    made = Store(tmp_path / "qa.db")
    save(made, house(folder, more=WORDS + PITCH), call("A", "2025-05-10T10:00:00.000"))
    return made


def rule(name: str) -> Rule:
    return next(one for one in rulebook.load("default").rules if one.id == name)


# ---------------------------------------------------------------- names and ranges


def test_every_number_of_every_check_has_a_name() -> None:
    books = [rulebook.load(name) for name in rulebook.profiles()]
    numbers = [(one.kind, limit) for book in books for one in book.rules for limit in rule_limits.of_rule(one)]
    assert {kind for kind, _ in numbers} >= {"speech_rate", "volume", "pickup", "greeting", "closing", "banned_phrases", "measure"}
    assert [(kind, limit.key) for kind, limit in numbers if limit.name.title == limit.key] == []
    for kind, named in PARAMETERS.items():  # none is named that is not there
        fields = registry()[kind].Params.__dataclass_fields__
        assert set(named) <= set(fields), kind


def test_a_range_is_what_the_check_accepts() -> None:
    by_key = {one.key: one for one in rule_limits.ranged(rule("speech_rate"))}
    assert (by_key["max_cpm"].low, by_key["max_cpm"].high) == (Bound(140.0, False), None)
    assert (by_key["min_cpm"].low, by_key["min_cpm"].high) == (Bound(0.0, False), Bound(200.0, False))
    assert (by_key["about"].low, by_key["about"].high) == (Bound(0.0, True), Bound(1.0, False))
    assert (by_key["error_ratio"].low, by_key["error_ratio"].high) == (Bound(0.0, True), Bound(1.0, True))
    assert by_key["max_cpm"].unit == ("字/分钟", "characters/min") and not by_key["max_cpm"].name.fine and by_key["pause_ms"].name.fine
    rings = next(one for one in rule_limits.ranged(rule("pickup")) if one.key == "max_rings")
    assert rings.whole and (rings.low, rings.high) == (Bound(1, True), None)


@pytest.mark.parametrize("name", ["speech_rate", "volume", "pickup", "greeting", "closing", "banned_phrases"])
def test_the_ends_of_every_range_are_the_ends(name: str) -> None:
    of = rule(name)
    for one in rule_limits.ranged(of):
        for end, sign in ((one.low, -1), (one.high, 1)):
            if end is not None:
                step = 1 if one.whole else 1e-6
                inside, beyond = (f"{end.value - sign * step:.7f}", f"{end.value + sign * step:.7f}")
                inside, beyond = (t.removesuffix(".0000000") for t in (inside, beyond))
                assert rule_limits.typed(of, {one.key: inside}).wrong == {}, (one.key, inside)
                assert one.key in rule_limits.typed(of, {one.key: beyond}).wrong, (one.key, beyond)
                at = str(end.value).removesuffix(".0") if not one.whole else str(end.value)
                assert bool(rule_limits.typed(of, {one.key: at}).wrong) is not end.within, (one.key, at)


# ---------------------------------------------------------------- changing them


def test_what_a_check_refuses_is_told_by_field_with_its_name_and_never_kept(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    with pytest.raises(WrongLimits) as told:
        rule_editing.set_limits(store, draft.id, draft.revision, "volume", {"min_dbov": "-10", "surge_s": "lang"}, "李质检")
    assert told.value.wrong == {"surge_s": "不是数字，请写成 160 或 -12.5"}
    with pytest.raises(WrongLimits) as told:
        rule_editing.set_limits(store, draft.id, draft.revision, "volume", {"min_dbov": "-10", "surge_s": "1"}, "李质检")
    assert list(told.value.wrong) == ["min_dbov"] and "“音量下限”" in told.value.wrong["min_dbov"]
    assert "min_dbov" not in told.value.wrong["min_dbov"]
    with pytest.raises(WrongLimits, match="应是整数"):
        rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": "2.5"}, "李质检")
    with pytest.raises(NotFoundError):
        rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"loud": "1"}, "李质检")
    assert len(rule_editing.history(store.db, draft.id)) == 1 and rule_editing.problems(draft) == ()


def test_numbers_that_hold_each_other_are_changed_together(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    both = {"min_dbov": "-12", "max_dbov": "-5", "min_snr_db": "10"}
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "volume", both, "李质检")
    made = {one.key: one.value for one in rule_editing.limits(rule_editing.load(draft)) if one.rule_id == "volume"}
    assert (made["min_dbov"], made["max_dbov"]) == (-12, -5) and draft.what.endswith("：音量下限 -35 → -12，音量上限 -15 → -5")
    again = rule_editing.set_limits(store, draft.id, draft.revision, "volume", both, "李质检")
    assert again.revision == draft.revision  # nothing changed, nothing written


def test_a_limit_that_may_be_left_out_is_left_out(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "pitch", {"low": " ", "high": "9.5"}, "李质检")
    made = {one.key: one.value for one in rule_editing.limits(rule_editing.load(draft)) if one.rule_id == "pitch"}
    assert (made["low"], made["high"]) == (None, 9.5) and "下限 3 → 不限" in draft.what


def test_a_faulty_word_list_does_not_hold_up_the_numbers(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    draft = rule_editing.set_word_list(store, draft.id, draft.revision, "own.txt", "不知道\n不知道\n", "李质检")
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": "4"}, "李质检")
    assert len(rule_editing.problems(draft)) == 1
    shown = {(one.rule_id, one.key): one.value for one in rule_editing.limits(rule_editing.editable(store, draft))}
    assert shown["pickup", "max_rings"] == 4


def test_a_phrase_is_added_and_what_is_none_is_refused(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "李质检")
    draft = rule_editing.add_phrase(store, draft.id, draft.revision, "own.txt", " 你别问我 ", "请你别问我，*你别问我了", "顶撞", "李质检")
    assert dict(rule_editing.word_lists(draft))["own.txt"] == "# 禁语\n不知道\n你别问我 | 请你别问我，*你别问我了 | 顶撞\n"
    assert draft.what == "词表 own.txt 加了“你别问我”" and rule_editing.problems(draft) == ()
    for phrase, unless in (("", ""), ("不知道", ""), ("你，别", ""), ("a|b", ""), ("#号", ""), ("别急", "别")):
        with pytest.raises(QaError):
            rule_editing.add_phrase(store, draft.id, draft.revision, "own.txt", phrase, unless, "", "李质检")
    assert len(rule_editing.history(store.db, draft.id)) == 2
    with pytest.raises(ConflictError):
        rule_editing.add_phrase(store, draft.id, 1, "own.txt", "别急", "", "", "李质检")
    with pytest.raises(NotFoundError):
        rule_editing.add_phrase(store, draft.id, draft.revision, "none.txt", "别急", "", "", "李质检")
    with pytest.raises(StoreError):
        rule_editing.add_phrase(store, draft.id, draft.revision, "own.txt", "别急", "", "", " ")
    assert list_names.uses(draft.archive, {"words": "禁语！"}) == {"own.txt": ("禁语！",)}


@pytest.mark.parametrize("extends", ["default", "middle"])
def test_an_inherited_list_counts_as_it_was_edited(tmp_path: Path, extends: str) -> None:
    """By name of a book of the program's, and of a folder beside the house's that extends it in turn."""
    for name, parent in (("middle", "default"), ("own", extends if extends == "default" else "../middle")):
        (tmp_path / name).mkdir()
        text = f'[profile]\nid = "{name}"\ntitle = "{name}"\nversion = "1"\nextends = "{parent}"\n'
        (tmp_path / name / "rules.toml").write_text(text, "utf-8")
    with Store(tmp_path / "qa.db") as store:
        store.ledger.register(rulebook.load(tmp_path / "own"))
        draft = rule_editing.begin(store, "own", "李质检")
        assert [name for name, _ in rule_editing.word_lists(draft)] == ["banned.txt"]
        draft = rule_editing.add_phrase(store, draft.id, draft.revision, "banned.txt", "你问别人去", "", "", "李质检")
        draft = rule_editing.add_phrase(store, draft.id, draft.revision, "banned.txt", "别再打来", "", "", "李质检")
        words = next(one.params.words for one in rule_editing.load(draft).rules if one.id == "banned_phrases")
        assert {"你问别人去", "别再打来", "不归我管"} <= {phrase.text for phrase in words.phrases}


@pytest.mark.parametrize("name", rulebook.profiles())
def test_every_list_of_the_bundled_books_is_the_one_that_the_rules_read(tmp_path: Path, name: str) -> None:
    with Store(tmp_path / "qa.db") as store:
        book = rulebook.load(name)
        store.ledger.register(book)
        draft = rule_editing.begin(store, book.id, "李质检")
        for listed, _ in rule_editing.word_lists(draft):
            draft = rule_editing.add_phrase(store, draft.id, draft.revision, listed, "某某某某", "", "", "李质检")
        archive = rule_editing.load(draft).archive
        assert archive is not None
        read = [text for place, text in archive.files if place.endswith(".txt") and not place.endswith("clauses.txt")]
        assert read and all("某某某某" in text for text in read)


# ---------------------------------------------------------------- the page


def test_somebody_who_knows_no_toml_changes_a_limit_and_a_list_tries_and_adopts(house: House) -> None:
    client, db = house.client("qa"), house.store.db
    at = client.post("/rules", {"book": "default"}).headers["location"]
    page = client.get(at).text
    assert "语速上限" in page and "字/分钟" in page and "大于 140" in page and "服务禁语" in page and "toml" not in page
    revision = lambda: str(rule_editing.get(db, 1).revision)  # noqa: E731
    form = {"revision": revision(), "rule": "speech_rate", "key": ["min_cpm", "max_cpm"]}
    refused = client.post(at, form | {"value": ["210", "200"]})
    assert refused.status_code == 400
    beside = re.search(
        r'id="l-speech_rate-min_cpm"[^>]*value="210"[^>]*aria-invalid="true"[^>]*>\s*<p class="told"[^>]*>([^<]+)', refused.text
    )
    assert beside is not None and "“语速下限”" in beside[1] and "min_cpm" not in beside[1]
    assert client.post(at, form | {"value": ["140", "210", "1"]}).status_code == 400  # numbers without a name
    clause = "语速适中，每分钟吐字140–210个。"
    assert client.post(at, form | {"value": ["140", "210"], "text-clause": clause}).status_code == 303
    added = {"revision": revision(), "list": "banned.txt", "phrase": "你问别人去", "unless": "", "note": "推诿"}
    assert client.post(at, added).status_code == 303
    twice = client.post(at, added | {"revision": revision()})
    assert twice.status_code == 400 and "已经有了" in twice.text and 'value="你问别人去"' in twice.text
    page = client.get(at).text
    assert "检查通过" in page and "原 200" in page and "语速：语速上限 200 → 210，改了条款" in page and "你问别人去 |  | 推诿" in page
    assert "判定会翻" in client.get(f"{at}/try?since=2025-06-01&until=2025-06-30").text
    assert client.post(f"{at}/adopt", {"version": "2025-06-15", "from": "2025-06-16", "revision": revision()}).status_code == 303
    book = house.store.ledger.load(rule_editing.get(db, 1).adopted)
    assert next(one.params.max_cpm for one in book.rules if one.id == "speech_rate") == 210
    assert book.effective_from == datetime.date(2025, 6, 16)


def test_a_fault_of_a_list_stands_beside_the_list(house: House) -> None:
    client, db = house.client("qa"), house.store.db
    at = client.post("/rules", {"book": "default"}).headers["location"]
    client.post(at, {"revision": str(rule_editing.get(db, 1).revision), "list": "banned.txt", "text": "别急\n别急\n"})
    page = client.get(at).text
    inside = page[page.index('id="list-banned.txt"') : page.index("整个词表")]
    assert "banned.txt:2" in inside and "重复" in inside and 'class="wrong"' not in page[: page.index('id="list-banned.txt"')]
