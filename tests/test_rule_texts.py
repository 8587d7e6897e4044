"""A limit that is changed and the texts of its rule that still say the old number: found, told, and never adopted unseen."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from stored_houses import call, house, save
from web_house import House

from qa import rulebook
from qa.errors import NotFoundError, StoreError
from qa.review import parameters, rule_editing, rule_texts
from qa.review.rule_editing import WrongLimits
from qa.review.said_numbers import said
from qa.store import Store

JUNE = datetime.date(2025, 6, 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "qa.db")
    save(made, house(tmp_path / "house"), call("A"))
    return made


# ---------------------------------------------------------------- numbers in texts


@pytest.mark.parametrize(
    ("text", "value", "unit", "found"),
    [
        ("每分钟吐字140–200个。", 140, parameters.CPM, ("140",)),
        ("每分钟一百四十到二百字", 140, parameters.CPM, ("一百四十",)),
        ("每分钟一百四到两百字", 140, parameters.CPM, ("一百四",)),
        ("每分钟一百四到两百字", 200, parameters.CPM, ("两百",)),
        ("一四〇字", 140, parameters.CPM, ("一四〇",)),
        ("每分钟１４０字", 140, parameters.CPM, ("140",)),
        ("1,400 字", 1400, parameters.CHARS, ("1,400",)),
        ("铃响三声之内", 3, parameters.RINGS, ("三",)),
        ("铃响两声之内", 2, parameters.RINGS, ("两",)),
        ("响十二声", 12, parameters.RINGS, ("十二",)),
        ("音量不低于-35 dBov", -35, parameters.DBOV, ("35",)),
        ("至少60%", 0.6, parameters.SHARE, ("60%",)),
        ("至少百分之六十", 0.6, parameters.SHARE, ("百分之六十",)),
        ("六成以上", 0.6, parameters.SHARE, ("六成",)),
        ("零点六", 0.6, parameters.SHARE, ("零点六",)),
        ("两分钟之内", 120, parameters.S, ("两",)),
        ("一分半钟之内", 90, parameters.S, ("一",)),
        ("半分钟之内", 30, parameters.S, ("半",)),
        ("1.5 分钟之内", 90, parameters.S, ("1.5",)),
        ("停顿 0.3 秒", 300, parameters.MS, ("0.3",)),
        # what is another number, or none
        ("1400 字，0.140", 140, parameters.CPM, ()),
        ("三方通话转给第三方", 3, parameters.RINGS, ()),
        ("一百四十五字", 140, parameters.CPM, ()),
        ("60 个", 0.6, parameters.SHARE, ()),
        ("三秒之内", 180, parameters.S, ()),
        ("2025-06-03 起", 3, parameters.S, ()),
        ("60 分钟之内", 60, parameters.RINGS, ("60",)),
    ],
)
def test_where_a_text_says_a_number(text: str, value: float, unit: tuple[str, str], found: tuple[str, ...]) -> None:
    assert said(text, value, unit) == found


# ---------------------------------------------------------------- drafts


def told(store: Store, draft: int) -> list[str]:
    return [str(one) for one in rule_editing.stale(store, rule_editing.get(store.db, draft))]


def test_a_text_that_says_the_old_number_is_told_until_it_is_changed_or_meant_so(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "甲")
    assert told(store, draft.id) == []
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": "5"}, "甲")
    head = "三声铃响内接听"
    assert told(store, draft.id) == [
        f"{head}：名称里还写着 三，最多响铃现在是 5",
        f"{head}：条款里还写着 三，最多响铃现在是 5",
    ]
    with pytest.raises(StoreError, match=r"还写着改过的数字：.*条款里还写着 三"):
        rule_editing.adopt(store, draft.id, draft.revision, "2", JUNE, "甲")
    texts = {"title": "五声铃响内接听", "clause": "五声之内接听。"}
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": "5"}, "甲", texts)
    assert told(store, draft.id) == [] and draft.what == f"{head}：改了名称，改了条款"
    book = rule_editing.adopt(store, draft.id, draft.revision, "2", JUNE, "甲")
    rule = book.rule("pickup")
    assert rule is not None and (rule.title, rule.clause, rule.params.max_rings) == ("五声铃响内接听", "五声之内接听。", 5)


def test_a_number_that_the_limit_had_only_in_the_draft_or_in_an_adopted_one_is_found_as_well(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "甲")
    texts = {"title": "接听", "clause": "四声之内接听。"}
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": "4"}, "甲", texts)
    assert told(store, draft.id) == []
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": "6"}, "甲")
    assert told(store, draft.id) == ["接听：条款里还写着 四，最多响铃现在是 6"]
    rule_editing.adopt(store, draft.id, draft.revision, "2", JUNE, "甲", old_texts=True)
    later = rule_editing.begin(store, "house", "甲")
    assert told(store, later.id) == ["接听：条款里还写着 四，最多响铃现在是 6"]


def test_a_number_that_another_limit_of_the_unit_has_is_no_old_one(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "甲")
    texts = {"clause": "音量在 -35 到 -15 dBov 之间。"}
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "volume", {}, "甲", texts)
    draft = rule_editing.set_limits(store, draft.id, draft.revision, "volume", {"min_dbov": "-15", "max_dbov": "-5"}, "甲")
    assert [one.old for one in rule_editing.stale(store, draft)] == ["35"]


def test_texts_that_cannot_be_kept_are_told_by_field(store: Store) -> None:
    draft = rule_editing.begin(store, "house", "甲")
    texts = {"title": "", "clause": "长" * 4001, "not_covers": ""}
    with pytest.raises(WrongLimits) as error:
        rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": "5"}, "甲", texts)
    assert error.value.wrong == {"title": "不能空着", "clause": "太长，最多 4000 字"}
    with pytest.raises(WrongLimits) as error:
        rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {}, "甲", {"title": "两\n行"})
    assert error.value.wrong == {"title": "有不能用的字符"}
    with pytest.raises(NotFoundError):
        rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {}, "甲", {"kind": "volume"})
    same = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {}, "甲", {"clause": " 三声之内接听。\r\n"})
    assert same.revision == draft.revision and len(rule_editing.history(store.db, draft.id)) == 1


@pytest.mark.parametrize("name", rulebook.profiles())
def test_every_clause_of_the_bundled_books_can_be_edited(tmp_path: Path, name: str) -> None:
    """Also where a list of the regulation's clauses has them word for word, and several rules have one."""
    with Store(tmp_path / "qa.db") as store:
        book = rulebook.load(name)
        store.ledger.register(book)
        draft = rule_editing.begin(store, book.id, "甲")
        for rule in book.rules[:4]:
            texts = {"clause": f"“新”的条款：{rule.id}。\n第二行 \\ 七声。"}
            draft = rule_editing.set_limits(store, draft.id, draft.revision, rule.id, {}, "甲", texts)
            made = rule_editing.load(draft).rule(rule.id)
            assert made is not None and made.clause == texts["clause"] and rule_editing.problems(draft) == ()


