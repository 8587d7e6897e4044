"""Versions of rule books: which holds on a day, and that an old one can be read again when its folder is gone."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from stored_houses import call, house, save

from qa import ledger, rulebook
from qa.errors import DatabaseError, NotFoundError, RuleBookError, StoreError
from qa.ledger import Ledger, load_stamp, load_stored
from qa.paths import lexicons_at, lexicons_dir
from qa.rules.book import RuleBook
from qa.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def _fresh(store: Store) -> Ledger:
    """Another run: nothing in memory."""
    return Ledger(store._db)


# ---------------------------------------------------------------- texts


def test_a_version_is_read_again_when_its_folder_is_gone(store: Store, tmp_path: Path) -> None:
    """With what it extends (by a relative path), word lists of both folders, of a folder inside and of the program."""
    base, own = tmp_path / "a" / "base", tmp_path / "b" / "houses" / "own"
    for folder in (base, own / "lists"):
        folder.mkdir(parents=True)
    (base / "rude.txt").write_bytes("\ufeff你管不着\r\n随便你\r\n".encode())
    (own / "lists" / "more.txt").write_text("烦不烦\n", "utf-8")
    (own / "clauses.txt").write_text("三声接听。\n禁语。\n再一条禁语。\n", "utf-8")
    (base / "rules.toml").write_text(
        '[profile]\nid = "base"\ntitle = "底"\nversion = "1"\n[checks.pickup]\nclause = "三声接听。"\nmax_rings = 4\n', "utf-8"
    )
    (own / "rules.toml").write_text(
        '[profile]\nid = "own"\ntitle = "自己"\nversion = "2"\nextends = "../../../a/base"\n'
        '[checks.banned_phrases]\nclause = "禁语。"\nwords = ["rude.txt", "lists/more.txt", "default/banned.txt"]\n'
        '[checks.also]\nkind = "banned_phrases"\nclause = "再一条禁语。"\n',  # the check's own list
        "utf-8",
    )
    book = rulebook.load(own)
    store.ledger.register(book)
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    again = _fresh(store).load(book.content_hash)
    assert again.stamp == book.stamp and again.clauses == book.clauses
    assert [rule.id for rule in again.rules] == ["pickup", "banned_phrases", "also"]
    assert again.rules[0].params == book.rules[0].params
    assert [p.text for p in again.rules[1].params.words.phrases] == [p.text for p in book.rules[1].params.words.phrases]
    assert load_stamp(store._db, book.stamp).content_hash == book.content_hash


@pytest.mark.parametrize("profile", rulebook.profiles())
def test_every_bundled_rule_book_can_be_read_out_of_the_database(store: Store, profile: str) -> None:
    book = rulebook.load(profile)
    store.ledger.register(book)
    again = load_stored(store._db, book.content_hash)
    assert (again.id, again.stamp, again.scoring, again.clauses) == (book.id, book.stamp, book.scoring, book.clauses)
    assert [(rule.id, rule.points, rule.fine, rule.when) for rule in again.rules] == [
        (rule.id, rule.points, rule.fine, rule.when) for rule in book.rules
    ]


def test_lists_that_came_with_the_program_are_those_of_their_day(store: Store, tmp_path: Path) -> None:
    program = tmp_path / "lexicons"
    shutil.copytree(lexicons_dir() / "default", program / "default")
    house(tmp_path / "own", more='[checks.banned_phrases]\nclause = "禁语。"\n')
    with lexicons_at(program):
        book = rulebook.load(tmp_path / "own")
        store.ledger.register(book)
        (program / "default" / "banned.txt").write_text("新的禁语\n", "utf-8")
        assert rulebook.load(tmp_path / "own").content_hash != book.content_hash
        words = _fresh(store).load(book.content_hash).rules[2].params.words
    assert "新的禁语" not in [phrase.text for phrase in words.phrases]
    assert lexicons_dir() != program


def test_what_cannot_be_read_again_says_so(store: Store, tmp_path: Path) -> None:
    book = house(tmp_path / "own")
    with pytest.raises(NotFoundError, match="没有这个版本"):
        load_stored(store._db, book.content_hash)
    store.ledger.register(book)
    with pytest.raises(StoreError, match=rf"house 1\+{book.content_hash}: 本程序读不了这个版本"):
        load_stored(store._db, book.content_hash, registry={})
    bare = replace(book, content_hash="0" * 12, archive=None)
    store.ledger.register(bare)
    assert store.ledger.load("0" * 12) is bare
    with pytest.raises(StoreError, match="没有这个版本的原文"):
        load_stored(store._db, "0" * 12)


def test_a_parent_at_an_absolute_path_is_kept_too(store: Store, tmp_path: Path) -> None:
    """Its text changes on the disk: the version is read with the one of its day."""
    house(tmp_path / "base", house_id="base")
    (tmp_path / "own").mkdir()
    text = f'[profile]\nid = "own"\ntitle = "x"\nversion = "1"\nextends = "{tmp_path / "base"}"\n[checks.pickup]\nmax_rings = 9\n'
    (tmp_path / "own" / "rules.toml").write_text(text, "utf-8")
    book = rulebook.load(tmp_path / "own")
    store.ledger.register(book)
    house(tmp_path / "base", house_id="base", version='"2"')
    assert load_stored(store._db, book.content_hash).stamp == book.stamp


def test_texts_that_do_not_give_the_same_rules_are_refused(store: Store, tmp_path: Path) -> None:
    """As an older program left them, without the parent that an absolute path leads to."""
    book = house(tmp_path / "own")
    assert book.archive is not None
    files = tuple((name, text + "# x\n" if name.endswith("rules.toml") else text) for name, text in book.archive.files)
    store.ledger.register(replace(book, archive=replace(book.archive, files=files)))
    with pytest.raises(StoreError, match="绝对路径"):
        load_stored(store._db, book.content_hash)


# ---------------------------------------------------------------- days


def test_the_version_of_the_day_is_in_force(store: Store, tmp_path: Path) -> None:
    old = house(tmp_path / "a", version='"1"', effective_from="2024-01-01", effective_until="2025-05-31")
    mid = house(tmp_path / "b", version='"2"', effective_from="2025-03-01")
    new = house(tmp_path / "c", version='"3"', effective_from="2025-07-01")
    other = house(tmp_path / "d", house_id="other")
    for book in (new, old, other, mid):  # the order of registering does not matter where the dates tell
        store.ledger.register(book)
    ledger = _fresh(store)

    def version(day: str | None, book: rulebook.RuleBook = new) -> str:
        return ledger.in_force(book, None if day is None else date.fromisoformat(day)).version

    assert [version(day) for day in ("2024-01-01", "2025-02-28", "2025-03-01", "2025-06-30", "2025-07-01")] == ["1", "1", "2", "2", "3"]
    with pytest.raises(RuleBookError, match="C1: 规则书 house 自 2024-01-01 起施行，这通电话的日期是 2023-12-31，那天没有施行的规则"):
        ledger.in_force(new, date(2023, 12, 31), "C1")
    assert version(None) == "3" and version(None, mid) == "2"
    assert ledger.in_force(other, date(2025, 7, 1)) is other


def test_of_equals_the_latest_registered_holds_also_when_an_old_content_comes_back(store: Store, tmp_path: Path) -> None:
    one, two = house(tmp_path / "a"), house(tmp_path / "b", rings=4)
    day = date(2025, 5, 1)
    for book in (one, two, one):
        store.ledger.register(book)
        assert store.ledger.in_force(one, day).stamp == book.stamp
        assert _fresh(store).in_force(two, day).stamp == book.stamp
    store.ledger.register(one)
    assert [(v.hash, v.number) for v in store.ledger.versions("house")] == [(two.content_hash, 2), (one.content_hash, 3)]


def test_a_book_that_is_only_kept_is_in_force_on_no_day(store: Store, tmp_path: Path) -> None:
    one, trial = house(tmp_path / "a"), house(tmp_path / "b", rings=4)
    store.ledger.register(one)
    store.ledger.keep(trial)
    assert _fresh(store).in_force(one, date(2025, 5, 1)) is one
    assert _fresh(store).load(trial.content_hash).stamp == trial.stamp


def test_a_book_without_dates_covers_every_day_behind_one_with_dates(store: Store, tmp_path: Path) -> None:
    dated, open_ = house(tmp_path / "a", effective_from="2025-06-01"), house(tmp_path / "b", version='"0"')
    for book in (dated, open_):
        store.ledger.register(book)
    assert store.ledger.in_force(open_, date(2025, 5, 31)).version == "0"
    assert store.ledger.in_force(open_, date(2025, 6, 1)).version == "1"


def test_a_day_between_two_versions_has_no_rules_and_a_book_that_is_not_registered_has_its_own_dates(store: Store, tmp_path: Path) -> None:
    old, new = house(tmp_path / "a", effective_until="2025-04-30"), house(tmp_path / "b", version='"2"', effective_from="2025-06-01")
    with pytest.raises(RuleBookError, match="规则书 house 自 2025-06-01 起施行，"):
        store.ledger.in_force(new, date(2025, 5, 1))
    assert store.ledger.in_force(new, date(2025, 6, 1)) is new
    store.ledger.register(old)
    store.ledger.register(new)
    with pytest.raises(RuleBookError, match="规则书 house 到 2025-04-30 为止，新的自 2025-06-01 起施行，这通电话的日期是 2025-05-01"):
        store.ledger.in_force(new, date(2025, 5, 1))


def test_the_newest_version_is_known_by_its_id_alone(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"C1: 数据库里没有登记它的规则书 house.*--profile"):
        store.ledger.newest("house", date(2025, 5, 1), "C1")
    old, new = house(tmp_path / "a"), house(tmp_path / "b", version='"2"', effective_from="2025-06-01")
    store.ledger.register(new)
    store.ledger.register(old)
    ledger = _fresh(store)
    assert [ledger.newest("house", day, "C1").version for day in (date(2025, 5, 31), date(2025, 6, 1), None)] == ["1", "2", "1"]


def test_reigns_say_which_content_judges_which_days(store: Store, tmp_path: Path) -> None:
    for book in (
        house(tmp_path / "a", effective_until="2025-08-31"),
        house(tmp_path / "b", version='"2"', effective_from="2025-06-01", effective_until="2025-06-30"),
        house(tmp_path / "c", version='"3"', effective_from="2025-10-01"),
    ):
        store.ledger.register(book)
    found = [(one.version.version, one.since and str(one.since), one.until and str(one.until)) for one in store.ledger.reigns("house")]
    # the days without any are left out; the first version comes back where the second ends
    assert found == [
        ("1", None, "2025-05-31"), ("2", "2025-06-01", "2025-06-30"), ("1", "2025-07-01", "2025-08-31"), ("3", "2025-10-01", None),
    ]  # fmt: skip
    part = store.ledger.reigns("house", date(2025, 6, 15), date(2025, 7, 15))
    assert [(one.version.version, str(one.since), str(one.until)) for one in part] == [
        ("2", "2025-06-15", "2025-06-30"), ("1", "2025-07-01", "2025-07-15"),
    ]  # fmt: skip


# ---------------------------------------------------------------- months


def test_months_are_closed_once_and_for_good(store: Store) -> None:
    closed = store.ledger.close_month("2025-06", "张三 ", "六月")
    assert (closed.month, closed.by, closed.note, closed.proposals) == ("2025-06", "张三", "六月", 0)
    store.ledger.close_month("2025-04", "李四")
    assert [month.month for month in store.ledger.closed_months()] == ["2025-04", "2025-06"]
    for month, by, cause in (
        ("2025-06", "李四", "已由 张三 于 .* 关账"),
        ("2025-13", "李四", "不是月份"),
        ("2025-6", "李四", "不是月份"),
        ("2025-05", " ", "没有写由谁"),
        ("2999-01", "李四", "还没有过完"),
    ):
        with pytest.raises(StoreError, match=cause):
            store.ledger.close_month(month, by)
    assert len(store.ledger.closed_months()) == 2


@pytest.mark.parametrize(
    ("time", "closed"),
    [
        ("2025-05-31T23:59:59.999", False),
        ("2025-06-01T00:00:00.000", True),
        ("2025-06-30T23:59:59.999", True),
        ("2025-07-01T00:00:00.000", False),
        (None, False),
    ],
)
def test_a_month_is_whole(store: Store, time: str | None, closed: bool) -> None:
    store.ledger.close_month("2025-06", "张三")
    assert store.ledger.is_closed(time) is closed
    assert store.ledger.is_closed(None, time, "2025-01-01T00:00:00.000") is closed


@pytest.mark.parametrize("table", ["rule_books", "rule_book_registrations", "closed_months", "adjustments"])
@pytest.mark.parametrize("statement", ["update {} set rowid = rowid + 100", "delete from {}"])
def test_the_ledger_cannot_be_changed_by_any_program(store: Store, tmp_path: Path, table: str, statement: str) -> None:
    book = house(tmp_path / "a")
    store.ledger.close_month("2025-05", "张三")
    proposed = save(store, book, call("C1"))
    store.adjust("C1", "张三", "补录")
    assert proposed.proposed
    raw = sqlite3.connect(store.path)
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        raw.execute(statement.format(table))
    raw.close()


# ---------------------------------------------------------------- what others register, and what is undone


def test_what_another_program_registers_is_seen_at_the_next_look(store: Store, tmp_path: Path) -> None:
    store.ledger.register(house(tmp_path / "house"))
    with Store(store.path) as other:
        assert [v.version for v in other.ledger.versions("house")] == ["1"]
        new = house(tmp_path / "house", version='"2"', effective_from="2025-06-01")
        store.ledger.register(new)
        assert [v.version for v in other.ledger.versions("house")] == ["1", "2"]
        assert other.ledger.newest("house", date(2025, 6, 2), "C").stamp == new.stamp


def test_a_registration_that_was_undone_is_forgotten(store: Store, tmp_path: Path) -> None:
    store.ledger.register(house(tmp_path / "house"))
    gone, new = house(tmp_path / "house", version='"2"'), house(tmp_path / "house", version='"3"')
    with store.db.writing():
        with pytest.raises(ZeroDivisionError), store.db.writing():
            store.ledger.register(gone)
            assert [v.version for v in store.ledger.versions("house")] == ["1", "2"]
            raise ZeroDivisionError
        with Store(store.path) as other:
            assert [v.version for v in other.ledger.versions("house")] == ["1"]
        store.ledger.register(new)  # is given the same number
        assert [v.version for v in store.ledger.versions("house")] == ["1", "3"]
    assert store.ledger.known("house", gone.stamp) is None and store.ledger.known("house", new.stamp) is new


def test_a_database_that_was_busy_says_nothing_of_a_rule_book(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = house(tmp_path / "house")
    store.ledger.register(book)
    other = _fresh(store)

    def busy(*_: object) -> RuleBook:
        raise DatabaseError("qa.db", "数据库正被另一个程序占用", "请等另一个程序结束后再试")

    with monkeypatch.context() as patched, pytest.raises(DatabaseError):
        patched.setattr(ledger, "load_stored", busy)
        other.known("house", book.stamp)
    assert other.known("house", book.stamp) is not None
