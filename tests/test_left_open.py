"""Who decides on one place has not decided on another one that nobody has looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_houses import save
from test_review_reach import store  # noqa: F401
from test_review_seen import BY, EACH, FAIL, INCONCLUSIVE, LAST, PASS, RUDE, again_by_text, book, heard, listed, starts, words

from qa.errors import StoreError
from qa.rescore import rescore
from qa.review import appeals, publications, text_marks, verdicts
from qa.review.appeals import Decision
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Evidence, Role, Span


def two_new(store: Store, folder: Path) -> None:  # noqa: F811
    """A confirmed breach at 3 s; two places found since, at 9 s and 11 s."""
    save(store, book(folder, worth=EACH), heard())
    verdicts.confirm(store, "A", "words", Terms("甲"))
    again_by_text(store, folder)
    rescore(store, book(folder, (*RUDE, "三十元"), EACH, version="2"))
    assert starts(words(store), INCONCLUSIVE) == [9000, 11000]


def test_who_adds_one_of_two_new_places_leaves_the_other_open(store: Store, tmp_path: Path) -> None:  # noqa: F811
    two_new(store, tmp_path / "h")
    verdicts.add(store, "A", "words", Evidence(Span(11_000, 11_800), Role.AGENT), BY)
    assert (starts(words(store), FAIL), starts(words(store), INCONCLUSIVE)) == ([3000, 11000], [9000])
    assert not words(store).settled and listed(store)[0] == "open"
    verdicts.drop(store, "A", "words", [0], BY)
    assert (starts(words(store), FAIL), starts(words(store), INCONCLUSIVE)) == ([3000], [9000]) and listed(store)[0] == "open"


def appealed(store: Store) -> appeals.Appeal:  # noqa: F811
    publications.publish(store, ["A"], "王")
    one = appeals.file(store, "A", "words", "8001", "文字与录音不符", "我没说", "张")
    return appeals.answer(store, one.id, "lead", "support", "请质检听", "陈")


@pytest.mark.parametrize("ruled", [True, False])
def test_an_accepted_appeal_takes_away_nothing_that_its_page_did_not_show(store: Store, tmp_path: Path, ruled: bool) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", worth=EACH), heard())
    if ruled:
        verdicts.confirm(store, "A", "words", Terms("甲"))
    one = appealed(store)
    if not ruled:
        verdicts.overturn(store, "A", "words", PASS, BY)
    again_by_text(store, tmp_path / "h")
    with pytest.raises(StoreError, match="别处另有发现"):
        appeals.accept(store, one.id, "qa", "属实", Terms("李"), Decision(PASS))
    assert starts(words(store), INCONCLUSIVE) == [9000] and appeals.get(store.db, one.id).state().open
    if ruled:
        verdicts.confirm(store, "A", "words", Terms("丙"))
        with pytest.raises(StoreError, match="别处另有发现"):
            appeals.accept(store, one.id, "qa", "属实", Terms("李"), Decision(PASS))
        verdicts.drop(store, "A", "words", [0], Terms("丙", "听了，不算"), verdicts.undecided(words(store)))
    else:
        verdicts.overturn(store, "A", "words", PASS, Terms("丙", "听了，也不是"))
    appeals.accept(store, one.id, "qa", "属实", Terms("李"), Decision(PASS))
    assert words(store).outcome is PASS


def test_the_page_of_an_appeal_lists_the_one_breach_that_is_elsewhere_by_now(store: Store, tmp_path: Path) -> None:  # noqa: F811
    from qa.web.pages.appeal_view import listed

    save(store, book(tmp_path / "h"), heard())
    one = appealed(store)
    assert listed(store, one, words(store)) == ()
    text_marks.correct(store, "A", "ch0", Span(500, 4500), "您好，华宁通信，很高兴。", BY)
    text_marks.correct(store, "A", "ch0", LAST, "好的，你滚蛋，话费是三十元。", BY)
    assert starts(words(store), FAIL) == [9000] and listed(store, one, words(store)) == (0,)