def test_the_list_of_clauses_keeps_what_other_rules_are_for(tmp_path: Path) -> None:
    folder = tmp_path / "house"
    second = '[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "三声之内接听。"\nweight = 10\nforbid = ["own.txt"]\n'
    folder.mkdir()
    (folder / "own.txt").write_text("不知道\n", "utf-8")
    (folder / "clauses.txt").write_text("# 条文\n三声之内接听。\n音量适中。\n", "utf-8")
    with Store(tmp_path / "qa.db") as store:
        store.ledger.register(house(folder, more=second))
        draft = rule_editing.begin(store, "house", "甲")
        draft = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {}, "甲", {"clause": "四声之内接听。"})
        draft = rule_editing.set_limits(store, draft.id, draft.revision, "volume", {}, "甲", {"clause": "音量合适。"})
        listed = next(text for place, text in draft.archive.files if place.endswith("house/clauses.txt"))
        assert listed == "# 条文\n三声之内接听。\n四声之内接听。\n音量合适。\n" and rule_editing.problems(draft) == ()


def test_texts_of_variants_are_told_though_they_are_edited_elsewhere(tmp_path: Path) -> None:
    variant = '[[checks.pickup.variants]]\nwhen = { hours = ["22:00-06:00"] }\nclause = "夜间也应三声接听。"\nmax_rings = 8\n'
    with Store(tmp_path / "qa.db") as store:
        store.ledger.register(house(tmp_path / "house", more=variant))
        draft = rule_editing.begin(store, "house", "甲")
        texts = {"title": "接听", "clause": "接听。"}
        draft = rule_editing.set_limits(store, draft.id, draft.revision, "pickup", {"max_rings": "4"}, "甲", texts)
        assert told(store, draft.id) == ["接听：第 1 种情形的条款里还写着 三，最多响铃现在是 4"]
        assert "variants.0.clause" in rule_texts.of_rule(rule_editing.load(draft).rule("pickup"))  # type: ignore[arg-type]


# ---------------------------------------------------------------- the page


def test_the_page_shows_the_text_beside_the_limit_and_asks_for_a_tick(house: House) -> None:
    client, db = house.client("qa"), house.store.db
    at = client.post("/rules", {"book": "default"}).headers["location"]

    def revision() -> str:
        return str(rule_editing.get(db, 1).revision)

    page = client.get(at).text
    assert 'name="text-clause"' in page and "检查通过" in page and "还写着原来的数字" not in page
    form = {"revision": revision(), "rule": "speech_rate", "key": ["min_cpm", "max_cpm"], "value": ["130", "190"]}
    assert client.post(at, form).status_code == 303
    page = client.get(at).text
    for old, limit, now in (("140", "语速下限", "130"), ("200", "语速上限", "190")):
        assert f"语速：条款里还写着 {old}，{limit}现在是 {now}" in page and f"还写着 {old}：{limit}现在是 {now}" in page
    assert 'name="old-texts"' in page and "检查通过" not in page
    wanted = {"version": "2025-06-15", "from": "2025-06-16", "revision": revision()}
    refused = client.post(f"{at}/adopt", wanted)
    assert refused.status_code == 400 and "这些文字照旧" in refused.text and not rule_editing.get(db, 1).adopted
    empty = client.post(at, {"revision": revision(), "rule": "speech_rate", "text-clause": "", "text-title": "说话的快慢"})
    assert empty.status_code == 400 and "不能空着" in empty.text and 'value="说话的快慢"' in empty.text
    assert client.post(f"{at}/adopt", wanted | {"old-texts": "1"}).status_code == 303
    assert rule_editing.get(db, 1).adopted
    (entry,) = db.rows("select details_json from audit_log where action = 'rules.adopt'")
    assert '"old_texts"' in entry["details_json"]
